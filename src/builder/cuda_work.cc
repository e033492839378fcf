#include "builder/cuda_work.h"

#include <algorithm>
#include <atomic>
#include <set>

#include "backends/cuda/image.h"
#include "backends/cuda/vendor.h"
#include "base/log.h"

namespace vivace::builder {

namespace {

constexpr double kNever = 1e9;

// Recorded times come first, then ranks.
struct Place {
  double recorded = kNever;
  int rank = 0;  // among the options of its tactic, by estimate
};

// The numbers and words of a configuration: of "64x32 stages 2" there are four.
std::vector<std::string> words_of(const std::string& configuration) {
  std::vector<std::string> words(1);
  for (const char c : configuration) {
    if (c == ' ' || c == 'x')
      words.emplace_back();
    else
      words.back() += c;
  }
  return words;
}

// How many are not the same.
size_t difference(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  size_t count = std::max(a.size(), b.size());
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) count -= a[i] == b[i];
  return count;
}

Status generate(const std::vector<Wanted>& wanted, const cuda::Device& gpu, ThreadPool& pool) {
  std::vector<Status> made(wanted.size());
  const auto option_of = [](const Wanted& w) -> CudaOption& { return w.work->options[w.option]; };
  pool.run(static_cast<int64_t>(wanted.size()), [&](int64_t task, int) {
    const auto i = static_cast<size_t>(task);
    CudaOption& option = option_of(wanted[i]);
    if (option.tactic->library.empty()) made[i] = generate(option, wanted[i].work->problem, gpu);
  });
  // Libraries work in the context of the thread that builds.
  for (size_t i = 0; i < wanted.size(); ++i)
    if (CudaOption& option = option_of(wanted[i]); !option.tactic->library.empty())
      made[i] = generate(option, wanted[i].work->problem, gpu);
  for (size_t i = 0; i < made.size(); ++i)
    if (!made[i].ok()) return made[i].within(wanted[i].work->problem.node->describe());
  return {};
}

}  // namespace

CudaOption make_option(const cuda::Tactic& tactic, const std::string& configuration) {
  return {&tactic, configuration, {}, {}, {}, {std::string(tactic.name), configuration, "", 0, 0, -1}};
}

Status compile_all(const CudaLaunches& launches, const std::string& architecture, ThreadPool& pool,
                   const Compile& compile, const Progress& progress, CudaImages& images,
                   std::map<std::string, Status>& failed) {
  CudaLaunches missing = launches;
  std::erase_if(missing, [&](const auto& launch) { return images.contains(launch.first); });
  const std::vector<std::pair<std::string, const cuda::Launch*>> list(missing.begin(), missing.end());
  std::vector<Result<std::string>> made(list.size(), std::string());
  std::atomic<size_t> done = 0;
  std::atomic<bool> cancelled = false;
  pool.run(static_cast<int64_t>(list.size()), [&](int64_t task, int thread) {
    const auto i = static_cast<size_t>(task);
    if (cancelled) return;
    made[i] = compile(list[i].second->source, list[i].second->name, architecture);
    const double share = static_cast<double>(++done) / static_cast<double>(list.size());
    if (thread == 0 && progress && !progress("compile", share)) cancelled = true;
  });
  if (cancelled) return {Code::cancelled, "the build was cancelled"};
  for (size_t i = 0; i < list.size(); ++i)
    if (made[i].ok())
      images[list[i].first] = *std::move(made[i]);
    else
      failed[list[i].first] = made[i].status();
  return {};
}

double CudaWork::seconds() const {
  if (options.empty()) return 0;
  const Candidate& best = options[0].candidate;
  return best.seconds > 0 ? best.seconds : best.estimate;
}

bool CudaWork::has_choice() const {
  return std::count_if(options.begin(), options.end(),
                       [](const CudaOption& o) { return o.candidate.refused.empty() && o.candidate.seconds > 0; }) > 1;
}

std::string option_key(const CudaOption& option, const std::string& when, const std::string& problem) {
  std::string library;  // another version has other algorithms
  if (!option.tactic->library.empty())
    if (const auto* of = cuda::find_vendor_library(option.tactic->library))
      if (const Result<std::string> version = of->version(); version.ok()) library = " of " + *version;
  return std::string(option.tactic->name) + " " + std::to_string(option.tactic->version) + " " + option.configuration +
         library + " | " + (when.empty() ? "" : when + " | ") + problem;
}

std::optional<double> recorded_seconds(const RecordedTimes& recorded, const CudaOption& option,
                                       const std::string& problem) {
  std::optional<double> least;
  if (recorded.size() == 0) return least;
  for (const char* when : {"", "cold"})
    if (const auto seconds = recorded.find(option_key(option, when, problem)))
      least = std::min(least.value_or(*seconds), *seconds);
  return least;
}

Result<CudaWork> list_work(const ir::Node& node, const cuda::Problem& problem, const std::string* forced,
                           const BuildConfig& config, const cuda::Device& gpu, const RecordedTimes& recorded,
                           size_t most) {
  CudaWork work;
  work.problem = problem;
  work.key = problem.key();
  const auto& disabled = config.disabled_tactics;
  for (const cuda::Tactic* tactic : cuda::all_tactics()) {
    if (!tactic->runs(node.op)) continue;
    const auto& sources = config.tactic_sources;
    if (!tactic->library.empty() && !(forced && *forced == tactic->name) &&
        std::find(sources.begin(), sources.end(), tactic->library) == sources.end())
      continue;
    std::string reason;
    if (forced && *forced != tactic->name) reason = "'" + *forced + "' was asked for";
    if (std::find(disabled.begin(), disabled.end(), tactic->name) != disabled.end()) reason = "disabled";
    if (reason.empty()) reason = tactic->supports(problem, gpu).reason;
    if (!reason.empty()) {
      // That an operator is not pointwise is no news.
      if (!tactic->operators.empty())
        work.refused.push_back({std::string(tactic->name), "", std::move(reason), 0, 0, -1});
      continue;
    }
    for (const std::string& configuration :
         tactic->configurations ? tactic->configurations(problem, gpu) : std::vector<std::string>{""}) {
      CudaOption option = make_option(*tactic, configuration);
      option.candidate.estimate = tactic->estimate(problem, configuration, gpu);
      work.options.push_back(std::move(option));
    }
  }
  if (work.options.empty() && forced && *forced != cuda::kHost)
    return Status(Code::unsupported, node.describe() + ": tactic '" + *forced + "' cannot run it" +
                                         (work.refused.empty() ? "" : ": " + work.refused[0].refused));
  const auto by_estimate = [](const CudaOption& a, const CudaOption& b) {
    return a.candidate.estimate < b.candidate.estimate;
  };
  std::stable_sort(work.options.begin(), work.options.end(), by_estimate);
  // Tactics differ more than their configurations.
  std::map<const cuda::Tactic*, int> ranks;
  std::vector<std::pair<Place, size_t>> places;
  for (size_t i = 0; i < work.options.size(); ++i) {
    const CudaOption& option = work.options[i];
    Place place{kNever, ranks[option.tactic]++};
    if (const auto seconds = recorded_seconds(recorded, option, work.key))
      place.recorded = work.options[i].candidate.estimate = *seconds;
    places.emplace_back(place, i);
  }
  std::stable_sort(places.begin(), places.end(), [](const auto& a, const auto& b) {
    if (a.first.recorded != b.first.recorded) return a.first.recorded < b.first.recorded;
    return a.first.rank < b.first.rank;
  });
  std::vector<CudaOption> ordered;
  for (size_t i = 0; i < places.size(); ++i)
    (i < most ? ordered : work.spare).push_back(std::move(work.options[places[i].second]));
  work.options = std::move(ordered);
  return work;
}

size_t add_neighbours(CudaWork& work, size_t most) {
  if (work.options.empty()) return 0;
  const CudaOption& best = work.options[0];
  const std::vector<std::string> wanted = words_of(best.configuration);
  std::vector<std::pair<size_t, size_t>> places;  // how far each is
  for (size_t i = 0; i < work.spare.size(); ++i)
    if (work.spare[i].tactic == best.tactic)
      places.emplace_back(difference(wanted, words_of(work.spare[i].configuration)), i);
  std::stable_sort(places.begin(), places.end());
  places.resize(std::min(most, places.size()));
  std::set<size_t> taken;
  for (const auto& [far, i] : places) {
    work.options.push_back(work.spare[i]);
    taken.insert(i);
  }
  std::vector<CudaOption> left;
  for (size_t i = 0; i < work.spare.size(); ++i)
    if (!taken.contains(i)) left.push_back(std::move(work.spare[i]));
  work.spare = std::move(left);
  return places.size();
}

Status generate(CudaOption& option, const cuda::Problem& problem, const cuda::Device& gpu) {
  VIVACE_ASSIGN(option.job, option.tactic->generate(problem, option.configuration, gpu));
  if (!option.tactic->prepare) return {};
  VIVACE_ASSIGN(option.packed, option.tactic->prepare(problem, option.configuration, gpu));
  return {};
}

Result<bool> make_options(std::vector<Wanted> wanted, const BuildConfig& config, const cuda::Device& gpu,
                          ThreadPool& pool, const Compile& compile, CudaImages& images) {
  std::erase_if(wanted, [](const Wanted& w) { return !w.work->options[w.option].job.launches.empty(); });
  VIVACE_TRY(generate(wanted, gpu, pool));
  std::vector<std::pair<Wanted, Status>> broken;
  std::erase_if(wanted, [&](const Wanted& w) {
    const size_t workspace = w.work->options[w.option].job.workspace;
    if (config.workspace_limit == 0 || workspace <= config.workspace_limit) return false;
    broken.emplace_back(
        w, Status(Code::unsupported, "it needs " + std::to_string(workspace) + " bytes of workspace, the limit is " +
                                         std::to_string(config.workspace_limit)));
    return true;
  });
  CudaLaunches launches;
  for (const Wanted& w : wanted)
    for (const cuda::Launch& launch : w.work->options[w.option].job.launches)
      launches[cuda::image_key(launch, gpu.architecture())] = &launch;
  std::map<std::string, Status> failed;
  VIVACE_TRY(compile_all(launches, gpu.architecture(), pool, compile, config.progress, images, failed));
  for (const Wanted& w : wanted)
    for (const cuda::Launch& launch : w.work->options[w.option].job.launches)
      if (const auto why = failed.find(cuda::image_key(launch, gpu.architecture())); why != failed.end()) {
        broken.emplace_back(w, why->second);
        break;
      }
  // From the last, so that the others keep their places.
  std::stable_sort(broken.begin(), broken.end(),
                   [](const auto& a, const auto& b) { return a.first.option > b.first.option; });
  for (const auto& [w, why] : broken) drop(*w.work, w.option, why);
  return !broken.empty();
}

void drop(CudaWork& work, size_t option, const Status& why) {
  Candidate candidate = std::move(work.options[option].candidate);
  candidate.refused = why.message();
  work.options.erase(work.options.begin() + static_cast<std::ptrdiff_t>(option));
  log(Severity::warning, work.problem.node->describe() + ": tactic '" + candidate.tactic + "' " +
                             candidate.configuration + " is left out: " + candidate.refused);
  work.refused.push_back(std::move(candidate));
  if (!work.options.empty()) return;
  if (work.spare.empty()) {
    log(Severity::warning, work.problem.node->describe() + ": runs on the CPU, for none of its kernels does");
    return;
  }
  work.options.push_back(std::move(work.spare.front()));
  work.spare.erase(work.spare.begin());
}

void keep_time(std::span<CudaOption> timed, double before) {
  const double now = timed[0].candidate.seconds;
  if (now <= 0) return;
  for (CudaOption& option : timed) option.candidate.seconds *= before / now;
  timed[0].candidate.seconds = before;
}

}  // namespace vivace::builder
