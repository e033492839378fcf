// What an Einsum asks for.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "ops/infer.h"

namespace vivace::ops {

struct EinsumAxes {
  using Label = int;  // a letter; those of an ellipsis are numbers beyond, counted from its last axis

  std::map<Label, ir::Dim> sizes;
  std::vector<std::vector<Label>> inputs;  // of each; a label that repeats runs along the diagonal
  std::vector<Label> output;

  /// The axes that the product of so many operands, from the left, has: a label is summed over as soon as nothing later
  /// needs it.
  std::vector<Label> kept(size_t operands) const;
};
/// Nothing where the rank of an input is unknown; an error where the equation makes no sense or the shapes do not fit.
Result<std::optional<EinsumAxes>> einsum_axes(const Inference& in);

}  // namespace vivace::ops
