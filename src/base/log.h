// Where the library says things: a callback of the program's. The library itself never prints.
#pragma once

#include <functional>
#include <string>

namespace vivace {

enum class Severity { error, warning, info, verbose };

using LogSink = std::function<void(Severity, const std::string& message)>;

/// Replaces the process-wide sink; an empty one (the start) drops everything. Thread-safe.
void set_log_sink(LogSink sink, Severity most_verbose);
bool log_enabled(Severity severity);
void log(Severity severity, const std::string& message);

}  // namespace vivace
