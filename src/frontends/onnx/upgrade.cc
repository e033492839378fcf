#include "frontends/onnx/upgrade.h"

#include <algorithm>

#include "frontends/onnx/contrib.h"
#include "frontends/onnx/converters.h"
#include "frontends/onnx/import.h"
#include "ops/operator.h"

namespace vivace::onnx {

namespace {

// A change of the standard: nodes of opsets before `since` go through `convert`. A node passes all rows of its
// operator in order, oldest change first, so that each converter knows one form only.
struct Change {
  std::string_view op;
  int64_t since;
  void (*convert)(Step&);
  std::string_view becomes = {};  // where the operator is gone: its successor, or the last of several nodes
};

constexpr int64_t kAlways = INT64_MAX;  // operators that are written as others in every opset

constexpr Change kChanges[] = {
    {"Add", 7, binary_broadcast},
    {"Affine", 10, affine, "Add"},
    {"And", 7, binary_broadcast},
    {"Attention", kAlways, attention_integer_mask},
    {"BatchNormalization", 7, batch_normalization_modes},
    {"BatchNormalization", 9, batch_normalization_spatial},
    {"BatchNormalization", 14, batch_normalization_training},
    {"BlackmanWindow", kAlways, blackman_window, "Cast"},
    {"Cast", 6, cast_name_to_number},
    {"Clip", 11, clip_bounds_to_inputs},
    {"Col2Im", kAlways, col2im_bool},
    {"Concat", 4, concat_axis},
    {"Crop", 10, crop, "Slice"},
    {"DFT", 20, dft_axis_to_input},
    {"DFT", kAlways, dft},
    {"Div", 7, binary_broadcast},
    {"Dropout", 12, dropout_is_inference},
    {"Equal", 7, binary_broadcast},
    {"GRU", 7, rnn_output_sequence},
    {"Gemm", 7, binary_broadcast},
    {"GlobalLpPool", 2, lp_norm_to_integer},
    {"Greater", 7, binary_broadcast},
    {"GridSample", 20, grid_sample_modes},
    {"GroupNormalization", 21, group_normalization_per_channel},
    {"HammingWindow", kAlways, hamming_window, "Cast"},
    {"HannWindow", kAlways, hann_window, "Cast"},
    {"Hardmax", 13, softmax_over_flattened},
    {"ImageScaler", 10, image_scaler, "Add"},
    {"LSTM", 7, rnn_output_sequence},
    {"Less", 7, binary_broadcast},
    {"LogSoftmax", 13, softmax_over_flattened},
    {"LpPool", 2, lp_norm_to_integer},
    {"MelWeightMatrix", kAlways, mel_weight_matrix, "Where"},
    {"Mul", 7, binary_broadcast},
    {"NegativeLogLikelihoodLoss", kAlways, negative_log_likelihood_loss, "Div"},
    {"Or", 7, binary_broadcast},
    {"PRelu", 7, prelu_slope_per_channel},
    {"Pad", 2, pad_names},
    {"Pad", 11, pads_to_inputs},
    {"ParametricSoftplus", 10, parametric_softplus, "Mul"},
    {"Pow", 7, binary_broadcast},
    {"QLinearMatMul", kAlways, qlinear_matmul_floats},
    {"RNN", 7, rnn_output_sequence},
    {"ReduceL1", 18, axes_to_input},
    {"ReduceL2", 18, axes_to_input},
    {"ReduceLogSum", 18, axes_to_input},
    {"ReduceLogSumExp", 18, axes_to_input},
    {"ReduceMax", 18, axes_to_input},
    {"ReduceMean", 18, axes_to_input},
    {"ReduceMin", 18, axes_to_input},
    {"ReduceProd", 18, axes_to_input},
    {"ReduceSum", 13, axes_to_input},
    {"ReduceSumSquare", 18, axes_to_input},
    {"Reshape", 5, reshape_shape_to_input},
    {"Resize", 11, resize_asymmetric},
    {"Resize", 13, resize_optional_inputs},
    {"Resize", kAlways, resize_bool},
    {"RoiAlign", 16, roi_align_half_pixel},
    {"STFT", kAlways, stft},
    {"ScaledTanh", 10, scaled_tanh, "Mul"},
    {"Scan", 9, scan_per_batch},
    {"Scatter", 11, scatter_renamed, "ScatterElements"},
    {"Selu", 6, selu_constants},
    {"Slice", 10, slice_bounds_to_inputs},
    {"Softmax", 13, softmax_over_flattened},
    {"SoftmaxCrossEntropyLoss", kAlways, softmax_cross_entropy_loss, "Div"},
    {"Split", 13, split_sizes_to_input},
    {"Split", 18, split_count},
    {"Squeeze", 13, axes_to_input},
    {"Sub", 7, binary_broadcast},
    {"Tile", 6, tile_axis_to_repeats},
    {"TopK", 10, topk_count_to_input},
    {"Unsqueeze", 13, axes_to_input},
    {"Upsample", 7, upsample_sides_to_scales},
    {"Upsample", 9, upsample_scales_to_input},
    {"Upsample", 10, upsample_to_resize, "Resize"},
    {"Xor", 7, binary_broadcast},
    {"ai.onnx.ml.CategoryMapper", kAlways, category_mapper, "ai.onnx.ml.LabelEncoder"},
    {"ai.onnx.ml.LabelEncoder", 2, label_encoder_keys},
    {"ai.onnx.preview.FlexAttention", kAlways, flex_attention, "MatMul"},
    {"ai.onnx.preview.training.Adagrad", kAlways, adagrad, "Sub"},
    {"ai.onnx.preview.training.Adam", kAlways, adam, "Mul"},
    {"ai.onnx.preview.training.Momentum", kAlways, momentum, "Sub"},
};

}  // namespace

DType Step::dtype(size_t i) const { return input(i) ? input(i)->type.dtype : DType::undefined; }

std::string Step::describe() const {
  return "node '" + name + "' (" + op + (version > 0 ? ", opset " + std::to_string(version) : "") + ")";
}
Status Step::error(const std::string& what) const { return {Code::invalid_model, what}; }
Status Step::unsupported(const std::string& what) const { return {Code::unsupported, what}; }
void Step::fail(Status why) {
  if (status.ok()) status = std::move(why);
}

ir::Value* Step::add(const std::string& operator_name, std::vector<ir::Value*> node_inputs, ir::Attributes node_attributes,
                     size_t output_count) {
  ir::Node* node = graph.add_node(operator_name, std::move(node_inputs), static_cast<int>(output_count),
                                  std::move(node_attributes), name);
  if (status.ok()) status = ops::infer_node(*node);
  return node->output();
}

void Step::emit() {
  while (!inputs.empty() && !inputs.back()) inputs.pop_back();
  results = add(op, inputs, attributes, outputs)->producer()->outputs();
}

ir::Value* Step::constant(std::vector<int64_t> values) { return graph.add_constant(Tensor::of(values)); }

ir::Value* Step::scalar(DType type, double value) {
  Tensor tensor;
  if (!visit_dtype<float, double, Float16, BFloat16, int64_t, int32_t, int16_t, int8_t, uint64_t, uint32_t, uint16_t, uint8_t>(
          type, [&]<class T>() { tensor = Tensor::scalar(static_cast<T>(static_cast<Wide<T>>(value))); })) {
    fail(unsupported(std::string("a constant of type ") + to_string(type) + " is needed; is the input's type known?"));
    return nullptr;
  }
  return graph.add_constant(std::move(tensor));
}

std::string_view newest_name(std::string_view op, int64_t version) {
  if (const Composition* row = find_composition(op)) return row->becomes;
  for (const Change& change : kChanges)
    if (change.op == op && version < change.since && !change.becomes.empty()) return change.becomes;
  return op;
}

bool knows_operator(const std::string& op) {
  const auto all = ops::all_operators();
  return find_composition(op) ||
         std::any_of(all.begin(), all.end(), [&](const ops::Operator& row) { return row.name == op; }) ||
         std::any_of(std::begin(kChanges), std::end(kChanges), [&](const Change& change) { return change.op == op; });
}

Status convert(Step& step) {
  if (step.version < 6) step.attributes.erase("consumed_inputs");
  const std::string op = step.op;
  if (const Composition* row = find_composition(op)) compose(step, *row);
  for (const Change& change : kChanges)
    if (change.op == op && step.version < change.since && step.status.ok() && step.results.empty()) change.convert(step);
  if (step.status.ok() && step.results.empty()) step.emit();
  return step.status;
}

}  // namespace vivace::onnx
