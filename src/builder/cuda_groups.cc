#include "builder/cuda_groups.h"

#include <algorithm>

#include "backends/cuda/compiler.h"
#include "backends/cuda/groups.h"
#include "backends/cuda/image.h"
#include "backends/cuda/together.h"

namespace vivace::builder {

namespace {

// Whether the blocks find room on the GPU in two rounds.
bool is_small(const cuda::Launch& launch, const cuda::Device& gpu) {
  constexpr unsigned kThreads = 2048, kRounds = 2;  // of a multiprocessor
  const size_t by_memory = launch.shared_bytes ? gpu.shared_bytes / launch.shared_bytes : kThreads;
  const size_t beside = std::clamp<size_t>(by_memory, 1, std::max(kThreads / launch.block, 1u));
  return launch.grid[0] <= kRounds * beside * static_cast<size_t>(gpu.multiprocessors);
}

const cuda::Launch* only_launch(const CudaWork* work) {
  if (!work || work->options.empty()) return nullptr;
  const std::vector<cuda::Launch>& launches = work->options[0].job.launches;
  return launches.size() == 1 ? &launches[0] : nullptr;
}

}  // namespace

std::vector<CudaGroup> list_groups(const std::vector<ir::Node*>& nodes, const std::vector<CudaWork*>& works,
                                   const cuda::Device& gpu) {
  std::vector<CudaGroup> groups;
  for (size_t i = 0; i < nodes.size();) {
    size_t count = 0;
    std::vector<const cuda::Launch*> launches;
    for (const size_t most = cuda::together_from(nodes, i); count < most; ++count) {
      const cuda::Launch* const launch = only_launch(works[i + count]);
      if (!launch) break;
      launches.push_back(launch);
    }
    // What does not fit to the others starts the next group.
    for (; launches.size() > 1; launches.pop_back()) {
      Result<cuda::Launch> all = cuda::together(launches);
      if (!all.ok()) continue;
      const std::string key = cuda::image_key(*all, gpu.architecture());
      const bool pays = is_small(*all, gpu);
      groups.push_back({i, launches.size(), *std::move(all), key, pays});
      break;
    }
    i += std::max<size_t>(launches.size(), 1);
  }
  return groups;
}

CudaImages compile_groups(std::vector<CudaGroup>& groups, const cuda::Device& gpu, ThreadPool& pool) {
  std::map<std::string, const CudaGroup*> distinct;
  for (const CudaGroup& group : groups) distinct[group.key] = &group;
  const std::vector<std::pair<std::string, const CudaGroup*>> list(distinct.begin(), distinct.end());
  std::vector<std::string> made(list.size());
  pool.run(static_cast<int64_t>(list.size()), [&](int64_t task, int) {
    const auto i = static_cast<size_t>(task);
    const cuda::Launch& launch = list[i].second->launch;
    if (Result<std::string> code = cuda::compile(launch.source, launch.name, gpu.architecture()); code.ok())
      made[i] = *std::move(code);
  });
  CudaImages images;
  for (size_t i = 0; i < list.size(); ++i)
    if (!made[i].empty()) images[list[i].first] = std::move(made[i]);
  std::erase_if(groups, [&](const CudaGroup& group) { return !images.contains(group.key); });
  return images;
}

}  // namespace vivace::builder
