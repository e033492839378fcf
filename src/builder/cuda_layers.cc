#include "builder/cuda_layers.h"

#include "backends/cpu/executor.h"
#include "backends/cuda/lower.h"
#include "builder/cuda_work.h"
#include "builder/forced.h"
#include "builder/timing.h"
#include "passes/precision.h"

namespace vivace::builder {

Status list_cuda_layers(const ir::Graph& portable, const std::vector<Shape>& shapes, const BuildConfig& config,
                        const cuda::Target& target, Report& report) {
  const std::unique_ptr<ir::Graph> graph = portable.clone();
  const DType type = storage_of(config.precision);
  if (type != DType::f32) VIVACE_TRY(passes::lower_precision(*graph, type).status());
  VIVACE_TRY(cuda::lower(*graph, type, config.precision == Precision::tf32));
  VIVACE_ASSIGN(const cpu::ConcreteGraph at, cpu::concretize(*graph, shapes));
  const ForcedTactics forced(config.forced_tactics);
  const RecordedTimes recorded = RecordedTimes::of(*target.gpu);
  for (const auto& node : graph->nodes()) {
    LayerReport layer;
    layer.name = node->name.empty() ? node->output()->name : node->name;
    layer.op = node->op;
    layer.view = at.settled(*node) || cpu::is_alias(*node);
    if (!layer.view && cpu::is_known_late(*node, at)) {
      layer.fallback = true;
    } else if (!layer.view) {
      const cuda::Problem problem = cpu::problem_of(*node, at);
      VIVACE_ASSIGN(const CudaWork work,
                    list_work(*node, problem, forced.find(*node), config, *target.gpu, recorded, /*most=*/1));
      layer.shapes = shapes_text(problem);
      layer.fallback = work.options.empty();
      if (!layer.fallback) layer.seconds = work.seconds();
      for (const CudaOption& option : work.options) layer.candidates.push_back(option.candidate);
      layer.candidates.insert(layer.candidates.end(), work.refused.begin(), work.refused.end());
    }
    report.layers.push_back(std::move(layer));
  }
  return {};
}

}  // namespace vivace::builder
