// Vivace's C++ interface: a header over vivace.h, for C++14 and newer.
//
//     vivace::Plan plan = vivace::build(vivace::Network::from_onnx_file("model.onnx"));
//     plan.save("model.plan");
//     vivace::Engine engine(plan);
//     std::vector<vivace::Tensor> outputs = engine.run({vivace::Tensor::copy_of({1, 3, 224, 224}, pixels)});
//
// Objects own their handles and are movable. What fails throws vivace::Error; no exception crosses the library's border,
// as this header throws them inside the program that includes it.
#ifndef VIVACE_VIVACE_HPP_
#define VIVACE_VIVACE_HPP_

#include <algorithm>
#include <functional>
#include <initializer_list>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "vivace/vivace.h"

namespace vivace {
inline namespace v0 {

/// What went wrong: a code for programs and a sentence for people.
class Error : public std::runtime_error {
 public:
  Error(vivace_status status, const std::string& message) : std::runtime_error(message), status_(status) {}
  vivace_status status() const { return status_; }

 private:
  vivace_status status_;
};

using Shape = std::vector<int64_t>;

namespace detail {

inline void check(vivace_status status) {
  if (status != VIVACE_OK) throw Error(status, vivace_last_error());
}

template <class T>
using Handle = std::unique_ptr<T, void (*)(T*)>;

inline std::string take_text(char* text) {
  const std::unique_ptr<char, void (*)(void*)> owner(text, vivace_free);
  return text;
}

template <class T> struct DTypeOf;
template <> struct DTypeOf<float> { static constexpr vivace_dtype value = VIVACE_F32; };
template <> struct DTypeOf<double> { static constexpr vivace_dtype value = VIVACE_F64; };
template <> struct DTypeOf<int8_t> { static constexpr vivace_dtype value = VIVACE_I8; };
template <> struct DTypeOf<int16_t> { static constexpr vivace_dtype value = VIVACE_I16; };
template <> struct DTypeOf<int32_t> { static constexpr vivace_dtype value = VIVACE_I32; };
template <> struct DTypeOf<int64_t> { static constexpr vivace_dtype value = VIVACE_I64; };
template <> struct DTypeOf<uint8_t> { static constexpr vivace_dtype value = VIVACE_U8; };
template <> struct DTypeOf<uint16_t> { static constexpr vivace_dtype value = VIVACE_U16; };
template <> struct DTypeOf<uint32_t> { static constexpr vivace_dtype value = VIVACE_U32; };
template <> struct DTypeOf<uint64_t> { static constexpr vivace_dtype value = VIVACE_U64; };
template <> struct DTypeOf<bool> { static constexpr vivace_dtype value = VIVACE_BOOL; };

}  // namespace detail

inline std::string version() { return vivace_version(); }

/// Messages up to `most_verbose` go to `logger`, from any thread, one at a time; it lives until the next call.
inline void set_logger(std::function<void(vivace_severity, const std::string&)> logger,
                       vivace_severity most_verbose = VIVACE_LOG_WARNING) {
  static std::function<void(vivace_severity, const std::string&)> kept;
  vivace_set_logger(nullptr, nullptr, VIVACE_LOG_ERROR);
  kept = std::move(logger);
  if (!kept) return;
  vivace_set_logger([](vivace_severity severity, const char* message, void*) { kept(severity, message); }, nullptr,
                    most_verbose);
}

/// A dense row-major tensor in host memory; for Context::enqueue() in memory of a GPU.
class Tensor {
 public:
  /// No tensor: as an output of a run, one that the engine makes.
  Tensor() : handle_(nullptr, vivace_tensor_destroy) {}
  /// Zeros, or empty strings.
  Tensor(vivace_dtype dtype, const Shape& shape) : Tensor() {
    vivace_tensor* made = nullptr;
    detail::check(vivace_tensor_create(dtype, static_cast<int32_t>(shape.size()), shape.data(), &made));
    handle_.reset(made);
  }
  /// On memory of the caller's, which must outlive the tensor.
  static Tensor wrap(vivace_dtype dtype, const Shape& shape, void* data, size_t bytes) {
    vivace_tensor* made = nullptr;
    detail::check(vivace_tensor_wrap(dtype, static_cast<int32_t>(shape.size()), shape.data(), data, bytes, &made));
    return Tensor(made);
  }
  template <class T>
  static Tensor wrap(const Shape& shape, std::vector<T>& values) {
    return wrap(detail::DTypeOf<T>::value, shape, values.data(), values.size() * sizeof(T));
  }
  template <class T>
  static Tensor copy_of(const Shape& shape, const std::vector<T>& values) {
    Tensor made(detail::DTypeOf<T>::value, shape);
    if (made.count() != static_cast<int64_t>(values.size()))
      throw Error(VIVACE_INVALID_ARGUMENT, "the shape does not have as many elements as there are values");
    std::copy(values.begin(), values.end(), made.data<T>());
    return made;
  }
  /// A sequence, an optional (one element or none) or a map (keys and values): see vivace_list_create().
  static Tensor list(const std::vector<Tensor>& elements) {
    std::vector<const vivace_tensor*> from;
    for (const Tensor& element : elements) from.push_back(element.get());
    vivace_tensor* made = nullptr;
    detail::check(vivace_list_create(from.data(), from.size(), &made));
    return Tensor(made);
  }
  /// Takes a handle over.
  explicit Tensor(vivace_tensor* handle) : handle_(handle, vivace_tensor_destroy) {}

  explicit operator bool() const { return handle_ != nullptr; }
  vivace_dtype dtype() const { return vivace_tensor_dtype(get()); }
  Shape shape() const {
    const int64_t* dims = vivace_tensor_shape(get());
    return dims ? Shape(dims, dims + vivace_tensor_rank(get())) : Shape();
  }
  int64_t count() const { return vivace_tensor_count(get()); }
  size_t bytes() const { return vivace_tensor_bytes(get()); }
  void* data() const { return vivace_tensor_data(get()); }
  template <class T> T* data() const { return static_cast<T*>(data()); }
  template <class T> std::vector<T> values() const { return std::vector<T>(data<T>(), data<T>() + count()); }
  void set_string(int64_t index, const std::string& text) {
    detail::check(vivace_tensor_set_string(get(), index, text.data(), text.size()));
  }
  std::string string(int64_t index) const {
    const char* text = nullptr;
    size_t length = 0;
    detail::check(vivace_tensor_get_string(get(), index, &text, &length));
    return std::string(text, length);
  }
  /// Of a list; they share its memory.
  std::vector<Tensor> elements() const {
    std::vector<Tensor> made;
    for (int64_t i = 0; dtype() == VIVACE_LIST && i < count(); ++i) {
      vivace_tensor* element = nullptr;
      detail::check(vivace_list_element(get(), i, &element));
      made.emplace_back(element);
    }
    return made;
  }
  vivace_tensor* get() const { return handle_.get(); }
  vivace_tensor* release() { return handle_.release(); }

 private:
  detail::Handle<vivace_tensor> handle_;
};

namespace detail {

// Calls run(inputs, count, outputs, count) with the handles of tensors; empty outputs receive those it makes.
template <class Run>
void with_handles(const std::vector<Tensor>& inputs, std::vector<Tensor>& outputs, Run run) {
  std::vector<const vivace_tensor*> from;
  std::vector<vivace_tensor*> to;
  for (const Tensor& tensor : inputs) from.push_back(tensor.get());
  for (const Tensor& tensor : outputs) to.push_back(tensor.get());
  check(run(from.data(), from.size(), to.data(), to.size()));
  for (size_t i = 0; i < to.size(); ++i)
    if (!outputs[i]) outputs[i] = Tensor(to[i]);
}

}  // namespace detail

/// What is known of an input or output.
struct TensorInfo {
  std::string name;
  vivace_dtype dtype = VIVACE_UNDEFINED;
  bool has_rank = false;
  Shape dims;                        // -1: not fixed
  std::vector<std::string> symbols;  // of dimensions that have a name
  Shape min, opt, max;               // of an engine's inputs; -1 in max: no limit
  vivace_kind kind = VIVACE_TENSOR;
  vivace_dtype key = VIVACE_UNDEFINED;  // of a map
  std::vector<TensorInfo> element;      // one, of a sequence, optional or map; none where it is unknown
  std::string type;                     // "f32[batch,3]", "seq(f32[*])"

  explicit TensorInfo(const vivace_tensor_info& info)
      : name(info.name),
        dtype(info.dtype),
        has_rank(info.rank >= 0),
        kind(info.kind),
        key(info.key),
        type(info.type) {
    if (info.element) element.emplace_back(*info.element);
    for (int32_t i = 0; i < info.rank; ++i) {
      dims.push_back(info.dims[i]);
      symbols.emplace_back(info.symbols[i] ? info.symbols[i] : "");
      if (!info.min) continue;
      min.push_back(info.min[i]);
      opt.push_back(info.opt[i]);
      max.push_back(info.max[i]);
    }
  }
};

class Network;

/// Named attributes of a layer.
class Attributes {
 public:
  Attributes() : handle_(nullptr, vivace_attributes_destroy) {
    vivace_attributes* made = nullptr;
    detail::check(vivace_attributes_create(&made));
    handle_.reset(made);
  }
  Attributes& set(const std::string& name, int64_t value) {
    return done(vivace_attributes_set_int(get(), name.c_str(), value));
  }
  Attributes& set(const std::string& name, int value) { return set(name, static_cast<int64_t>(value)); }
  Attributes& set(const std::string& name, float value) {
    return done(vivace_attributes_set_float(get(), name.c_str(), value));
  }
  Attributes& set(const std::string& name, double value) { return set(name, static_cast<float>(value)); }
  Attributes& set(const std::string& name, const char* value) { return set(name, std::string(value)); }
  Attributes& set(const std::string& name, const std::string& value) {
    return done(vivace_attributes_set_string(get(), name.c_str(), value.data(), value.size()));
  }
  Attributes& set(const std::string& name, std::initializer_list<int64_t> values) {
    return set(name, std::vector<int64_t>(values));
  }
  Attributes& set(const std::string& name, const std::vector<int64_t>& values) {
    return done(vivace_attributes_set_ints(get(), name.c_str(), values.data(), values.size()));
  }
  Attributes& set(const std::string& name, const std::vector<float>& values) {
    return done(vivace_attributes_set_floats(get(), name.c_str(), values.data(), values.size()));
  }
  Attributes& set(const std::string& name, const std::vector<std::string>& values) {
    std::vector<const char*> texts;
    for (const std::string& value : values) texts.push_back(value.c_str());
    return done(vivace_attributes_set_strings(get(), name.c_str(), texts.data(), texts.size()));
  }
  Attributes& set(const std::string& name, const Tensor& value) {
    return done(vivace_attributes_set_tensor(get(), name.c_str(), value.get()));
  }
  inline Attributes& set(const std::string& name, const Network& body);
  vivace_attributes* get() const { return handle_.get(); }

 private:
  Attributes& done(vivace_status status) {
    detail::check(status);
    return *this;
  }
  detail::Handle<vivace_attributes> handle_;
};

/// A value of a network; one that is nowhere stands for an input left out.
using Value = vivace_value*;

/// A model before it is built.
class Network {
 public:
  explicit Network(const std::string& name) : Network() {
    vivace_network* made = nullptr;
    detail::check(vivace_network_create(name.c_str(), &made));
    handle_.reset(made);
  }
  static Network from_onnx_file(const std::string& path) {
    return make([&](vivace_network** to) { return vivace_network_from_onnx_file(path.c_str(), to); });
  }
  static Network from_onnx(const void* data, size_t bytes, const std::string& folder = {}) {
    return make([&](vivace_network** to) {
      return vivace_network_from_onnx(data, bytes, folder.empty() ? nullptr : folder.c_str(), to);
    });
  }
  static Network from_text(const std::string& text) {
    return make([&](vivace_network** to) { return vivace_network_from_text(text.c_str(), to); });
  }

  /// `dims`: -1 for a dimension that is not fixed; `symbols` (may be empty) names those.
  Value add_input(const std::string& name, vivace_dtype dtype, const Shape& dims,
                  const std::vector<std::string>& symbols = {}) {
    std::vector<const char*> names;
    for (const std::string& symbol : symbols) names.push_back(symbol.c_str());
    names.resize(dims.size(), nullptr);
    Value value = nullptr;
    detail::check(vivace_network_add_input(get(), name.c_str(), dtype, static_cast<int32_t>(dims.size()), dims.data(),
                                           names.data(), &value));
    return value;
  }
  Value add_constant(const Tensor& tensor, const std::string& name = {}) {
    Value value = nullptr;
    detail::check(vivace_network_add_constant(get(), name.c_str(), tensor.get(), &value));
    return value;
  }
  std::vector<Value> add_node(const std::string& op, const std::vector<Value>& inputs, size_t output_count,
                              const Attributes& attributes = Attributes(), const std::string& name = {}) {
    std::vector<Value> outputs(output_count);
    detail::check(vivace_network_add_node(get(), op.c_str(), name.c_str(), inputs.data(), inputs.size(),
                                          attributes.get(), output_count, outputs.data()));
    return outputs;
  }
  /// A layer of one output.
  Value add(const std::string& op, const std::vector<Value>& inputs, const Attributes& attributes = Attributes(),
            const std::string& name = {}) {
    return add_node(op, inputs, 1, attributes, name)[0];
  }
  void mark_output(Value value, const std::string& name = {}) {
    detail::check(vivace_network_mark_output(get(), value, name.c_str()));
  }
  Value find_value(const std::string& name) const { return vivace_network_find_value(get(), name.c_str()); }

  std::vector<TensorInfo> inputs() const {
    std::vector<TensorInfo> list;
    for (size_t i = 0; i < vivace_network_input_count(get()); ++i) list.emplace_back(*vivace_network_input(get(), i));
    return list;
  }
  std::vector<TensorInfo> outputs() const {
    std::vector<TensorInfo> list;
    for (size_t i = 0; i < vivace_network_output_count(get()); ++i) list.emplace_back(*vivace_network_output(get(), i));
    return list;
  }
  std::string describe(vivace_format format = VIVACE_TEXT) const {
    char* text = nullptr;
    detail::check(vivace_network_describe(get(), format, &text));
    return detail::take_text(text);
  }
  /// Runs the plain reference kernels.
  std::vector<Tensor> run_reference(const std::vector<Tensor>& inputs) const {
    std::vector<Tensor> outputs(vivace_network_output_count(get()));
    detail::with_handles(inputs, outputs, [&](auto from, size_t n, auto to, size_t m) {
      return vivace_network_run_reference(get(), from, n, to, m);
    });
    return outputs;
  }
  vivace_network* get() const { return handle_.get(); }

 private:
  Network() : handle_(nullptr, vivace_network_destroy) {}
  template <class Make>
  static Network make(Make from) {
    Network network;
    vivace_network* made = nullptr;
    detail::check(from(&made));
    network.handle_.reset(made);
    return network;
  }
  detail::Handle<vivace_network> handle_;
};

inline Attributes& Attributes::set(const std::string& name, const Network& body) {
  return done(vivace_attributes_set_graph(get(), name.c_str(), body.get()));
}

/// How to build; see vivace.h for what each setting means.
class Config {
 public:
  Config() : handle_(nullptr, vivace_config_destroy), calls_(new Calls) {
    vivace_config* made = nullptr;
    detail::check(vivace_config_create(&made));
    handle_.reset(made);
  }
  Config& device(const std::string& name) { return done(vivace_config_set_device(get(), name.c_str())); }
  Config& threads(int count) { return done(vivace_config_set_threads(get(), count)); }
  Config& shape(const std::string& input, const Shape& min, const Shape& opt, const Shape& max) {
    if (min.size() != opt.size() || max.size() != opt.size())
      throw Error(VIVACE_INVALID_ARGUMENT, "the shapes of input '" + input + "' have different ranks");
    return done(vivace_config_set_shape(get(), input.c_str(), static_cast<int32_t>(opt.size()), min.data(), opt.data(),
                                        max.data()));
  }
  Config& effort(int level) { return done(vivace_config_set_effort(get(), level)); }
  Config& time_budget(double seconds) { return done(vivace_config_set_time_budget(get(), seconds)); }
  Config& workspace_limit(uint64_t bytes) { return done(vivace_config_set_workspace_limit(get(), bytes)); }
  Config& memory_limit(uint64_t bytes) { return done(vivace_config_set_memory_limit(get(), bytes)); }
  Config& timing_cache(const std::string& path) { return done(vivace_config_set_timing_cache(get(), path.c_str())); }
  Config& precision(uint32_t flags) { return done(vivace_config_set_precision(get(), flags)); }
  Config& force_tactic(const std::string& rule) { return done(vivace_config_force_tactic(get(), rule.c_str())); }
  Config& tactic_sources(const std::string& names) {
    return done(vivace_config_set_tactic_sources(get(), names.c_str()));
  }
  Config& compare_vendors(bool compare) { return done(vivace_config_set_compare_vendors(get(), compare)); }
  Config& disable_tactic(const std::string& name) { return done(vivace_config_disable_tactic(get(), name.c_str())); }
  /// As vivace::load_plugins().
  Config& load_plugins(const std::string& path) { return done(vivace_config_load_plugins(get(), path.c_str())); }
  Config& disable_pass(const std::string& name) { return done(vivace_config_disable_pass(get(), name.c_str())); }
  Config& portable(bool on) { return done(vivace_config_set_portable(get(), on)); }
  /// Return false to cancel. Must not throw.
  Config& progress(std::function<bool(const std::string& phase, double fraction)> call) {
    calls_->progress = std::move(call);
    return done(vivace_config_set_progress(
        get(),
        [](const char* phase, double fraction, void* user) -> int {
          return static_cast<Calls*>(user)->progress(phase, fraction);
        },
        calls_.get()));
  }
  /// The graph as text after each pass that changed it. Must not throw.
  Config& dump(std::function<void(const std::string& pass, const std::string& graph)> call) {
    calls_->dump = std::move(call);
    return done(vivace_config_set_dump(
        get(), [](const char* pass, const char* graph, void* user) { static_cast<Calls*>(user)->dump(pass, graph); },
        calls_.get()));
  }
  vivace_config* get() const { return handle_.get(); }

 private:
  struct Calls {
    std::function<bool(const std::string&, double)> progress;
    std::function<void(const std::string&, const std::string&)> dump;
  };
  Config& done(vivace_status status) {
    detail::check(status);
    return *this;
  }
  detail::Handle<vivace_config> handle_;
  std::unique_ptr<Calls> calls_;
};

/// What a build makes and an engine runs.
class Plan {
 public:
  static Plan load(const std::string& path) {
    vivace_plan* made = nullptr;
    detail::check(vivace_plan_load(path.c_str(), &made));
    return Plan(made);
  }
  static Plan from_memory(const void* data, size_t bytes) {
    vivace_plan* made = nullptr;
    detail::check(vivace_plan_from_memory(data, bytes, &made));
    return Plan(made);
  }
  static bool is_plan_file(const std::string& path) { return vivace_plan_is_plan_file(path.c_str()) != 0; }
  explicit Plan(vivace_plan* handle) : handle_(handle, vivace_plan_destroy) {}

  void save(const std::string& path) const { detail::check(vivace_plan_save(get(), path.c_str())); }
  std::string to_memory() const {
    void* data = nullptr;
    size_t bytes = 0;
    detail::check(vivace_plan_to_memory(get(), &data, &bytes));
    const std::unique_ptr<void, void (*)(void*)> owner(data, vivace_free);
    return std::string(static_cast<const char*>(data), bytes);
  }
  std::string report(vivace_format format = VIVACE_TEXT) const {
    char* text = nullptr;
    detail::check(vivace_plan_report(get(), format, &text));
    return detail::take_text(text);
  }
  vivace_plan* get() const { return handle_.get(); }

 private:
  detail::Handle<vivace_plan> handle_;
};

inline Plan build(const Network& network, const Config& config = Config()) {
  vivace_plan* made = nullptr;
  detail::check(vivace_build(network.get(), config.get(), &made));
  return Plan(made);
}

/// What would fall back to slow kernels, or from a GPU to the CPU, and why, without a build: text or JSON.
inline std::string check(const Network& network, const Config& config = Config(), vivace_format format = VIVACE_TEXT) {
  char* text = nullptr;
  detail::check(vivace_check(network.get(), config.get(), format, &text));
  return detail::take_text(text);
}

struct EngineOptions {
  int threads = 0;            // of one run; 0: what the plan was built for
  bool strict = false;        // refuse a plan of another version or machine
  uint64_t memory_limit = 0;  // bytes; 0: what the plan says
  std::string device;         // "cpu", "cuda", "cuda:1"; empty: what the plan was made for
  std::vector<std::string> plugins;  // libraries to load first
};

/// A plan ready to run, from any number of threads.
class Engine {
 public:
  explicit Engine(const Plan& plan, const EngineOptions& options = EngineOptions())
      : handle_(nullptr, vivace_engine_destroy) {
    vivace_engine_options given = VIVACE_ENGINE_OPTIONS_INIT;
    given.threads = options.threads;
    given.strict = options.strict;
    given.memory_limit = options.memory_limit;
    if (!options.device.empty()) given.device = options.device.c_str();
    std::vector<const char*> plugins;
    for (const std::string& path : options.plugins) plugins.push_back(path.c_str());
    given.plugins = plugins.data();
    given.plugin_count = plugins.size();
    vivace_engine* made = nullptr;
    detail::check(vivace_engine_create(plan.get(), &given, &made));
    take(made);
  }
  /// The same layers, giving each value between them as an output too.
  Engine with_layer_outputs() const {
    vivace_engine* made = nullptr;
    detail::check(vivace_engine_with_layer_outputs(get(), &made));
    Engine shown;
    shown.take(made);
    return shown;
  }

  const std::vector<TensorInfo>& inputs() const { return inputs_; }
  const std::vector<TensorInfo>& outputs() const { return outputs_; }
  /// Where it runs: "cpu", "cuda:0".
  std::string device() const { return vivace_engine_device(get()); }
  int threads() const { return vivace_engine_threads(get()); }
  std::string notice() const { return vivace_engine_notice(get()); }
  vivace_memory memory() const {
    vivace_memory memory;
    detail::check(vivace_engine_memory(get(), nullptr, 0, &memory));
    return memory;
  }
  /// An output's dimensions for such inputs, without running.
  Shape output_shape(const std::vector<Tensor>& inputs, size_t output) const {
    constexpr size_t kMostDimensions = 64;
    Shape dims(kMostDimensions);
    std::vector<const vivace_tensor*> from;
    for (const Tensor& tensor : inputs) from.push_back(tensor.get());
    int32_t rank = 0;
    detail::check(vivace_engine_output_shape(get(), from.data(), from.size(), output, &rank, dims.data(), dims.size()));
    if (rank < 0) throw Error(VIVACE_UNSUPPORTED, "the shape of output '" + outputs_[output].name + "' depends on the data");
    dims.resize(static_cast<size_t>(rank));
    return dims;
  }
  /// Memory for Context::enqueue(), not initialised.
  Tensor allocate(vivace_place place, vivace_dtype dtype, const Shape& shape) const {
    vivace_tensor* made = nullptr;
    detail::check(vivace_engine_allocate(get(), place, dtype, static_cast<int32_t>(shape.size()), shape.data(), &made));
    return Tensor(made);
  }
  /// Waits until all that is queued on the stream is done.
  void wait(void* stream) const { detail::check(vivace_engine_wait(get(), stream)); }
  std::string inspect(vivace_format format = VIVACE_TEXT) const {
    char* text = nullptr;
    detail::check(vivace_engine_inspect(get(), format, &text));
    return detail::take_text(text);
  }
  std::vector<Tensor> run(const std::vector<Tensor>& inputs) {
    std::vector<Tensor> outputs(outputs_.size());
    run(inputs, outputs);
    return outputs;
  }
  /// Writes to the tensors in `outputs`; empty ones are made.
  void run(const std::vector<Tensor>& inputs, std::vector<Tensor>& outputs) {
    detail::with_handles(inputs, outputs, [&](auto from, size_t n, auto to, size_t m) {
      return vivace_engine_run(get(), from, n, to, m);
    });
  }
  vivace_engine* get() const { return handle_.get(); }

 private:
  Engine() : handle_(nullptr, vivace_engine_destroy) {}
  void take(vivace_engine* made) {
    handle_.reset(made);
    for (size_t i = 0; i < vivace_engine_input_count(made); ++i) inputs_.emplace_back(*vivace_engine_input(made, i));
    for (size_t i = 0; i < vivace_engine_output_count(made); ++i) outputs_.emplace_back(*vivace_engine_output(made, i));
  }

  detail::Handle<vivace_engine> handle_;
  std::vector<TensorInfo> inputs_, outputs_;
};

struct LayerTime {
  std::string name, op, tactic;
  double seconds;  // of all runs together
  int64_t runs;
};

/// One stream of runs with memory and threads of its own.
class Context {
 public:
  explicit Context(const Engine& engine, int threads = 0)
      : handle_(nullptr, vivace_context_destroy), output_count_(engine.outputs().size()) {
    vivace_context* made = nullptr;
    detail::check(vivace_context_create(engine.get(), threads, &made));
    handle_.reset(made);
  }
  std::vector<Tensor> run(const std::vector<Tensor>& inputs) {
    std::vector<Tensor> outputs(output_count_);
    run(inputs, outputs);
    return outputs;
  }
  void run(const std::vector<Tensor>& inputs, std::vector<Tensor>& outputs) {
    detail::with_handles(inputs, outputs, [&](auto from, size_t n, auto to, size_t m) {
      return vivace_context_run(get(), from, n, to, m);
    });
  }
  /// Queues an inference on a CUDA stream; see vivace_context_enqueue().
  void enqueue(const std::vector<Tensor>& inputs, const std::vector<Tensor>& outputs, void* stream) {
    std::vector<const vivace_tensor*> from;
    std::vector<vivace_tensor*> to;
    for (const Tensor& tensor : inputs) from.push_back(tensor.get());
    for (const Tensor& tensor : outputs) to.push_back(tensor.get());
    detail::check(vivace_context_enqueue(get(), from.data(), from.size(), to.data(), to.size(), stream));
  }
  /// Seconds of GPU time of one inference; see vivace_context_time().
  vivace_device_times time(const std::vector<Tensor>& inputs, int runs, bool flush) {
    std::vector<const vivace_tensor*> from;
    for (const Tensor& tensor : inputs) from.push_back(tensor.get());
    vivace_device_times times;
    detail::check(vivace_context_time(get(), from.data(), from.size(), runs, flush, &times));
    return times;
  }
  void set_profiling(bool on) { detail::check(vivace_context_set_profiling(get(), on)); }
  std::vector<LayerTime> profile() {
    const vivace_layer_time* layers = nullptr;
    size_t count = 0;
    detail::check(vivace_context_profile(get(), &layers, &count));
    std::vector<LayerTime> list;
    for (size_t i = 0; i < count; ++i)
      list.push_back({layers[i].name, layers[i].op, layers[i].tactic, layers[i].seconds, layers[i].runs});
    return list;
  }
  vivace_context* get() const { return handle_.get(); }

 private:
  detail::Handle<vivace_context> handle_;
  size_t output_count_;
};

/// Loads a library of plugins (vivace/plugin.hpp) into the process.
inline void load_plugins(const std::string& path) { detail::check(vivace_load_plugins(path.c_str())); }
inline std::string list_plugins(vivace_format format = VIVACE_TEXT) {
  char* text = nullptr;
  detail::check(vivace_list_plugins(format, &text));
  return detail::take_text(text);
}
inline std::string list_operators(vivace_format format = VIVACE_TEXT) {
  char* text = nullptr;
  detail::check(vivace_list_operators(format, &text));
  return detail::take_text(text);
}
inline std::string list_tactics(vivace_format format = VIVACE_TEXT) {
  char* text = nullptr;
  detail::check(vivace_list_tactics(format, &text));
  return detail::take_text(text);
}
inline std::string list_devices(vivace_format format = VIVACE_TEXT) {
  char* text = nullptr;
  detail::check(vivace_list_devices(format, &text));
  return detail::take_text(text);
}

}  // namespace v0
}  // namespace vivace

#endif  // VIVACE_VIVACE_HPP_
