// What a client gives to the builder to be called back.
// An interface of Vivace's own making that speaks TensorRT's names; see docs/tensorrt.md.
#pragma once

#include <cstddef>

#include "NvInferRuntime.h"

namespace nvinfer1 {

/// How a calibrator chooses ranges.
enum class CalibrationAlgoType : int32_t {
  kLEGACY_CALIBRATION = 0,
  kENTROPY_CALIBRATION = 1,
  kENTROPY_CALIBRATION_2 = 2,
  kMINMAX_CALIBRATION = 3
};
template <>
constexpr int32_t EnumMax<CalibrationAlgoType>() noexcept {
  return 4;
}

/// Gives batches to calibrate 8-bit ranges with, to a build with BuilderFlag::kINT8. It is called as long as it gives
/// batches unless it has a cache; the cache that is then written holds the ranges that the tensors had.
class IInt8Calibrator : public IVersionedInterface {
 public:
  InterfaceInfo getInterfaceInfo() const noexcept override { return InterfaceInfo{"IInt8Calibrator", 1, 0}; }
  virtual int32_t getBatchSize() const TRTNOEXCEPT = 0;
  virtual bool getBatch(void* bindings[], char const* names[], int32_t nbBindings) TRTNOEXCEPT = 0;
  virtual void const* readCalibrationCache(std::size_t& length) TRTNOEXCEPT = 0;
  virtual void writeCalibrationCache(void const* ptr, std::size_t length) TRTNOEXCEPT = 0;
  virtual CalibrationAlgoType getAlgorithm() TRTNOEXCEPT = 0;
};

/// See IInt8Calibrator.
class IInt8EntropyCalibrator : public IInt8Calibrator {
 public:
  InterfaceInfo getInterfaceInfo() const noexcept override { return InterfaceInfo{"IInt8EntropyCalibrator", 1, 0}; }
  CalibrationAlgoType getAlgorithm() TRTNOEXCEPT override { return CalibrationAlgoType::kENTROPY_CALIBRATION; }
};

/// See IInt8Calibrator.
class IInt8EntropyCalibrator2 : public IInt8Calibrator {
 public:
  InterfaceInfo getInterfaceInfo() const noexcept override { return InterfaceInfo{"IInt8EntropyCalibrator2", 1, 0}; }
  CalibrationAlgoType getAlgorithm() TRTNOEXCEPT override { return CalibrationAlgoType::kENTROPY_CALIBRATION_2; }
};

/// See IInt8Calibrator.
class IInt8MinMaxCalibrator : public IInt8Calibrator {
 public:
  InterfaceInfo getInterfaceInfo() const noexcept override { return InterfaceInfo{"IInt8MinMaxCalibrator", 1, 0}; }
  CalibrationAlgoType getAlgorithm() TRTNOEXCEPT override { return CalibrationAlgoType::kMINMAX_CALIBRATION; }
};

/// See IInt8Calibrator.
class IInt8LegacyCalibrator : public IInt8Calibrator {
 public:
  CalibrationAlgoType getAlgorithm() TRTNOEXCEPT override { return CalibrationAlgoType::kLEGACY_CALIBRATION; }
  virtual double getQuantile() const TRTNOEXCEPT = 0;
  virtual double getRegressionCutoff() const TRTNOEXCEPT = 0;
  virtual void const* readHistogramCache(std::size_t& length) TRTNOEXCEPT = 0;
  virtual void writeHistogramCache(void const* ptr, std::size_t length) TRTNOEXCEPT = 0;
};

/// Layout and type of an input or output of an algorithm.
class IAlgorithmIOInfo {
 public:
  virtual ~IAlgorithmIOInfo() noexcept = default;
  virtual DataType getDataType() const noexcept = 0;
  virtual Dims getStrides() const noexcept = 0;
  virtual int64_t getVectorizedDim() const noexcept = 0;
  virtual int64_t getComponentsPerElement() const noexcept = 0;
  virtual TensorFormat getTensorFormat() const noexcept = 0;
};

/// Which implementation an algorithm is, and with which parameters.
class IAlgorithmVariant {
 public:
  virtual ~IAlgorithmVariant() noexcept = default;
  virtual int64_t getImplementation() const noexcept = 0;
  virtual int64_t getTactic() const noexcept = 0;
};

/// The layer that an algorithm is chosen for.
class IAlgorithmContext {
 public:
  virtual ~IAlgorithmContext() noexcept = default;
  virtual char const* getName() const noexcept = 0;
  virtual Dims getDimensions(int32_t index, OptProfileSelector select) const noexcept = 0;
  virtual int32_t getNbInputs() const noexcept = 0;
  virtual int32_t getNbOutputs() const noexcept = 0;
};

/// One way to compute a layer.
class IAlgorithm {
 public:
  virtual ~IAlgorithm() noexcept = default;
  virtual IAlgorithmVariant const& getAlgorithmVariant() const noexcept = 0;
  virtual float getTimingMSec() const noexcept = 0;
  virtual std::size_t getWorkspaceSize() const noexcept = 0;
  virtual IAlgorithmIOInfo const* getAlgorithmIOInfoByIndex(int32_t index) const noexcept = 0;
  virtual IAlgorithmIOInfo const& getAlgorithmIOInfo(int32_t index) const noexcept = 0;
};

/// Chooses algorithms: for each layer of the engine, of the tactics that can run it.
class IAlgorithmSelector : public IVersionedInterface {
 public:
  InterfaceInfo getInterfaceInfo() const noexcept override { return InterfaceInfo{"IAlgorithmSelector", 1, 0}; }
  /// @param selection room for nbChoices indices @return how many were written; the fastest of them is taken. 0: any
  virtual int32_t selectAlgorithms(IAlgorithmContext const& context, IAlgorithm const* const* choices,
                                   int32_t nbChoices, int32_t* selection) TRTNOEXCEPT = 0;
  virtual void reportAlgorithms(IAlgorithmContext const* const* algoContexts, IAlgorithm const* const* algoChoices,
                                int32_t nbAlgorithms) TRTNOEXCEPT = 0;
};

/// Told of the progress of a build, from any thread; may stop it.
class IProgressMonitor : public IVersionedInterface {
 public:
  InterfaceInfo getInterfaceInfo() const noexcept override { return InterfaceInfo{"IProgressMonitor", 1, 0}; }
  virtual void phaseStart(char const* phaseName, char const* parentPhase, int32_t nbSteps) TRTNOEXCEPT = 0;
  /// @return false to stop the build
  virtual bool stepComplete(char const* phaseName, int32_t step) TRTNOEXCEPT = 0;
  virtual void phaseFinish(char const* phaseName) TRTNOEXCEPT = 0;
};

}  // namespace nvinfer1
