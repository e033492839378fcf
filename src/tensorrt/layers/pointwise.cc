// Layers that work element by element.
#include <bit>
#include <numeric>

#include "tensorrt/layers/layers.h"

namespace vivace::tensorrt {

using namespace nvinfer1;

int axis_of_mask(uint32_t mask) { return std::has_single_bit(mask) ? std::countr_zero(mask) : -1; }

std::vector<int64_t> axes_of_mask(uint32_t mask, int shift) {
  std::vector<int64_t> axes;
  for (int i = 0; i < 32; ++i)
    if (mask >> i & 1U) axes.push_back(i + shift);
  return axes;
}

void ActivationLayer::emit(Build& b) {
  ir::Value* const x = b.in();
  const float a = alpha.value_or(0);
  const auto scaled = [&](float factor, ir::Value* value) {
    return factor == 1 ? value : b.add("Mul", {value, b.real(factor, x)});
  };
  switch (kind) {
    case ActivationType::kRELU: return b.out(b.add("Relu", {x}));
    case ActivationType::kSIGMOID: return b.out(b.add("Sigmoid", {x}));
    case ActivationType::kTANH: return b.out(b.add("Tanh", {x}));
    case ActivationType::kLEAKY_RELU: return b.out(b.add("LeakyRelu", {x}, {{"alpha", alpha.value_or(0.01F)}}));
    case ActivationType::kELU: return b.out(b.add("Elu", {x}, {{"alpha", alpha.value_or(1)}}));
    case ActivationType::kSELU:
      return b.out(b.add("Selu", {x}, {{"alpha", alpha.value_or(1.67326319F)}, {"gamma", beta.value_or(1.05070102F)}}));
    case ActivationType::kSOFTSIGN: return b.out(b.add("Softsign", {x}));
    case ActivationType::kSOFTPLUS:
      return b.out(scaled(alpha.value_or(1), b.add("Softplus", {scaled(beta.value_or(1), x)})));
    case ActivationType::kCLIP: return b.out(b.add("Clip", {x, b.real(a, x), b.real(beta.value_or(0), x)}));
    case ActivationType::kHARD_SIGMOID:
      return b.out(b.add("HardSigmoid", {x}, {{"alpha", alpha.value_or(0.2F)}, {"beta", beta.value_or(0.5F)}}));
    case ActivationType::kSCALED_TANH:
      return b.out(scaled(alpha.value_or(1), b.add("Tanh", {scaled(beta.value_or(1), x)})));
    case ActivationType::kTHRESHOLDED_RELU: return b.out(b.add("ThresholdedRelu", {x}, {{"alpha", alpha.value_or(1)}}));
    case ActivationType::kGELU_ERF: return b.out(b.add("Gelu", {x}));
    case ActivationType::kGELU_TANH: return b.out(b.add("Gelu", {x}, {{"approximate", std::string("tanh")}}));
  }
  b.fail("there is no activation " + std::to_string(static_cast<int>(kind)));
}

// (x * scale + shift) ^ power; what is left out changes nothing.
void ScaleLayer::emit(Build& b) {
  ir::Value* x = b.in();
  const int rank = b.rank(x), axis = channel_axis + b.batch();
  if (b.ok() && axis >= rank) b.fail("channel axis " + std::to_string(channel_axis) + " is out of range");
  if (!b.ok()) return;
  Shape shape;
  if (mode != ScaleMode::kUNIFORM) {
    const ir::Dims dims = b.dims(x);
    for (int i = axis; i < rank; ++i) {
      const bool own = i == axis || mode == ScaleMode::kELEMENTWISE;
      if (own && !dims[static_cast<size_t>(i)].known())
        return b.fail("dimension " + std::to_string(i - b.batch()) + " of its input must be known");
      shape.push_back(own ? dims[static_cast<size_t>(i)].value() : 1);
    }
  }
  const auto apply = [&](const char* op, const Weights& weights, const char* what) {
    if (ir::Value* const factor = b.weights(weights, mode == ScaleMode::kUNIFORM ? Shape{} : shape, x, what))
      x = b.add(op, {x, factor});
  };
  apply("Mul", scale, "scale");
  apply("Add", shift, "shift");
  apply("Pow", power, "power");
  b.out(x == b.in() ? b.add("Identity", {x}) : x);
}

void ElementWiseLayer::emit(Build& b) {
  ir::Value *const x = b.in(0), *const y = b.in(1);
  if (!b.ok()) return;
  const auto both = [&](const char* op) { b.out(b.add(op, {x, y})); };
  switch (operation) {
    case ElementWiseOperation::kSUM: return both("Add");
    case ElementWiseOperation::kPROD: return both("Mul");
    case ElementWiseOperation::kMAX: return both("Max");
    case ElementWiseOperation::kMIN: return both("Min");
    case ElementWiseOperation::kSUB: return both("Sub");
    case ElementWiseOperation::kDIV: return both("Div");
    case ElementWiseOperation::kPOW: return both("Pow");
    case ElementWiseOperation::kAND: return both("And");
    case ElementWiseOperation::kOR: return both("Or");
    case ElementWiseOperation::kXOR: return both("Xor");
    case ElementWiseOperation::kEQUAL: return both("Equal");
    case ElementWiseOperation::kGREATER: return both("Greater");
    case ElementWiseOperation::kLESS: return both("Less");
    case ElementWiseOperation::kFLOOR_DIV: {
      if (is_float(x->type.dtype)) return b.out(b.add("Floor", {b.add("Div", {x, y})}));
      // Dimensions are not negative: there the quotient is rounded down as it is.
      if (x->known) return both("Div");
      return b.out(b.add("Div", {b.add("Sub", {x, b.add("Mod", {x, y})}), y}));
    }
  }
  b.fail("there is no operation " + std::to_string(static_cast<int>(operation)));
}

void UnaryLayer::emit(Build& b) {
  static const char* const ops[] = {"Exp",   "Log",  "Sqrt", "Reciprocal", "Abs",   "Neg",   "Sin",   "Cos",   "Tan",
                                    "Sinh",  "Cosh", "Asin", "Acos",       "Atan",  "Asinh", "Acosh", "Atanh", "Ceil",
                                    "Floor", "Erf",  "Not",  "Sign",       "Round", "IsInf", "IsNaN"};
  static_assert(std::size(ops) == EnumMax<UnaryOperation>());
  b.out(b.add(ops[static_cast<size_t>(operation)], {b.in()}));
}

void ParametricReLULayer::emit(Build& b) { b.out(b.add("PRelu", {b.in(0), b.in(1)})); }

void SelectLayer::emit(Build& b) { b.out(b.add("Where", {b.in(0), b.in(1), b.in(2)})); }

void IdentityLayer::emit(Build& b) { b.out(b.add("Identity", {b.in()})); }

void CastLayer::emit(Build& b) { b.out(b.add("Cast", {b.in()}, {{"to", static_cast<int64_t>(to_dtype(to))}})); }

}  // namespace vivace::tensorrt
