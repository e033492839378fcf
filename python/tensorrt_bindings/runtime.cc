// Runtimes, engines, inspectors, refitters.
#include <nanobind/stl/string.h>

#include "bind.h"

namespace tensorrt_python {

using namespace nvinfer1;  // NOLINT

namespace {

using E = ICudaEngine;
constexpr auto inside = nb::rv_policy::reference_internal;
constexpr auto owned = nb::rv_policy::take_ownership;

nb::object recorder_or_none(IErrorRecorder* recorder) { return nb::cast(recorder, nb::rv_policy::reference); }

/// Defines what takes a binding's number, or a name, under both keywords.
template <class Function>
void by_index_or_name(nb::class_<E>& engine, const char* method, const Function& function) {
  engine.def(method, function, "index"_a).def(method, function, "name"_a);
}

/// A binding by number or by name; -1 where there is none.
int32_t binding(const E& engine, nb::handle key) {
  if (nb::isinstance<nb::str>(key)) return engine.getBindingIndex(nb::str(key).c_str());
  return nb::cast<int32_t>(key);
}

/// A method that takes a binding's number or its name.
template <auto method>
auto of_binding() {
  return [](const E& engine, const nb::object& key) { return (engine.*method)(binding(engine, key)); };
}

/// A method that takes a tensor's name, or its name and a profile.
template <class R>
auto of_tensor(R (E::*method)(const char*) const, R (E::*in_profile)(const char*, int32_t) const) {
  return [method, in_profile](const E& engine, const char* name, int32_t profile) {
    return profile < 0 ? (engine.*method)(name) : (engine.*in_profile)(name, profile);
  };
}

constexpr OptProfileSelector selectors[] = {OptProfileSelector::kMIN, OptProfileSelector::kOPT,
                                            OptProfileSelector::kMAX};

nb::list profile_shapes(const E& engine, const char* name, int32_t profile) {
  nb::list shapes;
  for (const OptProfileSelector which : selectors) {
    shapes.append(nb::cast(engine.getProfileShape(name, profile, which)));
  }
  return shapes;
}

nb::list profile_values(const E& engine, int32_t profile, int32_t index, int32_t count) {
  nb::list lists;
  for (const OptProfileSelector which : selectors) {
    const char* name = engine.getBindingName(index);
    const int64_t* values = name ? engine.getProfileTensorValuesV2(name, profile, which) : nullptr;
    if (!values) return nb::list();
    nb::list list;
    for (int32_t i = 0; i < count; i++) list.append(values[i]);
    lists.append(list);
  }
  return lists;
}

/// The number of values of a shape input: its only extent, or one where it is a scalar.
int32_t value_count(const Dims& shape) { return shape.nbDims == 0 ? 1 : static_cast<int32_t>(shape.d[0]); }

void bind_engine(nb::module_& m) {
  nb::class_<ISerializationConfig>(m, "ISerializationConfig")
      .def_prop_rw("flags", &ISerializationConfig::getFlags, &ISerializationConfig::setFlags)
      .def("set_flag", &ISerializationConfig::setFlag, "flag"_a)
      .def("clear_flag", &ISerializationConfig::clearFlag, "flag"_a)
      .def("get_flag", &ISerializationConfig::getFlag, "flag"_a);

  nb::class_<IRuntimeConfig>(m, "IRuntimeConfig")
      .def("set_execution_context_allocation_strategy", &IRuntimeConfig::setExecutionContextAllocationStrategy,
           "strategy"_a)
      .def("get_execution_context_allocation_strategy", &IRuntimeConfig::getExecutionContextAllocationStrategy);

  nb::class_<E> engine(m, "ICudaEngine");
  context_manager(engine);
  engine.def_prop_ro("name", [](const E& e) { return to_text(e.getName()); })
      .def_prop_ro("num_layers", &E::getNbLayers)
      .def_prop_ro("refittable", &E::isRefittable)
      .def_prop_ro("num_optimization_profiles", &E::getNbOptimizationProfiles)
      .def_prop_ro("engine_capability", &E::getEngineCapability)
      .def_prop_ro("has_implicit_batch_dimension", &E::hasImplicitBatchDimension)
      .def_prop_ro("max_batch_size", &E::getMaxBatchSize)
      .def_prop_ro("tactic_sources", &E::getTacticSources)
      .def_prop_ro("profiling_verbosity", &E::getProfilingVerbosity)
      .def_prop_ro("hardware_compatibility_level", &E::getHardwareCompatibilityLevel)
      .def_prop_ro("num_aux_streams", &E::getNbAuxStreams)
      .def_prop_ro("device_memory_size", &E::getDeviceMemorySize)
      .def_prop_ro("device_memory_size_v2", &E::getDeviceMemorySizeV2)
      .def("get_device_memory_size_for_profile", &E::getDeviceMemorySizeForProfile, "profile_index"_a)
      .def("get_device_memory_size_for_profile_v2", &E::getDeviceMemorySizeForProfileV2, "profile_index"_a)
      .def_prop_ro("streamable_weights_size", &E::getStreamableWeightsSize)
      .def_prop_rw("weight_streaming_budget", &E::getWeightStreamingBudget, &E::setWeightStreamingBudget)
      .def_prop_ro("minimum_weight_streaming_budget", &E::getMinimumWeightStreamingBudget)
      .def_prop_ro("weight_streaming_scratch_memory_size", &E::getWeightStreamingScratchMemorySize)
      .def("get_engine_stat", &E::getEngineStat, "stat"_a)
      .def_prop_rw("weight_streaming_budget_v2", &E::getWeightStreamingBudgetV2, &E::setWeightStreamingBudgetV2)
      .def("get_weight_streaming_automatic_budget", &E::getWeightStreamingAutomaticBudget)
      .def("is_debug_tensor", &E::isDebugTensor, "name"_a)
      .def_prop_rw(
          "error_recorder", [](const E& e) { return recorder_or_none(e.getErrorRecorder()); }, &E::setErrorRecorder,
          nb::for_setter(nb::keep_alive<1, 2>()), nb::for_setter(nb::arg().none()))
      .def(
          "serialize", [](const E& e) { return e.serialize(); }, owned)
      .def("create_runtime_config", &E::createRuntimeConfig, owned)
      .def("create_serialization_config", &E::createSerializationConfig, owned, nb::keep_alive<0, 1>())
      .def("serialize_with_config", &E::serializeWithConfig, "config"_a, owned)
      .def("create_engine_inspector", &E::createEngineInspector, owned, nb::keep_alive<0, 1>())
      .def(
          "create_execution_context",
          [](E& e, ExecutionContextAllocationStrategy strategy) { return e.createExecutionContext(strategy); },
          "strategy"_a = ExecutionContextAllocationStrategy::kSTATIC, owned, nb::keep_alive<0, 1>())
      .def(
          "create_execution_context", [](E& e, IRuntimeConfig& config) { return e.createExecutionContext(&config); },
          "runtime_config"_a, owned, nb::keep_alive<0, 1>())
      .def(
          "create_execution_context_without_device_memory",
          [](E& e) { return e.createExecutionContextWithoutDeviceMemory(); }, owned, nb::keep_alive<0, 1>());

  // Tensors by name.
  engine.def_prop_ro("num_io_tensors", &E::getNbIOTensors)
      .def(
          "get_tensor_name", [](const E& e, int32_t index) { return to_text(e.getIOTensorName(index)); }, "index"_a)
      .def("get_tensor_mode", &E::getTensorIOMode, "name"_a)
      .def("get_tensor_shape", &E::getTensorShape, "name"_a)
      .def("get_tensor_dtype", &E::getTensorDataType, "name"_a)
      .def("get_tensor_location", &E::getTensorLocation, "name"_a)
      .def(
          "get_aliased_input_tensor",
          [](const E& e, const char* name) { return to_text(e.getAliasedInputTensor(name)); }, "name"_a)
      .def("is_shape_inference_io", &E::isShapeInferenceIO, "name"_a)
      .def("get_tensor_profile_shape", &profile_shapes, "name"_a, "profile_index"_a)
      .def(
          "get_tensor_profile_values",
          [](const E& e, const char* name, int32_t profile) {
            return profile_values(e, profile, e.getBindingIndex(name), value_count(e.getTensorShape(name)));
          },
          "name"_a, "profile_index"_a)
      .def("get_tensor_format", of_tensor<TensorFormat>(&E::getTensorFormat, &E::getTensorFormat), "name"_a,
           "profile_index"_a = -1)
      .def(
          "get_tensor_format_desc",
          [](const E& e, const char* name, int32_t profile) {
            return to_text(profile < 0 ? e.getTensorFormatDesc(name) : e.getTensorFormatDesc(name, profile));
          },
          "name"_a, "profile_index"_a = -1)
      .def("get_tensor_bytes_per_component",
           of_tensor<int32_t>(&E::getTensorBytesPerComponent, &E::getTensorBytesPerComponent), "name"_a,
           "profile_index"_a = -1)
      .def("get_tensor_components_per_element",
           of_tensor<int32_t>(&E::getTensorComponentsPerElement, &E::getTensorComponentsPerElement), "name"_a,
           "profile_index"_a = -1)
      .def("get_tensor_vectorized_dim", of_tensor<int32_t>(&E::getTensorVectorizedDim, &E::getTensorVectorizedDim),
           "name"_a, "profile_index"_a = -1);

  // Bindings, by number or by name.
  engine.def_prop_ro("num_bindings", &E::getNbBindings)
      .def("__len__", &E::getNbBindings)
      .def("__getitem__", [](const E& e, const std::string& name) { return e.getBindingIndex(name.c_str()); })
      .def("__getitem__",
           [](const E& e, int32_t index) {
             const int32_t count = e.getNbBindings();
             if (index < 0) index += count;
             if (index < 0 || index >= count) throw nb::index_error("no such binding");
             return to_text(e.getBindingName(index));
           })
      .def(
          "get_binding_name", [](const E& e, int32_t index) { return to_text(e.getBindingName(index)); }, "index"_a)
      .def(
          "get_binding_index", [](const E& e, const char* name) { return e.getBindingIndex(name); }, "name"_a)
      .def("is_shape_binding", of_binding<&E::isShapeBinding>(), "binding"_a)
      .def("is_execution_binding", of_binding<&E::isExecutionBinding>(), "binding"_a)
      .def("get_binding_bytes_per_component", of_binding<&E::getBindingBytesPerComponent>(), "index"_a)
      .def("get_binding_components_per_element", of_binding<&E::getBindingComponentsPerElement>(), "index"_a)
      .def("get_binding_vectorized_dim", of_binding<&E::getBindingVectorizedDim>(), "index"_a)
      .def("get_binding_format", of_binding<&E::getBindingFormat>(), "index"_a)
      .def(
          "get_binding_format_desc",
          [](const E& e, const nb::object& key) { return to_text(e.getBindingFormatDesc(binding(e, key))); }, "index"_a)
      .def(
          "get_profile_shape",
          [](const E& e, int32_t profile, const nb::object& key) {
            const int32_t index = binding(e, key);
            nb::list shapes;
            for (const OptProfileSelector which : selectors) {
              shapes.append(nb::cast(e.getProfileDimensions(index, profile, which)));
            }
            return shapes;
          },
          "profile_index"_a, "binding"_a)
      .def(
          "get_profile_shape_input",
          [](const E& e, int32_t profile, const nb::object& key) {
            const int32_t index = binding(e, key);
            return profile_values(e, profile, index, value_count(e.getBindingDimensions(index)));
          },
          "profile_index"_a, "binding"_a);
  by_index_or_name(engine, "binding_is_input", of_binding<&E::bindingIsInput>());
  by_index_or_name(engine, "get_binding_shape", of_binding<&E::getBindingDimensions>());
  by_index_or_name(engine, "get_binding_dtype", of_binding<&E::getBindingDataType>());
  by_index_or_name(engine, "get_location", of_binding<&E::getLocation>());
}

nb::list refit_list(const IRefitter& refitter, int32_t (IRefitter::*get)(int32_t, const char**, WeightsRole*)) {
  auto& mutable_refitter = const_cast<IRefitter&>(refitter);
  const int32_t count = (mutable_refitter.*get)(0, nullptr, nullptr);
  std::vector<const char*> names(static_cast<size_t>(count));
  std::vector<WeightsRole> roles(names.size());
  (mutable_refitter.*get)(count, names.data(), roles.data());
  nb::list list;
  for (size_t i = 0; i < names.size(); i++) list.append(nb::make_tuple(to_text(names[i]), roles[i]));
  return list;
}

nb::list weight_names(IRefitter& refitter, int32_t (IRefitter::*get)(int32_t, const char**)) {
  std::vector<const char*> names(static_cast<size_t>((refitter.*get)(0, nullptr)));
  (refitter.*get)(static_cast<int32_t>(names.size()), names.data());
  nb::list list;
  for (const char* name : names) list.append(to_text(name));
  return list;
}

void bind_refitter(nb::module_& m) {
  using R = IRefitter;
  using Self = nb::pointer_and_handle<R>;
  const auto keep = [](const Self& self, const HeldWeights& held) {
    if (held.owner.is_valid() && !held.owner.is_none()) nb::keep_alive_obj(self.h, held.owner);
    return held.weights;
  };
  nb::class_<R> refitter(m, "Refitter");
  context_manager(refitter);
  refitter
      .def(nb::new_([](E& engine, ILogger& logger) {
             R* made = createInferRefitter(engine, logger);
             if (!made) throw std::runtime_error("The engine cannot be refitted; the logger has the reason");
             return made;
           }),
           "engine"_a, "logger"_a, nb::keep_alive<0, 2>(), nb::keep_alive<0, 3>(), owned)
      .def(
          "set_weights",
          [keep](Self self, const char* layer, WeightsRole role, const HeldWeights& weights) {
            return self.p->setWeights(layer, role, keep(self, weights));
          },
          "layer_name"_a, "role"_a, "weights"_a)
      .def(
          "set_named_weights",
          [keep](Self self, const char* name, const HeldWeights& weights) {
            return self.p->setNamedWeights(name, keep(self, weights));
          },
          "name"_a, "weights"_a)
      .def(
          "set_named_weights",
          [keep](Self self, const char* name, const HeldWeights& weights, TensorLocation location) {
            return self.p->setNamedWeights(name, keep(self, weights), location);
          },
          "name"_a, "weights"_a, "location"_a)
      .def(
          "get_named_weights",
          [](Self self, const char* name) { return to_array(self.p->getNamedWeights(name), self.h); }, "weights_name"_a)
      .def("unset_named_weights", &R::unsetNamedWeights, "weights_name"_a)
      .def(
          "get_weights_prototype",
          [](Self self, const char* name) {
            const Weights weights = self.p->getWeightsPrototype(name);
            return nb::module_::import_("tensorrt").attr("Weights")(weights.type, 0, weights.count);
          },
          "weights_name"_a)
      .def("get_missing", [](const R& r) { return refit_list(r, &R::getMissing); })
      .def("get_all", [](const R& r) { return refit_list(r, &R::getAll); })
      .def("get_missing_weights", [](R& r) { return weight_names(r, &R::getMissingWeights); })
      .def("get_all_weights", [](R& r) { return weight_names(r, &R::getAllWeights); })
      .def("refit_cuda_engine", &R::refitCudaEngine, nb::call_guard<nb::gil_scoped_release>())
      .def(
          "refit_cuda_engine_async",
          [](R& r, const nb::object& stream) {
            return r.refitCudaEngineAsync(static_cast<cudaStream_t>(to_pointer(stream)));
          },
          "stream_handle"_a)
      .def(
          "set_dynamic_range",
          [](R& r, const char* tensor, const nb::object& range) {
            return r.setDynamicRange(tensor, nb::cast<float>(range[0]), nb::cast<float>(range[1]));
          },
          "tensor_name"_a, "range"_a)
      .def(
          "get_dynamic_range",
          [](const R& r, const char* tensor) {
            return nb::make_tuple(r.getDynamicRangeMin(tensor), r.getDynamicRangeMax(tensor));
          },
          "tensor_name"_a)
      .def("get_tensors_with_dynamic_range",
           [](R& r) {
             std::vector<const char*> names(static_cast<size_t>(r.getTensorsWithDynamicRange(0, nullptr)));
             r.getTensorsWithDynamicRange(static_cast<int32_t>(names.size()), names.data());
             nb::list list;
             for (const char* name : names) list.append(to_text(name));
             return list;
           })
      .def("get_weights_location", &R::getWeightsLocation, "weights_name"_a)
      .def_prop_rw("weights_validation", &R::getWeightsValidation, &R::setWeightsValidation)
      .def_prop_rw("max_threads", &R::getMaxThreads, &R::setMaxThreads)
      .def_prop_ro("logger", &R::getLogger, nb::rv_policy::reference)
      .def_prop_rw(
          "error_recorder", [](const R& r) { return recorder_or_none(r.getErrorRecorder()); }, &R::setErrorRecorder,
          nb::for_setter(nb::keep_alive<1, 2>()), nb::for_setter(nb::arg().none()));
}

}  // namespace

void bind_runtime(nb::module_& m) {
  bind_engine(m);
  bind_refitter(m);

  nb::class_<IEngineInspector>(m, "EngineInspector")
      .def_prop_rw(
          "execution_context", &IEngineInspector::getExecutionContext,
          [](IEngineInspector& i, const IExecutionContext* context) { i.setExecutionContext(context); },
          nb::rv_policy::reference, nb::for_setter(nb::keep_alive<1, 2>()), nb::for_setter(nb::arg().none()))
      .def_prop_rw(
          "error_recorder", [](const IEngineInspector& i) { return recorder_or_none(i.getErrorRecorder()); },
          &IEngineInspector::setErrorRecorder, nb::for_setter(nb::keep_alive<1, 2>()), nb::for_setter(nb::arg().none()))
      .def(
          "get_layer_information",
          [](const IEngineInspector& i, int32_t layer, LayerInformationFormat format) {
            return to_text(i.getLayerInformation(layer, format));
          },
          "layer_index"_a, "format"_a)
      .def(
          "get_engine_information",
          [](const IEngineInspector& i, LayerInformationFormat format) {
            return to_text(i.getEngineInformation(format));
          },
          "format"_a);

  using R = IRuntime;
  nb::class_<R> runtime(m, "Runtime");
  context_manager(runtime);
  runtime
      .def(nb::new_([](ILogger& logger) {
             auto* made = static_cast<R*>(createInferRuntime_INTERNAL(&logger, client_version));
             if (!made) throw std::runtime_error("The runtime could not be made; the logger has the reason");
             return made;
           }),
           "logger"_a, nb::keep_alive<0, 2>(), owned)
      .def(
          "deserialize_cuda_engine",
          [](R& r, IStreamReaderV2& reader) {
            nb::gil_scoped_release free;
            return r.deserializeCudaEngine(reader);
          },
          "stream_reader_v2"_a, owned, nb::keep_alive<0, 1>())
      .def(
          "deserialize_cuda_engine",
          [](R& r, IStreamReader& reader) {
            nb::gil_scoped_release free;
            return r.deserializeCudaEngine(reader);
          },
          "stream_reader"_a, owned, nb::keep_alive<0, 1>())
      .def(
          "deserialize_cuda_engine",
          [](R& r, Bytes& plan) {
            nb::gil_scoped_release free;
            return r.deserializeCudaEngine(plan.data(), plan.size());
          },
          "serialized_engine"_a, owned, nb::keep_alive<0, 1>())
      .def_prop_rw("DLA_core", &R::getDLACore, &R::setDLACore)
      .def_prop_ro("num_DLA_cores", &R::getNbDLACores)
      .def_prop_rw("max_threads", &R::getMaxThreads, &R::setMaxThreads)
      .def_prop_rw(
          "temporary_directory", [](const R& r) { return to_text(r.getTemporaryDirectory()); },
          &R::setTemporaryDirectory)
      .def_prop_rw("tempfile_control_flags", &R::getTempfileControlFlags, &R::setTempfileControlFlags)
      .def_prop_rw("engine_host_code_allowed", &R::getEngineHostCodeAllowed, &R::setEngineHostCodeAllowed)
      .def_prop_ro("logger", &R::getLogger, nb::rv_policy::reference)
      .def_prop_rw(
          "error_recorder", [](const R& r) { return recorder_or_none(r.getErrorRecorder()); }, &R::setErrorRecorder,
          nb::for_setter(nb::keep_alive<1, 2>()), nb::for_setter(nb::arg().none()))
      .def_prop_rw(
          "gpu_allocator", [](R&) { return nb::none(); }, &R::setGpuAllocator, nb::for_setter(nb::keep_alive<1, 2>()),
          nb::for_setter(nb::arg().none()))
      .def("load_runtime", &R::loadRuntime, "path"_a, owned)
      .def("get_plugin_registry", &R::getPluginRegistry, nb::rv_policy::reference);
}

}  // namespace tensorrt_python
