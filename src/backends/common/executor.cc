#include "backends/common/executor.h"

namespace vivace::backends {

Instance::~Instance() = default;
Session::~Session() = default;
Executor::~Executor() = default;

}  // namespace vivace::backends
