#include "builder/cuda_program.h"

#include <fmt/format.h>

#include <algorithm>

#include "backends/cpu/executor.h"
#include "backends/cuda/image.h"
#include "base/hash.h"
#include "builder/cuda_compare.h"
#include "builder/cuda_groups.h"
#include "builder/cuda_rounds.h"
#include "builder/cuda_search.h"
#include "builder/cuda_work.h"
#include "builder/forced.h"
#include "builder/packing.h"
#include "builder/timing.h"
#include "ops/random.h"

namespace vivace::builder {

namespace {

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
        timed_(config.effort > 0 && target.gpu->ordinal >= 0),
        build_{config, target, report, cuda_effort(config.effort),
               constant_bytes(*graph_) > kCachedShare * static_cast<double>(target.gpu->l2_bytes)},
        trial_(trial),
        search_(!trial && timed_ && build_.effort.search.seconds > 0),
        nodes_(graph_->node_list()),
        works_of_(nodes_.size()) {}

  Result<plan::Program> run() {
    VIVACE_ASSIGN(at_, cpu::concretize(*graph_, shapes_));
    VIVACE_TRY(list());
    if (timed_) VIVACE_TRY(time_in_rounds(build_));
    const bool search = search_ && !remember_places(build_);
    for (bool dropped = true; dropped;) {
      std::vector<Wanted> wanted;
      for (auto& [key, work] : build_.works)
        for (size_t i = 0; i < work.options.size(); ++i)
          if (i == 0 || (search && work.options[i].candidate.refused.empty())) wanted.push_back({&work, i});
      VIVACE_ASSIGN(dropped, build_.make(std::move(wanted)));
      if (search)
        for (auto& [key, work] : build_.works) dropped = build_.load(work) || dropped;
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
    if (build_.config.compare_vendors) VIVACE_TRY(compare());
    describe(program);
    return program;
  }

 private:
  Status list() {
    if (!build_.config.tactic_sources.empty())
      for (std::string& note : missing_libraries(build_.config.tactic_sources))
        build_.report.notes.push_back(std::move(note));
    const ForcedTactics forced(build_.config.forced_tactics);
    const RecordedTimes recorded = RecordedTimes::of(*build_.target.gpu);
    for (size_t i = 0; i < nodes_.size(); ++i) {
      const ir::Node& node = *nodes_[i];
      const std::string* rule = forced.find(node);
      if (is_fixed(node, at_)) continue;
      const cuda::Problem problem = cpu::problem_of(node, at_);
      const std::string key = problem.key() + (rule ? " " + *rule : "");
      if (!build_.works.contains(key)) {
        VIVACE_ASSIGN(build_.works[key], list_work(node, problem, rule, build_.config, *build_.target.gpu, recorded,
                                                   timed_ ? build_.effort.options : 1));
      }
      works_of_[i] = &build_.works[key];
      ++works_of_[i]->nodes;
    }
    std::string all;
    for (const auto& [key, work] : build_.works) all += key + " x" + std::to_string(work.nodes) + "\n";
    build_.network = "in " + to_hex(hash_text(all));
    return forced.check();
  }

  // Fills in the choices that differ from the works' first options.
  Status choose(plan::Program& program) {
    std::vector<Status> made(nodes_.size());
    build_.pool.run(static_cast<int64_t>(nodes_.size()), [&](int64_t task, int) {
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
        packed.push_back(packed_image(cuda::image_key(launch, build_.target.gpu->architecture())));
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
    SearchLimits limits = build_.effort.search;
    limits.seconds = std::min(limits.seconds, build_.left());
    const bool any =
        std::any_of(build_.works.begin(), build_.works.end(), [](const auto& w) { return w.second.has_choice(); });
    if (limits.seconds <= 0 || !any) return {};
    VIVACE_ASSIGN(const auto executor, cuda::create_executor(program, build_.target));
    SearchResult found;
    {
      const cuda::Gpu::Scope scope(*build_.gpu);
      VIVACE_ASSIGN(const auto clock, GpuClock::open(build_.gpu, 0));
      VIVACE_ASSIGN(found, search_in_place(*executor, shapes_, works_of_, *clock, limits));
    }
    build_.report.notes.push_back(
        fmt::format("searched in place: {:.1f} us a run with what is fastest alone, {:.1f} us after other choices for "
                    "{} kinds of layers",
                    found.before * 1e6, found.after * 1e6, found.changed));
    for (auto& [key, work] : build_.works)
      if (build_.config.cache && work.has_choice())
        build_.config.cache->put(build_.cache_key(work.options[0], build_.network, work), work.seconds());
    return choose(program);
  }

  const Tensor& packed_image(const std::string& key) {
    Tensor& image = packed_images_[key];
    if (!image.valid()) image = cuda::pack_image(key, build_.images.at(key));
    return image;
  }

  // Constants as an option of the node wants them; `made` where they are so already.
  Result<std::vector<Tensor>> packed(size_t i, const CudaOption& option, const std::vector<Tensor>* made = nullptr) {
    const cpu::Problem problem = cpu::problem_of(*nodes_[i], at_);
    return packing_.once(*option.tactic, option.configuration, problem, [&]() -> Result<std::vector<Tensor>> {
      if (made) return *made;
      return option.tactic->prepare(problem, option.configuration, *build_.target.gpu);
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
      choice.packed.push_back(packed_image(cuda::image_key(launch, build_.target.gpu->architecture())));
    return {};
  }

  // Lets nodes that need nothing of each other run as one kernel: where a run then is faster, or where nothing is
  // timed, where it should be.
  Status bring_together(plan::Program& program) {
    std::vector<CudaGroup> groups = list_groups(nodes_, works_of_, *build_.target.gpu);
    const double seconds = std::min(build_.effort.search.seconds, build_.left());
    const std::string done = gpu_key(*build_.target.gpu, "together " + build_.network);
    const bool known = search_ && build_.config.cache && build_.config.cache->find(done);
    const auto pays = [&](const CudaGroup& g) {
      return known ? build_.config.cache->find(done + " " + g.key).has_value() : g.pays;
    };
    if (!search_ || known || seconds <= 0) std::erase_if(groups, [&](const CudaGroup& g) { return !pays(g); });
    if (groups.empty()) return {};
    VIVACE_TRY(compile_groups(groups, *build_.target.gpu, build_.pool, build_.images));
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
      VIVACE_ASSIGN(const auto executor, cuda::create_executor(changed, build_.target));
      const cuda::Gpu::Scope scope(*build_.gpu);
      VIVACE_ASSIGN(const auto clock, GpuClock::open(build_.gpu, 0));
      VIVACE_ASSIGN(const TogetherResult found, search_together(*executor, shapes_, kinds, *clock, seconds));
      std::erase_if(groups, [&](const CudaGroup& g) { return !found.nodes.contains(g.first); });
      if (build_.config.cache) {
        build_.config.cache->put(done, found.after);
        for (const CudaGroup& group : groups) build_.config.cache->put(done + " " + group.key, found.after);
      }
      took = fmt::format(": {:.1f} us a run, {:.1f} us with each layer alone", found.after * 1e6, found.before * 1e6);
    }
    build_.report.notes.push_back(
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
    VIVACE_ASSIGN(const auto executor, cuda::create_executor(program, build_.target));
    return check_replay(*executor, shapes_);
  }

  // The best of ours beside the vendor's libraries.
  Status compare() {
    if (!timed_) {
      build_.report.notes.push_back(
          "nothing is compared with the vendor's libraries: that takes the GPU and an effort above 0");
      return {};
    }
    for (std::string& note : missing_libraries({})) build_.report.notes.push_back(std::move(note));
    std::vector<Wanted> wanted;
    for (auto& [key, work] : build_.works)
      if (const CudaOption* ours = best_of_ours(work))
        wanted.push_back({&work, static_cast<size_t>(ours - work.options.data())});
    VIVACE_TRY(build_.make(std::move(wanted)).status());
    const cuda::Gpu::Scope scope(*build_.gpu);
    VIVACE_ASSIGN(const auto clock, GpuClock::open(build_.gpu, build_.cold ? 2 * build_.target.gpu->l2_bytes : 0));
    size_t done = 0;
    for (auto& [key, work] : build_.works) {
      if (build_.config.progress &&
          !build_.config.progress("compare", static_cast<double>(done++) / static_cast<double>(build_.works.size())))
        return {Code::cancelled, "the build was cancelled"};
      CudaOption* const ours = best_of_ours(work);
      if (!ours || ours->job.launches.empty() || !build_.load(*ours).ok()) continue;
      Result<std::optional<Comparison>> found =
          compare_with_vendor(work, *ours, *build_.target.gpu, *clock, build_.pool, build_.effort.seconds);
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
        build_.report.notes.push_back("'" + layer.name + "' (" + node.op + ") runs on the CPU: " +
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
          build_.report.notes.push_back("'" + layer.name + "' (" + node.op + ") runs on the CPU" + why +
                                        (why.empty() ? "" : ")"));
          layer.candidates.insert(layer.candidates.begin(), {std::string(cuda::kHost), "", "", 0, 0, -1});
        }
      }
      build_.report.layers.push_back(std::move(layer));
    }
  }

  std::shared_ptr<ir::Graph> graph_;
  const std::vector<Shape>& shapes_;
  const bool timed_;
  CudaBuild build_;
  const bool trial_, search_;
  const std::vector<ir::Node*> nodes_;
  cpu::ConcreteGraph at_;
  std::vector<CudaWork*> works_of_;  // by node
  std::map<std::string, Tensor> packed_images_;
  Packing packing_;
};

}  // namespace

Result<plan::Program> make_cuda_program(std::shared_ptr<ir::Graph> graph, const std::vector<Shape>& shapes,
                                        const BuildConfig& config, const cuda::Target& target, Report& report,
                                        bool trial) {
  return CudaTuner(std::move(graph), shapes, config, target, trial, report).run();
}

}  // namespace vivace::builder
