// cudaProfilerStart and cudaProfilerStop are declared with the rest of the runtime.
#ifndef VIVACE_CUDA_PROFILER_API_H_
#define VIVACE_CUDA_PROFILER_API_H_

#include "cuda_runtime_api.h"

#endif  // VIVACE_CUDA_PROFILER_API_H_
