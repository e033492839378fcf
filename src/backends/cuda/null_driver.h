// A driver without a GPU: memory is the host's, copies copy, launches do nothing. It runs a program's schedule, so that
// allocation, copies and fallbacks are tested where there is no GPU.
#pragma once

#include "backends/cuda/driver.h"

namespace vivace::cuda {

const Driver& null_driver();

}  // namespace vivace::cuda
