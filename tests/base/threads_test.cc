#include "base/threads.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <vector>

namespace vivace {
namespace {

TEST(ThreadPool, RunsEachTaskOnce) {
  for (const int threads : {1, 2, 5}) {
    ThreadPool pool(threads);
    for (const int64_t tasks : {0, 1, 2, 3, 64, 1000}) {
      std::vector<int> runs(static_cast<size_t>(tasks));
      pool.run(tasks, [&](int64_t task, int thread) {
        EXPECT_TRUE(thread >= 0 && thread < pool.size());
        ++runs[static_cast<size_t>(task)];
      });
      EXPECT_EQ(runs, std::vector<int>(static_cast<size_t>(tasks), 1));
    }
  }
}

// Loops so short that workers come late, to a loop that is over or to the next one; now and then they fall asleep.
TEST(ThreadPool, LateWorkersDoNoHarm) {
  ThreadPool pool(4);
  for (int loop = 0; loop < 20000; ++loop) {
    const int tasks = 2 + loop % 5;
    int64_t done[8] = {};
    pool.run(tasks, [&](int64_t task, int) { done[task] += loop + 1; });
    for (int i = 0; i < 8; ++i) ASSERT_EQ(done[i], i < tasks ? loop + 1 : 0) << "loop " << loop;
    if (loop % 5000 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
}

TEST(ThreadPool, ReturnsOnlyWhenAllAreDone) {
  ThreadPool pool(3);
  for (int loop = 0; loop < 50; ++loop) {
    std::atomic<int> done = 0;
    pool.run(6, [&](int64_t, int thread) {
      if (thread > 0) std::this_thread::sleep_for(std::chrono::microseconds(300));
      ++done;
    });
    ASSERT_EQ(done, 6);
  }
}

// Neighbouring tasks are one thread's, the caller's first; the first of each share waits for the others.
TEST(ThreadPool, EachBeginsWithItsShare) {
  for (const int threads : {2, 3})
    for (const int share : {1, 4}) {
      ThreadPool pool(threads);
      std::vector<int> ran(static_cast<size_t>(threads * share), -1);
      std::atomic<int> begun = 0;
      pool.run(threads * share, [&](int64_t task, int thread) {
        ran[static_cast<size_t>(task)] = thread;
        if (task % share == 0) ++begun;
        while (begun < threads) std::this_thread::yield();
      });
      for (int thread = 0; thread < threads; ++thread) EXPECT_EQ(ran[static_cast<size_t>(thread * share)], thread);
    }
}

TEST(ThreadPool, LoopsInsideLoopsAndFromSeveralCallers) {
  ThreadPool pool(3);
  std::atomic<int> count = 0;
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 3; ++caller)
    callers.emplace_back([&] {
      for (int loop = 0; loop < 100; ++loop)
        pool.run(4, [&](int64_t, int) { pool.run(3, [&](int64_t, int) { ++count; }); });
    });
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(count, 3 * 100 * 4 * 3);
}

}  // namespace
}  // namespace vivace
