// The builder, profiles, and the names of earlier generations on both.
#include <nanobind/stl/string.h>

#include "network.h"

namespace tensorrt_python {

using namespace nvinfer1;  // NOLINT

namespace {

constexpr OptProfileSelector selectors[] = {OptProfileSelector::kMIN, OptProfileSelector::kOPT,
                                            OptProfileSelector::kMAX};

void set_shape(IOptimizationProfile& profile, const char* input, const Dims& min, const Dims& opt, const Dims& max) {
  const Dims* shapes[] = {&min, &opt, &max};
  for (int i = 0; i < 3; i++) {
    if (!profile.setDimensions(input, selectors[i], *shapes[i])) {
      throw nb::value_error("The minimum, the optimum and the maximum of a shape do not fit each other");
    }
  }
}

nb::list get_shape(const IOptimizationProfile& profile, const char* input) {
  nb::list shapes;
  for (const OptProfileSelector which : selectors) {
    const Dims shape = profile.getDimensions(input, which);
    if (shape.nbDims >= 0) shapes.append(nb::cast(shape));
  }
  return shapes;
}

void set_shape_input(IOptimizationProfile& profile, const char* input,
                     const std::vector<std::vector<int64_t>>& values) {
  for (int i = 0; i < 3; i++) {
    if (!profile.setShapeValuesV2(input, selectors[i], values[i].data(), static_cast<int32_t>(values[i].size()))) {
      throw nb::value_error("The minimum, the optimum and the maximum of a shape input do not fit each other");
    }
  }
}

nb::list get_shape_input(const IOptimizationProfile& profile, const char* input) {
  nb::list lists;
  const int32_t count = profile.getNbShapeValues(input);
  for (const OptProfileSelector which : selectors) {
    const int64_t* values = count >= 0 ? profile.getShapeValuesV2(input, which) : nullptr;
    if (!values) continue;
    nb::list list;
    for (int32_t i = 0; i < count; i++) list.append(values[i]);
    lists.append(list);
  }
  return lists;
}

std::vector<int64_t> integers(nb::handle object) {
  std::vector<int64_t> values;
  for (nb::handle item : nb::iter(object)) values.push_back(nb::cast<int64_t>(nb::int_(item)));
  return values;
}

}  // namespace

void bind_build(nb::module_& m) {
  constexpr auto inside = nb::rv_policy::reference_internal;
  constexpr auto owned = nb::rv_policy::take_ownership;

  nb::class_<IOptimizationProfile>(m, "IOptimizationProfile")
      .def("set_shape", &set_shape, "input"_a, "min"_a, "opt"_a, "max"_a)
      .def("get_shape", &get_shape, "input"_a)
      .def(
          "set_shape_input",
          [](IOptimizationProfile& profile, const char* input, nb::handle min, nb::handle opt, nb::handle max) {
            set_shape_input(profile, input, {integers(min), integers(opt), integers(max)});
          },
          "input"_a, "min"_a, "opt"_a, "max"_a)
      .def("get_shape_input", &get_shape_input, "input"_a)
      .def_prop_rw("extra_memory_target", &IOptimizationProfile::getExtraMemoryTarget,
                   &IOptimizationProfile::setExtraMemoryTarget)
      .def("__bool__", &IOptimizationProfile::isValid)
      .def("__nonzero__", &IOptimizationProfile::isValid);

  using B = IBuilder;
  nb::class_<B> builder(m, "Builder");
  context_manager(builder);
  builder
      .def(nb::new_([](ILogger& logger) {
             auto* made = static_cast<IBuilder*>(createInferBuilder_INTERNAL(&logger, client_version));
             if (!made) throw std::runtime_error("The builder could not be made; the logger has the reason");
             return made;
           }),
           "logger"_a, nb::keep_alive<0, 2>(), owned)
      .def(
          "create_network",
          [](nb::pointer_and_handle<B> self, uint32_t flags) {
            return wrap_network(self.p->createNetworkV2(flags), self.h);
          },
          "flags"_a = 0)
      .def("create_builder_config", &B::createBuilderConfig, owned, nb::keep_alive<0, 1>())
      .def("create_optimization_profile", &B::createOptimizationProfile, inside)
      .def(
          "build_serialized_network",
          [](B& b, INetworkDefinition& network, IBuilderConfig& config) {
            nb::gil_scoped_release free;
            return b.buildSerializedNetwork(network, config);
          },
          "network"_a, "config"_a, owned)
      .def(
          "build_serialized_network",
          [](B& b, INetworkDefinition& network, IBuilderConfig& config, const nb::object& text) {
            (void)text;  // what is written for generated kernels; there are none
            IHostMemory* kernels = nullptr;
            nb::gil_scoped_release free;
            IHostMemory* plan = b.buildSerializedNetwork(network, config, kernels);
            delete kernels;
            return plan;
          },
          "network"_a, "config"_a, "kernel_text"_a.none(), owned)
      .def(
          "build_serialized_network_to_stream",
          [](B& b, INetworkDefinition& network, IBuilderConfig& config, IStreamWriter& writer) {
            nb::gil_scoped_release free;
            return b.buildSerializedNetworkToStream(network, config, writer);
          },
          "network"_a, "config"_a, "writer"_a)
      .def("is_network_supported", &B::isNetworkSupported, "network"_a, "config"_a)
      .def("reset", nb::overload_cast<>(&B::reset))
      .def_prop_ro("platform_has_tf32", &B::platformHasTf32)
      .def_prop_ro("platform_has_fast_fp16", &B::platformHasFastFp16)
      .def_prop_ro("platform_has_fast_int8", &B::platformHasFastInt8)
      .def_prop_ro("max_DLA_batch_size", &B::getMaxDLABatchSize)
      .def_prop_ro("num_DLA_cores", &B::getNbDLACores)
      .def_prop_ro("logger", &B::getLogger, nb::rv_policy::reference)
      .def_prop_rw("max_threads", &B::getMaxThreads, &B::setMaxThreads)
      .def_prop_rw("max_batch_size", &B::getMaxBatchSize, &B::setMaxBatchSize)
      .def_prop_rw("error_recorder", &B::getErrorRecorder, &B::setErrorRecorder, nb::for_setter(nb::keep_alive<1, 2>()),
                   nb::for_setter(nb::arg().none()))
      .def_prop_rw(
          "gpu_allocator", [](B&) { return nb::none(); }, &B::setGpuAllocator, nb::for_setter(nb::keep_alive<1, 2>()),
          nb::for_setter(nb::arg().none()))
      .def("get_plugin_registry", &B::getPluginRegistry, nb::rv_policy::reference);

  for (const char* name : {"build_engine", "build_engine_with_config"}) {
    builder.def(
        name,
        [](B& b, INetworkDefinition& network, IBuilderConfig& config) {
          nb::gil_scoped_release free;
          return b.buildEngineWithConfig(network, config);
        },
        "network"_a, "config"_a, owned, nb::keep_alive<0, 1>());
  }

  // The names of 7: what a configuration holds now.
  builder
      .def(
          "build_cuda_engine",
          [](B& b, INetworkDefinition& network) {
            nb::gil_scoped_release free;
            return b.buildCudaEngine(network);
          },
          "network"_a, owned, nb::keep_alive<0, 1>())
      .def_prop_rw("max_workspace_size", &B::getMaxWorkspaceSize, &B::setMaxWorkspaceSize)
      .def_prop_rw("fp16_mode", &B::getFp16Mode, &B::setFp16Mode)
      .def_prop_rw("int8_mode", &B::getInt8Mode, &B::setInt8Mode)
      .def_prop_rw(
          "int8_calibrator", [](B&) { return nb::none(); }, &B::setInt8Calibrator,
          nb::for_setter(nb::keep_alive<1, 2>()), nb::for_setter(nb::arg().none()))
      .def_prop_rw("strict_type_constraints", &B::getStrictTypeConstraints, &B::setStrictTypeConstraints)
      .def_prop_rw("refittable", &B::getRefittable, &B::setRefittable)
      .def_prop_rw("debug_sync", &B::getDebugSync, &B::setDebugSync)
      .def_prop_rw("average_find_iterations", &B::getAverageFindIterations, &B::setAverageFindIterations)
      .def_prop_rw("min_find_iterations", &B::getMinFindIterations, &B::setMinFindIterations);
}

}  // namespace tensorrt_python
