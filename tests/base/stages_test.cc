#include "base/stages.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <vector>

namespace vivace {
namespace {

using Clock = std::chrono::steady_clock;

// Each block once, and none before all of its line's stage before are done.
void check(ThreadPool& pool, int threads, const Stages& work, bool slow = false) {
  std::vector<std::atomic<int>> runs(static_cast<size_t>(work.lines * work.stages * work.blocks));
  std::vector<std::atomic<int64_t>> done(static_cast<size_t>(work.lines));
  std::atomic<int> early = 0;
  run_stages(pool, threads, work, [&](int64_t line, int64_t stage, int64_t block) {
    if (done[static_cast<size_t>(line)] < stage * work.blocks) ++early;
    ++runs[static_cast<size_t>((line * work.stages + stage) * work.blocks + block)];
    if (slow && block == 0) std::this_thread::sleep_for(std::chrono::microseconds(100));
    ++done[static_cast<size_t>(line)];
  });
  EXPECT_EQ(early, 0);
  for (const std::atomic<int>& count : runs) ASSERT_EQ(count, 1);
}

TEST(Stages, EachBlockOnceAndInOrder) {
  for (const int threads : {1, 2, 5, 40}) {
    ThreadPool pool(threads);
    for (const int64_t lines : {1, 2})
      for (const int64_t blocks : {1, 2, 7, 64}) {
        check(pool, threads, {.lines = lines, .stages = 50, .blocks = blocks});
        check(pool, 2, {.lines = lines, .stages = 50, .blocks = blocks, .period = 2});
      }
    check(pool, threads, {.lines = 2, .stages = 5, .blocks = 9}, true);
    check(pool, threads, {.lines = 2, .stages = 0, .blocks = 9});
    check(pool, threads, {.lines = 2, .stages = 9, .blocks = 0});
  }
}

// Inside a loop of the pool all is done by one thread, which waits for none.
TEST(Stages, InsideLoopsAndFromSeveralCallers) {
  ThreadPool pool(3);
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 3; ++caller)
    callers.emplace_back([&] {
      for (int loop = 0; loop < 20; ++loop) {
        check(pool, 3, {.lines = 2, .stages = 10, .blocks = 5});
        pool.run(4, [&](int64_t, int) { check(pool, 3, {.lines = 2, .stages = 10, .blocks = 5}); });
      }
    });
  for (std::thread& caller : callers) caller.join();
}

// One thread alone: forwards, and every other period backwards.
TEST(Stages, TurnsBackEveryOtherPeriod) {
  ThreadPool pool(1);
  for (const int64_t period : {1, 2}) {
    std::vector<int64_t> order;
    run_stages(pool, 1, {.stages = 2 * period, .blocks = 3, .period = period},
               [&](int64_t, int64_t, int64_t block) { order.push_back(block); });
    std::vector<int64_t> want;
    for (int64_t i = 0; i < period; ++i) want.insert(want.end(), {0, 1, 2});
    for (int64_t i = 0; i < period; ++i) want.insert(want.end(), {2, 1, 0});
    EXPECT_EQ(order, want);
  }
}

// Each thread has the same blocks in every stage, unless it is late.
TEST(Stages, ThreadsKeepTheirBlocks) {
  ThreadPool pool(2);
  std::atomic<int64_t> kept = 0, all = 0;
  for (int loop = 0; loop < 20; ++loop) {
    std::vector<std::thread::id> first(4);
    run_stages(pool, 2, {.stages = 20, .blocks = 4}, [&](int64_t, int64_t stage, int64_t block) {
      for (const auto end = Clock::now() + std::chrono::microseconds(20); Clock::now() < end;) {
      }
      auto& owner = first[static_cast<size_t>(block)];
      if (stage == 2) owner = std::this_thread::get_id();
      if (stage > 2) ++all, kept += owner == std::this_thread::get_id();
    });
  }
  EXPECT_GT(kept.load(), all.load() / 2);
}

}  // namespace
}  // namespace vivace
