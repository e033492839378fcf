// Errors leave through the client's logger and error recorder, never as exceptions.
#pragma once

#include <string>

#include "NvInferRuntimeBase.h"
#include "base/status.h"

namespace vivace::tensorrt {

/// Where an object tells what goes wrong. Both may be null.
struct Errors {
  nvinfer1::ILogger* logger = nullptr;
  nvinfer1::IErrorRecorder* recorder = nullptr;

  /// Logs an error and records it; nothing where the status is fine.
  void report(const Status& status) const noexcept;
  void log(nvinfer1::ILogger::Severity severity, const std::string& text) const noexcept;
  /// Records to another recorder from now on, counting references as recorders ask for. Null: to none.
  void record_to(nvinfer1::IErrorRecorder* other) noexcept;
};

/// getLogger() gives the logger remembered last of those in use: each call of the first is followed by one of the
/// second, before the logger may go.
void remember_logger(nvinfer1::ILogger* logger) noexcept;
void forget_logger(nvinfer1::ILogger* logger) noexcept;

/// Reports the exception being handled.
void report_exception(const Errors& errors) noexcept;

/// Runs a function that returns a Status and reports it; no exception leaves. @return whether it was fine
template <class F>
bool guarded(const Errors& errors, F&& body) noexcept {
  try {
    const Status status = body();
    if (!status.ok()) errors.report(status);
    return status.ok();
  } catch (...) {
    report_exception(errors);
    return false;
  }
}

}  // namespace vivace::tensorrt
