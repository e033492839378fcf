#include "tensorrt/plugin_host.h"

#include <dlfcn.h>

#include <cstring>
#include <map>
#include <mutex>

#include "base/hash.h"
#include "ops/extension.h"
#include "tensorrt/plugin_instance.h"
#include "tensorrt/plugins/plugin.h"
#include "tensorrt/report.h"
#include "tensorrt/types.h"

namespace vivace::tensorrt {

namespace {

using nvinfer1::PluginField;
using nvinfer1::PluginFieldCollection;
using nvinfer1::PluginFieldType;

std::string text(const char* s) { return s ? s : ""; }

size_t field_bytes(const PluginField& field) {
  const auto count = static_cast<size_t>(std::max(field.length, 0));
  switch (field.type) {
    case PluginFieldType::kFLOAT64:
    case PluginFieldType::kINT64: return 8 * count;
    case PluginFieldType::kFLOAT32:
    case PluginFieldType::kINT32: return 4 * count;
    case PluginFieldType::kFLOAT16:
    case PluginFieldType::kBF16:
    case PluginFieldType::kINT16: return 2 * count;
    case PluginFieldType::kDIMS: return sizeof(nvinfer1::Dims) * count;
    case PluginFieldType::kINT4:
    case PluginFieldType::kFP4: return (count + 1) / 2;
    default: return count;
  }
}

// Fields of a plugin of the third generation as bytes: for each its name, type, length and elements.
std::string pack(const PluginFieldCollection* fields) {
  std::string bytes;
  const auto number = [&](uint32_t n) { bytes.append(reinterpret_cast<const char*>(&n), sizeof n); };
  for (int32_t i = 0; fields && i < fields->nbFields; ++i) {
    const PluginField& field = fields->fields[i];
    const std::string name = text(field.name);
    const size_t size = field.data ? field_bytes(field) : 0;
    number(static_cast<uint32_t>(name.size()));
    bytes += name;
    number(static_cast<uint32_t>(field.type));
    number(static_cast<uint32_t>(size ? field.length : 0));
    number(static_cast<uint32_t>(size));
    if (size) bytes.append(static_cast<const char*>(field.data), size);
  }
  return bytes;
}

// Owns what the fields point to.
struct Unpacked {
  std::vector<std::string> names, data;
  std::vector<PluginField> fields;
};

bool unpack(std::string_view bytes, Unpacked& to) {
  const auto number = [&](uint32_t& n) {
    if (bytes.size() < sizeof n) return false;
    std::memcpy(&n, bytes.data(), sizeof n);
    bytes.remove_prefix(sizeof n);
    return true;
  };
  const auto take = [&](uint32_t size, std::string& into) {
    if (bytes.size() < size) return false;
    into.assign(bytes.substr(0, size));
    bytes.remove_prefix(size);
    return true;
  };
  while (!bytes.empty()) {
    uint32_t size = 0, type = 0, length = 0;
    if (!number(size) || !take(size, to.names.emplace_back()) || !number(type) || !number(length) || !number(size) ||
        !take(size, to.data.emplace_back()))
      return false;
    const PluginField field(nullptr, nullptr, static_cast<PluginFieldType>(type), static_cast<int32_t>(length));
    if (field_bytes(field) != size) return false;
    to.fields.push_back(field);
  }
  for (size_t i = 0; i < to.fields.size(); ++i)
    to.fields[i] = {to.names[i].c_str(), to.data[i].data(), to.fields[i].type, to.fields[i].length};
  return true;
}

// Of a node's attributes.
bool works_on_gpu(const ir::Attributes& of) {
  if (!plugins_work_on_gpu()) return false;
  const auto* creator = find_creator(of.text("name"), of.text("version"), of.text("namespace"));
  return !creator || creator->getInterfaceInfo().minor != plugins::kWorksOnHost;
}

Result<std::unique_ptr<PluginInstance>> create(const ir::Node& node) {
  const ir::Attributes& of = node.attributes;
  const std::string name = of.text("name"), version = of.text("version"), space = of.text("namespace");
  const Tensor* state = of.get<Tensor>("state");
  if (!state) return Status(Code::corrupt_file, node.describe() + ": the plugin's state is missing");
  nvinfer1::IPluginCreatorInterface* creator = find_creator(name, version, space);
  if (!creator)
    return Status(Code::invalid_argument, node.describe() + ": there is no creator of plugin '" + name +
                                              "', version '" + version + "', namespace '" + space +
                                              "'; register it (REGISTER_TENSORRT_PLUGIN), or load its library, "
                                              "before the plan");
  if (of.integer("generation") == 2) {
    if (text(creator->getInterfaceInfo().kind) != "PLUGIN CREATOR_V1")
      return plugin_error(name.c_str(), "its creator is of another generation");
    OwnedV2 plugin(static_cast<nvinfer1::IPluginCreator*>(creator)->deserializePlugin(node.name.c_str(), state->data(),
                                                                                      state->bytes()));
    if (!plugin) return plugin_error(name.c_str(), "deserializePlugin gave null");
    plugin->setPluginNamespace(space.c_str());
    return make_instance(std::move(plugin), of.integer("implicit_batch") != 0, works_on_gpu(of));
  }
  Unpacked unpacked;
  if (!unpack({state->as<char>(), state->bytes()}, unpacked))
    return plugin_error(name.c_str(), "its fields in the plan are damaged");
  if (text(creator->getInterfaceInfo().kind) != "PLUGIN CREATOR_V3ONE")
    return plugin_error(name.c_str(), "its creator is of another generation");
  const PluginFieldCollection fields{static_cast<int32_t>(unpacked.fields.size()), unpacked.fields.data()};
  OwnedV3 plugin(static_cast<nvinfer1::IPluginCreatorV3One*>(creator)->createPlugin(node.name.c_str(), &fields,
                                                                                    nvinfer1::TensorRTPhase::kRUNTIME));
  if (!plugin) return plugin_error(name.c_str(), "createPlugin gave null");
  return make_instance(std::move(plugin), static_cast<size_t>(of.integer("shape_inputs")),
                       static_cast<int32_t>(of.integer("tactic")), works_on_gpu(of));
}

// What callbacks of a plugin report of themselves while this thread works with it (vivace_tensorrt_plugin_failed): the
// interfaces of plugins have no words for it, some not even an error code.
class Callbacks {
 public:
  Callbacks() : outer_(current()) { current() = this; }
  Callbacks(const Callbacks&) = delete;
  Callbacks& operator=(const Callbacks&) = delete;
  ~Callbacks() { current() = outer_; }

  /// `status` where no callback failed.
  Status check(const char* name, const Status& status) const {
    return why_.empty() ? status : plugin_error(name, why_);
  }

  static void failed(const char* why) {
    if (Callbacks* to = current()) {
      if (to->why_.empty()) to->why_ = text(why);
    } else {
      Errors{::getLogger(), nullptr}.report({Code::invalid_argument, "a plugin's " + text(why)});
    }
  }

 private:
  static Callbacks*& current() {
    thread_local Callbacks* innermost = nullptr;
    return innermost;
  }
  Callbacks* outer_;
  std::string why_;
};

// Plugin objects that wait for work, by the id of their nodes. A plugin runs in one thread at a time, so concurrent
// runs have an object each. Never destroyed: plugins may come from libraries that leave before this one. The lock is
// never held while a plugin or creator is called: they may wait for locks of the client's.
class Pool {
 public:
  static Pool& get() {
    static auto* pool = new Pool();
    return *pool;
  }

  /// What nodes of this id are cloned from, instead of asking a creator; null: a creator is asked again.
  void set_prototype(const std::string& id, std::shared_ptr<PluginInstance> instance) {
    std::vector<std::unique_ptr<PluginInstance>> before;  // goes after the lock
    const std::lock_guard lock(mutex_);
    before.swap(idle_[id]);
    prototypes_[id].swap(instance);
  }

  Status use(const ir::Node& node, const std::function<Status(PluginInstance&)>& body) {
    const std::string name = node.attributes.text("name");
    const Callbacks callbacks;
    try {
      const std::string id = node.attributes.text("id");
      Result<std::unique_ptr<PluginInstance>> instance = take(id, node);
      if (!instance.ok()) return callbacks.check(name.c_str(), instance.status());
      const Status status = callbacks.check(name.c_str(), body(**instance));
      const std::lock_guard lock(mutex_);
      idle_[id].push_back(std::move(*instance));
      return status;
    } catch (const std::exception& e) {
      return {Code::internal, node.describe() + ": the plugin threw an exception: " + e.what()};
    }
  }

 private:
  Result<std::unique_ptr<PluginInstance>> take(const std::string& id, const ir::Node& node) {
    std::shared_ptr<PluginInstance> prototype;
    {
      const std::lock_guard lock(mutex_);
      std::vector<std::unique_ptr<PluginInstance>>& idle = idle_[id];
      if (!idle.empty()) {
        std::unique_ptr<PluginInstance> taken = std::move(idle.back());
        idle.pop_back();
        return taken;
      }
      prototype = prototypes_[id];
    }
    return prototype ? prototype->clone() : create(node);
  }

  std::mutex mutex_;
  std::map<std::string, std::vector<std::unique_ptr<PluginInstance>>> idle_;
  std::map<std::string, std::shared_ptr<PluginInstance>> prototypes_;
};

class Plugins final : public ops::Extension {
  Status infer(ops::Inference& in) const override {
    return Pool::get().use(in.node, [&](PluginInstance& instance) { return instance.infer(in); });
  }
  Status run(ops::Call& call) const override {
    return Pool::get().use(call.node, [&](PluginInstance& instance) { return instance.run(call); });
  }
};

[[maybe_unused]] const bool registered = [] {
  ops::register_extension(kPluginNode, std::make_shared<Plugins>());
  return true;
}();

Result<ir::Attributes> attributes_of(int64_t generation, const char* name, const char* version, const char* space,
                                     std::string_view state) {
  VIVACE_ASSIGN(Tensor bytes, Tensor::allocate(DType::u8, {static_cast<int64_t>(state.size())}));
  if (!state.empty()) std::memcpy(bytes.data(), state.data(), state.size());
  const std::string identity =
      std::to_string(generation) + '\n' + text(name) + '\n' + text(version) + '\n' + text(space);
  ir::Attributes made;
  made["generation"] = generation;
  made["name"] = text(name);
  made["version"] = text(version);
  made["namespace"] = text(space);
  made["state"] = std::move(bytes);
  made["id"] = to_hex(hash_text(identity)) + to_hex(hash_text(state));
  return made;
}

}  // namespace

nvinfer1::IPluginCreatorInterface* find_creator(const std::string& name, const std::string& version,
                                                const std::string& space) {
  if (auto* found = ::getPluginRegistry()->getCreator(name.c_str(), version.c_str(), space.c_str())) return found;
  using GetRegistry = nvinfer1::IPluginRegistry* (*)();
  const auto other = reinterpret_cast<GetRegistry>(dlsym(RTLD_DEFAULT, "getPluginRegistry"));
  return other ? other()->getCreator(name.c_str(), version.c_str(), space.c_str()) : nullptr;
}

nvinfer1::PluginTensorDesc describe(DType type, const nvinfer1::Dims& dims) {
  return {dims, to_data_type(type), nvinfer1::TensorFormat::kLINEAR, 1.0F};
}

// Dimensions that are not known yet go from 1 to whatever.
nvinfer1::DynamicPluginTensorDesc describe_range(const nvinfer1::PluginTensorDesc& desc) {
  nvinfer1::DynamicPluginTensorDesc made{desc, desc.dims, desc.dims, desc.dims};
  for (int32_t i = 0; i < desc.dims.nbDims; ++i)
    if (desc.dims.d[i] < 0) made.min.d[i] = made.opt.d[i] = made.max.d[i] = 1;
  return made;
}

Status plugin_error(const char* name, const std::string& what) {
  return {Code::invalid_argument, "plugin '" + text(name) + "': " + what};
}

namespace {

std::string name_of(nvinfer1::IPluginV2& plugin) { return text(plugin.getPluginType()); }
std::string name_of(nvinfer1::IPluginV3& plugin) {
  using nvinfer1::PluginCapabilityType;
  auto* core = static_cast<nvinfer1::IPluginV3OneCore*>(plugin.getCapabilityInterface(PluginCapabilityType::kCORE));
  return core ? text(core->getPluginName()) : "?";
}

Result<ir::Attributes> configured_attributes(OwnedV2 plugin, const std::vector<ir::Type>& inputs, bool implicit_batch) {
  VIVACE_TRY(configure_for_build(*plugin, inputs, implicit_batch));
  std::string state(plugin->getSerializationSize(), '\0');
  plugin->serialize(state.data());
  VIVACE_ASSIGN(ir::Attributes made, attributes_of(2, plugin->getPluginType(), plugin->getPluginVersion(),
                                                   plugin->getPluginNamespace(), state));
  made["implicit_batch"] = static_cast<int64_t>(implicit_batch);
  VIVACE_ASSIGN(std::unique_ptr<PluginInstance> instance,
                make_instance(std::move(plugin), implicit_batch, works_on_gpu(made)));
  Pool::get().set_prototype(made.text("id"), std::move(instance));
  return made;
}

Result<ir::Attributes> configured_attributes(OwnedV3 plugin, const std::vector<ir::Type>& inputs, size_t shape_inputs) {
  int32_t tactic = 0;
  VIVACE_TRY(configure_for_build(*plugin, inputs, shape_inputs, tactic));
  using nvinfer1::PluginCapabilityType;
  auto* core = static_cast<nvinfer1::IPluginV3OneCore*>(plugin->getCapabilityInterface(PluginCapabilityType::kCORE));
  auto* runtime =
      static_cast<nvinfer1::IPluginV3OneRuntime*>(plugin->getCapabilityInterface(PluginCapabilityType::kRUNTIME));
  if (!core || !runtime) return plugin_error("?", "it lacks its core or runtime part");
  VIVACE_ASSIGN(ir::Attributes made, attributes_of(3, core->getPluginName(), core->getPluginVersion(),
                                                   core->getPluginNamespace(), pack(runtime->getFieldsToSerialize())));
  made["shape_inputs"] = static_cast<int64_t>(shape_inputs);
  made["tactic"] = static_cast<int64_t>(tactic);
  made["id"] = made.text("id") + '-' + std::to_string(tactic);
  VIVACE_ASSIGN(std::unique_ptr<PluginInstance> instance,
                make_instance(std::move(plugin), shape_inputs, tactic, works_on_gpu(made)));
  Pool::get().set_prototype(made.text("id"), std::move(instance));
  return made;
}

template <class Plugin, class Extra>
Result<ir::Attributes> checked_attributes(Plugin plugin, const std::vector<ir::Type>& inputs, Extra extra) {
  const Callbacks callbacks;
  const std::string name = name_of(*plugin);
  Result<ir::Attributes> made = configured_attributes(std::move(plugin), inputs, extra);
  const Status status = callbacks.check(name.c_str(), made.status());
  if (!status.ok()) return status;
  return made;
}

}  // namespace

Result<ir::Attributes> plugin_attributes(OwnedV2 plugin, const std::vector<ir::Type>& inputs, bool implicit_batch) {
  return checked_attributes(std::move(plugin), inputs, implicit_batch);
}

Result<ir::Attributes> plugin_attributes(OwnedV3 plugin, const std::vector<ir::Type>& inputs, size_t shape_inputs) {
  return checked_attributes(std::move(plugin), inputs, shape_inputs);
}

void ask_creators_again(const ir::Graph& graph) {
  for (const std::unique_ptr<ir::Node>& node : graph.nodes()) {
    const ir::Attributes& of = node->attributes;
    if (node->op != kPluginNode || !find_creator(of.text("name"), of.text("version"), of.text("namespace"))) continue;
    Pool::get().set_prototype(of.text("id"), nullptr);
  }
}

}  // namespace vivace::tensorrt

extern "C" TENSORRTAPI void vivace_tensorrt_plugin_failed(char const* why) noexcept {
  try {
    vivace::tensorrt::Callbacks::failed(why);
  } catch (...) {  // no memory for the words: the callback's answer stands for itself
  }
}
