// grid 1 x 3 x 1, block 256, shared 74752, 5 arguments

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
using T = float;
constexpr int kBatch = 2;
constexpr int kInChannels = 160;
constexpr int kOutChannels = 32;
constexpr int kTrueOutChannels = 30;
constexpr int kInH = 9;
constexpr int kInW = 9;
constexpr int kOutH = 9;
constexpr int kOutW = 9;
constexpr int kKernelH = 1;
constexpr int kKernelW = 1;
constexpr int kStrideH = 1;
constexpr int kStrideW = 1;
constexpr int kDilationH = 1;
constexpr int kDilationW = 1;
constexpr int kPadH = 0;
constexpr int kPadW = 0;
constexpr int kInPitch = 160;
constexpr int kOutPitch = 32;
constexpr int kResidual = 0;
constexpr int kResidualPitch = 0;
constexpr int kM = 64;
constexpr int kN = 32;
constexpr int kWarpsM = 4;
constexpr int kWarpsN = 1;
constexpr int kWarpsK = 2;
constexpr int kCluster = 1;
constexpr int kGroup = 2;
constexpr int kStages = 3;
constexpr int kOnce = 1;
constexpr int kAhead = 3;
constexpr int kBiasAt = 128;
constexpr int kReceivedAt = 256;
constexpr int kRingAt = 1024;
constexpr int kImageRows = 64;
constexpr int kBeside = 2;

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
__device__ __forceinline__ void multiply_as(float*, float* c, const unsigned* a, unsigned b0, unsigned b1) {
  asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
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
#define PATCH 0
#define WARP_GROUPS 1

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
  asm volatile("{.reg .pred p; setp.eq.b32 p, 0, 0; wgmma.mma_async.sync.aligned.m64n32k8.f32.tf32.tf32 {%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15}, %16, %17, p, 1, 1;}"
               : "+f"(c[0][0]), "+f"(c[0][1]), "+f"(c[0][2]), "+f"(c[0][3]), "+f"(c[1][0]), "+f"(c[1][1]), "+f"(c[1][2]), "+f"(c[1][3]), "+f"(c[2][0]), "+f"(c[2][1]), "+f"(c[2][2]), "+f"(c[2][3]), "+f"(c[3][0]), "+f"(c[3][1]), "+f"(c[3][2]), "+f"(c[3][3])
               : "l"(operand(a)), "l"(operand(b)));
}
// The 64 x 16 of each warp's rows in registers, as ldmatrix gives them.
__device__ __forceinline__ void multiply_group(float (*c)[4], const unsigned* a, unsigned b) {
  asm volatile("{.reg .pred p; setp.eq.b32 p, 0, 0; wgmma.mma_async.sync.aligned.m64n32k8.f32.tf32.tf32 {%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15}, {%16, %17, %18, %19}, %20, p, 1, 1;}"
               : "+f"(c[0][0]), "+f"(c[0][1]), "+f"(c[0][2]), "+f"(c[0][3]), "+f"(c[1][0]), "+f"(c[1][1]), "+f"(c[1][2]), "+f"(c[1][3]), "+f"(c[2][0]), "+f"(c[2][1]), "+f"(c[2][2]), "+f"(c[2][3]), "+f"(c[3][0]), "+f"(c[3][1]), "+f"(c[3][2]), "+f"(c[3][3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(operand(b)));
}
__device__ __forceinline__ float activate(float x) { return x; }
__device__ __forceinline__ float finish(float sum, float bias, float residual) { return activate(sum + bias + residual); }

constexpr int kWarps = kWarpsM * kWarpsN * kWarpsK, kThreads = 32 * kWarps;
constexpr int kTileM = kM / kWarpsM, kTileN = kN / kWarpsN, kI = kTileM / 16, kJ = kTileN / 8;
constexpr int kTaps = kKernelH * kKernelW, kPixels = kBatch * kOutH * kOutW;
#if PATCH
// A step is 64 channels at all taps: the part of the image that a tile of kTileH x kTileW pixels sees is loaded once.
constexpr int kPatchH = (kTileH - 1) * kStrideH + (kKernelH - 1) * kDilationH + 1;
constexpr int kPatchW = (kTileW - 1) * kStrideW + (kKernelW - 1) * kDilationW + 1, kPatch = kPatchH * kPatchW;
constexpr int kTilesH = (kOutH + kTileH - 1) / kTileH, kTilesW = (kOutW + kTileW - 1) / kTileW;
constexpr int kChunks = (kInChannels + 63) / 64;
#else
constexpr int kDepth = kTaps * kInChannels, kChunks = (kDepth + 63) / 64;
#endif
constexpr int kRows = kThreads / 8, kLoads = (kM + kRows - 1) / kRows;
constexpr int kRowsA = kImageRows, kRowsB = PATCH ? kTaps * kN : kN;  // of a chunk
#define PATCH_GROUPS (PATCH && WARP_GROUPS)
constexpr int kStageA = kGroup * kRowsA * 128, kStageB = kGroup * kRowsB * 128, kStage = kStageA + kStageB;
constexpr int kPartPitch = kN + 4;
constexpr int kItems = kM * kN / 8, kOwn = (kItems + kCluster - 1) / kCluster, kFinishes = (kOwn + kThreads - 1) / kThreads;
constexpr bool kPlain = kKernelH * kKernelW == 1 && kPadH == 0 && kPadW == 0;
constexpr bool kEarlyResidual = kResidual && kFinishes <= 4;

extern "C" __global__ void __launch_bounds__(kThreads, kBeside) conv(const Unit* __restrict__ x, const Unit* __restrict__ w,
    const float* __restrict__ bias, const T* residual, T* y) {
  extern __shared__ __align__(1024) unsigned char memory[];
  const int tid = threadIdx.x, lane = tid & 31, warp = tid >> 5;
  const int wm = warp % kWarpsM, wn = warp / kWarpsM % kWarpsN, wk = warp / (kWarpsM * kWarpsN);
  const int rank = kCluster > 1 ? blockIdx.x % kCluster : 0, tile_n = blockIdx.x / kCluster;
  const int n0 = tile_n * kN;
#if PATCH
  const int tile_y = blockIdx.y / kTilesW % kTilesH * kTileH, tile_x = blockIdx.y % kTilesW * kTileW;
  const int image = blockIdx.y / (kTilesW * kTilesH);
  // The pixel of the output that is row i of the tile; negative: none.
  const auto pixel_of = [&](int i) {
    const int h = tile_y + i / kTileW, w = tile_x + i % kTileW;
    return i < kTileH * kTileW && h < kOutH && w < kOutW ? (image * kOutH + h) * kOutW + w : -1;
  };
#else
  const int m0 = blockIdx.y * kM;
  const auto pixel_of = [&](int i) { return m0 + i < kPixels ? m0 + i : -1; };
#endif
  const int chunk0 = kChunks * rank / kCluster, chunks = kChunks * (rank + 1) / kCluster - chunk0;
  const int steps = (chunks + kGroup - 1) / kGroup;
  const unsigned base = shared_address(memory), ring = base + kRingAt;
  const Unit* const weights = w + ((size_t)tile_n * kChunks + chunk0) * kRowsB * 64;

#if PATCH_GROUPS
  // Two patches, each of 64 channels, and a ring of `kStages` taps' weights.
  const auto patch_at = [&](int slice) { return ring + (slice & 1) * kStageA; };
  const auto weights_at = [&](int part) { return ring + 2 * kStageA + part % kStages * kN * 128; };
  const int parts = chunks * kTaps;
  const auto load_weights = [&](int part) {
    copy_weights(weights_at(part), weights + (size_t)part * kN * 64, kN * 128, base + part % kStages * 8);
  };
#else
  const auto load_weights = [&](int step) {
    const int first = step * kGroup, count = min(kGroup, chunks - first);
    copy_weights(ring + step % kStages * kStage + kStageA, weights + (size_t)first * kRowsB * 64, count * kRowsB * 128,
                 base + step % kStages * 8);
  };
#endif
  open_barriers(base, kStages);
  if (kCluster > 1) cluster_arrive();
#pragma unroll 1
  for (int s = 0; s < kAhead && s < (PATCH_GROUPS ? chunks * kTaps : steps); ++s) load_weights(s);
  float* const offsets = (float*)(memory + kBiasAt);
  for (int i = tid; i < kN; i += kThreads) offsets[i] = bias[n0 + i];

  // A thread loads 16-byte piece `piece` of rows tid / 8 + j * kRows.
  const int piece = tid & 7, row0 = tid >> 3;
#if PATCH
  const int top = tile_y * kStrideH - kPadH, left = tile_x * kStrideW - kPadW;
  const auto load_step = [&](int step) {
    const int c = (chunk0 + step) * 64 + piece * 8;
#if PATCH_GROUPS
    const unsigned to = patch_at(step);
#else
    const unsigned to = ring + step % kStages * kStage;
#endif
#pragma unroll 4
    for (int r = row0; r < kPatch; r += kRows) {
      const int h = top + r / kPatchW, v = left + r % kPatchW;
      const bool inside = (kInChannels % 64 == 0 || c < kInChannels) && (unsigned)h < (unsigned)kInH && (unsigned)v < (unsigned)kInW;
      copy_16(to + r * 128 + ((piece ^ (r & 7)) << 4),
              inside ? x + (size_t)((image * kInH + h) * kInW + v) * kInPitch + c : x, inside);
    }
    commit_copies();
  };
#else
  int from[kLoads], top[kLoads], left[kLoads];
#pragma unroll
  for (int j = 0; j < kLoads; ++j) {
    const int m = m0 + row0 + j * kRows;
    const bool here = m < kPixels && row0 + j * kRows < kM;
    const int n = m / (kOutH * kOutW), o = m % (kOutH * kOutW);
    top[j] = o / kOutW * kStrideH - kPadH;
    left[j] = o % kOutW * kStrideW - kPadW;
    from[j] = ((n * kInH + top[j]) * kInW + left[j]) * kInPitch;
    if (!here) top[j] = -(1 << 28);
  }
  const auto load_step = [&](int step) {
    const unsigned to = ring + step % kStages * kStage + row0 * 128;
#pragma unroll 2
    for (int g = 0; g < kGroup; ++g) {
      const int k = (chunk0 + step * kGroup + g) * 64 + piece * 8;
      if (kGroup > 1 && step * kGroup + g >= chunks) break;
      const int tap = kPlain ? 0 : k / kInChannels, c = kPlain ? k : k % kInChannels;
      const int dh = tap / kKernelW * kDilationH, dw = tap % kKernelW * kDilationW;
      const int offset = (dh * kInW + dw) * kInPitch + c;
#pragma unroll
      for (int j = 0; j < kLoads; ++j) {
        if (kM % kRows && row0 + j * kRows >= kM) continue;
        const bool inside = k < kDepth && (kPlain ? top[j] >= 0 : (unsigned)(top[j] + dh) < (unsigned)kInH &&
                                                                      (unsigned)(left[j] + dw) < (unsigned)kInW);
        copy_16(to + (g * kM + j * kRows) * 128 + ((piece ^ ((row0 + j * kRows) & 7)) << 4),
                inside ? x + from[j] + offset : x, inside);
      }
    }
    commit_copies();
  };
#endif

  wait();
#if PATCH_GROUPS
  int loaded = 0;
  for (; loaded < 2 && loaded < chunks; ++loaded) load_step(loaded);
#else
#pragma unroll 1
  for (int s = 0; s < kAhead; ++s)
    if (s < steps)
      load_step(s);
    else
      commit_copies();
#endif

  // Pieces of 8 channels that this thread finishes.
  const auto item = [&](int f) { return rank * kOwn + tid + f * kThreads; };
  const auto is_mine = [&](int f) {
    const int i = item(f);
    return tid + f * kThreads < kOwn && i < kItems && pixel_of(i / (kN / 8)) >= 0 && n0 + i % (kN / 8) * 8 < kOutChannels;
  };
  Vector<T, 8> added[kEarlyResidual ? kFinishes : 1];
  const auto residual_of = [&](int f) {
    const int i = item(f);
    return *(const Vector<T, 8>*)(residual + (size_t)pixel_of(i / (kN / 8)) * kResidualPitch + n0 + i % (kN / 8) * 8);
  };
  if (kEarlyResidual)
#pragma unroll
    for (int f = 0; f < kFinishes; ++f)
      if (is_mine(f)) added[f] = residual_of(f);
  allow_next();

  float sums[kI][kJ][4] = {};
  const int a_row = wm * kTileM + (lane & 15), b_row = wn * kTileN + (lane & 7) + (lane >> 4 << 3);
  const int a_piece = lane >> 4, b_piece = lane >> 3 & 1;
#if PATCH
  int patch_row[kI];
#pragma unroll
  for (int i = 0; i < kI; ++i) {
    const int r = a_row + i * 16 < kTileH * kTileW ? a_row + i * 16 : 0;
    patch_row[i] = r / kTileW * kStrideH * kPatchW + r % kTileW * kStrideW;
  }
#endif
#if PATCH_GROUPS
  // Two taps at a time: fragments first, for products wait for one another where loads stand between them.
  unsigned fragments[2][4][4];
  const auto load_fragments = [&](unsigned (*f)[4], int part) {
    const int slice = part / kTaps, tap = part % kTaps;
    const int r = patch_row[0] + tap / kKernelW * kDilationH * kPatchW + tap % kKernelW * kDilationW;
    const unsigned at = patch_at(slice) + r * 128;
#pragma unroll
    for (int q = 0; q < 4; ++q) load_matrix_4(f[q], at + (((q * 2 + a_piece) ^ (r & 7)) << 4));
#pragma unroll
    for (int q = 0; q < 4; ++q) round_4(f[q]);
  };
  const auto multiply_part = [&](unsigned (*f)[4], int part) {
    const unsigned b = weights_at(part);
#pragma unroll
    for (int q = 0; q < 4; ++q) multiply_group(sums[0], f[q], b + q * 32);
  };
  int ready = 0;  // patches that are there
  const auto enter = [&](int part, int last) {
    if (ready == 0 && loaded > 1) {
      wait_copies<1>();
      ready = 1;
    } else if (last / kTaps >= ready) {
      wait_copies<0>();
      ready = loaded;
    }
    wait_barrier(base + part % kStages * 8, part / kStages & 1);
    wait_barrier(base + last % kStages * 8, last / kStages & 1);
    __syncthreads();
    // All warps have left the parts before `part`: others take their places.
    for (int p = part - 2; p < part; ++p)
      if (p >= 0 && p + kStages < parts) load_weights(p + kStages);
    if (loaded < chunks && part / kTaps >= loaded - 1) load_step(loaded++);
  };
  int now = 0;
#pragma unroll 1
  for (; now + 1 < parts; now += 2) {
    enter(now, now + 1);
    load_fragments(fragments[0], now);
    load_fragments(fragments[1], now + 1);
    open_group();
    multiply_part(fragments[0], now);
    multiply_part(fragments[1], now + 1);
    close_group<0>();
  }
  if (now < parts) {
    enter(now, now);
    load_fragments(fragments[0], now);
    open_group();
    multiply_part(fragments[0], now);
    close_group<0>();
  }
#else
#pragma unroll 1
  for (int step = 0; step < steps; ++step) {
    wait_copies<kAhead - 1>();
#if WARP_GROUPS
    show_to_group();
#endif
    wait_barrier(base + step % kStages * 8, step / kStages & 1);
    __syncthreads();
    if (!kOnce) {
      // Into the place of a step that all warps have left: the one before this, or where products are still under way
      // (warp groups) the one before that.
      const int next = step + kAhead;
      if (next < steps) {
        load_weights(next);
        load_step(next);
      } else {
        commit_copies();
      }
    } else {
      commit_copies();
    }
    const unsigned a = ring + step % kStages * kStage, b = a + kStageA;
#if PATCH
    const int parts = min(4, (kInChannels - (chunk0 + step) * 64 + 15) / 16), limit = parts * kTaps;
#pragma unroll 4
    for (int q = wk; q < limit; q += kWarpsK) {
      const int tap = q / parts, h = q % parts * 2;
      const int shift = tap / kKernelW * kDilationH * kPatchW + tap % kKernelW * kDilationW;
      unsigned fa[kI][4], fb[kJ][2];
#pragma unroll
      for (int i = 0; i < kI; ++i) {
        const int r = patch_row[i] + shift;
        load_matrix_4(fa[i], a + r * 128 + (((h + a_piece) ^ (r & 7)) << 4));
        round_4(fa[i]);
      }
#pragma unroll
      for (int j = 0; j < kJ; j += 2) {
        const int r = b_row + j * 8;
        load_matrix_4(fb[j], b + (tap * kN + r) * 128 + (((h + b_piece) ^ (r & 7)) << 4));
      }
#pragma unroll
      for (int i = 0; i < kI; ++i)
#pragma unroll
        for (int j = 0; j < kJ; ++j) multiply(sums[i][j], fa[i], fb[j][0], fb[j][1]);
    }
  }
#else
#if !WARP_GROUPS
    const int left_over = (kDepth - (chunk0 + step * kGroup) * 64 + 15) / 16;
    const int limit = min(min(kGroup, chunks - step * kGroup) * 4, left_over);
#endif
#if WARP_GROUPS
    // Whole chunks, of zeros past the end: the same way for all threads, else the products wait for one another.
    const int count = min(kGroup, chunks - step * kGroup);
    // Pixels come by registers, where they are rounded.
    constexpr int kParts = 4 / kWarpsK;
#pragma unroll 1
    for (int g = 0; g < count; ++g) {
      unsigned f[kParts][4];
#pragma unroll
      for (int q = 0; q < kParts; ++q) {
        load_matrix_4(f[q], a + (g * kM + a_row) * 128 + ((((wk * kParts + q) * 2 + a_piece) ^ (a_row & 7)) << 4));
        round_4(f[q]);
      }
      open_group();
#pragma unroll
      for (int q = 0; q < kParts; ++q) multiply_group(sums[0], f[q], b + g * kN * 128 + (wk * kParts + q) * 32);
      close_group<0>();
    }
#else
#pragma unroll 4
    for (int q = wk; q < limit; q += kWarpsK) {
      const int g = q >> 2, h = (q & 3) * 2;
      unsigned fa[kI][4], fb[kJ][2];
#pragma unroll
      for (int i = 0; i < kI; ++i) {
        const int r = a_row + i * 16;
        load_matrix_4(fa[i], a + (g * kM + r) * 128 + (((h + a_piece) ^ (r & 7)) << 4));
        round_4(fa[i]);
      }
#pragma unroll
      for (int j = 0; j < kJ; j += 2) {
        const int r = b_row + j * 8;
        load_matrix_4(fb[j], b + (g * kN + r) * 128 + (((h + b_piece) ^ (r & 7)) << 4));
      }
#pragma unroll
      for (int i = 0; i < kI; ++i)
#pragma unroll
        for (int j = 0; j < kJ; ++j) multiply(sums[i][j], fa[i], fb[j][0], fb[j][1]);
    }
#endif
  }
#endif
#if WARP_GROUPS
  wait_group<0>();
#endif
#endif
  wait_copies<0>();
  __syncthreads();

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
  const auto part_of = [&](int i, float* v) {
    const float* const at = part + i / (kN / 8) * kPartPitch + i % (kN / 8) * 8;
#pragma unroll
    for (int e = 0; e < 8; e += 4) {
      float4 s = *(const float4*)(at + e);
#pragma unroll
      for (int k = 1; k < kWarpsK; ++k) {
        const float4 t = *(const float4*)(at + k * kM * kPartPitch + e);
        s.x += t.x, s.y += t.y, s.z += t.z, s.w += t.w;
      }
      v[e] = s.x, v[e + 1] = s.y, v[e + 2] = s.z, v[e + 3] = s.w;
    }
  };
  const auto store = [&](int f, const float* v) {
    const int i = item(f), m = pixel_of(i / (kN / 8)), n = n0 + i % (kN / 8) * 8;
    const Vector<T, 8> r = kResidual ? (kEarlyResidual ? added[kEarlyResidual ? f : 0] : residual_of(f)) : Vector<T, 8>();
    Vector<T, 8> out;
#pragma unroll
    for (int e = 0; e < 8; ++e) {
      const float made = finish(v[e], offsets[n - n0 + e], kResidual ? to_float(r.v[e]) : 0.0f);
      out.v[e] = from_float<T>(kTrueOutChannels % 8 == 0 || n + e < kTrueOutChannels ? made : 0.0f);
    }
    *(Vector<T, 8>*)(y + (size_t)m * kOutPitch + n) = out;
  };
  if (kCluster == 1) {
#pragma unroll
    for (int f = 0; f < kFinishes; ++f) {
      if (!is_mine(f)) continue;
      float v[8];
      part_of(item(f), v);
      store(f, v);
    }
    return;
  }
  // Each block pushes its share of every item to the item's owner.
  float* const received = (float*)(memory + kReceivedAt);
  cluster_wait();  // all blocks of the cluster run
  for (int i = tid; i < kItems; i += kThreads) {
    if (pixel_of(i / (kN / 8)) < 0) continue;
    float v[8];
    part_of(i, v);
    const int owner = i / kOwn;
    const unsigned to = remote_address(shared_address(received + (rank * kOwn + i - owner * kOwn) * 8), owner);
    store_remote(to, make_float4(v[0], v[1], v[2], v[3]));
    store_remote(to + 16, make_float4(v[4], v[5], v[6], v[7]));
  }
  cluster_arrive();
  cluster_wait();
#pragma unroll
  for (int f = 0; f < kFinishes; ++f) {
    if (!is_mine(f)) continue;
    float v[8] = {};
#pragma unroll
    for (int k = 0; k < kCluster; ++k)
#pragma unroll
      for (int e = 0; e < 8; ++e) v[e] += received[(k * kOwn + tid + f * kThreads) * 8 + e];
    store(f, v);
  }
}
