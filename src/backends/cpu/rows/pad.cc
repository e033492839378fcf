// Pad: each index of the result takes an index of the input, or the value.
#include <cstring>

#include "backends/cpu/kernels/move.h"
#include "backends/cpu/rows/rows.h"

namespace vivace::cpu {

namespace {

struct Job {
  Shape dims, strides;
  std::vector<std::vector<int32_t>> sources;  // of each dimension of the result
  int element_bytes = 0;
  bool value = false;  // given as input 2
};

// What lies at `at` of an axis of so many elements, -1: the value.
int64_t source_of(int64_t at, int64_t size, const std::string& mode) {
  if (at >= 0 && at < size) return at;
  if (mode == "constant") return -1;
  if (mode == "edge") return at < 0 ? 0 : size - 1;
  if (mode == "wrap") return (at % size + size) % size;
  const int64_t period = std::max<int64_t>(1, 2 * (size - 1)), place = (at % period + period) % period;  // reflect
  return place < size ? place : period - place;
}

Verdict padding_of(const Problem& p, Job& job) {
  const TensorInfo &x = p.inputs[0], &y = p.outputs[0];
  if (!all_row_major(p)) return no("row-major only");
  const int bits = bits_of(x.type);
  if (x.type == DType::string || bits % 8 || bits > 64) return no("elements of 1, 2, 4 or 8 bytes only");
  job.element_bytes = bits / 8;
  if (x.shape.empty() || x.shape.size() > kMoveRank) return no("too few or many dimensions");
  if (!p.inputs[1].constant || (p.has(3) && !p.inputs[3].constant)) return no("the pads are known only while running");
  if (elements(y.shape) == 0) return no("nothing to write");
  const std::vector<int64_t> pads = to_int64(*p.inputs[1].constant);
  std::vector<int64_t> begins(x.shape.size(), 0);
  const std::vector<int64_t> axes = p.has(3) ? to_int64(*p.inputs[3].constant) : std::vector<int64_t>();
  for (size_t i = 0; i < pads.size() / 2; ++i)
    begins[p.has(3) ? static_cast<size_t>(ops::normalized_axis(axes[i], static_cast<int>(x.shape.size()))) : i] =
        pads[i];
  const std::string mode = p.attributes().text("mode", "constant");
  for (size_t d = 0; d < x.shape.size(); ++d) {
    if (x.shape[d] > INT32_MAX || y.shape[d] > INT32_MAX) return no("a dimension is beyond 2^31");
    if (x.shape[d] == 0 && mode != "constant") return no("nothing to pad with");
    std::vector<int32_t>& source = job.sources.emplace_back();
    for (int64_t i = 0; i < y.shape[d]; ++i)
      source.push_back(static_cast<int32_t>(source_of(i - begins[d], x.shape[d], mode)));
  }
  job.dims = y.shape;
  job.strides = strides_of(x.shape);
  job.value = p.has(2);
  return yes();
}

Result<Bound> bind(const Problem& p, const std::string&, const std::vector<Tensor>&, const Machine& machine) {
  VIVACE_ASSIGN(Job made, job_of(p, padding_of));
  const auto job = std::make_shared<const Job>(std::move(made));
  PadProblem problem{};
  problem.element_bytes = job->element_bytes;
  problem.rank = static_cast<int>(job->dims.size());
  for (size_t d = 0; d < job->dims.size(); ++d) {
    problem.dims[d] = job->dims[d];
    problem.strides[d] = job->strides[d];
    problem.source[d] = job->sources[d].data();
  }
  // The run of neighbours of the last dimension that begins at the first index inside.
  const std::vector<int32_t>& last = job->sources.back();
  const int64_t size = p.inputs[0].shape.back();
  const auto inside = std::find(last.begin(), last.end(), 0);
  if (inside != last.end()) {
    auto first = inside;  // where reflection has come back to 0 as well, the longer run
    for (auto at = inside; at != last.end(); ++at)
      if (*at == 0 && (at + 1 == last.end() || *(at + 1) == 1)) first = at;
    problem.lead = first - last.begin();
    while (problem.middle < size && first + problem.middle != last.end() && *(first + problem.middle) == problem.middle)
      ++problem.middle;
  } else {
    problem.lead = static_cast<int64_t>(last.size());
  }
  Bound bound;
  bound.run = [job, problem, run = move_kernels(machine.isa).pad](const Launch& launch) {
    PadProblem now = problem;
    if (job->value) std::memcpy(&now.value, launch.inputs[2], static_cast<size_t>(job->element_bytes));
    run(now, launch.inputs[0], launch.outputs[0], launch.pool);
    return Status();
  };
  return bound;
}

}  // namespace

extern const Tactic pad_tactic{
    .name = "pad",
    .version = 1,
    .operators = {"Pad"},
    .supports = supports_job<padding_of>,
    .estimate = estimate_bytes<200>,
    .bind = bind,
};

}  // namespace vivace::cpu
