// What trtexec prints: lines as TensorRT's tools write them, "[11/21/2026-12:45:49] [I] text".
#pragma once

#include <fmt/core.h>

#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>

#include "NvInferRuntime.h"

namespace trtexec {

/// Ends the run with FAILED; the message says why.
struct Failure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Information goes to standard output, warnings and errors to standard error. Any thread may print.
class Log : public nvinfer1::ILogger {
 public:
  /// Messages of the library.
  void log(Severity severity, nvinfer1::AsciiChar const* message) noexcept override;
  /// `text` may have several lines; each gets the prefix.
  void print(Severity severity, std::string_view text);

  template <class... A>
  void info(fmt::format_string<A...> form, A&&... values) {
    print(Severity::kINFO, fmt::format(form, std::forward<A>(values)...));
  }
  template <class... A>
  void warning(fmt::format_string<A...> form, A&&... values) {
    print(Severity::kWARNING, fmt::format(form, std::forward<A>(values)...));
  }
  template <class... A>
  void error(fmt::format_string<A...> form, A&&... values) {
    print(Severity::kERROR, fmt::format(form, std::forward<A>(values)...));
  }

  /// The line that scripts look for: "&&&& PASSED TensorRT.trtexec [TensorRT v8601] # command line".
  void verdict(std::string_view word, const std::string& command);

  bool verbose = false;

 private:
  std::mutex mutex_;
};

}  // namespace trtexec
