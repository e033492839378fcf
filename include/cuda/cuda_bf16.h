// The type __nv_bfloat16 with its conversions, on the host.
#ifndef VIVACE_CUDA_BF16_H_
#define VIVACE_CUDA_BF16_H_

#ifdef __cplusplus
#include "vivace_small_float.h"

struct __nv_bfloat16_raw {
  unsigned short x;
};

struct __nv_bfloat16 : vivace_cuda::Number<vivace_cuda::SmallFloat<8, 7, true, false>, unsigned short> {
  using Number::Number;
  __nv_bfloat16() = default;
  __nv_bfloat16(const __nv_bfloat16_raw& raw) { __x = raw.x; }
  operator __nv_bfloat16_raw() const { return __nv_bfloat16_raw{__x}; }
};
typedef __nv_bfloat16 nv_bfloat16;

struct __nv_bfloat162 {
  __nv_bfloat16 x, y;
};
typedef __nv_bfloat162 nv_bfloat162;

inline __nv_bfloat16 __float2bfloat16(float value) { return __nv_bfloat16(value); }
inline __nv_bfloat16 __float2bfloat16_rn(float value) { return __nv_bfloat16(value); }
inline float __bfloat162float(__nv_bfloat16 value) { return value; }

#endif  // __cplusplus

#endif  // VIVACE_CUDA_BF16_H_
