// Which blocks of layers a build for the CPU runs as one kernel, by times that a cache brings.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "builder/builder.h"
#include "ir/text.h"
#include "runtime/engine.h"

namespace vivace::builder {
namespace {

constexpr const char* kNetwork = R"((%x: f32[1,16,19,17]) {
  %a = Conv(%x, const f32[72,16,1,1] random(1), const f32[72] random(2))
  %b = Relu(%a)
  %c = Conv(%b, const f32[72,1,3,3] random(3), const f32[72] random(4)) {pads=[1,1,1,1], group=72}
  %d = Relu(%c)
  %e = Conv(%d, const f32[16,72,1,1] random(5))
  %y = Add(%x, %e)
  return %y
})";

BuildConfig config_with(TimingCache* cache) {
  BuildConfig config;
  config.threads = 2;
  config.effort = 2;
  config.cache = cache;
  return config;
}

Result<BuildResult> built(const BuildConfig& config) {
  VIVACE_ASSIGN(std::unique_ptr<ir::Graph> graph, ir::parse("graph " + std::string(kNetwork)));
  return build(std::move(graph), config);
}

// Cached times of everything that was timed, but for these.
void fill(TimingCache& cache, const TimingCache& from, const std::function<double(const std::string&)>& seconds) {
  for (const auto& [key, known] : from.entries()) {
    const double given = seconds(key);
    cache.put(key, given > 0 ? given : known);
  }
}

std::vector<std::string> operators(const plan::Plan& plan) {
  std::vector<std::string> ops;
  for (const ir::Node* node : plan.program.graph->node_list())
    if (node->op != "vivace.Reorder") ops.push_back(node->op);
  return ops;
}

std::vector<float> output_of(BuildResult result) {
  auto engine = runtime::Engine::load(std::move(result.plan), {});
  if (!engine.ok()) return {};
  const Tensor x = ir::random_tensor(DType::f32, {1, 16, 19, 17}, 1);
  std::vector<Tensor> outputs;
  if (!(*engine)->run({x.view()}, outputs).ok()) return {};
  return {outputs[0].as<float>(), outputs[0].as<float>() + outputs[0].count()};
}

bool is_block(const std::string& key) { return key.find("inverted_residual") != std::string::npos; }
bool is_whole(const std::string& key) { return is_block(key) && key.find("[16x72x1x1]") != std::string::npos; }

const std::vector<std::string> kApart(3, "vivace.FusedConv"), kFused{"vivace.InvertedResidual"},
    kSmaller{"vivace.InvertedResidual", "vivace.FusedConv"};

class Blocks : public testing::Test {
 protected:
  void SetUp() override {
    // All that any decision asks for: the whole block, and the smaller one, which is tried where the whole one loses.
    ASSERT_TRUE(built(config_with(&times_)).ok());
    TimingCache slow;
    fill(slow, times_, [](const std::string& key) { return is_whole(key) ? 1 : 0; });
    ASSERT_TRUE(built(config_with(&slow)).ok());
    times_.merge(slow);
  }
  Result<BuildResult> with(const std::function<double(const std::string&)>& seconds) {
    TimingCache cache;
    fill(cache, times_, seconds);
    return built(config_with(&cache));
  }
  TimingCache times_;
};

TEST_F(Blocks, AreOneKernelWhereThatIsFaster) {
  const auto fused = with([](const std::string& key) { return is_whole(key) ? 1e-9 : 0; });
  ASSERT_TRUE(fused.ok()) << fused.status().message();
  EXPECT_EQ(operators(fused->plan), kFused);
  EXPECT_EQ(fused->report.timed, 0);
  const auto apart = with([](const std::string& key) { return is_block(key) ? 1 : 0; });
  ASSERT_TRUE(apart.ok()) << apart.status().message();
  EXPECT_EQ(operators(apart->plan), kApart);
  const auto smaller = with([](const std::string& key) { return is_whole(key) ? 1 : is_block(key) ? 1e-9 : 0; });
  ASSERT_TRUE(smaller.ok()) << smaller.status().message();
  EXPECT_EQ(operators(smaller->plan), kSmaller);
  EXPECT_EQ(smaller->report.notes.back(),
            "1 blocks of layers run as one kernel each; 1 would take more time than their parts");
}

TEST_F(Blocks, MakeTheSameResults) {
  auto fused = with([](const std::string& key) { return is_whole(key) ? 1e-9 : 0; });
  auto apart = with([](const std::string& key) { return is_block(key) ? 1 : 0; });
  ASSERT_TRUE(fused.ok() && apart.ok());
  const std::vector<float> one = output_of(*std::move(fused)), other = output_of(*std::move(apart));
  ASSERT_EQ(one.size(), size_t{16 * 19 * 17});
  ASSERT_EQ(one.size(), other.size());
  for (size_t i = 0; i < one.size(); ++i) ASSERT_NEAR(one[i], other[i], 1e-5 * (1 + std::abs(other[i]))) << i;
}

TEST_F(Blocks, StayApartWhereNobodyKnows) {
  BuildConfig config = config_with(nullptr);
  config.time_budget = 1e-9;
  const auto hurried = built(config);
  ASSERT_TRUE(hurried.ok()) << hurried.status().message();
  EXPECT_EQ(operators(hurried->plan), kApart);
  config = config_with(&times_);
  config.effort = 0;
  const auto estimated = built(config);
  ASSERT_TRUE(estimated.ok());
  EXPECT_EQ(operators(estimated->plan), kApart);
  config.effort = 2;
  config.disabled_tactics = {"inverted_residual"};
  const auto disabled = built(config);
  ASSERT_TRUE(disabled.ok());
  EXPECT_EQ(operators(disabled->plan), kApart);
}

}  // namespace
}  // namespace vivace::builder
