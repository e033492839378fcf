// What programs of each generation write; only compiled. Overrides are noexcept from generation 8 on.
#include <memory>

#if NV_TENSORRT_MAJOR >= 8
#define CLIENT_NOEXCEPT noexcept
#define CLIENT_CONST_OUTPUTS const
#else
#define CLIENT_NOEXCEPT
#define CLIENT_CONST_OUTPUTS
#endif

namespace {

using namespace nvinfer1;

class Logger : public ILogger {
  void log(Severity severity, char const* text) CLIENT_NOEXCEPT override {
    if (severity > Severity::kWARNING) (void)text;
  }
};

class Recorder : public IErrorRecorder {
  int32_t getNbErrors() const noexcept override { return 0; }
  ErrorCode getErrorCode(int32_t) const noexcept override { return ErrorCode::kSUCCESS; }
  ErrorDesc getErrorDesc(int32_t) const noexcept override { return ""; }
  bool hasOverflowed() const noexcept override { return false; }
  void clear() noexcept override {}
  bool reportError(ErrorCode, ErrorDesc) noexcept override { return true; }
  RefCount incRefCount() noexcept override { return 0; }
  RefCount decRefCount() noexcept override { return 0; }
};

class Profiler : public IProfiler {
  void reportLayerTime(char const*, float) CLIENT_NOEXCEPT override {}
};

class Allocator : public IGpuAllocator {
  void* allocate(uint64_t const, uint64_t const, AllocatorFlags const) CLIENT_NOEXCEPT override { return nullptr; }
#if NV_TENSORRT_MAJOR >= 10
  bool deallocate(void* const) noexcept override { return true; }
#else
  void free(void* const) CLIENT_NOEXCEPT override {}
#endif
};

class OutputAllocator : public IOutputAllocator {
  void* reallocateOutput(char const*, void* memory, uint64_t, uint64_t) noexcept override { return memory; }
  void notifyShape(char const*, Dims const&) noexcept override {}
};

// The methods that all plugins of the second generation share.
template <class Base>
class Plugin : public Base {
 public:
  char const* getPluginType() const CLIENT_NOEXCEPT override { return "P"; }
  char const* getPluginVersion() const CLIENT_NOEXCEPT override { return "1"; }
  int32_t getNbOutputs() const CLIENT_NOEXCEPT override { return 1; }
  int32_t initialize() CLIENT_NOEXCEPT override { return 0; }
  void terminate() CLIENT_NOEXCEPT override {}
  size_t getSerializationSize() const CLIENT_NOEXCEPT override { return 0; }
  void serialize(void*) const CLIENT_NOEXCEPT override {}
  void destroy() CLIENT_NOEXCEPT override { delete this; }
  void setPluginNamespace(char const*) CLIENT_NOEXCEPT override {}
  char const* getPluginNamespace() const CLIENT_NOEXCEPT override { return ""; }
  DataType getOutputDataType(int32_t, DataType const* types, int32_t) const CLIENT_NOEXCEPT override {
    return types[0];
  }
};

class IOPlugin : public Plugin<IPluginV2IOExt> {
  Dims getOutputDimensions(int32_t, Dims const* inputs, int32_t) CLIENT_NOEXCEPT override { return inputs[0]; }
  size_t getWorkspaceSize(int32_t) const CLIENT_NOEXCEPT override { return 0; }
  int32_t enqueue(int32_t, void const* const*, void* CLIENT_CONST_OUTPUTS*, void*,
                  cudaStream_t) CLIENT_NOEXCEPT override {
    return 0;
  }
#if NV_TENSORRT_MAJOR < 11
  bool isOutputBroadcastAcrossBatch(int32_t, bool const*, int32_t) const CLIENT_NOEXCEPT override { return false; }
  bool canBroadcastInputAcrossBatch(int32_t) const CLIENT_NOEXCEPT override { return false; }
#endif
  void configurePlugin(PluginTensorDesc const*, int32_t, PluginTensorDesc const*, int32_t) CLIENT_NOEXCEPT override {}
  bool supportsFormatCombination(int32_t pos, PluginTensorDesc const* all, int32_t,
                                 int32_t) const CLIENT_NOEXCEPT override {
    return all[pos].format == TensorFormat::kLINEAR && all[pos].type == DataType::kFLOAT;
  }
  IPluginV2IOExt* clone() const CLIENT_NOEXCEPT override { return new IOPlugin(*this); }
};

class DynamicPlugin : public Plugin<IPluginV2DynamicExt> {
  DimsExprs getOutputDimensions(int32_t, DimsExprs const* inputs, int32_t,
                                IExprBuilder& builder) CLIENT_NOEXCEPT override {
    DimsExprs made(inputs[0]);
    made.d[0] = builder.operation(DimensionOperation::kPROD, *inputs[0].d[0], *builder.constant(2));
    return made;
  }
  bool supportsFormatCombination(int32_t, PluginTensorDesc const*, int32_t, int32_t) CLIENT_NOEXCEPT override {
    return true;
  }
  void configurePlugin(DynamicPluginTensorDesc const*, int32_t, DynamicPluginTensorDesc const*,
                       int32_t) CLIENT_NOEXCEPT override {}
  size_t getWorkspaceSize(PluginTensorDesc const*, int32_t, PluginTensorDesc const*,
                          int32_t) const CLIENT_NOEXCEPT override {
    return 0;
  }
  int32_t enqueue(PluginTensorDesc const*, PluginTensorDesc const*, void const* const*, void* const*, void*,
                  cudaStream_t) CLIENT_NOEXCEPT override {
    return 0;
  }
  IPluginV2DynamicExt* clone() const CLIENT_NOEXCEPT override { return new DynamicPlugin(*this); }
};

class ThirdPlugin : public IPluginV3, public IPluginV3OneCore, public IPluginV3OneBuildV2, public IPluginV3OneRuntime {
  IPluginCapability* getCapabilityInterface(PluginCapabilityType type) noexcept override {
    if (type == PluginCapabilityType::kBUILD) return static_cast<IPluginV3OneBuild*>(this);
    if (type == PluginCapabilityType::kRUNTIME) return static_cast<IPluginV3OneRuntime*>(this);
    return static_cast<IPluginV3OneCore*>(this);
  }
  IPluginV3* clone() noexcept override { return new ThirdPlugin(*this); }
  char const* getPluginName() const noexcept override { return "T"; }
  char const* getPluginVersion() const noexcept override { return "1"; }
  char const* getPluginNamespace() const noexcept override { return ""; }
  int32_t configurePlugin(DynamicPluginTensorDesc const*, int32_t, DynamicPluginTensorDesc const*,
                          int32_t) noexcept override {
    return 0;
  }
  int32_t getOutputDataTypes(DataType*, int32_t, DataType const*, int32_t) const noexcept override { return 0; }
  int32_t getOutputShapes(DimsExprs const*, int32_t, DimsExprs const*, int32_t, DimsExprs*, int32_t,
                          IExprBuilder&) noexcept override {
    return 0;
  }
  bool supportsFormatCombination(int32_t, DynamicPluginTensorDesc const*, int32_t, int32_t) noexcept override {
    return true;
  }
  int32_t getNbOutputs() const noexcept override { return 1; }
  int32_t onShapeChange(PluginTensorDesc const*, int32_t, PluginTensorDesc const*, int32_t) noexcept override {
    return 0;
  }
  int32_t enqueue(PluginTensorDesc const*, PluginTensorDesc const*, void const* const*, void* const*, void*,
                  cudaStream_t) noexcept override {
    return 0;
  }
  IPluginV3* attachToContext(IPluginResourceContext*) noexcept override { return clone(); }
  PluginFieldCollection const* getFieldsToSerialize() noexcept override { return nullptr; }
};

class Creator : public IPluginCreator {
 public:
  char const* getPluginName() const CLIENT_NOEXCEPT override { return "P"; }
  char const* getPluginVersion() const CLIENT_NOEXCEPT override { return "1"; }
  PluginFieldCollection const* getFieldNames() CLIENT_NOEXCEPT override { return &fields_; }
  IPluginV2* createPlugin(char const*, PluginFieldCollection const*) CLIENT_NOEXCEPT override { return new IOPlugin; }
  IPluginV2* deserializePlugin(char const*, void const*, size_t) CLIENT_NOEXCEPT override { return new DynamicPlugin; }
  void setPluginNamespace(char const*) CLIENT_NOEXCEPT override {}
  char const* getPluginNamespace() const CLIENT_NOEXCEPT override { return ""; }

 private:
  PluginFieldCollection fields_{};
};
REGISTER_TENSORRT_PLUGIN(Creator);

}  // namespace

bool use() {
  Logger logger;
  Recorder recorder;
  Profiler profiler;
  Allocator allocator;
  OutputAllocator output;
  ThirdPlugin third;
  std::unique_ptr<IRuntime> runtime(createInferRuntime(logger));
  runtime->setErrorRecorder(&recorder);
  runtime->setGpuAllocator(&allocator);
  std::unique_ptr<ICudaEngine> engine(runtime->deserializeCudaEngine("", 0, nullptr));
  engine.reset(runtime->deserializeCudaEngine("", 0));
  std::unique_ptr<IExecutionContext> context(engine->createExecutionContext());
  context->setProfiler(&profiler);
  context->setOutputAllocator("y", &output);
  Dims4 dims(1, 3, engine->getBindingDimensions(0).d[2], 224);
  void* buffers[2] = {};
  static_assert(EnumMax<DataType>() >= 5, "");
  static_assert(sizeof(Dims::d[0]) == (NV_TENSORRT_MAJOR < 10 ? 4 : 8), "");
  return context->setInputShape("x", dims) && context->execute(1, buffers) && context->executeV2(buffers) &&
         context->enqueue(1, buffers, nullptr, nullptr) && context->enqueueV2(buffers, nullptr, nullptr) &&
         context->enqueueV3(nullptr) && NV_TENSORRT_VERSION > 0 && third.IPluginV3::getInterfaceInfo().major == 1;
}
