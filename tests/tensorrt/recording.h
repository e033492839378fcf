// What the builder's and the parser's tests share: a client's logger, dimensions, engines of plans.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "NvInfer.h"
#include "plan/plan.h"
#include "runtime/engine.h"

namespace vivace::tensorrt {

/// Keeps what it is told.
class Recording final : public nvinfer1::ILogger {
 public:
  void log(Severity severity, const char* text) noexcept override {
    const std::lock_guard lock(mutex_);
    lines_.emplace_back(severity, text);
  }
  /// Whether a message of at least this severity holds the text.
  bool has(Severity severity, const std::string& part) const {
    for (const auto& [how, line] : lines_)
      if (how <= severity && line.find(part) != std::string::npos) return true;
    return false;
  }
  std::string errors() const {
    std::string all;
    for (const auto& [how, line] : lines_)
      if (how <= Severity::kERROR) all += line + "\n";
    return all;
  }

 private:
  std::mutex mutex_;
  std::vector<std::pair<Severity, std::string>> lines_;
};

inline nvinfer1::Dims dims(const std::vector<int64_t>& sizes) {
  nvinfer1::Dims made{};
  made.nbDims = static_cast<int32_t>(sizes.size());
  std::copy(sizes.begin(), sizes.end(), made.d);
  return made;
}
inline std::vector<int64_t> sizes(const nvinfer1::Dims& from) { return {from.d, from.d + std::max(from.nbDims, 0)}; }

inline plan::Plan read_plan(const nvinfer1::IHostMemory& memory) {
  auto read = plan::from_bytes({static_cast<const std::byte*>(memory.data()), memory.size()}, nullptr);
  EXPECT_TRUE(read.ok()) << read.status().message();
  return read.ok() ? std::move(*read) : plan::Plan();
}

/// Runs a plan of one f32 input and one f32 output as any other plan is run.
inline std::vector<float> run(const nvinfer1::IHostMemory& memory, const Shape& shape, std::vector<float> input) {
  auto engine = runtime::Engine::load(read_plan(memory));
  EXPECT_TRUE(engine.ok()) << engine.status().message();
  if (!engine.ok()) return {};
  std::vector<Tensor> outputs(1);
  const Status status = (*engine)->run({{DType::f32, shape, input.data()}}, outputs);
  EXPECT_TRUE(status.ok()) << status.message();
  if (!status.ok()) return {};
  const auto values = outputs[0].span<float>();
  return {values.begin(), values.end()};
}

}  // namespace vivace::tensorrt
