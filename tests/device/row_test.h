// One row on all cases: compile, run, compare. Tells what happens as lines for the process that started it.
#pragma once

#include <span>
#include <string>

#include "backends/cuda/tactic.h"

namespace vivace::cuda {

struct RowOptions {
  Device device;
  bool compile_only = false;
  bool every_configuration = false;  // not only some of each problem
  bool small = false;                // only problems of few operations
  size_t from = 0;                   // the first of the row's runs; those before are done
  std::string folder;                // where compiled kernels are kept
  int threads = 1;
};

/// Writes to the standard output, of run number N:
///     run N TYPE KEY          begins (or "compile N")
///     pass ERROR | fail WHY
/// and returns 0, or kUnusable after a "fail" that has made the GPU unusable to this process.
int test_row(const Tactic& row, std::span<const char* const> cases, const RowOptions& options);
constexpr int kUnusable = 3;

}  // namespace vivace::cuda
