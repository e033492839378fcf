#include "builder/cuda_program.h"

#include <algorithm>
#include <atomic>
#include <chrono>

#include "backends/cpu/executor.h"
#include "backends/cuda/compiler.h"
#include "backends/cuda/image.h"
#include "builder/cuda_timing.h"
#include "builder/timing.h"

namespace vivace::builder {

namespace {

// Options timed per problem and seconds for each, by effort.
constexpr size_t kTimed[] = {0, 2, 3, 4, 8, 1000};
constexpr double kSeconds[] = {0, 0.001, 0.002, 0.003, 0.01, 0.03};

// What may run one problem, however many nodes have it; the first is the best so far.
struct Work {
  cuda::Problem problem;
  std::vector<CudaOption> options;
  std::vector<Candidate> refused;
};

// The rule among "NAME=TACTIC" that names the node; empty: none.
std::string forced_for(const ir::Node& node, const BuildConfig& config) {
  for (const std::string& rule : config.forced_tactics) {
    const size_t at = rule.rfind('=');
    const std::string name = rule.substr(0, at);
    if (name == "*" || name == node.op || name == node.name) return rule.substr(at + 1);
  }
  return {};
}

// All options by estimate, those beyond `most` dropped. None where only the CPU can run the node.
Result<Work> list_options(const ir::Node& node, const cuda::Problem& problem, const BuildConfig& config,
                          const cuda::Device& gpu, size_t most) {
  Work work{problem, {}, {}};
  const std::string forced = forced_for(node, config);
  const auto& disabled = config.disabled_tactics;
  for (const cuda::Tactic* tactic : cuda::all_tactics()) {
    if (!tactic->runs(node.op)) continue;
    std::string reason;
    if (!forced.empty() && forced != tactic->name) reason = "'" + forced + "' was asked for";
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
      CudaOption option{tactic, configuration, {}, {}, {}, {std::string(tactic->name), configuration, "", 0, 0, -1}};
      option.candidate.estimate = tactic->estimate(problem, configuration, gpu);
      work.options.push_back(std::move(option));
    }
  }
  if (work.options.empty() && !forced.empty() && forced != cuda::kHost)
    return Status(Code::unsupported, node.describe() + ": tactic '" + forced + "' cannot run it" +
                                         (work.refused.empty() ? "" : ": " + work.refused[0].refused));
  std::stable_sort(work.options.begin(), work.options.end(), [](const CudaOption& a, const CudaOption& b) {
    return a.candidate.estimate < b.candidate.estimate;
  });
  if (work.options.size() > most) work.options.resize(most);
  for (CudaOption& option : work.options) {
    VIVACE_ASSIGN(option.job, option.tactic->generate(problem, option.configuration, gpu));
    if (!option.tactic->prepare) continue;
    VIVACE_ASSIGN(option.packed, option.tactic->prepare(problem, option.configuration, gpu));
  }
  return work;
}

// Machine code by key: every distinct kernel once, on all threads.
Result<std::map<std::string, std::string>> compile_all(const std::map<std::string, Work>& works,
                                                       const BuildConfig& config, const cuda::Target& target) {
  const std::string architecture = target.gpu->architecture();
  std::map<std::string, std::string> images;
  std::map<std::string, const cuda::Launch*> wanted;
  for (const auto& [key, work] : works)
    for (const CudaOption& option : work.options)
      for (const cuda::Launch& launch : option.job.launches) wanted[cuda::image_key(launch, architecture)] = &launch;
  if (wanted.empty()) return images;
  VIVACE_TRY(cuda::compiler_version().status());
  const std::vector<std::pair<std::string, const cuda::Launch*>> list(wanted.begin(), wanted.end());
  std::vector<Result<std::string>> made(list.size(), std::string());
  ThreadPool pool(cpu::this_machine().threads);
  std::atomic<size_t> done = 0;
  std::atomic<bool> cancelled = false;
  pool.run(static_cast<int64_t>(list.size()), [&](int64_t task, int thread) {
    const auto i = static_cast<size_t>(task);
    if (cancelled) return;
    made[i] = cuda::compile(list[i].second->source, list[i].second->name, architecture);
    const double share = static_cast<double>(++done) / static_cast<double>(list.size());
    if (thread == 0 && config.progress && !config.progress("compile", share)) cancelled = true;
  });
  if (cancelled) return Status(Code::cancelled, "the build was cancelled");
  for (size_t i = 0; i < list.size(); ++i) {
    if (!made[i].ok()) return made[i].status();
    images[list[i].first] = *std::move(made[i]);
  }
  return images;
}

// Times the options of every problem that has several, unless the cache knows them all; the fastest comes first.
Status time_all(std::map<std::string, Work>& works, const std::map<std::string, std::string>& images,
                const BuildConfig& config, const cuda::Target& target, Report& report) {
  VIVACE_ASSIGN(const std::shared_ptr<cuda::Gpu> gpu, cuda::Gpu::open(target.gpu->ordinal));
  const auto start = std::chrono::steady_clock::now();
  size_t done = 0;
  for (auto& [key, work] : works) {
    if (config.progress && !config.progress("tune", static_cast<double>(done++) / static_cast<double>(works.size())))
      return {Code::cancelled, "the build was cancelled"};
    if (work.options.size() < 2) continue;
    const auto cache_key = [&, k = key](const CudaOption& option) {
      return target.gpu->name + ", " + target.gpu->device() + " | " + option.candidate.tactic + " " +
             std::to_string(option.tactic->version) + " " + option.configuration + " | " + k;
    };
    bool known = config.cache != nullptr;
    for (CudaOption& option : work.options)
      if (const auto seconds = known ? config.cache->find(cache_key(option)) : std::nullopt)
        option.candidate.seconds = *seconds;
      else
        known = false;
    const double spent = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    if (known) {
      report.from_cache += static_cast<int>(work.options.size());
    } else if (config.time_budget > 0 && spent > config.time_budget) {
      for (CudaOption& option : work.options) option.candidate.seconds = 0;
      report.notes.push_back("the time budget ran out; '" + work.problem.node->name + "' was chosen by estimate");
      continue;
    } else {
      for (CudaOption& option : work.options) {
        option.candidate.seconds = 0;
        for (const cuda::Launch& launch : option.job.launches) {
          VIVACE_ASSIGN(std::shared_ptr<cuda::Kernel> kernel,
                        cuda::Kernel::load(gpu, images.at(cuda::image_key(launch, target.gpu->architecture())),
                                           launch.name, launch.shared_bytes, launch.cluster));
          option.kernels.push_back(std::move(kernel));
        }
      }
      if (const Status status = time_on_gpu(work.problem, work.options, gpu, target.host, kSeconds[config.effort]);
          !status.ok())
        return status.within(work.problem.node->describe());
      report.timed += static_cast<int>(work.options.size());
      for (CudaOption& option : work.options) {
        option.kernels.clear();
        if (!config.cache || option.candidate.seconds <= 0) continue;
        config.cache->put(cache_key(option), option.candidate.seconds);
        option.candidate.seconds = *config.cache->find(cache_key(option));  // as the next build will find it
      }
    }
    std::stable_sort(work.options.begin(), work.options.end(), [](const CudaOption& a, const CudaOption& b) {
      const auto cost = [](const CudaOption& o) { return o.candidate.refused.empty() ? o.candidate.seconds : 1e9; };
      return cost(a) < cost(b);
    });
    if (!work.options[0].candidate.refused.empty())
      return {Code::internal, work.problem.node->describe() + ": every kernel is wrong: " +
                                  work.options[0].candidate.tactic + ": " + work.options[0].candidate.refused};
  }
  return {};
}

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

}  // namespace

Result<plan::Program> make_cuda_program(std::shared_ptr<ir::Graph> graph, const std::vector<Shape>& shapes,
                                        const BuildConfig& config, const cuda::Target& target, Report& report) {
  plan::Program program;
  program.graph = graph;
  VIVACE_ASSIGN(const cpu::ConcreteGraph at, cpu::concretize(*graph, shapes));
  const std::vector<ir::Node*> nodes = graph->node_list();
  const bool timed = config.effort > 0 && target.gpu->ordinal >= 0;
  std::map<std::string, Work> works;  // by the problem's key
  std::vector<std::string> keys(nodes.size());
  for (size_t i = 0; i < nodes.size(); ++i) {
    const ir::Node& node = *nodes[i];
    if (cpu::has_subgraph(node) || at.settled(node) || !at.concrete(node) || cpu::is_alias(node)) continue;
    const cuda::Problem problem = cpu::problem_of(node, at);
    // A rule that names the node makes it a problem of its own.
    const std::string forced = forced_for(node, config);
    keys[i] = problem.key() + (forced.empty() ? "" : " " + forced);
    if (works.contains(keys[i])) continue;
    VIVACE_ASSIGN(works[keys[i]], list_options(node, problem, config, *target.gpu, timed ? kTimed[config.effort] : 1));
  }
  using Images = std::map<std::string, std::string>;
  VIVACE_ASSIGN(const Images images, compile_all(works, config, target));
  if (timed) VIVACE_TRY(time_all(works, images, config, target, report));
  std::map<std::string, Tensor> packed;
  for (size_t i = 0; i < nodes.size(); ++i) {
    const ir::Node& node = *nodes[i];
    LayerReport layer;
    layer.name = node.name.empty() ? node.output()->name : node.name;
    layer.op = node.op;
    layer.view = at.settled(node) || cpu::is_alias(node);
    plan::Choice choice;
    choice.tactic = cuda::kHost;
    for (const auto& [name, attribute] : node.attributes)
      if (const auto* body = std::get_if<std::shared_ptr<ir::Graph>>(&attribute))
        program.bodies[{i, name}] = host_program(*body);
    if (!at.settled(node) && cpu::is_known_late(node, at)) {
      layer.fallback = true;
      report.notes.push_back("'" + layer.name + "' (" + node.op + ") runs on the CPU: " +
                             (cpu::has_subgraph(node) ? "it is control flow" : "its shapes depend on data"));
    }
    if (!keys[i].empty()) {
      const Work& work = works[keys[i]];
      layer.shapes = shapes_text(work.problem);
      for (const CudaOption& option : work.options) layer.candidates.push_back(option.candidate);
      layer.candidates.insert(layer.candidates.end(), work.refused.begin(), work.refused.end());
      if (work.options.empty()) {
        layer.fallback = true;
        std::string why;
        for (const Candidate& c : work.refused) why += (why.empty() ? " (" : "; ") + c.tactic + ": " + c.refused;
        report.notes.push_back("'" + layer.name + "' (" + node.op + ") runs on the CPU" + why +
                               (why.empty() ? "" : ")"));
        layer.candidates.insert(layer.candidates.begin(), {std::string(cuda::kHost), "", "", 0, 0, -1});
      } else {
        const CudaOption& best = work.options[0];
        choice.tactic = best.tactic->name;
        choice.version = best.tactic->version;
        choice.configuration = best.configuration;
        choice.seconds = best.candidate.seconds > 0 ? best.candidate.seconds : best.candidate.estimate;
        choice.packed = best.packed;
        // Constants that a tactic packs are the node's own, and another node with the same problem has others.
        if (best.tactic->prepare) {
          VIVACE_ASSIGN(choice.packed,
                        best.tactic->prepare(cpu::problem_of(node, at), choice.configuration, *target.gpu));
        }
        for (const cuda::Launch& launch : best.job.launches) {
          const std::string key = cuda::image_key(launch, target.gpu->architecture());
          Tensor& image = packed[key];
          if (!image.valid()) image = cuda::pack_image(key, images.at(key));
          choice.packed.push_back(image);
        }
        layer.seconds = choice.seconds;
      }
    }
    report.layers.push_back(std::move(layer));
    program.choices.push_back(std::move(choice));
  }
  return program;
}

}  // namespace vivace::builder
