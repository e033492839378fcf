// What rows that move elements share.
#pragma once

#include "backends/cuda/rows/rows.h"

namespace vivace::cuda {

/// An unsigned type of 1, 2, 4 or 8 bytes, `uint4` for 16; nullptr: there is none.
const char* unsigned_name(int bytes);

/// Bytes of an element, 0 where these are not whole (or strings).
int element_bytes(const TensorInfo& tensor);

/// `T`, an element of 2 or 4 bytes, and `Eight` of them, which lie at a multiple of 16 bytes.
std::string eight_of(int bytes);

/// Row-major, elements of 1, 2, 4, 8 or 16 bytes, fewer than 2^31 of them.
Verdict movable(const TensorInfo& tensor);

/// `Verdict` of the first of all inputs and outputs that is not movable.
Verdict all_movable(const Problem& p);

}  // namespace vivace::cuda
