#include "tensorrt/core.h"

#include <charconv>
#include <cstdlib>
#include <cstring>

#include "builder/builder.h"
#include "tensorrt/types.h"

namespace vivace::tensorrt {

namespace {

Result<std::shared_ptr<runtime::Engine>> load_engine(plan::Plan plan, int threads) {
  runtime::EngineOptions options;
  options.threads = threads;
  options.lower_again = builder::lower_again;
  return runtime::Engine::load(std::move(plan), std::move(options));
}

}  // namespace

int threads_of_environment() {
  const char* text = std::getenv("VIVACE_NUM_THREADS");
  int threads = 0;
  if (text) std::from_chars(text, text + std::strlen(text), threads);
  return std::max(threads, 0);
}

Result<std::shared_ptr<Core>> Core::load(plan::Plan plan, int threads) {
  std::shared_ptr<Core> core(new Core());
  VIVACE_ASSIGN(core->metadata_, metadata_of(plan));
  core->threads_ = threads > 0 ? threads : threads_of_environment();
  VIVACE_ASSIGN(core->engine_, load_engine(std::move(plan), core->threads_));
  const runtime::Engine& engine = *core->engine_;
  std::vector<bool> taken_inputs(engine.inputs().size()), taken_outputs(engine.outputs().size());
  for (const Binding& binding : core->metadata_.bindings) {
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
    slot.type = specs[slot.index].type;
    bool known = false;
    slot.data_type = to_data_type(slot.type, &known);
    if (!known)
      return Status(Code::unsupported, "'" + slot.name + "' holds elements of type " + to_string(slot.type) +
                                           ", which this interface has no name for; cast it in the model, or run the "
                                           "plan with Vivace's own interface");
    core->slots_.push_back(std::move(slot));
  }
  return core;
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
  VIVACE_ASSIGN(std::shared_ptr<runtime::Engine> made, load_engine(std::move(plan), threads_));
  const std::lock_guard lock(mutex_);
  engine_ = std::move(made);
  generation_.fetch_add(1, std::memory_order_release);
  return {};
}

}  // namespace vivace::tensorrt
