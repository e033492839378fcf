// A small plan with something of everything in it.
#pragma once

#include "plan/plan.h"

namespace vivace::plan {

inline std::shared_ptr<ir::Graph> sample_body() {
  auto body = std::make_shared<ir::Graph>();
  body->name = "body";
  ir::Value* x = body->add_input("inner", ir::Type::tensor(DType::f32, {ir::Dim::symbol("n"), 3}));
  ir::Node* node = body->add_node("Relu", {x}, 1, {}, "inner_relu");
  node->output()->type = x->type;
  body->mark_output(node->output(), "inner_out");
  return body;
}

inline std::shared_ptr<ir::Graph> sample_graph() {
  auto graph = std::make_shared<ir::Graph>();
  graph->name = "sample";
  const ir::Dims dims = {ir::Dim::symbol("n"), 3};
  ir::Value* x = graph->add_input("x", ir::Type::tensor(DType::f32, dims));
  ir::Value* any = graph->add_input("any", ir::Type::tensor_of_any_rank(DType::i64));
  any->known = ir::Dims{ir::Dim::symbol("(n+1)"), ir::Dim(-7), ir::Dim()};
  const Tensor weights = Tensor::of<float>(std::vector<float>{1, 2, 3});
  ir::Value* w = graph->add_constant(weights, "w");
  ir::Value* same = graph->add_constant(weights.reshaped({3, 1}), "w_column");
  ir::Value* copy = graph->add_constant(Tensor::of<float>(std::vector<float>{1, 2, 3}), "w_copy");
  Tensor words = *Tensor::allocate(DType::string, {2});
  words.as<std::string>()[0] = std::string("a\0b", 3);
  words.as<std::string>()[1] = "";
  ir::Value* names = graph->add_constant(words, "words");
  ir::Value* blocked = graph->add_constant(*Tensor::allocate(DType::f16, {1, 1, 2, 2, 8}), "blocked");
  blocked->type = ir::Type::tensor(DType::f16, {1, 5, 2, 2});
  blocked->type.channel_block = 8;

  ir::Attributes attributes;
  attributes["integer"] = int64_t{-5};
  attributes["real"] = 0.25f;
  attributes["text"] = std::string("NOTSET");
  attributes["integers"] = std::vector<int64_t>{1, -2};
  attributes["reals"] = std::vector<float>{};
  attributes["texts"] = std::vector<std::string>{"one", "", "three"};
  attributes["tensor"] = Tensor::scalar<int64_t>(42);
  attributes["then_branch"] = sample_body();
  ir::Node* node = graph->add_node("vivace.Everything", {x, nullptr, w, same, copy, names, blocked, any}, 2,
                                   std::move(attributes), "everything");
  node->output(0)->name = "y";
  node->output(0)->type = ir::Type::tensor(DType::f32, dims);
  const auto map = ir::Type::map(DType::i64, ir::Type::tensor(DType::bf16, {2, ir::Dim()}));
  node->output(1)->type = ir::Type::sequence(ir::Type::optional(map));
  ir::Node* last = graph->add_node("Identity", {node->output(0)}, 1, {}, "last");
  last->output()->name = "z";
  last->output()->type = ir::Type::tensor(DType::f32, dims);
  graph->mark_output(last->output());
  graph->mark_output(node->output(1), "seq");
  return graph;
}

inline Plan sample_plan() {
  Plan plan;
  plan.origin = {"0.1.0", "cpu avx2", "a processor"};
  plan.name = "sample model";
  plan.ranges = {{{1, 3}, {4, 3}, {8, 3}}, {{2}, {2}, {-1}}};
  plan.portable = sample_graph();
  plan.program.graph = sample_graph();
  Choice choice{"reference", 3, "tile=4", {Tensor::of<float>(std::vector<float>{1, 2, 3}), Tensor::scalar<int8_t>(7)}, 1e-6, 1};
  plan.program.choices = {choice, {}};
  Program body;
  body.graph = sample_body();
  body.choices = {{"relu_avx2", 1, "", {}, 2e-6}};
  plan.program.bodies[{0, "then_branch"}] = body;
  plan.options = {{"effort", "3"}, {"threads", "2"}};
  plan.report = "{}";
  plan.memory_limit = uint64_t{5} << 32;
  plan.metadata = {{"bindings", std::string("x\0any", 5)}, {"empty", ""}};
  return plan;
}

}  // namespace vivace::plan
