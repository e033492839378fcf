#include "builder/cuda_groups.h"

#include <algorithm>
#include <limits>
#include <set>

#include "backends/cuda/compiler.h"
#include "backends/cuda/groups.h"
#include "backends/cuda/image.h"
#include "backends/cuda/together.h"

namespace vivace::builder {

namespace {

// More is not won back: a launch costs about that much.
constexpr double kMostExtra = 2e-6;
// Options of a node whose kernels are looked at.
constexpr size_t kMostLooks = 60;

// Whether the blocks find room on the GPU in two rounds.
bool is_small(const cuda::Launch& launch, const cuda::Device& gpu) {
  constexpr unsigned kThreads = 2048, kRounds = 2;  // of a multiprocessor
  const size_t by_memory = launch.shared_bytes ? gpu.shared_bytes / launch.shared_bytes : kThreads;
  const size_t beside = std::clamp<size_t>(by_memory, 1, std::max(kThreads / launch.block, 1u));
  return launch.grid[0] <= kRounds * beside * static_cast<size_t>(gpu.multiprocessors);
}

double seconds_of(const CudaOption& option) {
  return option.candidate.seconds > 0 ? option.candidate.seconds : option.candidate.estimate;
}

unsigned cluster_of(const CudaOption& option) { return option.job.launches[0].cluster; }

// An option in clusters of this size, or without them, and that takes little longer than the best; null: none.
std::unique_ptr<CudaOption> in_clusters(const CudaWork& work, unsigned cluster, const cuda::Device& gpu) {
  const CudaOption& best = work.options[0];
  size_t looks = 0;
  for (const std::vector<CudaOption>* options : {&work.options, &work.spare})
    for (const CudaOption& option : *options) {
      const bool timed = best.candidate.seconds > 0;
      if (!option.candidate.refused.empty() || (timed && option.candidate.seconds <= 0)) continue;
      if (seconds_of(option) > seconds_of(best) + kMostExtra || ++looks > kMostLooks) continue;
      auto made = std::make_unique<CudaOption>(option);
      if (made->job.launches.empty()) {
        Result<cuda::Job> job = option.tactic->generate(work.problem, option.configuration, gpu);
        if (!job.ok()) continue;
        made->job = *std::move(job);
      }
      if (made->job.launches.size() == 1 && made->job.launches[0].waits &&
          (cluster_of(*made) == cluster || cluster_of(*made) == 1))
        return made;
    }
  return nullptr;
}

Result<cuda::Launch> together(const std::vector<CudaOption>& members) {
  std::vector<const cuda::Launch*> launches;
  for (const CudaOption& option : members) launches.push_back(&option.job.launches[0]);
  return cuda::together(launches);
}

// A group of these nodes; null where nothing fits.
std::unique_ptr<CudaGroup> group_of(size_t first, std::span<CudaWork* const> works, const cuda::Device& gpu) {
  auto group = std::make_unique<CudaGroup>();
  group->first = first;
  std::set<unsigned> clusters;
  for (const CudaWork* work : works) {
    group->members.push_back(work->options[0]);
    clusters.insert(cluster_of(work->options[0]));
  }
  clusters.erase(1);
  if (clusters.size() > 1) {
    const std::vector<CudaOption> best = group->members;
    group->extra = std::numeric_limits<double>::max();
    for (const unsigned cluster : clusters) {
      std::vector<CudaOption> members;
      double extra = 0;
      for (const CudaWork* work : works) {
        const std::unique_ptr<CudaOption> option = in_clusters(*work, cluster, gpu);
        if (!option) break;
        extra += std::max(0.0, seconds_of(*option) - seconds_of(work->options[0]));
        members.push_back(*option);
      }
      if (members.size() < works.size() || extra >= group->extra) continue;
      group->extra = extra;
      group->members = std::move(members);
    }
    if (group->extra > kMostExtra) return nullptr;
  }
  Result<cuda::Launch> all = together(group->members);
  if (!all.ok()) return nullptr;
  group->key = cuda::image_key(*all, gpu.architecture());
  group->pays = is_small(*all, gpu);
  group->launch = *std::move(all);
  return group;
}

}  // namespace

std::vector<CudaGroup> list_groups(const std::vector<ir::Node*>& nodes, const std::vector<CudaWork*>& works,
                                   const cuda::Device& gpu) {
  const auto has_one_kernel = [&](const CudaWork* work) {
    return work && !work->options.empty() && work->options[0].job.launches.size() == 1;
  };
  std::vector<CudaGroup> groups;
  for (size_t i = 0; i < nodes.size();) {
    const size_t most = cuda::together_from(nodes, i);
    size_t count = 0;
    while (count < most && has_one_kernel(works[i + count])) ++count;
    for (; count > 1; --count) {  // what does not fit to the others starts the next group
      std::unique_ptr<CudaGroup> group = group_of(i, std::span(works).subspan(i, count), gpu);
      if (!group) continue;
      groups.push_back(std::move(*group));
      break;
    }
    i += std::max<size_t>(count, 1);
  }
  return groups;
}

Status compile_groups(std::vector<CudaGroup>& groups, const cuda::Device& gpu, ThreadPool& pool, CudaImages& images) {
  CudaLaunches launches;
  for (const CudaGroup& group : groups) {
    launches[group.key] = &group.launch;
    for (const CudaOption& option : group.members)
      launches[cuda::image_key(option.job.launches[0], gpu.architecture())] = &option.job.launches[0];
  }
  std::map<std::string, Status> failed;  // what has no code is dropped below
  VIVACE_TRY(compile_all(launches, gpu.architecture(), pool, cuda::compile, {}, images, failed));
  std::erase_if(groups, [&](const CudaGroup& group) {
    const auto lacks = [&](const CudaOption& option) {
      return !images.contains(cuda::image_key(option.job.launches[0], gpu.architecture()));
    };
    return !images.contains(group.key) || std::any_of(group.members.begin(), group.members.end(), lacks);
  });
  return {};
}

}  // namespace vivace::builder
