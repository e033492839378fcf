// Attention on the parts of a Split.
#pragma once

#include "ir/graph.h"

namespace vivace::cuda {

/// Attention whose Q, K or V are columns that a Split cuts out of a wider tensor reads them there: it becomes
/// vivace.PackedAttention, and a Split that nothing else uses is gone. Changes `graph` in place.
void pack_attention(ir::Graph& graph);

}  // namespace vivace::cuda
