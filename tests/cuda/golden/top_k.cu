// grid 6 x 1 x 1, block 512, shared 0, 5 arguments

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
using X = long long;
using Key = unsigned long long;
__device__ __forceinline__ Key key_of(X v) {
  const Key key = (Key)v ^ 0x8000000000000000ull;
  return key;
}
struct alignas(16) Item { Key key; int at; };
__device__ __forceinline__ Item item_of(Key key, int at) { return {key, at}; }
__device__ __forceinline__ Item none() { return {~0ull, 0x7fffffff}; }
__device__ __forceinline__ int place_of(Item item) { return item.at; }
__device__ __forceinline__ bool before(Item a, Item b) { return a.key == b.key ? a.at < b.at : a.key < b.key; }
constexpr int kLines = 2;
constexpr int kLine = 3000;
constexpr int kInner = 1;
constexpr int kParts = 3;
constexpr int kKept = 1024;
constexpr int kItems = 1024;
constexpr int kLast = 0;
constexpr int kPlaces = 1;
constexpr int kFirst = 1;
constexpr int kSize = 3000;
constexpr int kChunk = 1024;
constexpr int kGroups = 1;
constexpr int kThreads = 512;

__device__ __forceinline__ int start_of(int line, int size) {
  return line / kInner * size * kInner + line % kInner;
}
// Item `rank` of a set's first ones, which are a part of a line.
__device__ __forceinline__ void give(const X* x, X* values, long long* places, Item* to, int set, int rank, Item item) {
  if (kLast) {
    const int at = place_of(item), there = start_of(set, kKept) + rank * kInner;
    values[there] = x[start_of(set, kLine) + at * kInner];
    if (kPlaces) places[there] = at;
  } else {
    to[(long long)set * kKept + rank] = item;
  }
}

extern "C" __global__ void __launch_bounds__(kThreads) top_k(const X* x, const Item* from, Item* to, X* values,
    long long* places) {
  __shared__ Item items[kItems];
  begin();
  const int first = blockIdx.x * kGroups;
  // Neighbours in memory are of one set, or of as many sets.
  for (int i = threadIdx.x; i < kItems; i += kThreads) {
    const int group = kInner > 1 ? i % kGroups : i / kChunk, at = kInner > 1 ? i / kGroups : i % kChunk;
    const int line = (first + group) / kParts, in_line = (first + group) % kParts * kChunk + at;
    Item item = none();
    if (line < kLines && in_line < kSize)
      item = kFirst ? item_of(key_of(x[start_of(line, kLine) + in_line * kInner]), in_line)
                    : from[(long long)line * kSize + in_line];
    items[group * kChunk + at] = item;
  }
  __syncthreads();
  for (int size = 2; size <= kChunk; size *= 2)
    for (int step = size / 2; step > 0; step /= 2) {
      for (int i = threadIdx.x; i < kItems / 2; i += kThreads) {
        const int low = i / step * step * 2 + i % step;
        const bool falls = size < kChunk && (low & size) != 0;
        const Item a = items[low], b = items[low + step];
        if (before(b, a) != falls) {
          items[low] = b;
          items[low + step] = a;
        }
      }
      if (step > 32 || (step == 1 && size > 32)) __syncthreads();
      else __syncwarp();
    }
  __syncthreads();
  for (int i = threadIdx.x; i < kGroups * kKept; i += kThreads) {
    const int group = kInner > 1 ? i % kGroups : i / kKept, rank = kInner > 1 ? i / kGroups : i % kKept;
    if (first + group < kLines * kParts)
      give(x, values, places, to, first + group, rank, items[group * kChunk + rank]);
  }
}
// grid 32 x 1 x 1, block 256, shared 0, 5 arguments

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
using X = long long;
using Key = unsigned long long;
__device__ __forceinline__ Key key_of(X v) {
  const Key key = (Key)v ^ 0x8000000000000000ull;
  return key;
}
struct alignas(16) Item { Key key; int at; };
__device__ __forceinline__ Item item_of(Key key, int at) { return {key, at}; }
__device__ __forceinline__ Item none() { return {~0ull, 0x7fffffff}; }
__device__ __forceinline__ int place_of(Item item) { return item.at; }
__device__ __forceinline__ bool before(Item a, Item b) { return a.key == b.key ? a.at < b.at : a.key < b.key; }
constexpr int kLines = 2;
constexpr int kLine = 3000;
constexpr int kInner = 1;
constexpr int kParts = 2;
constexpr int kKept = 1600;
constexpr int kItems = 8192;
constexpr int kLast = 0;
constexpr int kPlaces = 1;
constexpr int kRuns = 3;
constexpr int kPitch = 1024;

__device__ __forceinline__ int start_of(int line, int size) {
  return line / kInner * size * kInner + line % kInner;
}
// Item `rank` of a set's first ones, which are a part of a line.
__device__ __forceinline__ void give(const X* x, X* values, long long* places, Item* to, int set, int rank, Item item) {
  if (kLast) {
    const int at = place_of(item), there = start_of(set, kKept) + rank * kInner;
    values[there] = x[start_of(set, kLine) + at * kInner];
    if (kPlaces) places[there] = at;
  } else {
    to[(long long)set * kKept + rank] = item;
  }
}

extern "C" __global__ void __launch_bounds__(256) top_k(const X* x, const Item* from, Item* to, X* values,
    long long* places) {
  begin();
  const int i = blockIdx.x * 256 + threadIdx.x;
  if (i >= kItems) return;
  const int at = i % kPitch, run = i / kPitch % (2 * kParts), line = i / kPitch / (2 * kParts);
  const Item* const runs = from + (long long)line * kRuns * kPitch;
  Item item = none();
  int low = 0, high = (run ^ 1) < kRuns ? kPitch : 0;
  if (run < kRuns) {
    item = runs[run * kPitch + at];
    // How many of the other run go before it; of equal ones those of the first run do.
    const Item* const other = runs + (run ^ 1) * kPitch;
    while (low < high) {
      const int middle = (low + high) / 2;
      if (run % 2 ? !before(item, other[middle]) : before(other[middle], item)) low = middle + 1;
      else high = middle;
    }
  } else {
    low = kPitch;
  }
  if (at + low < kKept) give(x, values, places, to, line * kParts + run / 2, at + low, item);
}
// grid 25 x 1 x 1, block 256, shared 0, 5 arguments

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
using X = long long;
using Key = unsigned long long;
__device__ __forceinline__ Key key_of(X v) {
  const Key key = (Key)v ^ 0x8000000000000000ull;
  return key;
}
struct alignas(16) Item { Key key; int at; };
__device__ __forceinline__ Item item_of(Key key, int at) { return {key, at}; }
__device__ __forceinline__ Item none() { return {~0ull, 0x7fffffff}; }
__device__ __forceinline__ int place_of(Item item) { return item.at; }
__device__ __forceinline__ bool before(Item a, Item b) { return a.key == b.key ? a.at < b.at : a.key < b.key; }
constexpr int kLines = 2;
constexpr int kLine = 3000;
constexpr int kInner = 1;
constexpr int kParts = 1;
constexpr int kKept = 1600;
constexpr int kItems = 6400;
constexpr int kLast = 1;
constexpr int kPlaces = 1;
constexpr int kRuns = 2;
constexpr int kPitch = 1600;

__device__ __forceinline__ int start_of(int line, int size) {
  return line / kInner * size * kInner + line % kInner;
}
// Item `rank` of a set's first ones, which are a part of a line.
__device__ __forceinline__ void give(const X* x, X* values, long long* places, Item* to, int set, int rank, Item item) {
  if (kLast) {
    const int at = place_of(item), there = start_of(set, kKept) + rank * kInner;
    values[there] = x[start_of(set, kLine) + at * kInner];
    if (kPlaces) places[there] = at;
  } else {
    to[(long long)set * kKept + rank] = item;
  }
}

extern "C" __global__ void __launch_bounds__(256) top_k(const X* x, const Item* from, Item* to, X* values,
    long long* places) {
  begin();
  const int i = blockIdx.x * 256 + threadIdx.x;
  if (i >= kItems) return;
  const int at = i % kPitch, run = i / kPitch % (2 * kParts), line = i / kPitch / (2 * kParts);
  const Item* const runs = from + (long long)line * kRuns * kPitch;
  Item item = none();
  int low = 0, high = (run ^ 1) < kRuns ? kPitch : 0;
  if (run < kRuns) {
    item = runs[run * kPitch + at];
    // How many of the other run go before it; of equal ones those of the first run do.
    const Item* const other = runs + (run ^ 1) * kPitch;
    while (low < high) {
      const int middle = (low + high) / 2;
      if (run % 2 ? !before(item, other[middle]) : before(other[middle], item)) low = middle + 1;
      else high = middle;
    }
  } else {
    low = kPitch;
  }
  if (at + low < kKept) give(x, values, places, to, line * kParts + run / 2, at + low, item);
}
