// Where each value of a concrete graph lives: which values share memory (views), and where the rest is in the arena.
#pragma once

#include <vector>

#include "backends/cpu/shapes.h"
#include "base/arena.h"

namespace vivace::cpu {

enum class Base : uint8_t { none, arena, constant, input, output, run };

/// An address known once the bases of a run are: base[index] + offset.
struct Place {
  Base base = Base::none;
  int index = 0;      // which input, output, constant (value id) or run-time tensor (value id)
  size_t offset = 0;  // bytes
};

struct Placement {
  std::vector<Place> places;  // by value id
  std::vector<bool> is_view;  // by node order: no kernel needs to run, the output is in place already
  std::vector<std::pair<int, const ir::Value*>> output_copies;  // outputs that live elsewhere and are copied at the end
  std::vector<size_t> workspaces;  // by node order: offset of the step's workspace in the arena
  size_t arena_bytes = 0;
  size_t largest_live = 0;
  std::vector<size_t> live;  // bytes alive at each node
};

/// Nodes that run at the same time, by node order: the first and the last one.
struct Moment {
  size_t first, last;
};

/// `workspace_bytes` by node order. Values that are not concrete get Base::run.
/// Reshapes, contiguous slices and splits share their input's memory; inputs of a contiguous concatenation are made
/// directly in its output; all that at multiples of `alignment` only, up to kAlignment. What nodes of one of `moments`
/// read, write and work in lives through all of it; moments do not overlap.
Placement place_values(const ir::Graph& graph, const ConcreteGraph& at, const std::vector<size_t>& workspace_bytes,
                       size_t alignment = 1, const std::vector<Moment>& moments = {});

}  // namespace vivace::cpu
