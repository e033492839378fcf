#include "log.h"

#include <cstdio>
#include <ctime>

#include "NvInferVersion.h"

#ifndef NV_TENSORRT_VERSION
#error "NvInferVersion.h does not define NV_TENSORRT_VERSION"
#endif

namespace trtexec {

namespace {

std::string prefix(nvinfer1::ILogger::Severity severity) {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  localtime_r(&now, &parts);
  char text[40];
  std::strftime(text, sizeof text, "[%m/%d/%Y-%H:%M:%S]", &parts);
  return fmt::format("{} [{}] ", text, "FEWIV"[static_cast<int>(severity)]);
}

}  // namespace

void Log::log(Severity severity, nvinfer1::AsciiChar const* message) noexcept {
  try {
    print(severity, fmt::format("[TRT] {}", message ? message : ""));
  } catch (...) {  // a message that cannot be printed is lost
  }
}

void Log::print(Severity severity, std::string_view text) {
  if (severity == Severity::kVERBOSE && !verbose) return;
  std::FILE* out = severity >= Severity::kINFO ? stdout : stderr;
  const std::string start = prefix(severity);
  std::string lines;
  while (true) {
    const size_t end = text.find('\n');
    lines.append(start).append(text.substr(0, end)).push_back('\n');
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  const std::lock_guard lock(mutex_);
  std::fwrite(lines.data(), 1, lines.size(), out);
  std::fflush(out);
}

void Log::verdict(std::string_view word, const std::string& command) {
  const std::string line =
      fmt::format("&&&& {} TensorRT.trtexec [TensorRT v{}] # {}\n", word, NV_TENSORRT_VERSION, command);
  const std::lock_guard lock(mutex_);
  std::fwrite(line.data(), 1, line.size(), stdout);
  std::fflush(stdout);
}

}  // namespace trtexec
