#include "backends/cpu/isa.h"

#include <cstdlib>
#include <string_view>

namespace vivace::cpu {

const char* to_string(Isa isa) { return isa == Isa::avx512 ? "avx512" : isa == Isa::avx2 ? "avx2" : "generic"; }

namespace {
Isa detect() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512dq"))
    return Isa::avx512;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return Isa::avx2;
#endif
  return Isa::generic;
}
}  // namespace

Isa best_isa() {
  static const Isa best = [] {
    const Isa found = detect();
    const char* wish = std::getenv("VIVACE_ISA");
    for (const Isa isa : {Isa::generic, Isa::avx2, Isa::avx512})
      if (wish && isa < found && std::string_view(wish) == to_string(isa)) return isa;
    return found;
  }();
  return best;
}

}  // namespace vivace::cpu
