// vivace.ForSamples: a body on a few samples of a batch at a time.
#include "ops/samples.h"

#include <gtest/gtest.h>

#include "ops/operator.h"

namespace vivace::ops {
namespace {

using ir::Dims;
using ir::Type;

Type f32(Dims dims) { return Type::tensor(DType::f32, std::move(dims)); }

std::vector<float> floats(const Tensor& t) { return {t.as<float>(), t.as<float>() + t.count()}; }

// x [n,2] and y [n,1] -> their sum, and the sum of x over the samples of one turn.
struct Turns {
  ir::Graph graph;
  ir::Node* node;

  explicit Turns(Type x, Type y, int64_t samples, int64_t keepdims = 1) {
    auto body = std::make_shared<ir::Graph>();
    ir::Value *a = body->add_input("x", f32({samples, 2})), *b = body->add_input("y", f32({samples, 1}));
    body->mark_output(body->add_node("Add", {a, b})->output(), "sum");
    ir::Value* axes = body->add_constant(Tensor::of<int64_t>({0}));
    ir::Node* total = body->add_node("ReduceSum", {a, axes}, 1, {{"keepdims", keepdims}});
    body->mark_output(total->output(), "total");
    node = graph.add_node(kForSamples, {graph.add_input("x", std::move(x)), graph.add_input("y", std::move(y))}, 2,
                          {{"body", body}, {"samples", samples}});
    for (ir::Value* v : node->outputs()) graph.mark_output(v);
  }
};

TEST(ForSamples, PutsTheTurnsTogether) {
  Turns one(f32({3, 2}), f32({3, 1}), 1);
  ASSERT_TRUE(infer_node(*one.node).ok());
  EXPECT_EQ(one.node->outputs()[0]->type.to_string(), "f32[3,2]");
  const Tensor x = Tensor::of<float>(std::vector<float>{1, 2, 3, 4, 5, 6}, {3, 2});
  const Tensor y = Tensor::of<float>(std::vector<float>{10, 20, 30}, {3, 1});
  const auto made = run_reference(*one.node, {x, y});
  ASSERT_TRUE(made.ok()) << made.status().message();
  EXPECT_EQ(floats((*made)[0]), (std::vector<float>{11, 12, 23, 24, 35, 36}));
  EXPECT_EQ(floats((*made)[1]), (std::vector<float>{1, 2, 3, 4, 5, 6}));
}

TEST(ForSamples, KnowsTheBatchAsFarAsItsInputsDo) {
  Turns open(f32({ir::Dim::symbol("n"), 2}), f32({ir::Dim::symbol("n"), 1}), 1);
  ASSERT_TRUE(infer_node(*open.node).ok());
  EXPECT_EQ(open.node->outputs()[0]->type.to_string(), "f32[n,2]");
}

TEST(ForSamples, RefusesWhatIsNoBatch) {
  const auto message = [](Type x, Type y, int64_t samples, int64_t keepdims = 1) {
    return infer_node(*Turns(std::move(x), std::move(y), samples, keepdims).node).message();
  };
  EXPECT_NE(message(f32({3, 2}), f32({4, 1}), 1).find("one batch is of 3, one of 4"), std::string::npos);
  EXPECT_NE(message(f32({3, 2}), f32({3, 1}), 2).find("no whole number of 2"), std::string::npos);
  EXPECT_NE(message(f32({3, 2}), f32({3, 1}), 0).find("cannot take 0 samples"), std::string::npos);
  EXPECT_NE(message(f32({}), f32({3, 1}), 1).find("not a batch"), std::string::npos);
  EXPECT_NE(message(f32({4, 2}), f32({4, 1}), 2).find("its body gives f32[1,2] for 2 samples"), std::string::npos);
  EXPECT_NE(message(f32({3, 2}), f32({3, 1}), 1, 0).find("its body gives f32[2] for 1 samples"), std::string::npos);
  EXPECT_NE(message(f32({3, 2}), Type::tensor(DType::string, {3, 1}), 1).find("samples of str"), std::string::npos);
}

}  // namespace
}  // namespace vivace::ops
