// If, Loop and Scan over small bodies made of operators that are tested elsewhere.
#include <gtest/gtest.h>

#include "ops/operator.h"

namespace vivace::ops {
namespace {

using ir::Dims;
using ir::Type;

Type f32(Dims dims) { return Type::tensor(DType::f32, std::move(dims)); }

std::vector<float> floats(const Tensor& t) { return {t.as<float>(), t.as<float>() + t.count()}; }

// A subgraph of one node over inputs, with constants added by the caller.
std::shared_ptr<ir::Graph> empty_graph() { return std::make_shared<ir::Graph>(); }

// x [2] -> If(condition) { MatMul(x, [2,3] constant) } else { Identity(y [3]) }, both capturing x and y.
struct Branches {
  ir::Graph graph;
  ir::Node* node;

  explicit Branches(Dims else_shape) {
    auto then_branch = empty_graph(), else_branch = empty_graph();
    for (const auto& g : {then_branch, else_branch}) {
      g->add_input("x", f32({2}));
      g->add_input("y", f32(else_shape));
    }
    const std::vector<float> weights{1, 2, 3, 10, 20, 30};
    ir::Value* w = then_branch->add_constant(Tensor::of<float>(std::span(weights), {2, 3}));
    then_branch->mark_output(then_branch->add_node("MatMul", {then_branch->inputs()[0], w})->output());
    else_branch->mark_output(else_branch->add_node("Identity", {else_branch->inputs()[1]})->output());
    node = graph.add_node("If",
                          {graph.add_input("c", Type::tensor(DType::boolean, {})), graph.add_input("x", f32({2})),
                           graph.add_input("y", f32(else_shape))},
                          1, {{"then_branch", then_branch}, {"else_branch", else_branch}, {"captures", int64_t{2}}});
    graph.mark_output(node->output(), "out");
  }
};

TEST(If, RunsTheBranchOfItsCondition) {
  Branches b({3});
  const Tensor x = Tensor::of<float>({1, 2}), y = Tensor::of<float>({7, 8, 9});
  const auto yes = run_reference(*b.node, {Tensor::scalar(true), x, y});
  ASSERT_TRUE(yes.ok()) << yes.status().message();
  EXPECT_EQ(floats((*yes)[0]), (std::vector<float>{21, 42, 63}));
  const auto no = run_reference(*b.node, {Tensor::scalar(false), x, y});
  ASSERT_TRUE(no.ok());
  EXPECT_EQ(floats((*no)[0]), (std::vector<float>{7, 8, 9}));
}

TEST(If, KnowsWhatItsBranchesShare) {
  Branches same({3}), other({4}), rank({1, 3});
  for (Branches* b : {&same, &other, &rank}) ASSERT_TRUE(infer_node(*b->node).ok());
  EXPECT_EQ(same.node->output()->type.to_string(), "f32[3]");
  EXPECT_EQ(other.node->output()->type.to_string(), "f32[?]");
  EXPECT_EQ(rank.node->output()->type.to_string(), "f32[*]");
}

TEST(If, RefusesSubgraphsThatDoNotFit) {
  Branches b({3});
  b.node->attributes["captures"] = int64_t{1};
  EXPECT_FALSE(infer_node(*b.node).ok());
  b.node->attributes["captures"] = int64_t{-5};
  EXPECT_FALSE(infer_node(*b.node).ok());
  b.node->attributes["captures"] = int64_t{2};
  b.node->attributes.erase("else_branch");
  EXPECT_FALSE(infer_node(*b.node).ok());
}

// Loop(trips, condition, v [2]) { v = v * M (captured 2x2); scan output v } with the condition handed on.
struct Iterations {
  ir::Graph graph;
  ir::Node* node;

  explicit Iterations(bool with_condition) {
    auto body = empty_graph();
    body->add_input("i", Type::tensor(DType::i64, {}));
    ir::Value* condition = body->add_input("c", Type::tensor(DType::boolean, {}));
    ir::Value* v = body->add_input("v", f32({1, 2}));
    ir::Value* m = body->add_input("m", f32({2, 2}));
    ir::Value* next = body->add_node("MatMul", {v, m})->output();
    body->mark_output(condition);
    body->mark_output(next);
    body->mark_output(next);
    node = graph.add_node("Loop",
                          {graph.add_input("n", Type::tensor(DType::i64, {})),
                           with_condition ? graph.add_input("c", Type::tensor(DType::boolean, {})) : nullptr,
                           graph.add_input("v", f32({1, 2})), graph.add_input("m", f32({2, 2}))},
                          2, {{"body", body}, {"captures", int64_t{1}}});
    graph.mark_output(node->output(0), "last");
    graph.mark_output(node->output(1), "all");
  }
};

TEST(Loop, CarriesValuesAndStacksScanOutputs) {
  Iterations loop(false);
  const std::vector<float> v{1, 1}, m{1, 1, 0, 1};  // adds the first element to the second
  const std::vector<Tensor> rest{{}, Tensor::of<float>(std::span(v), {1, 2}), Tensor::of<float>(std::span(m), {2, 2})};
  const auto run = [&](int64_t trips) {
    return run_reference(*loop.node, {Tensor::scalar(trips), rest[0], rest[1], rest[2]});
  };
  const auto three = run(3);
  ASSERT_TRUE(three.ok()) << three.status().message();
  EXPECT_EQ(floats((*three)[0]), (std::vector<float>{1, 4}));
  EXPECT_EQ((*three)[1].shape(), (Shape{3, 1, 2}));
  EXPECT_EQ(floats((*three)[1]), (std::vector<float>{1, 2, 1, 3, 1, 4}));
  for (const int64_t trips : {int64_t{0}, int64_t{-3}}) {
    const auto none = run(trips);
    ASSERT_TRUE(none.ok()) << none.status().message();
    EXPECT_EQ(floats((*none)[0]), v);
    EXPECT_EQ((*none)[1].shape(), (Shape{0, 1, 2}));
  }
}

TEST(Loop, StopsWithItsCondition) {
  Iterations loop(true);
  const std::vector<float> v{1, 1}, m{1, 1, 0, 1};
  const auto none =
      run_reference(*loop.node, {Tensor::scalar<int64_t>(5), Tensor::scalar(false),
                                 Tensor::of<float>(std::span(v), {1, 2}), Tensor::of<float>(std::span(m), {2, 2})});
  ASSERT_TRUE(none.ok());
  EXPECT_EQ(floats((*none)[0]), v);
  EXPECT_EQ((*none)[1].count(), 0);
}

TEST(Loop, InfersTripCountAndChangingShapes) {
  Iterations open(false);
  ASSERT_TRUE(infer_node(*open.node).ok());
  EXPECT_EQ(open.node->output(0)->type.to_string(), "f32[1,2]");
  EXPECT_EQ(open.node->output(1)->type.to_string(), "f32[?,1,2]");
  Iterations fixed(false);
  fixed.graph.set_input(fixed.node, 0, fixed.graph.add_constant(Tensor::scalar<int64_t>(4)));
  ASSERT_TRUE(infer_node(*fixed.node).ok());
  EXPECT_EQ(fixed.node->output(1)->type.to_string(), "f32[4,1,2]");
  // A trip count whose elements are known without being constant, and are not one number.
  for (const Dims& dims : {Dims{}, Dims{4, 5}}) {
    Iterations odd(false);
    ir::Node* shape = odd.graph.add_node("Shape", {odd.graph.add_input("s", f32(dims))}, 1, {}, "", odd.node);
    ASSERT_TRUE(infer_node(*shape).ok());
    odd.graph.set_input(odd.node, 0, shape->output());
    ASSERT_TRUE(infer_node(*odd.node).ok());
    EXPECT_EQ(odd.node->output(1)->type.to_string(), "f32[?,1,2]");
  }

  // A carried value that is padded in every iteration.
  auto body = empty_graph();
  body->add_input("i", Type::tensor(DType::i64, {}));
  ir::Value* condition = body->add_input("c", Type::tensor(DType::boolean, {}));
  ir::Value* v = body->add_input("v", f32({1, 1, 4}));
  const std::vector<float> ones{1};
  ir::Node* grow = body->add_node("Conv", {v, body->add_constant(Tensor::of<float>(std::span(ones), {1, 1, 1}))}, 1,
                                  {{"pads", std::vector<int64_t>{1, 1}}});
  body->mark_output(condition);
  body->mark_output(grow->output());
  ir::Graph graph;
  ir::Node* node = graph.add_node(
      "Loop", {graph.add_input("n", Type::tensor(DType::i64, {})), nullptr, graph.add_input("v", f32({1, 1, 4}))}, 1,
      {{"body", body}});
  ASSERT_TRUE(infer_node(*node).ok());
  EXPECT_EQ(node->output()->type.to_string(), "f32[1,1,?]");
  const std::vector<float> four{1, 2, 3, 4};
  const auto grown =
      run_reference(*node, {Tensor::scalar<int64_t>(2), {}, Tensor::of<float>(std::span(four), {1, 1, 4})});
  ASSERT_TRUE(grown.ok()) << grown.status().message();
  EXPECT_EQ(floats((*grown)[0]), (std::vector<float>{0, 0, 1, 2, 3, 4, 0, 0}));
}

TEST(Loop, RefusesBodiesThatDoNotFit) {
  Iterations loop(false);
  for (const int64_t captures : {int64_t{9}, int64_t{-1}, INT64_MAX}) {
    loop.node->attributes["captures"] = captures;
    EXPECT_FALSE(infer_node(*loop.node).ok()) << captures;
  }
}

// Scan(state [2], xs) { state = state * [[1,1],[0,1]] + nothing; slice out = MatMul(x, state) }.
TEST(Scan, WalksAxesInBothDirections) {
  auto body = empty_graph();
  ir::Value* state = body->add_input("s", f32({2}));
  ir::Value* x = body->add_input("x", f32({2}));
  const std::vector<float> shift{1, 1, 0, 1};
  ir::Value* m = body->add_constant(Tensor::of<float>(std::span(shift), {2, 2}));
  body->mark_output(body->add_node("MatMul", {state, m})->output());
  body->mark_output(body->add_node("MatMul", {x, m})->output());
  ir::Graph graph;
  ir::Node* node = graph.add_node("Scan", {graph.add_input("s", f32({2})), graph.add_input("xs", f32({2, 3}))}, 2,
                                  {{"body", body},
                                   {"num_scan_inputs", int64_t{1}},
                                   {"scan_input_axes", std::vector<int64_t>{-1}},
                                   {"scan_input_directions", std::vector<int64_t>{1}},
                                   {"scan_output_axes", std::vector<int64_t>{1}}});
  ASSERT_TRUE(infer_node(*node).ok());
  EXPECT_EQ(node->output(0)->type.to_string(), "f32[2]");
  EXPECT_EQ(node->output(1)->type.to_string(), "f32[2,3]");
  const std::vector<float> xs{1, 2, 3, 10, 20, 30};
  const auto run = [&] {
    return run_reference(*node, {Tensor::of<float>({1, 1}), Tensor::of<float>(std::span(xs), {2, 3})});
  };
  const auto forth = run();
  ASSERT_TRUE(forth.ok()) << forth.status().message();
  EXPECT_EQ(floats((*forth)[0]), (std::vector<float>{1, 4}));
  EXPECT_EQ(floats((*forth)[1]), (std::vector<float>{3, 2, 1, 33, 22, 11}));
  node->attributes["scan_output_directions"] = std::vector<int64_t>{1};
  const auto back = run();
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(floats((*back)[1]), (std::vector<float>{1, 2, 3, 11, 22, 33}));
  node->attributes["scan_input_axes"] = std::vector<int64_t>{2};
  EXPECT_FALSE(run().ok());
  node->attributes["scan_input_axes"] = std::vector<int64_t>{0, 1};
  EXPECT_FALSE(run().ok());
  node->attributes["num_scan_inputs"] = int64_t{3};
  EXPECT_FALSE(run().ok());
}

}  // namespace
}  // namespace vivace::ops
