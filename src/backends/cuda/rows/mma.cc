#include "backends/cuda/rows/mma.h"

#include <algorithm>

namespace vivace::cuda {

namespace {

// Half a value of f32, and rounding to the nearest of TF32, ties away from zero.
constexpr const char* kUnits = R"(
struct Unit { unsigned short bits; };
template <> struct alignas(16) Vector<float, 8> { float v[8]; };  // nothing is aligned to more
__device__ __forceinline__ unsigned rounded(unsigned x) {
  unsigned made;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(made) : "f"(__uint_as_float(x)));
  return made;
}
__device__ __forceinline__ void round_4(unsigned* x) {
#pragma unroll
  for (int i = 0; i < 4; ++i) x[i] = rounded(x[i]);
}
)";

constexpr MmaElement kElements[] = {
    {DType::f16, "half", "f16", "f32", 80},           {DType::bf16, "bfloat", "bf16", "f32", 80},
    {DType::f32, "float", "tf32", "f32", 80},         {DType::i8, "signed char", "s8", "s32", 80},
    {DType::f8e4m3fn, "float8e4", "e4m3", "f32", 89}, {DType::f8e5m2, "float8e5", "e5m2", "f32", 89},
};

}  // namespace

const MmaElement* mma_element(DType type) {
  const auto* const found =
      std::find_if(std::begin(kElements), std::end(kElements), [&](const MmaElement& e) { return e.type == type; });
  return found == std::end(kElements) ? nullptr : found;
}

std::string multiply_function(const MmaElement& e) {
  const bool whole = std::string_view(e.sums) == "s32";
  const std::string sums = whole ? "int" : "float", kind = whole ? "\"+r\"" : "\"+f\"";
  const std::string of = std::string(e.sums) + "." + e.ptx + "." + e.ptx + "." + e.sums;
  const auto sum = [&](int i) { return kind + "(c[" + std::to_string(i) + "])"; };
  return std::string("__device__ __forceinline__ void multiply_as(") + e.name + "*, " + sums +
         R"(* c, const unsigned* a, unsigned b0, unsigned b1) {
  asm volatile("mma.sync.aligned.m16n8k)" +
         std::to_string(e.depth()) + ".row.col." + of + R"( {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
               "{%0, %1, %2, %3};"
               : )" +
         sum(0) + ", " + sum(1) + ", " + sum(2) + ", " + sum(3) + R"(
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
)";
}

bool allows_tf32(const Problem& p) { return p.attributes().integer("tf32") != 0; }

Verdict multiplies(const Problem& p, DType type) {
  if (type == DType::f16 || type == DType::bf16) return yes();
  if (type != DType::f32) return no("f16, bf16 and f32 only");
  return allows_tf32(p) ? yes() : no("f32 that is not to be rounded to TF32");
}

std::string chosen_lines(std::string_view text, std::string_view chosen) {
  std::string made;
  bool kept = true;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size() - 1) + 1;
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end);
    if (line.starts_with('@'))
      kept = line == "@end\n" || line.substr(1, line.size() - 2) == chosen;
    else if (kept)
      made += line;
  }
  return made;
}

std::string for_width(std::string_view text, DType type) {
  const bool wide = units_of(type) == 2;
  std::string made = chosen_lines(text, wide ? "32" : "16");
  constexpr std::string_view kUnit = "Unit";
  for (size_t at = 0; !wide && (at = made.find(kUnit, at)) != std::string::npos;) made.replace(at, kUnit.size(), "T");
  return made;
}

std::string mma_functions(DType type) {
  std::string units, products;
  for (const MmaElement& e : kElements) {
    if (e.type == DType::f32 && type == DType::f32) units = kUnits;
    if (type == DType::f32 ? e.type == type : e.type == DType::f16 || e.type == DType::bf16)
      products += multiply_function(e);
  }
  return units + R"(
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
)" + products +
         R"(__device__ __forceinline__ void multiply(float* c, const unsigned* a, unsigned b0, unsigned b1) {
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
  const MmaElement& e = *mma_element(type);
  const std::string element = e.ptx;
  // Factors of 1, and for 16 bits alone, which may lie the other way in shared memory, that they do not.
  const bool whole = std::string_view(e.sums) == "s32", turns = e.bytes() == 2;
  const std::string sum = whole ? "int" : "float", factors = whole ? "" : ", 1, 1";
  std::string places, operands;
  for (int i = 0; i < n / 2; ++i) {
    places += (i ? ", %" : "%") + std::to_string(i);
    operands += (i ? ", " : "") + ((whole ? "\"+r\"(c[" : "\"+f\"(c[") + std::to_string(i / 4)) + "][" +
                std::to_string(i % 4) + "])";
  }
  const auto at = [n](int i) { return std::to_string(n / 2 + i); };
  const std::string name = "wgmma.mma_async.sync.aligned.m64n" + std::to_string(n) + "k" + std::to_string(e.depth()) +
                           "." + e.sums + "." + element + "." + element;
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
)" + std::string("__device__ __forceinline__ void multiply_group(") +
         sum + R"( (*c)[4], unsigned a, unsigned b) {
  asm volatile("{.reg .pred p; setp.eq.b32 p, 0, 0; )" +
         name + " {" + places + "}, %" + at(0) + ", %" + at(1) + ", p" + factors + (turns ? ", 0, 0" : "") +
         ";}\"\n               : " + operands +
         R"(
               : "l"(operand(a)), "l"(operand(b)));
}
// The 64 x 16 of each warp's rows in registers, as ldmatrix gives them.
)" + "__device__ __forceinline__ void multiply_group(" +
         sum + R"( (*c)[4], const unsigned* a, unsigned b) {
  asm volatile("{.reg .pred p; setp.eq.b32 p, 0, 0; )" +
         name + " {" + places + "}, {%" + at(0) + ", %" + at(1) + ", %" + at(2) + ", %" + at(3) + "}, %" + at(4) +
         ", p" + factors + (turns ? ", 0" : "") + ";}\"\n               : " + operands + R"(
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

Result<Tensor> as_multiplied(const Tensor& constant) {
  if (constant.type() != DType::f32) return constant;
  VIVACE_ASSIGN(Tensor made, Tensor::allocate(DType::f32, constant.shape()));
  const auto* x = constant.as<uint32_t>();
  constexpr uint32_t kExponent = 0x7f800000, kHalf = 0x1000, kDropped = 0x1fff;
  for (int64_t i = 0; i < constant.count(); ++i)
    made.as<uint32_t>()[i] = (x[i] & kExponent) == kExponent ? x[i] : (x[i] + kHalf) & ~kDropped;
  return made;
}

}  // namespace vivace::cuda
