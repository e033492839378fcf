// Checks and times tactics of the GPU, on the GPU.
#pragma once

#include <memory>

#include "backends/cuda/driver.h"
#include "backends/cuda/tactic.h"
#include "base/threads.h"
#include "builder/gpu_clock.h"
#include "builder/report.h"

namespace vivace::builder {

/// A tactic and configuration that may run a problem.
struct CudaOption {
  const cuda::Tactic* tactic = nullptr;
  std::string configuration;
  cuda::Job job;
  std::vector<std::shared_ptr<cuda::Kernel>> kernels;  // one for each launch
  std::vector<Tensor> packed;
  Candidate candidate;  // gets `seconds` and `error`, or `refused`
};

/// Where an option's kernels find their arguments; the addresses of packed constants are in order.
struct CudaArguments {
  std::vector<cuda::DevicePointer> inputs, outputs, packed;
  cuda::DevicePointer workspace = 0, fault = 0;
};
Status launch(const CudaOption& option, const CudaArguments& arguments, cuda::Queue& queue);

/// Memory on the GPU with a copy of the tensor in it.
Result<cuda::Memory> upload(const std::shared_ptr<cuda::Gpu>& gpu, const Tensor& tensor);

/// Runs each option on random data and compares it with what the reference makes of them in f32; where that is much
/// work, with the plainest option. Those that agree are timed as some dependent launches in a CUDA graph, in
/// interleaved rounds of `seconds` in all for each. Where the clock flushes the cache, each launch has constants of its
/// own, which then come from memory, as in a network with more of them than the cache holds.
Status time_on_gpu(const cuda::Problem& problem, std::vector<CudaOption>& options, const GpuClock& clock,
                   ThreadPool& pool, double seconds);

}  // namespace vivace::builder
