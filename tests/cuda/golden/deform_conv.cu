// grid 9 x 1 x 1, block 256, shared 0, 6 arguments

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

template <class A, class B> constexpr bool kSame = false;
template <class A> constexpr bool kSame<A, A> = true;
template <class T> constexpr bool kReal = (T)0.5 != (T)0;
template <> constexpr bool kReal<bool> = false;
template <class T> __device__ __forceinline__ T wide(T x) { return x; }
__device__ __forceinline__ float wide(half x) { return to_float(x); }
__device__ __forceinline__ float wide(bfloat x) { return to_float(x); }
template <class T, class W> __device__ __forceinline__ T narrow(W x) {
  if constexpr (kSame<T, half> || kSame<T, bfloat>) return from_float<T>((float)x);
  else return (T)x;
}
template <int n, class T> __device__ __forceinline__ bool aligned(const T* p) {
  return (unsigned long long)p % (sizeof(T) * n) == 0;
}
template <int n, class T> __device__ __forceinline__ Vector<T, n> load(const T* p) {
  return *(const Vector<T, n>*)__builtin_assume_aligned(p, sizeof(T) * n);
}
template <int n, class T> __device__ __forceinline__ Vector<T, n> load(const T* p, bool at_once) {
  if (at_once) return load<n>(p);
  Vector<T, n> x;
  for (int k = 0; k < n; ++k) x.v[k] = p[k];
  return x;
}
template <int n, class T> __device__ __forceinline__ void store(T* p, const Vector<T, n>& x) {
  *(Vector<T, n>*)__builtin_assume_aligned(p, sizeof(T) * n) = x;
}
template <int n, class T> __device__ __forceinline__ void store(T* p, const Vector<T, n>& x, bool at_once) {
  if (at_once) store<n>(p, x);
  else
    for (int k = 0; k < n; ++k) p[k] = x.v[k];
}
using X = float;
using W = float;
constexpr int kDims = 2;
constexpr int kTaps = 9;
constexpr int kGroups = 1;
constexpr int kChannels = 6;
constexpr int kAllChannels = 6;
constexpr int kFeatures = 40;
constexpr int kOffsetGroups = 1;
constexpr int kShared = 6;
constexpr int kPositions = 35;
constexpr int kPixels = 63;
constexpr int kMasked = 0;
__device__ constexpr int kImage[] = {7, 9};
__device__ constexpr int kOut[] = {5, 7};
__device__ constexpr int kKernel[] = {3, 3};
__device__ constexpr int kStrides[] = {1, 1};
__device__ constexpr int kDilations[] = {1, 1};
__device__ constexpr int kPads[] = {0, 0};

__device__ __forceinline__ W seen(const X* __restrict__ x, const X* __restrict__ offsets, const X* __restrict__ mask,
                                  int batch, int group, int k, int position) {
  const int channel = group * kChannels + k / kTaps, tap = k % kTaps;
  const long long moved = (long long)(batch * kOffsetGroups + channel / kShared) * kTaps + tap;
  int low[kDims], rest = position, step = tap;
  W part[kDims];
#pragma unroll
  for (int d = kDims - 1; d >= 0; --d) {
    const int place = rest % kOut[d] * kStrides[d] + step % kKernel[d] * kDilations[d] - kPads[d];
    rest /= kOut[d];
    step /= kKernel[d];
    const W at = place + (W)wide(offsets[(moved * kDims + d) * kPositions + position]);
    if (!(at > -1 && at < kImage[d])) return 0;
    low[d] = (int)floor(at);
    part[d] = at - low[d];
  }
  const X* const from = x + ((long long)batch * kAllChannels + channel) * kPixels;
  W sum = 0;
#pragma unroll
  for (int corner = 0; corner < 1 << kDims; ++corner) {
    W weight = 1;
    int pixel = 0;
    bool there = true;
#pragma unroll
    for (int d = 0; d < kDims; ++d) {
      const int high = corner >> d & 1, at = low[d] + high;
      there = there && at >= 0 && at < kImage[d] && (!high || part[d] > 0);
      weight *= high ? part[d] : 1 - part[d];
      pixel = pixel * kImage[d] + at;
    }
    if (there) sum += weight * (W)wide(from[pixel]);
  }
  return kMasked ? sum * (W)wide(mask[moved * kPositions + position]) : sum;
}
constexpr int kBatch = 1;
constexpr int kM = 40;
constexpr int kN = 35;
constexpr int kK = 54;
#define A_AT (W)wide(w[(long long)(batch % kGroups * kFeatures + m) * kK + k])
#define B_AT seen(x, offsets, mask, batch / kGroups, batch % kGroups, k, n)
#define GIVE y[((long long)batch * kFeatures + m) * kPositions + n] = narrow<X>(sum + (W)wide(bias[batch % kGroups * kFeatures + m]));
extern "C" __global__ void __launch_bounds__(256) deform_conv(const X* __restrict__ x, const X* __restrict__ w, const X* __restrict__ offsets, const X* __restrict__ bias, const X* __restrict__ mask,
    X* __restrict__ y) {
constexpr int kTileM = 16;
constexpr int kTileN = 16;
constexpr int kTileK = 16;
constexpr int kTilesM = 3;
constexpr int kTilesN = 3;
constexpr int kAAlongK = 1;
constexpr int kBAlongK = 0;

  __shared__ W a_tile[kTileK][kTileM + 1], b_tile[kTileK][kTileN + 1];
  begin();
  const int m0 = blockIdx.x / kTilesN % kTilesM * kTileM, n0 = blockIdx.x % kTilesN * kTileN;
  const int batch = blockIdx.x / (kTilesN * kTilesM), tx = threadIdx.x % 16, ty = threadIdx.x / 16;
  W sums[kTileM / 16][kTileN / 16] = {};
  for (int k0 = 0; k0 < kK; k0 += kTileK) {
    for (int i = threadIdx.x; i < kTileM * kTileK; i += 256) {
      const int in_k = kAAlongK ? i % kTileK : i / kTileM, in_m = kAAlongK ? i / kTileK : i % kTileM;
      const int m = m0 + in_m, k = k0 + in_k;
      a_tile[in_k][in_m] = m < kM && k < kK ? A_AT : W(0);
    }
    for (int i = threadIdx.x; i < kTileN * kTileK; i += 256) {
      const int in_k = kBAlongK ? i % kTileK : i / kTileN, in_n = kBAlongK ? i / kTileK : i % kTileN;
      const int n = n0 + in_n, k = k0 + in_k;
      b_tile[in_k][in_n] = n < kN && k < kK ? B_AT : W(0);
    }
    __syncthreads();
#pragma unroll
    for (int k = 0; k < kTileK; ++k)
#pragma unroll
      for (int r = 0; r < kTileM / 16; ++r)
#pragma unroll
        for (int s = 0; s < kTileN / 16; ++s) sums[r][s] += a_tile[k][ty + 16 * r] * b_tile[k][tx + 16 * s];
    __syncthreads();
  }
#pragma unroll
  for (int r = 0; r < kTileM / 16; ++r)
#pragma unroll
    for (int s = 0; s < kTileN / 16; ++s) {
      const int m = m0 + ty + 16 * r, n = n0 + tx + 16 * s;
      const W sum = sums[r][s];
      if (m < kM && n < kN) {
        GIVE
      }
    }
}
