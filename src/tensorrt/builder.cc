#include "tensorrt/builder.h"

#include "base/threads.h"
#include "ops/operator.h"
#include "tensorrt/device.h"
#include "tensorrt/engine.h"
#include "tensorrt/host_memory.h"
#include "tensorrt/personality.h"

namespace vivace::tensorrt {

using Severity = nvinfer1::ILogger::Severity;

void Builder::setErrorRecorder(nvinfer1::IErrorRecorder* recorder) noexcept { errors_.record_to(recorder); }

bool Builder::platformHasFastFp16() const noexcept {
  bool has = false;
  guarded(errors_, [&] { return has = device_of_builds() != "cpu", Status(); });
  return has;
}

bool Builder::setMaxThreads(int32_t threads) noexcept {
  return guarded(errors_, [&]() -> Status {
    if (threads < 1)
      return {Code::invalid_argument, "setMaxThreads: at least one thread is needed, not " + std::to_string(threads)};
    options_.threads = threads;
    return {};
  });
}

int32_t Builder::getMaxThreads() const noexcept { return options_.threads ? options_.threads : available_processors(); }

nvinfer1::IPluginRegistry& Builder::getPluginRegistry() noexcept { return *::getPluginRegistry(); }

void Builder::reset() noexcept {
  options_ = {};
  own_config_.reset();
  errors_.record_to(nullptr);
  allocator_ = nullptr;
}

nvinfer1::IBuilderConfig* Builder::createBuilderConfig() noexcept {
  nvinfer1::IBuilderConfig* made = nullptr;
  guarded(errors_, [&] { return made = new BuilderConfig(errors_), Status(); });
  return made;
}

nvinfer1::INetworkDefinition* Builder::createNetworkV2(nvinfer1::NetworkDefinitionCreationFlags flags) noexcept {
  // From generation 10 on the batch is always explicit.
  constexpr auto kExplicit = 1U << static_cast<int32_t>(nvinfer1::NetworkDefinitionCreationFlag::kEXPLICIT_BATCH);
  const bool implicit = NV_TENSORRT_MAJOR < 10 && (flags & kExplicit) == 0;
  nvinfer1::INetworkDefinition* made = nullptr;
  guarded(errors_, [&] { return made = new Network(this, errors_.logger, flags, implicit, narrow_), Status(); });
  return made;
}

nvinfer1::IOptimizationProfile* Builder::createOptimizationProfile() noexcept {
  nvinfer1::IOptimizationProfile* made = nullptr;
  guarded(errors_, [&] {
    made = profiles_.emplace_back(std::make_unique<OptimizationProfile>()).get();
    return Status();
  });
  return made;
}

void Builder::setMaxBatchSize(int32_t batch) noexcept {
  guarded(errors_, [&]() -> Status {
    if (batch < 1)
      return {Code::invalid_argument, "setMaxBatchSize: the batch is at least 1, not " + std::to_string(batch)};
    options_.max_batch = batch;
    return {};
  });
}

Result<std::vector<std::byte>> Builder::build(nvinfer1::INetworkDefinition& network, nvinfer1::IBuilderConfig& config) {
  VIVACE_ASSIGN(const plan::Plan plan, build_plan(static_cast<Network&>(network),
                                                  static_cast<const BuilderConfig&>(config), options_, errors_));
  return plan::to_bytes(plan);
}

nvinfer1::IHostMemory* Builder::buildSerializedNetwork(nvinfer1::INetworkDefinition& network,
                                                       nvinfer1::IBuilderConfig& config) noexcept {
  nvinfer1::IHostMemory* made = nullptr;
  guarded(errors_, [&]() -> Status {
    VIVACE_ASSIGN(std::vector<std::byte> bytes, build(network, config));
    made = new HostMemory(std::move(bytes));
    return {};
  });
  return made;
}

// Plans have no kernels as text.
nvinfer1::IHostMemory* Builder::buildSerializedNetwork(nvinfer1::INetworkDefinition& network,
                                                       nvinfer1::IBuilderConfig& config,
                                                       nvinfer1::IHostMemory*& kernel_text) noexcept {
  kernel_text = nullptr;
  return buildSerializedNetwork(network, config);
}

bool Builder::buildSerializedNetworkToStream(nvinfer1::INetworkDefinition& network, nvinfer1::IBuilderConfig& config,
                                             nvinfer1::IStreamWriter& writer) noexcept {
  return guarded(errors_, [&]() -> Status {
    VIVACE_ASSIGN(const std::vector<std::byte> bytes, build(network, config));
    const auto size = static_cast<int64_t>(bytes.size());
    const int64_t written = writer.write(bytes.data(), size);
    if (written == size) return {};
    return {Code::io_error,
            "the stream writer took " + std::to_string(written) + " of the plan's " + std::to_string(size) + " bytes"};
  });
}

nvinfer1::ICudaEngine* Builder::buildEngineWithConfig(nvinfer1::INetworkDefinition& network,
                                                      nvinfer1::IBuilderConfig& config) noexcept {
  nvinfer1::ICudaEngine* made = nullptr;
  guarded(errors_, [&]() -> Status {
    // Through bytes: the plan just made shares weights with the client, who may free them once the engine is built.
    VIVACE_ASSIGN(const std::vector<std::byte> bytes, build(network, config));
    VIVACE_ASSIGN(std::shared_ptr<Core> core, Core::load(bytes, {options_.threads, narrow_, false, allocator_}));
    made = new Engine(std::move(core), errors_);
    return {};
  });
  return made;
}

bool Builder::isNetworkSupported(const nvinfer1::INetworkDefinition& network,
                                 const nvinfer1::IBuilderConfig&) const noexcept {
  return guarded(errors_, [&]() -> Status {
    // Layers become a graph only on demand, so a network that is only read changes within.
    auto& own = const_cast<Network&>(static_cast<const Network&>(network));
    VIVACE_ASSIGN(const std::unique_ptr<ir::Graph> graph, own.to_graph());
    return ops::infer_graph(*graph);
  });
}

}  // namespace vivace::tensorrt

extern "C" TENSORRTAPI void* createInferBuilder_INTERNAL(void* logger, int32_t version) noexcept {
  using namespace vivace::tensorrt;
  if (!logger) return nullptr;
  if (is_other_generation(version)) {
    using Create = void* (*)(void*, int32_t);
    const auto create = reinterpret_cast<Create>(other_generation("libnvinfer", "createInferBuilder_INTERNAL"));
    return create ? create(logger, version) : nullptr;
  }
  auto& to = *static_cast<nvinfer1::ILogger*>(logger);
  Builder* made = nullptr;
  guarded(Errors{&to, nullptr}, [&] { return made = new Builder(to, !knows_int64(version)), vivace::Status(); });
  return static_cast<nvinfer1::IBuilder*>(made);
}
