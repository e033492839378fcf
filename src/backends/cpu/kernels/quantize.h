// Between f32 and narrower types: quantization, its reverse, casts.
#pragma once

#include <cstdint>

#include "backends/cpu/isa.h"

namespace vivace {
class ThreadPool;
}

namespace vivace::cpu {

/// Types that casts know; f16 only where `casts` says so.
enum class Narrow { f32, f16, bf16, u8, i8, i32 };

/// [outer, channels, inner]; a scale and a zero point (null: 0) for each channel.
struct QuantizeProblem {
  int64_t outer = 1, channels = 1, inner = 1;
  Narrow type = Narrow::u8;  // of the quantized side: u8 or i8; i32 too where it is read
};

struct QuantizeKernels {
  /// round(x / scale) + zero, saturated; NaN becomes the least.
  void (*quantize)(const QuantizeProblem& problem, const float* x, const float* scale, const void* zero, void* y,
                   ThreadPool& pool);
  /// (x - zero) * scale
  void (*dequantize)(const QuantizeProblem& problem, const void* x, const float* scale, const void* zero, float* y,
                     ThreadPool& pool);
  /// The least and the greatest of x and 0.
  void (*range)(const float* x, int64_t n, float* low, float* high, ThreadPool& pool);
  bool (*casts)(Narrow from, Narrow to);
  void (*cast)(Narrow from, Narrow to, const void* x, void* y, int64_t n, ThreadPool& pool);
};
const QuantizeKernels& quantize_kernels(Isa isa);

}  // namespace vivace::cpu
