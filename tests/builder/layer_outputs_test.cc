// The values between the layers of a plan, and the first of them that is wrong where a layer is.
#include "builder/layer_outputs.h"

#include <gtest/gtest.h>

#include <cstring>

#include "builder/builder.h"
#include "ir/text.h"
#include "runtime/engine.h"

namespace vivace::builder {
namespace {

struct Model {
  const char* text;
  Shape shape;
};

const Model kStatic{R"((%x: f32[1,3,12,12]) {
  %a = Conv(%x, const f32[24,3,3,3] random(1), const f32[24] random(2)) {pads=[1,1,1,1]} "first"
  %b = Relu(%a)
  %c = Conv(%b, const f32[24,24,3,3] random(3)) {pads=[1,1,1,1]} "second"
  %d = Add(%c, %b)
  %e = MaxPool(%d) {kernel_shape=[2,2], strides=[2,2]} "pool"
  %f = Conv(%e, const f32[32,24,1,1] random(4), const f32[32] random(5)) "third"
  %g = GlobalAveragePool(%f)
  %h = Flatten(%g)
  %y = Gemm(%h, const f32[10,32] random(6), const f32[10] random(7)) {transB=1} "classes"
  return %y })",
                    {1, 3, 12, 12}};
const Model kDynamic{R"((%x: f32[batch,seq,16]) {
  %a = MatMul(%x, const f32[16,24] random(1)) "first"
  %b = Gelu(%a)
  %n = LayerNormalization(%b, const f32[24] random(2), const f32[24] random(3)) "norm"
  %c = MatMul(%n, const f32[24,16] random(4)) "second"
  %d = Add(%c, %x)
  %e = Softmax(%d)
  %y = MatMul(%e, const f32[16,8] random(5)) "third"
  return %y })",
                     {2, 5, 16}};

plan::Plan plan_of(const Model& model) {
  auto graph = ir::parse("graph " + std::string(model.text));
  EXPECT_TRUE(graph.ok()) << graph.status().message();
  BuildConfig config;
  config.threads = 2;
  config.effort = 0;
  auto built = build(*std::move(graph), config);
  EXPECT_TRUE(built.ok()) << built.status().message();
  return std::move(built->plan);
}

// The values between the layers, by name.
std::map<std::string, Tensor> values_of(plan::Plan plan, const Tensor& x) {
  const size_t own = plan.program.graph->outputs().size();
  plan.program = with_layer_outputs(plan.program, plan.origin.device);
  plan.portable.reset();
  const auto engine = runtime::Engine::load(std::move(plan));
  EXPECT_TRUE(engine.ok()) << engine.status().message();
  std::vector<Tensor> outputs;
  const Status status = (*engine)->run({x.view()}, outputs);
  EXPECT_TRUE(status.ok()) << status.message();
  EXPECT_GT(outputs.size(), own);
  std::map<std::string, Tensor> values;
  for (size_t i = 0; i < outputs.size(); ++i)
    EXPECT_TRUE(values.emplace((*engine)->outputs()[i].name, outputs[i]).second) << (*engine)->outputs()[i].name;
  return values;
}

Tensor damaged(const Tensor& tensor) {
  Tensor copy = Tensor::allocate(tensor.type(), tensor.shape()).value();
  std::memcpy(copy.data(), tensor.data(), tensor.bytes());
  for (int64_t i = 0; i < copy.count(); ++i) copy.as<float>()[i] += 0.5f;
  return copy;
}

void expect_first_bad_layers(const Model& model) {
  const plan::Plan plan = plan_of(model);
  const Tensor x = ir::random_tensor(DType::f32, model.shape, 1);
  const std::map<std::string, Tensor> good = values_of(plan, x);
  const std::vector<ir::Node*> nodes = plan.program.graph->node_list();
  int tried = 0;
  for (size_t i = 0; i < nodes.size(); ++i) {
    if (plan.program.choices[i].packed.empty()) continue;
    plan::Plan broken = plan;
    broken.program.choices[i].packed[0] = damaged(plan.program.choices[i].packed[0]);
    const std::map<std::string, Tensor> bad = values_of(broken, x);
    ASSERT_EQ(bad.size(), good.size());
    bool found = false;
    for (const ir::Node* node : nodes) {
      if (node->op == "vivace.Reorder") continue;
      const std::string& name = node->output()->name;
      const auto at = good.find(name);
      if (at == good.end()) continue;
      const bool same = std::memcmp(at->second.data(), bad.at(name).data(), at->second.bytes()) == 0;
      if (node == nodes[i]) {
        EXPECT_FALSE(same) << name << " hides that its weights are damaged";
        found = true;
        break;
      }
      EXPECT_TRUE(same) << name << " comes before " << nodes[i]->output()->name;
    }
    EXPECT_TRUE(found) << nodes[i]->describe() << " shows no output";
    ++tried;
  }
  EXPECT_GE(tried, 3);
}

TEST(LayerOutputs, ShowTheFirstBadLayer) { expect_first_bad_layers(kStatic); }
TEST(LayerOutputs, ShowTheFirstBadLayerOfADynamicModel) { expect_first_bad_layers(kDynamic); }

TEST(LayerOutputs, LeaveTheProgramAsItWas) {
  const plan::Plan plan = plan_of(kStatic);
  const std::string before = ir::print(*plan.program.graph);
  const plan::Program shown = with_layer_outputs(plan.program, plan.origin.device);
  EXPECT_EQ(ir::print(*plan.program.graph), before);
  ASSERT_EQ(shown.choices.size(), shown.graph->nodes().size());
  for (size_t i = 0; i < plan.program.choices.size(); ++i)
    EXPECT_EQ(shown.choices[i].tactic, plan.program.choices[i].tactic);
  for (size_t i = 0; i < plan.program.graph->outputs().size(); ++i)
    EXPECT_EQ(shown.graph->output_name(i), plan.program.graph->output_name(i));
}

}  // namespace
}  // namespace vivace::builder
