#include "device/variants.h"

#include <algorithm>
#include <set>

#include "backends/cpu/layouts.h"
#include "backends/cuda/lower.h"
#include "ir/text.h"
#include "ops/operator.h"
#include "passes/precision.h"

namespace vivace::cuda {

namespace {

bool is_small(DType type) { return is_float(type) && bits_of(type) == 16; }

// f32: sums of some thousand products in another order than the reference's. The others: the result is rounded to 11
// or 8 bits, and so may be what a kernel keeps between two products (attention's weights).
double tolerance_of(DType type) { return type == DType::f16 ? 4e-3 : type == DType::bf16 ? 3e-2 : 2e-5; }

// What is multiplied is rounded to 11 bits.
constexpr double kTf32Tolerance = 2e-3;

Tensor converted(const Tensor& from, DType type) {
  if (from.type() == type) return from;
  const std::vector<double> x = to_double(from);
  Result<Tensor> made = Tensor::allocate(type, from.shape());
  if (!made.ok()) return {};
  visit_dtype<float, Float16, BFloat16>(type, [&]<class T>() {
    for (size_t i = 0; i < x.size(); ++i) made->as<T>()[i] = static_cast<float>(x[i]);
  });
  return *std::move(made);
}

// Rounds its image, or does not round its result.
bool converts(const std::unique_ptr<ir::Node>& node) {
  return (node->op == "vivace.FusedConv" || node->op == "vivace.PooledConv" || node->op == "vivace.FusedMatMul") &&
         node->input(0)->type.dtype != node->output()->type.dtype;
}

int padded(int64_t channels) { return static_cast<int>((channels + kChannelUnit - 1) / kChannelUnit * kChannelUnit); }

struct Collector {
  std::vector<TestProblem> problems;
  std::set<std::string> seen;

  // Lowered, its images as `graph` has them, as between other nodes with their channels last already, and as parts.
  Status add_last(const ir::Graph& graph, const std::string& name, DType type, bool tf32) {
    const std::shared_ptr<ir::Graph> lowered = graph.clone();
    VIVACE_TRY(lower(*lowered, type, tf32));
    VIVACE_TRY(add(lowered, name + " last", type));
    const std::shared_ptr<ir::Graph> inner = graph.clone();
    for (ir::Value* v : inner->inputs())
      if (cpu::is_image(v, type)) v->type.channel_block = padded((*v->type.dims)[1].value());
    VIVACE_TRY(lower(*inner, type, tf32));
    VIVACE_TRY(add(inner, name + " last", type));
    return add(inner, name + " part", type, kChannelUnit);
  }

  // `wider`: images are parts of images with so many more channels.
  Status add(const std::shared_ptr<const ir::Graph>& graph, const std::string& variant, DType type, int wider = 0) {
    std::vector<Shape> shapes;
    for (const ir::Value* v : graph->inputs()) shapes.push_back(*v->type.shape());
    VIVACE_ASSIGN(cpu::ConcreteGraph concrete, cpu::concretize(*graph, shapes));
    const auto kept = std::make_shared<const cpu::ConcreteGraph>(std::move(concrete));
    const cpu::ConcreteGraph& at = *kept;
    for (const auto& node : graph->nodes()) {
      if (at.settled(*node) || !at.concrete(*node) || cpu::is_alias(*node)) continue;
      TestProblem made{variant, type, cpu::problem_of(*node, at), {}, tolerance_of(type), graph, kept};
      if (node->attributes.has("tf32")) made.tolerance = kTf32Tolerance;
      // Quantization scales in 16 bits give results in 16 bits, whatever the network's type.
      for (const TensorInfo& info : made.problem.outputs)
        if (is_small(info.type)) made.tolerance = std::max(made.tolerance, tolerance_of(info.type));
      for (std::vector<TensorInfo>* all : {&made.problem.inputs, &made.problem.outputs})
        for (TensorInfo& info : *all)
          if (info.channel_block) info.channel_block += wider;
      size_t outputs = 0;
      for (const TensorInfo& info : made.problem.outputs) outputs += info.bytes();
      if (outputs == 0 || !seen.insert(made.problem.key()).second) continue;
      for (size_t i = 0; i < node->inputs().size(); ++i) {
        const ir::Value* v = node->input(i);
        const TensorInfo& info = made.problem.inputs[i];
        if (!v) {
          made.inputs.emplace_back();
        } else if (const Tensor* value = at.value(v)) {
          made.inputs.push_back(*value);
        } else {
          const uint64_t seed = static_cast<uint64_t>(v->id()) + 10;
          const Tensor random = ir::random_tensor(is_small(info.type) ? DType::f32 : info.type, info.shape, seed);
          made.inputs.push_back(converted(random, info.type));
        }
      }
      problems.push_back(std::move(made));
    }
    return {};
  }
};

}  // namespace

Result<std::vector<TestProblem>> problems_of(const char* text) {
  Collector all;
  VIVACE_ASSIGN(const std::shared_ptr<ir::Graph> plain, ir::parse("graph " + std::string(text)));
  VIVACE_TRY(ops::infer_graph(*plain));
  VIVACE_TRY(all.add(plain, "f32", DType::f32));
  VIVACE_TRY(all.add_last(*plain, "tf32", DType::f32, true));
  for (const DType type : {DType::f16, DType::bf16}) {
    const std::string name = to_string(type);
    std::shared_ptr<ir::Graph> small = plain->clone();
    for (ir::Value* v : small->inputs())
      if (v->type.dtype == DType::f32) v->type.dtype = type;
    Result<int> changes = passes::lower_precision(*small, type);
    if (!changes.ok() || *changes == 0) continue;  // its operators stay in f32
    VIVACE_TRY(all.add(small, name, type));
    VIVACE_TRY(all.add_last(*small, name, type, false));
    // As a network's first convolution, which takes f32, or its last product, which makes it.
    const std::shared_ptr<ir::Graph> first = plain->clone();
    VIVACE_TRY(passes::lower_precision(*first, type).status());
    VIVACE_TRY(lower(*first, type));
    if (std::any_of(first->nodes().begin(), first->nodes().end(), converts))
      VIVACE_TRY(all.add(first, name + " last", type));
  }
  return std::move(all.problems);
}

Result<std::vector<Tensor>> expected_of(const TestProblem& problem) {
  std::vector<Tensor> arguments;
  for (const Tensor& t : problem.inputs)
    arguments.push_back(t.valid() && is_small(t.type()) ? converted(t, DType::f32) : t);
  VIVACE_ASSIGN(std::vector<Tensor> made, ops::run_reference(*problem.problem.node, arguments));
  for (Tensor& t : made)
    if (t.valid() && is_small(t.type())) t = converted(t, DType::f32);
  return made;
}

}  // namespace vivace::cuda
