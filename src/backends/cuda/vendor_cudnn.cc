#include "backends/cuda/vendor_cudnn.h"

#include <dlfcn.h>

#include <span>

#include "backends/cuda/compiler.h"
#include "backends/cuda/vendor_cublaslt.h"

namespace vivace::cuda {

namespace {

// The part of cuDNN's interface that is called: everything is a descriptor with attributes.
struct DnnHandle;
using DnnDescriptor = void*;

#define VIVACE_CUDNN(F)                                                                                         \
  F(Error, cudnnCreate, (DnnHandle * *handle))                                                                  \
  F(Error, cudnnDestroy, (DnnHandle * handle))                                                                  \
  F(Error, cudnnSetStream, (DnnHandle * handle, StreamHandle * stream))                                         \
  F(size_t, cudnnGetVersion, ())                                                                                \
  F(const char*, cudnnGetErrorString, (Error error))                                                            \
  F(void, cudnnGetLastErrorString, (char* text, size_t bytes))                                                  \
  F(Error, cudnnBackendCreateDescriptor, (int type, DnnDescriptor* made))                                       \
  F(Error, cudnnBackendDestroyDescriptor, (DnnDescriptor descriptor))                                           \
  F(Error, cudnnBackendFinalize, (DnnDescriptor descriptor))                                                    \
  F(Error, cudnnBackendSetAttribute, (DnnDescriptor of, int name, int type, int64_t count, const void* values)) \
  F(Error, cudnnBackendGetAttribute,                                                                            \
    (DnnDescriptor of, int name, int type, int64_t room, int64_t* count, void* values))                         \
  F(Error, cudnnBackendExecute, (DnnHandle * handle, DnnDescriptor plan, DnnDescriptor pack))

// Values of its enumerations: types of descriptors,
constexpr int kPointwise = 0, kConvolution = 1, kEngine = 2, kEngineConfig = 3, kHeuristic = 4, kExecutionPlan = 5,
              kConvolutionForward = 10, kPointwiseOperation = 13, kOperationGraph = 15, kVariantPack = 16, kTensor = 17;
// types of attributes,
constexpr int kHandleType = 0, kDataType = 1, kBoolean = 2, kInteger = 3, kReal = 4, kAddress = 6, kConvolutionMode = 7,
              kHeuristicMode = 8, kNumericalNote = 11, kPointwiseMode = 14, kDescriptorType = 15;
// attributes,
constexpr int kPointwiseModeOf = 0, kPointwisePrecision = 1, kReluLower = 3, kReluUpper = 4, kReluSlope = 5;
constexpr int kConvolutionPrecision = 100, kConvolutionModeOf = 101, kDilations = 102, kStrides = 103, kPadsAfter = 104,
              kPadsBefore = 105, kSpatialDims = 106;
constexpr int kHeuristicModeOf = 200, kHeuristicGraph = 201, kHeuristicResults = 202;
constexpr int kEngineOfConfig = 300;
constexpr int kPlanHandle = 400, kPlanConfig = 401, kPlanWorkspace = 402;
constexpr int kForwardAlpha = 700, kForwardBeta = 701, kForwardConvolution = 702, kForwardW = 703, kForwardX = 704,
              kForwardY = 705;
constexpr int kOperationPointwise = 750, kOperationX = 751, kOperationB = 752, kOperationY = 753;
constexpr int kGraphHandle = 800, kGraphOperations = 801;
constexpr int kTensorAlignment = 900, kTensorType = 901, kTensorDims = 902, kTensorStrides = 903, kTensorId = 906,
              kTensorVirtual = 907;
constexpr int kPackIds = 1000, kPackPointers = 1001, kPackWorkspace = 1003;
constexpr int kEngineNotes = 1303;
// and others.
constexpr int kFloat = 0, kHalf = 2, kBFloat16 = 9;  // types of data
constexpr int kCrossCorrelation = 1;
constexpr int kAdd = 0, kRelu = 100, kTanh = 101, kSigmoid = 102, kGelu = 104, kSwish = 106, kGeluTanh = 107;
constexpr int kHeuristicFallback = 2, kHeuristicBest = 3;
constexpr int kNoteTensorCore = 0, kNoteDownConverts = 1, kNoteNondeterministic = 4, kMostNotes = 16;

constexpr int64_t kMostWorkspace = 256 << 20;
constexpr size_t kMostEngines = 8;  // that are kept,
constexpr int64_t kMostTried = 64;  // of so many
constexpr int64_t kAlignment = 16;  // of every tensor
enum Id : int64_t { kX = 1, kW, kBias, kZ, kY, kFirstVirtual };

struct Dnn {
#define VIVACE_MEMBER(type, name, parameters) type(*name) parameters = nullptr;
  VIVACE_CUDNN(VIVACE_MEMBER)
#undef VIVACE_MEMBER
  bool load(void* file, std::string& missing) {
#define VIVACE_FIND(type, name, parameters)                        \
  name = reinterpret_cast<type(*) parameters>(dlsym(file, #name)); \
  if (!name) missing = #name;
    VIVACE_CUDNN(VIVACE_FIND)
#undef VIVACE_FIND
    return missing.empty();
  }
  Status status(Error error, const std::string& what) const {
    const char* text = cudnnGetErrorString(error);
    std::array<char, 512> last{};
    cudnnGetLastErrorString(last.data(), last.size() - 1);
    constexpr Error kNotSupported = 3000, kInternal = 4000, kNoHostMemory = 4003, kNoDeviceMemory = 4004;
    const Code code = error == kNoHostMemory || error == kNoDeviceMemory ? Code::out_of_memory
                      : error >= kNotSupported && error < kInternal      ? Code::unsupported
                                                                         : Code::device_unavailable;
    return {code, "cuDNN: " + what + " failed: " + (text ? text : "error " + std::to_string(error)) +
                      (last[0] ? std::string(": ") + last.data() : "")};
  }
};

#define VIVACE_DNN(library, call, what)                                             \
  do {                                                                              \
    if (const Error error_ = (library).call) return (library).status(error_, what); \
  } while (false)

Result<const Dnn*> dnn() {
  // Engines of it are compiled when they are made, and some call cuBLASLt: it finds both by name once they are open.
  static const OpenedLibrary<Dnn> opened = [] {
    (void)compiler_version();
    (void)cublaslt_version();
    return OpenedLibrary<Dnn>({"NVIDIA's cuDNN",
                               "VIVACE_CUDNN",
                               {"libcudnn.so.9"},
                               {"nvidia/cudnn/lib"},
                               "developer.nvidia.com/cudnn and with the Python package nvidia-cudnn-cu13"});
  }();
  return opened.get();
}

struct Attribute {
  int name, type;
  int64_t count;
  std::vector<std::byte> values;
};
template <class T>
Attribute attribute(int name, int type, const T* values, size_t count) {
  const auto bytes = std::as_bytes(std::span(values, count));
  return {name, type, static_cast<int64_t>(count), {bytes.begin(), bytes.end()}};
}
template <class T>
Attribute one(int name, int type, T value) {
  return attribute(name, type, &value, 1);
}
template <class T, size_t N>
Attribute all(int name, int type, const std::array<T, N>& values) {
  return attribute(name, type, values.data(), N);
}

class Descriptor {
 public:
  Descriptor(Descriptor&& other) noexcept : dnn_(other.dnn_), handle_(std::exchange(other.handle_, nullptr)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() {
    if (handle_) (void)dnn_->cudnnBackendDestroyDescriptor(handle_);
  }

  /// One that the library fills in.
  static Result<Descriptor> empty(const Dnn& dnn, int type) {
    Descriptor made(dnn);
    VIVACE_DNN(dnn, cudnnBackendCreateDescriptor(type, &made.handle_), "making a descriptor");
    return made;
  }
  static Result<Descriptor> make(const Dnn& dnn, int type, const std::vector<Attribute>& attributes) {
    VIVACE_ASSIGN(Descriptor made, empty(dnn, type));
    for (const Attribute& a : attributes)
      VIVACE_DNN(dnn, cudnnBackendSetAttribute(made.handle_, a.name, a.type, a.count, a.values.data()),
                 "attribute " + std::to_string(a.name) + " of descriptor " + std::to_string(type));
    VIVACE_DNN(dnn, cudnnBackendFinalize(made.handle_), "descriptor " + std::to_string(type));
    return made;
  }

  DnnDescriptor handle() const { return handle_; }

  /// Up to so many values of an attribute; how many there are.
  template <class T>
  Result<int64_t> get(int name, int type, int64_t room, T* values) const {
    int64_t count = 0;
    VIVACE_DNN(*dnn_, cudnnBackendGetAttribute(handle_, name, type, room, &count, values),
               "reading attribute " + std::to_string(name));
    return count;
  }

 private:
  explicit Descriptor(const Dnn& dnn) : dnn_(&dnn) {}
  const Dnn* dnn_;
  DnnDescriptor handle_ = nullptr;
};

// A handle works for one thread at a time, and on one stream.
struct Context {
  const Dnn& dnn;
  std::shared_ptr<Gpu> gpu;
  DnnHandle* handle = nullptr;
  std::mutex mutex;
};

Result<std::shared_ptr<Context>> context_of(const std::shared_ptr<Gpu>& gpu) {
  static auto& kept = *new PerContext<Context>();
  return kept.get(*gpu, "", [&]() -> Result<std::shared_ptr<Context>> {
    VIVACE_ASSIGN(const Dnn* library, dnn());
    auto made = std::shared_ptr<Context>(new Context{*library, gpu, nullptr, {}}, [](Context* context) {
      const Gpu::Scope scope(*context->gpu);
      if (context->handle) (void)context->dnn.cudnnDestroy(context->handle);
      delete context;
    });
    const Gpu::Scope scope(*gpu);
    VIVACE_DNN(*library, cudnnCreate(&made->handle), "cudnnCreate");
    return made;
  });
}

int data_type(DType type) { return type == DType::f16 ? kHalf : type == DType::bf16 ? kBFloat16 : kFloat; }

int mode_of(DnnConvolution::Activation activation) {
  using A = DnnConvolution::Activation;
  switch (activation) {
    case A::none:
    case A::relu: return kRelu;
    case A::sigmoid: return kSigmoid;
    case A::tanh: return kTanh;
    case A::silu: return kSwish;
    case A::gelu: return kGelu;
    case A::gelu_tanh: return kGeluTanh;
  }
  return kRelu;
}

}  // namespace

std::string DnnConvolution::key() const {
  std::string text = to_string(type);
  for (const Image* image : {&x, &w, &y, &z})
    for (const auto& numbers : {image->dims, image->strides})
      for (const int64_t n : numbers) text += " " + std::to_string(n);
  for (const auto& numbers : {strides, dilations, pads_before, pads_after})
    for (const int64_t n : numbers) text += " " + std::to_string(n);
  text += " " + std::to_string(z_last) + " " + std::to_string(static_cast<int>(activation));
  for (const float f : {lower, upper, slope}) text += " " + std::to_string(f);
  return text;
}

class DnnPlan {
 public:
  explicit DnnPlan(std::shared_ptr<Context> context) : context_(std::move(context)) {}

  Status open(const DnnConvolution& c) {
    const Gpu::Scope scope(*context_->gpu);
    const std::lock_guard lock(context_->mutex);
    has_z_ = c.has_z();
    VIVACE_TRY(add_operations(c));
    std::vector<DnnDescriptor> operations;
    for (const Descriptor& operation : operations_) operations.push_back(operation.handle());
    VIVACE_ASSIGN(
        const DnnDescriptor graph,
        add(kOperationGraph, {one(kGraphHandle, kHandleType, context_->handle),
                              attribute(kGraphOperations, kDescriptorType, operations.data(), operations.size())}));
    Status why(Code::unsupported, "cuDNN has no engine for it");
    for (const int mode : {kHeuristicBest, kHeuristicFallback})
      if (engines_.empty())
        if (Status found = find_engines(graph, mode, c.type); !found.ok()) why = std::move(found);
    return engines_.empty() ? why : Status();
  }

  size_t engines() const { return engines_.size(); }
  size_t workspace(size_t i) const { return engines_[i].workspace; }

  Status put(size_t i, StreamHandle* stream, const std::vector<DevicePointer>& at) const {
    const Dnn& dnn = context_->dnn;
    std::vector<int64_t> ids = {kX, kW, kBias, kY};
    std::vector<DevicePointer> pointers = {at[0], at[1], at[2], at[3]};
    if (has_z_) ids.push_back(kZ), pointers.push_back(at[5]);
    VIVACE_ASSIGN(const Descriptor pack,
                  Descriptor::make(dnn, kVariantPack,
                                   {attribute(kPackPointers, kAddress, pointers.data(), pointers.size()),
                                    attribute(kPackIds, kInteger, ids.data(), ids.size()),
                                    one(kPackWorkspace, kAddress, library_aligned(at[4]))}));
    const std::lock_guard lock(context_->mutex);
    VIVACE_DNN(dnn, cudnnSetStream(context_->handle, stream), "cudnnSetStream");
    VIVACE_DNN(dnn, cudnnBackendExecute(context_->handle, engines_[i].plan.handle(), pack.handle()),
               "cudnnBackendExecute");
    return {};
  }

 private:
  struct Engine {
    Descriptor plan;
    size_t workspace;
  };

  // Keeps the descriptor.
  Result<DnnDescriptor> add(int type, const std::vector<Attribute>& attributes) {
    VIVACE_ASSIGN(Descriptor made, Descriptor::make(context_->dnn, type, attributes));
    parts_.push_back(std::move(made));
    return parts_.back().handle();
  }
  Result<DnnDescriptor> tensor(int64_t id, int type, const DnnConvolution::Image& image) {
    return add(kTensor,
               {one(kTensorType, kDataType, type), all(kTensorDims, kInteger, image.dims),
                all(kTensorStrides, kInteger, image.strides), one(kTensorId, kInteger, id),
                one(kTensorAlignment, kInteger, kAlignment), one(kTensorVirtual, kBoolean, id >= kFirstVirtual)});
  }
  Status add_operation(int type, const std::vector<Attribute>& attributes) {
    VIVACE_ASSIGN(Descriptor made, Descriptor::make(context_->dnn, type, attributes));
    operations_.push_back(std::move(made));
    return {};
  }

  // In f32 from the sums to y, which the last operation rounds.
  Status add_operations(const DnnConvolution& c) {
    const int type = data_type(c.type);
    const bool activates = c.activation != DnnConvolution::Activation::none;
    int left = 1 + (c.has_z() ? 1 : 0) + (activates ? 1 : 0);  // after the convolution; the bias is always there
    int64_t next = kFirstVirtual;
    const auto result = [&]() { return left-- > 0 ? tensor(next++, kFloat, c.y) : tensor(kY, type, c.y); };

    VIVACE_ASSIGN(const DnnDescriptor x, tensor(kX, type, c.x));
    VIVACE_ASSIGN(const DnnDescriptor w, tensor(kW, type, c.w));
    VIVACE_ASSIGN(const DnnDescriptor convolution,
                  add(kConvolution, {one(kConvolutionPrecision, kDataType, kFloat),
                                     one(kConvolutionModeOf, kConvolutionMode, kCrossCorrelation),
                                     one(kSpatialDims, kInteger, int64_t{2}), all(kDilations, kInteger, c.dilations),
                                     all(kStrides, kInteger, c.strides), all(kPadsBefore, kInteger, c.pads_before),
                                     all(kPadsAfter, kInteger, c.pads_after)}));
    VIVACE_ASSIGN(DnnDescriptor sum, result());
    VIVACE_TRY(
        add_operation(kConvolutionForward,
                      {one(kForwardX, kDescriptorType, x), one(kForwardW, kDescriptorType, w),
                       one(kForwardY, kDescriptorType, sum), one(kForwardConvolution, kDescriptorType, convolution),
                       one(kForwardAlpha, kReal, 1.0f), one(kForwardBeta, kReal, 0.0f)}));
    const auto plus = [&](int64_t id, const DnnConvolution::Image& image) -> Status {
      VIVACE_ASSIGN(const DnnDescriptor other, tensor(id, type, image));
      VIVACE_ASSIGN(const DnnDescriptor how, add(kPointwise, {one(kPointwiseModeOf, kPointwiseMode, kAdd),
                                                              one(kPointwisePrecision, kDataType, kFloat)}));
      VIVACE_ASSIGN(const DnnDescriptor to, result());
      VIVACE_TRY(add_operation(kPointwiseOperation,
                               {one(kOperationPointwise, kDescriptorType, how), one(kOperationX, kDescriptorType, sum),
                                one(kOperationB, kDescriptorType, other), one(kOperationY, kDescriptorType, to)}));
      sum = to;
      return {};
    };
    const int64_t k = c.y.dims[1];
    if (c.has_z() && !c.z_last) VIVACE_TRY(plus(kZ, c.z));
    VIVACE_TRY(plus(kBias, {{1, k, 1, 1}, {k, 1, k, k}}));
    if (activates) {
      std::vector<Attribute> attributes = {one(kPointwiseModeOf, kPointwiseMode, mode_of(c.activation)),
                                           one(kPointwisePrecision, kDataType, kFloat)};
      if (c.activation == DnnConvolution::Activation::relu)
        for (const auto& [name, value, usual] :
             {std::tuple(kReluLower, c.lower, 0.0f), std::tuple(kReluUpper, c.upper, DnnConvolution().upper),
              std::tuple(kReluSlope, c.slope, 0.0f)})
          if (value != usual) attributes.push_back(one(name, kReal, value));
      VIVACE_ASSIGN(const DnnDescriptor how, add(kPointwise, attributes));
      VIVACE_ASSIGN(const DnnDescriptor to, result());
      VIVACE_TRY(add_operation(kPointwiseOperation,
                               {one(kOperationPointwise, kDescriptorType, how), one(kOperationX, kDescriptorType, sum),
                                one(kOperationY, kDescriptorType, to)}));
      sum = to;
    }
    if (c.has_z() && c.z_last) VIVACE_TRY(plus(kZ, c.z));
    return {};
  }

  // Execution plans of the engines that take the graph.
  Status find_engines(DnnDescriptor graph, int mode, DType type) {
    const Dnn& dnn = context_->dnn;
    VIVACE_ASSIGN(const Descriptor heuristic, Descriptor::make(dnn, kHeuristic,
                                                               {one(kHeuristicGraph, kDescriptorType, graph),
                                                                one(kHeuristicModeOf, kHeuristicMode, mode)}));
    VIVACE_ASSIGN(int64_t count, heuristic.get<DnnDescriptor>(kHeuristicResults, kDescriptorType, 0, nullptr));
    count = std::min(count, kMostTried);
    std::vector<DnnDescriptor> handles;
    std::vector<Descriptor> configs;
    for (int64_t i = 0; i < count; ++i) {
      VIVACE_ASSIGN(Descriptor config, Descriptor::empty(dnn, kEngineConfig));
      handles.push_back(config.handle());
      configs.push_back(std::move(config));
    }
    VIVACE_ASSIGN(count, heuristic.get(kHeuristicResults, kDescriptorType, count, handles.data()));
    Status why;
    for (size_t i = 0; i < configs.size() && static_cast<int64_t>(i) < count; ++i) {
      if (engines_.size() >= kMostEngines) break;
      if (Status refused = add_engine(std::move(configs[i]), type); !refused.ok() && why.ok()) why = std::move(refused);
    }
    return why;
  }

  Status add_engine(Descriptor config, DType type) {
    const Dnn& dnn = context_->dnn;
    VIVACE_ASSIGN(const Descriptor engine, Descriptor::empty(dnn, kEngine));
    DnnDescriptor handle = engine.handle();
    VIVACE_TRY(config.get(kEngineOfConfig, kDescriptorType, 1, &handle).status());
    std::array<int, kMostNotes> notes{};
    VIVACE_ASSIGN(const int64_t count, engine.get(kEngineNotes, kNumericalNote, kMostNotes, notes.data()));
    for (int64_t i = 0; i < std::min<int64_t>(count, kMostNotes); ++i) {
      const int note = notes[static_cast<size_t>(i)];
      if (note == kNoteNondeterministic || note == kNoteDownConverts || (note == kNoteTensorCore && type == DType::f32))
        return {Code::unsupported, "cuDNN computes it in less than f32, or in an order left to chance"};
    }
    VIVACE_ASSIGN(Descriptor plan, Descriptor::make(dnn, kExecutionPlan,
                                                    {one(kPlanHandle, kHandleType, context_->handle),
                                                     one(kPlanConfig, kDescriptorType, config.handle())}));
    int64_t bytes = 0;
    VIVACE_TRY(plan.get(kPlanWorkspace, kInteger, 1, &bytes).status());
    if (bytes > kMostWorkspace)
      return {Code::unsupported, "cuDNN wants " + std::to_string(bytes) + " bytes of workspace for it"};
    parts_.push_back(std::move(config));
    engines_.push_back({std::move(plan), static_cast<size_t>(bytes)});
    return {};
  }

  std::shared_ptr<Context> context_;
  bool has_z_ = false;
  std::vector<Descriptor> parts_, operations_;
  std::vector<Engine> engines_;
};

Result<std::string> cudnn_version() {
  VIVACE_ASSIGN(const Dnn* library, dnn());
  return version_text(library->cudnnGetVersion());
}

Result<std::shared_ptr<DnnPlan>> dnn_plan(const DnnConvolution& convolution, int ordinal) {
  static auto& kept = *new PerContext<DnnPlan>();
  VIVACE_ASSIGN(const std::shared_ptr<Gpu> gpu, Gpu::open(ordinal));
  return kept.get(*gpu, convolution.key(), [&]() -> Result<std::shared_ptr<DnnPlan>> {
    VIVACE_ASSIGN(std::shared_ptr<Context> context, context_of(gpu));
    auto made = std::make_shared<DnnPlan>(std::move(context));
    VIVACE_TRY(made->open(convolution));
    return made;
  });
}

size_t algorithms(const DnnPlan& plan) { return plan.engines(); }
size_t workspace(const DnnPlan& plan, size_t algorithm) { return plan.workspace(algorithm); }
std::shared_ptr<const LibraryCall> dnn_call(std::shared_ptr<DnnPlan> plan, size_t algorithm) {
  return std::make_shared<PlanCall<DnnPlan>>(std::move(plan), algorithm);
}

}  // namespace vivace::cuda
