#include "builder/cuda_program.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "backends/cpu/executor.h"
#include "backends/cuda/compiler.h"
#include "backends/cuda/image.h"
#include "base/hash.h"
#include "builder/cuda_compare.h"
#include "builder/cuda_groups.h"
#include "builder/cuda_search.h"
#include "builder/cuda_work.h"
#include "builder/forced.h"
#include "builder/packing.h"
#include "builder/timing.h"
#include "ops/random.h"

namespace vivace::builder {

namespace {

using Clock = std::chrono::steady_clock;

// By effort: options compiled and timed per problem; rounds of those that differ least from the best so far, and how
// many in each; seconds for each option, and limits of the search in place.
struct Effort {
  size_t options;
  int rounds;
  size_t neighbours;
  double seconds;
  SearchLimits search;
};
constexpr Effort kEfforts[] = {{1, 0, 0, 0, {}},          {4, 0, 0, 0.0005, {}},        {8, 1, 4, 0.001, {1, 3}},
                               {16, 2, 8, 0.002, {4, 6}}, {24, 4, 12, 0.005, {15, 12}}, {1000, 0, 0, 0.02, {60, 40}}};

// Seconds by which a cache says that an option is wrong.
constexpr double kWrong = 1e6;

// Constants of a program beyond this share of the cache do not stay in it between runs.
constexpr double kCachedShare = 0.5;

// What runs a body on the CPU: the first of its tactics that supports each node.
plan::Program host_program(std::shared_ptr<ir::Graph> graph) {
  plan::Program program;
  const std::vector<ir::Node*> nodes = graph->node_list();
  program.choices.resize(nodes.size());
  for (size_t i = 0; i < nodes.size(); ++i)
    for (const auto& [name, attribute] : nodes[i]->attributes)
      if (const auto* body = std::get_if<std::shared_ptr<ir::Graph>>(&attribute))
        program.bodies[{i, name}] = host_program(*body);
  program.graph = std::move(graph);
  return program;
}

bool is_fixed(const ir::Node& node, const cpu::ConcreteGraph& at) {
  return cpu::has_subgraph(node) || at.settled(node) || !at.concrete(node) || cpu::is_alias(node);
}

double constant_bytes(const ir::Graph& graph) {
  double bytes = 0;
  for (const ir::Value* v : graph.values())
    if (v->is_constant()) bytes += static_cast<double>(v->constant().bytes());
  return bytes;
}

class CudaTuner {
 public:
  CudaTuner(std::shared_ptr<ir::Graph> graph, const std::vector<Shape>& shapes, const BuildConfig& config,
            const cuda::Target& target, bool trial, Report& report)
      : graph_(std::move(graph)),
        shapes_(shapes),
        config_(config),
        target_(target),
        report_(report),
        effort_(kEfforts[std::clamp(config.effort, 0, 5)]),
        timed_(config.effort > 0 && target.gpu->ordinal >= 0),
        trial_(trial),
        search_(!trial && timed_ && effort_.search.seconds > 0),
        cold_(constant_bytes(*graph_) > kCachedShare * static_cast<double>(target.gpu->l2_bytes)),
        pool_(target.host.threads),
        nodes_(graph_->node_list()),
        works_of_(nodes_.size()) {}

  Result<plan::Program> run() {
    VIVACE_ASSIGN(at_, cpu::concretize(*graph_, shapes_));
    VIVACE_TRY(list());
    if (timed_) VIVACE_TRY(time());
    const bool search = search_ && !remember_places();
    for (bool dropped = true; dropped;) {
      std::vector<Wanted> wanted;
      for (auto& [key, work] : works_)
        for (size_t i = 0; i < work.options.size(); ++i)
          if (i == 0 || (search && work.options[i].candidate.refused.empty())) wanted.push_back({&work, i});
      VIVACE_ASSIGN(dropped, make(std::move(wanted)));
      if (search)
        for (auto& [key, work] : works_) dropped = load(work) || dropped;
    }
    plan::Program program;
    program.graph = graph_;
    program.choices.resize(nodes_.size());
    for (size_t i = 0; i < nodes_.size(); ++i)
      for (const auto& [name, attribute] : nodes_[i]->attributes)
        if (const auto* body = std::get_if<std::shared_ptr<ir::Graph>>(&attribute))
          program.bodies[{i, name}] = host_program(*body);
    VIVACE_TRY(choose(program));
    if (search) VIVACE_TRY(place(program));
    if (!trial_) VIVACE_TRY(bring_together(program));
    if (timed_ && !trial_) VIVACE_TRY(check(program));
    if (config_.compare_vendors) VIVACE_TRY(compare());
    describe(program);
    return program;
  }

 private:
  double elapsed() const { return std::chrono::duration<double>(Clock::now() - start_).count(); }
  double left() const { return config_.time_budget > 0 ? config_.time_budget - elapsed() : 1e9; }
  std::string cache_key(const CudaOption& option, const std::string& when, const CudaWork& work) const {
    return gpu_key(*target_.gpu, option_key(option, when, work.key));
  }

  Status list() {
    if (!config_.tactic_sources.empty())
      for (std::string& note : missing_libraries(config_.tactic_sources)) report_.notes.push_back(std::move(note));
    const ForcedTactics forced(config_.forced_tactics);
    const RecordedTimes recorded = RecordedTimes::of(*target_.gpu);
    for (size_t i = 0; i < nodes_.size(); ++i) {
      const ir::Node& node = *nodes_[i];
      const std::string* rule = forced.find(node);
      if (is_fixed(node, at_)) continue;
      const cuda::Problem problem = cpu::problem_of(node, at_);
      const std::string key = problem.key() + (rule ? " " + *rule : "");
      if (!works_.contains(key)) {
        VIVACE_ASSIGN(works_[key],
                      list_work(node, problem, rule, config_, *target_.gpu, recorded, timed_ ? effort_.options : 1));
      }
      works_of_[i] = &works_[key];
      ++works_of_[i]->nodes;
    }
    std::string all;
    for (const auto& [key, work] : works_) all += key + " x" + std::to_string(work.nodes) + "\n";
    network_ = "in " + to_hex(hash_text(all));
    return forced.check();
  }

  Result<bool> make(std::vector<Wanted> wanted) {
    if (!wanted.empty()) VIVACE_TRY(cuda::compiler_version().status());
    return make_options(std::move(wanted), config_, *target_.gpu, pool_, cuda::compile, images_);
  }

  // Loads the kernels of options that have not been loaded yet, and drops those that cannot be; whether there were any.
  bool load(CudaWork& work) {
    bool dropped = false;
    for (size_t i = work.options.size(); i-- > 0;)
      if (const Status loaded = load(work.options[i]); !loaded.ok()) {
        drop(work, i, loaded);
        dropped = true;
      }
    return dropped;
  }
  Status load(CudaOption& option) {
    while (option.kernels.size() < option.job.launches.size() && option.candidate.refused.empty()) {
      const cuda::Launch& launch = option.job.launches[option.kernels.size()];
      VIVACE_ASSIGN(std::shared_ptr<cuda::Kernel> kernel,
                    cuda::Kernel::load(gpu_, images_.at(cuda::image_key(launch, target_.gpu->architecture())),
                                       launch.name, launch.shared_bytes, launch.cluster));
      option.kernels.push_back(std::move(kernel));
    }
    return {};
  }

  static bool is_new(const CudaOption& o) { return o.candidate.seconds <= 0 && o.candidate.refused.empty(); }

  // Not so a spare one in the place of others that were dropped.
  static bool has_kernels(const CudaOption& o) {
    return !o.job.launches.empty() && o.kernels.size() == o.job.launches.size();
  }

  // Takes the times of new options from the cache, where it knows all of them.
  bool recall(CudaWork& work) {
    if (!config_.cache) return false;
    std::vector<std::pair<Candidate*, double>> found;
    for (CudaOption& option : work.options) {
      if (!is_new(option)) continue;
      const auto seconds = config_.cache->find(cache_key(option, cold_ ? "cold" : "", work));
      if (!seconds) return false;
      found.emplace_back(&option.candidate, *seconds);
    }
    for (const auto& [candidate, seconds] : found) {
      if (seconds < kWrong)
        candidate->seconds = seconds;
      else
        candidate->refused = "it was wrong when it was timed";
    }
    report_.from_cache += static_cast<int>(found.size());
    rank(work);
    return true;
  }

  // What was chosen in place comes first, where the cache knows that of all problems.
  bool remember_places() {
    std::vector<std::pair<CudaWork*, size_t>> places;
    for (auto& [key, work] : works_) {
      if (work.options.size() < 2) continue;
      const auto at = std::find_if(work.options.begin(), work.options.end(), [&, &w = work](const CudaOption& option) {
        return w.known && config_.cache && config_.cache->find(cache_key(option, network_, w));
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

  static void rank(CudaWork& work) {
    const auto cost = [](const CudaOption& o) {
      if (!o.candidate.refused.empty()) return 1e9;
      return o.candidate.seconds > 0 ? o.candidate.seconds : 1e3 + o.candidate.estimate;
    };
    std::stable_sort(work.options.begin(), work.options.end(),
                     [&](const CudaOption& a, const CudaOption& b) { return cost(a) < cost(b); });
  }

  // Times every problem that has several options, then in rounds what differs least from its best; the fastest comes
  // first.
  Status time() {
    VIVACE_ASSIGN(gpu_, cuda::Gpu::open(target_.gpu->ordinal));
    const cuda::Gpu::Scope scope(*gpu_);
    VIVACE_ASSIGN(const auto clock, GpuClock::open(gpu_, cold_ ? 2 * target_.gpu->l2_bytes : 0));
    for (int round = 0; round <= effort_.rounds && (round == 0 || left() > 0); ++round) {
      std::vector<CudaWork*> works;
      std::vector<Wanted> wanted;
      for (auto& [key, work] : works_) {
        if (work.options.size() + work.spare.size() < 2) continue;
        if (round > 0 && add_neighbours(work, effort_.neighbours) == 0) continue;
        const bool known = recall(work);
        work.known = known && (round == 0 || work.known);
        if (known) continue;
        works.push_back(&work);
        for (size_t i = 0; i < work.options.size(); ++i)
          if (is_new(work.options[i])) wanted.push_back({&work, i});
      }
      VIVACE_TRY(make(std::move(wanted)).status());
      size_t done = 0;
      for (CudaWork* work : works) {
        const double share = static_cast<double>(done++) / static_cast<double>(works.size());
        if (config_.progress && !config_.progress("tune", (round + share) / (effort_.rounds + 1)))
          return {Code::cancelled, "the build was cancelled"};
        VIVACE_TRY(time(*work, *clock));
      }
    }
    return {};
  }

  Status time(CudaWork& work, const GpuClock& clock) {
    if (left() <= 0) {
      if (work.options[0].candidate.seconds <= 0)
        report_.notes.push_back("the time budget ran out; '" + work.problem.node->name + "' was chosen by estimate");
      return {};
    }
    load(work);
    // The best so far goes along: where the reference is too slow, others are compared with it.
    std::vector<CudaOption> timed, others;
    for (size_t i = 0; i < work.options.size(); ++i)
      (has_kernels(work.options[i]) && (i == 0 || is_new(work.options[i])) ? timed : others)
          .push_back(std::move(work.options[i]));
    work.options = std::move(others);
    if (timed.empty()) return {};
    const double before = timed[0].candidate.seconds;
    if (const Status status = time_on_gpu(work.problem, timed, clock, pool_, effort_.seconds); !status.ok())
      return status.within(work.problem.node->describe());
    if (before > 0) keep_time(timed, before);
    report_.timed += static_cast<int>(timed.size());
    for (CudaOption& option : timed) {
      if (config_.cache) {
        const std::string name = cache_key(option, cold_ ? "cold" : "", work);
        config_.cache->put(name, option.candidate.refused.empty() ? option.candidate.seconds : kWrong);
        // As the next build will find it.
        if (option.candidate.refused.empty()) option.candidate.seconds = *config_.cache->find(name);
      }
      work.options.push_back(std::move(option));
    }
    rank(work);
    if (const Candidate& best = work.options[0].candidate; !best.refused.empty())
      return {Code::internal, work.problem.node->describe() + ": every kernel is wrong: " + best.tactic + " " +
                                  best.configuration + ": " + best.refused};
    return {};
  }

  // Fills in the choices that differ from the works' first options.
  Status choose(plan::Program& program) {
    std::vector<Status> made(nodes_.size());
    pool_.run(static_cast<int64_t>(nodes_.size()), [&](int64_t task, int) {
      const auto i = static_cast<size_t>(task);
      made[i] = choose(i, program.choices[i]);
    });
    for (const Status& status : made) VIVACE_TRY(status);
    for (size_t i = 0; i < nodes_.size(); ++i) {
      const CudaWork* work = works_of_[i];
      if (!work || work->options.empty()) continue;
      std::vector<Tensor>& packed = program.choices[i].packed;
      packed = cuda::without_images(packed);
      for (const cuda::Launch& launch : work->options[0].job.launches) {
        packed.push_back(packed_image(cuda::image_key(launch, target_.gpu->architecture())));
      }
    }
    return {};
  }
  Status choose(size_t i, plan::Choice& choice) {
    const CudaWork* work = works_of_[i];
    if (!work || work->options.empty()) {
      choice.tactic = cuda::kHost;
      return {};
    }
    const CudaOption& best = work->options[0];
    choice.seconds = work->seconds();
    if (choice.tactic == best.tactic->name && choice.configuration == best.configuration) return {};
    choice.tactic = best.tactic->name;
    choice.version = best.tactic->version;
    choice.configuration = best.configuration;
    choice.packed = best.packed;
    // Constants that a tactic packs are the node's own, and another node with the same problem may have others.
    if (best.tactic->prepare) {
      VIVACE_ASSIGN(choice.packed, packed(i, best, nodes_[i] == work->problem.node ? &best.packed : nullptr));
    }
    return {};
  }

  // The search in the whole network's graph, within what is left of the time.
  Status place(plan::Program& program) {
    SearchLimits limits = effort_.search;
    limits.seconds = std::min(limits.seconds, left());
    const bool any = std::any_of(works_.begin(), works_.end(), [](const auto& w) { return w.second.has_choice(); });
    if (limits.seconds <= 0 || !any) return {};
    VIVACE_ASSIGN(const auto executor, cuda::create_executor(program, target_));
    SearchResult found;
    {
      const cuda::Gpu::Scope scope(*gpu_);
      VIVACE_ASSIGN(const auto clock, GpuClock::open(gpu_, 0));
      VIVACE_ASSIGN(found, search_in_place(*executor, shapes_, works_of_, *clock, limits));
    }
    report_.notes.push_back(
        fmt::format("searched in place: {:.1f} us a run with what is fastest alone, {:.1f} us after other choices for "
                    "{} kinds of layers",
                    found.before * 1e6, found.after * 1e6, found.changed));
    for (auto& [key, work] : works_)
      if (config_.cache && work.has_choice())
        config_.cache->put(cache_key(work.options[0], network_, work), work.seconds());
    return choose(program);
  }

  const Tensor& packed_image(const std::string& key) {
    Tensor& image = packed_images_[key];
    if (!image.valid()) image = cuda::pack_image(key, images_.at(key));
    return image;
  }

  // Constants as an option of the node wants them; `made` where they are so already.
  Result<std::vector<Tensor>> packed(size_t i, const CudaOption& option, const std::vector<Tensor>* made = nullptr) {
    const cpu::Problem problem = cpu::problem_of(*nodes_[i], at_);
    return packing_.once(*option.tactic, option.configuration, problem, [&]() -> Result<std::vector<Tensor>> {
      if (made) return *made;
      return option.tactic->prepare(problem, option.configuration, *target_.gpu);
    });
  }

  // An option of a node that may not be its problem's best.
  Status choose(size_t i, const CudaOption& option, plan::Choice& choice) {
    if (choice.tactic == option.tactic->name && choice.configuration == option.configuration) return {};
    choice = {std::string(option.tactic->name), option.tactic->version, option.configuration, {}, 0, 0};
    choice.seconds = option.candidate.seconds > 0 ? option.candidate.seconds : option.candidate.estimate;
    if (option.tactic->prepare) {
      VIVACE_ASSIGN(choice.packed, packed(i, option));
    }
    for (const cuda::Launch& launch : option.job.launches)
      choice.packed.push_back(packed_image(cuda::image_key(launch, target_.gpu->architecture())));
    return {};
  }

  // Lets nodes that need nothing of each other run as one kernel: where a run then is faster, or where nothing is
  // timed, where it should be.
  Status bring_together(plan::Program& program) {
    std::vector<CudaGroup> groups = list_groups(nodes_, works_of_, *target_.gpu);
    const double seconds = std::min(effort_.search.seconds, left());
    const std::string done = gpu_key(*target_.gpu, "together " + network_);
    const bool known = search_ && config_.cache && config_.cache->find(done);
    const auto pays = [&](const CudaGroup& g) {
      return known ? config_.cache->find(done + " " + g.key).has_value() : g.pays;
    };
    if (!search_ || known || seconds <= 0) std::erase_if(groups, [&](const CudaGroup& g) { return !pays(g); });
    if (groups.empty()) return {};
    VIVACE_TRY(compile_groups(groups, *target_.gpu, pool_, images_));
    plan::Program changed = program;
    std::map<size_t, TogetherGroup> kinds;
    for (const CudaGroup& group : groups) {
      kinds[group.first] = {group.key, group.extra};
      for (size_t k = 0; k < group.members.size(); ++k)
        VIVACE_TRY(choose(group.first + k, group.members[k], changed.choices[group.first + k]));
      changed.choices[group.first].beside = static_cast<uint32_t>(group.members.size() - 1);
      changed.choices[group.first].packed.push_back(packed_image(group.key));
    }
    std::string took;
    if (search_ && !known && seconds > 0) {
      VIVACE_ASSIGN(const auto executor, cuda::create_executor(changed, target_));
      const cuda::Gpu::Scope scope(*gpu_);
      VIVACE_ASSIGN(const auto clock, GpuClock::open(gpu_, 0));
      VIVACE_ASSIGN(const TogetherResult found, search_together(*executor, shapes_, kinds, *clock, seconds));
      std::erase_if(groups, [&](const CudaGroup& g) { return !found.nodes.contains(g.first); });
      if (config_.cache) {
        config_.cache->put(done, found.after);
        for (const CudaGroup& group : groups) config_.cache->put(done + " " + group.key, found.after);
      }
      took = fmt::format(": {:.1f} us a run, {:.1f} us with each layer alone", found.after * 1e6, found.before * 1e6);
    }
    report_.notes.push_back(
        fmt::format("{} groups of layers that need nothing of each other run as one kernel{}", groups.size(), took));
    for (const CudaGroup& group : groups)
      for (size_t k = 0; k < group.members.size(); ++k)
        program.choices[group.first + k] = changed.choices[group.first + k];
    return {};
  }

  Status check(const plan::Program& program) {
    const bool random = std::any_of(nodes_.begin(), nodes_.end(), [](const ir::Node* node) {
      return ops::draws_numbers(*node) || cpu::has_subgraph(*node);
    });
    if (random) return {};
    VIVACE_ASSIGN(const auto executor, cuda::create_executor(program, target_));
    return check_replay(*executor, shapes_);
  }

  // The best of ours beside the vendor's libraries.
  Status compare() {
    if (!timed_) {
      report_.notes.push_back(
          "nothing is compared with the vendor's libraries: that takes the GPU and an effort above 0");
      return {};
    }
    for (std::string& note : missing_libraries({})) report_.notes.push_back(std::move(note));
    std::vector<Wanted> wanted;
    for (auto& [key, work] : works_)
      if (const CudaOption* ours = best_of_ours(work))
        wanted.push_back({&work, static_cast<size_t>(ours - work.options.data())});
    VIVACE_TRY(make(std::move(wanted)).status());
    const cuda::Gpu::Scope scope(*gpu_);
    VIVACE_ASSIGN(const auto clock, GpuClock::open(gpu_, cold_ ? 2 * target_.gpu->l2_bytes : 0));
    size_t done = 0;
    for (auto& [key, work] : works_) {
      if (config_.progress &&
          !config_.progress("compare", static_cast<double>(done++) / static_cast<double>(works_.size())))
        return {Code::cancelled, "the build was cancelled"};
      CudaOption* const ours = best_of_ours(work);
      if (!ours || ours->job.launches.empty() || !load(*ours).ok()) continue;
      Result<std::optional<Comparison>> found =
          compare_with_vendor(work, *ours, *target_.gpu, *clock, pool_, effort_.seconds);
      if (!found.ok()) return found.status().within(work.problem.node->describe());
      work.comparison = *std::move(found);
    }
    return {};
  }

  void describe(const plan::Program& program) {
    for (size_t i = 0; i < nodes_.size(); ++i) {
      const ir::Node& node = *nodes_[i];
      LayerReport layer;
      layer.name = node.name.empty() ? node.output()->name : node.name;
      layer.op = node.op;
      layer.view = at_.settled(node) || cpu::is_alias(node);
      if (!at_.settled(node) && cpu::is_known_late(node, at_)) {
        layer.fallback = true;
        report_.notes.push_back("'" + layer.name + "' (" + node.op + ") runs on the CPU: " +
                                (cpu::has_subgraph(node) ? "it is control flow" : "its shapes depend on data"));
      }
      if (const CudaWork* work = works_of_[i]) {
        layer.shapes = shapes_text(work->problem);
        layer.seconds = program.choices[i].seconds;
        layer.from_cache = work->known;
        layer.comparison = work->comparison;
        for (const CudaOption& option : work->options) layer.candidates.push_back(option.candidate);
        layer.candidates.insert(layer.candidates.end(), work->refused.begin(), work->refused.end());
        if (work->options.empty()) {
          layer.fallback = true;
          std::string why;
          for (const Candidate& c : work->refused) why += (why.empty() ? " (" : "; ") + c.tactic + ": " + c.refused;
          report_.notes.push_back("'" + layer.name + "' (" + node.op + ") runs on the CPU" + why +
                                  (why.empty() ? "" : ")"));
          layer.candidates.insert(layer.candidates.begin(), {std::string(cuda::kHost), "", "", 0, 0, -1});
        }
      }
      report_.layers.push_back(std::move(layer));
    }
  }

  std::shared_ptr<ir::Graph> graph_;
  const std::vector<Shape>& shapes_;
  const BuildConfig& config_;
  const cuda::Target& target_;
  Report& report_;
  const Effort& effort_;
  const bool timed_, trial_, search_, cold_;
  ThreadPool pool_;
  const std::vector<ir::Node*> nodes_;
  cpu::ConcreteGraph at_;
  CudaWorks works_;
  std::vector<CudaWork*> works_of_;  // by node
  std::string network_;              // names all problems together
  CudaImages images_;
  std::map<std::string, Tensor> packed_images_;
  Packing packing_;
  std::shared_ptr<cuda::Gpu> gpu_;
  Clock::time_point start_ = Clock::now();
};

}  // namespace

Result<plan::Program> make_cuda_program(std::shared_ptr<ir::Graph> graph, const std::vector<Shape>& shapes,
                                        const BuildConfig& config, const cuda::Target& target, Report& report,
                                        bool trial) {
  return CudaTuner(std::move(graph), shapes, config, target, trial, report).run();
}

}  // namespace vivace::builder
