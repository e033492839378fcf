// The instruction sets the kernels are compiled for. The best one the processor has is chosen at run time.
#pragma once

#include <string>

namespace vivace::cpu {

enum class Isa { generic, avx2, avx512 };

const char* to_string(Isa isa);
/// The best set this processor (and its operating system) has; `VIVACE_ISA` lowers it, for tests.
Isa best_isa();
/// Floats in one vector, and channels in one block of the NCHWc layout: 4, 8 or 16.
constexpr int vector_floats(Isa isa) { return isa == Isa::avx512 ? 16 : isa == Isa::avx2 ? 8 : 4; }

}  // namespace vivace::cpu
