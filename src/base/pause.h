// For loops that wait for another thread.
#pragma once

namespace vivace {

/// Lets the core rest for some ten nanoseconds.
inline void pause_core() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

}  // namespace vivace
