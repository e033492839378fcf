// How kernels are chosen, so far as it needs no GPU.
#include <gtest/gtest.h>

#include <cstring>
#include <set>

#include "backends/cuda/image.h"
#include "backends/cuda/layout.h"
#include "builder/cuda_work.h"
#include "builder/forced.h"
#include "cuda/graphs.h"

namespace vivace::builder {
namespace {

using cuda::described;
using cuda::graph_of;

TEST(Layout, PutsEachElementWhereItIsFoundAgain) {
  cpu::TensorInfo info;
  info.type = DType::f16;
  info.shape = {2, 5, 3, 2};
  info.channel_block = 24;  // a part of a wider image
  const cuda::Layout layout(info);
  ASSERT_EQ(layout.places(), 2u * 6 * 24);
  size_t pads = 0, others = 0;
  for (size_t k = 0; k < layout.places(); ++k) {
    const int64_t i = layout.element(k);
    pads += i == cuda::Layout::kPad;
    others += i == cuda::Layout::kOther;
    if (i >= 0) {
      EXPECT_EQ(layout.place(static_cast<size_t>(i)), k);
    }
  }
  EXPECT_EQ(pads, 12u * 3);
  EXPECT_EQ(others, 12u * 16);
  const Tensor x = ir::random_tensor(DType::f16, info.shape, 1);
  std::vector<std::byte> memory(info.bytes(), std::byte{0x55});
  layout.scatter(x, memory.data());
  EXPECT_TRUE(layout.pads_are_zero(memory.data()));
  EXPECT_EQ(memory[2 * 8], std::byte{0x55}) << "the first lane of the neighbour";
  const Result<Tensor> back = layout.gather(memory.data());
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(std::memcmp(back->data(), x.data(), x.bytes()), 0);
  memory[2 * 5] = std::byte{1};
  EXPECT_FALSE(layout.pads_are_zero(memory.data()));
}

struct Listed {
  std::shared_ptr<ir::Graph> graph =
      graph_of("(%x: f32[64,256]) { %y = MatMul(%x, const f32[256,128] random(1)) \"a+product+b\" return %y }");
  Result<cpu::ConcreteGraph> at = cpu::concretize(*graph, {{64, 256}});
  const ir::Node& node = *graph->nodes().front();
  cuda::Problem problem = cpu::problem_of(node, *at);
  Result<CudaWork> work(const RecordedTimes& recorded, size_t most) const {
    return list_work(node, problem, nullptr, BuildConfig(), described(), recorded, most);
  }
};

TEST(CudaWork, RecordedTimesComeBeforeEstimates) {
  const Listed listed;
  const Result<CudaWork> plain = listed.work(RecordedTimes(TimingCache(), described()), 1000);
  ASSERT_TRUE(plain.ok()) << plain.status().message();
  ASSERT_GT(plain->options.size(), 1u);
  const CudaOption& last = plain->options.back();
  cuda::Device other = described();
  other.name = "another GPU";
  TimingCache cache;
  cache.put(gpu_key(other, option_key(last, "", plain->key)), 1e-6);
  const Result<CudaWork> recorded = listed.work(RecordedTimes(cache, described()), 1);
  ASSERT_EQ(recorded->options.size(), 1u);
  EXPECT_EQ(recorded->options[0].tactic, last.tactic);
  EXPECT_EQ(recorded->options[0].configuration, last.configuration);
  // The GPU's own times are better than those of another one.
  cache.put(gpu_key(described(), option_key(last, "", plain->key)), 2e-6);
  EXPECT_EQ(RecordedTimes(cache, described()).find(option_key(last, "", plain->key)), 2e-6);
  other.minor = 9;
  EXPECT_EQ(RecordedTimes(cache, other).size(), 0u) << "of another architecture";
}

TEST(CudaWork, EachTacticsBestComesBeforeAnyonesSecond) {
  const Listed listed;
  const Result<CudaWork> work = listed.work(RecordedTimes(TimingCache(), described()), 1000);
  ASSERT_TRUE(work.ok());
  std::set<const cuda::Tactic*> tactics;
  for (const CudaOption& option : work->options) tactics.insert(option.tactic);
  std::set<const cuda::Tactic*> first;
  for (size_t i = 0; i < tactics.size(); ++i) first.insert(work->options[i].tactic);
  EXPECT_EQ(first, tactics);
}

TEST(CudaWork, NeighboursDifferLeastFromTheBest) {
  const Listed listed;
  Result<CudaWork> work = listed.work(RecordedTimes(TimingCache(), described()), 1);
  ASSERT_TRUE(work.ok());
  ASSERT_EQ(work->options.size(), 1u);
  const CudaOption& spare = work->spare.front();
  work->options.front().tactic = spare.tactic;
  const auto configured = [&](const char* text) {
    CudaOption option = spare;
    option.configuration = text;
    return option;
  };
  CudaOption other = configured("64x32 warps 4x1 stages 3");
  other.tactic = cuda::all_tactics().front() == spare.tactic ? cuda::all_tactics().back() : cuda::all_tactics().front();
  work->options = {configured("64x32 warps 4x1 stages 3")};
  work->spare = {configured("16x16 warps 4x1 stages 2"), other, configured("64x32 warps 2x1 stages 2 together"),
                 configured("64x16 warps 4x1 stages 3"), configured("64x32 warps 4x1 stages 4")};
  EXPECT_EQ(add_neighbours(*work, 3), 3u);
  std::vector<std::string> texts;
  for (const CudaOption& option : work->options) texts.push_back(option.configuration);
  EXPECT_EQ(texts, (std::vector<std::string>{"64x32 warps 4x1 stages 3", "64x16 warps 4x1 stages 3",
                                             "64x32 warps 4x1 stages 4", "16x16 warps 4x1 stages 2"}));
  ASSERT_EQ(work->spare.size(), 2u) << "another tactic's is none";
  EXPECT_EQ(add_neighbours(*work, 3), 1u);
  EXPECT_EQ(add_neighbours(*work, 3), 0u);
}

// Compilers that refuse some or all kernels, and what is left to run.
TEST(CudaWork, WhatWasTimedBeforeKeepsItsTime) {
  std::vector<CudaOption> timed(3);
  timed[0].candidate.seconds = 2e-6;  // at a slower clock than before
  timed[1].candidate.seconds = 1e-6;
  timed[2].candidate.refused = "wrong";
  keep_time(timed, 1.5e-6);
  EXPECT_EQ(timed[0].candidate.seconds, 1.5e-6);
  EXPECT_DOUBLE_EQ(timed[1].candidate.seconds, 0.75e-6);
  EXPECT_EQ(timed[2].candidate.seconds, 0);
}

TEST(MakeOptions, DropsWhatDoesNotCompileAndTakesTheNextBest) {
  const Listed listed;
  const Result<CudaWork> work = listed.work(RecordedTimes(TimingCache(), described()), 1);
  ASSERT_TRUE(work.ok());
  ASSERT_FALSE(work->spare.empty());
  ThreadPool pool(1);
  CudaImages images;
  const auto make = [&](CudaWork& of, int refusals) {
    const Compile compile = [&](const std::string&, const std::string& name, const std::string&) {
      return refusals-- > 0 ? Result<std::string>(Status(Code::internal, "too many registers for " + name))
                            : Result<std::string>(std::string("code"));
    };
    for (bool dropped = true; dropped && !of.options.empty();) {
      const Result<bool> made = make_options({{&of, 0}}, BuildConfig(), described(), pool, compile, images);
      ASSERT_TRUE(made.ok()) << made.status().message();
      dropped = *made;
    }
  };
  CudaWork some = *work;
  make(some, 1);
  ASSERT_EQ(some.options.size(), 1u);
  EXPECT_EQ(some.options[0].configuration, work->spare[0].configuration);
  ASSERT_EQ(some.options[0].job.launches.size(), 1u);
  EXPECT_TRUE(images.contains(cuda::image_key(some.options[0].job.launches[0], described().architecture())));
  ASSERT_EQ(some.refused.size(), work->refused.size() + 1);
  EXPECT_EQ(some.refused.back().configuration, work->options[0].configuration);
  EXPECT_NE(some.refused.back().refused.find("too many registers"), std::string::npos);
  images.clear();
  CudaWork none = *work;
  make(none, 1000);
  EXPECT_TRUE(none.options.empty());
  EXPECT_EQ(none.refused.size(), work->refused.size() + 1 + work->spare.size());
}

TEST(MakeOptions, DropsWhatNeedsMoreWorkspaceThanAllowed) {
  const Listed listed;
  const Result<CudaWork> work = listed.work(RecordedTimes(TimingCache(), described()), 1);
  ASSERT_TRUE(work.ok());
  ThreadPool pool(1);
  CudaImages images;
  const Compile compile = [](const std::string&, const std::string&, const std::string&) {
    return Result<std::string>(std::string("code"));
  };
  BuildConfig config;
  config.workspace_limit = 100;
  for (const size_t needed : {100u, 101u}) {
    CudaWork some = *work;
    const size_t refused = some.refused.size();
    some.options[0].job.launches.clear();
    static size_t workspace;
    workspace = needed;
    static cuda::Tactic hungry;
    hungry = *some.options[0].tactic;
    hungry.prepare = nullptr;
    hungry.generate = [](const cuda::Problem&, const std::string&, const cuda::Device&) -> Result<cuda::Job> {
      cuda::Job job;
      job.launches.emplace_back();
      job.workspace = workspace;
      return job;
    };
    some.options[0].tactic = &hungry;
    const Result<bool> dropped = make_options({{&some, 0}}, config, described(), pool, compile, images);
    ASSERT_TRUE(dropped.ok()) << dropped.status().message();
    EXPECT_EQ(*dropped, needed > config.workspace_limit);
    ASSERT_EQ(some.refused.size(), refused + (*dropped ? 1 : 0));
    if (*dropped) {
      EXPECT_NE(some.refused.back().refused.find("101 bytes of workspace"), std::string::npos);
    }
  }
}

TEST(ForcedTactics, NameNodesAndPartsOfThemAndHaveToNameSomething) {
  const Listed listed;
  const ForcedTactics by_part({"product=t"}), by_operator({"MatMul=t"}), by_nobody({"prod=t"});
  ASSERT_NE(by_part.find(listed.node), nullptr);
  EXPECT_EQ(*by_part.find(listed.node), "t");
  EXPECT_NE(by_operator.find(listed.node), nullptr);
  EXPECT_EQ(by_nobody.find(listed.node), nullptr);
  EXPECT_TRUE(by_part.check().ok());
  EXPECT_EQ(by_nobody.check().code(), Code::invalid_argument);
  BuildConfig config;
  config.device = "sm_90";
  config.effort = 0;
  config.forced_tactics = {"nothing=cuda_softmax"};
  const auto built = build(listed.graph->clone(), config);
  ASSERT_FALSE(built.ok());
  EXPECT_EQ(built.status().code(), Code::invalid_argument);
  EXPECT_NE(built.status().message().find("'nothing'"), std::string::npos);
}

}  // namespace
}  // namespace vivace::builder
