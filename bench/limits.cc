// What this machine does at most, for `bench/roofline`: f32 multiplications with additions in registers, and reads from
// memory and from the second cache, by this many threads at once. Prints JSON.
//   bench_limits [--threads N] [--seconds S]
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <barrier>
#include <chrono>
#include <nlohmann/json.hpp>
#include <numeric>
#include <thread>
#include <vector>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "backends/cpu/machine.h"

namespace {

using namespace vivace;
using Clock = std::chrono::steady_clock;

constexpr int64_t kSteps = 1 << 16;          // of products in a call: some fraction of a millisecond
constexpr size_t kMemoryBytes = 256u << 20;  // of each thread: more than its share of any cache
constexpr size_t kPieceBytes = 8u << 20;     // of that in a call

// What a thread calls again and again.
struct Kernels {
  double flops_of_call;
  float (*products)();
  float (*sum)(const float* x, size_t count);  // count: a multiple of 128
};

// More sums at once than products in flight, so that none waits for another.
constexpr int kSums = 16;

float products_plain() {
  float sums[kSums] = {};
  for (int64_t step = 0; step < kSteps; ++step)
    for (float& sum : sums) sum = sum * 0.5f + 1;
  return sums[0] + sums[kSums - 1];
}

float sum_plain(const float* x, size_t count) {
  float sums[kSums] = {};
  for (size_t i = 0; i < count; i += kSums)
    for (int k = 0; k < kSums; ++k) sums[k] += x[i + static_cast<size_t>(k)];
  return sums[0] + sums[kSums - 1];
}

#if defined(__x86_64__)
// GCC and clang take the loops over an array of vectors apart into registers.
#define KERNELS(isa, features, Vector, floats, fma, add, set, load, first)                                       \
  __attribute__((target(features))) float products_##isa() {                                                     \
    Vector sums[kSums];                                                                                          \
    for (Vector & sum : sums) sum = set(1);                                                                      \
    const Vector half = set(0.5f), one = set(1);                                                                 \
    for (int64_t step = 0; step < kSteps; ++step)                                                                \
      _Pragma("GCC unroll 16") for (int k = 0; k < kSums; ++k) sums[k] = fma(sums[k], half, one);                \
    for (int k = 1; k < kSums; ++k) sums[0] = add(sums[0], sums[k]);                                             \
    return first(sums[0]);                                                                                       \
  }                                                                                                              \
  __attribute__((target(features))) float sum_##isa(const float* x, size_t count) {                              \
    Vector sums[8];                                                                                              \
    for (Vector & sum : sums) sum = set(0);                                                                      \
    for (size_t i = 0; i < count; i += 8 * (floats))                                                             \
      _Pragma("GCC unroll 8") for (size_t k = 0; k < 8; ++k) sums[k] = add(sums[k], load(x + i + k * (floats))); \
    for (int k = 1; k < 8; ++k) sums[0] = add(sums[0], sums[k]);                                                 \
    return first(sums[0]);                                                                                       \
  }
KERNELS(avx2, "avx2,fma", __m256, 8, _mm256_fmadd_ps, _mm256_add_ps, _mm256_set1_ps, _mm256_loadu_ps, _mm256_cvtss_f32)
KERNELS(avx512, "avx512f", __m512, 16, _mm512_fmadd_ps, _mm512_add_ps, _mm512_set1_ps, _mm512_loadu_ps,
        _mm512_cvtss_f32)
#undef KERNELS
#endif

Kernels kernels_of(cpu::Isa isa) {
#if defined(__x86_64__)
  if (isa == cpu::Isa::avx512) return {2.0 * 16 * kSums * kSteps, products_avx512, sum_avx512};
  if (isa == cpu::Isa::avx2) return {2.0 * 8 * kSums * kSteps, products_avx2, sum_avx2};
#endif
  return {2.0 * kSums * kSteps, products_plain, sum_plain};
}

// Units a second of all threads together, each in its best call, for others use the machine, too. work(thread) returns
// the units it did, and takes about a millisecond.
template <class Work>
double best_rate(int threads, double seconds, const Work& work) {
  std::vector<double> rates(static_cast<size_t>(threads), 0);
  std::barrier start(threads);
  const auto run = [&](int thread) {
    work(thread);  // first touches
    start.arrive_and_wait();
    double& best = rates[static_cast<size_t>(thread)];
    const auto end = Clock::now() + std::chrono::duration<double>(seconds);
    for (auto begin = Clock::now(); begin < end;) {
      const double units = work(thread);
      const auto now = Clock::now();
      best = std::max(best, units / std::chrono::duration<double>(now - begin).count());
      begin = now;
    }
  };
  std::vector<std::thread> others;
  for (int thread = 1; thread < threads; ++thread) others.emplace_back(run, thread);
  run(0);
  for (std::thread& other : others) other.join();
  return std::accumulate(rates.begin(), rates.end(), 0.0);
}

// Reads of `bytes` of each thread's own, in turn in pieces of kPieceBytes, or as often as makes that many.
double read_rate(const Kernels& kernels, size_t bytes, int threads, double seconds) {
  const size_t count = bytes / sizeof(float) / 128 * 128;
  const size_t piece = std::min(count, kPieceBytes / sizeof(float));
  struct Reader {
    std::vector<float> buffer;
    size_t at = 0;
  };
  std::vector<Reader> readers(static_cast<size_t>(threads));
  volatile float sink = 0;
  return best_rate(threads, seconds, [&](int thread) {
    auto& [buffer, at] = readers[static_cast<size_t>(thread)];
    if (buffer.empty()) buffer.assign(count, 1);
    float sum = 0;
    size_t done = 0;
    for (; done < kPieceBytes / sizeof(float); done += piece) {
      sum += kernels.sum(buffer.data() + at, piece);
      at = at + 2 * piece <= count ? at + piece : 0;
    }
    if (sum < 0) sink = sum;
    return static_cast<double>(done * sizeof(float));
  });
}

}  // namespace

int main(int argc, char** argv) {
  int threads = 1;
  double seconds = 1;
  CLI::App app("Measures what this machine does at most: multiplications with additions, and reads.");
  app.add_option("--threads", threads, "Threads")->check(CLI::Range(1, 4096))->capture_default_str();
  app.add_option("--seconds", seconds, "Of each measurement")->check(CLI::PositiveNumber)->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  const cpu::Machine machine = cpu::this_machine(threads);
  const Kernels kernels = kernels_of(machine.isa);
  volatile float sink = 0;
  const double flops = best_rate(threads, seconds, [&](int) {
    const float sum = kernels.products();
    if (sum < 0) sink = sum;
    return kernels.flops_of_call;
  });
  const nlohmann::ordered_json json = {
      {"processor", machine.processor},
      {"isa", cpu::to_string(machine.isa)},
      {"threads", threads},
      {"gflops", flops * 1e-9},
      {"memory_gigabytes_per_second", read_rate(kernels, kMemoryBytes, threads, seconds) * 1e-9},
      {"cache_gigabytes_per_second", read_rate(kernels, machine.l2_bytes / 2, threads, seconds) * 1e-9}};
  fmt::print("{}\n", json.dump(1));
}
