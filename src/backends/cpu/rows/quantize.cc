// QuantizeLinear, DequantizeLinear and DynamicQuantizeLinear between f32 and 8 bits; casts between f32 and narrower
// types.
#include "backends/cpu/kernels/quantize.h"

#include <cmath>

#include "backends/cpu/rows/rows.h"

namespace vivace::cpu {

namespace {

std::optional<Narrow> narrow_of(DType type) {
  switch (type) {
    case DType::f32: return Narrow::f32;
    case DType::f16: return Narrow::f16;
    case DType::bf16: return Narrow::bf16;
    case DType::u8:
    case DType::boolean: return Narrow::u8;
    case DType::i8: return Narrow::i8;
    case DType::i32: return Narrow::i32;
    default: return std::nullopt;
  }
}

Verdict quantization_of(const Problem& p, QuantizeProblem& q) {
  const bool reverse = p.node->op == "DequantizeLinear";
  if (!all_row_major(p)) return no("row-major only");
  const TensorInfo &wide = reverse ? p.outputs[0] : p.inputs[0], &narrow = reverse ? p.inputs[0] : p.outputs[0];
  if (wide.type != DType::f32 || p.inputs[1].type != DType::f32) return no("f32 only");
  if (narrow.type != DType::u8 && narrow.type != DType::i8 && !(reverse && narrow.type == DType::i32))
    return no("8 bits only");
  q.type = *narrow_of(narrow.type);
  const int64_t precision = p.attributes().integer("precision");
  if (precision != 0 && precision != static_cast<int64_t>(DType::f32)) return no("another precision");
  if (p.attributes().integer("block_size") != 0) return no("blocks");
  const Shape &x = p.inputs[0].shape, &scale = p.inputs[1].shape;
  if (p.has(2) && elements(p.inputs[2].shape) != elements(scale)) return no("another zero point for each");
  q.inner = elements(x);
  if (elements(scale) == 1) return yes();
  const int axis =
      x.size() == 1 ? 0 : ops::normalized_axis(p.attributes().integer("axis", 1), static_cast<int>(x.size()));
  if (axis < 0 || scale.size() != 1 || scale[0] != x[static_cast<size_t>(axis)]) return no("scales do not fit");
  const ops::AxisSplit split = ops::split_at(x, axis);
  q = {split.outer, split.size, split.inner, q.type};
  return yes();
}

Result<Bound> quantize_bind(const Problem& p, const std::string&, const std::vector<Tensor>&, const Machine& machine) {
  VIVACE_ASSIGN(const QuantizeProblem q, job_of(p, quantization_of));
  const QuantizeKernels& kernels = quantize_kernels(machine.isa);
  Bound bound;
  bound.run = [q, &kernels, reverse = p.node->op == "DequantizeLinear", zero = p.has(2)](const Launch& launch) {
    const auto* scale = static_cast<const float*>(launch.inputs[1]);
    const void* zeros = zero ? launch.inputs[2] : nullptr;
    if (reverse)
      kernels.dequantize(q, launch.inputs[0], scale, zeros, static_cast<float*>(launch.outputs[0]), launch.pool);
    else
      kernels.quantize(q, static_cast<const float*>(launch.inputs[0]), scale, zeros, launch.outputs[0], launch.pool);
    return Status();
  };
  return bound;
}

Verdict dynamic_supports(const Problem& p, const Machine&) {
  return p.inputs[0].channel_block == 0 ? yes() : no("row-major only");
}

// The range of x, widened to hold 0, is spread over 0 to 255.
Result<Bound> dynamic_bind(const Problem& p, const std::string&, const std::vector<Tensor>&, const Machine& machine) {
  const QuantizeKernels& kernels = quantize_kernels(machine.isa);
  Bound bound;
  bound.run = [n = elements(p.inputs[0].shape), &kernels, outputs = p.outputs.size()](const Launch& launch) {
    const auto* x = static_cast<const float*>(launch.inputs[0]);
    float low = 0, high = 0;
    kernels.range(x, n, &low, &high, launch.pool);
    const float scale = low == high ? 1 : (high - low) / 255;
    const float place = std::nearbyint(std::clamp(-low / scale, 0.0f, 255.0f));
    const auto zero = static_cast<uint8_t>(place > 0 ? place : 0);
    kernels.quantize({1, 1, n, Narrow::u8}, x, &scale, &zero, launch.outputs[0], launch.pool);
    if (outputs > 1 && launch.outputs[1]) *static_cast<float*>(launch.outputs[1]) = scale;
    if (outputs > 2 && launch.outputs[2]) *static_cast<uint8_t*>(launch.outputs[2]) = zero;
    return Status();
  };
  return bound;
}

Verdict cast_supports(const Problem& p, const Machine& machine) {
  if (!all_row_major(p)) return no("row-major only");
  const auto from = narrow_of(p.inputs[0].type), to = narrow_of(p.outputs[0].type);
  if (!from || !to || p.outputs[0].type == DType::boolean || !quantize_kernels(machine.isa).casts(*from, *to))
    return no("no kernel between these types");
  return yes();
}

Result<Bound> cast_bind(const Problem& p, const std::string&, const std::vector<Tensor>&, const Machine& machine) {
  Bound bound;
  bound.run = [run = quantize_kernels(machine.isa).cast, from = *narrow_of(p.inputs[0].type),
               to = *narrow_of(p.outputs[0].type), n = elements(p.inputs[0].shape)](const Launch& launch) {
    run(from, to, launch.inputs[0], launch.outputs[0], n, launch.pool);
    return Status();
  };
  return bound;
}

}  // namespace

extern const Tactic quantize_tactic{
    .name = "quantize",
    .version = 1,
    .operators = {"QuantizeLinear", "DequantizeLinear"},
    .supports = supports_job<quantization_of>,
    .estimate = estimate_bytes<>,
    .bind = quantize_bind,
};
extern const Tactic dynamic_quantize_tactic{
    .name = "dynamic_quantize",
    .version = 1,
    .operators = {"DynamicQuantizeLinear"},
    .supports = dynamic_supports,
    .estimate = estimate_bytes<200>,
    .bind = dynamic_bind,
};
extern const Tactic cast_tactic{
    .name = "cast",
    .version = 1,
    .operators = {"Cast"},
    .supports = cast_supports,
    .estimate = estimate_bytes<>,
    .bind = cast_bind,
};

}  // namespace vivace::cpu
