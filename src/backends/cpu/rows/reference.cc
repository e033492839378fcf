// The reference kernel of any operator, on row-major tensors: what every node can fall back to.
#include "backends/cpu/rows/plugin.h"
#include "backends/cpu/rows/rows.h"
#include "ops/operator.h"
#include "ops/prepared.h"

namespace vivace::cpu {

namespace {

Verdict supports(const Problem& p, const Machine&) {
  if (!ops::find_operator(p.node->op)) return no("unknown operator");
  if (open_plugin(p, ops::Where::cpu).verdict) return no("tactic 'plugin' runs it");
  return all_row_major(p) ? yes() : no("reads and writes row-major tensors only");
}

// Plain loops reach some hundredth of the peak.
double estimate(const Problem& p, const std::string&, const Machine& machine) {
  return roofline_seconds(flops_of(p), 4 * bytes_of(p), 0.01, machine);
}

Result<Bound> bind(const Problem& p, const std::string&, const std::vector<Tensor>&, const Machine&) {
  const auto views = [](const std::vector<TensorInfo>& tensors) {
    std::vector<TensorView> list;
    for (const TensorInfo& tensor : tensors) list.push_back({tensor.type, tensor.shape, nullptr});
    return list;
  };
  Bound bound;
  bound.run = [node = p.node, inputs = views(p.inputs), outputs = views(p.outputs),
               kept = std::make_shared<ops::Kept>()](const Launch& launch) {
    const ops::Kept::Scope scope(*kept, *node);
    ops::Call call(*node);
    call.inputs = inputs;
    call.outputs = outputs;
    call.pool = &launch.pool;
    for (size_t i = 0; i < inputs.size(); ++i) call.inputs[i].data = launch.inputs[i];
    for (size_t i = 0; i < outputs.size(); ++i) call.outputs[i].data = launch.outputs[i];
    call.allocate = [&](size_t i, DType type, const Shape& shape) {
      // Shapes were known when this was bound; an operator that allocates all the same must agree with them.
      return call.outputs[i].type == type && call.outputs[i].shape == shape
                 ? Status()
                 : call.error("an output's shape is not what inference said");
    };
    return ops::compute(call);
  };
  return bound;
}

}  // namespace

extern const Tactic reference_tactic{
    .name = "reference",
    .version = 1,
    .operators = {},
    .supports = supports,
    .configurations = nullptr,
    .estimate = estimate,
    .prepare = nullptr,
    .bind = bind,
};

}  // namespace vivace::cpu
