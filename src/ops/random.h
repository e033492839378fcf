// Numbers drawn at random.
#pragma once

#include <optional>
#include <random>

#include "ir/graph.h"

namespace vivace::ops {

/// Whether each run of the node, or of one in its subgraphs, makes other values: it is never computed beforehand, nor
/// shared with a node like it.
bool draws_numbers(const ir::Node& node);

/// The node's attribute `seed`; nullopt without it, or where it is no number.
std::optional<uint32_t> seed_of(const ir::Attributes& attributes);

/// The Mersenne Twister, and what NumPy's RandomState makes of it: nodes with a seed give the numbers that it gives,
/// on every machine.
class RandomNumbers {
 public:
  /// By seed_of(); without a seed otherwise each time.
  explicit RandomNumbers(const ir::Attributes& attributes);

  /// In [0, 1), of 53 bits.
  double uniform();
  /// Of mean 0 and deviation 1, by Marsaglia's polar method, which makes two at a time.
  double normal();

 private:
  std::mt19937 engine_;
  std::optional<double> spare_;
};

}  // namespace vivace::ops
