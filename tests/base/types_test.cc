// Element types, shapes, tensors, threads.
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <limits>
#include <thread>

#include "base/tensor.h"
#include "base/threads.h"

namespace vivace {
namespace {

TEST(Half, GoesThereAndBackForEveryValue) {
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    const float value = half_to_float(static_cast<uint16_t>(bits));
    const uint16_t back = float_to_half(value);
    EXPECT_TRUE(back == bits || (std::isnan(value) && std::isnan(half_to_float(back)))) << bits;
    const BFloat16 b = [&] {
      BFloat16 made;
      made.bits = static_cast<uint16_t>(bits);
      return made;
    }();
    const float wide = b;
    const BFloat16 again(wide);
    EXPECT_TRUE(again.bits == bits || (std::isnan(wide) && std::isnan(static_cast<float>(again)))) << bits;
  }
}

TEST(Half, RoundsToNearestEven) {
  EXPECT_EQ(float_to_half(1.0f + 1.0f / 2048), float_to_half(1.0f));  // half way: to even
  EXPECT_EQ(float_to_half(1.0f + 3.0f / 2048), float_to_half(1.0f + 2.0f / 1024));
  EXPECT_EQ(float_to_half(65519.0f), 0x7bff);  // the largest half
  EXPECT_EQ(float_to_half(65520.0f), 0x7c00);  // rounds to infinity
  EXPECT_EQ(float_to_half(-1e-8f), 0x8000);
  EXPECT_EQ(float_to_half(std::ldexp(1.0f, -24)), 1);
  EXPECT_EQ(BFloat16(1.0f + 1.0f / 256).bits, BFloat16(1.0f).bits);
}

TEST(Shapes, CountWithoutOverflowing) {
  EXPECT_EQ(checked_elements(Shape{}), 1);
  EXPECT_EQ(checked_elements(Shape{3, 0, int64_t{1} << 62}), 0);
  EXPECT_FALSE(checked_elements(Shape{int64_t{1} << 40, int64_t{1} << 40}));
  EXPECT_FALSE(checked_elements(Shape{2, -1}));
  EXPECT_EQ(broadcast({3, 1}, {4}), (Shape{3, 4}));
  EXPECT_FALSE(broadcast({3}, {4}));
}

TEST(Tensors, RefuseWhatCannotBeHeld) {
  EXPECT_EQ(Tensor::allocate(DType::f32, {int64_t{1} << 60}).status().code(), Code::invalid_argument);
  EXPECT_EQ(Tensor::allocate(DType::f32, {-1}).status().code(), Code::invalid_argument);
  EXPECT_EQ(byte_size(DType::i4, 3), 2u);
}

TEST(Tensors, OfObjectsOwnThem) {
  Tensor list;
  const Tensor numbers = Tensor::of(std::vector<float>{1, 2});
  {
    Tensor words = *Tensor::allocate(DType::string, {1});
    words.span<std::string>()[0] = "longer than what a string holds in itself";
    list = Tensor::list({numbers, words, Tensor::list({})});
  }
  const Tensor copy = list;
  EXPECT_EQ(copy.shape(), Shape{3});
  EXPECT_EQ(copy.span<Tensor>()[0].data(), numbers.data());  // shared
  EXPECT_EQ(copy.span<Tensor>()[1].span<std::string>()[0], "longer than what a string holds in itself");
  EXPECT_EQ(copy.span<Tensor>()[2].count(), 0);
  EXPECT_EQ(copy.bytes(), 3 * sizeof(Tensor));
  EXPECT_EQ(Tensor::allocate(DType::list, {2})->span<Tensor>()[1].valid(), false);
}

TEST(ThreadPool, RunsEveryTaskOnce) {
  for (const int threads : {1, 2, 4}) {
    ThreadPool pool(threads);
    EXPECT_EQ(pool.size(), threads);
    for (const int64_t tasks : {0, 1, 2, 7, 1000}) {
      std::vector<std::atomic<int>> runs(static_cast<size_t>(tasks));
      pool.run(tasks, [&](int64_t task, int thread) {
        ++runs[static_cast<size_t>(task)];
        EXPECT_GE(thread, 0);
        EXPECT_LT(thread, threads);
      });
      for (const auto& count : runs) EXPECT_EQ(count, 1);
    }
  }
}

TEST(ThreadPool, TakesNestedAndConcurrentLoops) {
  ThreadPool pool(3);
  std::atomic<int64_t> sum{0};
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 4; ++caller)
    callers.emplace_back([&] {
      for (int i = 0; i < 200; ++i)
        pool.run(8, [&](int64_t, int) { pool.run(3, [&](int64_t task, int) { sum += task; }); });
    });
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(sum, 4 * 200 * 8 * 3);
}

}  // namespace
}  // namespace vivace
