#include "base/arena.h"

#include <gtest/gtest.h>

#include <random>

#include "base/tensor.h"

namespace vivace {
namespace {

TEST(Arena, KeepsWhatLivesAtTheSameTimeApart) {
  std::mt19937 random(1);
  for (int round = 0; round < 200; ++round) {
    std::vector<ArenaRequest> requests(random() % 40);
    for (ArenaRequest& r : requests) {
      r.bytes = random() % 5 == 0 ? 0 : random() % 10000;
      r.first = static_cast<int>(random() % 30);
      r.last = r.first + static_cast<int>(random() % 6);
    }
    const ArenaPlan plan = plan_arena(requests);
    ASSERT_EQ(plan.offsets.size(), requests.size());
    EXPECT_GE(plan.bytes, plan.largest_live);
    for (size_t i = 0; i < requests.size(); ++i) {
      EXPECT_EQ(plan.offsets[i] % kAlignment, 0u);
      EXPECT_LE(plan.offsets[i] + requests[i].bytes, plan.bytes);
      for (size_t j = 0; j < i; ++j) {
        const bool together = requests[i].first <= requests[j].last && requests[j].first <= requests[i].last;
        const bool apart = plan.offsets[i] + requests[i].bytes <= plan.offsets[j] ||
                           plan.offsets[j] + requests[j].bytes <= plan.offsets[i];
        EXPECT_TRUE(!together || apart || requests[i].bytes == 0 || requests[j].bytes == 0);
      }
    }
  }
}

TEST(Arena, UsesMemoryAgain) {
  // A chain: two buffers alive at a time.
  std::vector<ArenaRequest> chain;
  for (int i = 0; i < 20; ++i) chain.push_back({1024, i, i + 1});
  const ArenaPlan plan = plan_arena(chain);
  EXPECT_EQ(plan.bytes, 2048u);
  EXPECT_EQ(plan.largest_live, 2048u);
  EXPECT_EQ(plan.live.size(), 21u);
}

TEST(Arena, OfNothingIsEmpty) { EXPECT_EQ(plan_arena({}).bytes, 0u); }

}  // namespace
}  // namespace vivace
