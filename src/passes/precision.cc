#include "passes/precision.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <unordered_map>

#include "ops/extension.h"
#include "ops/pointwise_nodes.h"

namespace vivace::passes {

namespace {

// A plugin that says it runs on a GPU with 16 bits in place of f32.
bool plugin_takes(const ir::Node& node, DType type) {
  const Result<std::shared_ptr<const ops::Operation>> opened = ops::open_extension(node);
  if (!opened.ok() || !*opened || !(*opened)->checks_types()) return false;
  ops::PlacedTensors tensors = ops::placed_tensors(node);
  for (auto* list : {&tensors.inputs, &tensors.outputs})
    for (ops::PlacedTensor& t : *list)
      if (t.view.type == DType::f32) t.view.type = type;
  return (*opened)->supports(ops::Where::gpu, tensors);
}

// Operators whose kernels keep sums in f32 and round once, and those that only move values. Recurrences, selections by
// value (TopK, NMS) and whatever is not listed stay in f32.
bool takes_half(const ir::Node& node, DType type) {
  static const std::set<std::string, std::less<>> names = {"Attention",
                                                           "AveragePool",
                                                           "BatchNormalization",
                                                           "Celu",
                                                           "Concat",
                                                           "Conv",
                                                           "ConvTranspose",
                                                           "DepthToSpace",
                                                           "Expand",
                                                           "Flatten",
                                                           "Gather",
                                                           "Gemm",
                                                           "GlobalAveragePool",
                                                           "GlobalLpPool",
                                                           "GlobalMaxPool",
                                                           "GroupNormalization",
                                                           "Identity",
                                                           "InstanceNormalization",
                                                           "LRN",
                                                           "LayerNormalization",
                                                           "LogSoftmax",
                                                           "LpNormalization",
                                                           "MatMul",
                                                           "MaxPool",
                                                           "Mean",
                                                           "MeanVarianceNormalization",
                                                           "PRelu",
                                                           "Pad",
                                                           "RMSNormalization",
                                                           "ReduceMax",
                                                           "ReduceMean",
                                                           "ReduceMin",
                                                           "Reshape",
                                                           "Resize",
                                                           "Slice",
                                                           "Softmax",
                                                           "SpaceToDepth",
                                                           "Split",
                                                           "Squeeze",
                                                           "ThresholdedRelu",
                                                           "Tile",
                                                           "Transpose",
                                                           "Unsqueeze",
                                                           "Where",
                                                           "vivace.FusedConv",
                                                           "vivace.FusedMatMul",
                                                           "vivace.Pointwise",
                                                           "vivace.InvertedResidual",
                                                           "vivace.PooledConv",
                                                           "vivace.SqueezeExcite"};
  if (ops::find_extension(node.op)) return plugin_takes(node, type);
  if (!names.contains(node.op) && !ops::pointwise_program_of(node)) return false;
  // Second outputs (statistics, indices) have types of their own.
  if (node.op == "Split") return true;
  return std::all_of(node.outputs().begin() + 1, node.outputs().end(), [](const ir::Value* v) { return v->unused(); });
}

// Resize's scales and regions are parameters, not data; variances may be below what 16 bits hold.
bool is_data(const ir::Node& node, size_t input) {
  return (node.op != "Resize" && node.op != "BatchNormalization") || input == 0;
}

template <class Half>
Tensor rounded(const Tensor& from, float largest) {
  Result<Tensor> made = Tensor::allocate(from.type() == DType::f32 ? dtype_of<Half> : from.type(), from.shape());
  if (!made.ok()) return {};
  const float* x = from.as<float>();
  Half* y = made->template as<Half>();
  for (int64_t i = 0; i < from.count(); ++i) y[i] = std::isfinite(x[i]) ? std::clamp(x[i], -largest, largest) : x[i];
  return *std::move(made);
}

class Lowering {
 public:
  Lowering(ir::Graph& graph, DType type) : graph_(graph), type_(type) {}

  Result<int> run() {
    // Asked before any type changes: pointwise operators are known by their inputs and outputs being of one type.
    std::set<const ir::Node*> halves;
    for (const ir::Node* node : graph_.node_list())
      if (takes_half(*node, type_)) halves.insert(node);
    for (ir::Node* node : graph_.node_list()) {
      const bool half = halves.contains(node);
      bool any = false;
      for (size_t i = 0; i < node->inputs().size(); ++i) {
        ir::Value* v = node->input(i);
        if (!v || !is_data(*node, i)) continue;
        if (half && v->type.dtype == DType::f32) {
          VIVACE_ASSIGN(ir::Value* const lowered, v->is_constant() ? constant(v) : cast(v, type_, lowered_, node));
          graph_.set_input(node, i, lowered);
          any = true;
        } else if (half) {
          any = any || v->type.dtype == type_;
        } else if (const auto full = made_.find(v); full != made_.end()) {
          VIVACE_ASSIGN(ir::Value* const raised, cast(v, DType::f32, raised_, node));
          graph_.set_input(node, i, raised);
        }
      }
      if (!half || !any) continue;
      ++changes_;
      for (ir::Value* v : node->outputs())
        if (v->type.dtype == DType::f32) v->type.dtype = type_, made_.insert(v);
    }
    for (size_t i = 0; i < graph_.outputs().size(); ++i)
      if (ir::Value* v = graph_.outputs()[i]; made_.contains(v)) {
        VIVACE_ASSIGN(ir::Value* const raised, cast(v, DType::f32, raised_, nullptr));
        graph_.set_output(i, raised);
      }
    graph_.erase_unused();
    VIVACE_TRY(ops::infer_graph(graph_));
    return changes_;
  }

 private:
  using Known = std::unordered_map<ir::Value*, ir::Value*>;

  Result<ir::Value*> constant(ir::Value* v) {
    ir::Value*& known = lowered_[v];
    if (known) return known;
    Tensor made =
        type_ == DType::f16 ? rounded<Float16>(v->constant(), 65504.0f) : rounded<BFloat16>(v->constant(), 3.38e38f);
    if (!made.valid()) return Status(Code::out_of_memory, "no memory for constant '" + v->name + "' in fewer bits");
    known = graph_.add_constant(std::move(made), v->name);
    return known;
  }

  Result<ir::Value*> cast(ir::Value* v, DType to, Known& all, ir::Node* user) {
    ir::Value*& known = all[v];
    if (known) return known;
    ir::Node* node =
        graph_.add_node("Cast", {v}, 1, {{"to", static_cast<int64_t>(to)}}, v->name + "." + to_string(to), user);
    known = node->output();
    known->name = node->name;
    known->type = v->type;
    known->type.dtype = to;
    return known;
  }

  ir::Graph& graph_;
  DType type_;
  int changes_ = 0;
  Known lowered_, raised_;
  std::set<ir::Value*> made_;  // were f32 in the model
};

}  // namespace

Result<int> lower_precision(ir::Graph& graph, DType type) { return Lowering(graph, type).run(); }

}  // namespace vivace::passes
