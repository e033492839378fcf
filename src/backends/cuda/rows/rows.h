// What several rows share.
#pragma once

#include "backends/cpu/rows/jobs.h"
#include "backends/cuda/source.h"
#include "backends/cuda/tactic.h"

namespace vivace::cuda {

/// All inputs that are there, and all outputs, are f32.
bool all_f32(const Problem& p);

/// The C function `float finish(float sum, float bias, float residual)` that a fused node's attributes ask for. What
/// f16 cannot hold becomes the largest number that it can: one such sum would otherwise make a whole network inf or
/// NaN.
std::string finish_function(const ir::Attributes& attributes, DType made);

/// Most rows work out their job in one function, `Verdict job_of(const Problem&, Job&)`; as a row's `supports`:
template <class Job, Verdict (*kJobOf)(const Problem&, Job&)>
Verdict supports_job(const Problem& p, const Device&) {
  Job job;
  return kJobOf(p, job);
}

/// And where the problem is known to be supported: the job that such a function works out.
template <class Job>
Job job_type(Verdict (*)(const Problem&, Job&));
template <auto kJobOf>
Result<decltype(job_type(kJobOf))> supported(const Problem& p) {
  decltype(job_type(kJobOf)) job{};
  if (const Verdict verdict = kJobOf(p, job); !verdict)
    return Status(Code::internal, p.node->describe() + ": " + verdict.reason);
  return job;
}

/// Tiles of one size that cover `size`.
unsigned tiles(int64_t size, int64_t tile);

/// A job of one kernel.
Job job_of_one(Launch launch);

/// Blocks so that each of `count` elements has a thread.
unsigned blocks_for(int64_t count, unsigned block);

template <int kPercent = 100>
double estimate_bytes(const Problem& p, const std::string&, const Device& device) {
  return roofline_seconds(0, cpu::bytes_of(p) * kPercent / 100, 1, device);
}
template <int kEfficiencyPercent>
double estimate_flops(const Problem& p, const std::string&, const Device& device) {
  return roofline_seconds(cpu::flops_of(p), cpu::bytes_of(p), kEfficiencyPercent / 100.0, device);
}

/// A kernel of that many threads, which calls begin(): a function of a text that may have others.
Launch launch_of(const char* name, std::string source, int64_t threads, std::vector<Argument> arguments);

}  // namespace vivace::cuda
