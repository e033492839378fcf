// Softmax, normalizations and reductions in f32, row-major.
#include "backends/cpu/rows/jobs.h"

namespace vivace::cpu {

namespace {

Verdict dense_f32(const Problem& p, size_t inputs) {
  if (p.outputs[0].type != DType::f32 || p.outputs[0].channel_block) return no("row-major f32 only");
  for (size_t i = 0; i < inputs && i < p.inputs.size(); ++i)
    if (p.has(i) && (p.inputs[i].type != DType::f32 || p.inputs[i].channel_block)) return no("row-major f32 only");
  for (size_t i = 1; i < p.outputs.size(); ++i)
    if (p.outputs[i].present() && !p.node->output(i)->unused()) return no("more than the first output is asked for");
  return yes();
}

const float* in(const Launch& launch, size_t i) { return static_cast<const float*>(launch.inputs[i]); }
float* out(const Launch& launch) { return static_cast<float*>(launch.outputs[0]); }

// Softmax, LogSoftmax.

Verdict softmax_supports(const Problem& p, const Machine&) {
  if (p.inputs[0].shape.empty()) return no("a scalar");
  return dense_f32(p, 1);
}

Result<Bound> softmax_bind(const Problem& p, const std::string&, const std::vector<Tensor>&, const Machine& machine) {
  const Shape& shape = p.inputs[0].shape;
  const int axis = ops::normalized_axis(p.attributes().integer("axis", -1), static_cast<int>(shape.size()));
  Bound bound;
  bound.run = [run = norm_kernels(machine.isa).softmax, split = ops::split_at(shape, axis),
               logarithm = p.node->op == "LogSoftmax"](const Launch& launch) {
    run(in(launch, 0), out(launch), split.outer, split.size, split.inner, logarithm, launch.pool);
    return Status();
  };
  return bound;
}

// LayerNormalization, RMSNormalization: over all dimensions from `axis` on.

}  // namespace

Rows normalized_rows(const Problem& p) {
  const Shape& shape = p.inputs[0].shape;
  const auto axis =
      static_cast<size_t>(ops::normalized_axis(p.attributes().integer("axis", -1), static_cast<int>(shape.size())));
  return {elements(std::span(shape).first(axis)), elements(std::span(shape).subspan(axis))};
}

namespace {

Verdict layer_norm_supports(const Problem& p, const Machine&) {
  if (p.inputs[0].shape.empty()) return no("a scalar");
  if (Verdict verdict = dense_f32(p, 3); !verdict) return verdict;
  const Rows rows = normalized_rows(p);
  for (size_t i = 1; i < p.inputs.size(); ++i)
    if (p.has(i) && elements(p.inputs[i].shape) != rows.n) return no("scale or bias broadcasts");
  return yes();
}

Result<Bound> layer_norm_bind(const Problem& p, const std::string&, const std::vector<Tensor>&,
                              const Machine& machine) {
  const Rows rows = normalized_rows(p);
  const float epsilon = p.attributes().real("epsilon", 1e-5f);
  const bool has_bias = p.has(2);
  Bound bound;
  if (p.node->op == "RMSNormalization") {
    bound.run = [run = norm_kernels(machine.isa).rms_norm, rows, epsilon](const Launch& launch) {
      run(in(launch, 0), nullptr, in(launch, 1), nullptr, out(launch), rows.rows, rows.n, epsilon, launch.pool);
      return Status();
    };
    return bound;
  }
  bound.run = [run = norm_kernels(machine.isa).layer_norm, rows, epsilon, has_bias](const Launch& launch) {
    run(in(launch, 0), nullptr, in(launch, 1), has_bias ? in(launch, 2) : nullptr, nullptr, out(launch), rows.rows,
        rows.n, epsilon, launch.pool);
    return Status();
  };
  return bound;
}

// InstanceNormalization, GroupNormalization.

Verdict group_norm_supports(const Problem& p, const Machine&) {
  if (p.inputs[0].shape.size() < 3) return no("no spatial dimensions");
  return dense_f32(p, 3);
}

Result<Bound> group_norm_bind(const Problem& p, const std::string&, const std::vector<Tensor>&,
                              const Machine& machine) {
  const Shape& shape = p.inputs[0].shape;
  const int64_t groups = p.node->op == "InstanceNormalization" ? shape[1] : p.attributes().integer("num_groups");
  Bound bound;
  bound.run = [run = norm_kernels(machine.isa).group_norm, batch = shape[0], channels = shape[1],
               spatial = elements(std::span(shape).subspan(2)), groups,
               epsilon = p.attributes().real("epsilon", 1e-5f)](const Launch& launch) {
    run(in(launch, 0), in(launch, 1), in(launch, 2), out(launch), batch, channels, spatial, groups, epsilon,
        launch.pool);
    return Status();
  };
  return bound;
}

// Reductions over neighbouring axes.

}  // namespace

std::optional<Reduction> reduction_of(const std::string& op) {
  static constexpr std::pair<std::string_view, Reduction> kNames[] = {
      {"ReduceSum", Reduction::sum},    {"ReduceMean", Reduction::mean},
      {"ReduceMax", Reduction::max},    {"ReduceMin", Reduction::min},
      {"ReduceProd", Reduction::prod},  {"ReduceSumSquare", Reduction::sum_square},
      {"ReduceL1", Reduction::sum_abs}, {"GlobalAveragePool", Reduction::mean},
      {"GlobalMaxPool", Reduction::max}};
  for (const auto& [name, reduction] : kNames)
    if (op == name) return reduction;
  return std::nullopt;
}

Verdict reduction_split(const Problem& p, ops::AxisSplit& split) {
  const Shape& shape = p.inputs[0].shape;
  const int rank = static_cast<int>(shape.size());
  std::vector<bool> reduced(shape.size(), false);
  if (p.node->op.starts_with("Global")) {
    for (size_t i = 2; i < reduced.size(); ++i) reduced[i] = true;
  } else if (p.has(1) && elements(p.inputs[1].shape) > 0) {
    if (!p.inputs[1].constant) return no("the axes are not constant");
    for (const int64_t a : to_int64(*p.inputs[1].constant)) {
      const int axis = ops::normalized_axis(a, rank);
      if (axis < 0) return no("an axis is out of range");
      reduced[static_cast<size_t>(axis)] = true;
    }
  } else if (p.attributes().integer("noop_with_empty_axes") == 0) {
    reduced.assign(shape.size(), true);
  } else {
    return no("no axes");
  }
  size_t first = 0, last = shape.size();
  while (first < last && !reduced[first]) ++first;
  while (last > first && !reduced[last - 1]) --last;
  if (first == last) return no("no axes");
  for (size_t i = first; i < last; ++i)
    if (!reduced[i] && shape[i] != 1) return no("the axes are not neighbours");
  split = {elements(std::span(shape).first(first)), elements(std::span(shape).subspan(first, last - first)),
           elements(std::span(shape).subspan(last))};
  return yes();
}

namespace {

Verdict reduce_supports(const Problem& p, const Machine&) {
  if (Verdict verdict = dense_f32(p, 1); !verdict) return verdict;
  return verdict_of(p, reduction_split);
}

Result<Bound> reduce_bind(const Problem& p, const std::string&, const std::vector<Tensor>&, const Machine& machine) {
  VIVACE_ASSIGN(const ops::AxisSplit split, job_of(p, reduction_split));
  Bound bound;
  bound.run = [run = norm_kernels(machine.isa).reduce, reduction = *reduction_of(p.node->op),
               split](const Launch& launch) {
    run(reduction, in(launch, 0), out(launch), split.outer, split.size, split.inner, launch.pool);
    return Status();
  };
  return bound;
}

Tactic row(std::string_view name, std::vector<std::string_view> operators,
           Verdict (*supports)(const Problem&, const Machine&),
           Result<Bound> (*bind)(const Problem&, const std::string&, const std::vector<Tensor>&, const Machine&)) {
  return {.name = name,
          .version = 1,
          .operators = std::move(operators),
          .supports = supports,
          .estimate = estimate_bytes<150>,
          .bind = bind};
}

}  // namespace

extern const Tactic softmax_tactic = row("softmax", {"Softmax", "LogSoftmax"}, softmax_supports, softmax_bind);
extern const Tactic layer_norm_tactic =
    row("layer_norm", {"LayerNormalization", "RMSNormalization"}, layer_norm_supports, layer_norm_bind);
extern const Tactic group_norm_tactic =
    row("group_norm", {"InstanceNormalization", "GroupNormalization"}, group_norm_supports, group_norm_bind);
extern const Tactic reduce_tactic = row("reduce",
                                        {"ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd",
                                         "ReduceSumSquare", "ReduceL1", "GlobalAveragePool", "GlobalMaxPool"},
                                        reduce_supports, reduce_bind);

}  // namespace vivace::cpu
