// What several rows share.
#pragma once

#include "backends/cpu/kernels/epilogue.h"
#include "backends/cpu/tactic.h"
#include "ops/infer.h"

namespace vivace::cpu {

/// What attributes `activation`, `activation_alpha`, `activation_beta` and `residual_last` of a fused node say; no bias
/// or residual yet.
Epilogue epilogue_of(const ir::Attributes& attributes);

/// No input or output has its channels in blocks.
bool all_row_major(const Problem& p);

/// Most rows work out their job from a problem in one function, which also says whether they can do it:
/// `Verdict job_of(const Problem&, Job&)`. That function as a row's `supports`:
template <class Job>
Verdict verdict_of(const Problem& p, Verdict (*job_of)(const Problem&, Job&)) {
  Job job;
  return job_of(p, job);
}
template <auto kJobOf>
Verdict supports_job(const Problem& p, const Machine&) {
  return verdict_of(p, kJobOf);
}

/// And the job where the row supports the problem; who binds another one gets an error.
template <class Job>
Result<Job> job_of(const Problem& p, Verdict (*of)(const Problem&, Job&)) {
  Job job;
  if (const Verdict verdict = of(p, job); !verdict)
    return Status(Code::internal, p.node->describe() + ": " + verdict.reason);
  return job;
}

/// What a row costs that only moves memory: this many percent of the problem's bytes.
template <int kPercent = 100>
double estimate_bytes(const Problem& p, const std::string&, const Machine& machine) {
  return roofline_seconds(0, bytes_of(p) * kPercent / 100, 1, machine);
}

/// Zeroed f32 memory for packed constants.
Result<Tensor> packed_buffer(size_t floats);

}  // namespace vivace::cpu
