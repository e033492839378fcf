#include "tensorrt/refitter.h"

#include <algorithm>
#include <limits>
#include <set>

#include "builder/builder.h"
#include "tensorrt/device.h"
#include "tensorrt/stripping.h"
#include "tensorrt/types.h"

namespace vivace::tensorrt {

namespace {

using nvinfer1::WeightsRole;

Status bad(const std::string& what) { return {Code::invalid_argument, what}; }

// What a constant is to the first node that reads it.
WeightsRole role_of(const ir::Use& use) {
  const std::string& op = use.node->op;
  const bool kernel_and_bias = op == "Conv" || op == "ConvTranspose" || op == "Gemm" || op == "LSTM" || op == "GRU";
  if (kernel_and_bias || op == "MatMul") return use.index == 2 ? WeightsRole::kBIAS : WeightsRole::kKERNEL;
  if (op == "BatchNormalization") return use.index == 1 ? WeightsRole::kSCALE : WeightsRole::kSHIFT;
  return WeightsRole::kCONSTANT;
}

const char* to_string(WeightsRole role) {
  static const char* const kNames[] = {"KERNEL", "BIAS", "SHIFT", "SCALE", "CONSTANT", "ANY"};
  const auto index = static_cast<size_t>(role);
  return index < std::size(kNames) ? kNames[index] : "?";
}

}  // namespace

Refitter::Refitter(std::shared_ptr<Core> core, const Errors& errors)
    : core_(std::move(core)), errors_{errors.logger, nullptr} {
  errors_.record_to(errors.recorder);
  collect();
}

void Refitter::collect() {
  const std::shared_ptr<runtime::Engine> engine = core_->engine();
  const std::shared_ptr<ir::Graph>& graph = engine->plan().portable;
  if (!core_->metadata().refittable || !graph) return;
  std::map<std::string, int> of_name;
  for (const ir::Value* value : graph->values()) {
    if (!can_be_refitted(*value, core_->metadata())) continue;
    const ir::Use& use = value->uses().front();
    const Tensor& constant = value->constant();
    Entry entry{value->id(),
                value->name,
                use.node->name,
                role_of(use),
                constant.type(),
                constant.count(),
                core_->lacks_weights() && is_stripped(constant)};
    ++of_name[entry.name];
    entries_.push_back(std::move(entry));
  }
  // Weights without a name of their own are called after their layer and what they are in it.
  for (Entry& entry : entries_)
    if (entry.name.empty() || of_name[entry.name] > 1) entry.name = entry.layer + " " + to_string(entry.role);
}

const Refitter::Entry* Refitter::named(char const* name) const {
  for (const Entry& entry : entries_)
    if (name && entry.name == name) return &entry;
  return nullptr;
}

Status Refitter::unknown(const std::string& what) const {
  if (!core_->metadata().refittable) return bad("the engine cannot be refitted; build it with BuilderFlag::kREFIT");
  return bad("the engine has no weights " + what + "; getAllWeights lists those it has");
}

Status Refitter::give(const Entry& entry, const Weights& weights) {
  if (weights.count != entry.count || (!weights.values && entry.count > 0) || to_dtype(weights.type) != entry.type)
    return bad("weights '" + entry.name + "' are " + std::to_string(entry.count) + " elements of " +
               vivace::to_string(entry.type) + "; " + std::to_string(weights.count) + " of " +
               vivace::to_string(to_dtype(weights.type)) + " were given");
  given_[entry.id] = weights;
  return {};
}

bool Refitter::setNamedWeights(char const* name, Weights weights) noexcept {
  return guarded(errors_, [&]() -> Status {
    const Entry* entry = named(name);
    return entry ? give(*entry, weights) : unknown("'" + std::string(name ? name : "") + "'");
  });
}

bool Refitter::setWeights(char const* layer, Role role, Weights weights) noexcept {
  return guarded(errors_, [&]() -> Status {
    for (const Entry& entry : entries_)
      if (layer && entry.layer == layer && (entry.role == role || role == Role::kANY)) return give(entry, weights);
    return unknown("of role " + std::string(to_string(role)) + " in layer '" + std::string(layer ? layer : "") + "'");
  });
}

bool Refitter::unsetNamedWeights(char const* name) noexcept {
  const Entry* entry = named(name);
  return entry && given_.erase(entry->id) > 0;
}

int32_t Refitter::list(bool missing_only, int32_t size, char const** names, char const** layers, Role* roles) const {
  int32_t count = 0;
  for (const Entry& entry : entries_) {
    if (missing_only && !is_missing(entry)) continue;
    if (count < size) {
      if (names) names[count] = entry.name.c_str();
      if (layers) layers[count] = entry.layer.c_str();
      if (roles) roles[count] = entry.role;
    }
    ++count;
  }
  return count;
}

nvinfer1::Weights Refitter::getNamedWeights(char const* name) const noexcept {
  const Entry* entry = named(name);
  const auto at = entry ? given_.find(entry->id) : given_.end();
  return at == given_.end() ? Weights{nvinfer1::DataType::kFLOAT, nullptr, 0} : at->second;
}

nvinfer1::Weights Refitter::getWeightsPrototype(char const* name) const noexcept {
  const Entry* entry = named(name);
  if (!entry) return {nvinfer1::DataType::kFLOAT, nullptr, 0};
  return {to_data_type(entry->type), nullptr, entry->count};
}

float Refitter::getDynamicRangeMin(char const*) const noexcept { return std::numeric_limits<float>::quiet_NaN(); }
float Refitter::getDynamicRangeMax(char const*) const noexcept { return std::numeric_limits<float>::quiet_NaN(); }

// The network is built again with its new weights: passes had folded the old ones into one another.
bool Refitter::refitCudaEngine() noexcept {
  return guarded(errors_, [&]() -> Status {
    const std::shared_ptr<runtime::Engine> engine = core_->engine();
    const plan::Plan& old = engine->plan();
    if (!core_->metadata().refittable || !old.portable) return unknown("");
    for (const Entry& entry : entries_)
      if (is_missing(entry))
        return bad("the plan was stripped of weights, and '" + entry.name +
                   "' has none yet; getMissingWeights lists all");
    std::vector<ir::Value*> copies;
    std::unique_ptr<ir::Graph> graph = old.portable->clone(&copies);
    for (const auto& [id, weights] : given_) {
      ir::Value* value = copies[static_cast<size_t>(id)];
      VIVACE_ASSIGN(Tensor tensor, Tensor::allocate(value->constant().type(), value->constant().shape()));
      VIVACE_TRY(read_from(tensor.data(), weights.values, tensor.bytes(), nullptr));
      graph->replace_uses(value, graph->add_constant(std::move(tensor), value->name));
      graph->remove_unused_constant(value);
    }
    std::shared_ptr<ir::Graph> portable = graph->clone();
    builder::BuildConfig config;
    for (size_t i = 0; i < graph->inputs().size(); ++i) config.shapes[graph->inputs()[i]->name] = old.ranges[i];
    config.threads = engine->threads();
    if (!core_->gpu().empty()) {
      config.device = core_->gpu();
      if (const auto at = old.options.find("precision"); at != old.options.end())
        config.precision = precision_from_string(at->second).value_or(Precision::f32);
    }
    config.effort = 0;  // by estimates: a refit is meant to be quick
    config.model_name = old.name;
    VIVACE_ASSIGN(builder::BuildResult built, builder::build(std::move(graph), config));
    built.plan.portable = std::move(portable);
    Metadata metadata = core_->metadata();
    metadata.stripped_bytes = 0;
    describe(built.plan, metadata);
    VIVACE_TRY(core_->replace(std::move(built.plan)));
    given_.clear();
    entries_.clear();
    collect();
    return {};
  });
}

}  // namespace vivace::tensorrt
