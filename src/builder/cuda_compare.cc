#include "builder/cuda_compare.h"

#include <algorithm>

#include "backends/cuda/vendor.h"

namespace vivace::builder {

Result<std::optional<Comparison>> compare_with_vendor(const CudaWork& work, const CudaOption& ours,
                                                      const cuda::Device& gpu, const GpuClock& clock, ThreadPool& pool,
                                                      double seconds) {
  std::vector<CudaOption> options = {ours};
  options[0].candidate.seconds = 0;
  Comparison comparison;
  bool any = false;
  for (const cuda::Tactic* tactic : cuda::all_tactics()) {
    if (tactic->library.empty() || !tactic->runs(work.problem.node->op)) continue;
    any = true;
    comparison.vendor.tactic = tactic->name;
    comparison.vendor.refused = tactic->supports(work.problem, gpu).reason;
    if (!comparison.vendor.refused.empty()) continue;
    for (const std::string& configuration : tactic->configurations(work.problem, gpu)) {
      CudaOption option = make_option(*tactic, configuration);
      option.candidate.estimate = ours.candidate.seconds;
      if (const Status made = generate(option, work.problem, gpu); !made.ok()) {
        comparison.vendor.refused = made.message();
        continue;
      }
      VIVACE_ASSIGN(std::shared_ptr<cuda::Kernel> none, cuda::Kernel::load(clock.gpu(), "", "", 0, 1));
      option.kernels.assign(option.job.launches.size(), none);
      options.push_back(std::move(option));
    }
  }
  if (!any) return std::optional<Comparison>();
  if (options.size() > 1) VIVACE_TRY(time_on_gpu(work.problem, options, clock, pool, seconds));
  comparison.ours = options[0].candidate;
  if (options.size() == 1) comparison.ours.seconds = ours.candidate.seconds;
  for (size_t i = 1; i < options.size(); ++i) {
    const Candidate& c = options[i].candidate;
    const bool better = c.refused.empty() && (comparison.vendor.seconds <= 0 || c.seconds < comparison.vendor.seconds);
    if (better || (comparison.vendor.seconds <= 0 && !c.refused.empty())) comparison.vendor = c;
  }
  return std::optional<Comparison>(std::move(comparison));
}

CudaOption* best_of_ours(CudaWork& work) {
  CudaOption* best = nullptr;
  for (CudaOption& option : work.options) {
    const Candidate& c = option.candidate;
    if (!option.tactic->library.empty() || !c.refused.empty()) continue;
    const double cost = c.seconds > 0 ? c.seconds : 1e3 + c.estimate;
    if (!best || cost < (best->candidate.seconds > 0 ? best->candidate.seconds : 1e3 + best->candidate.estimate))
      best = &option;
  }
  return best;
}

std::vector<std::string> missing_libraries(const std::vector<std::string>& names) {
  std::vector<std::string> missing;
  for (const cuda::VendorLibrary& library : cuda::vendor_libraries()) {
    if (!names.empty() && std::find(names.begin(), names.end(), library.name) == names.end()) continue;
    if (const Status status = library.version().status(); !status.ok())
      missing.push_back("without " + std::string(library.title) + ", which " +
                        (names.empty() ? "would be compared with" : "was asked for as a source of tactics") + ": " +
                        status.message());
  }
  return missing;
}

}  // namespace vivace::builder
