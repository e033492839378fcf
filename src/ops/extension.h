// Nodes whose meaning another room supplies: operator vivace.Extension, with an attribute `kind` that names the room's
// inference and kernel.
#pragma once

#include <string>

#include "ops/operator.h"

namespace vivace::ops {

struct Extension {
  Infer infer;
  Reference run;
};

/// Gives a meaning to nodes of that kind, for the whole process. Thread-safe.
void register_extension(const std::string& kind, Extension extension);

}  // namespace vivace::ops
