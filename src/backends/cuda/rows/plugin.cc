// Nodes that a plugin puts into the stream.
#include "backends/cpu/rows/plugin.h"

#include "backends/cuda/rows/rows.h"

namespace vivace::cuda {

namespace {

constexpr size_t kWorkspaceAlignment = 256;

class PluginCall final : public LibraryCall {
 public:
  PluginCall(std::shared_ptr<const ops::Operation> operation, ops::PlacedTensors tensors, int device)
      : operation_(std::move(operation)), tensors_(std::move(tensors)), device_(device) {}
  // Arguments: inputs, outputs, workspace.
  Status put(StreamHandle* stream, const std::vector<DevicePointer>& arguments) const override {
    ops::PlacedTensors at = tensors_;
    auto next = arguments.begin();
    for (auto* list : {&at.inputs, &at.outputs})
      for (ops::PlacedTensor& t : *list) t.view.data = reinterpret_cast<void*>(*next++);
    const DevicePointer workspace = (*next + kWorkspaceAlignment - 1) / kWorkspaceAlignment * kWorkspaceAlignment;
    return operation_->enqueue(at, reinterpret_cast<void*>(workspace), stream, device_);
  }

 private:
  std::shared_ptr<const ops::Operation> operation_;
  ops::PlacedTensors tensors_;
  int device_;
};

Verdict supports(const Problem& p, const Device&) { return cpu::open_plugin(p, ops::Where::gpu).verdict; }

Result<Job> generate(const Problem& p, const std::string&, const Device& device) {
  cpu::OpenedPlugin plugin = cpu::open_plugin(p, ops::Where::gpu);
  if (!plugin.verdict) return Status(Code::internal, p.node->describe() + ": " + plugin.verdict.reason);
  ops::PlacedTensors tensors = cpu::placed_tensors(p);
  Launch launch;
  launch.name = p.node->op;
  for (size_t i = 0; i < p.inputs.size(); ++i) launch.arguments.push_back(input(static_cast<int>(i)));
  for (size_t i = 0; i < p.outputs.size(); ++i) launch.arguments.push_back(output(static_cast<int>(i)));
  launch.arguments.push_back(workspace());
  VIVACE_ASSIGN(const size_t bytes, plugin.operation->workspace(ops::Where::gpu, tensors));
  launch.call = std::make_shared<PluginCall>(std::move(plugin.operation), std::move(tensors), device.ordinal);
  Job job;
  job.launches.push_back(std::move(launch));
  job.workspace = bytes ? bytes + kWorkspaceAlignment : 0;
  return job;
}

}  // namespace

extern const Tactic plugin_tactic{
    .name = "plugin",
    .version = 1,
    .operators = {},
    .supports = supports,
    .estimate = estimate_bytes,
    .generate = generate,
};

}  // namespace vivace::cuda
