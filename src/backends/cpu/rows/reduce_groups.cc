// Reductions over axes that are not neighbours, f32: one group of neighbours after the other, the last ones first.
#include "backends/cpu/rows/jobs.h"

namespace vivace::cpu {

namespace {

struct Step {
  Reduction reduction;
  ops::AxisSplit split;
};
struct Job {
  std::vector<Step> steps;
  int64_t largest = 0;  // elements of what lies between two steps
};

// What joins results of a reduction.
Reduction joining(Reduction r) { return r == Reduction::sum_square || r == Reduction::sum_abs ? Reduction::sum : r; }

Verdict groups_of(const Problem& p, Job& job) {
  if (!all_row_major(p) || p.inputs[0].type != DType::f32 || p.outputs[0].type != DType::f32)
    return no("row-major f32 only");
  if (!p.has(1) || !p.inputs[1].constant) return no("the axes are not constant");
  Shape shape = p.inputs[0].shape;
  if (elements(shape) == 0) return no("nothing to reduce");
  std::vector<bool> reduced(shape.size(), false);
  for (const int64_t a : to_int64(*p.inputs[1].constant)) {
    const int axis = ops::normalized_axis(a, static_cast<int>(shape.size()));
    if (axis < 0) return no("an axis is out of range");
    reduced[static_cast<size_t>(axis)] = true;
  }
  Reduction reduction = *reduction_of(p.node->op);
  for (size_t last = shape.size(); last > 0;) {
    if (!reduced[last - 1]) {
      --last;
      continue;
    }
    size_t first = last;
    while (first > 0 && reduced[first - 1]) --first;
    const std::span all(shape);
    const ops::AxisSplit split{elements(all.first(first)), elements(all.subspan(first, last - first)),
                               elements(all.subspan(last))};
    job.steps.push_back({reduction, split});
    reduction = joining(reduction);
    for (size_t d = first; d < last; ++d) shape[d] = 1;
    last = first;
    job.largest = std::max(job.largest, elements(shape));
  }
  return job.steps.size() > 1 ? yes() : no("the axes are neighbours");
}

Result<Bound> bind(const Problem& p, const std::string&, const std::vector<Tensor>&, const Machine& machine) {
  VIVACE_ASSIGN(Job made, job_of(p, groups_of));
  const int64_t room = (made.largest + 15) / 16 * 16;
  Bound bound;
  bound.workspace = static_cast<size_t>(2 * room) * sizeof(float);
  bound.run = [job = std::move(made), room, run = norm_kernels(machine.isa).reduce](const Launch& launch) {
    const auto* from = static_cast<const float*>(launch.inputs[0]);
    auto* memory = static_cast<float*>(launch.workspace);
    for (size_t i = 0; i < job.steps.size(); ++i) {
      const auto& [reduction, split] = job.steps[i];
      float* to = i + 1 == job.steps.size() ? static_cast<float*>(launch.outputs[0])
                                            : memory + static_cast<int64_t>(i % 2) * room;
      run(reduction, from, to, split.outer, split.size, split.inner, launch.pool);
      from = to;
    }
    return Status();
  };
  return bound;
}

}  // namespace

extern const Tactic reduce_groups_tactic{
    .name = "reduce_groups",
    .version = 1,
    .operators = {"ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceSumSquare", "ReduceL1"},
    .supports = supports_job<groups_of>,
    .estimate = estimate_bytes<150>,
    .bind = bind,
};

}  // namespace vivace::cpu
