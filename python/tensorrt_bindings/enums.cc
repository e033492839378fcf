// The enumerations of building and running.
#include "bind.h"

namespace tensorrt_python {

using namespace nvinfer1;  // NOLINT: the tables below are its names

#define ROW(Type, name) \
  { #name, Type::k##name }

void bind_enums(nb::module_& m) {
  enumeration<DataType>(m, "DataType",
                        {ROW(DataType, FLOAT), ROW(DataType, HALF), ROW(DataType, INT8), ROW(DataType, INT32),
                         ROW(DataType, BOOL), ROW(DataType, UINT8), ROW(DataType, FP8), ROW(DataType, BF16),
                         ROW(DataType, INT64), ROW(DataType, INT4), ROW(DataType, FP4), ROW(DataType, E8M0)});
  enumeration<TensorFormat>(
      m, "TensorFormat",
      {ROW(TensorFormat, LINEAR), ROW(TensorFormat, CHW2), ROW(TensorFormat, HWC8), ROW(TensorFormat, CHW4),
       ROW(TensorFormat, CHW16), ROW(TensorFormat, CHW32), ROW(TensorFormat, DHWC8), ROW(TensorFormat, CDHW32),
       ROW(TensorFormat, HWC), ROW(TensorFormat, DLA_LINEAR), ROW(TensorFormat, DLA_HWC4), ROW(TensorFormat, HWC16),
       ROW(TensorFormat, DHWC)});
  enumeration<TensorLocation>(m, "TensorLocation", {ROW(TensorLocation, DEVICE), ROW(TensorLocation, HOST)});
  enumeration<TensorIOMode>(m, "TensorIOMode",
                            {ROW(TensorIOMode, NONE), ROW(TensorIOMode, INPUT), ROW(TensorIOMode, OUTPUT)});
  enumeration<DeviceType>(m, "DeviceType", {ROW(DeviceType, GPU), ROW(DeviceType, DLA)});
  enumeration<WeightsRole>(m, "WeightsRole",
                           {ROW(WeightsRole, KERNEL), ROW(WeightsRole, BIAS), ROW(WeightsRole, SHIFT),
                            ROW(WeightsRole, SCALE), ROW(WeightsRole, CONSTANT), ROW(WeightsRole, ANY)});
  enumeration<ErrorCode>(
      m, "ErrorCodeTRT",
      {ROW(ErrorCode, SUCCESS), ROW(ErrorCode, UNSPECIFIED_ERROR), ROW(ErrorCode, INTERNAL_ERROR),
       ROW(ErrorCode, INVALID_ARGUMENT), ROW(ErrorCode, INVALID_CONFIG), ROW(ErrorCode, FAILED_ALLOCATION),
       ROW(ErrorCode, FAILED_INITIALIZATION), ROW(ErrorCode, FAILED_EXECUTION), ROW(ErrorCode, FAILED_COMPUTATION),
       ROW(ErrorCode, INVALID_STATE), ROW(ErrorCode, UNSUPPORTED_STATE)});

  // Building.
  enumeration<NetworkDefinitionCreationFlag>(
      m, "NetworkDefinitionCreationFlag",
      {ROW(NetworkDefinitionCreationFlag, EXPLICIT_BATCH), ROW(NetworkDefinitionCreationFlag, EXPLICIT_PRECISION),
       ROW(NetworkDefinitionCreationFlag, STRONGLY_TYPED),
       ROW(NetworkDefinitionCreationFlag, PREFER_JIT_PYTHON_PLUGINS),
       ROW(NetworkDefinitionCreationFlag, PREFER_AOT_PYTHON_PLUGINS)});
  enumeration<BuilderFlag>(m, "BuilderFlag",
                           {ROW(BuilderFlag, FP16),
                            ROW(BuilderFlag, INT8),
                            ROW(BuilderFlag, DEBUG),
                            ROW(BuilderFlag, GPU_FALLBACK),
                            ROW(BuilderFlag, STRICT_TYPES),
                            ROW(BuilderFlag, REFIT),
                            ROW(BuilderFlag, DISABLE_TIMING_CACHE),
                            ROW(BuilderFlag, TF32),
                            ROW(BuilderFlag, SPARSE_WEIGHTS),
                            ROW(BuilderFlag, SAFETY_SCOPE),
                            ROW(BuilderFlag, OBEY_PRECISION_CONSTRAINTS),
                            ROW(BuilderFlag, PREFER_PRECISION_CONSTRAINTS),
                            ROW(BuilderFlag, DIRECT_IO),
                            ROW(BuilderFlag, REJECT_EMPTY_ALGORITHMS),
                            ROW(BuilderFlag, VERSION_COMPATIBLE),
                            ROW(BuilderFlag, EXCLUDE_LEAN_RUNTIME),
                            ROW(BuilderFlag, FP8),
                            ROW(BuilderFlag, ERROR_ON_TIMING_CACHE_MISS),
                            ROW(BuilderFlag, BF16),
                            ROW(BuilderFlag, DISABLE_COMPILATION_CACHE),
                            ROW(BuilderFlag, STRIP_PLAN),
                            ROW(BuilderFlag, WEIGHTLESS),
                            ROW(BuilderFlag, ENABLE_TACTIC_HEURISTIC),
                            ROW(BuilderFlag, REFIT_IDENTICAL),
                            ROW(BuilderFlag, WEIGHT_STREAMING),
                            ROW(BuilderFlag, INT4),
                            ROW(BuilderFlag, REFIT_INDIVIDUAL),
                            ROW(BuilderFlag, STRICT_NANS),
                            ROW(BuilderFlag, MONITOR_MEMORY),
                            ROW(BuilderFlag, FP4),
                            ROW(BuilderFlag, EDITABLE_TIMING_CACHE),
                            ROW(BuilderFlag, DISTRIBUTIVE_INDEPENDENCE)});
  enumeration<QuantizationFlag>(m, "QuantizationFlag", {ROW(QuantizationFlag, CALIBRATE_BEFORE_FUSION)});
  enumeration<MemoryPoolType>(m, "MemoryPoolType",
                              {ROW(MemoryPoolType, WORKSPACE), ROW(MemoryPoolType, DLA_MANAGED_SRAM),
                               ROW(MemoryPoolType, DLA_LOCAL_DRAM), ROW(MemoryPoolType, DLA_GLOBAL_DRAM),
                               ROW(MemoryPoolType, TACTIC_DRAM), ROW(MemoryPoolType, TACTIC_SHARED_MEMORY)});
  enumeration<PreviewFeature>(
      m, "PreviewFeature",
      {ROW(PreviewFeature, FASTER_DYNAMIC_SHAPES_0805),
       ROW(PreviewFeature, DISABLE_EXTERNAL_TACTIC_SOURCES_FOR_CORE_0805), ROW(PreviewFeature, PROFILE_SHARING_0806),
       ROW(PreviewFeature, ALIASED_PLUGIN_IO_10_03), ROW(PreviewFeature, RUNTIME_ACTIVATION_RESIZE_10_10),
       ROW(PreviewFeature, MULTIDEVICE_RUNTIME_10_16)});
  enumeration<HardwareCompatibilityLevel>(
      m, "HardwareCompatibilityLevel",
      {ROW(HardwareCompatibilityLevel, NONE), ROW(HardwareCompatibilityLevel, AMPERE_PLUS),
       ROW(HardwareCompatibilityLevel, SAME_COMPUTE_CAPABILITY)});
  enumeration<ProfilingVerbosity>(
      m, "ProfilingVerbosity",
      {ROW(ProfilingVerbosity, LAYER_NAMES_ONLY), ROW(ProfilingVerbosity, NONE), ROW(ProfilingVerbosity, DETAILED),
       ROW(ProfilingVerbosity, DEFAULT), ROW(ProfilingVerbosity, VERBOSE)});
  enumeration<TacticSource>(m, "TacticSource",
                            {ROW(TacticSource, CUBLAS), ROW(TacticSource, CUBLAS_LT), ROW(TacticSource, CUDNN),
                             ROW(TacticSource, EDGE_MASK_CONVOLUTIONS), ROW(TacticSource, JIT_CONVOLUTIONS)});
  enumeration<EngineCapability>(
      m, "EngineCapability",
      {ROW(EngineCapability, STANDARD), ROW(EngineCapability, SAFETY), ROW(EngineCapability, DLA_STANDALONE),
       ROW(EngineCapability, DEFAULT), ROW(EngineCapability, SAFE_GPU), ROW(EngineCapability, SAFE_DLA)});
  enumeration<CalibrationAlgoType>(
      m, "CalibrationAlgoType",
      {ROW(CalibrationAlgoType, LEGACY_CALIBRATION), ROW(CalibrationAlgoType, ENTROPY_CALIBRATION),
       ROW(CalibrationAlgoType, ENTROPY_CALIBRATION_2), ROW(CalibrationAlgoType, MINMAX_CALIBRATION)});
  enumeration<RuntimePlatform>(m, "RuntimePlatform",
                               {ROW(RuntimePlatform, SAME_AS_BUILD), ROW(RuntimePlatform, WINDOWS_AMD64)});
  enumeration<TilingOptimizationLevel>(m, "TilingOptimizationLevel",
                                       {ROW(TilingOptimizationLevel, NONE), ROW(TilingOptimizationLevel, FAST),
                                        ROW(TilingOptimizationLevel, MODERATE), ROW(TilingOptimizationLevel, FULL)});

  // Running.
  enumeration<TempfileControlFlag>(
      m, "TempfileControlFlag",
      {ROW(TempfileControlFlag, ALLOW_IN_MEMORY_FILES), ROW(TempfileControlFlag, ALLOW_TEMPORARY_FILES)});
  enumeration<EngineStat>(m, "EngineStat",
                          {ROW(EngineStat, TOTAL_WEIGHTS_SIZE), ROW(EngineStat, STRIPPED_WEIGHTS_SIZE)});
  enumeration<LayerInformationFormat>(m, "LayerInformationFormat",
                                      {ROW(LayerInformationFormat, ONELINE), ROW(LayerInformationFormat, JSON)});
  enumeration<ExecutionContextAllocationStrategy>(
      m, "ExecutionContextAllocationStrategy",
      {ROW(ExecutionContextAllocationStrategy, STATIC), ROW(ExecutionContextAllocationStrategy, ON_PROFILE_CHANGE),
       ROW(ExecutionContextAllocationStrategy, USER_MANAGED)});
  enumeration<SerializationFlag>(m, "SerializationFlag",
                                 {ROW(SerializationFlag, EXCLUDE_WEIGHTS), ROW(SerializationFlag, EXCLUDE_LEAN_RUNTIME),
                                  ROW(SerializationFlag, INCLUDE_REFIT)});
  enumeration<AllocatorFlag>(m, "AllocatorFlag", {ROW(AllocatorFlag, RESIZABLE)});
  enumeration<SeekPosition>(m, "SeekPosition",
                            {ROW(SeekPosition, SET), ROW(SeekPosition, CUR), ROW(SeekPosition, END)});
}

#undef ROW

}  // namespace tensorrt_python
