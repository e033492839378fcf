#include <algorithm>
#include <array>

#include "frontends/onnx/converters.h"

namespace vivace::onnx {

namespace {

// [C] becomes [C, 1, 1, ...] so that it lies along axis 1 of a tensor of `rank` dimensions.
ir::Value* along_channels(Step& s, ir::Value* value, int rank) {
  std::vector<int64_t> axes;
  for (int i = 1; i < rank - 1; ++i) axes.push_back(i);
  return axes.empty() ? value : s.add("Unsqueeze", {value, s.constant(std::move(axes))});
}

}  // namespace

void batch_normalization_modes(Step& s) { s.attributes.erase("is_test"); }

// Statistics of each element rather than of each channel: plain arithmetic, as everything broadcasts over the batch.
void batch_normalization_spatial(Step& s) {
  const bool spatial = s.attributes.integer("spatial", 1) != 0;
  s.attributes.erase("spatial");
  if (spatial) return;
  if (s.inputs.size() != 5 || s.outputs != 1) return s.fail(s.unsupported("training without 'spatial' is not supported"));
  const auto at = [&](size_t i) { return s.inputs[i]; };
  ir::Value* epsilon = s.scalar(s.dtype(4), s.attributes.real("epsilon", 1e-5f));
  ir::Value* deviation = s.add("Sqrt", {s.add("Add", {at(4), epsilon})});
  ir::Value* normal = s.add("Div", {s.add("Sub", {at(0), at(3)}), deviation});
  s.results = {s.add("Add", {s.add("Mul", {normal, at(1)}), at(2)})};
}

// More outputs than Y meant training.
void batch_normalization_training(Step& s) {
  if (s.outputs > 3) return s.fail(s.unsupported("the outputs saved_mean and saved_var are not supported"));
  if (s.outputs > 1) s.attributes["training_mode"] = int64_t{1};
}

void binary_broadcast(Step& s) {
  const bool broadcast = s.attributes.integer("broadcast") != 0;
  const bool aligned = s.attributes.has("axis");
  const int64_t axis = s.attributes.integer("axis");
  s.attributes.erase("broadcast");
  s.attributes.erase("axis");
  if (!broadcast || !aligned || s.rank(1) == 0) return;
  if (s.rank(0) < 0 || s.rank(1) < 0) return s.fail(s.unsupported("broadcasting along an axis needs inputs of known rank"));
  const int64_t first = axis < 0 ? axis + s.rank(0) : axis, after = first + s.rank(1);
  if (first < 0 || after > s.rank(0)) return s.fail(s.error("input 1 does not fit input 0 from axis " + std::to_string(axis) + " on"));
  std::vector<int64_t> axes;
  for (int64_t i = after; i < s.rank(0); ++i) axes.push_back(i - first);
  if (!axes.empty()) s.inputs[1] = s.add("Unsqueeze", {s.inputs[1], s.constant(std::move(axes))});
}

void cast_name_to_number(Step& s) {
  constexpr std::array names = {"UNDEFINED", "FLOAT", "UINT8", "INT8", "UINT16", "INT16", "INT32", "INT64", "STRING",
                                "BOOL", "FLOAT16", "DOUBLE", "UINT32", "UINT64", "COMPLEX64", "COMPLEX128"};
  const std::string name = s.attributes.text("to");
  const auto at = std::find(names.begin() + 1, names.end(), name);
  if (at == names.end()) return s.fail(s.error("attribute 'to' is '" + name + "', which is no element type"));
  s.attributes["to"] = static_cast<int64_t>(at - names.begin());
}

void concat_axis(Step& s) { s.attributes.emplace("axis", int64_t{1}); }

// The first forms had an attribute to say so, and a mask of the data's type.
void dropout_is_inference(Step& s) {
  s.attributes.erase("ratio");
  s.attributes.erase("is_test");
  if (s.version >= 10 || s.outputs < 2) return;
  s.emit();
  s.results = {s.results[0], s.add("Cast", {s.results[1]}, {{"to", static_cast<int64_t>(s.dtype(0))}})};
}

void grid_sample_modes(Step& s) {
  const std::string mode = s.attributes.text("mode", "bilinear");
  s.attributes["mode"] = mode == "bilinear" ? std::string("linear") : mode == "bicubic" ? std::string("cubic") : mode;
}

// Scale and bias were given for each group of channels, and each of its channels takes a copy now.
void group_normalization_per_channel(Step& s) {
  const int64_t groups = s.attributes.integer("num_groups");
  const ir::Dim channels = s.rank(0) > 1 ? (*s.input(0)->type.dims)[1] : ir::Dim();
  if (!channels.known() || groups < 1 || channels.value() % groups != 0 || s.inputs.size() != 3)
    return s.fail(s.unsupported("the number of channels must be known, and a multiple of num_groups"));
  for (const size_t i : {1u, 2u}) {
    ir::Value* column = s.add("Reshape", {s.input(i), s.constant({groups, 1})});
    ir::Value* copies = s.add("Expand", {column, s.constant({groups, channels.value() / groups})});
    s.inputs[i] = s.add("Reshape", {copies, s.constant({channels.value()})});
  }
}

void lp_norm_to_integer(Step& s) {
  if (const float* p = s.attributes.get<float>("p")) s.attributes["p"] = static_cast<int64_t>(std::clamp(*p, 0.f, 1e6f));
}

void prelu_slope_per_channel(Step& s) {
  if (s.rank(1) != 1 || (*s.input(1)->type.dims)[0].is(1)) return;
  if (s.rank(0) < 0) return s.fail(s.unsupported("the input's rank must be known"));
  s.inputs[1] = along_channels(s, s.inputs[1], s.rank(0));
}

void resize_asymmetric(Step& s) {
  s.inputs.insert(s.inputs.begin() + std::min<ptrdiff_t>(1, std::ssize(s.inputs)), nullptr);  // roi
  const std::vector<double> scales =
      s.input(2) && s.input(2)->is_constant() ? to_double(s.input(2)->constant()) : std::vector<double>();
  const bool shrinks = std::any_of(scales.begin(), scales.end(), [](double scale) { return scale < 1; });
  s.attributes["coordinate_transformation_mode"] = std::string("asymmetric");
  s.attributes["nearest_mode"] = std::string(shrinks ? "ceil" : "floor");
}

// Empty tensors stood for inputs left out; and a mode that only TensorFlow needed has an equal in the newer ones.
void resize_optional_inputs(Step& s) {
  for (ir::Value*& input : s.inputs)
    if (input && input->is_constant() && input->constant().count() == 0) input = nullptr;
  if (s.attributes.text("coordinate_transformation_mode") != "tf_half_pixel_for_nn") return;
  if (s.attributes.text("mode", "nearest") != "nearest" || s.attributes.text("nearest_mode") != "floor")
    return s.fail(s.unsupported("tf_half_pixel_for_nn is only supported with nearest_mode floor"));
  s.attributes["coordinate_transformation_mode"] = std::string("half_pixel");
  s.attributes["nearest_mode"] = std::string("round_prefer_ceil");  // floor(x + 1/2)
}

void roi_align_half_pixel(Step& s) { s.attributes["coordinate_transformation_mode"] = std::string("output_half_pixel"); }

void rnn_output_sequence(Step& s) {
  s.attributes.erase("output_sequence");
  if (s.attributes.text("direction") == "foward") s.attributes["direction"] = std::string("forward");  // a default, misspelt
}

// The first form ran over a batch (axis 0) of sequences (axis 1), its body without either: a scan over the batch whose
// body scans the sequence.
void scan_per_batch(Step& s) {
  const auto captures = static_cast<size_t>(s.attributes.integer("captures"));
  const int64_t scanned = s.attributes.integer("num_scan_inputs");
  if (s.inputs.size() < 1 + captures || scanned < 1 || std::cmp_greater(scanned, s.inputs.size() - 1 - captures))
    return s.fail(s.error("num_scan_inputs does not fit the inputs"));
  if (s.inputs[0]) return s.fail(s.unsupported("sequence_lens is not supported"));
  s.inputs.erase(s.inputs.begin());
  auto body = std::make_shared<ir::Graph>();
  body->name = "batch";
  std::vector<ir::Value*> inner_inputs;
  for (size_t i = 0; i < s.inputs.size(); ++i) {
    if (!s.inputs[i]) return s.fail(s.error("input " + std::to_string(i + 1) + " is required"));
    ir::Type type = s.inputs[i]->type;
    if (i < s.inputs.size() - captures && type.dims && !type.dims->empty()) type.dims->erase(type.dims->begin());
    inner_inputs.push_back(body->add_input(s.inputs[i]->name, std::move(type)));
  }
  Step inner(*body, "Scan", s.version);
  inner.name = s.name;
  inner.inputs = std::move(inner_inputs);
  inner.attributes = std::move(s.attributes);
  inner.outputs = s.outputs;
  if (auto directions = inner.attributes.extract("directions")) {
    directions.key() = "scan_input_directions";
    inner.attributes.insert(std::move(directions));
  }
  inner.emit();
  if (!inner.status.ok()) return s.fail(inner.status);
  for (size_t i = 0; i < inner.results.size(); ++i) body->mark_output(inner.results[i], "output_" + std::to_string(i));
  s.attributes = {{"num_scan_inputs", static_cast<int64_t>(s.inputs.size() - captures)}, {"body", body}};
  if (captures) s.attributes["captures"] = static_cast<int64_t>(captures);
}

void scatter_renamed(Step& s) { s.op = "ScatterElements"; }

void selu_constants(Step& s) {
  s.attributes.emplace("alpha", 1.6732f);
  s.attributes.emplace("gamma", 1.0507f);
}

// The input was seen as a matrix: dimensions before `axis` are rows, those from it on one row's elements.
void softmax_over_flattened(Step& s) {
  int64_t axis = s.attributes.integer("axis", 1);
  const int rank = s.rank(0);
  if (rank >= 0 && axis < 0) axis += rank;
  s.attributes["axis"] = int64_t{-1};
  if (rank >= 0) {
    const ir::Dims& dims = *s.input(0)->type.dims;
    if (axis < 0 || axis > rank) return s.fail(s.error("attribute 'axis' is out of range"));
    const auto last = std::find_if(dims.begin() + axis, dims.end(), [](const ir::Dim& d) { return !d.is(1); });
    const bool one_axis = last == dims.end() || std::all_of(last + 1, dims.end(), [](const ir::Dim& d) { return d.is(1); });
    if (axis < rank && one_axis) {  // the other dimensions of a row are 1
      s.attributes["axis"] = last == dims.end() ? axis : static_cast<int64_t>(last - dims.begin());
      return;
    }
  }
  if (s.inputs.empty() || !s.inputs[0]) return s.fail(s.error("input 0 is required"));
  ir::Value* x = s.inputs[0];
  ir::Value* matrix = s.add("Flatten", {x}, {{"axis", axis}});
  const std::optional<Shape> known = x->type.shape();
  ir::Value* shape = known ? s.constant(*known) : s.add("Shape", {x});
  s.results = {s.add("Reshape", {s.add(s.op, {matrix}, s.attributes), shape}, {{"allowzero", int64_t{1}}})};
}

void upsample_to_resize(Step& s) {
  s.op = "Resize";
  s.inputs.insert(s.inputs.begin() + std::min<ptrdiff_t>(1, std::ssize(s.inputs)), nullptr);  // roi
  s.attributes["coordinate_transformation_mode"] = std::string("asymmetric");
  s.attributes["nearest_mode"] = std::string("floor");
}

// alpha * x + beta
void affine(Step& s) {
  ir::Value* scaled = s.add("Mul", {s.input(0), s.scalar(s.dtype(0), s.attributes.real("alpha", 1))});
  s.results = {s.add("Add", {scaled, s.scalar(s.dtype(0), s.attributes.real("beta"))})};
}

// Cuts `border` (left, top, right, bottom) off the two last dimensions of [N, C, H, W], or leaves `scale` from there.
void crop(Step& s) {
  const std::vector<int64_t> border = s.attributes.integers("border"), scale = s.attributes.integers("scale");
  const bool sized = scale.size() == 2;
  if (border.size() != 4 || s.rank(0) != 4 || !(sized || scale.empty()) ||
      std::any_of(border.begin(), border.end(), [](int64_t b) { return b < 0 || b > (int64_t{1} << 31); }) ||
      std::any_of(scale.begin(), scale.end(), [](int64_t b) { return b < 0 || b > (int64_t{1} << 31); }))
    return s.fail(s.error("'border' must have four sizes, 'scale' two or none, and the input must be [N, C, H, W]"));
  const auto end = [&](size_t i) {  // 0: to the end
    const int64_t cut = border[i == 0 ? 3 : 2];
    return sized ? border[i == 0 ? 1 : 0] + scale[i] : cut ? -cut : INT64_MAX;
  };
  s.results = {s.add("Slice", {s.input(0), s.constant({border[1], border[0]}), s.constant({end(0), end(1)}), s.constant({2, 3})})};
}

// scale * x + bias of each channel
void image_scaler(Step& s) {
  const std::vector<float> bias = s.attributes.reals("bias");
  const auto channels = static_cast<int64_t>(bias.size());
  ir::Value* scaled = s.add("Mul", {s.input(0), s.scalar(s.dtype(0), s.attributes.real("scale", 1))});
  s.results = {s.add("Add", {scaled, s.graph.add_constant(Tensor::of<float>(bias, {1, channels, 1, 1}))})};
}

// alpha * log(exp(beta * x) + 1)
void parametric_softplus(Step& s) {
  ir::Value* inner = s.add("Mul", {s.input(0), s.scalar(s.dtype(0), s.attributes.real("beta", 1))});
  s.results = {s.add("Mul", {s.add("Softplus", {inner}), s.scalar(s.dtype(0), s.attributes.real("alpha", 1))})};
}

// alpha * tanh(beta * x)
void scaled_tanh(Step& s) {
  ir::Value* inner = s.add("Mul", {s.input(0), s.scalar(s.dtype(0), s.attributes.real("beta", 1))});
  s.results = {s.add("Mul", {s.add("Tanh", {inner}), s.scalar(s.dtype(0), s.attributes.real("alpha", 1))})};
}

}  // namespace vivace::onnx
