// IExecutionContext. Addresses are those of this machine's memory; the interpreter is free while an engine runs.
#include <map>

#include "bind.h"

namespace tensorrt_python {

using namespace nvinfer1;  // NOLINT

namespace {

using C = IExecutionContext;

cudaStream_t to_stream(const nb::object& stream) { return static_cast<cudaStream_t>(to_pointer(stream)); }

/// The values of shape inputs, which a context reads when it runs (guarded by the GIL).
std::map<const C*, std::map<int32_t, std::vector<int64_t>>> values_of_contexts;

bool set_shape_input(nb::pointer_and_handle<C> context, int32_t binding, const nb::sequence& values) {
  if (!values_of_contexts.contains(context.p)) {
    nb::keep_alive_cb(context.h, context.p,
                      [](void* gone) noexcept { values_of_contexts.erase(static_cast<C*>(gone)); });
  }
  std::vector<int64_t>& held = values_of_contexts[context.p][binding];
  held.clear();
  for (nb::handle value : values) held.push_back(nb::cast<int64_t>(nb::int_(value)));
  auto* data = reinterpret_cast<int32_t*>(held.data());
  if (context.p->getEngine().getBindingDataType(binding) != DataType::kINT64) {
    std::vector<int32_t> narrow(held.begin(), held.end());
    std::memcpy(data, narrow.data(), narrow.size() * sizeof narrow[0]);
  }
  return context.p->setInputShapeBinding(binding, data);
}

nb::list get_shape_input(const C& context, int32_t binding) {
  nb::list list;
  const Dims shape = context.getBindingDimensions(binding);
  const ICudaEngine& engine = context.getEngine();
  const void* data =
      engine.isShapeBinding(binding) ? context.getTensorAddress(engine.getBindingName(binding)) : nullptr;
  const int64_t count = shape.nbDims == 0 ? 1 : shape.d[0];
  for (int64_t i = 0; data && i < count; i++) {
    const bool wide = engine.getBindingDataType(binding) == DataType::kINT64;
    list.append(wide ? static_cast<const int64_t*>(data)[i] : static_cast<const int32_t*>(data)[i]);
  }
  return list;
}

/// The names of inputs whose shape or values are missing.
nb::list infer_shapes(C& context) {
  std::vector<const char*> names(static_cast<size_t>(context.getEngine().getNbIOTensors()));
  const int32_t missing = context.inferShapes(static_cast<int32_t>(names.size()), names.data());
  if (missing < 0) throw std::runtime_error("The shapes could not be inferred; the logger has the reason");
  nb::list list;
  for (int32_t i = 0; i < missing; i++) list.append(to_text(names[static_cast<size_t>(i)]));
  return list;
}

}  // namespace

void bind_context(nb::module_& m) {
  const auto held = nb::for_setter(nb::keep_alive<1, 2>());
  const auto or_none = nb::for_setter(nb::arg().none());
  nb::class_<C> context(m, "IExecutionContext");
  context_manager(context);

  // Running.
  context
      .def(
          "execute_v2",
          [](C& c, const nb::object& bindings) {
            const std::vector<void*> pointers = to_pointers(bindings);
            nb::gil_scoped_release free;
            return c.executeV2(pointers.data());
          },
          "bindings"_a)
      .def(
          "execute_async_v2",
          [](C& c, const nb::object& bindings, const nb::object& stream, const nb::object& consumed) {
            const std::vector<void*> pointers = to_pointers(bindings);
            const cudaStream_t on = to_stream(stream);
            (void)consumed;  // an event: inputs are consumed when the call returns
            nb::gil_scoped_release free;
            return c.enqueueV2(pointers.data(), on, nullptr);
          },
          "bindings"_a, "stream_handle"_a, "input_consumed"_a = nb::none())
      .def(
          "execute_async_v3",
          [](C& c, const nb::object& stream) {
            const cudaStream_t on = to_stream(stream);
            nb::gil_scoped_release free;
            return c.enqueueV3(on);
          },
          "stream_handle"_a)
      .def(
          "execute",
          [](C& c, int32_t batch, const nb::object& bindings) {
            const std::vector<void*> pointers = to_pointers(bindings);
            nb::gil_scoped_release free;
            return c.execute(batch, pointers.data());
          },
          "batch_size"_a = 1, "bindings"_a = nb::list())
      .def(
          "execute_async",
          [](C& c, int32_t batch, const nb::object& bindings, const nb::object& stream, const nb::object& consumed) {
            const std::vector<void*> pointers = to_pointers(bindings);
            const cudaStream_t on = to_stream(stream);
            (void)consumed;
            nb::gil_scoped_release free;
            return c.enqueue(batch, pointers.data(), on, nullptr);
          },
          "batch_size"_a = 1, "bindings"_a = nb::list(), "stream_handle"_a = 0, "input_consumed"_a = nb::none());

  // Tensors by name.
  context.def("set_input_shape", &C::setInputShape, "name"_a, "shape"_a)
      .def("get_tensor_shape", &C::getTensorShape, "name"_a)
      .def("get_tensor_strides", &C::getTensorStrides, "name"_a)
      .def(
          "set_tensor_address",
          [](C& c, const char* name, const nb::object& memory) { return c.setTensorAddress(name, to_pointer(memory)); },
          "name"_a, "memory"_a)
      .def(
          "get_tensor_address",
          [](const C& c, const char* name) { return reinterpret_cast<uintptr_t>(c.getTensorAddress(name)); }, "name"_a)
      .def("set_output_allocator", &C::setOutputAllocator, "name"_a, "output_allocator"_a.none(),
           nb::keep_alive<1, 3>())
      .def("get_output_allocator", &C::getOutputAllocator, "name"_a, nb::rv_policy::reference)
      .def("get_max_output_size", &C::getMaxOutputSize, "name"_a)
      .def("infer_shapes", &infer_shapes)
      .def(
          "set_input_consumed_event",
          [](C& c, const nb::object& event) {
            return c.setInputConsumedEvent(static_cast<cudaEvent_t>(to_pointer(event)));
          },
          "event"_a)
      .def("get_input_consumed_event",
           [](const C& c) { return reinterpret_cast<uintptr_t>(c.getInputConsumedEvent()); });

  // Bindings by number.
  context.def("set_binding_shape", &C::setBindingDimensions, "binding"_a, "shape"_a)
      .def("get_binding_shape", &C::getBindingDimensions, "binding"_a)
      .def("get_strides", &C::getStrides, "binding"_a)
      .def("set_shape_input", &set_shape_input, "binding"_a, "shape"_a)
      .def("get_shape", &get_shape_input, "binding"_a)
      .def_prop_ro("all_binding_shapes_specified", &C::allInputDimensionsSpecified)
      .def_prop_ro("all_shape_inputs_specified", &C::allInputShapesSpecified);

  // Settings.
  context.def_prop_ro("engine", &C::getEngine, nb::rv_policy::reference)
      .def_prop_rw(
          "name", [](const C& c) { return to_text(c.getName()); }, &C::setName)
      .def_prop_rw("debug_sync", &C::getDebugSync, &C::setDebugSync)
      .def_prop_rw("profiler", &C::getProfiler, &C::setProfiler, held, or_none)
      .def("report_to_profiler", &C::reportToProfiler)
      .def_prop_rw("enqueue_emits_profile", &C::getEnqueueEmitsProfile, &C::setEnqueueEmitsProfile)
      .def_prop_rw("active_optimization_profile", &C::getOptimizationProfile,
                   [](C& c, int32_t profile) {
                     if (!c.setOptimizationProfileAsync(profile, nullptr)) {
                       throw nb::value_error("No such optimization profile, or it is not to be had");
                     }
                   })
      .def(
          "set_optimization_profile_async",
          [](C& c, int32_t profile, const nb::object& stream) {
            return c.setOptimizationProfileAsync(profile, to_stream(stream));
          },
          "profile_index"_a, "stream_handle"_a)
      .def_prop_rw("error_recorder", &C::getErrorRecorder, &C::setErrorRecorder, held, or_none)
      .def_prop_rw("temporary_allocator", &C::getTemporaryStorageAllocator, &C::setTemporaryStorageAllocator, held,
                   or_none)
      .def_prop_rw("persistent_cache_limit", &C::getPersistentCacheLimit, &C::setPersistentCacheLimit)
      .def_prop_rw("nvtx_verbosity", &C::getNvtxVerbosity, &C::setNvtxVerbosity)
      .def_prop_rw(
          "device_memory", [](const C&) { return nb::none(); },
          [](C& c, const nb::object& memory) { c.setDeviceMemory(to_pointer(memory)); })
      .def(
          "set_device_memory",
          [](C& c, const nb::object& memory, int64_t size) { c.setDeviceMemoryV2(to_pointer(memory), size); },
          "memory"_a, "size"_a)
      .def(
          "set_communicator",
          [](C& c, const nb::object& communicator) {
            const bool capsule = PyCapsule_CheckExact(communicator.ptr());
            return c.setCommunicator(capsule ? PyCapsule_GetPointer(communicator.ptr(), nullptr)
                                             : to_pointer(communicator));
          },
          "communicator"_a.none())
      .def("get_runtime_config", &C::getRuntimeConfig, nb::rv_policy::reference_internal)
      .def("update_device_memory_size_for_shapes", &C::updateDeviceMemorySizeForShapes)
      .def(
          "set_aux_streams",
          [](C& c, const nb::object& streams) {
            const std::vector<void*> pointers = to_pointers(streams);
            std::vector<cudaStream_t> list;
            for (void* pointer : pointers) list.push_back(static_cast<cudaStream_t>(pointer));
            c.setAuxStreams(list.data(), static_cast<int32_t>(list.size()));
          },
          "aux_streams"_a)
      .def("set_debug_listener", &C::setDebugListener, "listener"_a.none(), nb::keep_alive<1, 2>())
      .def("get_debug_listener", &C::getDebugListener, nb::rv_policy::reference)
      .def("set_tensor_debug_state", &C::setTensorDebugState, "name"_a, "flag"_a)
      .def("get_debug_state", &C::getDebugState, "name"_a)
      .def("set_all_tensors_debug_state", &C::setAllTensorsDebugState, "flag"_a)
      .def_prop_rw("unfused_tensors_debug_state", &C::getUnfusedTensorsDebugState, &C::setUnfusedTensorsDebugState);
}

}  // namespace tensorrt_python
