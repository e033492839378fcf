#include "builder/cuda_rounds.h"

#include <algorithm>

#include "backends/cuda/compiler.h"
#include "backends/cuda/image.h"

namespace vivace::builder {

namespace {

constexpr CudaEffort kEfforts[] = {
    {1, 0, 0, 0, {}},          {4, 0, 0, 0.0005, {}},        {8, 1, 4, 0.001, {1, 3}},
    {16, 2, 8, 0.002, {4, 6}}, {24, 4, 12, 0.005, {15, 12}}, {1000, 0, 0, 0.02, {60, 40}}};

// Seconds by which a cache says that an option is wrong.
constexpr double kWrong = 1e6;

}  // namespace

const CudaEffort& cuda_effort(int effort) { return kEfforts[std::clamp(effort, 0, 5)]; }

double CudaBuild::left() const {
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  return config.time_budget > 0 ? config.time_budget - elapsed.count() : 1e9;
}

std::string CudaBuild::cache_key(const CudaOption& option, const std::string& when, const CudaWork& work) const {
  return gpu_key(*target.gpu, option_key(option, when, work.key));
}

Result<bool> CudaBuild::make(std::vector<Wanted> wanted) {
  if (!wanted.empty()) VIVACE_TRY(cuda::compiler_version().status());
  return make_options(std::move(wanted), config, *target.gpu, pool, cuda::compile, images);
}

bool CudaBuild::load(CudaWork& work) {
  bool dropped = false;
  for (size_t i = work.options.size(); i-- > 0;)
    if (const Status loaded = load(work.options[i]); !loaded.ok()) {
      drop(work, i, loaded);
      dropped = true;
    }
  return dropped;
}
Status CudaBuild::load(CudaOption& option) {
  while (option.kernels.size() < option.job.launches.size() && option.candidate.refused.empty()) {
    const cuda::Launch& launch = option.job.launches[option.kernels.size()];
    VIVACE_ASSIGN(std::shared_ptr<cuda::Kernel> kernel,
                  cuda::Kernel::load(gpu, images.at(cuda::image_key(launch, target.gpu->architecture())), launch.name,
                                     launch.shared_bytes, launch.cluster));
    option.kernels.push_back(std::move(kernel));
  }
  return {};
}

namespace {

bool is_new(const CudaOption& o) { return o.candidate.seconds <= 0 && o.candidate.refused.empty(); }

// Not so a spare one in the place of others that were dropped.
bool has_kernels(const CudaOption& o) { return !o.job.launches.empty() && o.kernels.size() == o.job.launches.size(); }

void rank(CudaWork& work) {
  const auto cost = [](const CudaOption& o) {
    if (!o.candidate.refused.empty()) return 1e9;
    return o.candidate.seconds > 0 ? o.candidate.seconds : 1e3 + o.candidate.estimate;
  };
  std::stable_sort(work.options.begin(), work.options.end(),
                   [&](const CudaOption& a, const CudaOption& b) { return cost(a) < cost(b); });
}

// Takes the times of new options from the cache, where it knows all of them.
bool recall(CudaBuild& b, CudaWork& work) {
  if (!b.config.cache) return false;
  std::vector<std::pair<Candidate*, double>> found;
  for (CudaOption& option : work.options) {
    if (!is_new(option)) continue;
    const auto seconds = b.config.cache->find(b.cache_key(option, b.cold ? "cold" : "", work));
    if (!seconds) return false;
    found.emplace_back(&option.candidate, *seconds);
  }
  for (const auto& [candidate, seconds] : found) {
    if (seconds < kWrong)
      candidate->seconds = seconds;
    else
      candidate->refused = "it was wrong when it was timed";
  }
  b.report.from_cache += static_cast<int>(found.size());
  rank(work);
  return true;
}

Status time(CudaBuild& b, CudaWork& work, const GpuClock& clock) {
  if (b.left() <= 0) {
    if (work.options[0].candidate.seconds <= 0)
      b.report.notes.push_back("the time budget ran out; '" + work.problem.node->name + "' was chosen by estimate");
    return {};
  }
  b.load(work);
  // The best so far goes along: where the reference is too slow, others are compared with it.
  std::vector<CudaOption> timed, others;
  for (size_t i = 0; i < work.options.size(); ++i)
    (has_kernels(work.options[i]) && (i == 0 || is_new(work.options[i])) ? timed : others)
        .push_back(std::move(work.options[i]));
  work.options = std::move(others);
  if (timed.empty()) return {};
  const double before = timed[0].candidate.seconds;
  if (const Status status = time_on_gpu(work.problem, timed, clock, b.pool, b.effort.seconds); !status.ok())
    return status.within(work.problem.node->describe());
  if (before > 0) keep_time(timed, before);
  b.report.timed += static_cast<int>(timed.size());
  for (CudaOption& option : timed) {
    if (b.config.cache) {
      const std::string name = b.cache_key(option, b.cold ? "cold" : "", work);
      b.config.cache->put(name, option.candidate.refused.empty() ? option.candidate.seconds : kWrong);
      // As the next build will find it.
      if (option.candidate.refused.empty()) option.candidate.seconds = *b.config.cache->find(name);
    }
    work.options.push_back(std::move(option));
  }
  rank(work);
  if (const Candidate& best = work.options[0].candidate; !best.refused.empty())
    return {Code::internal, work.problem.node->describe() + ": every kernel is wrong: " + best.tactic + " " +
                                best.configuration + ": " + best.refused};
  return {};
}

}  // namespace

Status time_in_rounds(CudaBuild& b) {
  VIVACE_ASSIGN(b.gpu, cuda::Gpu::open(b.target.gpu->ordinal));
  const cuda::Gpu::Scope scope(*b.gpu);
  VIVACE_ASSIGN(const auto clock, GpuClock::open(b.gpu, b.cold ? 2 * b.target.gpu->l2_bytes : 0));
  for (int round = 0; round <= b.effort.rounds && (round == 0 || b.left() > 0); ++round) {
    std::vector<CudaWork*> works;
    std::vector<Wanted> wanted;
    for (auto& [key, work] : b.works) {
      if (work.options.size() + work.spare.size() < 2) continue;
      if (round > 0 && add_neighbours(work, b.effort.neighbours) == 0) continue;
      const bool known = recall(b, work);
      work.known = known && (round == 0 || work.known);
      if (known) continue;
      works.push_back(&work);
      for (size_t i = 0; i < work.options.size(); ++i)
        if (is_new(work.options[i])) wanted.push_back({&work, i});
    }
    VIVACE_TRY(b.make(std::move(wanted)).status());
    size_t done = 0;
    for (CudaWork* work : works) {
      const double share = static_cast<double>(done++) / static_cast<double>(works.size());
      if (b.config.progress && !b.config.progress("tune", (round + share) / (b.effort.rounds + 1)))
        return {Code::cancelled, "the build was cancelled"};
      VIVACE_TRY(time(b, *work, *clock));
    }
  }
  return {};
}

bool remember_places(CudaBuild& b) {
  std::vector<std::pair<CudaWork*, size_t>> places;
  for (auto& [key, work] : b.works) {
    if (work.options.size() < 2) continue;
    const auto at = std::find_if(work.options.begin(), work.options.end(), [&, &w = work](const CudaOption& option) {
      return w.known && b.config.cache && b.config.cache->find(b.cache_key(option, b.network, w));
    });
    if (at == work.options.end()) return false;  // a search begins with what is fastest alone
    places.emplace_back(&work, at - work.options.begin());
  }
  for (const auto& [work, i] : places) {
    const auto at = work->options.begin() + static_cast<std::ptrdiff_t>(i);
    std::rotate(work->options.begin(), at, at + 1);
  }
  return true;
}

}  // namespace vivace::builder
