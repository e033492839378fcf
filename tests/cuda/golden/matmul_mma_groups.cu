// grid 2 x 2 x 1, block 256, shared 50176, 5 arguments

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
using T = bfloat;
constexpr int kM = 70;
constexpr int kN = 72;
constexpr int kK = 300;
constexpr int kARow = 300;
constexpr int kAColumn = 1;
constexpr int kBRow = 72;
constexpr int kBColumn = 1;
constexpr int kCRow = 72;
constexpr int kBias = 0;
constexpr int kResidual = 0;
#define kAlpha 0x1p+0f
__device__ __forceinline__ long long a_offset(long long i) { return 0; }
__device__ __forceinline__ long long b_offset(long long i) { return 0; }
__device__ __forceinline__ long long c_offset(long long i) { return 0; }
__device__ __forceinline__ float activate(float x) { return x; }
__device__ __forceinline__ float finish(float sum, float bias, float residual) { return activate(sum + bias + residual); }

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
template <int kVector> __device__ __forceinline__ void copy_elements(unsigned to, const T* from, const T* any, int valid) {
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
  asm volatile("{.reg .pred p; setp.eq.b32 p, 0, 0; wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 {%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31}, %32, %33, p, 1, 1, 0, 0;}"
               : "+f"(c[0][0]), "+f"(c[0][1]), "+f"(c[0][2]), "+f"(c[0][3]), "+f"(c[1][0]), "+f"(c[1][1]), "+f"(c[1][2]), "+f"(c[1][3]), "+f"(c[2][0]), "+f"(c[2][1]), "+f"(c[2][2]), "+f"(c[2][3]), "+f"(c[3][0]), "+f"(c[3][1]), "+f"(c[3][2]), "+f"(c[3][3]), "+f"(c[4][0]), "+f"(c[4][1]), "+f"(c[4][2]), "+f"(c[4][3]), "+f"(c[5][0]), "+f"(c[5][1]), "+f"(c[5][2]), "+f"(c[5][3]), "+f"(c[6][0]), "+f"(c[6][1]), "+f"(c[6][2]), "+f"(c[6][3]), "+f"(c[7][0]), "+f"(c[7][1]), "+f"(c[7][2]), "+f"(c[7][3])
               : "l"(operand(a)), "l"(operand(b)));
}
// The 64 x 16 of each warp's rows in registers, as ldmatrix gives them.
__device__ __forceinline__ void multiply_group(float (*c)[4], const unsigned* a, unsigned b) {
  asm volatile("{.reg .pred p; setp.eq.b32 p, 0, 0; wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 {%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31}, {%32, %33, %34, %35}, %36, p, 1, 1, 0;}"
               : "+f"(c[0][0]), "+f"(c[0][1]), "+f"(c[0][2]), "+f"(c[0][3]), "+f"(c[1][0]), "+f"(c[1][1]), "+f"(c[1][2]), "+f"(c[1][3]), "+f"(c[2][0]), "+f"(c[2][1]), "+f"(c[2][2]), "+f"(c[2][3]), "+f"(c[3][0]), "+f"(c[3][1]), "+f"(c[3][2]), "+f"(c[3][3]), "+f"(c[4][0]), "+f"(c[4][1]), "+f"(c[4][2]), "+f"(c[4][3]), "+f"(c[5][0]), "+f"(c[5][1]), "+f"(c[5][2]), "+f"(c[5][3]), "+f"(c[6][0]), "+f"(c[6][1]), "+f"(c[6][2]), "+f"(c[6][3]), "+f"(c[7][0]), "+f"(c[7][1]), "+f"(c[7][2]), "+f"(c[7][3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(operand(b)));
}
constexpr int kBM = 64;
constexpr int kBN = 64;
constexpr int kWarpsM = 4;
constexpr int kWarpsN = 1;
constexpr int kWarpsK = 2;
constexpr int kCluster = 1;
constexpr int kSlots = 3;
constexpr int kPacked = 1;
constexpr int kBAlongK = 0;
constexpr int kConstant = 1;
constexpr int kConstantBias = 0;
constexpr int kAVector = 4;
constexpr int kBVector = 8;
constexpr int kCVector = 4;

constexpr int kThreads = kWarpsM * kWarpsN * kWarpsK * 32, kTM = kBM / kWarpsM, kTN = kBN / kWarpsN;
constexpr int kMI = kTM / 16, kNI = kTN / 8, kSteps = 4 / kWarpsK;
constexpr int kChunks = (kK + 63) / 64, kMost = (kChunks + kCluster - 1) / kCluster;  // of all, of one block
constexpr bool kEven = kChunks % kCluster == 0;
// Chunks under way at the start. A slot is free when all warps have left it, those of warp groups one chunk later.
constexpr int kAhead = kMost <= kSlots ? kSlots : kSlots - (WARP_GROUPS ? 2 : 1);
constexpr int kABytes = kBM * 128, kBBytes = kBN * 128, kSlot = kABytes + kBBytes;
constexpr int kPitch = kBN + 8;                                  // of sums in shared memory
constexpr int kItems = kBM * kBN / 8, kOwn = kItems / kCluster;  // 8 columns each: of the tile, of one block
// Threads that finish sums: so many that each stays in its columns.
constexpr int kFinishing = kThreads / (kBN / 8) * (kBN / 8), kMine = (kOwn + kFinishing - 1) / kFinishing;
constexpr bool kEarlyResidual = kResidual && kMine <= 4;
constexpr int kPanel = kBN < 64 ? kBN : 64, kPieces = kPanel / 8;  // of a B along n: columns, and pieces of 16 bytes
__device__ __forceinline__ int swizzle_of(int k) { return k / (8 / kPieces) % kPieces; }

// A chunk of rows that are contiguous along k.
template <int kTileRows, int kAllRows, int kVector>
__device__ __forceinline__ void copy_rows(unsigned to, const T* from, long long pitch, int row0, int k0) {
#pragma unroll
  for (int i0 = 0; i0 < kTileRows * 8; i0 += kThreads) {
    const int i = i0 + threadIdx.x, row = i / 8, piece = i % 8, k = k0 + piece * 8;
    if (kTileRows * 8 % kThreads == 0 || i < kTileRows * 8)
      copy_elements<kVector>(to + row * 128 + ((piece ^ (row & 7)) << 4), from + (row0 + row) * pitch + k, from,
                             row0 + row < kAllRows ? kK - k : 0);
  }
}

extern "C" __global__ void __launch_bounds__(kThreads) matmul(const T* __restrict__ a_all, const T* __restrict__ b_all,
    const T* __restrict__ bias, const T* residual, float* c_all) {
  extern __shared__ __align__(1024) unsigned char shared[];
  const int t = threadIdx.x, lane = t % 32, warp = t / 32;
  const int wm = warp % kWarpsM, wn = warp / kWarpsM % kWarpsN, wk = warp / (kWarpsM * kWarpsN);
  const int rank = blockIdx.x % kCluster, n_tile = blockIdx.x / kCluster, n0 = n_tile * kBN, m0 = blockIdx.y * kBM;
  const int first = kChunks * rank / kCluster;
  const int count = kEven ? kMost : kChunks * (rank + 1) / kCluster - first;
  const unsigned bars = shared_address(shared), received = bars + 1024;
  const unsigned ring = received + (kCluster > 1 ? kBM * kBN * 4 : 0);
  const T* const pa = a_all + a_offset(blockIdx.z);
  const T* const pb = kPacked ? b_all + ((long long)n_tile * kChunks + first) * (kBN * 64) : b_all + b_offset(blockIdx.z);
  const long long pc = c_offset(blockIdx.z);

  const auto load_a = [&](int chunk, int slot) {
    copy_rows<kBM, kM, kAVector>(ring + slot * kSlot, pa, kARow, m0, (first + chunk) * 64);
  };
  const auto load_b = [&](int chunk, int slot) {
    const unsigned to = ring + slot * kSlot + kABytes;
    const int k0 = (first + chunk) * 64;
    if (kPacked) {
      copy_weights(to, pb + (long long)chunk * (kBN * 64), kBBytes, bars + slot * 8);
    } else if (kBAlongK) {
      copy_rows<kBN, kN, kBVector>(to, pb, kBColumn, n0, k0);
    } else {
#pragma unroll
      for (int i0 = 0; i0 < kBN * 8; i0 += kThreads) {
        const int i = i0 + t, k = i / (kBN / 8), piece = i % (kBN / 8), column = n0 + piece * 8;
        if (kBN * 8 % kThreads == 0 || i < kBN * 8)
          copy_elements<kBVector>(
              to + piece / kPieces * (kPanel * 128) + k * (kPanel * 2) + ((piece % kPieces ^ swizzle_of(k)) << 4),
              pb + (long long)(k0 + k) * kBRow + column, pb, k0 + k < kK ? kN - column : 0);
      }
    }
  };

  if (kPacked) open_barriers(bars, kSlots);
  if (kCluster > 1) cluster_arrive();
  if (kConstant)
    for (int s = 0; s < kAhead; ++s)
      if (s < count) load_b(s, s);
  const int column = n0 + t % (kBN / 8) * 8;  // of all items of this thread
  float shift[8];
  const auto load_bias = [&] {
#pragma unroll
    for (int j = 0; j < 8; ++j) shift[j] = kBias && column + j < kN ? to_float(bias[column + j]) : 0.0f;
  };
  if (kConstantBias) load_bias();
  wait();
#pragma unroll 4
  for (int s = 0; s < kAhead; ++s) {
    if (s < count) {
      if (!kConstant) load_b(s, s);
      load_a(s, s);
    }
    commit_copies();
  }
  if (!kConstantBias) load_bias();
  using Piece = Vector<float, kCVector>;
  const auto load_residual = [&](float (&to)[8], int item) {
    const int row = m0 + item / (kBN / 8);
#pragma unroll
    for (int j = 0; j < 8; j += kCVector)
      *(Piece*)(to + j) =
          row < kM && column + j < kN ? *(const Piece*)(residual + pc + (long long)row * kCRow + column + j) : Piece{};
  };
  alignas(16) float early[kEarlyResidual ? kMine : 1][8];
  if (kEarlyResidual)
#pragma unroll
    for (int f = 0; f < kMine; ++f)
      if (t < kFinishing && t + f * kFinishing < kOwn) load_residual(early[f], rank * kOwn + t + f * kFinishing);
  allow_next();

  float sums[kMI][kNI][4] = {};
  const int a_row = wm * kTM + lane % 16;
  int slot = 0, refill = kAhead % kSlots;
  unsigned parity = 0;
#if WARP_GROUPS
#pragma unroll 1  // unrolled, products would wait for one another
#endif
  for (int chunk = 0; chunk < count; ++chunk) {
    wait_copies<kAhead - 1>();
#if WARP_GROUPS
    show_to_group();
#endif
    __syncthreads();
    if (kPacked) wait_barrier(bars + slot * 8, parity);
    if (kMost > kSlots && chunk + kAhead < count) {
      load_b(chunk + kAhead, refill);
      load_a(chunk + kAhead, refill);
    }
    if (++refill == kSlots) refill = 0;
    commit_copies();
    const unsigned a_at = ring + slot * kSlot, b_at = a_at + kABytes;
#if WARP_GROUPS
    open_group();
#pragma unroll
    for (int s = 0; s < kSteps; ++s)
      multiply_group(sums[0], a_at + wm / 4 * (64 * 128) + (wk * kSteps + s) * 32,
                     b_at + wn * (kTN * 128) + (wk * kSteps + s) * 32);
    close_group<kEven ? 1 : 0>();  // left open over a number of rounds unknown to it, the compiler closes each product
#else
#pragma unroll
    for (int s = 0; s < kSteps; ++s) {
      const int step = wk * kSteps + s;
      unsigned a[kMI][4], b[kNI / 2][4];
#pragma unroll
      for (int i = 0; i < kMI; ++i)
        load_matrix_4(a[i], a_at + (a_row + i * 16) * 128 + ((step * 2 + lane / 16 ^ (lane & 7)) << 4));
#pragma unroll
      for (int j = 0; j < kNI / 2; ++j) {
        if (kPacked || kBAlongK) {
          const int row = wn * kTN + j * 16 + lane % 8 + lane / 16 * 8;
          load_matrix_4(b[j], b_at + row * 128 + ((step * 2 + lane / 8 % 2 ^ (lane & 7)) << 4));
        } else {
          const int k = step * 16 + lane % 16, piece = (wn * kTN + j * 16) / 8 + lane / 16;
          load_matrix_4_transposed(
              b[j], b_at + piece / kPieces * (kPanel * 128) + k * (kPanel * 2) + ((piece % kPieces ^ swizzle_of(k)) << 4));
        }
      }
#pragma unroll
      for (int i = 0; i < kMI; ++i)
#pragma unroll
        for (int j = 0; j < kNI; ++j) multiply(sums[i][j], a[i], b[j / 2][j % 2 * 2], b[j / 2][j % 2 * 2 + 1]);
    }
#endif
    if (++slot == kSlots) slot = 0, parity ^= 1;
  }
#if WARP_GROUPS
  wait_group<0>();
#endif
  __syncthreads();

  // Sums of the groups of warps, where the ring was.
  float* const partial = (float*)(shared + (ring - bars));
#pragma unroll
  for (int i = 0; i < kMI; ++i)
#pragma unroll
    for (int j = 0; j < kNI; ++j)
#pragma unroll
      for (int h = 0; h < 2; ++h)
        *(Vector<float, 2>*)(partial + (wk * kBM + wm * kTM + i * 16 + lane / 4 + h * 8) * kPitch + wn * kTN + j * 8 +
                             lane % 4 * 2) = {sums[i][j][h * 2], sums[i][j][h * 2 + 1]};
  if (kCluster > 1) cluster_wait();  // all blocks of the cluster have started
  __syncthreads();
  using Four = Vector<float, 4>;
  const auto add = [](float (&v)[8], const float* from) {
#pragma unroll
    for (int q = 0; q < 2; ++q) {
      const Four u = *(const Four*)(from + q * 4);
#pragma unroll
      for (int j = 0; j < 4; ++j) v[q * 4 + j] += u.v[j];
    }
  };
  const auto add_groups = [&](float (&v)[8], int item) {
#pragma unroll
    for (int g = 0; g < kWarpsK; ++g)
      add(v, partial + (g * kBM + item / (kBN / 8)) * kPitch + t % (kBN / 8) * 8);
  };
  if (kCluster > 1) {
    for (int item = t < kFinishing ? t : kItems; item < kItems; item += kFinishing) {
      if (m0 + item / (kBN / 8) >= kM) break;
      float v[8] = {};
      add_groups(v, item);
      const int owner = item / kOwn;
      const unsigned to = remote_address(received + (rank * kOwn + item - owner * kOwn) * 32, owner);
      store_remote(to, make_float4(v[0], v[1], v[2], v[3]));
      store_remote(to + 16, make_float4(v[4], v[5], v[6], v[7]));
    }
    __syncwarp();
    cluster_arrive();
    cluster_wait();
  }
#pragma unroll
  for (int f = 0; f < kMine; ++f) {
    const int own = t < kFinishing ? t + f * kFinishing : kOwn, item = rank * kOwn + own, row = m0 + item / (kBN / 8);
    if (own >= kOwn || row >= kM) continue;
    float v[8] = {};
    if (kCluster > 1) {
#pragma unroll
      for (int q = 0; q < kCluster; ++q) add(v, (const float*)(shared + 1024 + (q * kOwn + own) * 32));
    } else {
      add_groups(v, item);
    }
    alignas(16) float x[8];
    if (kResidual && !kEarlyResidual) load_residual(x, item);
#pragma unroll
    for (int j = 0; j < 8; ++j)
      x[j] = from_float<float>(finish(kAlpha * v[j], shift[j],
                                  !kResidual ? 0.0f : to_float(kEarlyResidual ? early[kEarlyResidual ? f : 0][j] : x[j])));
#pragma unroll
    for (int j = 0; j < 8; j += kCVector)
      if (column + j < kN) *(Piece*)(c_all + pc + (long long)row * kCRow + column + j) = *(const Piece*)(x + j);
  }
}
