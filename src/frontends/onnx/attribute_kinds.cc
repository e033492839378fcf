#include "frontends/onnx/attribute_kinds.h"

#include <algorithm>
#include <array>
#include <span>

namespace vivace::onnx {

namespace {

using proto::AttributeKind;

// All attributes of the standard's own domain, of any opset, whose name alone says the kind; in alphabetical order.
constexpr std::string_view kInteger[] = {"align_corners", "allowzero", "antialias", "axis", "batch_axis",
    "batch_dims", "block_size", "blocksize", "broadcast", "ceil_mode", "center_point_box", "chunk_size",
    "count_include_pad", "detect_negative", "detect_positive", "dtype", "end", "exclude_outside", "exclusive", "fmod",
    "group", "hidden_size", "ignore_index", "input_forget", "interleaved", "inverse", "is_case_sensitive",
    "is_causal", "is_test", "k", "keepdims", "kv_num_heads", "largest", "layout", "linear_before_reset",
    "max_gram_length", "max_skip_count", "maxsplit", "min_gram_length", "new_axis", "noop_with_empty_axes",
    "num_groups", "num_heads", "num_outputs", "num_scan_inputs", "offset_group", "onesided", "output_datatype",
    "output_dtype", "output_height", "output_sequence", "output_width", "periodic", "precision", "q_num_heads",
    "qk_matmul_output_mode", "reverse", "rotary_embedding_dim", "sample_size", "sampling_ratio", "saturate",
    "select_last_index", "size", "softmax_precision", "sorted", "spatial", "start", "stash_type", "storage_order",
    "time_axis", "training_mode", "transA", "transB", "upper", "value_int"};
constexpr std::string_view kIntegers[] = {"axes", "border", "consumed_inputs", "dilations", "directions", "ends",
    "kernel_shape", "ngram_counts", "ngram_indexes", "output_padding", "output_shape", "paddings", "pads", "perm",
    "pool_int64s", "pooled_shape", "scan_input_axes", "scan_input_directions", "scan_output_axes",
    "scan_output_directions", "shape", "split", "starts", "strides", "value_ints"};
constexpr std::string_view kReal[] = {"alpha", "beta", "clip", "cubic_coeff_a", "epsilon", "extrapolation_value",
    "gamma", "height_scale", "high", "lambd", "low", "max", "mean", "min", "momentum", "ratio", "softcap",
    "spatial_scale", "value_float", "width_scale"};
constexpr std::string_view kReals[] = {"activation_alpha", "activation_beta", "scales", "value_floats", "weights"};
constexpr std::string_view kText[] = {"activation", "approximate", "auto_pad", "case_change_action",
    "coordinate_transformation_mode", "delimiter", "direction", "equation", "keep_aspect_ratio_policy", "locale",
    "mode", "nearest_mode", "padding_mode", "pattern", "pixel_format", "reduction", "round_mode", "update_rule",
    "value_string"};
constexpr std::string_view kTexts[] = {"activations", "pool_strings", "stopwords", "value_strings"};
constexpr std::string_view kGraph[] = {"body", "else_branch", "prob_mod", "score_mod", "then_branch"};

struct Names {
  AttributeKind kind;
  std::span<const std::string_view> names;
};
constexpr Names kNames[] = {
    {AttributeKind::integer, kInteger},
    {AttributeKind::integers, kIntegers},
    {AttributeKind::real, kReal},
    {AttributeKind::reals, kReals},
    {AttributeKind::text, kText},
    {AttributeKind::texts, kTexts},
    {AttributeKind::graph, kGraph},
};

}  // namespace

AttributeKind kind_of_attribute(Bytes name) {
  for (const auto& [kind, names] : kNames)
    if (std::binary_search(names.begin(), names.end(), name)) return kind;
  return AttributeKind::undefined;
}

std::vector<Bytes> attribute_names() {
  std::vector<Bytes> all;
  for (const auto& [kind, names] : kNames) all.insert(all.end(), names.begin(), names.end());
  return all;
}

const char* to_string(AttributeKind kind) {
  constexpr std::array names = {"nothing", "a float", "an integer", "a string", "a tensor", "a graph", "floats", "integers",
                                "strings", "tensors", "graphs", "a sparse tensor", "sparse tensors", "a type", "types"};
  const auto i = static_cast<size_t>(kind);
  return i < names.size() ? names[i] : "an unknown kind";
}

}  // namespace vivace::onnx
