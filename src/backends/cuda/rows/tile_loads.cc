#include "backends/cuda/rows/tile_loads.h"

#include "backends/cuda/rows/mma.h"

namespace vivace::cuda {

std::string tile_functions(DType type) {
  constexpr const char* kText = R"(
__device__ __forceinline__ void load_matrix_4_transposed(unsigned* r, unsigned from) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(from) : "memory");
}
template <int bytes> __device__ __forceinline__ void copy_few(unsigned to, const void* from, bool inside) {
  asm volatile("cp.async.ca.shared.global [%0], [%1], %2, %3;" ::"r"(to), "l"(from), "n"(bytes), "r"(inside ? bytes : 0)
               : "memory");
}
__device__ __forceinline__ void store_16(unsigned to, unsigned a, unsigned b, unsigned c, unsigned d) {
  asm volatile("st.shared.v4.b32 [%0], {%1, %2, %3, %4};" ::"r"(to), "r"(a), "r"(b), "r"(c), "r"(d) : "memory");
}
@32
__device__ __forceinline__ unsigned load_word(unsigned from) {
  unsigned word;
  asm volatile("ld.shared.b32 %0, [%1];" : "=r"(word) : "r"(from) : "memory");
  return word;
}
@16
__device__ __forceinline__ unsigned pair_as(half*, float low, float high) {
  unsigned pair;
  asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(high), "f"(low));
  return pair;
}
__device__ __forceinline__ unsigned pair_as(bfloat*, float low, float high) {
  unsigned pair;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(high), "f"(low));
  return pair;
}
__device__ __forceinline__ unsigned pair_of(float low, float high) { return pair_as((T*)nullptr, low, high); }
@end
template <int kVector> __device__ __forceinline__ void copy_elements(unsigned to, const Unit* from, const Unit* any, int valid) {
  if (kVector == 8) {
    copy_16(to, valid > 0 ? from : any, valid > 0);
  } else if (kVector == 1) {
    unsigned w[4];
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      const unsigned low = valid > 2 * j ? from[2 * j].bits : 0, high = valid > 2 * j + 1 ? from[2 * j + 1].bits : 0;
      w[j] = low | high << 16;
    }
    store_16(to, w[0], w[1], w[2], w[3]);
  } else {
    constexpr int kOnce = kVector == 4 ? 4 : 2;
#pragma unroll
    for (int j = 0; j < 8; j += kOnce) copy_few<kOnce * 2>(to + j * 2, valid > j ? from + j : any, valid > j);
  }
}
)";
  return for_width(kText, type);
}

}  // namespace vivace::cuda
