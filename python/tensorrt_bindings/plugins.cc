// The plugin registry, creators of plugins, and plugins that C++ libraries bring.
#include "plugins.h"

#include <cstring>

namespace tensorrt_python {

using namespace nvinfer1;  // NOLINT

namespace {

/// Plugins are destroyed by destroy(), which comes with the Python object's end.
nb::object own(IPluginV2* plugin) {
  if (!plugin) return nb::none();
  nb::object object = nb::cast(plugin, nb::rv_policy::reference);
  nb::keep_alive_cb(object, plugin, [](void* gone) noexcept { static_cast<IPluginV2*>(gone)->destroy(); });
  return object;
}

/// What creators written in Python share: attributes, and the call of a method that they must have.
template <class Base>
struct PyCreatorOf : Base {
  NB_TRAMPOLINE(Base);
  const char* getPluginName() const noexcept override { return texts_.get(nb_trampoline.base(), "name"); }
  const char* getPluginVersion() const noexcept override { return texts_.get(nb_trampoline.base(), "plugin_version"); }
  const char* getPluginNamespace() const noexcept override {
    return texts_.get(nb_trampoline.base(), "plugin_namespace");
  }
  const PluginFieldCollection* getFieldNames() noexcept override {
    return guarded_call<const PluginFieldCollection*>("field_names", nullptr, [&] {
      fields_ = Collection(nb_trampoline.base().attr("field_names"));
      return fields_.get();
    });
  }
  template <class... Args>
  nb::object call(const char* name, Args&&... args) const {
    const nb::detail::ticket ticket(nb_trampoline, name, nb::detail::str_hash(name), true);
    return nb_trampoline.base().attr(ticket.key)(std::forward<Args>(args)...);
  }

  /// Attributes that the object set, as properties of its class give them.
  nb::object name = nb::none(), version = nb::none(), space = nb::str(""), field_names = nb::none();

 private:
  mutable Texts texts_;
  Collection fields_;
};

struct PyCreator : PyCreatorOf<IPluginCreator> {
  using PyCreatorOf::PyCreatorOf;
  IPluginV2* createPlugin(const char* layer, const PluginFieldCollection* fields) noexcept override {
    return guarded_call<IPluginV2*>("create_plugin", nullptr, [&] {
      return make_plugin_v2(call("create_plugin", to_text(layer), to_list(fields)));
    });
  }
  IPluginV2* deserializePlugin(const char* layer, const void* data, std::size_t size) noexcept override {
    return guarded_call<IPluginV2*>("deserialize_plugin", nullptr, [&] {
      return make_plugin_v2(call("deserialize_plugin", to_text(layer), nb::bytes(data, size)));
    });
  }
  void setPluginNamespace(const char* text) noexcept override {
    guarded_call("plugin_namespace", false,
                 [&] { return nb_trampoline.base().attr("plugin_namespace") = to_text(text), true; });
  }
};

struct PyCreatorV3 : PyCreatorOf<IPluginCreatorV3One> {
  using PyCreatorOf::PyCreatorOf;
  IPluginV3* createPlugin(const char* layer, const PluginFieldCollection* fields,
                          TensorRTPhase phase) noexcept override {
    return guarded_call<IPluginV3*>("create_plugin", nullptr, [&] {
      return make_plugin_v3(call("create_plugin", to_text(layer), to_list(fields), phase));
    });
  }
};

/// A creator by its own interface: Python's own object, or a view of C++'s.
nb::object object_of(IPluginCreatorInterface* creator) {
  if (!creator) return nb::none();
  constexpr auto view = nb::rv_policy::reference;
  if (std::strcmp(creator->getInterfaceInfo().kind, "PLUGIN CREATOR_V3ONE") == 0) {
    return nb::cast(static_cast<IPluginCreatorV3One*>(creator), view);
  }
  return nb::cast(static_cast<IPluginCreator*>(creator), view);
}

template <class Creator>
nb::list creator_list(Creator* const* creators, int32_t count) {
  nb::list list;
  for (int32_t i = 0; creators && i < count; i++) list.append(object_of(creators[i]));
  return list;
}

// Properties of creators: what the Python object was given, or what the C++ creator tells.
template <class Creator>
using Own = PyCreatorOf<Creator>;

nb::object told(const char* text) { return to_text(text); }
nb::object told(const PluginFieldCollection* fields) { return to_list(fields); }

template <class Creator, auto kOwn, auto kGet>
nb::object get(Creator& creator) {
  auto* own = dynamic_cast<Own<Creator>*>(&creator);
  return own ? own->*kOwn : told((creator.*kGet)());
}

template <class Creator, auto kOwn>
void set(Creator& creator, const nb::object& value) {
  auto* own = dynamic_cast<Own<Creator>*>(&creator);
  if (!own) throw nb::attribute_error("A creator of C++ has what it has");
  own->*kOwn = value;
}

#define GIVEN(Creator, member, Get) \
  &get<Creator, &Own<Creator>::member, &Creator::Get>, &set<Creator, &Own<Creator>::member>

void bind_creators(nb::module_& m) {
  nb::class_<IPluginCreatorInterface>(m, "IPluginCreatorInterface");
  nb::class_<IPluginCreator, IPluginCreatorInterface, PyCreator> second(m, "IPluginCreator");
  second.def(nb::init<>())
      .def_prop_rw("name", GIVEN(IPluginCreator, name, getPluginName))
      .def_prop_rw("plugin_version", GIVEN(IPluginCreator, version, getPluginVersion))
      .def_prop_rw("plugin_namespace", GIVEN(IPluginCreator, space, getPluginNamespace))
      .def_prop_rw("field_names", GIVEN(IPluginCreator, field_names, getFieldNames))
      .def(
          "create_plugin",
          [](IPluginCreator& c, const char* name, const nb::object& fields) {
            Collection collection(fields);
            return own(c.createPlugin(name, collection.get()));
          },
          "name"_a, "field_collection"_a.none())
      .def(
          "deserialize_plugin",
          [](IPluginCreator& c, const char* name, Bytes& data) {
            return own(c.deserializePlugin(name, data.data(), data.size()));
          },
          "name"_a, "serialized_plugin"_a);
  nb::class_<IPluginCreatorV3One, IPluginCreatorInterface, PyCreatorV3> third(m, "IPluginCreatorV3One");
  third.def(nb::init<>())
      .def_prop_rw("name", GIVEN(IPluginCreatorV3One, name, getPluginName))
      .def_prop_rw("plugin_version", GIVEN(IPluginCreatorV3One, version, getPluginVersion))
      .def_prop_rw("plugin_namespace", GIVEN(IPluginCreatorV3One, space, getPluginNamespace))
      .def_prop_rw("field_names", GIVEN(IPluginCreatorV3One, field_names, getFieldNames))
      .def(
          "create_plugin",
          [](IPluginCreatorV3One& c, const char* name, const nb::object& fields, TensorRTPhase phase) {
            Collection collection(fields);
            return c.createPlugin(name, collection.get(), phase);
          },
          "name"_a, "field_collection"_a.none(), "phase"_a, nb::rv_policy::take_ownership);
}

/// Plugins of C++; those of Python are objects of tensorrt._plugin_classes.
void bind_native_plugins(nb::module_& m) {
  nb::class_<IPluginV2>(m, "IPluginV2")
      .def_prop_ro("num_outputs", &IPluginV2::getNbOutputs)
      .def_prop_ro("tensorrt_version", &IPluginV2::getTensorRTVersion)
      .def_prop_ro("plugin_type", [](const IPluginV2& p) { return to_text(p.getPluginType()); })
      .def_prop_ro("plugin_version", [](const IPluginV2& p) { return to_text(p.getPluginVersion()); })
      .def_prop_ro("serialization_size", &IPluginV2::getSerializationSize)
      .def_prop_rw(
          "plugin_namespace", [](const IPluginV2& p) { return to_text(p.getPluginNamespace()); },
          &IPluginV2::setPluginNamespace)
      .def(
          "get_output_shape",
          [](IPluginV2& p, int32_t index, const nb::sequence& shapes) {
            std::vector<Dims> dims;
            for (nb::handle shape : shapes) dims.push_back(nb::cast<Dims>(shape));
            return p.getOutputDimensions(index, dims.data(), static_cast<int32_t>(dims.size()));
          },
          "index"_a, "input_shapes"_a)
      .def("supports_format", &IPluginV2::supportsFormat, "dtype"_a, "format"_a)
      .def("initialize", &IPluginV2::initialize)
      .def("terminate", &IPluginV2::terminate)
      .def("get_workspace_size", &IPluginV2::getWorkspaceSize, "max_batch_size"_a)
      .def(
          "execute_async",
          [](IPluginV2& p, int32_t batch, const nb::sequence& inputs, const nb::sequence& outputs,
             const nb::object& workspace, const nb::object& stream) {
            const std::vector<void*> from = to_pointers(inputs), to = to_pointers(outputs);
            return p.enqueue(batch, from.data(), to.data(), to_pointer(workspace),
                             static_cast<cudaStream_t>(to_pointer(stream)));
          },
          "batch_size"_a, "inputs"_a, "outputs"_a, "workspace"_a = nb::none(), "stream_handle"_a = nb::none())
      .def("serialize",
           [](const IPluginV2& p) {
             std::vector<char> bytes(p.getSerializationSize());
             p.serialize(bytes.data());
             return nb::bytes(bytes.data(), bytes.size());
           })
      .def("clone", [](const IPluginV2& p) { return own(p.clone()); });
  nb::class_<IPluginV3>(m, "_PluginV3")
      .def(
          "clone", [](IPluginV3& p) { return p.clone(); }, nb::rv_policy::take_ownership);
  nb::class_<IPluginResource>(m, "_PluginResource");
  nb::class_<IPluginResourceContext>(m, "IPluginResourceContext")
      .def_prop_ro("gpu_allocator", &IPluginResourceContext::getGpuAllocator, nb::rv_policy::reference)
      .def_prop_ro("error_recorder", &IPluginResourceContext::getErrorRecorder, nb::rv_policy::reference);
}

// The registry locks itself and calls creators and resources meanwhile, so it is asked without the GIL: a thread that
// waits for it does not keep Python from those calls.
template <class F>
auto without_gil(F&& body) {
  const nb::gil_scoped_release free;
  return body();
}

/// References to the creators registered from Python (guarded by the GIL): the registry knows only pointers.
std::map<const IPluginCreatorInterface*, PyObject*>& registered() {
  static auto* map = new std::map<const IPluginCreatorInterface*, PyObject*>();
  return *map;
}

bool register_creator(IPluginRegistry& r, const nb::object& object, const char* space) {
  auto& creator = nb::cast<IPluginCreatorInterface&>(object);
  const bool added = without_gil([&] { return r.registerCreator(creator, space); });
  if (added) registered()[&creator] = nb::object(object).release().ptr();
  return added;
}

bool deregister_creator(IPluginRegistry& r, const IPluginCreatorInterface& creator) {
  const bool removed = without_gil([&] { return r.deregisterCreator(creator); });
  const auto at = removed ? registered().find(&creator) : registered().end();
  if (at != registered().end()) {
    nb::object gone = nb::steal(at->second);
    registered().erase(at);
  }
  return removed;
}

nb::object acquire_resource(IPluginRegistry& r, const char* key, const nb::object& object) {
  std::unique_ptr<IPluginResource> own;
  IPluginResource* resource = nullptr;
  if (nb::isinstance<IPluginResource>(object)) {
    resource = nb::cast<IPluginResource*>(object);
  } else if (!object.is_none()) {
    own.reset(make_resource(object));
    resource = own.get();
  }
  IPluginResource* found = without_gil([&] { return r.acquirePluginResource(key, resource); });
  return found ? python_of(*found) : nb::none();
}

void bind_registry(nb::module_& m) {
  using R = IPluginRegistry;
  nb::class_<R>(m, "IPluginRegistry")
      .def_prop_ro("plugin_creator_list",
                   [](const R& r) {
                     int32_t count = 0;
                     auto* creators = without_gil([&] { return r.getPluginCreatorList(&count); });
                     return creator_list(creators, count);
                   })
      .def_prop_ro("all_creators",
                   [](const R& r) {
                     int32_t count = 0;
                     auto* creators = without_gil([&] { return r.getAllCreators(&count); });
                     return creator_list(creators, count);
                   })
      .def_prop_ro("all_creators_recursive",
                   [](R& r) {
                     int32_t count = 0;
                     auto* creators = without_gil([&] { return r.getAllCreatorsRecursive(&count); });
                     return creator_list(creators, count);
                   })
      .def(
          "get_plugin_creator",
          [](R& r, const char* type, const char* version, const char* space) {
            return object_of(without_gil([&] { return r.getPluginCreator(type, version, space); }));
          },
          "type"_a, "version"_a, "plugin_namespace"_a = "")
      .def(
          "get_creator",
          [](R& r, const char* type, const char* version, const char* space) {
            return object_of(without_gil([&] { return r.getCreator(type, version, space); }));
          },
          "type"_a, "version"_a, "plugin_namespace"_a = "")
      .def("register_creator", &register_creator, "creator"_a, "plugin_namespace"_a = "")
      .def("deregister_creator", &deregister_creator, "creator"_a)
      .def("acquire_plugin_resource", &acquire_resource, "key"_a, "resource"_a.none())
      .def(
          "release_plugin_resource",
          [](R& r, const char* key) { return without_gil([&] { return r.releasePluginResource(key); }); }, "key"_a)
      .def(
          "load_library",
          [](R& r, const char* path) {
            return without_gil([&] { return reinterpret_cast<uintptr_t>(r.loadLibrary(path)); });
          },
          "plugin_path"_a)
      .def("deregister_library",
           [](R& r, uintptr_t handle) {
             without_gil([&] { r.deregisterLibrary(reinterpret_cast<R::PluginLibraryHandle>(handle)); });
           })
      .def_prop_rw("error_recorder", &R::getErrorRecorder, &R::setErrorRecorder, nb::for_setter(nb::keep_alive<1, 2>()),
                   nb::for_setter(nb::arg().none()))
      .def_prop_rw("parent_search_enabled", &R::isParentSearchEnabled, &R::setParentSearchEnabled);
  m.def(
      "get_plugin_registry", []() { return getPluginRegistry(); }, nb::rv_policy::reference);
  m.def("get_builder_plugin_registry", &getBuilderPluginRegistry, "capability"_a, nb::rv_policy::reference);
  m.def(
      "init_libnvinfer_plugins",
      [](ILogger* logger, const char* space) { return initLibNvInferPlugins(logger, space); }, "logger"_a.none(),
      "namespace"_a = "");
}

std::vector<ITensor*> to_tensors(nb::handle tensors) {
  std::vector<ITensor*> list;
  for (nb::handle tensor : tensors) list.push_back(nb::cast<ITensor*>(tensor));
  return list;
}

}  // namespace

IPluginV2Layer* add_plugin_v2(INetworkDefinition& n, nb::handle inputs, const nb::object& plugin) {
  const std::vector<ITensor*> list = to_tensors(inputs);
  const auto count = static_cast<int32_t>(list.size());
  if (nb::isinstance<IPluginV2>(plugin)) return n.addPluginV2(list.data(), count, nb::cast<IPluginV2&>(plugin));
  const auto destroy = [](IPluginV2* gone) { gone->destroy(); };
  const std::unique_ptr<IPluginV2, decltype(destroy)> own(make_plugin_v2(plugin), destroy);
  return n.addPluginV2(list.data(), count, *own);
}

IPluginV3Layer* add_plugin_v3(INetworkDefinition& n, nb::handle inputs, nb::handle shape_inputs,
                              const nb::object& plugin) {
  const std::vector<ITensor*> list = to_tensors(inputs);
  const std::vector<ITensor*> shapes = to_tensors(shape_inputs);
  std::unique_ptr<IPluginV3> own;
  IPluginV3* added = nullptr;
  if (nb::isinstance<IPluginV3>(plugin)) {
    added = nb::cast<IPluginV3*>(plugin);
  } else {
    own.reset(make_plugin_v3(plugin));
    added = own.get();
  }
  return n.addPluginV3(list.data(), static_cast<int32_t>(list.size()), shapes.data(),
                       static_cast<int32_t>(shapes.size()), *added);
}

IPluginV3Layer* add_plugin(INetworkDefinition& n, const nb::object& made) {
  const nb::object parts = nb::isinstance<nb::tuple>(made) ? made : made();
  return add_plugin_v3(n, parts[0], parts[1], parts[2]);
}

void bind_plugins(nb::module_& m) {
  bind_plugin_values(m);
  bind_native_plugins(m);
  bind_creators(m);
  bind_registry(m);
}

}  // namespace tensorrt_python
