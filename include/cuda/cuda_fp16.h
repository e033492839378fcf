// The type __half with its conversions, on the host.
#ifndef VIVACE_CUDA_FP16_H_
#define VIVACE_CUDA_FP16_H_

#ifdef __cplusplus
#include "vivace_small_float.h"

struct __half_raw {
  unsigned short x;
};

struct __half : vivace_cuda::Number<vivace_cuda::SmallFloat<5, 10, true, false>, unsigned short> {
  using Number::Number;
  __half() = default;
  __half(const __half_raw& raw) { __x = raw.x; }
  operator __half_raw() const { return __half_raw{__x}; }
};
typedef __half half;

struct __half2 {
  __half x, y;
};
typedef __half2 half2;

inline __half __float2half(float value) { return __half(value); }
inline __half __float2half_rn(float value) { return __half(value); }
inline float __half2float(__half value) { return value; }
inline __half __ushort_as_half(unsigned short bits) { return __half(__half_raw{bits}); }
inline unsigned short __half_as_ushort(__half value) { return value.__x; }

#endif  // __cplusplus

#endif  // VIVACE_CUDA_FP16_H_
