#include "passes/rewriting.h"

#include <algorithm>
#include <cmath>

namespace vivace::passes {

std::unique_ptr<ir::Graph> graph_of(const std::string& text) {
  Result<std::unique_ptr<ir::Graph>> graph = ir::parse(text);
  EXPECT_TRUE(graph.ok()) << graph.status().message() << "\n" << text;
  if (!graph.ok()) return std::make_unique<ir::Graph>();
  const Status inferred = ops::infer_graph(**graph);
  EXPECT_TRUE(inferred.ok()) << inferred.message() << "\n" << text;
  return *std::move(graph);
}

std::vector<Tensor> random_inputs(const ir::Graph& graph, uint64_t seed) {
  constexpr int64_t kSizes[] = {2, 3, 5, 7, 11, 13};
  std::map<std::string, int64_t> symbols;
  std::vector<Tensor> inputs;
  for (const ir::Value* input : graph.inputs()) {
    Shape shape;
    for (const ir::Dim& d : *input->type.dims)
      shape.push_back(d.known() ? d.value() : symbols.emplace(d.to_string(), kSizes[symbols.size() % 6]).first->second);
    inputs.push_back(ir::random_tensor(input->type.dtype, shape, seed++));
  }
  return inputs;
}

double tolerance_of(DType type) {
  switch (type) {
    case DType::f32: return 2e-5;
    case DType::f64: return 1e-6;  // attributes, epsilons among them, are f32
    case DType::f16: return 8e-3;
    case DType::bf16: return 6e-2;
    default: return 0;
  }
}

namespace {

double largest(const std::vector<double>& values) {
  double most = 0;
  for (const double v : values)
    if (std::isfinite(v)) most = std::max(most, std::abs(v));
  return most;
}

bool agree(double a, double b, double limit) {
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && std::isnan(b);
  return a == b || std::abs(a - b) <= limit;
}

}  // namespace

void expect_same_results(const ir::Graph& before, const ir::Graph& after, const std::vector<Tensor>& inputs,
                         double factor) {
  const Result<std::vector<Tensor>> a = ops::run_graph_reference(before, inputs),
                                    b = ops::run_graph_reference(after, inputs);
  ASSERT_TRUE(a.ok()) << a.status().message();
  ASSERT_TRUE(b.ok()) << b.status().message();
  ASSERT_EQ(a->size(), b->size());
  for (size_t i = 0; i < a->size(); ++i) {
    const Tensor &x = (*a)[i], &y = (*b)[i];
    ASSERT_EQ(x.type(), y.type());
    ASSERT_EQ(x.shape(), y.shape()) << "output " << i << " has shape " << to_string(y.shape()) << " instead of "
                                    << to_string(x.shape());
    if (!is_float(x.type())) {
      EXPECT_EQ(to_int64(x), to_int64(y)) << "output " << i;
      continue;
    }
    const std::vector<double> p = to_double(x), q = to_double(y);
    const double limit = factor * tolerance_of(x.type()) * std::max(1.0, largest(p));
    for (size_t k = 0; k < p.size(); ++k)
      ASSERT_TRUE(agree(p[k], q[k], limit))
          << "output " << i << ", element " << k << ": " << p[k] << " became " << q[k] << ", limit " << limit;
  }
}

namespace {

std::string structure(const ir::Graph& graph) {
  ir::PrintOptions options;
  options.constant_values = false;
  options.names = false;
  return ir::print(graph, options);
}

}  // namespace

void expect_rewrite(const Pass& pass, const std::string& before, const std::string& after) {
  const std::unique_ptr<ir::Graph> original = graph_of(before), expected = graph_of(after);
  const std::unique_ptr<ir::Graph> graph = original->clone();
  const Result<int> changes = run_pass(pass, *graph);
  ASSERT_TRUE(changes.ok()) << changes.status().message();
  EXPECT_GT(*changes, 0) << pass.name << " found nothing in\n" << ir::print(*original);
  graph->erase_unused();
  EXPECT_EQ(structure(*graph), structure(*expected)) << pass.name;
  expect_same_results(*original, *graph, random_inputs(*original, 1));
  for (int round = 0; round < 10; ++round) {
    const Result<int> more = run_pass(pass, *graph);
    ASSERT_TRUE(more.ok()) << more.status().message();
    if (*more == 0) return;
    graph->erase_unused();
  }
  FAIL() << pass.name << " does not come to an end";
}

void expect_no_rewrite(const Pass& pass, const std::string& text) {
  const std::unique_ptr<ir::Graph> graph = graph_of(text);
  const std::string before = ir::print(*graph);
  const Result<int> changes = run_pass(pass, *graph);
  ASSERT_TRUE(changes.ok()) << changes.status().message();
  EXPECT_EQ(*changes, 0) << pass.name;
  EXPECT_EQ(ir::print(*graph), before);
}

const Pass& pass_named(const std::string& name) {
  for (const Stage& stage : pipeline())
    for (const Pass& pass : stage.passes)
      if (pass.name == name) return pass;
  ADD_FAILURE() << "there is no pass " << name;
  return pipeline()[0].passes[0];
}

}  // namespace vivace::passes
