#include "tensorrt/engine.h"

#include <algorithm>

#include "tensorrt/context.h"
#include "tensorrt/formats.h"
#include "tensorrt/host_memory.h"
#include "tensorrt/inspector.h"
#include "tensorrt/stripping.h"
#include "tensorrt/types.h"

namespace vivace::tensorrt {

using nvinfer1::Dims;
using nvinfer1::TensorIOMode;
using nvinfer1::TensorLocation;

namespace {

Status bad(const std::string& what) { return {Code::invalid_argument, what}; }

const Shape& end_of(const plan::ShapeRange& range, nvinfer1::OptProfileSelector select) {
  switch (select) {
    case nvinfer1::OptProfileSelector::kMIN: return range.min;
    case nvinfer1::OptProfileSelector::kMAX: return range.max;
    default: return range.opt;
  }
}

TensorLocation location(const Slot* slot) {
  return slot && (slot->shape_tensor || slot->host) ? TensorLocation::kHOST : TensorLocation::kDEVICE;
}

int32_t bytes_per_component(const Slot* slot) { return slot ? std::max(bits_of(slot->type) / 8, 1) : -1; }

}  // namespace

const Slot* Engine::slot(char const* name) const {
  const int index = core_->find(name);
  if (index >= 0) return &core_->slots()[static_cast<size_t>(index)];
  guarded(errors_, [&] { return core_->unknown(name); });
  return nullptr;
}

const Slot* Engine::binding(int32_t index, int32_t* profile) const {
  if (index >= 0 && index < getNbBindings()) {
    if (profile) *profile = index / getNbIOTensors();
    return &core_->slots()[static_cast<size_t>(index % getNbIOTensors())];
  }
  guarded(errors_, [&] {
    return bad("there is no binding " + std::to_string(index) + "; the engine has " + std::to_string(getNbBindings()));
  });
  return nullptr;
}

bool Engine::profile_exists(int32_t index) const {
  if (index >= 0 && index < getNbOptimizationProfiles()) return true;
  guarded(errors_, [&] {
    return bad("there is no optimization profile " + std::to_string(index) + "; the engine has " +
               std::to_string(getNbOptimizationProfiles()));
  });
  return false;
}

nvinfer1::TensorFormat Engine::format(const Slot* slot) const {
  if (!slot) return nvinfer1::TensorFormat::kLINEAR;
  return single_format(core_->metadata().bindings[static_cast<size_t>(slot - core_->slots().data())].formats);
}
int32_t Engine::components(const Slot* slot) const { return slot ? components_of(format(slot)) : -1; }
int32_t Engine::vectorized(const Slot* slot) const {
  return slot ? vectorized_dim(format(slot), static_cast<int32_t>(slot->dims.size())) : -1;
}

std::optional<Shape> Engine::profile_shape(const Slot& slot, int32_t profile, Selector select) const {
  if (!slot.input) return std::nullopt;
  const Profile& of = core_->metadata().profiles[static_cast<size_t>(profile)];
  if (const auto at = of.shapes.find(slot.name); at != of.shapes.end()) return end_of(at->second, select);
  return slot.dims;
}

Dims Engine::getTensorShape(char const* name) const noexcept {
  const Slot* found = slot(name);
  return found ? to_dims(found->dims) : no_dims();
}

nvinfer1::DataType Engine::getTensorDataType(char const* name) const noexcept {
  const Slot* found = slot(name);
  return found ? found->data_type : DataType::kFLOAT;
}

int32_t Engine::getNbLayers() const noexcept {
  return static_cast<int32_t>(core_->engine()->executor().program().choices.size());
}

nvinfer1::TacticSources Engine::getTacticSources() const noexcept {
  const auto& options = core_->engine()->plan().options;
  const auto given = options.find("tactic_sources");
  const std::string names = given == options.end() ? std::string() : given->second;
  using Source = nvinfer1::TacticSource;
  nvinfer1::TacticSources sources = 0;
  for (const auto& [name, source] : {std::pair("cudnn", Source::kCUDNN), std::pair("cublaslt", Source::kCUBLAS_LT)})
    if (names.find(name) != std::string::npos) sources |= 1U << static_cast<int32_t>(source);
  return sources;
}

nvinfer1::IHostMemory* Engine::serialized(bool with_weights, bool refittable) const noexcept {
  nvinfer1::IHostMemory* made = nullptr;
  guarded(errors_, [&]() -> Status {
    const std::shared_ptr<runtime::Engine> engine = core_->engine();
    const plan::Plan* plan = &engine->plan();
    plan::Plan changed;
    if (core_->lacks_weights() || (!with_weights && isRefittable() && plan->portable)) {
      plan = &(changed = without_weights(*plan, core_->metadata()));
    } else if (isRefittable() && !refittable) {
      changed = *plan;
      Metadata metadata = core_->metadata();
      metadata.stripped_bytes = 0;
      metadata.refittable = false;
      describe(changed, metadata);
      plan = &changed;
    }
    VIVACE_ASSIGN(std::vector<std::byte> bytes, plan::to_bytes(*plan));
    made = new HostMemory(std::move(bytes));
    return {};
  });
  return made;
}

nvinfer1::IHostMemory* Engine::serialize() const noexcept { return serialized(true, true); }

nvinfer1::IHostMemory* Engine::serializeWithConfig(nvinfer1::ISerializationConfig& config) const noexcept {
  return serialized(!config.getFlag(nvinfer1::SerializationFlag::kEXCLUDE_WEIGHTS),
                    config.getFlag(nvinfer1::SerializationFlag::kINCLUDE_REFIT));
}

nvinfer1::IExecutionContext* Engine::createExecutionContext(
    nvinfer1::ExecutionContextAllocationStrategy strategy) noexcept {
  Context* made = nullptr;
  guarded(errors_, [&]() -> Status {
    VIVACE_ASSIGN(std::unique_ptr<Context> context, Context::create(*this, strategy));
    made = context.release();
    return {};
  });
  return made;
}

nvinfer1::IExecutionContext* Engine::createExecutionContext(nvinfer1::IRuntimeConfig* config) noexcept {
  return createExecutionContext(config ? config->getExecutionContextAllocationStrategy()
                                       : RuntimeConfig::Strategy::kSTATIC);
}

nvinfer1::IExecutionContext* Engine::createExecutionContextWithoutDeviceMemory() noexcept {
  return createExecutionContext(RuntimeConfig::Strategy::kUSER_MANAGED);
}

nvinfer1::IRuntimeConfig* Engine::createRuntimeConfig() noexcept { return new (std::nothrow) RuntimeConfig; }

nvinfer1::ISerializationConfig* Engine::createSerializationConfig() noexcept {
  return new (std::nothrow) SerializationConfig;
}

nvinfer1::IEngineInspector* Engine::createEngineInspector() const noexcept {
  Inspector* made = nullptr;
  guarded(errors_, [&] { return made = new Inspector(core_, errors_), Status(); });
  return made;
}

TensorLocation Engine::getTensorLocation(char const* name) const noexcept { return location(slot(name)); }

bool Engine::isShapeInferenceIO(char const* name) const noexcept {
  const Slot* found = slot(name);
  return found && found->shape_tensor;
}

TensorIOMode Engine::getTensorIOMode(char const* name) const noexcept {
  const int index = core_->find(name);  // asking for a name that is none is no error
  if (index < 0) return TensorIOMode::kNONE;
  return core_->slots()[static_cast<size_t>(index)].input ? TensorIOMode::kINPUT : TensorIOMode::kOUTPUT;
}

// An updated cache may lie where the cache does.
char const* Engine::getAliasedInputTensor(char const* name) const noexcept {
  const Slot* found = slot(name);
  if (!found || found->input) return nullptr;
  const ir::Graph& graph = core_->engine()->executor().graph();
  const ir::Node* const producer = graph.outputs()[found->index]->producer();
  if (!producer || producer->op != "TensorScatter") return nullptr;
  for (const Slot& other : core_->slots())
    if (other.input && graph.inputs()[other.index] == producer->input(0)) return other.name.c_str();
  return nullptr;
}

Result<std::size_t> Engine::memory_needed(int32_t profile) const {
  if (profile == kAllProfiles) {
    std::size_t most = 0;
    for (int32_t i = 0; i < getNbOptimizationProfiles(); ++i) {
      VIVACE_ASSIGN(const std::size_t bytes, memory_needed(i));
      most = std::max(most, bytes);
    }
    return most;
  }
  const std::lock_guard lock(mutex_);
  const std::pair key(core_->generation(), profile);
  if (const auto known = memory_.find(key); known != memory_.end()) return known->second;
  const std::shared_ptr<runtime::Engine> engine = core_->engine();
  const auto& own = core_->metadata().profiles[static_cast<size_t>(profile)].shapes;
  std::vector<Shape> shapes;
  for (size_t i = 0; i < engine->ranges().size(); ++i) {
    const auto given = own.find(engine->inputs()[i].name);
    const plan::ShapeRange& range = given != own.end() ? given->second : engine->ranges()[i];
    const bool limited = std::all_of(range.max.begin(), range.max.end(), [](int64_t d) { return d >= 0; });
    shapes.push_back(limited ? range.max : range.opt);
  }
  VIVACE_ASSIGN(const backends::MemoryUse use, engine->memory_use(shapes));
  return memory_[key] = use.arena_bytes;
}

std::size_t Engine::getDeviceMemorySize() const noexcept {
  std::size_t bytes = 0;
  guarded(errors_, [&]() -> Status {
    VIVACE_ASSIGN(bytes, memory_needed(kAllProfiles));
    return {};
  });
  return bytes;
}

std::size_t Engine::getDeviceMemorySizeForProfile(int32_t profile) const noexcept {
  std::size_t bytes = 0;
  if (profile_exists(profile))
    guarded(errors_, [&]() -> Status {
      VIVACE_ASSIGN(bytes, memory_needed(profile));
      return {};
    });
  return bytes;
}

int64_t Engine::getStreamableWeightsSize() const noexcept {
  return core_->metadata().weight_streaming ? getEngineStat(nvinfer1::EngineStat::kTOTAL_WEIGHTS_SIZE) : 0;
}

int64_t Engine::getMinimumWeightStreamingBudget() const noexcept {
  size_t largest = 0;
  if (core_->metadata().weight_streaming)
    for (const ir::Value* value : core_->engine()->executor().graph().values())
      if (value->is_constant()) largest = std::max(largest, value->constant().bytes());
  return static_cast<int64_t>(largest);
}

Status Engine::check_streaming() const {
  if (!core_->metadata().weight_streaming)
    return bad("weight streaming: build the engine with BuilderFlag::kWEIGHT_STREAMING to set a budget");
  if (core_->contexts > 0)
    return bad("weight streaming: the budget can be set only while the engine has no contexts; it has " +
               std::to_string(core_->contexts));
  return {};
}

bool Engine::setWeightStreamingBudget(int64_t bytes) noexcept {
  return guarded(errors_, [&]() -> Status {
    VIVACE_TRY(check_streaming());
    const int64_t least = getMinimumWeightStreamingBudget();
    if (bytes < -1 || (bytes > 0 && bytes < least))
      return bad("weight streaming: a budget of " + std::to_string(bytes) + " bytes is neither -1, 0 nor at least " +
                 std::to_string(least));
    core_->weight_budget = bytes > 0 ? bytes : -1;
    return {};
  });
}

bool Engine::setWeightStreamingBudgetV2(int64_t bytes) noexcept {
  return guarded(errors_, [&]() -> Status {
    VIVACE_TRY(check_streaming());
    if (bytes < 0) return bad("weight streaming: a budget is not negative");
    core_->weight_budget = bytes < getStreamableWeightsSize() ? bytes : -1;
    return {};
  });
}

int64_t Engine::getWeightStreamingBudgetV2() const noexcept {
  return core_->weight_budget < 0 ? getStreamableWeightsSize() : core_->weight_budget.load();
}

bool Engine::isDebugTensor(char const* name) const noexcept {
  const std::vector<std::string>& marked = core_->metadata().debug;
  return name && std::find(marked.begin(), marked.end(), name) != marked.end();
}

int32_t Engine::getTensorBytesPerComponent(char const* name) const noexcept { return bytes_per_component(slot(name)); }

char const* Engine::getTensorFormatDesc(char const* name) const noexcept {
  const Slot* found = slot(name);
  return found ? format_text(found->data_type) : "";
}

Dims Engine::getProfileShape(char const* name, int32_t profile, Selector select) const noexcept {
  const Slot* found = slot(name);
  if (!found || !profile_exists(profile)) return no_dims();
  Dims made = no_dims();
  guarded(errors_, [&]() -> Status {
    const std::optional<Shape> shape = profile_shape(*found, profile, select);
    if (!shape) return bad("'" + found->name + "' is an output; profiles are of inputs");
    made = to_dims(*shape);
    return {};
  });
  return made;
}

const Shape* Engine::profile_values(char const* name, int32_t profile, Selector select) const {
  const Slot* found = slot(name);
  if (!found || !profile_exists(profile)) return nullptr;
  const auto& values = core_->metadata().profiles[static_cast<size_t>(profile)].values;
  const auto at = values.find(found->name);
  return at == values.end() ? nullptr : &end_of(at->second, select);
}

int64_t const* Engine::getProfileTensorValuesV2(char const* name, int32_t profile, Selector select) const noexcept {
  const Shape* values = profile_values(name, profile, select);
  return values ? values->data() : nullptr;
}

int32_t const* Engine::getProfileTensorValues(char const* name, int32_t profile, Selector select) const noexcept {
  const Shape* values = profile_values(name, profile, select);
  if (!values) return nullptr;
  const int32_t* made = nullptr;
  const std::lock_guard lock(mutex_);
  guarded(errors_, [&] {
    std::vector<int32_t>& narrow = narrow_[values];
    if (narrow.empty()) narrow.assign(values->begin(), values->end());
    made = narrow.data();
    return Status();
  });
  return made;
}

char const* Engine::getIOTensorName(int32_t index) const noexcept {
  if (index >= 0 && index < getNbIOTensors()) return core_->slots()[static_cast<size_t>(index)].name.c_str();
  guarded(errors_, [&] {
    return bad("there is no input or output " + std::to_string(index) + "; the engine has " +
               std::to_string(getNbIOTensors()));
  });
  return nullptr;
}

int64_t Engine::getEngineStat(nvinfer1::EngineStat stat) const noexcept {
  if (stat != nvinfer1::EngineStat::kTOTAL_WEIGHTS_SIZE) {
    const int64_t stripped = core_->metadata().stripped_bytes;
    return stat == nvinfer1::EngineStat::kSTRIPPED_WEIGHTS_SIZE && stripped > 0 ? stripped : -1;
  }
  int64_t bytes = 0;
  for (const ir::Value* value : core_->engine()->executor().graph().values())
    if (value->is_constant()) bytes += static_cast<int64_t>(value->constant().bytes());
  return bytes;
}

int32_t Engine::getBindingIndex(char const* name) const noexcept {
  const int index = core_->find(name);
  if (index >= 0) return index;
  for (int32_t i = getNbIOTensors(); name && i < getNbBindings(); ++i)
    if (const char* other = getBindingName(i); other && std::string_view(other) == name) return i;
  guarded(errors_, [&] { return core_->unknown(name); });
  return -1;
}

// The bindings of profile 0 are called as their tensors; those of later profiles say so.
char const* Engine::getBindingName(int32_t index) const noexcept {
  int32_t profile = 0;
  const Slot* found = binding(index, &profile);
  if (!found) return nullptr;
  if (profile == 0) return found->name.c_str();
  const char* made = nullptr;
  const std::lock_guard lock(mutex_);
  guarded(errors_, [&] {
    const std::string text = found->name + " [profile " + std::to_string(profile) + "]";
    made = texts_.emplace(text, text).first->second.c_str();
    return Status();
  });
  return made;
}

bool Engine::bindingIsInput(int32_t index) const noexcept {
  const Slot* found = binding(index);
  return found && found->input;
}

Dims Engine::getBindingDimensions(int32_t index) const noexcept {
  const Slot* found = binding(index);
  return found ? to_dims(found->dims) : no_dims();
}

nvinfer1::DataType Engine::getBindingDataType(int32_t index) const noexcept {
  const Slot* found = binding(index);
  return found ? found->data_type : DataType::kFLOAT;
}

int32_t Engine::getMaxBatchSize() const noexcept {
  return core_->metadata().implicit_batch ? static_cast<int32_t>(core_->metadata().max_batch) : 1;
}

TensorLocation Engine::getLocation(int32_t index) const noexcept { return location(binding(index)); }

int32_t Engine::getBindingBytesPerComponent(int32_t index) const noexcept {
  return bytes_per_component(binding(index));
}

char const* Engine::getBindingFormatDesc(int32_t index) const noexcept {
  const Slot* found = binding(index);
  return found ? format_text(found->data_type) : "";
}

Dims Engine::getProfileDimensions(int32_t index, int32_t profile, Selector select) const noexcept {
  const Slot* found = binding(index);
  return found ? getProfileShape(found->name.c_str(), profile, select) : no_dims();
}

int32_t const* Engine::getProfileShapeValues(int32_t profile, int32_t index, Selector select) const noexcept {
  const Slot* found = binding(index);
  return found ? getProfileTensorValues(found->name.c_str(), profile, select) : nullptr;
}

bool Engine::isShapeBinding(int32_t index) const noexcept {
  const Slot* found = binding(index);
  return found && found->shape_tensor;
}

bool Engine::isExecutionBinding(int32_t index) const noexcept { return binding(index) != nullptr; }

}  // namespace vivace::tensorrt
