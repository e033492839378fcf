// Times the convolution kernels on shapes given as text:
//   bench_conv_kernels [--threads=N] [--isa=NAME] KERNEL:BATCHxIN:H:W:OUT:KERNEL_SIZE:STRIDE[:GROUPS[:PAD]] ...
// e.g. direct:1:64:56:56:256:1:1. PAD: KERNEL_SIZE / 2 unless given. Every configuration is timed.
#include <benchmark/benchmark.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>

#include "backends/cpu/kernels/conv.h"
#include "base/threads.h"

namespace {
using namespace vivace;
using namespace vivace::cpu;

struct Free {
  void operator()(float* p) const { std::free(p); }
};
std::unique_ptr<float, Free> floats(size_t n) {
  std::unique_ptr<float, Free> p(static_cast<float*>(std::aligned_alloc(64, (n + 16) / 16 * 64)));
  for (size_t i = 0; i < n; ++i) p.get()[i] = static_cast<float>(i * 2654435761u % 1024) / 512.f - 0.9f;
  return p;
}

const ConvKernel* kernel_named(const ConvKernels& k, const std::string& name) {
  for (const ConvKernel* c : {&k.direct, &k.depthwise, &k.grouped, &k.stem, &k.winograd2, &k.winograd4})
    if (name == c->name) return c;
  return nullptr;
}

void time_kernel(benchmark::State& state, const ConvKernel& kernel, const ConvShape& s, int configuration, int threads) {
  ThreadPool pool(threads);
  const size_t image = static_cast<size_t>(s.batch) * 16, in = (s.in_channels + 15) / 16, out = (s.out_channels + 15) / 16;
  const auto x = floats(image * in * s.in_h * s.in_w), y = floats(image * out * s.out_h * s.out_w);
  const size_t taps = static_cast<size_t>(s.in_channels / s.groups) * s.kernel_h * s.kernel_w;
  const auto w = floats(s.out_channels * taps), bias = floats(s.out_channels), packed = floats(kernel.packed_floats(s));
  const auto scratch = floats(kernel.scratch_bytes(s, configuration, threads) / sizeof(float));
  kernel.pack(s, w.get(), packed.get());
  const Epilogue e{.bias = bias.get(), .activation = Activation::relu};
  for (auto _ : state) kernel.run(s, configuration, x.get(), packed.get(), y.get(), e, scratch.get(), pool);
  state.counters["GFLOP"] =
      benchmark::Counter(2e-9 * static_cast<double>(s.batch) * s.out_channels * s.out_h * s.out_w * static_cast<double>(taps),
                         benchmark::Counter::kIsIterationInvariantRate);
}
}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  int threads = 1;
  Isa isa = best_isa();
  for (int i = 1; i < argc; ++i) {
    const std::string text = argv[i];
    if (std::sscanf(argv[i], "--threads=%d", &threads) == 1) continue;
    if (text.rfind("--isa=", 0) == 0) {
      for (const Isa known : {Isa::generic, Isa::avx2, Isa::avx512})
        if (text.substr(6) == to_string(known)) isa = known;
      continue;
    }
    ConvShape s;
    const size_t colon = text.find(':');
    const ConvKernel* kernel = kernel_named(conv_kernels(isa), text.substr(0, colon));
    int pad = -1;
    const int read = colon == std::string::npos ? 0 :
        std::sscanf(argv[i] + colon, ":%d:%d:%d:%d:%d:%d:%d:%d:%d", &s.batch, &s.in_channels, &s.in_h, &s.in_w,
                    &s.out_channels, &s.kernel_h, &s.stride_h, &s.groups, &pad);
    if (!kernel || read < 7) {
      std::fprintf(stderr, "%s: not KERNEL:BATCH:IN:H:W:OUT:KERNEL_SIZE:STRIDE[:GROUPS[:PAD]]\n", argv[i]);
      return 1;
    }
    s.kernel_w = s.kernel_h, s.stride_w = s.stride_h;
    s.pad_top = s.pad_left = pad < 0 ? s.kernel_h / 2 : pad;
    s.out_h = (s.in_h + 2 * s.pad_top - s.kernel_h) / s.stride_h + 1;
    s.out_w = (s.in_w + 2 * s.pad_left - s.kernel_w) / s.stride_w + 1;
    if (const char* why = kernel->refuses(s)) {
      std::fprintf(stderr, "%s: %s\n", argv[i], why);
      return 1;
    }
    for (int c = 0; c < kernel->configurations; ++c)
      benchmark::RegisterBenchmark((text + "/" + std::to_string(c)).c_str(),
                                   [=](benchmark::State& state) { time_kernel(state, *kernel, s, c, threads); })
          ->UseRealTime()
          ->Unit(benchmark::kMicrosecond);
  }
  benchmark::RunSpecifiedBenchmarks();
}
