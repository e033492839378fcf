#include "api/plugin_host.h"

#include <mutex>
#include <unordered_map>

#include "api/plugin_tensors.h"
#include "ops/kernel.h"

namespace vivace::api {

namespace {

using ops::PlacedTensor;
using ops::PlacedTensors;
using ops::Where;

// Calls a function of a plugin; what it throws all the same goes no further.
template <class F>
Status ask(const Plugin& plugin, const std::string& node, const char* function, F&& f) {
  vivace_plugin_error error{};
  vivace_status status = VIVACE_INTERNAL;
  try {
    status = f(&error);
  } catch (...) {
    return {Code::internal, node + ": plugin '" + plugin.op() + "' threw an exception out of " + function +
                                "(), which plugins must not do (vivace/plugin.hpp sees to that)"};
  }
  if (status == VIVACE_OK) return {};
  error.message[sizeof(error.message) - 1] = 0;
  const bool known = status > VIVACE_OK && status <= VIVACE_INTERNAL;
  return {known ? static_cast<Code>(status) : Code::internal,
          node + ": " +
              (error.message[0] ? error.message
                                : "plugin '" + plugin.op() + "' failed in " + function + "() without saying why (" +
                                      (known ? vivace_status_name(status) : std::to_string(status)) + ")")};
}

struct Arguments {
  PluginTensors inputs, outputs;
  explicit Arguments(const PlacedTensors& tensors) {
    for (const PlacedTensor& t : tensors.inputs) inputs.add(t);
    for (const PlacedTensor& t : tensors.outputs) outputs.add(t);
  }
};

// What the functions of a vivace_plugin_call work on.
struct Run {
  const std::string& node;
  Arguments arguments;
  std::vector<TensorView> outputs;
  std::vector<bool> open;  // outputs whose shapes are not known
  ThreadPool* pool = nullptr;
  std::function<Result<TensorView>(size_t, const Shape&)> allocate;
  Status failed;  // the first error of a function below

  Run(const std::string& n, const PlacedTensors& tensors) : node(n), arguments(tensors) {
    for (const PlacedTensor& t : tensors.outputs) {
      outputs.push_back(t.view);
      open.push_back(!t.has_shape);
    }
  }
  vivace_plugin_call call() {
    vivace_plugin_call c{};
    c.size = sizeof c;
    c.inputs = arguments.inputs.data();
    c.input_count = arguments.inputs.size();
    c.outputs = arguments.outputs.data();
    c.output_count = arguments.outputs.size();
    c.threads = pool ? pool->size() : 1;
    c.parallel = parallel;
    c.allocate = make;
    c.set_string = set_string;
    c.host = this;
    return c;
  }

 private:
  static Run& of(const vivace_plugin_call* call) { return *static_cast<Run*>(call->host); }
  vivace_status fail(std::string what) {
    Status status(Code::invalid_argument, node + ": " + std::move(what));
    if (failed.ok()) failed = std::move(status);
    return VIVACE_INVALID_ARGUMENT;
  }

  static void parallel(const vivace_plugin_call* call, int64_t count, int64_t grain,
                       void (*body)(void*, int64_t, int64_t), void* user) {
    ops::parallel_for(of(call).pool, count, std::max<int64_t>(grain, 1),
                      [&](int64_t begin, int64_t end) { body(user, begin, end); });
  }

  static vivace_status make(const vivace_plugin_call* call, size_t output, int32_t rank, const int64_t* dims) {
    Run& run = of(call);
    const std::string what = "output " + std::to_string(output);
    if (output >= run.outputs.size() || rank < 0 || rank > VIVACE_PLUGIN_MAX_RANK || (rank > 0 && !dims))
      return run.fail("the plugin asks for " + what + ", or a shape of it, that there is not");
    const Shape shape(dims, dims + rank);
    if (!run.open[output]) {
      if (run.outputs[output].shape == shape) return VIVACE_OK;
      return run.fail("the plugin makes " + what + " of shape " + to_string(shape) + ", but said before that it is " +
                      to_string(run.outputs[output].shape));
    }
    Result<TensorView> made = run.allocate(output, shape);
    if (!made.ok()) {
      if (run.failed.ok()) run.failed = made.status();
      return static_cast<vivace_status>(made.status().code());
    }
    run.outputs[output] = *made;
    run.open[output] = false;
    run.arguments.outputs.replace(output, *made);
    return VIVACE_OK;
  }

  static vivace_status set_string(const vivace_plugin_call* call, size_t output, int64_t index, const char* data,
                                  size_t length) {
    Run& run = of(call);
    if (output >= run.outputs.size() || run.outputs[output].type != DType::string || !run.outputs[output].data ||
        index < 0 || index >= run.outputs[output].count() || (length && !data))
      return run.fail("the plugin sets element " + std::to_string(index) + " of output " + std::to_string(output) +
                      ", which holds no such string");
    run.outputs[output].as<std::string>()[index].assign(data ? data : "", length);
    return VIVACE_OK;
  }
};

class Instance final : public ops::Operation {
 public:
  static Result<std::shared_ptr<const Instance>> create(std::shared_ptr<const Plugin> plugin, const ir::Node& node) {
    auto made = std::shared_ptr<Instance>(new Instance(std::move(plugin), node.describe()));
    PluginFields fields;
    VIVACE_TRY(fields.read(node));
    const vivace_plugin_node given{sizeof given,         node.name.c_str(),    fields.list().data(),
                                   fields.list().size(), node.inputs().size(), node.outputs().size()};
    const Plugin& p = *made->plugin_;
    VIVACE_TRY(ask(p, made->node_, "create", [&](vivace_plugin_error* error) {
      return p.functions.create(p.functions.user, &given, &made->handle_, error);
    }));
    made->made_ = true;
    return std::shared_ptr<const Instance>(std::move(made));
  }
  ~Instance() override {
    if (made_) plugin_->functions.destroy(handle_);
  }

  Status infer(ops::Inference& in) const {
    PluginTensors inputs;
    std::deque<Tensor> known;
    for (size_t i = 0; i < in.input_count(); ++i) {
      if (!in.has(i)) {
        inputs.add_missing();
        continue;
      }
      if (in.type(i).kind != ir::Kind::tensor)
        return in.error("input " + std::to_string(i) + " is a " + in.type(i).to_string() + "; plugins take tensors");
      const Tensor* value = in.constant(i);
      if (!value && in.dtype(i) == DType::i64)
        if (const auto numbers = in.numbers(i); numbers && in.rank(i) >= 0)
          value = &known.emplace_back(
              Tensor::of<int64_t>(*numbers, in.rank(i) == 0 ? Shape{} : Shape{static_cast<int64_t>(numbers->size())}));
      inputs.add(in.type(i), value);
    }
    vivace_plugin_type nothing{};
    nothing.rank = -1;
    std::vector<vivace_plugin_type> types(in.output_count(), nothing);
    VIVACE_TRY(ask(*plugin_, in.node.describe(), "infer", [&](vivace_plugin_error* error) {
      return plugin_->functions.infer(handle_, inputs.data(), inputs.size(), types.data(), types.size(), error);
    }));
    for (size_t i = 0; i < types.size(); ++i) {
      const Result<ir::Type> type = read_type(types[i], in.types);
      if (!type.ok())
        return in.error("plugin '" + plugin_->op() + "' infers that output " + std::to_string(i) + " " +
                        type.status().message());
      in.set(i, *type);
    }
    return {};
  }

  bool checks_types() const override { return plugin_->functions.supports != nullptr; }

  bool supports(Where where, const PlacedTensors& tensors) const override {
    if (where == Where::cpu ? !plugin_->functions.run : !plugin_->functions.enqueue) return false;
    bool plain = true;
    for (const auto* list : {&tensors.inputs, &tensors.outputs})
      for (const PlacedTensor& t : *list) {
        plain = plain && t.channel_block == 0;
        if (t.view.type == DType::string && where == Where::gpu) return false;
      }
    if (!plugin_->functions.supports) return plain;
    bool yes = false;
    Arguments a(tensors);
    const Status asked = ask(*plugin_, node_, "supports", [&](vivace_plugin_error*) {
      yes = plugin_->functions.supports(handle_, place(where), a.inputs.data(), a.inputs.size(), a.outputs.data(),
                                        a.outputs.size()) != 0;
      return VIVACE_OK;
    });
    return asked.ok() && yes;
  }

  Result<size_t> workspace(Where where, const PlacedTensors& tensors) const override {
    if (!plugin_->functions.workspace) return size_t{0};
    constexpr size_t kMost = size_t{1} << 47;  // what an address space holds
    size_t bytes = 0;
    Arguments a(tensors);
    VIVACE_TRY(ask(*plugin_, node_, "workspace", [&](vivace_plugin_error*) {
      bytes = plugin_->functions.workspace(handle_, place(where), a.inputs.data(), a.inputs.size(), a.outputs.data(),
                                           a.outputs.size());
      return bytes <= kMost ? VIVACE_OK : VIVACE_INVALID_ARGUMENT;
    }));
    return bytes;
  }

  Status run(const PlacedTensors& tensors, void* workspace, ThreadPool* pool) const override {
    Run run(node_, tensors);
    run.pool = pool;
    return run_on(run, workspace);
  }

  // Row-major tensors of the host's, those of outputs perhaps not made yet.
  Status run(ops::Call& call) const {
    PlacedTensors tensors;
    for (const TensorView& view : call.inputs) tensors.inputs.push_back({view});
    for (size_t i = 0; i < call.outputs.size(); ++i) {
      PlacedTensor& t = tensors.outputs.emplace_back(PlacedTensor{call.outputs[i]});
      if (call.wants(i)) continue;
      t.view.type = call.node.outputs()[i]->type.dtype;
      t.has_shape = false;
    }
    if (!plugin_->functions.run) return call.error("plugin '" + plugin_->op() + "' runs on GPUs only");
    if (!supports(Where::cpu, tensors))
      return call.error("plugin '" + plugin_->op() + "' does not work on the CPU on row-major tensors of these types");
    VIVACE_ASSIGN(const size_t bytes, workspace(Where::cpu, tensors));
    VIVACE_ASSIGN(const Tensor workspace_memory, Tensor::allocate(DType::u8, {static_cast<int64_t>(bytes)}));
    Run run(node_, tensors);
    run.pool = call.pool;
    run.allocate = [&](size_t i, const Shape& shape) -> Result<TensorView> {
      VIVACE_TRY(call.allocate(i, tensors.outputs[i].view.type, shape));
      return call.outputs[i];
    };
    VIVACE_TRY(run_on(run, workspace_memory.data()));
    for (size_t i = 0; i < run.outputs.size(); ++i)
      if (run.open[i] && !call.node.outputs()[i]->unused())
        return call.error("plugin '" + plugin_->op() + "' did not make output " + std::to_string(i) +
                          ", whose shape it left open");
    return {};
  }

  Status enqueue(const PlacedTensors& tensors, void* workspace, void* stream, int device) const override {
    Run run(node_, tensors);
    vivace_plugin_call call = run.call();
    call.workspace = workspace;
    call.stream = stream;
    call.device = device;
    const Status status = ask(*plugin_, node_, "enqueue", [&](vivace_plugin_error* error) {
      return plugin_->functions.enqueue(handle_, &call, error);
    });
    return run.failed.ok() ? status : run.failed;
  }

 private:
  Instance(std::shared_ptr<const Plugin> plugin, std::string node)
      : plugin_(std::move(plugin)), node_(std::move(node)) {}

  static vivace_plugin_place place(Where where) { return where == Where::cpu ? VIVACE_ON_CPU : VIVACE_ON_CUDA; }

  Status run_on(Run& run, void* workspace) const {
    vivace_plugin_call call = run.call();
    call.workspace = workspace;
    const Status status = ask(*plugin_, node_, "run", [&](vivace_plugin_error* error) {
      return plugin_->functions.run(handle_, &call, error);
    });
    return run.failed.ok() ? status : run.failed;
  }

  std::shared_ptr<const Plugin> plugin_;
  std::string node_;
  void* handle_ = nullptr;
  bool made_ = false;
};

// Instances in use, so that a node has one however often it is bound.
class Instances {
 public:
  static Instances& get() {
    static auto* all = new Instances();  // plugins may leave before this library
    return *all;
  }

  Result<std::shared_ptr<const Instance>> of(const std::shared_ptr<const Plugin>& plugin, const ir::Node& node) {
    const std::string key = std::to_string(plugin->serial) + ' ' + fields_key(node);
    {
      const std::lock_guard lock(mutex_);
      if (std::shared_ptr<const Instance> found = find(key)) return found;
    }
    VIVACE_ASSIGN(std::shared_ptr<const Instance> made, Instance::create(plugin, node));
    std::shared_ptr<const Instance> other;  // somebody else may have made one meanwhile
    const std::lock_guard lock(mutex_);
    if ((other = find(key))) return other;
    if (known_.size() >= 2 * in_use_) {
      std::erase_if(known_, [](const auto& entry) { return entry.second.expired(); });
      in_use_ = std::max<size_t>(known_.size(), 64);
    }
    known_[key] = made;
    return made;
  }

 private:
  std::shared_ptr<const Instance> find(const std::string& key) const {
    const auto at = known_.find(key);
    return at == known_.end() ? nullptr : at->second.lock();
  }
  std::mutex mutex_;
  std::unordered_map<std::string, std::weak_ptr<const Instance>> known_;
  size_t in_use_ = 64;
};

class PluginOperator final : public ops::Extension {
 public:
  explicit PluginOperator(PluginVersions versions) : versions_(std::move(versions)) {}

  bool repeatable(const ir::Node& node) const override {
    const auto plugin = of(node);
    return !plugin.ok() || !((*plugin)->functions.flags & VIVACE_PLUGIN_VARIES);
  }

  Status settle(ir::Node& node) const override {
    const auto given = node.attributes.find(ops::kPluginVersion);
    const Plugin* newest = versions_.rbegin()->second.get();
    if (given == node.attributes.end()) {
      node.attributes[std::string(ops::kPluginVersion)] = versions_.rbegin()->first;
    } else if (const auto* text = std::get_if<std::string>(&given->second)) {  // as other runtimes write it
      const int64_t number = std::strtoll(text->c_str(), nullptr, 10);
      if (std::to_string(number) != *text)
        return {Code::invalid_model, node.describe() + ": attribute plugin_version is '" + *text + "', no number"};
      given->second = number;
    }
    const auto at = versions_.find(node.attributes.integer(ops::kPluginVersion));
    if (at != versions_.end()) newest = at->second.get();
    if (!newest->library.empty() && !node.attributes.has(ops::kPluginLibrary))
      node.attributes[std::string(ops::kPluginLibrary)] = newest->library;
    return {};
  }

  Status infer(ops::Inference& in) const override {
    VIVACE_ASSIGN(const std::shared_ptr<const Instance> instance, instance_of(in.node));
    return instance->infer(in);
  }

  Status run(ops::Call& call) const override {
    VIVACE_ASSIGN(const std::shared_ptr<const Instance> instance, instance_of(call.node));
    return instance->run(call);
  }

  Result<std::shared_ptr<const ops::Operation>> open(const ir::Node& node) const override {
    VIVACE_ASSIGN(std::shared_ptr<const Instance> instance, instance_of(node));
    return std::shared_ptr<const ops::Operation>(std::move(instance));
  }

 private:
  Result<std::shared_ptr<const Instance>> instance_of(const ir::Node& node) const {
    VIVACE_ASSIGN(const std::shared_ptr<const Plugin> plugin, of(node));
    return Instances::get().of(plugin, node);
  }

  Result<std::shared_ptr<const Plugin>> of(const ir::Node& node) const {
    const int64_t version = node.attributes.integer(ops::kPluginVersion, versions_.rbegin()->first);
    if (const auto at = versions_.find(version); at != versions_.end()) return at->second;
    std::string others;
    for (const auto& [number, plugin] : versions_) others += (others.empty() ? "" : ", ") + std::to_string(number);
    const Plugin& any = *versions_.begin()->second;
    return Status(Code::unsupported, node.describe() + ": plugin '" + any.name + "', version " +
                                         std::to_string(version) + ", domain '" + any.domain +
                                         "', is not registered, only version " + others +
                                         "; load the library that has it (--plugins FILE, vivace_load_plugins(), "
                                         "vivace.load_plugins())");
  }

  const PluginVersions versions_;  // never empty
};

}  // namespace

std::shared_ptr<const ops::Extension> make_plugin_operator(PluginVersions versions) {
  return std::make_shared<PluginOperator>(std::move(versions));
}

}  // namespace vivace::api
