// Compiled kernels in a plan: a tensor of bytes, found again by what it was compiled from.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "backends/cuda/tactic.h"
#include "plan/plan.h"

namespace vivace::cuda {

/// The name under which the kernel's machine code is kept: equal for equal source and architecture.
std::string image_key(const Launch& launch, const std::string& architecture);

/// Machine code as a constant of a plan::Choice.
Tensor pack_image(const std::string& key, const std::string& code);

/// The machine code under this key among a choice's constants; empty where it is not there.
std::string find_image(const std::vector<Tensor>& packed, const std::string& key);

/// A choice's other constants: those that its tactic prepared.
std::vector<Tensor> without_images(const std::vector<Tensor>& packed);

}  // namespace vivace::cuda
