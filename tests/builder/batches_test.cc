// Large batches, whose samples run in turn: each gives what it gives alone, on any number of threads.
#include <gtest/gtest.h>

#include <cstring>
#include <thread>

#include "backends/cpu/executor.h"
#include "backends/cpu/lower.h"
#include "backends/cpu/samples.h"
#include "builder/builder.h"
#include "builder/layer_outputs.h"
#include "builder/tuner.h"
#include "ir/text.h"
#include "ops/operator.h"
#include "ops/samples.h"
#include "runtime/engine.h"

namespace vivace::builder {
namespace {

std::string network(int64_t batch) {
  return "graph (%x: f32[" + std::to_string(batch) + R"(,3,16,16]) {
  %a = Conv(%x, const f32[24,3,3,3] random(1), const f32[24] random(2)) {pads=[1,1,1,1]} "first"
  %b = Relu(%a)
  %c = Conv(%b, const f32[24,1,3,3] random(3)) {pads=[1,1,1,1], group=24} "second"
  %d = Concat(%c, %b) {axis=1}
  %e = MaxPool(%d) {kernel_shape=[2,2], strides=[2,2]} "pool"
  %f = Conv(%e, const f32[16,48,1,1] random(4), const f32[16] random(5)) "third"
  %g = GlobalAveragePool(%f) "mean"
  %h = Reshape(%g, const i64[2] {)" +
         std::to_string(batch) + R"(, -1})
  %y = Gemm(%h, const f32[1000,16] random(6), const f32[1000] random(7)) {transB=1} "classes"
  return %y, %f as "shown" })";
}

// Caches so small that turns pay, whatever this machine has.
plan::Plan plan_of(int64_t batch, int threads, bool in_turn = true) {
  auto graph = ir::parse(network(batch));
  EXPECT_TRUE(graph.ok()) << graph.status().message();
  BuildConfig config;
  config.threads = threads;
  config.effort = 0;
  config.disabled_passes = {"samples_in_turn"};
  plan::Plan plan = std::move(build(*std::move(graph), config)->plan);
  if (!in_turn) return plan;
  cpu::Machine machine = cpu::this_machine(threads);
  machine.l2_bytes = 1 << 16;
  const std::shared_ptr<ir::Graph> lowered = plan.portable->clone();
  EXPECT_TRUE(cpu::outline_samples(*lowered, machine).ok());
  EXPECT_TRUE(cpu::lower(*lowered, machine).ok());
  Report report;
  Tuner tuner(config, machine, report);
  auto program = tuner.make_program(lowered, {{batch, 3, 16, 16}}, {});
  EXPECT_TRUE(program.ok()) << program.status().message();
  plan.program = *std::move(program);
  return plan;
}

bool takes_turns(const plan::Program& program) {
  const auto& nodes = program.graph->nodes();
  return std::any_of(nodes.begin(), nodes.end(), [](const auto& node) { return node->op == ops::kForSamples; });
}

std::shared_ptr<runtime::Engine> engine_of(plan::Plan plan) {
  auto engine = runtime::Engine::load(std::move(plan));
  EXPECT_TRUE(engine.ok()) << engine.status().message();
  return *std::move(engine);
}

Tensor images(int64_t batch, uint64_t seed = 1) { return ir::random_tensor(DType::f32, {batch, 3, 16, 16}, seed); }

// Kernels sum in other orders for other shapes.
void expect_close(const TensorView& got, const TensorView& want) {
  ASSERT_EQ(got.shape, want.shape);
  for (int64_t i = 0; i < want.count(); ++i)
    ASSERT_NEAR(got.as<float>()[i], want.as<float>()[i], 1e-4) << "element " << i;
}

void expect_what_each_gives_alone(runtime::Engine& one, const Tensor& x, const std::vector<Tensor>& outputs) {
  for (int64_t n = 0; n < x.shape()[0]; ++n) {
    std::vector<Tensor> alone;
    ASSERT_TRUE(one.run({ops::samples_of(x.view(), n, 1)}, alone).ok());
    for (size_t k = 0; k < alone.size(); ++k) expect_close(ops::samples_of(outputs[k].view(), n, 1), alone[k].view());
  }
}

TEST(Batches, GiveWhatEachSampleGivesAlone) {
  const auto one = engine_of(plan_of(1, 1));
  for (const int threads : {1, 2})
    for (const int64_t batch : {2, 3, 5, 9, 32}) {
      const plan::Plan plan = plan_of(batch, threads);
      EXPECT_EQ(takes_turns(plan.program), threads == 1 || batch > 8) << batch << " on " << threads;
      const auto engine = engine_of(plan);
      const Tensor x = images(batch);
      std::vector<Tensor> outputs;
      for (int repeated = 0; repeated < 3; ++repeated) {
        const Status status = engine->run({x.view()}, outputs);
        ASSERT_TRUE(status.ok()) << status.message();
        expect_what_each_gives_alone(*one, x, outputs);
      }
    }
}

TEST(Batches, RunInSeveralContextsAtOnce) {
  const auto one = engine_of(plan_of(1, 1));
  const auto engine = engine_of(plan_of(16, 2));
  std::vector<std::thread> callers;
  std::vector<std::vector<Tensor>> outputs(4);
  for (size_t i = 0; i < outputs.size(); ++i)
    callers.emplace_back([&, i] {
      const auto own = engine->create_context(1 + static_cast<int>(i % 2));
      for (int repeated = 0; repeated < 5; ++repeated)
        EXPECT_TRUE((*own)->run({images(16, i).view()}, outputs[i]).ok());
    });
  for (std::thread& caller : callers) caller.join();
  for (size_t i = 0; i < outputs.size(); ++i) expect_what_each_gives_alone(*one, images(16, i), outputs[i]);
}

TEST(Batches, CountTheMemoryOfTheirTurns) {
  const plan::Plan plan = plan_of(32, 2);
  const auto engine = engine_of(plan);
  const backends::MemoryUse use = engine->memory_use({{32, 3, 16, 16}}).value();
  // Two turns at once, each with its own [1,24,16,16] image at least; a whole batch of them would be 32.
  EXPECT_GE(use.arena_bytes, 2u * 24 * 256 * 4);
  EXPECT_LT(use.arena_bytes, 12u * 24 * 256 * 4);
  runtime::EngineOptions options;
  options.memory_limit = use.constant_bytes + use.arena_bytes;
  const auto fits = runtime::Engine::load(plan, options);
  ASSERT_TRUE(fits.ok()) << fits.status().message();
  std::vector<Tensor> outputs;
  EXPECT_TRUE((*fits)->run({images(32).view()}, outputs).ok());
  --options.memory_limit;
  EXPECT_EQ(runtime::Engine::load(plan, options).status().code(), Code::out_of_memory);
}

TEST(Batches, AreProfiledLayerByLayer) {
  const auto engine = engine_of(plan_of(32, 2));
  const auto context = engine->create_context();
  (*context)->set_profiling(true);
  std::vector<Tensor> outputs;
  for (int i = 0; i < 3; ++i) ASSERT_TRUE((*context)->run({images(32).view()}, outputs).ok());
  std::map<std::string, runtime::LayerTime> times;
  for (const runtime::LayerTime& time : (*context)->profile()) times[time.name] = time;
  for (const char* name : {"second", "pool", "third", "classes"}) {
    EXPECT_EQ(times[name].runs, 3) << name;
    EXPECT_GT(times[name].seconds, 0) << name;
  }
}

TEST(Batches, ShowTheirLayers) {
  const plan::Plan plan = plan_of(32, 2);
  EXPECT_GT(plan.program.choices[0].seconds, plan.program.bodies.at({0, "body"}).choices[0].seconds);
  plan::Plan shown = plan, whole = plan_of(32, 2, false);
  shown.portable.reset();
  shown.program = with_layer_outputs(plan.program, plan.origin.device);
  whole.program = with_layer_outputs(whole.program, plan.origin.device);
  EXPECT_TRUE(takes_turns(plan.program));
  const auto a = engine_of(shown), b = engine_of(whole);
  std::vector<Tensor> x, y;
  ASSERT_TRUE(a->run({images(32).view()}, x).ok());
  ASSERT_TRUE(b->run({images(32).view()}, y).ok());
  ASSERT_EQ(x.size(), y.size());
  ASSERT_GT(x.size(), 6u);
  for (size_t k = 0; k < x.size(); ++k) {
    ASSERT_EQ(a->outputs()[k].name, b->outputs()[k].name);
    expect_close(x[k].view(), y[k].view());
  }
}

TEST(Batches, ComeFromAFileAsTheyWere) {
  const plan::Plan plan = plan_of(32, 2);
  const auto bytes = plan::to_bytes(plan);
  ASSERT_TRUE(bytes.ok());
  auto read = plan::from_bytes(*bytes, nullptr);
  ASSERT_TRUE(read.ok()) << read.status().message();
  std::vector<Tensor> a, b;
  ASSERT_TRUE(engine_of(plan)->run({images(32).view()}, a).ok());
  ASSERT_TRUE(engine_of(*std::move(read))->run({images(32).view()}, b).ok());
  for (size_t k = 0; k < a.size(); ++k) EXPECT_EQ(std::memcmp(a[k].data(), b[k].data(), a[k].bytes()), 0);
}

}  // namespace
}  // namespace vivace::builder
