#include "backends/common/executor.h"

namespace vivace::backends {

Instance::~Instance() = default;
Session::~Session() = default;
Executor::~Executor() = default;

std::vector<ProgramStep> steps_of(const plan::Program& program) {
  std::vector<ProgramStep> steps;
  size_t i = 0;
  for (const auto& node : program.graph->nodes()) steps.push_back({node.get(), &program.choices[i++]});
  for (const auto& [where, body] : program.bodies) {
    const std::vector<ProgramStep> inner = steps_of(body);
    steps.insert(steps.end(), inner.begin(), inner.end());
  }
  return steps;
}

namespace {
Status needs_device(const char* what) {
  return {Code::unsupported, std::string(what) +
                                 " needs a GPU, and this engine runs on the CPU; use run(), or load it "
                                 "for device cuda"};
}
}  // namespace

Status Session::enqueue(const Instance&, const std::vector<DeviceBuffer>&, const std::vector<DeviceBuffer>&, void*) {
  return needs_device("a run on a stream");
}

Result<DeviceTimes> Session::time(const Instance&, const std::vector<TensorView>&, int, bool) {
  return needs_device("timing by events of the device");
}

}  // namespace vivace::backends
