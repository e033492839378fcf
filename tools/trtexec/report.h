// What a run has to tell: times, layers, outputs, on the screen and as JSON.
#pragma once

#include "inference.h"
#include "log.h"
#include "options.h"

namespace trtexec {

/// "=== Performance summary ===" and what goes before it; --exportTimes.
void report_times(const std::vector<Trace>& traces, const Options& options, Log& log);
/// --dumpOutput, --exportOutput, --dumpRawBindingsToFile
void report_outputs(const std::vector<Binding>& bindings, const Options::Reporting& options, Log& log);
/// --dumpLayerInfo, --exportLayerInfo; `context` may be null
void report_layers(nvinfer1::ICudaEngine& engine, nvinfer1::IExecutionContext* context,
                   const Options::Reporting& options, Log& log);
/// --dumpOptimizationProfile
void report_profiles(nvinfer1::ICudaEngine& engine, Log& log);
/// --dumpRefit
void report_refit(nvinfer1::ICudaEngine& engine, Log& log);

/// Times of layers: --dumpProfile, --exportProfile.
class LayerTimes : public nvinfer1::IProfiler {
 public:
  void reportLayerTime(char const* name, float ms) noexcept override;
  void report(const Options::Reporting& options, Log& log) const;

 private:
  struct Layer {
    std::string name;
    std::vector<double> times;
    double total() const;
  };

  std::string table() const;
  std::string json() const;
  double total() const;
  size_t runs() const;

  std::vector<Layer> layers_;
  size_t next_ = 0;  ///< the layer expected now: layers come in the same order in every run
};

}  // namespace trtexec
