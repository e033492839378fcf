// A row-major tensor as sets of elements: what is summed together by reductions and normalizations.
#pragma once

#include <string>
#include <vector>

#include "base/tensor.h"

namespace vivace::cuda {

/// Dimensions with their strides, neighbours that one stride covers merged.
struct Dims {
  std::vector<int64_t> sizes, strides;
  int64_t count() const { return elements(sizes); }
  /// The offset of index `i`, as an expression.
  std::string offset(const std::string& i) const;
};

/// Set `s` begins at kept.offset(s), its elements lie at reduced.offset(i) from there.
struct Sets {
  Dims kept, reduced;
  bool columns = false;  // neighbours in memory are of different sets
  int width = 1;         // so many neighbours, from a multiple of it on, are of one set, or of as many sets
};

/// @param reduced for each dimension, whether it runs within a set
/// @param width   at most so many, a power of two
Sets sets_of(const Shape& shape, const std::vector<bool>& reduced, int width);

/// The least power of two that is not below n.
int64_t power_above(int64_t n);

/// Threads for sets that lie as columns: so many groups of `width` neighbouring columns side by side (a power of two up
/// to 32, a sector of memory or more), rows of them up to a block of 256, of 1024 where blocks are few.
struct ColumnThreads {
  int columns, block;
};
ColumnThreads column_threads(int64_t groups, int64_t size, int64_t bytes_of_group);

/// What fills a large GPU, where the work can be split further.
constexpr int64_t kFillingBlocks = 128, kFillingThreads = 1 << 15;

/// Elements that indices of kernels reach, with those of the last block's idle threads.
constexpr int64_t kMostElements = INT32_MAX - (1 << 16);

}  // namespace vivace::cuda
