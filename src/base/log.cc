#include "base/log.h"

#include <atomic>
#include <mutex>

namespace vivace {

namespace {
std::mutex mutex;
LogSink& sink() {
  static LogSink installed;
  return installed;
}
std::atomic<int> limit{-1};
}  // namespace

void set_log_sink(LogSink installed, Severity most_verbose) {
  const std::lock_guard lock(mutex);
  limit = installed ? static_cast<int>(most_verbose) : -1;
  sink() = std::move(installed);
}

bool log_enabled(Severity severity) { return static_cast<int>(severity) <= limit.load(std::memory_order_relaxed); }

void log(Severity severity, const std::string& message) {
  if (!log_enabled(severity)) return;
  const std::lock_guard lock(mutex);
  if (sink()) sink()(severity, message);
}

}  // namespace vivace
