// Work in many short stages that follow one another, as the steps of a recurrent network, in one loop of a pool.
#pragma once

#include "base/threads.h"

namespace vivace {

struct Stages {
  int64_t lines = 1;   // independent of each other, kMaxLines at most
  int64_t stages = 0;  // of each line, one after another
  int64_t blocks = 0;  // of each stage, in any order
  /// Stages i and i + period read the same memory: every other time a thread takes its blocks backwards, so that it
  /// begins with those that its cache still holds.
  int64_t period = 1;
  static constexpr int64_t kMaxLines = 2;
};

/// Calls body(line, stage, block) once for each; a stage of a line begins when all blocks of the one before are done.
/// `threads` of the pool take part at most, each with the same blocks in all stages as long as it is not late; lines
/// are spread over them. Nobody waits for a thread that has not come: the others do its blocks, so that this ends as
/// well inside another loop of the pool.
void run_stages(ThreadPool& pool, int threads, const Stages& work,
                FunctionRef<void(int64_t line, int64_t stage, int64_t block)> body);

}  // namespace vivace
