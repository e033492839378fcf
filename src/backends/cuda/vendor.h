// Libraries of the GPU's vendor that rows may call. They are opened at run time, and nothing needs them.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "backends/cuda/driver.h"
#include "backends/cuda/library.h"
#include "backends/cuda/tactic.h"

namespace vivace::cuda {

struct VendorLibrary {
  std::string_view name;   // "cudnn": a row's `library`, and what a build names as a source of tactics
  std::string_view title;  // "cuDNN"
  std::string_view rows;   // what its rows run
  /// The version, or device_unavailable with the reason why it cannot be used.
  Result<std::string> (*version)();
};
std::span<const VendorLibrary> vendor_libraries();
/// nullptr: there is none of this name.
const VendorLibrary* find_vendor_library(std::string_view name);
/// Whether it can be used: device_unavailable with the reason and the way out.
Status library_status(std::string_view name);

/// "cudnn,cublaslt" as names, each once; invalid_argument where there is no such library.
Result<std::vector<std::string>> parse_tactic_sources(std::string_view text);

/// The functions of a library as a table (Functions has a bool `load(void* file, std::string& missing)`), opened once.
template <class Functions>
struct OpenedLibrary {
  Functions functions;
  std::string reason;  // empty: usable

  explicit OpenedLibrary(const LibraryFile& file) {
    const Result<void*> opened = open_library(file);
    std::string missing;
    if (!opened.ok())
      reason = opened.status().message();
    else if (!functions.load(*opened, missing))
      reason = file.title + " is too old: it lacks " + missing;
  }
  Result<const Functions*> get() const {
    if (!reason.empty()) return Status(Code::device_unavailable, reason);
    return &functions;
  }
};

/// A version as the libraries tell it: 91900 is "9.19.0".
std::string version_text(size_t version);

/// One algorithm of a plan, put into a stream by `plan.put(algorithm, stream, arguments)`.
template <class Plan>
class PlanCall final : public LibraryCall {
 public:
  PlanCall(std::shared_ptr<Plan> plan, size_t algorithm) : plan_(std::move(plan)), algorithm_(algorithm) {}
  Status put(StreamHandle* stream, const std::vector<DevicePointer>& arguments) const override {
    return plan_->put(algorithm_, stream, arguments);
  }

 private:
  std::shared_ptr<Plan> plan_;
  size_t algorithm_;
};

/// What was worked out for one context of a GPU, by key: made once and kept, with the handles it holds, as long as the
/// program runs, for libraries take long to find their algorithms.
template <class Value>
class PerContext {
 public:
  Result<std::shared_ptr<Value>> get(const Gpu& gpu, const std::string& key,
                                     const std::function<Result<std::shared_ptr<Value>>()>& make) {
    const std::lock_guard lock(mutex_);
    if (kept_.size() >= kMost) kept_.clear();
    std::shared_ptr<Value>& value = kept_[{gpu.context(), key}];
    if (!value) {
      VIVACE_ASSIGN(value, make());
    }
    return value;
  }

 private:
  static constexpr size_t kMost = 1024;
  std::mutex mutex_;
  std::map<std::pair<const void*, std::string>, std::shared_ptr<Value>> kept_;
};

/// Workspaces start at multiples of this, for which a row asks for so much more.
constexpr size_t kLibraryAlignment = 256;
inline DevicePointer library_aligned(DevicePointer at) {
  return (at + kLibraryAlignment - 1) / kLibraryAlignment * kLibraryAlignment;
}

/// Algorithms are configurations by their number: "0", "1", ...; unsupported where a library has none of that number.
std::vector<std::string> algorithm_names(size_t count);
Result<size_t> algorithm_of(const std::string& configuration, size_t count);

}  // namespace vivace::cuda
