// Picks the table of a kernel family for an instruction set. One line per family: sources in kernels/ define
// `const Table& getter()` once per set.
#include "backends/cpu/kernels/attention.h"
#include "backends/cpu/kernels/conv.h"
#include "backends/cpu/kernels/gemm.h"
#include "backends/cpu/kernels/int8.h"
#include "backends/cpu/kernels/math_probe.h"
#include "backends/cpu/kernels/move.h"
#include "backends/cpu/kernels/nbits.h"
#include "backends/cpu/kernels/norm.h"
#include "backends/cpu/kernels/pointwise.h"
#include "backends/cpu/kernels/quantize.h"
#include "backends/cpu/kernels/recurrent.h"
#include "backends/cpu/kernels/sample.h"
#include "backends/cpu/kernels/search.h"

#if defined(__x86_64__)
#define VIVACE_KERNELS(Table, getter)                                                                     \
  namespace generic {                                                                                     \
  const Table& getter();                                                                                  \
  }                                                                                                       \
  namespace avx2 {                                                                                        \
  const Table& getter();                                                                                  \
  }                                                                                                       \
  namespace avx512 {                                                                                      \
  const Table& getter();                                                                                  \
  }                                                                                                       \
  const Table& getter(Isa isa) {                                                                          \
    return isa == Isa::avx512 ? avx512::getter() : isa == Isa::avx2 ? avx2::getter() : generic::getter(); \
  }
#else
#define VIVACE_KERNELS(Table, getter) \
  namespace generic {                 \
  const Table& getter();              \
  }                                   \
  const Table& getter(Isa) { return generic::getter(); }
#endif

namespace vivace::cpu {
VIVACE_KERNELS(AttentionKernels, attention_kernels)
VIVACE_KERNELS(ConvKernels, conv_kernels)
VIVACE_KERNELS(GemmKernels, gemm_kernels)
VIVACE_KERNELS(Int8Kernels, int8_kernels)
VIVACE_KERNELS(MathProbe, math_probe)
VIVACE_KERNELS(MoveKernels, move_kernels)
VIVACE_KERNELS(NbitsKernels, nbits_kernels)
VIVACE_KERNELS(NormKernels, norm_kernels)
VIVACE_KERNELS(PointwiseKernels, pointwise_kernels)
VIVACE_KERNELS(QuantizeKernels, quantize_kernels)
VIVACE_KERNELS(RecurrentKernels, recurrent_kernels)
VIVACE_KERNELS(SampleKernels, sample_kernels)
VIVACE_KERNELS(SearchKernels, search_kernels)
}  // namespace vivace::cpu
