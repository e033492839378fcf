#include "tensorrt/calibration.h"

#include <bit>
#include <cmath>
#include <cstdio>

#include "tensorrt/device.h"
#include "tensorrt/engine.h"
#include "tensorrt/types.h"

namespace vivace::tensorrt {

namespace {

using nvinfer1::CalibrationAlgoType;
using Severity = nvinfer1::ILogger::Severity;

int64_t volume(const nvinfer1::Dims& dims) {
  int64_t count = 1;
  for (int32_t i = 0; i < dims.nbDims; ++i) count *= dims.d[i];
  return count;
}

// Whatever its size, an output's memory for one run.
class Memory final : public nvinfer1::IOutputAllocator {
 public:
  void* reallocateOutput(const char*, void*, uint64_t size, uint64_t) noexcept override {
    try {
      bytes_.resize(size);
      return bytes_.data();
    } catch (...) {
      return nullptr;
    }
  }
  void notifyShape(const char*, const nvinfer1::Dims& dims) noexcept override { count_ = volume(dims); }
  const void* data() const { return bytes_.data(); }
  int64_t count() const { return count_; }

 private:
  std::vector<std::byte> bytes_;
  int64_t count_ = 0;
};

// The largest magnitude that each tensor of floats had.
class Ranges final : public nvinfer1::IDebugListener {
 public:
  bool processDebugTensor(const void* data, nvinfer1::TensorLocation, nvinfer1::DataType type,
                          const nvinfer1::Dims& dims, const char* name, cudaStream_t) override {
    see(name, type, data, volume(dims));
    return true;
  }
  void see(const std::string& name, nvinfer1::DataType type, const void* data, int64_t count) {
    if (type != nvinfer1::DataType::kFLOAT) return;
    float& most = most_.try_emplace(name, 0.0F).first->second;
    const auto* values = static_cast<const float*>(data);
    for (int64_t i = 0; i < count; ++i)
      if (std::isfinite(values[i])) most = std::max(most, std::abs(values[i]));
  }
  std::string text(const char* algorithm) const {
    std::string made = "TRT-" + std::to_string(NV_TENSORRT_VERSION) + "-" + algorithm + "\n";
    for (const auto& [name, most] : most_) {
      char bits[16];
      std::snprintf(bits, sizeof(bits), "%08x", std::bit_cast<uint32_t>(most / 127.0F));
      made += name + ": " + bits + "\n";
    }
    return made;
  }

 private:
  std::map<std::string, float> most_;
};

const char* name_of(CalibrationAlgoType algorithm) {
  switch (algorithm) {
    case CalibrationAlgoType::kLEGACY_CALIBRATION: return "LegacyCalibration";
    case CalibrationAlgoType::kENTROPY_CALIBRATION: return "EntropyCalibration";
    case CalibrationAlgoType::kENTROPY_CALIBRATION_2: return "EntropyCalibration2";
    case CalibrationAlgoType::kMINMAX_CALIBRATION: return "MinMaxCalibration";
  }
  return "Calibration";
}

}  // namespace

Status calibrate(nvinfer1::IInt8Calibrator& calibrator, plan::Plan plan, const std::map<std::string, Shape>& shapes,
                 bool narrow, const Errors& errors) {
  std::size_t length = 0;
  if (calibrator.readCalibrationCache(length) && length > 0) {
    errors.log(Severity::kINFO, "the calibrator has a cache of " + std::to_string(length) + " bytes; no batch is run");
    return {};
  }
  VIVACE_ASSIGN(Metadata metadata, metadata_of(plan));
  metadata.unfused_debug = true;
  describe(plan, metadata);
  VIVACE_ASSIGN(const std::vector<std::byte> bytes, plan::to_bytes(plan));
  VIVACE_ASSIGN(std::shared_ptr<Core> core, Core::load(bytes, {0, narrow, false, nullptr, "cpu"}));
  Engine engine(core, errors);
  const std::unique_ptr<nvinfer1::IExecutionContext> context(
      engine.createExecutionContext(RuntimeConfig::Strategy::kSTATIC));
  if (!context) return {Code::internal, "calibration: the engine gave no context"};

  Ranges ranges;
  context->setDebugListener(&ranges);
  context->setUnfusedTensorsDebugState(true);
  std::vector<const char*> names;
  std::map<std::string, Memory> outputs;
  for (const Slot& slot : core->slots()) {
    if (!slot.input) {
      context->setOutputAllocator(slot.name.c_str(), &outputs[slot.name]);
      continue;
    }
    names.push_back(slot.name.c_str());
    if (const auto given = shapes.find(slot.name); given != shapes.end())
      context->setInputShape(slot.name.c_str(), to_dims(given->second));
  }
  const bool implicit = metadata.implicit_batch;
  const int32_t batch = implicit ? calibrator.getBatchSize() : 1;
  std::vector<void*> bindings(core->slots().size());  // inputs come first
  int batches = 0;
  for (; calibrator.getBatch(bindings.data(), names.data(), static_cast<int32_t>(names.size())); ++batches) {
    const bool ran = implicit ? context->enqueue(batch, bindings.data(), nullptr, nullptr)
                              : context->enqueueV2(bindings.data(), nullptr, nullptr);
    if (!ran) return {Code::invalid_argument, "calibration: a batch could not be run"};
    for (const Slot& slot : core->slots()) {
      const char* name = slot.name.c_str();
      if (slot.input) {
        const int64_t count = volume(context->getTensorShape(name)) * batch;
        std::vector<std::byte> values(byte_size(slot.type, count));
        VIVACE_TRY(read_from(values.data(), context->getTensorAddress(name), values.size(), nullptr));
        ranges.see(slot.name, slot.data_type, values.data(), count);
      } else {
        ranges.see(slot.name, slot.data_type, outputs[slot.name].data(), outputs[slot.name].count());
      }
    }
  }
  if (batches == 0) {
    errors.log(Severity::kWARNING, "the calibrator has no cache and gave no batch: there are no ranges");
    return {};
  }
  const std::string text = ranges.text(name_of(calibrator.getAlgorithm()));
  calibrator.writeCalibrationCache(text.data(), text.size());
  errors.log(Severity::kINFO, "calibrated with " + std::to_string(batches) + " batches");
  return {};
}

}  // namespace vivace::tensorrt
