// grid 2 x 2 x 1, block 128, shared 28672, 5 arguments

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
using Mask = float;

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
__device__ __forceinline__ unsigned load_word(unsigned from) {
  unsigned word;
  asm volatile("ld.shared.b32 %0, [%1];" : "=r"(word) : "r"(from) : "memory");
  return word;
}
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
constexpr int kHeads = 2;
constexpr int kKvHeads = 2;
constexpr int kQueries = 33;
constexpr int kKeys = 130;
constexpr int kDepth = 36;
constexpr int kValues = 12;
constexpr int kCausal = 0;
constexpr int kPosition = 0;
constexpr int kMasked = 0;
#define kScale 0x1.e2b7ep-3f
constexpr int kQueryWarps = 2;
constexpr int kKeyWarps = 2;
constexpr int kWarpKeys = 32;
constexpr int kSlots = 2;
constexpr long long kQBatch = 2376, kQHead = 36, kQRow = 72;
constexpr int kQVector = 4;
constexpr long long kKBatch = 9360, kKHead = 36, kKRow = 72;
constexpr int kKVector = 4;
constexpr long long kVBatch = 6240, kVHead = 24, kVRow = 48;
constexpr int kVVector = 8;
constexpr long long kOutBatch = 792, kOutHead = 12, kOutRow = 24;
constexpr int kOutVector = 4;
constexpr long long kMaskBatch = 0, kMaskHead = 0, kMaskQuery = 0, kMaskKey = 0;

constexpr int kThreads = 32 * kQueryWarps * kKeyWarps, kRows = 16 * kQueryWarps, kStep = kKeyWarps * kWarpKeys;
constexpr int kTiles = (kKeys + kStep - 1) / kStep, kAhead = kTiles <= kSlots ? kSlots : kSlots - 1;
constexpr int kD = (kDepth + 15) / 16 * 16, kE = (kValues + 15) / 16 * 16;  // filled up
constexpr int kPitchD = kD * 2 + 16, kPitchE = kE * 4 + 16;                 // bytes; kD counts halves of values
constexpr int kSlot = kStep * (kPitchD + kPitchE), kStatistics = 2 * kKeyWarps * kRows * 4;
constexpr int kSumPitch = kE + 8;
constexpr float kLog2E = 1.44269504f;
__device__ __forceinline__ float mask_of(bool keep) { return keep ? 0.0f : -__uint_as_float(0x7f800000u); }
template <class M> __device__ __forceinline__ float mask_of(M value) { return to_float(value); }

// Rows of a matrix, `width` elements of each, into rows of kPieces pieces of 16 bytes.
template <int kTileRows, int kPieces, int kWidth, int kVector>
__device__ __forceinline__ void copy_tile(unsigned to, const Unit* from, long long pitch, int row0, int rows) {
#pragma unroll 4
  for (int i = threadIdx.x; i < kTileRows * kPieces; i += kThreads) {
    const int row = i / kPieces, piece = i % kPieces;
    copy_elements<kVector>(to + row * (kPieces * 16 + 16) + piece * 16, from + (row0 + row) * pitch + piece * 8, from,
                           row0 + row < rows ? kWidth - piece * 8 : 0);
  }
}

extern "C" __global__ void __launch_bounds__(kThreads) attention(const Unit* __restrict__ q, const Unit* __restrict__ k,
    const Unit* __restrict__ v, const Mask* __restrict__ mask, T* __restrict__ out) {
  extern __shared__ __align__(128) unsigned char shared[];
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, wq = warp % kQueryWarps, wk = warp / kQueryWarps;
  const int batch = blockIdx.x / kHeads, head = blockIdx.x % kHeads, row0 = blockIdx.y * kRows;
  const unsigned base = shared_address(shared), queries = base + kStatistics, ring = queries + kRows * kPitchD;
  const int shared_head = head / (kHeads / kKvHeads);
  q += batch * kQBatch + head * kQHead;
  k += batch * kKBatch + shared_head * kKHead;
  v += batch * kVBatch + shared_head * kVHead;
  mask += batch * kMaskBatch + head * kMaskHead;
  out += batch * kOutBatch + head * kOutHead;
  const int seen = kCausal ? min(kKeys, row0 + kRows + kPosition) : kKeys;
  const int count = kCausal ? (max(seen, 0) + kStep - 1) / kStep : kTiles;
  const auto load = [&](int tile, int slot) {
    const unsigned to = ring + slot * kSlot;
    copy_tile<kStep, kD / 8, kDepth, kKVector>(to, k, kKRow, tile * kStep, kKeys);
    copy_tile<kStep, kE / 4, kValues * 2, kVVector>(to + kStep * kPitchD, v, kVRow, tile * kStep, kKeys);
  };

  wait();
  copy_tile<kRows, kD / 8, kDepth, kQVector>(queries, q, kQRow, row0, kQueries);
#pragma unroll 1
  for (int s = 0; s < kAhead; ++s) {
    if (s < count) load(s, s);
    commit_copies();
  }
  allow_next();

  const float infinity = __uint_as_float(0x7f800000u);
  float most[2] = {-infinity, -infinity}, total[2] = {}, sums[kE / 8][4] = {};
  unsigned a[kD / 16][4];
  int slot = 0, refill = kAhead % kSlots;
#pragma unroll 1
  for (int tile = 0; tile < count; ++tile) {
    wait_copies<kAhead - 1>();
    __syncthreads();
    if (kTiles > kSlots && tile + kAhead < count) load(tile + kAhead, refill);
    if (++refill == kSlots) refill = 0;
    commit_copies();
    if (tile == 0)
#pragma unroll
      for (int d = 0; d < kD / 16; ++d)
      {
        load_matrix_4(a[d], queries + (wq * 16 + lane % 16) * kPitchD + (d * 2 + lane / 16) * 16);
        round_4(a[d]);
      }
    const int key0 = tile * kStep + wk * kWarpKeys;  // of this warp
    const unsigned keys = ring + slot * kSlot + wk * kWarpKeys * kPitchD;
    const unsigned values = ring + slot * kSlot + kStep * kPitchD + wk * kWarpKeys * kPitchE;
    if (++slot == kSlots) slot = 0;
    if (key0 >= seen) continue;
    float scores[kWarpKeys / 8][4] = {};
#pragma unroll
    for (int d = 0; d < kD / 16; ++d)
#pragma unroll
      for (int j = 0; j < kWarpKeys / 16; ++j) {
        unsigned b[4];
        load_matrix_4(b, keys + (j * 16 + lane % 8 + lane / 16 * 8) * kPitchD + (d * 2 + lane / 8 % 2) * 16);
        round_4(b);
        multiply(scores[j * 2], a[d], b[0], b[1]);
        multiply(scores[j * 2 + 1], a[d], b[2], b[3]);
      }
    float largest[2] = {most[0], most[1]};
#pragma unroll
    for (int j = 0; j < kWarpKeys / 8; ++j)
#pragma unroll
      for (int e = 0; e < 4; ++e) {
        const int key = key0 + j * 8 + lane % 4 * 2 + e % 2, row = row0 + wq * 16 + lane / 4 + e / 2 * 8;
        float score = scores[j][e] * kScale;
        const bool there = key < kKeys && (!kCausal || key <= row + kPosition);
        if (kMasked && there)
          score += mask_of(mask[min(row, kQueries - 1) * kMaskQuery + key * kMaskKey]);
        score = there ? score * kLog2E : -infinity;
        scores[j][e] = score;
        largest[e / 2] = fmaxf(largest[e / 2], score);
      }
    float shift[2];
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      largest[h] = fmaxf(largest[h], __shfl_xor_sync(0xffffffffu, largest[h], 1));
      largest[h] = fmaxf(largest[h], __shfl_xor_sync(0xffffffffu, largest[h], 2));
      shift[h] = largest[h] == -infinity ? 0.0f : largest[h];
      const float shrink = exp2f(most[h] - shift[h]);
      most[h] = largest[h];
      total[h] *= shrink;
#pragma unroll
      for (int j = 0; j < kE / 8; ++j) sums[j][h * 2] *= shrink, sums[j][h * 2 + 1] *= shrink;
    }
#pragma unroll
    for (int j = 0; j < kWarpKeys / 8; ++j)
#pragma unroll
      for (int e = 0; e < 4; ++e) {
        scores[j][e] = exp2f(scores[j][e] - shift[e / 2]);
        total[e / 2] += scores[j][e];
      }
    // Products of 8 keys: the scores that a thread has are those of neighbours, so they stand for keys t and t + 4.
#pragma unroll
    for (int s = 0; s < kWarpKeys / 8; ++s) {
      unsigned p[4] = {__float_as_uint(scores[s][0]), __float_as_uint(scores[s][2]), __float_as_uint(scores[s][1]),
                       __float_as_uint(scores[s][3])};
      round_4(p);
      const unsigned row = values + (s * 8 + lane % 4 * 2) * kPitchE + lane / 4 * 4;
#pragma unroll
      for (int j = 0; j < kE / 8; ++j)
        multiply(sums[j], p, rounded(load_word(row + j * 32)), rounded(load_word(row + kPitchE + j * 32)));
    }
  }
  wait_copies<0>();

  // The warps of the same queries agree on the largest score; then their sums meet where the ring was.
  float* const statistics = (float*)shared;
#pragma unroll
  for (int h = 0; h < 2; ++h) {
    total[h] += __shfl_xor_sync(0xffffffffu, total[h], 1);
    total[h] += __shfl_xor_sync(0xffffffffu, total[h], 2);
    const int row = wq * 16 + lane / 4 + h * 8;
    if (lane % 4 == 0) {
      statistics[wk * kRows + row] = most[h];
      statistics[(kKeyWarps + wk) * kRows + row] = total[h];
    }
  }
  __syncthreads();
  float* const partial = (float*)(shared + kStatistics + kRows * kPitchD);
#pragma unroll
  for (int h = 0; h < 2; ++h) {
    const int row = wq * 16 + lane / 4 + h * 8;
    float all = -infinity, divisor = 0;
#pragma unroll
    for (int w = 0; w < kKeyWarps; ++w) all = fmaxf(all, statistics[w * kRows + row]);
    const float shift = all == -infinity ? 0.0f : all;
#pragma unroll
    for (int w = 0; w < kKeyWarps; ++w)
      divisor += statistics[(kKeyWarps + w) * kRows + row] * exp2f(statistics[w * kRows + row] - shift);
    const float factor = divisor == 0 ? 0.0f : exp2f(most[h] - shift) / divisor;  // a query that sees no key: zeros
#pragma unroll
    for (int j = 0; j < kE / 8; ++j)
      *(float2*)(partial + (wk * kRows + row) * kSumPitch + j * 8 + lane % 4 * 2) =
          make_float2(sums[j][h * 2] * factor, sums[j][h * 2 + 1] * factor);
  }
  __syncthreads();
  using Piece = Vector<T, kOutVector>;
#pragma unroll 2
  for (int i = threadIdx.x; i < kRows * (kE / 8); i += kThreads) {
    const int row = i / (kE / 8), column = i % (kE / 8) * 8;
    if (row0 + row >= kQueries) break;
    alignas(16) T y[8];
#pragma unroll
    for (int c = 0; c < 8; c += 4) {
      float4 sum = *(const float4*)(partial + row * kSumPitch + column + c);
#pragma unroll
      for (int w = 1; w < kKeyWarps; ++w) {
        const float4 more = *(const float4*)(partial + (w * kRows + row) * kSumPitch + column + c);
        sum.x += more.x, sum.y += more.y, sum.z += more.z, sum.w += more.w;
      }
      y[c] = from_float<T>(sum.x), y[c + 1] = from_float<T>(sum.y);
      y[c + 2] = from_float<T>(sum.z), y[c + 3] = from_float<T>(sum.w);
    }
#pragma unroll
    for (int c = 0; c < 8; c += kOutVector)
      if (column + c < kValues) ((Piece*)out)[((row0 + row) * kOutRow + column + c) / kOutVector] = *(const Piece*)(y + c);
  }
}
