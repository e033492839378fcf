#include "tensorrt/core.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <cstring>

#include "builder/builder.h"
#include "builder/layer_outputs.h"
#include "tensorrt/device.h"
#include "tensorrt/memory.h"
#include "tensorrt/plugin_host.h"
#include "tensorrt/stripping.h"
#include "tensorrt/types.h"

namespace vivace::tensorrt {

int threads_of_environment() {
  const char* text = std::getenv("VIVACE_NUM_THREADS");
  int threads = 0;
  if (text) std::from_chars(text, text + std::strlen(text), threads);
  return std::max(threads, 0);
}

Result<std::shared_ptr<runtime::Engine>> Core::load_engine(plan::Plan plan) const {
  runtime::EngineOptions options;
  options.threads = options_.threads;
  options.lower_again = builder::lower_again;
  options.device = options_.device;
  if (metadata_.unfused_debug)
    options.adapt = [device = std::string(gpu_.empty() ? "cpu" : "cuda")](const plan::Program& program) {
      return builder::with_layer_outputs(program, device);
    };
  return runtime::Engine::load(std::move(plan), std::move(options));
}

Result<std::shared_ptr<Core>> Core::load(std::span<const std::byte> bytes, const CoreOptions& options) {
  std::shared_ptr<void> owner;
  const bool of_gpu = options.allocator && gives_device_memory(*options.allocator);
  if (options.allocator && !of_gpu && plan::looks_like_plan(bytes)) {
    VIVACE_ASSIGN(const std::shared_ptr<std::byte> copy, copy_to(*options.allocator, bytes));
    bytes = {copy.get(), bytes.size()};
    owner = copy;
  }
  VIVACE_ASSIGN(plan::Plan plan, plan::from_bytes(bytes, std::move(owner), {.stripped = true}));
  if (options.ask_creators) ask_creators_again(*plan.program.graph);
  std::shared_ptr<Core> core(new Core());
  VIVACE_ASSIGN(core->metadata_, metadata_of(plan));
  core->options_ = options;
  core->choose_device(plan);
  if (of_gpu == core->gpu_.empty()) core->options_.allocator = nullptr;
  if (core->options_.threads <= 0) core->options_.threads = threads_of_environment();
  core->lacks_weights_ = core->metadata_.stripped_bytes > 0;
  VIVACE_TRY(fill_with_zeros(plan));
  VIVACE_ASSIGN(core->engine_, core->load_engine(std::move(plan)));
  VIVACE_TRY(core->find_slots());
  return core;
}

void Core::choose_device(const plan::Plan& plan) {
  std::string& device = options_.device;
  if (device.empty() && plan.origin.device.starts_with("cuda")) {
    const std::string asked = device_of_environment();
    device = asked.empty() || asked.starts_with("sm_") ? current_device() : asked;
  }
  if (device.starts_with("cuda")) gpu_ = device;
}

Status Core::find_slots() {
  const runtime::Engine& engine = *engine_;
  std::vector<bool> taken_inputs(engine.inputs().size()), taken_outputs(engine.outputs().size());
  for (const Binding& binding : metadata_.bindings) {
    Slot slot{.name = binding.name,
              .input = binding.input,
              .shape_tensor = binding.shape_tensor,
              .host = binding.host,
              .dims = binding.dims};
    const std::vector<runtime::TensorSpec>& specs = slot.input ? engine.inputs() : engine.outputs();
    std::vector<bool>& taken = slot.input ? taken_inputs : taken_outputs;
    while (slot.index < specs.size() && (taken[slot.index] || specs[slot.index].name != slot.name)) ++slot.index;
    if (slot.index == specs.size())
      return Status(Code::corrupt_file, "the plan is damaged: it names '" + slot.name + "', which its engine has not");
    taken[slot.index] = true;
    if (specs[slot.index].value.is_list())
      return Status(Code::unsupported, "'" + slot.name + "' is a " + specs[slot.index].value.to_string() +
                                           ", for which this interface has no binding; run the plan with Vivace's own "
                                           "interface");
    slot.type = slot.engine_type = specs[slot.index].type;
    if (options_.narrow && slot.type == DType::i64) slot.type = DType::i32;
    bool known = false;
    slot.data_type = to_data_type(slot.type, &known);
    if (!known)
      return Status(Code::unsupported, "'" + slot.name + "' holds elements of type " + to_string(slot.type) +
                                           ", which this interface has no name for; cast it in the model, or run the "
                                           "plan with Vivace's own interface");
    slots_.push_back(std::move(slot));
  }
  return {};
}

std::vector<DebugTensor> Core::debug_tensors(const runtime::Engine& engine) const {
  std::vector<DebugTensor> found;
  const std::vector<runtime::TensorSpec>& outputs = engine.outputs();
  const auto is_slot = [&](size_t i) {
    return std::any_of(slots_.begin(), slots_.end(), [&](const Slot& s) { return !s.input && s.index == i; });
  };
  for (size_t i = 0; i < outputs.size(); ++i) {
    const std::string& name = outputs[i].name;
    const bool marked = std::find(metadata_.debug.begin(), metadata_.debug.end(), name) != metadata_.debug.end();
    if (marked || !is_slot(i)) found.push_back({name, i, !marked});
  }
  return found;
}

int Core::find(char const* name) const {
  if (!name) return -1;
  for (size_t i = 0; i < slots_.size(); ++i)
    if (slots_[i].name == name) return static_cast<int>(i);
  return -1;
}

Status Core::unknown(char const* name) const {
  std::string names;
  for (const Slot& slot : slots_) names += (names.empty() ? "" : ", ") + slot.name;
  return {Code::invalid_argument, name
                                      ? "the engine has no input or output '" + std::string(name) + "'; it has " + names
                                      : std::string("the name of a tensor is null; the engine has ") + names};
}

std::shared_ptr<runtime::Engine> Core::engine() const {
  const std::lock_guard lock(mutex_);
  return engine_;
}

Status Core::replace(plan::Plan plan) {
  VIVACE_ASSIGN(std::shared_ptr<runtime::Engine> made, load_engine(std::move(plan)));
  const std::lock_guard lock(mutex_);
  engine_ = std::move(made);
  lacks_weights_.store(false, std::memory_order_release);
  generation_.fetch_add(1, std::memory_order_release);
  return {};
}

}  // namespace vivace::tensorrt
