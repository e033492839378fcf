// Large batches: layers that work on each sample alone run sample by sample.
//
// Layer by layer, a large batch passes through memory as often as there are layers. Where one sample's images fit a
// core's cache and outweigh the weights, it is faster to take a sample through many layers, every thread with samples
// of its own, and to read the weights again for each.
#pragma once

#include "backends/cpu/machine.h"
#include "ir/graph.h"

namespace vivace::cpu {

/// The size of the batch, if the node works on each sample of it alone (along the outermost axis of all its inputs but
/// constants, and of all its outputs), and all its shapes are known; otherwise 0.
int64_t batch_of(const ir::Node& node);

/// Nodes [begin, end) in the graph's order, `samples` of `batch` at a time.
struct SampleRegion {
  size_t begin = 0, end = 0;
  int64_t batch = 0, samples = 0;
  double gain = 0;  // estimated: bytes from beyond a core's cache that are saved
};
/// The region that gains most; empty where none gains anything worth while.
SampleRegion best_region(const ir::Graph& graph, const Machine& machine);

/// Puts one vivace.ForSamples in the place of these nodes.
Status outline(ir::Graph& graph, const SampleRegion& region);

/// Does so with all regions that gain something. For a graph with types, before layouts are chosen.
Status outline_samples(ir::Graph& graph, const Machine& machine);

}  // namespace vivace::cpu
