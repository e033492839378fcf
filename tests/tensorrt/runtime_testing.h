// What tests of the runtime phase share: plans out of graphs as text, a logger and an error recorder that remember.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "NvInfer.h"
#include "builder/builder.h"
#include "ir/text.h"
#include "tensorrt/metadata.h"

namespace vivace::tensorrt {

class TestLogger : public nvinfer1::ILogger {
 public:
  void log(Severity severity, char const* text) noexcept override {
    if (severity <= Severity::kERROR) errors += std::string(text) + "\n";
  }
  bool told(const std::string& text) const { return errors.find(text) != std::string::npos; }
  std::string errors;
};

class TestRecorder final : public nvinfer1::IErrorRecorder {
 public:
  int32_t getNbErrors() const noexcept override { return static_cast<int32_t>(list.size()); }
  nvinfer1::ErrorCode getErrorCode(int32_t i) const noexcept override { return list[static_cast<size_t>(i)].first; }
  ErrorDesc getErrorDesc(int32_t i) const noexcept override { return list[static_cast<size_t>(i)].second.c_str(); }
  bool hasOverflowed() const noexcept override { return false; }
  void clear() noexcept override { list.clear(); }
  bool reportError(nvinfer1::ErrorCode code, ErrorDesc text) noexcept override {
    list.emplace_back(code, text);
    return false;
  }
  RefCount incRefCount() noexcept override { return ++references; }
  RefCount decRefCount() noexcept override { return --references; }
  std::vector<std::pair<nvinfer1::ErrorCode, std::string>> list;
  int references = 0;
};

/// The plan of a graph; `metadata` empty: as one that was built without this interface.
inline std::vector<std::byte> plan_bytes(const std::string& text,
                                         const std::map<std::string, plan::ShapeRange>& shapes = {},
                                         const Metadata* metadata = nullptr) {
  Result<std::unique_ptr<ir::Graph>> graph = ir::parse("graph " + text);
  EXPECT_TRUE(graph.ok()) << graph.status().message();
  if (!graph.ok()) return {};
  builder::BuildConfig config;
  config.threads = 1;
  config.effort = 0;
  config.shapes = shapes;
  std::shared_ptr<ir::Graph> as_it_was = (*graph)->clone();
  Result<builder::BuildResult> built = builder::build(*std::move(graph), config);
  EXPECT_TRUE(built.ok()) << built.status().message();
  if (!built.ok()) return {};
  if (metadata) built->plan.metadata = to_entries(*metadata);
  if (metadata && metadata->refittable) built->plan.portable = as_it_was;
  Result<std::vector<std::byte>> bytes = plan::to_bytes(built->plan);
  EXPECT_TRUE(bytes.ok()) << bytes.status().message();
  return bytes.ok() ? *std::move(bytes) : std::vector<std::byte>();
}

}  // namespace vivace::tensorrt
