#include "builder/cuda_program.h"

#include <algorithm>

#include "backends/cpu/executor.h"
#include "backends/cuda/compiler.h"
#include "backends/cuda/image.h"
#include "builder/timing.h"

namespace vivace::builder {

namespace {

struct Chosen {
  const cuda::Tactic* tactic = nullptr;  // nullptr: the CPU
  std::string configuration;
  std::vector<cuda::Launch> launches;
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

// The tactic with the least estimate; `layer` tells about all.
Result<Chosen> choose(const ir::Node& node, const cuda::Problem& problem, const BuildConfig& config,
                      const cuda::Device& gpu, LayerReport& layer) {
  Chosen best;
  const std::string forced = forced_for(node, config);
  const auto& disabled = config.disabled_tactics;
  std::vector<Candidate> refused;
  for (const cuda::Tactic* tactic : cuda::all_tactics()) {
    if (!tactic->runs(node.op)) continue;
    std::string reason;
    if (!forced.empty() && forced != tactic->name) reason = "'" + forced + "' was asked for";
    if (std::find(disabled.begin(), disabled.end(), tactic->name) != disabled.end()) reason = "disabled";
    if (reason.empty()) reason = tactic->supports(problem, gpu).reason;
    if (!reason.empty()) {
      refused.push_back({std::string(tactic->name), "", std::move(reason), 0, 0, -1});
      continue;
    }
    for (const std::string& configuration :
         tactic->configurations ? tactic->configurations(problem, gpu) : std::vector<std::string>{""}) {
      Candidate candidate{std::string(tactic->name), configuration, "", 0, 0, -1};
      candidate.estimate = tactic->estimate(problem, configuration, gpu);
      if (!best.tactic || candidate.estimate < layer.seconds) {
        best = {tactic, configuration, {}};
        layer.seconds = candidate.estimate;
      }
      layer.candidates.push_back(std::move(candidate));
    }
  }
  if (!best.tactic && !forced.empty() && forced != cuda::kHost)
    return Status(Code::unsupported, node.describe() + ": tactic '" + forced + "' cannot run it" +
                                         (refused.empty() ? "" : ": " + refused[0].refused));
  std::stable_sort(layer.candidates.begin(), layer.candidates.end(),
                   [](const Candidate& a, const Candidate& b) { return a.estimate < b.estimate; });
  layer.candidates.insert(layer.candidates.end(), refused.begin(), refused.end());
  if (!best.tactic) {
    layer.fallback = true;
    layer.candidates.insert(layer.candidates.begin(), {std::string(cuda::kHost), "", "", 0, 0, -1});
    return best;
  }
  VIVACE_ASSIGN(cuda::Job job, best.tactic->generate(problem, best.configuration, gpu));
  best.launches = std::move(job.launches);
  return best;
}

// Machine code by key: every distinct kernel once, on all threads.
Result<std::map<std::string, Tensor>> compile_all(const std::vector<Chosen>& chosen, const BuildConfig& config,
                                                  const cuda::Target& target) {
  const std::string architecture = target.gpu->architecture();
  std::map<std::string, Tensor> images;
  std::map<std::string, const cuda::Launch*> wanted;
  for (const Chosen& c : chosen)
    for (const cuda::Launch& launch : c.launches) wanted[cuda::image_key(launch, architecture)] = &launch;
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
    images[list[i].first] = cuda::pack_image(list[i].first, *made[i]);
  }
  return images;
}

}  // namespace

Result<plan::Program> make_cuda_program(std::shared_ptr<ir::Graph> graph, const std::vector<Shape>& shapes,
                                        const BuildConfig& config, const cuda::Target& target, Report& report) {
  plan::Program program;
  program.graph = graph;
  VIVACE_ASSIGN(const cpu::ConcreteGraph at, cpu::concretize(*graph, shapes));
  const std::vector<ir::Node*> nodes = graph->node_list();
  std::vector<Chosen> chosen(nodes.size());
  for (size_t i = 0; i < nodes.size(); ++i) {
    const ir::Node& node = *nodes[i];
    if (cpu::has_subgraph(node))
      return Status(Code::unsupported,
                    node.describe() + ": control flow does not run on the GPU yet; build for device cpu");
    LayerReport layer;
    layer.name = node.name.empty() ? node.output()->name : node.name;
    layer.op = node.op;
    layer.view = at.settled(node) || cpu::is_alias(node);
    if (!at.settled(node) && at.concrete(node)) {
      const cuda::Problem problem = cpu::problem_of(node, at);
      layer.shapes = shapes_text(problem);
      if (!cpu::is_alias(node)) {
        VIVACE_ASSIGN(chosen[i], choose(node, problem, config, *target.gpu, layer));
      }
    }
    if (layer.fallback) {
      std::string why;
      for (const Candidate& c : layer.candidates)
        if (!c.refused.empty()) why += (why.empty() ? " (" : "; ") + c.tactic + ": " + c.refused;
      report.notes.push_back("'" + layer.name + "' (" + node.op + ") runs on the CPU" + why + (why.empty() ? "" : ")"));
    }
    report.layers.push_back(std::move(layer));
  }
  using Images = std::map<std::string, Tensor>;
  VIVACE_ASSIGN(const Images images, compile_all(chosen, config, target));
  for (size_t i = 0; i < nodes.size(); ++i) {
    plan::Choice choice;
    choice.tactic = cuda::kHost;
    if (chosen[i].tactic) {
      choice.tactic = chosen[i].tactic->name;
      choice.version = chosen[i].tactic->version;
      choice.configuration = chosen[i].configuration;
      choice.seconds = report.layers[i].seconds;
      if (chosen[i].tactic->prepare) {
        VIVACE_ASSIGN(choice.packed,
                      chosen[i].tactic->prepare(cpu::problem_of(*nodes[i], at), choice.configuration, *target.gpu));
      }
      for (const cuda::Launch& launch : chosen[i].launches)
        choice.packed.push_back(images.at(cuda::image_key(launch, target.gpu->architecture())));
    }
    program.choices.push_back(std::move(choice));
  }
  return program;
}

}  // namespace vivace::builder
