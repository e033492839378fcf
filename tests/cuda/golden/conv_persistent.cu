// grid 132 x 1 x 1, block 384, shared 99328, 5 arguments

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
constexpr int kBatch = 3;
constexpr int kInChannels = 40;
constexpr int kOutChannels = 48;
constexpr int kTrueOutChannels = 44;
constexpr int kInH = 99;
constexpr int kInW = 90;
constexpr int kOutH = 99;
constexpr int kOutW = 90;
constexpr int kKernelH = 3;
constexpr int kKernelW = 3;
constexpr int kStrideH = 1;
constexpr int kStrideW = 1;
constexpr int kDilationH = 1;
constexpr int kDilationW = 1;
constexpr int kPadH = 1;
constexpr int kPadW = 1;
constexpr int kInPitch = 40;
constexpr int kOutPitch = 48;
constexpr int kResidual = 1;
constexpr int kResidualPitch = 48;
constexpr int kM = 128;
constexpr int kN = 64;
constexpr int kSets = 2;
constexpr int kGroups = 1;
constexpr int kStages = 4;

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
  asm volatile("{.reg .pred p; setp.eq.b32 p, 0, 0; wgmma.mma_async.sync.aligned.m64n64k16.f32.f16.f16 {%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31}, %32, %33, p, 1, 1, 0, 0;}"
               : "+f"(c[0][0]), "+f"(c[0][1]), "+f"(c[0][2]), "+f"(c[0][3]), "+f"(c[1][0]), "+f"(c[1][1]), "+f"(c[1][2]), "+f"(c[1][3]), "+f"(c[2][0]), "+f"(c[2][1]), "+f"(c[2][2]), "+f"(c[2][3]), "+f"(c[3][0]), "+f"(c[3][1]), "+f"(c[3][2]), "+f"(c[3][3]), "+f"(c[4][0]), "+f"(c[4][1]), "+f"(c[4][2]), "+f"(c[4][3]), "+f"(c[5][0]), "+f"(c[5][1]), "+f"(c[5][2]), "+f"(c[5][3]), "+f"(c[6][0]), "+f"(c[6][1]), "+f"(c[6][2]), "+f"(c[6][3]), "+f"(c[7][0]), "+f"(c[7][1]), "+f"(c[7][2]), "+f"(c[7][3])
               : "l"(operand(a)), "l"(operand(b)));
}
// The 64 x 16 of each warp's rows in registers, as ldmatrix gives them.
__device__ __forceinline__ void multiply_group(float (*c)[4], const unsigned* a, unsigned b) {
  asm volatile("{.reg .pred p; setp.eq.b32 p, 0, 0; wgmma.mma_async.sync.aligned.m64n64k16.f32.f16.f16 {%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31}, {%32, %33, %34, %35}, %36, p, 1, 1, 0;}"
               : "+f"(c[0][0]), "+f"(c[0][1]), "+f"(c[0][2]), "+f"(c[0][3]), "+f"(c[1][0]), "+f"(c[1][1]), "+f"(c[1][2]), "+f"(c[1][3]), "+f"(c[2][0]), "+f"(c[2][1]), "+f"(c[2][2]), "+f"(c[2][3]), "+f"(c[3][0]), "+f"(c[3][1]), "+f"(c[3][2]), "+f"(c[3][3]), "+f"(c[4][0]), "+f"(c[4][1]), "+f"(c[4][2]), "+f"(c[4][3]), "+f"(c[5][0]), "+f"(c[5][1]), "+f"(c[5][2]), "+f"(c[5][3]), "+f"(c[6][0]), "+f"(c[6][1]), "+f"(c[6][2]), "+f"(c[6][3]), "+f"(c[7][0]), "+f"(c[7][1]), "+f"(c[7][2]), "+f"(c[7][3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(operand(b)));
}
__device__ __forceinline__ float activate(float x) { return x != x ? x : fmaxf(x, 0.0f); }
__device__ __forceinline__ float saturate(float x) { return x != x ? x : fminf(fmaxf(x, -65504.0f), 65504.0f); }
__device__ __forceinline__ float finish(float sum, float bias, float residual) { return saturate(activate(sum + bias + residual)); }

constexpr int kConsumers = kSets * kGroups * 128, kThreads = kConsumers + 128;
constexpr int kTaps = kKernelH * kKernelW, kPixels = kBatch * kOutH * kOutW, kDepth = kTaps * kInChannels;
constexpr int kSteps = (kDepth + 63) / 64;
constexpr int kTilesM = (kPixels + kM - 1) / kM, kTilesN = (kOutChannels + kN - 1) / kN, kTiles = kTilesM * kTilesN;
constexpr int kI = kM / kGroups / 64, kJ = kN / 8, kSlices = kN / 32;
constexpr int kStageA = kM * 128, kStageB = kN * 128, kStage = kStageA + kStageB;
constexpr int kLoads = kM / 16;
constexpr bool kPlain = kKernelH * kKernelW == 1 && kPadH == 0 && kPadW == 0;

__device__ __forceinline__ void open_barrier(unsigned at, int count) {
  asm volatile("mbarrier.init.shared.b64 [%0], %1;" ::"r"(at), "r"(count) : "memory");
}
__device__ __forceinline__ void arrive(unsigned barrier) {
  asm volatile("mbarrier.arrive.shared.b64 _, [%0];" ::"r"(barrier) : "memory");
}
// When all copies of this thread are done.
__device__ __forceinline__ void arrive_with_copies(unsigned barrier) {
  asm volatile("cp.async.mbarrier.arrive.noinc.shared.b64 [%0];" ::"r"(barrier) : "memory");
}
// Word p of lane q of four neighbours becomes word q of lane p.
__device__ __forceinline__ void exchange(unsigned* w, int q) {
  const bool odd = q & 1, high = q & 2;
#pragma unroll
  for (int k = 0; k < 4; k += 2) {
    const unsigned got = __shfl_xor_sync(0xffffffffu, odd ? w[k] : w[k + 1], 1);
    if (odd) w[k] = got;
    else w[k + 1] = got;
  }
#pragma unroll
  for (int k = 0; k < 2; ++k) {
    const unsigned got = __shfl_xor_sync(0xffffffffu, high ? w[k] : w[k + 2], 2);
    if (high) w[k] = got;
    else w[k + 2] = got;
  }
}
__device__ __forceinline__ T half_of(unsigned word, int h) {
  T made;
  made.bits = (unsigned short)(word >> (16 * h));
  return made;
}

extern "C" __global__ void __launch_bounds__(kThreads, 1) conv(const T* __restrict__ x, const T* __restrict__ w,
    const float* __restrict__ bias, const T* residual, T* y) {
  extern __shared__ __align__(1024) unsigned char memory[];
  const int tid = threadIdx.x, lane = tid & 31;
  const unsigned full = shared_address(memory), empty = full + 128, turns = full + 256, ring = full + 1024;
  const auto pixels_of = [](int tile) { return tile / kTilesN * kM; };
  const auto channels_of = [](int tile) { return tile % kTilesN * kN; };
  if (tid == 0) {
    for (int s = 0; s < kStages; ++s) {
      open_barrier(full + s * 8, 128 + 1);
      open_barrier(empty + s * 8, kGroups * 4);
    }
    for (int s = 0; s < kSets; ++s) open_barrier(turns + s * 8, kGroups * 4);
    asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
  }
  __syncthreads();

  if (tid >= kConsumers) {
    const int t = tid - kConsumers, piece = t & 7, row0 = t >> 3;
    const auto load_weights = [&](int tile, int step, int slot) {
      const unsigned barrier = full + slot * 8;
      asm volatile("mbarrier.arrive.expect_tx.shared.b64 _, [%0], %1;" ::"r"(barrier), "r"(kStageB) : "memory");
      asm volatile("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];"
                   ::"r"(ring + slot * kStage + kStageA), "l"(w + ((size_t)(tile % kTilesN) * kSteps + step) * (kN * 64)),
                   "r"(kStageB), "r"(barrier) : "memory");
    };
    if (t == 0)
      for (int s = 0; s < kStages; ++s) {
        const int tile = blockIdx.x + s / kSteps * gridDim.x;
        if (tile < kTiles) load_weights(tile, s % kSteps, s);
      }
    wait();
    allow_next();
    int slot = 0, last = 0;
    unsigned round = 0, parity = 0;  // of the ring's rounds; of the last step's
    for (int tile = blockIdx.x; tile < kTiles; tile += gridDim.x) {
      int from[kLoads], top[kLoads], left[kLoads];
#pragma unroll
      for (int j = 0; j < kLoads; ++j) {
        const int m = pixels_of(tile) + row0 + j * 16, n = m / (kOutH * kOutW), o = m % (kOutH * kOutW);
        top[j] = o / kOutW * kStrideH - kPadH;
        left[j] = o % kOutW * kStrideW - kPadW;
        from[j] = ((n * kInH + top[j]) * kInW + left[j]) * kInPitch;
        if (m >= kPixels) top[j] = -(1 << 28);
      }
#pragma unroll 1
      for (int step = 0; step < kSteps; ++step) {
        if (round > 0) {
          wait_barrier(empty + slot * 8, (round & 1) ^ 1);
          if (t == 0) load_weights(tile, step, slot);
        }
        const int k = step * 64 + piece * 8, tap = kPlain ? 0 : k / kInChannels, c = kPlain ? k : k % kInChannels;
        const int dh = tap / kKernelW * kDilationH, dw = tap % kKernelW * kDilationW;
        const T* const at = x + ((dh * kInW + dw) * kInPitch + c);
        const unsigned to = ring + slot * kStage + row0 * 128 + ((piece ^ (row0 & 7)) << 4);
#pragma unroll
        for (int j = 0; j < kLoads; ++j) {
          const bool inside = (kDepth % 64 == 0 || k < kDepth) &&
                              (kPlain ? top[j] >= 0 : (unsigned)(top[j] + dh) < (unsigned)kInH &&
                                                          (unsigned)(left[j] + dw) < (unsigned)kInW);
          copy_16(to + j * 2048, inside ? at + from[j] : x, inside);
        }
        arrive_with_copies(full + slot * 8);
        last = slot, parity = round & 1;
        if (++slot == kStages) slot = 0, ++round;
      }
    }
    wait_barrier(full + last * 8, parity);  // a thread outlives its copies
    return;
  }

  const int set = tid / (kGroups * 128), group = tid / 128 % kGroups, q = lane & 3;
  wait();
  for (int local = set;; local += kSets) {
    const int tile = blockIdx.x + local * gridDim.x;
    if (tile >= kTiles) break;
    const int m0 = pixels_of(tile), n0 = channels_of(tile);
    if (kResidual) {
      // It is in the second-level cache when the sums are there.
      constexpr int kLines = (kN + 63) / 64;
      for (int i = tid % (kGroups * 128); i < kM * kLines; i += kGroups * 128) {
        const int m = m0 + i / kLines, n = n0 + i % kLines * 64;
        if (m < kPixels && n < kOutChannels)
          asm volatile("prefetch.global.L2 [%0];" ::"l"(residual + (size_t)m * kResidualPitch + n));
      }
    }
    float sums[kI][kJ][4] = {};
    // A barrier of the ring tells its last round from this one only when that is over: the set of the tile before this
    // has seen all its steps.
    if (kSets > 1 && local > 0) wait_barrier(turns + (set ^ 1) * 8, (local - 1) / 2 & 1);
    int slot = local * kSteps % kStages, last = 0;
    unsigned parity = local * kSteps / kStages & 1;
#pragma unroll 1
    for (int step = 0; step < kSteps; ++step) {
      wait_barrier(full + slot * 8, parity);
      show_to_group();
      const unsigned a = ring + slot * kStage + group * (kM / kGroups * 128), b = ring + slot * kStage + kStageA;
      open_group();
#pragma unroll
      for (int p = 0; p < 4; ++p)
#pragma unroll
        for (int i = 0; i < kI; ++i) multiply_group(sums[i], a + i * (64 * 128) + p * 32, b + p * 32);
      close_group<1>();
      if (step > 0 && lane == 0) arrive(empty + last * 8);
      last = slot;
      if (++slot == kStages) slot = 0, parity ^= 1;
    }
    if (kSets > 1 && lane == 0) arrive(turns + set * 8);
    wait_group<0>();
    if (lane == 0) arrive(empty + last * 8);

    // Lane q of four has columns 2q and 2q + 1 of each eight; finished, they exchange them so that each stores eight.
    const int row = m0 + group * (kM / kGroups) + tid % 128 / 32 * 16 + lane / 4;
    const auto pixel = [&](int part, int h) { return row + part / kSlices * 64 + h * 8; };
    const auto channel = [&](int part) { return n0 + part % kSlices * 32 + q * 8; };
    const auto is_there = [&](int part, int h) { return pixel(part, h) < kPixels && channel(part) < kOutChannels; };
    constexpr int kParts = kI * kSlices;
    uint4 added[2][2];
    const auto load_residual = [&](int part) {
#pragma unroll
      for (int h = 0; h < 2; ++h)
        added[part & 1][h] = is_there(part, h)
                                 ? *(const uint4*)(residual + (size_t)pixel(part, h) * kResidualPitch + channel(part))
                                 : make_uint4(0, 0, 0, 0);
    };
    if (kResidual) load_residual(0);
#pragma unroll
    for (int part = 0; part < kParts; ++part) {
      if (kResidual && part + 1 < kParts) load_residual(part + 1);
      const int i = part / kSlices, j0 = part % kSlices * 4;
      float2 shift[4];
#pragma unroll
      for (int j = 0; j < 4; ++j) shift[j] = *(const float2*)(bias + n0 + (j0 + j) * 8 + q * 2);
#pragma unroll
      for (int h = 0; h < 2; ++h) {
        const uint4 r = added[part & 1][h];
        unsigned more[4] = {r.x, r.y, r.z, r.w}, words[4];
        if (kResidual) exchange(more, q);
#pragma unroll
        for (int j = 0; j < 4; ++j) {
          const int n = n0 + (j0 + j) * 8 + q * 2;
          const float l = finish(sums[i][j0 + j][h * 2], shift[j].x, kResidual ? to_float(half_of(more[j], 0)) : 0.0f);
          const float u = finish(sums[i][j0 + j][h * 2 + 1], shift[j].y, kResidual ? to_float(half_of(more[j], 1)) : 0.0f);
          const bool has_l = kTrueOutChannels % 8 == 0 || n < kTrueOutChannels;
          const bool has_u = kTrueOutChannels % 8 == 0 || n + 1 < kTrueOutChannels;
          words[j] = from_float<T>(has_l ? l : 0.0f).bits | (unsigned)from_float<T>(has_u ? u : 0.0f).bits << 16;
        }
        exchange(words, q);
        if (is_there(part, h))
          *(uint4*)(y + (size_t)pixel(part, h) * kOutPitch + channel(part)) =
              make_uint4(words[0], words[1], words[2], words[3]);
      }
    }
  }
}
