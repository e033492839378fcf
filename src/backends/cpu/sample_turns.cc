#include "backends/cpu/sample_turns.h"

#include <algorithm>

#include "ops/samples.h"

namespace vivace::cpu {

// What one thread works with.
struct SampleTurns::Lane {
  std::unique_ptr<backends::Session> session;
  std::vector<double> seconds;  // by node of the body
  Status status;
};

Result<std::shared_ptr<const SampleTurns>> SampleTurns::make(const ir::Node& node, const ConcreteGraph& at,
                                                             std::shared_ptr<const backends::Executor> body,
                                                             int threads) {
  auto made = std::make_shared<SampleTurns>();
  made->samples_ = ops::samples_of_turn(node);
  const auto view = [&](const ir::Value* v) { return TensorView{at.type(v)->dtype, *at.type(v)->shape(), nullptr}; };
  std::vector<Shape> parts;
  for (const ir::Value* v : node.inputs()) {
    made->inputs_.push_back(view(v));
    parts.push_back(ops::samples_of(made->inputs_.back(), 0, made->samples_).shape);
  }
  for (const ir::Value* v : node.outputs()) made->outputs_.push_back(view(v));
  made->turns_ = made->inputs_[0].shape[0] / made->samples_;
  VIVACE_ASSIGN(made->instance_, body->instance(parts));
  const size_t bytes = body->memory_use(*made->instance_).arena_bytes;
  made->lane_bytes_ = (bytes + kAlignment - 1) / kAlignment * kAlignment;
  made->threads_ = threads;
  made->body_ = std::move(body);
  return std::shared_ptr<const SampleTurns>(std::move(made));
}

Status SampleTurns::run(const Launch& launch, std::vector<double>* seconds) const {
  std::vector<Lane> lanes(static_cast<size_t>(threads_));
  const backends::Executor& body = *body_;
  const auto turn = [&](int64_t begin, Lane& lane, std::byte* memory) -> Status {
    if (!lane.session) {
      VIVACE_ASSIGN(lane.session, body.session(1));
      VIVACE_TRY(lane.session->lend(memory, lane_bytes_));
      lane.seconds.resize(body.program().choices.size());
    }
    std::vector<TensorView> inputs;
    for (size_t i = 0; i < inputs_.size(); ++i) {
      inputs.push_back(inputs_[i]);
      inputs.back().data = launch.inputs[i];
      inputs.back() = ops::samples_of(inputs.back(), begin, samples_);
    }
    std::vector<Tensor> outputs;
    for (size_t i = 0; i < outputs_.size(); ++i) {
      TensorView whole = outputs_[i];
      whole.data = launch.outputs[i];
      const TensorView part = ops::samples_of(whole, begin, samples_);
      outputs.push_back(part.data ? Tensor::wrap(part.type, part.shape, part.data, nullptr) : Tensor());
    }
    if (!seconds) return lane.session->run(*instance_, inputs, outputs);
    return lane.session->run(*instance_, inputs, outputs,
                             [&](size_t node, double took) { lane.seconds[node] += took; });
  };
  launch.pool.run(turns_, [&](int64_t task, int thread) {
    Lane& lane = lanes[static_cast<size_t>(thread)];
    if (!lane.status.ok()) return;
    std::byte* memory = static_cast<std::byte*>(launch.workspace) + lane_bytes_ * static_cast<size_t>(thread);
    lane.status = turn(task * samples_, lane, memory);
  });
  const auto used = std::count_if(lanes.begin(), lanes.end(), [](const Lane& lane) { return lane.session != nullptr; });
  if (seconds) seconds->assign(body.program().choices.size(), 0);
  for (const Lane& lane : lanes) {
    VIVACE_TRY(lane.status);
    for (size_t i = 0; seconds && i < lane.seconds.size(); ++i)
      (*seconds)[i] += lane.seconds[i] / static_cast<double>(used);
  }
  return {};
}

}  // namespace vivace::cpu
