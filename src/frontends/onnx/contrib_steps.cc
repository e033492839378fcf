// What converters of ONNX Runtime's operators are written with.
#include "frontends/onnx/contrib.h"

namespace vivace::onnx {

ir::Value* cast(Step& s, ir::Value* x, DType type) {
  return x->type.dtype == type ? x : s.add("Cast", {x}, {{"to", static_cast<int64_t>(type)}});
}

ir::Value* transposed(Step& s, ir::Value* x, std::vector<int64_t> perm) {
  return s.add("Transpose", {x}, {{"perm", std::move(perm)}});
}

ir::Value* reshaped(Step& s, ir::Value* x, std::vector<int64_t> shape) {
  return s.add("Reshape", {x, s.constant(std::move(shape))});
}

ir::Value* unsqueezed(Step& s, ir::Value* x, std::vector<int64_t> axes) {
  return s.add("Unsqueeze", {x, s.constant(std::move(axes))});
}

ir::Value* sliced(Step& s, ir::Value* x, int64_t axis, ir::Value* begin, ir::Value* end) {
  return s.add("Slice", {x, begin, end, s.constant({axis})});
}

ir::Value* times(Step& s, ir::Value* x, double factor) {
  return factor == 1 ? x : s.add("Mul", {x, s.scalar(x->type.dtype, factor)});
}

ir::Value* size_of(Step& s, ir::Value* x, int64_t axis) {
  const int rank = x->type.rank();
  if (rank >= 0 && axis < 0) axis += rank;
  if (rank >= 0 && axis < rank && (*x->type.dims)[static_cast<size_t>(axis)].known())
    return s.constant({(*x->type.dims)[static_cast<size_t>(axis)].value()});
  return s.add("Shape", {x}, {{"start", axis}, {"end", axis + 1}});
}

ir::Value* joined(Step& s, std::vector<ir::Value*> parts, int64_t axis) {
  return s.add("Concat", std::move(parts), {{"axis", axis}});
}

ir::Value* count_to(Step& s, ir::Value* end) {
  ir::Value* number = s.add("Squeeze", {end, s.constant({0})});
  return s.add("Range", {s.scalar(DType::i64, 0), number, s.scalar(DType::i64, 1)});
}

std::vector<ir::Value*> split(Step& s, ir::Value* x, int64_t axis, const std::vector<int64_t>& sizes) {
  return s.add("Split", {x, s.constant(sizes)}, {{"axis", axis}}, sizes.size())->producer()->outputs();
}

namespace {
ir::Value* channels_moved(Step& s, ir::Value* x, bool to_end) {
  const int rank = x->type.rank();
  if (rank < 2) {
    s.fail(s.unsupported("the rank of its input must be known, and 2 or more"));
    return x;
  }
  std::vector<int64_t> perm = {0};
  if (!to_end) perm.push_back(rank - 1);
  for (int i = to_end ? 2 : 1; i < rank - (to_end ? 0 : 1); ++i) perm.push_back(i);
  if (to_end) perm.push_back(1);
  return transposed(s, x, perm);
}
}  // namespace

ir::Value* channels_last(Step& s, ir::Value* x) { return channels_moved(s, x, true); }
ir::Value* channels_first(Step& s, ir::Value* x) { return channels_moved(s, x, false); }

int64_t known_size(Step& s, const ir::Value* x, size_t axis, const char* what) {
  if (x && x->type.dims && axis < x->type.dims->size() && (*x->type.dims)[axis].known())
    return (*x->type.dims)[axis].value();
  s.fail(s.unsupported(std::string(what) + " must be known when the model is read"));
  return 1;
}

ir::Value* activated(Step& s, ir::Value* x, const std::string& name, const std::vector<float>& parameters) {
  struct Row {
    const char* name;
    std::vector<std::pair<const char*, float>> attributes;
  };
  static const Row rows[] = {
      {"Relu", {}},
      {"Sigmoid", {}},
      {"Tanh", {}},
      {"Softplus", {}},
      {"Softsign", {}},
      {"HardSwish", {}},
      {"Gelu", {}},
      {"Mish", {}},
      {"LeakyRelu", {{"alpha", 0.01f}}},
      {"Elu", {{"alpha", 1.f}}},
      {"ThresholdedRelu", {{"alpha", 1.f}}},
      {"Swish", {{"alpha", 1.f}}},
      {"HardSigmoid", {{"alpha", 0.2f}, {"beta", 0.5f}}},
      {"Selu", {{"alpha", 1.67326319f}, {"gamma", 1.05070102f}}},
  };
  if (name.empty()) return x;
  const auto parameter = [&](size_t i, float fallback) { return i < parameters.size() ? parameters[i] : fallback; };
  if (name == "Clip") {
    const auto bound = [&](size_t i) {
      return i < parameters.size() ? s.scalar(x->type.dtype, parameters[i]) : nullptr;
    };
    return s.add("Clip", {x, bound(0), bound(1)});
  }
  for (const Row& row : rows) {
    if (name != row.name) continue;
    ir::Attributes attributes;
    for (size_t i = 0; i < row.attributes.size(); ++i)
      attributes[row.attributes[i].first] = parameter(i, row.attributes[i].second);
    return s.add(name, {x}, std::move(attributes));
  }
  s.fail(s.unsupported("unknown activation '" + name + "'"));
  return x;
}

namespace {
// A vector of one element is the scale of all.
ir::Value* scalar_where_single(Step& s, ir::Value* x) {
  return x && x->type.rank() == 1 && (*x->type.dims)[0].is(1) ? s.add("Squeeze", {x, s.constant({0})}) : x;
}
}  // namespace

ir::Value* dequantized(Step& s, ir::Value* x, ir::Value* scale, ir::Value* zero, int64_t axis) {
  std::vector<ir::Value*> inputs = {x, scalar_where_single(s, scale)};
  if (zero) inputs.push_back(scalar_where_single(s, zero));
  return s.add("DequantizeLinear", std::move(inputs), {{"axis", axis}});
}

ir::Value* quantized(Step& s, ir::Value* x, ir::Value* scale, ir::Value* zero, DType type, int64_t axis) {
  ir::Value* to = zero ? scalar_where_single(s, zero) : s.scalar(type, 0);
  return s.add("QuantizeLinear", {x, scalar_where_single(s, scale), to}, {{"axis", axis}});
}

}  // namespace vivace::onnx
