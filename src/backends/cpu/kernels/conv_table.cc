#include "backends/cpu/kernels/conv_table.h"

namespace vivace::cpu::VIVACE_ISA {

const ConvKernels& conv_kernels() {
  static const ConvKernels table{
      .direct = kDirect,
      .depthwise = kDepthwise,
      .grouped = kGrouped,
      .stem = kStem,
      .winograd2 = kWinograd2,
      .winograd4 = kWinograd4,
      .inverted = kInverted,
      .pool_blocked = pool_blocked,
      .pool_plain = pool_plain,
      .global_average_blocked = global_average_blocked,
      .global_average_plain = global_average_plain,
      .to_blocked = to_blocked,
      .to_plain = to_plain,
  };
  return table;
}

}  // namespace vivace::cpu::VIVACE_ISA
