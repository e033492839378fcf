// Errors, version, log, environment.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>

#include "api/handles.h"
#include "base/log.h"
#include "base/version.h"

namespace vivace::api {

namespace {

std::string& last_error() {
  thread_local std::string message;
  return message;
}

std::once_flag log_started;

}  // namespace

vivace_status fail(const Status& status) noexcept {
  try {
    last_error() = status.message();
  } catch (...) {
    last_error().clear();
  }
  return static_cast<vivace_status>(status.code());
}
static_assert(static_cast<int>(Code::internal) == VIVACE_INTERNAL && static_cast<int>(Code::io_error) == VIVACE_IO_ERROR);
static_assert(static_cast<int>(DType::i2) == VIVACE_I2 && static_cast<int>(Severity::verbose) == VIVACE_LOG_VERBOSE);

char* copy_text(const std::string& text) {
  auto* copy = static_cast<char*>(std::malloc(text.size() + 1));
  if (!copy) throw std::bad_alloc();
  std::memcpy(copy, text.c_str(), text.size() + 1);
  return copy;
}

Result<int> resolve_threads(int threads) {
  constexpr int kMost = 4096;
  if (threads < 0 || threads > kMost)
    return Status(Code::invalid_argument, "threads: " + std::to_string(threads) + " is not within 0 and " + std::to_string(kMost));
  const char* text = std::getenv("VIVACE_NUM_THREADS");
  if (threads > 0 || !text || !*text) return threads;
  char* end = nullptr;
  const long value = std::strtol(text, &end, 10);
  if (*end != 0 || value < 1 || value > kMost)
    return Status(Code::invalid_argument, "VIVACE_NUM_THREADS is '" + std::string(text) + "', not a number of threads");
  return static_cast<int>(value);
}

void start_log() {
  std::call_once(log_started, [] {
    const char* text = std::getenv("VIVACE_LOG");
    if (!text) return;
    static constexpr const char* kNames[] = {"error", "warning", "info", "verbose"};
    for (int i = 0; i < 4; ++i) {
      if (std::strcmp(text, kNames[i]) != 0) continue;
      set_log_sink([](Severity severity, const std::string& message) {
        std::fprintf(stderr, "vivace %s: %s\n", kNames[static_cast<int>(severity)], message.c_str());
      }, static_cast<Severity>(i));
    }
  });
}

}  // namespace vivace::api

using namespace vivace;

const char* vivace_version(void) { return version(); }

const char* vivace_status_name(vivace_status status) {
  return status >= VIVACE_OK && status <= VIVACE_INTERNAL ? to_string(static_cast<Code>(status)) : "unknown";
}

const char* vivace_last_error(void) { return api::last_error().c_str(); }

void vivace_free(void* memory) { std::free(memory); }

void vivace_set_logger(vivace_logger logger, void* user, vivace_severity most_verbose) {
  api::guard([&]() -> Status {
    std::call_once(api::log_started, [] {});
    if (!logger) {
      set_log_sink({}, Severity::error);
    } else {
      set_log_sink([logger, user](Severity severity, const std::string& message) {
        logger(static_cast<vivace_severity>(severity), message.c_str(), user);
      }, static_cast<Severity>(most_verbose));
    }
    return {};
  });
}
