// grid 2 x 1 x 4, block 256, shared 49408, 5 arguments

struct half { unsigned short bits; };
struct bfloat { unsigned short bits; };
template <class T, int n> struct alignas(sizeof(T) * n) Vector { T v[n]; };
__device__ __forceinline__ float to_float(half x) {
  float f;
  asm("cvt.f32.f16 %0, %1;" : "=f"(f) : "h"(x.bits));
  return f;
}
__device__ __forceinline__ float to_float(bfloat x) { return __uint_as_float((unsigned)x.bits << 16); }
template <class T> __device__ __forceinline__ float to_float(T x) { return (float)x; }
template <class T> __device__ __forceinline__ T from_float(float f) { return (T)f; }
template <> __device__ __forceinline__ half from_float<half>(float f) {
  half x;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(x.bits) : "f"(f));
  return x;
}
template <> __device__ __forceinline__ bfloat from_float<bfloat>(float f) {
  bfloat x;
  asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(x.bits) : "f"(f));
  return x;
}
#if __CUDA_ARCH__ >= 900
__device__ __forceinline__ void allow_next() { asm volatile("griddepcontrol.launch_dependents;"); }
__device__ __forceinline__ void wait() { asm volatile("griddepcontrol.wait;" ::: "memory"); }
#else
__device__ __forceinline__ void allow_next() {}
__device__ __forceinline__ void wait() {}
#endif
__device__ __forceinline__ void begin() { wait(); allow_next(); }
using T = half;
constexpr int kBatch = 1;
constexpr int kInChannels = 24;
constexpr int kTrueOutChannels = 35;
constexpr int kOutChannels = 40;
constexpr int kInPitch = 24;
constexpr int kOutPitch = 40;
constexpr int kResidual = 0;
constexpr int kResidualPitch = 0;
constexpr int kInD = 1;
constexpr int kOutD = 1;
constexpr int kInStepD = 1;
constexpr int kOutStepD = 1;
__device__ constexpr int kFirstD[] = {0, 0, 0, 0};
__device__ constexpr int kTapD[] = {0, 0, 0, 0, 0, 0, 0, 0, 0};
constexpr int kInH = 5;
constexpr int kOutH = 11;
constexpr int kInStepH = 1;
constexpr int kOutStepH = 2;
__device__ constexpr int kFirstH[] = {0, 0, 1, 1};
__device__ constexpr int kTapH[] = {0, 0, -1, -1, 0, -1, 0, 0, 0};
constexpr int kInW = 5;
constexpr int kOutW = 11;
constexpr int kInStepW = 1;
constexpr int kOutStepW = 2;
__device__ constexpr int kFirstW[] = {0, 1, 0, 1};
__device__ constexpr int kTapW[] = {0, -1, 0, -1, 0, 0, 0, -1, 0};
__device__ constexpr int kFirstTap[] = {0, 4, 6, 8, 9};
__device__ constexpr int kWeightsAt[] = {0, 2, 3, 4};
constexpr int kM = 32;
constexpr int kN = 64;
constexpr int kWarpsM = 1;
constexpr int kWarpsN = 2;
constexpr int kWarpsK = 4;
constexpr int kStages = 4;
constexpr int kRingAt = 256;
constexpr int kPartPitch = 68;
#define LAST 1

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
__device__ __forceinline__ float activate(float x) { return x; }
__device__ __forceinline__ float saturate(float x) { return x != x ? x : fminf(fmaxf(x, -65504.0f), 65504.0f); }
__device__ __forceinline__ float finish(float sum, float bias, float residual) { return saturate(activate(sum + bias + residual)); }

constexpr int kThreads = 32 * kWarpsM * kWarpsN * kWarpsK;
constexpr int kTileM = kM / kWarpsM, kTileN = kN / kWarpsN, kI = kTileM / 16, kJ = kTileN / 8;
constexpr int kRows = kThreads / 8, kLoads = (kM + kRows - 1) / kRows;
constexpr int kStageA = kM * 128, kStage = kStageA + kN * 128;

extern "C" __global__ void __launch_bounds__(kThreads) conv(const T* __restrict__ x, const T* __restrict__ w,
    const float* __restrict__ bias, const T* residual, T* y) {
  extern __shared__ __align__(1024) unsigned char memory[];
  const int tid = threadIdx.x, lane = tid & 31, warp = tid >> 5;
  const int wm = warp % kWarpsM, wn = warp / kWarpsM % kWarpsN, wk = warp / (kWarpsM * kWarpsN);
  const int phase = blockIdx.z, n0 = blockIdx.y * kN, m0 = blockIdx.x * kM;
  const int first_d = kFirstD[phase], first_h = kFirstH[phase], first_w = kFirstW[phase];
  const int size_d = (kOutD - first_d + kOutStepD - 1) / kOutStepD;
  const int size_h = (kOutH - first_h + kOutStepH - 1) / kOutStepH;
  const int size_w = (kOutW - first_w + kOutStepW - 1) / kOutStepW;
  const int pixels = kBatch * size_d * size_h * size_w;
  if (m0 >= pixels) return;
  const int tap0 = kFirstTap[phase], depth = (kFirstTap[phase + 1] - tap0) * kInChannels, chunks = (depth + 63) / 64;
  const T* const weights = w + (size_t)kWeightsAt[phase] * kN * 64 + (size_t)blockIdx.y * chunks * kN * 64;
  const unsigned ring = shared_address(memory) + kRingAt;

  // A thread loads 16-byte piece `piece` of rows tid / 8 + j * kRows.
  const int piece = tid & 7, row0 = tid >> 3;
  const auto load_weights = [&](int step) {
    const unsigned to = ring + step % kStages * kStage + kStageA;
    for (int r = row0; r < kN; r += kRows)
      copy_16(to + r * 128 + piece * 16, weights + ((size_t)step * kN + r) * 64 + piece * 8, true);
  };
#pragma unroll 1
  for (int s = 0; s < kStages - 1 && s < chunks; ++s) load_weights(s);
  float* const offsets = (float*)memory;
  for (int i = tid; i < kN; i += kThreads) offsets[i] = bias[n0 + i];

  int from[kLoads], at_d[kLoads], at_h[kLoads], at_w[kLoads];
#pragma unroll
  for (int j = 0; j < kLoads; ++j) {
    const int m = m0 + row0 + j * kRows;
    const int image = m / (size_d * size_h * size_w);
    at_d[j] = m / (size_h * size_w) % size_d * kInStepD;
    at_h[j] = m / size_w % size_h * kInStepH;
    at_w[j] = m % size_w * kInStepW;
    from[j] = (((image * kInD + at_d[j]) * kInH + at_h[j]) * kInW + at_w[j]) * kInPitch;
    if (m >= pixels || row0 + j * kRows >= kM) at_d[j] = -(1 << 28);
  }
  const auto load_image = [&](int step) {
    const unsigned to = ring + step % kStages * kStage + row0 * 128;
    const int k = step * 64 + piece * 8, tap = k < depth ? tap0 + k / kInChannels : tap0, c = k % kInChannels;
    const int d = kTapD[tap], h = kTapH[tap], v = kTapW[tap], offset = ((d * kInH + h) * kInW + v) * kInPitch + c;
#pragma unroll
    for (int j = 0; j < kLoads; ++j) {
      if (kM % kRows && row0 + j * kRows >= kM) continue;
      const bool inside = k < depth && (unsigned)(at_d[j] + d) < (unsigned)kInD &&
                          (unsigned)(at_h[j] + h) < (unsigned)kInH && (unsigned)(at_w[j] + v) < (unsigned)kInW;
      copy_16(to + j * kRows * 128 + ((piece ^ ((row0 + j * kRows) & 7)) << 4), inside ? x + from[j] + offset : x, inside);
    }
  };

  wait();
#pragma unroll 1
  for (int s = 0; s < kStages - 1; ++s) {
    if (s < chunks) load_image(s);
    commit_copies();
  }
  allow_next();

  float sums[kI][kJ][4] = {};
  const int a_row = wm * kTileM + (lane & 15), b_row = wn * kTileN + (lane & 7) + (lane >> 4 << 3);
  const int a_piece = lane >> 4, b_piece = lane >> 3 & 1;
#pragma unroll 1
  for (int step = 0; step < chunks; ++step) {
    wait_copies<kStages - 2>();
    __syncthreads();
    // Into the place of the step before this one, which all warps have left.
    if (step + kStages - 1 < chunks) {
      load_weights(step + kStages - 1);
      load_image(step + kStages - 1);
    }
    commit_copies();
    const unsigned a = ring + step % kStages * kStage, b = a + kStageA;
    const int limit = min(4, (depth - step * 64 + 15) / 16);
#pragma unroll
    for (int q = wk; q < 4; q += kWarpsK) {
      if (q >= limit) break;
      unsigned fa[kI][4], fb[kJ][2];
#pragma unroll
      for (int i = 0; i < kI; ++i) {
        const int r = a_row + i * 16;
        load_matrix_4(fa[i], a + r * 128 + (((q * 2 + a_piece) ^ (r & 7)) << 4));
      }
#pragma unroll
      for (int j = 0; j < kJ; j += 2) {
        const int r = b_row + j * 8;
        load_matrix_4(fb[j], b + r * 128 + (((q * 2 + b_piece) ^ (r & 7)) << 4));
      }
#pragma unroll
      for (int i = 0; i < kI; ++i)
#pragma unroll
        for (int j = 0; j < kJ; ++j) multiply(sums[i][j], fa[i], fb[j][0], fb[j][1]);
    }
  }
  wait_copies<0>();
  __syncthreads();

  // The sums meet where the ring was.
  float* const part = (float*)(memory + kRingAt);
#pragma unroll
  for (int i = 0; i < kI; ++i)
#pragma unroll
    for (int j = 0; j < kJ; ++j)
#pragma unroll
      for (int h = 0; h < 2; ++h)
        *(float2*)(part + (wk * kM + wm * kTileM + i * 16 + (lane >> 2) + h * 8) * kPartPitch + wn * kTileN + j * 8 +
                   (lane & 3) * 2) = make_float2(sums[i][j][h * 2], sums[i][j][h * 2 + 1]);
  __syncthreads();
  // Where row i of the tile is in its image of the output, and which image that is.
  const auto place_of = [&](int i, int& image) {
    const int m = m0 + i;
    image = m / (size_d * size_h * size_w);
    const int d = first_d + m / (size_h * size_w) % size_d * kOutStepD;
    const int h = first_h + m / size_w % size_h * kOutStepH, v = first_w + m % size_w * kOutStepW;
    return (d * kOutH + h) * kOutW + v;
  };
#if LAST
  for (int i = tid; i < kM * kN / 8; i += kThreads) {
    const int row = i / (kN / 8), c = i % (kN / 8) * 8, n = n0 + c;
    if (m0 + row >= pixels || n >= kOutChannels) continue;
    int image;
    const int place = place_of(row, image);
    const size_t pixel = (size_t)image * (kOutD * kOutH * kOutW) + place;
    Vector<T, 8> r, out;
    if (kResidual) r = ((const Vector<T, 8>*)residual)[(pixel * kResidualPitch + n) / 8];
#pragma unroll
    for (int e = 0; e < 8; ++e) {
      float sum = part[row * kPartPitch + c + e];
#pragma unroll
      for (int k = 1; k < kWarpsK; ++k) sum += part[(k * kM + row) * kPartPitch + c + e];
      const float made = finish(sum, offsets[c + e], kResidual ? to_float(r.v[e]) : 0.0f);
      out.v[e] = from_float<T>(kTrueOutChannels % 8 == 0 || n + e < kTrueOutChannels ? made : 0.0f);
    }
    ((Vector<T, 8>*)y)[(pixel * kOutPitch + n) / 8] = out;
  }
#else
  for (int i = tid; i < kM * kN; i += kThreads) {
    const int row = i % kM, c = i / kM, n = n0 + c;
    if (m0 + row >= pixels || n >= kTrueOutChannels) continue;
    int image;
    const int place = place_of(row, image);
    const size_t at = ((size_t)image * kTrueOutChannels + n) * (kOutD * kOutH * kOutW) + place;
    float sum = part[row * kPartPitch + c];
#pragma unroll
    for (int k = 1; k < kWarpsK; ++k) sum += part[(k * kM + row) * kPartPitch + c];
    y[at] = from_float<T>(finish(sum, offsets[c], kResidual ? to_float(residual[at]) : 0.0f));
  }
#endif
}
