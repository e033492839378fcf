#include "backends/cuda/target.h"

#include "backends/cpu/executor.h"
#include "backends/cuda/executor.h"

namespace vivace::cuda {

Result<Target> find_target(const std::string& name, int threads) {
  Target target{cpu::this_machine(threads), std::nullopt};
  if (name.empty() || name == "cpu") return target;
  VIVACE_ASSIGN(target.gpu, find_device(name));
  return target;
}

Result<std::shared_ptr<const backends::Executor>> create_executor(plan::Program program, const Target& target) {
  if (target.gpu) {
    VIVACE_ASSIGN(std::shared_ptr<const backends::Executor> made,
                  Executor::create(std::move(program), *target.gpu, target.host));
    return made;
  }
  VIVACE_ASSIGN(std::shared_ptr<const backends::Executor> made, cpu::Executor::create(std::move(program), target.host));
  return made;
}

}  // namespace vivace::cuda
