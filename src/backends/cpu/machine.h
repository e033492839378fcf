// The processor a program is made for.
#pragma once

#include <cstddef>
#include <string>

#include "backends/cpu/isa.h"

namespace vivace::cpu {

struct Machine {
  Isa isa = Isa::generic;
  int threads = 1;            // one run uses
  size_t l2_bytes = 1 << 20;  // of one core
  std::string processor;      // "AMD EPYC 9654", for people

  /// What a program depends on: "cpu avx512". Packed weights and layouts differ between instruction sets.
  std::string device() const { return std::string("cpu ") + to_string(isa); }
  int channel_block() const { return vector_floats(isa); }
};

/// The processor we run on; threads 0 takes all this process may use.
Machine this_machine(int threads = 0);

}  // namespace vivace::cpu
