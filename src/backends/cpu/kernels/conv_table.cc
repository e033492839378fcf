#include "backends/cpu/kernels/conv_table.h"

namespace vivace::cpu::VIVACE_ISA {

const ConvKernels& conv_kernels() {
  static const ConvKernels table{.direct = kDirect, .to_blocked = to_blocked, .to_plain = to_plain};
  return table;
}

}  // namespace vivace::cpu::VIVACE_ISA
