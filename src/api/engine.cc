// Engines and contexts.
#include <algorithm>
#include <cstring>

#include "api/handles.h"
#include "api/plugins.h"
#include "base/version.h"
#include "builder/layer_outputs.h"

using namespace vivace;

namespace {

// Runs anything that runs (an engine, a context) on the caller's tensors.
template <class Runner>
Status run_on(const runtime::Engine& engine, Runner& runner, const vivace_tensor* const* inputs, size_t input_count,
              vivace_tensor** outputs, size_t output_count) {
  const std::vector<runtime::TensorSpec>& specs = engine.outputs();
  if (output_count != specs.size() || (!outputs && output_count))
    return {Code::invalid_argument, "the engine has " + std::to_string(specs.size()) + " outputs, not " + std::to_string(output_count)};
  VIVACE_ASSIGN(const std::vector<TensorView> from, api::views_of(inputs, input_count));
  std::vector<Tensor> to(output_count);
  for (size_t i = 0; i < output_count; ++i) {
    if (!outputs[i]) continue;
    to[i] = outputs[i]->tensor;
    if (to[i].type() != specs[i].type)
      return {Code::invalid_argument, "output '" + specs[i].name + "' is " + to_string(specs[i].type) + ", not " + to_string(to[i].type())};
  }
  VIVACE_TRY(runner.run(from, to));
  std::vector<std::unique_ptr<vivace_tensor>> made(output_count);
  for (size_t i = 0; i < output_count; ++i) {
    if (!outputs[i]) {
      made[i] = std::make_unique<vivace_tensor>(vivace_tensor{std::move(to[i])});
    } else if (to[i].type() == DType::list) {
      continue;
    } else if (to[i].shape() != outputs[i]->tensor.shape()) {
      return {Code::shape_mismatch, "output '" + specs[i].name + "' has shape " + to_string(to[i].shape()) +
                                        ", the tensor given for it " + to_string(outputs[i]->tensor.shape())};
    }
  }
  for (size_t i = 0; i < output_count; ++i) {
    if (made[i])
      outputs[i] = made[i].release();
    else if (to[i].type() == DType::list)
      outputs[i]->tensor = std::move(to[i]);
  }
  return {};
}

std::unique_ptr<vivace_engine> handle_of(std::shared_ptr<runtime::Engine> engine) {
  auto handle = std::make_unique<vivace_engine>();
  for (size_t i = 0; i < engine->inputs().size(); ++i) {
    const runtime::TensorSpec& spec = engine->inputs()[i];
    handle->inputs.push_back(std::make_unique<api::Info>(spec.name, spec.value, &engine->ranges()[i]));
  }
  for (const runtime::TensorSpec& spec : engine->outputs())
    handle->outputs.push_back(std::make_unique<api::Info>(spec.name, spec.value));
  handle->engine = std::move(engine);
  return handle;
}

const vivace_tensor_info* at(const api::Infos& infos, size_t index) {
  return index < infos.size() ? infos[index]->get() : nullptr;
}

}  // namespace

vivace_status vivace_engine_create(const vivace_plan* plan, const vivace_engine_options* options,
                                   vivace_engine** engine) {
  return api::guard([&]() -> Status {
    VIVACE_NEED(plan);
    VIVACE_NEED(engine);
    vivace_engine_options given = VIVACE_ENGINE_OPTIONS_INIT;
    if (options) {  // of an older caller perhaps, who knows fewer options
      if (options->size < sizeof(size_t)) return {Code::invalid_argument, "the options do not say their size"};
      std::memcpy(&given, options, std::min(options->size, sizeof(given)));
    }
    if (given.plugin_count) VIVACE_NEED(given.plugins);
    for (size_t i = 0; i < given.plugin_count; ++i) {
      VIVACE_NEED(given.plugins[i]);
      VIVACE_TRY(api::load_plugins(given.plugins[i]));
    }
    runtime::EngineOptions made;
    VIVACE_ASSIGN(made.threads, api::resolve_threads(given.threads));
    made.strict = given.strict != 0;
    made.memory_limit = given.memory_limit;
    if (given.device) made.device = given.device;
    made.lower_again = builder::lower_again;
    VIVACE_ASSIGN(std::shared_ptr<runtime::Engine> loaded, runtime::Engine::load(plan->plan, std::move(made)));
    *engine = handle_of(std::move(loaded)).release();
    return {};
  });
}

vivace_status vivace_engine_with_layer_outputs(const vivace_engine* engine, vivace_engine** shown) {
  return api::guard([&]() -> Status {
    VIVACE_NEED(engine);
    VIVACE_NEED(shown);
    plan::Plan plan = engine->engine->plan();
    const backends::Executor& executor = engine->engine->executor();
    plan.program = builder::with_layer_outputs(executor.program(), executor.device());
    plan.portable.reset();  // gives other outputs
    plan.origin.library_version = version();
    plan.origin.device = executor.device();
    plan.memory_limit = 0;  // it was meant for fewer outputs
    runtime::EngineOptions options;
    options.threads = engine->engine->threads();
    options.device = engine->engine->place();
    VIVACE_ASSIGN(std::shared_ptr<runtime::Engine> loaded, runtime::Engine::load(std::move(plan), options));
    *shown = handle_of(std::move(loaded)).release();
    return {};
  });
}

void vivace_engine_destroy(vivace_engine* engine) { delete engine; }

size_t vivace_engine_input_count(const vivace_engine* engine) { return engine ? engine->inputs.size() : 0; }
size_t vivace_engine_output_count(const vivace_engine* engine) { return engine ? engine->outputs.size() : 0; }
const vivace_tensor_info* vivace_engine_input(const vivace_engine* engine, size_t index) {
  return engine ? at(engine->inputs, index) : nullptr;
}
const vivace_tensor_info* vivace_engine_output(const vivace_engine* engine, size_t index) {
  return engine ? at(engine->outputs, index) : nullptr;
}
const char* vivace_engine_device(const vivace_engine* engine) {
  return engine ? engine->engine->place().c_str() : "";
}
int32_t vivace_engine_threads(const vivace_engine* engine) { return engine ? engine->engine->threads() : 0; }
const char* vivace_engine_notice(const vivace_engine* engine) { return engine ? engine->engine->notice().c_str() : ""; }

vivace_status vivace_engine_memory(const vivace_engine* engine, const vivace_tensor* const* inputs, size_t input_count,
                                   vivace_memory* memory) {
  return api::guard([&]() -> Status {
    VIVACE_NEED(engine);
    VIVACE_NEED(memory);
    VIVACE_ASSIGN(const std::vector<Shape> shapes, api::shapes_of(*engine->engine, inputs, input_count));
    VIVACE_ASSIGN(const backends::MemoryUse use, engine->engine->memory_use(shapes));
    *memory = {use.constant_bytes, use.arena_bytes, use.largest_live};
    return {};
  });
}

vivace_status vivace_engine_output_shape(const vivace_engine* engine, const vivace_tensor* const* inputs,
                                         size_t input_count, size_t output, int32_t* rank, int64_t* dims,
                                         size_t capacity) {
  return api::guard([&]() -> Status {
    VIVACE_NEED(engine);
    VIVACE_NEED(inputs);
    VIVACE_NEED(rank);
    VIVACE_ASSIGN(const std::vector<Shape> shapes, api::shapes_of(*engine->engine, inputs, input_count));
    if (output >= engine->outputs.size()) return {Code::invalid_argument, "there is no output " + std::to_string(output)};
    VIVACE_ASSIGN(const auto made, engine->engine->output_shapes(shapes));
    if (!made[output]) return *rank = -1, Status();
    if (made[output]->size() > capacity || (capacity && !dims))
      return {Code::invalid_argument, "the output has " + std::to_string(made[output]->size()) + " dimensions, the room is for " + std::to_string(capacity)};
    *rank = static_cast<int32_t>(made[output]->size());
    std::copy(made[output]->begin(), made[output]->end(), dims);
    return {};
  });
}

vivace_status vivace_engine_inspect(const vivace_engine* engine, vivace_format format, char** text) {
  return api::guard([&]() -> Status {
    VIVACE_NEED(engine);
    VIVACE_NEED(text);
    VIVACE_ASSIGN(const std::string made, api::describe(*engine->engine, format));
    *text = api::copy_text(made);
    return {};
  });
}

vivace_status vivace_engine_run(vivace_engine* engine, const vivace_tensor* const* inputs, size_t input_count,
                                vivace_tensor** outputs, size_t output_count) {
  return api::guard([&]() -> Status {
    VIVACE_NEED(engine);
    return run_on(*engine->engine, *engine->engine, inputs, input_count, outputs, output_count);
  });
}

vivace_status vivace_context_create(vivace_engine* engine, int32_t threads, vivace_context** context) {
  return api::guard([&]() -> Status {
    VIVACE_NEED(engine);
    VIVACE_NEED(context);
    if (threads < 0) return {Code::invalid_argument, "threads: " + std::to_string(threads) + " is less than 0"};
    VIVACE_ASSIGN(std::unique_ptr<runtime::Context> made, engine->engine->create_context(threads));
    *context = new vivace_context{engine->engine, std::move(made), {}, {}};
    return {};
  });
}

void vivace_context_destroy(vivace_context* context) { delete context; }

vivace_status vivace_context_run(vivace_context* context, const vivace_tensor* const* inputs, size_t input_count,
                                 vivace_tensor** outputs, size_t output_count) {
  return api::guard([&]() -> Status {
    VIVACE_NEED(context);
    return run_on(*context->engine, *context->context, inputs, input_count, outputs, output_count);
  });
}

vivace_status vivace_context_set_profiling(vivace_context* context, int on) {
  return api::guard([&]() -> Status {
    VIVACE_NEED(context);
    context->context->set_profiling(on != 0);
    return {};
  });
}

vivace_status vivace_context_profile(vivace_context* context, const vivace_layer_time** layers, size_t* count) {
  return api::guard([&]() -> Status {
    VIVACE_NEED(context);
    VIVACE_NEED(layers);
    VIVACE_NEED(count);
    context->times = context->context->profile();
    context->layers.clear();
    for (const runtime::LayerTime& time : context->times)
      context->layers.push_back({time.name.c_str(), time.op.c_str(), time.tactic.c_str(), time.seconds, time.runs});
    *layers = context->layers.data();
    *count = context->layers.size();
    return {};
  });
}
