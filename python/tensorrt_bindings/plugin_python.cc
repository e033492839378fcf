// Plugins written in Python as the C++ interface wants them: an object of C++ beside each of Python.
#include "plugins.h"

extern "C" TENSORRTAPI void vivace_tensorrt_plugin_failed(const char* why) noexcept;

namespace tensorrt_python {

using namespace nvinfer1;  // NOLINT

namespace {

/// Calls that belong to one expression builder; afterwards what Python kept of them is refused.
class Expressing {
 public:
  explicit Expressing(IExprBuilder& builder) : builder_(&builder), alive_(std::make_shared<bool>(true)) {}
  Expressing(const Expressing&) = delete;
  Expressing& operator=(const Expressing&) = delete;
  ~Expressing() { *alive_ = false; }
  [[nodiscard]] nb::object builder() const { return nb::cast(ExpressionBuilder{builder_, alive_}); }
  [[nodiscard]] nb::list shapes(const DimsExprs* dims, int32_t count) const {
    nb::list list;
    for (int32_t i = 0; i < count; i++) list.append(nb::cast(Expressions(dims[i], alive_)));
    return list;
  }

 private:
  IExprBuilder* builder_;
  std::shared_ptr<bool> alive_;
};

template <class T>
nb::list list_of(const T* items, int32_t count) {
  nb::list list;
  for (int32_t i = 0; i < count; i++) list.append(nb::cast(items[i]));
  return list;
}

nb::list addresses(const void* const* pointers, int32_t count) {
  nb::list list;
  for (int32_t i = 0; i < count; i++) list.append(nb::int_(reinterpret_cast<uintptr_t>(pointers[i])));
  return list;
}

int32_t status_of(const nb::object& answer) {
  return answer.is_none() || answer.is(nb::bool_(true)) ? 0 : nb::cast<int32_t>(answer);
}

/// A T around an object that derives from a class of tensorrt._plugin_classes.
template <class T>
T* expect(nb::object object, const char* base) {
  if (!is_a(object, base)) {
    const nb::str type(nb::repr(object.type()));
    throw nb::type_error((std::string(type.c_str()) + " does not derive from tensorrt." + base).c_str());
  }
  return new T(std::move(object));
}

class PluginV2 final : public IPluginV2DynamicExt {
 public:
  explicit PluginV2(nb::object self) : self_(std::move(self)) {}
  ~PluginV2() noexcept override = default;
  [[nodiscard]] const nb::object& self() const { return self_.get(); }

  int32_t getTensorRTVersion() const noexcept override {
    return detail::plugin_version(PluginVersion::kV2_DYNAMICEXT_PYTHON);
  }
  const char* getPluginType() const noexcept override { return texts_.get(self(), "plugin_type"); }
  const char* getPluginVersion() const noexcept override { return texts_.get(self(), "plugin_version"); }
  const char* getPluginNamespace() const noexcept override { return texts_.get(self(), "plugin_namespace"); }
  void setPluginNamespace(const char* space) noexcept override {
    guarded_call("plugin_namespace", false, [&] { return self().attr("plugin_namespace") = to_text(space), true; });
  }
  int32_t getNbOutputs() const noexcept override {
    return guarded_call("num_outputs", 0, [&] { return nb::cast<int32_t>(self().attr("num_outputs")); });
  }
  int32_t initialize() noexcept override {
    return guarded_call("initialize", -1, [&] { return status_of(self().attr("initialize")()); });
  }
  void terminate() noexcept override {
    guarded_call("terminate", false, [&] { return self().attr("terminate")(), true; });
  }
  DataType getOutputDataType(int32_t index, const DataType* types, int32_t count) const noexcept override {
    return guarded_call("get_output_datatype", DataType::kFLOAT, [&] {
      return nb::cast<DataType>(self().attr("get_output_datatype")(index, list_of(types, count)));
    });
  }
  DimsExprs getOutputDimensions(int32_t output, const DimsExprs* inputs, int32_t count,
                                IExprBuilder& builder) noexcept override {
    return guarded_call("get_output_dimensions", DimsExprs{-1, {}}, [&] {
      const Expressing in(builder);
      const nb::object answer = self().attr("get_output_dimensions")(output, in.shapes(inputs, count), in.builder());
      return nb::cast<const Expressions&>(answer).get();
    });
  }
  bool supportsFormatCombination(int32_t pos, const PluginTensorDesc* in_out, int32_t inputs,
                                 int32_t outputs) noexcept override {
    return guarded_call("supports_format_combination", false, [&] {
      return nb::cast<bool>(self().attr("supports_format_combination")(pos, list_of(in_out, inputs + outputs), inputs));
    });
  }
  void configurePlugin(const DynamicPluginTensorDesc* in, int32_t inputs, const DynamicPluginTensorDesc* out,
                       int32_t outputs) noexcept override {
    inputs_ = inputs;
    outputs_ = outputs;
    guarded_call("configure_plugin", false,
                 [&] { return self().attr("configure_plugin")(list_of(in, inputs), list_of(out, outputs)), true; });
  }
  std::size_t getWorkspaceSize(const PluginTensorDesc* in, int32_t inputs, const PluginTensorDesc* out,
                               int32_t outputs) const noexcept override {
    return guarded_call("get_workspace_size", std::size_t{0}, [&] {
      return nb::cast<std::size_t>(self().attr("get_workspace_size")(list_of(in, inputs), list_of(out, outputs)));
    });
  }
  int32_t enqueue(const PluginTensorDesc* in, const PluginTensorDesc* out, const void* const* inputs,
                  void* const* outputs, void* workspace, cudaStream_t stream) noexcept override {
    return guarded_call("enqueue", -1, [&] {
      return status_of(self().attr("enqueue")(list_of(in, inputs_), list_of(out, outputs_), addresses(inputs, inputs_),
                                              addresses(outputs, outputs_), reinterpret_cast<uintptr_t>(workspace),
                                              reinterpret_cast<uintptr_t>(stream)));
    });
  }
  std::size_t getSerializationSize() const noexcept override {
    return guarded_call("get_serialization_size", std::size_t{0}, [&] {
      state_ = state();
      return state_.size();
    });
  }
  void serialize(void* buffer) const noexcept override { std::memcpy(buffer, state_.data(), state_.size()); }
  void destroy() noexcept override {
    guarded_call("destroy", false, [&] { return self().attr("destroy")(), true; });
    delete this;
  }
  IPluginV2DynamicExt* clone() const noexcept override {
    return guarded_call<IPluginV2DynamicExt*>("clone", nullptr, [&]() -> IPluginV2DynamicExt* {
      auto made = std::make_unique<PluginV2>(copy_of(self()));
      made->inputs_ = inputs_;
      made->outputs_ = outputs_;
      return made.release();
    });
  }
  static nb::object copy_of(const nb::object& plugin) {
    nb::object copy = plugin.attr("clone")();
    if (!is_a(copy, "IPluginV2DynamicExt")) throw nb::type_error("clone() gave no IPluginV2DynamicExt");
    return copy;
  }

 private:
  /// What serialize() gives, of the size that get_serialization_size() tells where the class has one.
  std::string state() const {
    nb::object made = self().attr("serialize")();
    if (nb::isinstance<nb::str>(made)) made = made.attr("encode")();
    Bytes bytes;
    if (!bytes.take(made)) throw nb::type_error("serialize() gave neither bytes nor text");
    std::string text(static_cast<const char*>(bytes.data()), bytes.size());
    const nb::object size = self().attr("get_serialization_size")();
    if (!size.is_none()) text.resize(nb::cast<std::size_t>(size));
    return text;
  }

  Held self_;
  mutable Texts texts_;
  mutable std::string state_;
  int32_t inputs_ = 0, outputs_ = 0;
};

/// The parts of a plugin of the third generation: `self` is the Python object of the part.
class Core final : public IPluginV3OneCore {
 public:
  explicit Core(nb::object self) : self_(std::move(self)) {}
  const char* getPluginName() const noexcept override { return texts_.get(self_.get(), "plugin_name"); }
  const char* getPluginVersion() const noexcept override { return texts_.get(self_.get(), "plugin_version"); }
  const char* getPluginNamespace() const noexcept override { return texts_.get(self_.get(), "plugin_namespace"); }

 private:
  Held self_;
  mutable Texts texts_;
};

class BuildPart final : public IPluginV3OneBuildV2 {
 public:
  explicit BuildPart(nb::object self) : second_(is_a(self, "IPluginV3OneBuildV2")), self_(std::move(self)) {}
  InterfaceInfo getInterfaceInfo() const noexcept override {
    return InterfaceInfo{"PLUGIN_V3ONE_BUILD", second_ ? 2 : 1, 0};
  }
  int32_t getNbOutputs() const noexcept override {
    return guarded_call("num_outputs", 0, [&] { return nb::cast<int32_t>(self().attr("num_outputs")); });
  }
  int32_t configurePlugin(const DynamicPluginTensorDesc* in, int32_t inputs, const DynamicPluginTensorDesc* out,
                          int32_t outputs) noexcept override {
    return guarded_call("configure_plugin", -1, [&] {
      return status_of(self().attr("configure_plugin")(list_of(in, inputs), list_of(out, outputs)));
    });
  }
  int32_t getOutputDataTypes(DataType* types, int32_t outputs, const DataType* of,
                             int32_t inputs) const noexcept override {
    return guarded_call("get_output_data_types", -1, [&] {
      const nb::object made = self().attr("get_output_data_types")(list_of(of, inputs));
      if (static_cast<int32_t>(nb::len(made)) != outputs) throw nb::value_error("it gives one type for each output");
      for (int32_t i = 0; i < outputs; i++) types[i] = nb::cast<DataType>(made[i]);
      return 0;
    });
  }
  int32_t getOutputShapes(const DimsExprs* inputs, int32_t count, const DimsExprs* shapes, int32_t shape_count,
                          DimsExprs* outputs, int32_t output_count, IExprBuilder& builder) noexcept override {
    return guarded_call("get_output_shapes", -1, [&] {
      const Expressing in(builder);
      const nb::object made =
          self().attr("get_output_shapes")(in.shapes(inputs, count), in.shapes(shapes, shape_count), in.builder());
      if (static_cast<int32_t>(nb::len(made)) != output_count) {
        throw nb::value_error("it gives one shape for each output");
      }
      for (int32_t i = 0; i < output_count; i++) outputs[i] = nb::cast<const Expressions&>(made[i]).get();
      return 0;
    });
  }
  bool supportsFormatCombination(int32_t pos, const DynamicPluginTensorDesc* in_out, int32_t inputs,
                                 int32_t outputs) noexcept override {
    return guarded_call("supports_format_combination", false, [&] {
      return nb::cast<bool>(self().attr("supports_format_combination")(pos, list_of(in_out, inputs + outputs), inputs));
    });
  }
  std::size_t getWorkspaceSize(const DynamicPluginTensorDesc* in, int32_t inputs, const DynamicPluginTensorDesc* out,
                               int32_t outputs) const noexcept override {
    return guarded_call("get_workspace_size", std::size_t{0}, [&] {
      return nb::cast<std::size_t>(self().attr("get_workspace_size")(list_of(in, inputs), list_of(out, outputs)));
    });
  }
  int32_t getNbTactics() noexcept override {
    return guarded_call("get_valid_tactics", 0, [&] {
      tactics_.clear();
      for (nb::handle tactic : self().attr("get_valid_tactics")()) tactics_.push_back(nb::cast<int32_t>(tactic));
      return static_cast<int32_t>(tactics_.size());
    });
  }
  int32_t getValidTactics(int32_t* tactics, int32_t count) noexcept override {
    for (int32_t i = 0; i < count && i < static_cast<int32_t>(tactics_.size()); i++) tactics[i] = tactics_[i];
    return 0;
  }
  const char* getTimingCacheID() noexcept override { return texts_.get(self(), "timing_cache_id"); }
  const char* getMetadataString() noexcept override { return texts_.get(self(), "metadata_string"); }
  int32_t getFormatCombinationLimit() noexcept override {
    return guarded_call("format_combination_limit", kDEFAULT_FORMAT_COMBINATION_LIMIT + 0,
                        [&] { return nb::cast<int32_t>(self().attr("format_combination_limit")); });
  }
  int32_t getAliasedInput(int32_t output) noexcept override {
    return guarded_call("get_aliased_input", -1,
                        [&] { return nb::cast<int32_t>(self().attr("get_aliased_input")(output)); });
  }

 private:
  [[nodiscard]] const nb::object& self() const { return self_.get(); }
  bool second_;
  Held self_;
  Texts texts_;
  std::vector<int32_t> tactics_;
};

class RuntimePart final : public IPluginV3OneRuntime {
 public:
  explicit RuntimePart(nb::object self) : self_(std::move(self)) {}
  ~RuntimePart() noexcept override {
    guarded_call("fields", false, [&] { return fields_ = Collection(), true; });
  }
  int32_t setTactic(int32_t tactic) noexcept override {
    return guarded_call("set_tactic", -1, [&] { return status_of(self().attr("set_tactic")(tactic)); });
  }
  int32_t onShapeChange(const PluginTensorDesc* in, int32_t inputs, const PluginTensorDesc* out,
                        int32_t outputs) noexcept override {
    inputs_ = inputs;
    outputs_ = outputs;
    return guarded_call("on_shape_change", -1, [&] {
      return status_of(self().attr("on_shape_change")(list_of(in, inputs), list_of(out, outputs)));
    });
  }
  int32_t enqueue(const PluginTensorDesc* in, const PluginTensorDesc* out, const void* const* inputs,
                  void* const* outputs, void* workspace, cudaStream_t stream) noexcept override {
    return guarded_call("enqueue", -1, [&] {
      return status_of(self().attr("enqueue")(list_of(in, inputs_), list_of(out, outputs_), addresses(inputs, inputs_),
                                              addresses(outputs, outputs_), reinterpret_cast<uintptr_t>(workspace),
                                              reinterpret_cast<uintptr_t>(stream)));
    });
  }
  IPluginV3* attachToContext(IPluginResourceContext* context) noexcept override {
    return guarded_call<IPluginV3*>("attach_to_context", nullptr, [&] {
      return make_plugin_v3(self().attr("attach_to_context")(nb::cast(context, nb::rv_policy::reference)));
    });
  }
  const PluginFieldCollection* getFieldsToSerialize() noexcept override {
    return guarded_call<const PluginFieldCollection*>("get_fields_to_serialize", nullptr, [&] {
      fields_ = Collection(self().attr("get_fields_to_serialize")());
      return fields_.get();
    });
  }

 private:
  [[nodiscard]] const nb::object& self() const { return self_.get(); }
  Held self_;
  Collection fields_;
  int32_t inputs_ = 0, outputs_ = 0;
};

class PluginV3 final : public IPluginV3 {
 public:
  explicit PluginV3(nb::object self) : self_(std::move(self)) {}
  ~PluginV3() noexcept override {
    guarded_call("destroy", false, [&] { return self().attr("destroy")(), true; });
  }
  [[nodiscard]] const nb::object& self() const { return self_.get(); }

  IPluginCapability* getCapabilityInterface(PluginCapabilityType type) noexcept override {
    return guarded_call<IPluginCapability*>("get_capability_interface", nullptr, [&]() -> IPluginCapability* {
      std::unique_ptr<IPluginCapability>& part = parts_[static_cast<int32_t>(type)];
      if (part) return part.get();
      nb::object object = self().attr("get_capability_interface")(type);
      switch (object.is_none() ? PluginCapabilityType{-1} : type) {
        case PluginCapabilityType::kCORE: part.reset(expect<Core>(std::move(object), "IPluginV3OneCore")); break;
        case PluginCapabilityType::kBUILD: part.reset(expect<BuildPart>(std::move(object), "IPluginV3OneBuild")); break;
        case PluginCapabilityType::kRUNTIME:
          part.reset(expect<RuntimePart>(std::move(object), "IPluginV3OneRuntime"));
          break;
        default: break;
      }
      return part.get();
    });
  }
  IPluginV3* clone() noexcept override {
    return guarded_call<IPluginV3*>("clone", nullptr, [&] { return make_plugin_v3(self().attr("clone")()); });
  }

 private:
  Held self_;
  std::map<int32_t, std::unique_ptr<IPluginCapability>> parts_;
};

class Resource final : public IPluginResource {
 public:
  explicit Resource(nb::object self) : self_(std::move(self)) {}
  [[nodiscard]] const nb::object& self() const { return self_.get(); }
  int32_t release() noexcept override {
    return guarded_call("release", -1, [&] { return status_of(self().attr("release")()); });
  }
  IPluginResource* clone() noexcept override {
    return guarded_call<IPluginResource*>("clone", nullptr, [&] { return make_resource(self().attr("clone")()); });
  }

 private:
  Held self_;
};

template <class T, class Interface>
nb::object object_of(Interface& of) {
  if (auto* own = dynamic_cast<T*>(&of)) return own->self();
  return nb::cast(&of, nb::rv_policy::reference);
}

}  // namespace

bool is_a(nb::handle object, const char* name) {
  return nb::isinstance(object, nb::module_::import_("tensorrt._plugin_classes").attr(name));
}

void report_failure(const char* where, const char* what) noexcept {
  try {
    vivace_tensorrt_plugin_failed((std::string(where) + ": " + what).c_str());
  } catch (...) {
    vivace_tensorrt_plugin_failed(where);
  }
}

IPluginV2* make_plugin_v2(nb::object plugin) { return expect<PluginV2>(std::move(plugin), "IPluginV2DynamicExt"); }
IPluginV3* make_plugin_v3(nb::object plugin) { return expect<PluginV3>(std::move(plugin), "IPluginV3"); }
IPluginResource* make_resource(nb::object resource) { return expect<Resource>(std::move(resource), "IPluginResource"); }
nb::object python_of(IPluginV2& plugin) { return object_of<PluginV2>(plugin); }
nb::object python_of(IPluginV3& plugin) { return object_of<PluginV3>(plugin); }
nb::object python_of(IPluginResource& resource) { return object_of<Resource>(resource); }

}  // namespace tensorrt_python
