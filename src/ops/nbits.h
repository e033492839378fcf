// MatMulNBits: a product whose weights are integers of a few bits, in blocks.
#pragma once

#include "ops/operator.h"

namespace vivace::ops {

/// Its attributes.
struct NbitsSizes {
  int64_t n, k, bits, block;
  explicit NbitsSizes(const ir::Attributes& attributes)
      : n(attributes.integer("N")),
        k(attributes.integer("K")),
        bits(attributes.integer("bits", 4)),
        block(attributes.integer("block_size")) {}
  int64_t blocks() const { return (k + block - 1) / block; }
  int64_t row_bytes() const { return blocks() * block * bits / 8; }  // of weights
  int64_t zero_bytes() const { return (blocks() * bits + 7) / 8; }   // of packed zero points
};

}  // namespace vivace::ops
