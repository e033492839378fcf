// A product of matrices whose elements are expressions: convolutions over moved samples, sums over labelled axes.
#pragma once

#include "backends/cuda/rows/rows.h"

namespace vivace::cuda {

/// For each batch, the sums over k of a * b for all m and n. Expressions may name `batch`, `m`, `n`, `k` (int) and the
/// kernel's parameters; W is the type of sums, which the text before defines.
struct TileProduct {
  int64_t batch = 1, m = 1, n = 1, k = 1;
  std::string a = {}, b = {};   // of type W; `a` knows no n, `b` no m
  bool a_along_k = true;        // neighbours of `a` in memory are those along k, not m
  bool b_along_k = false;       // of `b`: along k, not n
  std::string give = {};        // a statement that keeps `sum`
  std::string parameters = {};  // of the kernel
};

/// The kernel `name`, behind `source`; its arguments are left to the caller.
Launch tile_product(const char* name, const TileProduct& p, Source source);

}  // namespace vivace::cuda
