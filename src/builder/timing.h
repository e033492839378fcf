// Tactics at one problem: which offer to run it, what they compute, and how long they take.
#pragma once

#include <functional>

#include "backends/cpu/executor.h"
#include "builder/report.h"

namespace vivace::builder {

/// One configuration of a tactic that supports the problem.
struct Option {
  const cpu::Tactic* tactic;
  std::string configuration;
  Candidate candidate;
  std::vector<Tensor> packed;  // once timed
  cpu::Bound bound;
};

/// Why a tactic must not be used although it may support the problem; empty: it may be used.
using Veto = std::function<std::string(const cpu::Tactic&)>;

/// All configurations of all tactics that support the problem and those of `also`, in the order of the manifest, with
/// estimates. Tactics that are for this operator but were refused are added to `refused`.
std::vector<Option> list_options(const cpu::Problem& problem, const std::vector<cpu::Problem>& also,
                                 const cpu::Machine& machine, const Veto& veto, std::vector<Candidate>& refused);

struct TimingLimits {
  double seconds = 0.01;         // of timing for each option
  bool flush_constants = false;  // packed constants come from memory, not from a cache
  uint64_t workspace = 0;        // bytes an option may use beside its tensors; 0: no limit
  std::function<bool()> stop;    // true: every option has been run, that must do
};

/// Checks each option's result against the reference, or where that is slow against another option, and times those
/// that pass in interleaved rounds; the shortest run counts. Fills in error and seconds, or why one is refused.
Status time_options(const cpu::Problem& problem, const std::vector<Option*>& options, const TimingLimits& limits,
                    const cpu::Machine& machine, ThreadPool& pool);

/// "f32[1,64,56,56]/16 f32[64,64,3,3] -> f32[1,64,56,56]/16"; /16: channels in blocks of 16.
std::string shapes_text(const cpu::Problem& problem);

/// A tensor for each input: its constant, or random numbers (integers are zeros), with a little memory behind.
Result<std::vector<Tensor>> random_inputs(const cpu::Problem& problem);

}  // namespace vivace::builder
