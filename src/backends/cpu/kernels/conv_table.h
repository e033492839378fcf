// Each kernel's source defines its row; conv_table.cc puts them together.
#pragma once

#include "backends/cpu/kernels/conv.h"

namespace vivace::cpu::VIVACE_ISA {

extern const ConvKernel kDirect;

void to_blocked(int batch, int channels, int64_t pixels, const float* plain, float* blocked, ThreadPool& threads);
void to_plain(int batch, int channels, int64_t pixels, const float* blocked, float* plain, ThreadPool& threads);

const ConvKernels& conv_kernels();

}  // namespace vivace::cpu::VIVACE_ISA
