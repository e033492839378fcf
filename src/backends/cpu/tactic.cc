#include "backends/cpu/tactic.h"

#include <algorithm>
#include <array>

#include "base/hash.h"

namespace vivace::cpu {

size_t TensorInfo::bytes() const {
  if (!present()) return 0;
  int64_t count = elements(shape);
  if (channel_block > 0 && shape.size() >= 2 && shape[1] > 0)
    count = count / shape[1] * ((shape[1] + channel_block - 1) / channel_block * channel_block);
  return byte_size(type, count);
}

namespace {

std::string text_of(const ir::Attribute& attribute) {
  const auto join = [](const auto& list) {
    std::string text;
    for (const auto& item : list) text += std::to_string(item) + ",";
    return text;
  };
  struct Visitor {
    decltype(join)& list;
    std::string operator()(int64_t v) const { return std::to_string(v); }
    std::string operator()(float v) const { return std::to_string(v); }
    std::string operator()(const std::string& v) const { return v; }
    std::string operator()(const std::vector<int64_t>& v) const { return list(v); }
    std::string operator()(const std::vector<float>& v) const { return list(v); }
    std::string operator()(const std::vector<std::string>& v) const {
      std::string text;
      for (const std::string& s : v) text += s + ",";
      return text;
    }
    std::string operator()(const Tensor& v) const { return to_hex(hash_bytes(v.data(), v.bytes())); }
    std::string operator()(const std::shared_ptr<ir::Graph>&) const { return "graph"; }
  };
  return std::visit(Visitor{join}, attribute);
}

void append(std::string& key, const TensorInfo& tensor) {
  if (!tensor.present()) {
    key += " -";
    return;
  }
  key += std::string(" ") + vivace::to_string(tensor.type) + "[" + vivace::to_string(tensor.shape) + "]";
  if (tensor.channel_block) key += "/" + std::to_string(tensor.channel_block);
  if (!tensor.constant) return;
  key += "c";
  // Small integers are parameters (axes, pads, sizes), not weights: another value is another problem.
  if (is_integer(tensor.type) && tensor.constant->count() <= 16)
    for (const int64_t v : to_int64(*tensor.constant)) key += ":" + std::to_string(v);
}

}  // namespace

std::string Problem::key() const {
  std::string key = node->op;
  for (const auto& [name, value] : node->attributes) key += " " + name + "=" + text_of(value);
  for (const TensorInfo& tensor : inputs) append(key, tensor);
  key += " ->";
  for (const TensorInfo& tensor : outputs) append(key, tensor);
  return key;
}

bool is_alias(const ir::Node& node) {
  static constexpr std::array<std::string_view, 5> kOperators = {"Identity", "Reshape", "Flatten", "Squeeze",
                                                                 "Unsqueeze"};
  return std::find(kOperators.begin(), kOperators.end(), node.op) != kOperators.end() && node.input(0);
}

double roofline_seconds(double flops, double bytes, double efficiency, const Machine& machine) {
  const double threads = machine.threads;
  const double flops_per_second = 3e9 * 4 * vector_floats(machine.isa) * threads;  // two FMAs a cycle at 3 GHz
  const double bytes_per_second = 20e9 * std::min(threads, 4.0);
  constexpr double kCall = 0.5e-6;
  return kCall + std::max(flops / (flops_per_second * efficiency), bytes / bytes_per_second);
}

double flops_of(const Problem& p) {
  const double out = p.outputs.empty() ? 0 : static_cast<double>(elements(p.outputs[0].shape));
  const std::string& op = p.node->op;
  if (p.inputs.size() >= 2 && p.inputs[1].present()) {
    const Shape& w = p.inputs[1].shape;
    if (op == "Conv" || op == "vivace.FusedConv" || op == "vivace.ScaledConv") {
      double window = 1;
      for (size_t i = 1; i < w.size(); ++i) window *= static_cast<double>(w[i]);
      return 2 * out * window;
    }
    const Shape& a = p.inputs[0].shape;
    if (op == "com.microsoft.MatMulNBits") return 2 * out * static_cast<double>(p.attributes().integer("K"));
    if ((op == "MatMul" || op == "Gemm" || op == "vivace.FusedMatMul") && !a.empty()) {
      const bool transposed = p.attributes().integer("trans_a", p.attributes().integer("transA")) != 0 && a.size() >= 2;
      return 2 * out * static_cast<double>(transposed ? a[a.size() - 2] : a.back());
    }
  }
  return out;
}

double bytes_of(const Problem& p) {
  double bytes = 0;
  for (const TensorInfo& tensor : p.inputs) bytes += static_cast<double>(tensor.bytes());
  for (const TensorInfo& tensor : p.outputs) bytes += static_cast<double>(tensor.bytes());
  return bytes;
}

}  // namespace vivace::cpu
