#include "backends/cuda/rows/mma.h"

#include <algorithm>

namespace vivace::cuda {

std::string_view mma_functions() {
  return R"(
__device__ __forceinline__ unsigned shared_address(const void* p) { return (unsigned)__cvta_generic_to_shared(p); }
__device__ __forceinline__ void copy_16(unsigned to, const void* from, bool inside) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(from), "r"(inside ? 16 : 0) : "memory");
}
__device__ __forceinline__ void commit_copies() { asm volatile("cp.async.commit_group;" ::: "memory"); }
template <int n> __device__ __forceinline__ void wait_copies() {
  asm volatile("cp.async.wait_group %0;" ::"n"(n) : "memory");
}
__device__ __forceinline__ void load_matrix_4(unsigned* r, unsigned from) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(from) : "memory");
}
__device__ __forceinline__ void multiply_as(half*, float* c, const unsigned* a, unsigned b0, unsigned b1) {
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
               "{%0, %1, %2, %3};"
               : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
__device__ __forceinline__ void multiply_as(bfloat*, float* c, const unsigned* a, unsigned b0, unsigned b1) {
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
               "{%0, %1, %2, %3};"
               : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
__device__ __forceinline__ void multiply(float* c, const unsigned* a, unsigned b0, unsigned b1) {
  multiply_as((T*)nullptr, c, a, b0, b1);
}
#if __CUDA_ARCH__ >= 900
// One barrier of 8 bytes for each stage, from `at` on.
__device__ __forceinline__ void open_barriers(unsigned at, int count) {
  if (threadIdx.x == 0) {
    for (int i = 0; i < count; ++i) asm volatile("mbarrier.init.shared.b64 [%0], 1;" ::"r"(at + i * 8) : "memory");
    asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
  }
  __syncthreads();
}
__device__ __forceinline__ void copy_weights(unsigned to, const void* from, unsigned bytes, unsigned barrier) {
  if (threadIdx.x) return;
  asm volatile("mbarrier.arrive.expect_tx.shared.b64 _, [%0], %1;" ::"r"(barrier), "r"(bytes) : "memory");
  asm volatile("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];"
               ::"r"(to), "l"(from), "r"(bytes), "r"(barrier) : "memory");
}
__device__ __forceinline__ void wait_barrier(unsigned barrier, unsigned phase) {
  asm volatile("{\n.reg .pred p;\nagain: mbarrier.try_wait.parity.shared.b64 p, [%0], %1;\n@!p bra again;\n}"
               ::"r"(barrier), "r"(phase) : "memory");
}
__device__ __forceinline__ void cluster_arrive() { asm volatile("barrier.cluster.arrive.release.aligned;" ::: "memory"); }
__device__ __forceinline__ void cluster_wait() { asm volatile("barrier.cluster.wait.acquire.aligned;" ::: "memory"); }
__device__ __forceinline__ unsigned remote_address(unsigned at, int rank) {
  unsigned made;
  asm("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(made) : "r"(at), "r"(rank));
  return made;
}
__device__ __forceinline__ void store_remote(unsigned to, float4 v) {
  asm volatile("st.shared::cluster.v4.f32 [%0], {%1, %2, %3, %4};" ::"r"(to), "f"(v.x), "f"(v.y), "f"(v.z), "f"(v.w)
               : "memory");
}
#else
__device__ __forceinline__ void open_barriers(unsigned, int) {}
// Joins the group of copies that is committed next.
__device__ __forceinline__ void copy_weights(unsigned to, const void* from, unsigned bytes, unsigned) {
  for (unsigned i = threadIdx.x * 16; i < bytes; i += blockDim.x * 16) copy_16(to + i, (const char*)from + i, true);
}
__device__ __forceinline__ void wait_barrier(unsigned, unsigned) {}
__device__ __forceinline__ void cluster_arrive() {}
__device__ __forceinline__ void cluster_wait() {}
__device__ __forceinline__ unsigned remote_address(unsigned at, int) { return at; }
__device__ __forceinline__ void store_remote(unsigned, float4) {}
#endif
)";
}

std::string group_functions(int n, DType type) {
  const std::string element = type == DType::bf16 ? "bf16" : "f16";
  std::string places, operands;
  for (int i = 0; i < n / 2; ++i) {
    places += (i ? ", %" : "%") + std::to_string(i);
    operands += (i ? ", " : "") + ("\"+f\"(c[" + std::to_string(i / 4)) + "][" + std::to_string(i % 4) + "])";
  }
  const auto at = [n](int i) { return std::to_string(n / 2 + i); };
  const std::string name =
      "wgmma.mma_async.sync.aligned.m64n" + std::to_string(n) + "k16.f32." + element + "." + element;
  return R"(
// Rows of 128 bytes, eight of them 1024 bytes apart from the next eight, pieces exchanged over 128 bytes.
__device__ __forceinline__ unsigned long long operand(unsigned at) {
  return (1ull << 62) | (64ull << 32) | (1ull << 16) | ((at & 0x3ffff) >> 4);
}
__device__ __forceinline__ void open_group() {
  asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
}
template <int n> __device__ __forceinline__ void wait_group() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(n) : "memory");
}
// Goes on with at most n stages under way.
template <int n> __device__ __forceinline__ void close_group() {
  asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
  wait_group<n>();
}
__device__ __forceinline__ void show_to_group() { asm volatile("fence.proxy.async.shared::cta;" ::: "memory"); }
__device__ __forceinline__ void multiply_group(float (*c)[4], unsigned a, unsigned b) {
  asm volatile("{.reg .pred p; setp.eq.b32 p, 0, 0; )" +
         name + " {" + places + "}, %" + at(0) + ", %" + at(1) + ", p, 1, 1, 0, 0;}\"\n               : " + operands +
         R"(
               : "l"(operand(a)), "l"(operand(b)));
}
// The 64 x 16 of each warp's rows in registers, as ldmatrix gives them.
__device__ __forceinline__ void multiply_group(float (*c)[4], const unsigned* a, unsigned b) {
  asm volatile("{.reg .pred p; setp.eq.b32 p, 0, 0; )" +
         name + " {" + places + "}, {%" + at(0) + ", %" + at(1) + ", %" + at(2) + ", %" + at(3) + "}, %" + at(4) +
         ", p, 1, 1, 0;}\"\n               : " + operands + R"(
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(operand(b)));
}
)";
}

Result<Tensor> bias_in_f32(const Problem& p, size_t i, int64_t count) {
  VIVACE_ASSIGN(Tensor made, Tensor::allocate(DType::f32, {count}));
  std::fill_n(made.as<float>(), count, 0.0f);
  if (!p.has(i)) return made;
  if (!p.inputs[i].constant) return Status(Code::internal, p.node->describe() + ": its bias is not constant");
  const std::vector<double> values = to_double(p.inputs[i].constant->view());
  std::copy(values.begin(), values.end(), made.as<float>());
  return made;
}

}  // namespace vivace::cuda
