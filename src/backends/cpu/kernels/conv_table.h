// Each kernel's source defines its row; conv_table.cc puts them together.
#pragma once

#include "backends/cpu/kernels/conv.h"

namespace vivace::cpu::VIVACE_ISA {

extern const ConvKernel kDirect, kDepthwise, kGrouped, kStem, kWinograd2, kWinograd4;
extern const InvertedKernel kInverted;

void pool_blocked(const PoolShape& shape, const float* input, float* output, ThreadPool& threads);
void pool_plain(const PoolShape& shape, const float* input, float* output, ThreadPool& threads);
void global_average_blocked(int batch, int channels, int64_t pixels, const float* input, float* output,
                            ThreadPool& threads);
void global_average_plain(int batch, int channels, int64_t pixels, const float* input, float* output,
                          ThreadPool& threads);

void to_blocked(int batch, int channels, int64_t pixels, const float* plain, float* blocked, ThreadPool& threads);
void to_plain(int batch, int channels, int64_t pixels, const float* blocked, float* plain, ThreadPool& threads);

const ConvKernels& conv_kernels();

}  // namespace vivace::cpu::VIVACE_ISA
