// A driver without a GPU: memory is the host's, copies copy, launches do nothing. It runs a program's schedule, so that
// allocation, copies and fallbacks are tested where there is no GPU.
#pragma once

#include <string_view>

#include "backends/cuda/driver.h"

namespace vivace::cuda {

const Driver& null_driver();

/// From now on the null device refuses calls of `function` ("cuMemAlloc_v2") in this thread with `error`, after it has
/// let pass so many; an empty name ends that.
void fail_null_driver(std::string_view function, int passing = 0, Error error = kErrorOutOfMemory);

}  // namespace vivace::cuda
