// Between row-major and blocked channels.
#include "backends/cpu/kernels/conv.h"
#include "backends/cpu/rows/rows.h"

namespace vivace::cpu {

namespace {

Verdict supports(const Problem& p, const Machine& machine) {
  if (p.inputs[0].type != DType::f32 || p.outputs[0].type != DType::f32 || p.inputs[0].shape.size() < 2) return no("f32 images only");
  const int from = p.inputs[0].channel_block, to = p.outputs[0].channel_block;
  if (from == to || (from && to) || from + to != machine.channel_block())
    return no("not between row-major and this machine's blocks");
  return yes();
}

Result<Bound> bind(const Problem& p, const std::string&, const std::vector<Tensor>&, const Machine& machine) {
  const Shape& shape = p.inputs[0].shape;
  const bool to_blocked = p.outputs[0].channel_block != 0;
  const auto kernel = to_blocked ? conv_kernels(machine.isa).to_blocked : conv_kernels(machine.isa).to_plain;
  Bound bound;
  bound.run = [kernel, batch = static_cast<int>(shape[0]), channels = static_cast<int>(shape[1]),
               pixels = elements(std::span(shape).subspan(2))](const Launch& launch) {
    kernel(batch, channels, pixels, static_cast<const float*>(launch.inputs[0]), static_cast<float*>(launch.outputs[0]),
           launch.pool);
    return Status();
  };
  return bound;
}

}  // namespace

extern const Tactic reorder_tactic{
    .name = "reorder",
    .version = 1,
    .operators = {"vivace.Reorder"},
    .supports = supports,
    .estimate = estimate_bytes,
    .bind = bind,
};

}  // namespace vivace::cpu
