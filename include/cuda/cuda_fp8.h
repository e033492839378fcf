// The types of 8-bit floats with their conversions, on the host. What is too large becomes the largest number.
#ifndef VIVACE_CUDA_FP8_H_
#define VIVACE_CUDA_FP8_H_

#ifdef __cplusplus
#include "vivace_small_float.h"

typedef unsigned char __nv_fp8_storage_t;

struct __nv_fp8_e4m3 : vivace_cuda::Number<vivace_cuda::SmallFloat<4, 3, false, true>, __nv_fp8_storage_t> {
  using Number::Number;
  __nv_fp8_e4m3() = default;
};

struct __nv_fp8_e5m2 : vivace_cuda::Number<vivace_cuda::SmallFloat<5, 2, true, true>, __nv_fp8_storage_t> {
  using Number::Number;
  __nv_fp8_e5m2() = default;
};

#endif  // __cplusplus

#endif  // VIVACE_CUDA_FP8_H_
