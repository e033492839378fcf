// Starts the tasks of a kernel. Tasks follow from the problem alone, never from the number of threads, so that results
// are the same bits for any pool.
#pragma once

#include "base/threads.h"

namespace vivace::cpu::VIVACE_ISA {

// Waking the pool pays from here on.
constexpr double kWorthThreads = 20000;  // ns

/// Runs body(task, thread) for each task; on the caller alone where the pool is null or the whole work is small.
template <class Body>
inline void launch(ThreadPool* pool, int64_t tasks, double nanoseconds, Body&& body) {
  if (pool && tasks > 1 && nanoseconds > kWorthThreads) return pool->run(tasks, body);
  for (int64_t task = 0; task < tasks; ++task) body(task, 0);
}

// Not from <algorithm>: the linker keeps one copy of an inline function, which may be one of another instruction set.
template <class T>
inline T smaller(T a, T b) {
  return b < a ? b : a;
}
template <class T>
inline T larger(T a, T b) {
  return a < b ? b : a;
}
inline int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
inline int64_t round_up(int64_t a, int64_t b) { return ceil_div(a, b) * b; }
/// Part i of n things split into `parts` as evenly as can be.
struct Part {
  int64_t begin, count;
};
inline Part part(int64_t n, int64_t parts, int64_t i) {
  const int64_t size = n / parts, longer = n % parts;
  return {size * i + smaller(longer, i), size + (i < longer)};
}

}  // namespace vivace::cpu::VIVACE_ISA
