// Several kernels as one.
#pragma once

#include <span>

#include "backends/cuda/tactic.h"

namespace vivace::cuda {

/// A launch whose blocks do what those of all `launches` do, which need nothing of each other: one launch's blocks
/// after another's. Its parameters are theirs in order; its own `arguments` stay empty.
///
/// Each text becomes a namespace whose kernel is a function that the one kernel calls, and in it blockIdx, gridDim and
/// blockDim are those of its own launch. Where blocks differ in size, threads beyond a launch's own end at once, which
/// barriers of a whole block allow; kernels without clusters run in those of others, whose blocks all are theirs.
/// unsupported where launches do not fit together.
Result<Launch> together(std::span<const Launch* const> launches);

}  // namespace vivace::cuda
