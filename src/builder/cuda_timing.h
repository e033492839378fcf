// Checks and times tactics of the GPU, on the GPU.
#pragma once

#include <memory>

#include "backends/cuda/driver.h"
#include "backends/cuda/tactic.h"
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

/// Runs each option on random data, compares it with what the CPU makes of them (where that is much work, with the last
/// option), and times those that agree, in interleaved rounds of `seconds` in all for each.
Status time_on_gpu(const cuda::Problem& problem, std::vector<CudaOption>& options,
                   const std::shared_ptr<cuda::Gpu>& gpu, const cpu::Machine& host, double seconds);

}  // namespace vivace::builder
