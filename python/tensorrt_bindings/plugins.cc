// The plugin registry, creators and plugins that C++ libraries bring.
#include <nanobind/stl/string.h>

#include "NvInferPlugin.h"
#include "bind.h"

namespace tensorrt_python {

using namespace nvinfer1;  // NOLINT

namespace {

/// A field with its name and an array that holds its data.
struct Field {
  std::string name;
  nb::object data;
  PluginFieldType type;
  int32_t length;
};

Field make_field(const std::string& name, const nb::object& data, PluginFieldType type) {
  nb::object array = nb::none();
  int32_t length = 0;
  if (!data.is_none()) {
    nb::module_ numpy = nb::module_::import_("numpy");
    const bool bytes = nb::isinstance<nb::bytes>(data);
    array = bytes ? numpy.attr("frombuffer")(data, "uint8") : numpy.attr("ascontiguousarray")(data);
    length = nb::cast<int32_t>(array.attr("size"));
  }
  return {name, array, type, length};
}

/// Fields of a Python list as C++ takes them, for one call.
class Collection {
 public:
  explicit Collection(const nb::object& fields) {
    if (!fields.is_none()) {
      for (nb::handle item : fields) {
        const auto& field = nb::cast<const Field&>(item);
        const void* data = field.data.is_none() ? nullptr : to_pointer(field.data.attr("ctypes").attr("data"));
        fields_.emplace_back(field.name.c_str(), data, field.type, field.length);
      }
    }
    collection_ = {static_cast<int32_t>(fields_.size()), fields_.data()};
  }
  [[nodiscard]] const PluginFieldCollection* get() const { return &collection_; }

 private:
  std::vector<PluginField> fields_;
  PluginFieldCollection collection_{};
};

nb::object to_list(const PluginFieldCollection* collection) {
  nb::list fields;
  for (int32_t i = 0; collection && i < collection->nbFields; i++) {
    const PluginField& field = collection->fields[i];
    fields.append(nb::cast(Field{field.name ? field.name : "", nb::none(), field.type, field.length}));
  }
  return nb::module_::import_("tensorrt._values").attr("PluginFieldCollection")(fields);
}

/// Plugins are destroyed by destroy(), which comes with the Python object's end.
nb::object own(IPluginV2* plugin) {
  nb::object object = nb::cast(plugin, nb::rv_policy::reference);
  if (plugin) {
    nb::keep_alive_cb(object, plugin, [](void* gone) noexcept { static_cast<IPluginV2*>(gone)->destroy(); });
  }
  return object;
}

template <class Creator>
nb::list creator_list(Creator* const* creators, int32_t count) {
  nb::list list;
  for (int32_t i = 0; creators && i < count; i++) list.append(nb::cast(creators[i], nb::rv_policy::reference));
  return list;
}

void bind_creators(nb::module_& m) {
  nb::class_<IPluginV2>(m, "IPluginV2")
      .def_prop_ro("num_outputs", &IPluginV2::getNbOutputs)
      .def_prop_ro("plugin_type", [](const IPluginV2& p) { return to_text(p.getPluginType()); })
      .def_prop_ro("plugin_version", [](const IPluginV2& p) { return to_text(p.getPluginVersion()); })
      .def_prop_ro("serialization_size", &IPluginV2::getSerializationSize)
      .def_prop_rw(
          "plugin_namespace", [](const IPluginV2& p) { return to_text(p.getPluginNamespace()); },
          &IPluginV2::setPluginNamespace)
      .def("serialize",
           [](const IPluginV2& p) {
             std::vector<char> bytes(p.getSerializationSize());
             p.serialize(bytes.data());
             return nb::bytes(bytes.data(), bytes.size());
           })
      .def("clone", [](const IPluginV2& p) { return own(p.clone()); });
  nb::class_<IPluginV3>(m, "IPluginV3")
      .def(
          "clone", [](IPluginV3& p) { return p.clone(); }, nb::rv_policy::take_ownership);

  nb::class_<IPluginCreatorInterface>(m, "IPluginCreatorInterface");
  using Creator = IPluginCreator;
  nb::class_<Creator, IPluginCreatorInterface>(m, "IPluginCreator")
      .def_prop_ro("name", [](const Creator& c) { return to_text(c.getPluginName()); })
      .def_prop_ro("plugin_version", [](const Creator& c) { return to_text(c.getPluginVersion()); })
      .def_prop_rw(
          "plugin_namespace", [](const Creator& c) { return to_text(c.getPluginNamespace()); },
          &Creator::setPluginNamespace)
      .def_prop_ro("field_names", [](Creator& c) { return to_list(c.getFieldNames()); })
      .def(
          "create_plugin",
          [](Creator& c, const char* name, const nb::object& fields) {
            const Collection collection(fields);
            return own(c.createPlugin(name, collection.get()));
          },
          "name"_a, "field_collection"_a.none())
      .def(
          "deserialize_plugin",
          [](Creator& c, const char* name, Bytes& data) {
            return own(c.deserializePlugin(name, data.data(), data.size()));
          },
          "name"_a, "serialized_plugin"_a);
  using Creator3 = IPluginCreatorV3One;
  nb::class_<Creator3, IPluginCreatorInterface>(m, "IPluginCreatorV3One")
      .def_prop_ro("name", [](const Creator3& c) { return to_text(c.getPluginName()); })
      .def_prop_ro("plugin_version", [](const Creator3& c) { return to_text(c.getPluginVersion()); })
      .def_prop_ro("plugin_namespace", [](const Creator3& c) { return to_text(c.getPluginNamespace()); })
      .def_prop_ro("field_names", [](Creator3& c) { return to_list(c.getFieldNames()); })
      .def(
          "create_plugin",
          [](Creator3& c, const char* name, const nb::object& fields, TensorRTPhase phase) {
            const Collection collection(fields);
            return c.createPlugin(name, collection.get(), phase);
          },
          "name"_a, "field_collection"_a.none(), "phase"_a, nb::rv_policy::take_ownership);
}

}  // namespace

void bind_plugins(nb::module_& m) {
  using T = PluginFieldType;
  enumeration<T>(m, "PluginFieldType",
                 {{"FLOAT16", T::kFLOAT16},
                  {"FLOAT32", T::kFLOAT32},
                  {"FLOAT64", T::kFLOAT64},
                  {"INT8", T::kINT8},
                  {"INT16", T::kINT16},
                  {"INT32", T::kINT32},
                  {"CHAR", T::kCHAR},
                  {"DIMS", T::kDIMS},
                  {"UNKNOWN", T::kUNKNOWN},
                  {"BF16", T::kBF16},
                  {"INT64", T::kINT64},
                  {"FP8", T::kFP8},
                  {"INT4", T::kINT4},
                  {"FP4", T::kFP4}});
  enumeration<TensorRTPhase>(m, "TensorRTPhase",
                             {{"BUILD", TensorRTPhase::kBUILD}, {"RUNTIME", TensorRTPhase::kRUNTIME}});
  nb::class_<Field>(m, "PluginField")
      .def(
          "__init__",
          [](Field* self, const std::string& name, const nb::object& data, T type) {
            new (self) Field(make_field(name, data, type));
          },
          "name"_a = "", "data"_a = nb::none(), "type"_a = T::kUNKNOWN)
      .def_rw("name", &Field::name)
      .def_rw("type", &Field::type)
      .def_rw("size", &Field::length)
      .def_prop_rw(
          "data", [](const Field& f) { return f.data; },
          [](Field& f, const nb::object& data) { f = make_field(f.name, data, f.type); });
  bind_creators(m);

  using R = IPluginRegistry;
  nb::class_<R>(m, "IPluginRegistry")
      .def_prop_ro("plugin_creator_list",
                   [](const R& r) {
                     int32_t count = 0;
                     auto* creators = r.getPluginCreatorList(&count);
                     return creator_list(creators, count);
                   })
      .def_prop_ro("all_creators",
                   [](const R& r) {
                     int32_t count = 0;
                     auto* creators = r.getAllCreators(&count);
                     return creator_list(creators, count);
                   })
      .def(
          "get_plugin_creator",
          [](R& r, const char* type, const char* version, const char* space) {
            return r.getPluginCreator(type, version, space);
          },
          "type"_a, "version"_a, "plugin_namespace"_a = "", nb::rv_policy::reference)
      .def(
          "get_creator",
          [](R& r, const char* type, const char* version, const char* space) {
            return r.getCreator(type, version, space);
          },
          "type"_a, "version"_a, "plugin_namespace"_a = "", nb::rv_policy::reference)
      .def(
          "register_creator",
          [](R& r, IPluginCreator& creator, const char* space) { return r.registerCreator(creator, space); },
          "creator"_a, "plugin_namespace"_a = "", nb::keep_alive<1, 2>())
      .def("deregister_creator", [](R& r, const IPluginCreator& creator) { return r.deregisterCreator(creator); })
      .def(
          "load_library", [](R& r, const char* path) { return reinterpret_cast<uintptr_t>(r.loadLibrary(path)); },
          "plugin_path"_a)
      .def("deregister_library",
           [](R& r, uintptr_t handle) { r.deregisterLibrary(reinterpret_cast<R::PluginLibraryHandle>(handle)); })
      .def_prop_rw("error_recorder", &R::getErrorRecorder, &R::setErrorRecorder, nb::for_setter(nb::keep_alive<1, 2>()),
                   nb::for_setter(nb::arg().none()))
      .def_prop_rw("parent_search_enabled", &R::isParentSearchEnabled, &R::setParentSearchEnabled);
  m.def(
      "get_plugin_registry", []() { return getPluginRegistry(); }, nb::rv_policy::reference);
  m.def(
      "init_libnvinfer_plugins",
      [](ILogger* logger, const char* space) { return initLibNvInferPlugins(logger, space); }, "logger"_a.none(),
      "namespace"_a = "");
}

}  // namespace tensorrt_python
