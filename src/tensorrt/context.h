// IExecutionContext.
#pragma once

#include <set>

#include "tensorrt/device.h"
#include "tensorrt/engine.h"

namespace vivace::tensorrt {

class Context final : public nvinfer1::IExecutionContext {
 public:
  using Dims = nvinfer1::Dims;

  static Result<std::unique_ptr<Context>> create(Engine& engine, nvinfer1::ExecutionContextAllocationStrategy strategy);
  ~Context() noexcept override {
    --core_->contexts;
    errors_.record_to(nullptr);
  }

  bool executeV2(void* const* bindings) noexcept override;
  bool enqueueV3(cudaStream_t stream) noexcept override;
  bool execute(int32_t batch, void* const* bindings) noexcept override;
  bool enqueue(int32_t batch, void* const* bindings, cudaStream_t stream, cudaEvent_t*) noexcept override;
  bool enqueueV2(void* const* bindings, cudaStream_t stream, cudaEvent_t*) noexcept override;

  bool setInputShape(char const* name, Dims const& dims) noexcept override;
  Dims getTensorShape(char const* name) const noexcept override;
  Dims getTensorStrides(char const* name) const noexcept override;
  bool allInputDimensionsSpecified() const noexcept override;
  bool allInputShapesSpecified() const noexcept override { return allInputDimensionsSpecified(); }
  int32_t inferShapes(int32_t capacity, char const** names) noexcept override;
  int32_t getOptimizationProfile() const noexcept override { return profile_; }
  bool setOptimizationProfile(int32_t index) noexcept override;
  bool setOptimizationProfileAsync(int32_t index, cudaStream_t) noexcept override {
    return setOptimizationProfile(index);
  }

  bool setTensorAddress(char const* name, void* data) noexcept override;
  bool setInputTensorAddress(char const* name, void const* data) noexcept override;
  bool setOutputTensorAddress(char const* name, void* data) noexcept override;
  void const* getTensorAddress(char const* name) const noexcept override;
  void* getOutputTensorAddress(char const* name) const noexcept override;
  bool setOutputAllocator(char const* name, nvinfer1::IOutputAllocator* allocator) noexcept override;
  nvinfer1::IOutputAllocator* getOutputAllocator(char const* name) const noexcept override;
  int64_t getMaxOutputSize(char const* name) const noexcept override;

  bool setBindingDimensions(int32_t index, Dims dims) noexcept override;
  Dims getBindingDimensions(int32_t index) const noexcept override;
  Dims getStrides(int32_t index) const noexcept override;
  bool setInputShapeBinding(int32_t index, int32_t const* data) noexcept override;
  bool getShapeBinding(int32_t index, int32_t* data) const noexcept override;

  void setProfiler(nvinfer1::IProfiler* profiler) noexcept override;
  nvinfer1::IProfiler* getProfiler() const noexcept override { return profiler_; }
  void setEnqueueEmitsProfile(bool emits) noexcept override { enqueue_emits_profile_ = emits; }
  bool getEnqueueEmitsProfile() const noexcept override { return enqueue_emits_profile_; }
  bool reportToProfiler() const noexcept override;

  nvinfer1::ICudaEngine const& getEngine() const noexcept override { return of_; }
  void setName(char const* name) noexcept override;
  char const* getName() const noexcept override { return name_.c_str(); }
  void setErrorRecorder(nvinfer1::IErrorRecorder* recorder) noexcept override { errors_.record_to(recorder); }
  nvinfer1::IErrorRecorder* getErrorRecorder() const noexcept override { return errors_.recorder; }

  void setDeviceMemory(void* memory) noexcept override;
  void setDeviceMemoryV2(void* memory, int64_t size) noexcept override;
  std::size_t updateDeviceMemorySizeForShapes() noexcept override;
  bool setDebugListener(nvinfer1::IDebugListener* listener) noexcept override { return debug_ = listener, true; }
  nvinfer1::IDebugListener* getDebugListener() noexcept override { return debug_; }
  bool setTensorDebugState(char const* name, bool on) noexcept override;
  bool getDebugState(char const* name) const noexcept override { return name && debug_on_.contains(name); }
  bool setAllTensorsDebugState(bool on) noexcept override;
  bool setUnfusedTensorsDebugState(bool on) noexcept override;
  bool getUnfusedTensorsDebugState() const noexcept override { return unfused_on_; }

  // Accepted and kept; the event is recorded where the client's stream is the driver's.
  void setDebugSync(bool sync) noexcept override { debug_sync_ = sync; }
  bool getDebugSync() const noexcept override { return debug_sync_; }
  bool setInputConsumedEvent(cudaEvent_t event) noexcept override { return consumed_ = event, true; }
  cudaEvent_t getInputConsumedEvent() const noexcept override { return consumed_; }
  bool setTemporaryStorageAllocator(nvinfer1::IGpuAllocator* allocator) noexcept override {
    return allocator_ = allocator, true;
  }
  nvinfer1::IGpuAllocator* getTemporaryStorageAllocator() const noexcept override { return allocator_; }
  void setPersistentCacheLimit(std::size_t size) noexcept override { cache_limit_ = size; }
  std::size_t getPersistentCacheLimit() const noexcept override { return cache_limit_; }
  bool setNvtxVerbosity(nvinfer1::ProfilingVerbosity verbosity) noexcept override { return nvtx_ = verbosity, true; }
  nvinfer1::ProfilingVerbosity getNvtxVerbosity() const noexcept override { return nvtx_; }
  void setAuxStreams(cudaStream_t*, int32_t) noexcept override {}
  nvinfer1::IRuntimeConfig* getRuntimeConfig() const noexcept override { return &config_; }
  bool setCommunicator(void*) noexcept override;

 private:
  // What the context knows of a slot.
  struct Port {
    Shape shape;                    // the engine's, with the batch that clients do not see
    bool specified = false;         // an input's shape is complete
    std::optional<Shape> inferred;  // an output's, for the inputs' shapes; empty where it depends on data
    void* address = nullptr;
    Home home = Home::unknown;  // of the address, at a run
    Tensor near, wide;     // an input's elements on the host, and as the engine takes them, for the client's fewer bits
    bool wrapped = false;  // an output's tensor is the client's memory
    nvinfer1::IOutputAllocator* allocator = nullptr;
  };

  Context(Engine& engine, std::shared_ptr<Core> core);
  bool user_managed() const {
    return config_.getExecutionContextAllocationStrategy() == RuntimeConfig::Strategy::kUSER_MANAGED;
  }
  bool implicit() const { return core_->metadata().implicit_batch; }
  void reset_shapes();
  Status set_shape(const Slot& slot, Shape shape);
  Status set_batch(int64_t batch);
  /// Makes sure that the outputs' shapes are those of the inputs' shapes.
  Status infer();
  /// The shape as the client sees it, -1 where it is not known yet.
  Dims visible_shape(const Slot& slot);
  Status refresh();  // after the engine was refitted
  Status use_lent();
  /// Has the client's allocator, if there is one, give the memory that the strategy asks for now.
  Status reserve();
  /// Has the input's elements on the host, as the engine takes them.
  Status fetch(const Slot& slot, Port& port, cudaStream_t stream);
  /// Shows a debug tensor to whoever listens, if it is one that is switched on.
  Status show(const DebugTensor& tensor, const void* data, nvinfer1::TensorLocation location, DType type,
              const Shape& shape, cudaStream_t stream);
  /// Whether the driver knows any of the memory that is bound, and so the stream.
  bool uses_driver() const;
  /// On memory of the host, into which that of a GPU is copied.
  Status run_on_host_memory(bool emits_profile, cudaStream_t stream);
  /// On memory of the GPU that the engine runs on, into which that of the host is copied; queued, where all is the
  /// driver's, in the client's stream.
  Status run_on_gpu_memory(bool waits, cudaStream_t clients);
  Status run(bool emits_profile, bool waits, cudaStream_t stream);
  /// run(), or has the graph that the stream is captured into run with what is bound now.
  Status run_on(cudaStream_t stream, cudaEvent_t* consumed = nullptr);
  void replay(const std::vector<Port>& ports, cudaStream_t stream);
  Status prepare_output(const Slot& slot, Port& port, cudaStream_t stream);
  Status deliver(const Slot& slot, Port& port, cudaStream_t stream);
  Status bind(void* const* bindings);
  void report_profile() const;
  Port& port(const Slot& slot) { return ports_[static_cast<size_t>(&slot - core_->slots().data())]; }
  const Port& port(const Slot& slot) const { return const_cast<Context*>(this)->port(slot); }

  const Engine& of_;
  std::shared_ptr<Core> core_;
  std::shared_ptr<runtime::Engine> engine_;
  std::unique_ptr<runtime::Context> context_;
  uint64_t generation_ = 0;
  std::vector<Port> ports_;
  std::vector<TensorView> inputs_;
  std::vector<Tensor> outputs_;
  std::unique_ptr<Bridge> bridge_;                   // of an engine on a GPU
  std::vector<Shape> input_shapes_, output_shapes_;  // as infer() found them; shapes that depend on data are empty
  std::vector<backends::DeviceBuffer> from_, to_;    // what is queued, by the engine's order
  bool stale_ = true;                                // the outputs' shapes are not those of the inputs' shapes
  int32_t profile_ = 0;
  nvinfer1::IProfiler* profiler_ = nullptr;
  bool enqueue_emits_profile_ = true;
  Errors errors_;
  std::string name_;

  bool debug_sync_ = false;
  cudaEvent_t consumed_ = nullptr;
  nvinfer1::IGpuAllocator* allocator_ = nullptr;
  std::size_t cache_limit_ = 0;
  nvinfer1::ProfilingVerbosity nvtx_ = nvinfer1::ProfilingVerbosity::kLAYER_NAMES_ONLY;
  void* user_memory_ = nullptr;
  std::size_t user_bytes_ = 0;
  nvinfer1::IDebugListener* debug_ = nullptr;
  std::vector<DebugTensor> debug_tensors_;
  std::set<std::string> debug_on_;
  bool unfused_on_ = false;
  mutable RuntimeConfig config_;
};

}  // namespace vivace::tensorrt
