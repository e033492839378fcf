#include "tensorrt/report.h"

#include <algorithm>
#include <mutex>
#include <new>
#include <vector>

#include "NvInferRuntimeCommon.h"

namespace vivace::tensorrt {

namespace {

using nvinfer1::ErrorCode;

ErrorCode to_error_code(Code code) {
  switch (code) {
    case Code::ok: return ErrorCode::kSUCCESS;
    case Code::invalid_argument:
    case Code::invalid_model:
    case Code::shape_mismatch: return ErrorCode::kINVALID_ARGUMENT;
    case Code::unsupported: return ErrorCode::kUNSUPPORTED_STATE;
    case Code::out_of_memory: return ErrorCode::kFAILED_ALLOCATION;
    case Code::io_error:
    case Code::corrupt_file:
    case Code::version_mismatch:
    case Code::device_unavailable: return ErrorCode::kFAILED_INITIALIZATION;
    case Code::cancelled: return ErrorCode::kFAILED_EXECUTION;
    case Code::internal: return ErrorCode::kINTERNAL_ERROR;
  }
  return ErrorCode::kUNSPECIFIED_ERROR;
}

struct Loggers {
  std::mutex mutex;
  std::vector<nvinfer1::ILogger*> in_use;
};

// Never destroyed: a program's own static objects may end after this library's.
Loggers& loggers() {
  static auto* made = new Loggers();
  return *made;
}

}  // namespace

void Errors::log(nvinfer1::ILogger::Severity severity, const std::string& text) const noexcept {
  if (!logger) return;
  try {
    logger->log(severity, text.c_str());
  } catch (...) {  // a client's logger of generation 7 may throw; there is nobody to tell
  }
}

void Errors::report(const Status& status) const noexcept {
  if (status.ok()) return;
  log(status.code() == Code::internal ? nvinfer1::ILogger::Severity::kINTERNAL_ERROR
                                      : nvinfer1::ILogger::Severity::kERROR,
      status.message());
  if (recorder) recorder->reportError(to_error_code(status.code()), status.message().c_str());
}

void Errors::record_to(nvinfer1::IErrorRecorder* other) noexcept {
  if (other == recorder) return;
  if (other) other->incRefCount();
  if (recorder) recorder->decRefCount();
  recorder = other;
}

void remember_logger(nvinfer1::ILogger* logger) noexcept {
  const std::lock_guard lock(loggers().mutex);
  try {
    loggers().in_use.push_back(logger);
  } catch (...) {  // no memory: it is not given by getLogger()
  }
}

void forget_logger(nvinfer1::ILogger* logger) noexcept {
  const std::lock_guard lock(loggers().mutex);
  std::vector<nvinfer1::ILogger*>& list = loggers().in_use;
  const auto last = std::find(list.rbegin(), list.rend(), logger);
  if (last != list.rend()) list.erase(std::next(last).base());
}

void report_exception(const Errors& errors) noexcept {
  try {
    throw;
  } catch (const std::bad_alloc&) {
    errors.report({Code::out_of_memory, "the machine has no more memory"});
  } catch (const std::exception& e) {
    errors.report({Code::internal, std::string("a defect in Vivace: ") + e.what()});
  } catch (...) {
    errors.report({Code::internal, "an exception of unknown kind, of the program's own callbacks perhaps"});
  }
}

}  // namespace vivace::tensorrt

extern "C" TENSORRTAPI nvinfer1::ILogger* getLogger() noexcept {
  vivace::tensorrt::Loggers& loggers = vivace::tensorrt::loggers();
  const std::lock_guard lock(loggers.mutex);
  return loggers.in_use.empty() ? nullptr : loggers.in_use.back();
}
