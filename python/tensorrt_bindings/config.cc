// IBuilderConfig and ITimingCache.
#include <nanobind/stl/string.h>

#include <algorithm>

#include "bind.h"

namespace tensorrt_python {

using namespace nvinfer1;  // NOLINT

namespace {

/// Keys are written as hexadecimal numbers.
std::string print_key(const TimingCacheKey& key) {
  std::string text = "0x";
  for (const uint8_t byte : key.data) {
    for (const int digit : {byte >> 4, byte & 15}) text += "0123456789abcdef"[digit];
  }
  return text;
}

TimingCacheKey parse_key(const std::string& text) {
  TimingCacheKey key{};
  const size_t start = text.starts_with("0x") ? 2 : 0;
  const std::string digits = text.substr(start);
  if (digits.size() != 2 * sizeof key.data || digits.find_first_not_of("0123456789abcdefABCDEF") != std::string::npos) {
    throw nb::value_error("A key of a timing cache is 32 hexadecimal digits");
  }
  for (size_t i = 0; i < sizeof key.data; i++) {
    key.data[i] = static_cast<uint8_t>(std::stoi(digits.substr(2 * i, 2), nullptr, 16));
  }
  return key;
}

nb::list query_keys(const ITimingCache& cache) {
  std::vector<TimingCacheKey> keys(static_cast<size_t>(std::max<int64_t>(cache.queryKeys(nullptr, 0), 0)));
  cache.queryKeys(keys.data(), static_cast<int64_t>(keys.size()));
  nb::list list;
  for (const TimingCacheKey& key : keys) list.append(nb::cast(key));
  return list;
}

}  // namespace

void bind_config(nb::module_& m) {
  constexpr auto owned = nb::rv_policy::take_ownership;
  const auto held = nb::for_setter(nb::keep_alive<1, 2>());
  const auto or_none = nb::for_setter(nb::arg().none());

  nb::class_<TimingCacheKey>(m, "TimingCacheKey").def_static("parse", &parse_key, "text"_a).def("__str__", &print_key);
  nb::class_<TimingCacheValue>(m, "TimingCacheValue")
      .def(nb::init<uint64_t, float>(), "tacticHash"_a, "timingMSec"_a)
      .def_rw("tacticHash", &TimingCacheValue::tacticHash)
      .def_rw("timingMSec", &TimingCacheValue::timingMSec);
  nb::class_<ITimingCache>(m, "ITimingCache")
      .def("queryKeys", &query_keys)
      .def("query", &ITimingCache::query, "key"_a)
      .def("update", &ITimingCache::update, "key"_a, "value"_a)
      .def("serialize", &ITimingCache::serialize, owned)
      .def("combine", &ITimingCache::combine, "input_cache"_a, "ignore_mismatch"_a)
      .def("reset", &ITimingCache::reset);

  using C = IBuilderConfig;
  nb::class_<C> config(m, "IBuilderConfig");
  context_manager(config);
  config.def_prop_rw("flags", &C::getFlags, &C::setFlags)
      .def("set_flag", &C::setFlag, "flag"_a)
      .def("clear_flag", &C::clearFlag, "flag"_a)
      .def("get_flag", &C::getFlag, "flag"_a)
      .def("set_quantization_flag", &C::setQuantizationFlag, "flag"_a)
      .def("clear_quantization_flag", &C::clearQuantizationFlag, "flag"_a)
      .def("get_quantization_flag", &C::getQuantizationFlag, "flag"_a)
      .def_prop_rw("quantization_flags", &C::getQuantizationFlags, &C::setQuantizationFlags)
      .def("set_preview_feature", &C::setPreviewFeature, "feature"_a, "enable"_a)
      .def("get_preview_feature", &C::getPreviewFeature, "feature"_a)
      .def("set_memory_pool_limit", &C::setMemoryPoolLimit, "pool"_a, "pool_size"_a)
      .def("get_memory_pool_limit", &C::getMemoryPoolLimit, "pool"_a)
      .def("set_tactic_sources", &C::setTacticSources, "tactic_sources"_a)
      .def("get_tactic_sources", &C::getTacticSources)
      .def("reset", &C::reset)
      .def_prop_rw("max_workspace_size", &C::getMaxWorkspaceSize, &C::setMaxWorkspaceSize)
      .def_prop_rw("min_timing_iterations", &C::getMinTimingIterations, &C::setMinTimingIterations)
      .def_prop_rw("avg_timing_iterations", &C::getAvgTimingIterations, &C::setAvgTimingIterations)
      .def_prop_rw("engine_capability", &C::getEngineCapability, &C::setEngineCapability)
      .def_prop_rw("profiling_verbosity", &C::getProfilingVerbosity, &C::setProfilingVerbosity)
      .def_prop_rw("builder_optimization_level", &C::getBuilderOptimizationLevel, &C::setBuilderOptimizationLevel)
      .def_prop_rw("hardware_compatibility_level", &C::getHardwareCompatibilityLevel, &C::setHardwareCompatibilityLevel)
      .def_prop_rw("max_aux_streams", &C::getMaxAuxStreams, &C::setMaxAuxStreams)
      .def_prop_rw("runtime_platform", &C::getRuntimePlatform, &C::setRuntimePlatform)
      .def_prop_rw("max_num_tactics", &C::getMaxNbTactics, &C::setMaxNbTactics)
      .def_prop_rw("tiling_optimization_level", &C::getTilingOptimizationLevel, &C::setTilingOptimizationLevel)
      .def_prop_rw("l2_limit_for_tiling", &C::getL2LimitForTiling, &C::setL2LimitForTiling)
      .def_prop_rw(
          "remote_auto_tuning_config", [](const C& c) { return to_text(c.getRemoteAutoTuningConfig()); },
          &C::setRemoteAutoTuningConfig)
      .def_prop_rw(
          "build_route", [](const C& c) { return to_text(c.getBuildRoute()); }, &C::setBuildRoute)
      .def_prop_ro("all_build_routes", [](const C& c) { return to_text(c.getAllBuildRoutes()); })
      .def_prop_rw("DLA_core", &C::getDLACore, &C::setDLACore)
      .def_prop_rw("default_device_type", &C::getDefaultDeviceType, &C::setDefaultDeviceType)
      .def("set_device_type", &C::setDeviceType, "layer"_a, "device_type"_a)
      .def("get_device_type", &C::getDeviceType, "layer"_a)
      .def("is_device_type_set", &C::isDeviceTypeSet, "layer"_a)
      .def("reset_device_type", &C::resetDeviceType, "layer"_a)
      .def("can_run_on_DLA", &C::canRunOnDLA, "layer"_a)
      .def_prop_rw(
          "profile_stream", [](const C& c) { return reinterpret_cast<uintptr_t>(c.getProfileStream()); },
          [](C& c, const nb::object& stream) { c.setProfileStream(static_cast<cudaStream_t>(to_pointer(stream))); })
      .def_prop_rw("int8_calibrator", &C::getInt8Calibrator, &C::setInt8Calibrator, held, or_none)
      .def_prop_rw("algorithm_selector", &C::getAlgorithmSelector, &C::setAlgorithmSelector, held, or_none)
      .def_prop_rw("progress_monitor", &C::getProgressMonitor, &C::setProgressMonitor, held, or_none)
      .def(
          "add_optimization_profile",
          [](C& c, const IOptimizationProfile& profile) { return c.addOptimizationProfile(&profile); }, "profile"_a)
      .def_prop_ro("num_optimization_profiles", &C::getNbOptimizationProfiles)
      .def(
          "set_calibration_profile",
          [](C& c, const IOptimizationProfile& profile) { return c.setCalibrationProfile(&profile); }, "profile"_a)
      .def("get_calibration_profile", &C::getCalibrationProfile, nb::rv_policy::reference_internal)
      .def(
          "create_timing_cache", [](const C& c, Bytes& blob) { return c.createTimingCache(blob.data(), blob.size()); },
          "serialized_timing_cache"_a, owned, nb::keep_alive<0, 1>())
      .def("set_timing_cache", &C::setTimingCache, "cache"_a, "ignore_mismatch"_a, nb::keep_alive<1, 2>())
      .def("get_timing_cache", &C::getTimingCache, nb::rv_policy::reference_internal)
      .def_prop_rw(
          "plugins_to_serialize",
          [](const C& c) {
            nb::list paths;
            for (int32_t i = 0; i < c.getNbPluginsToSerialize(); i++) paths.append(to_text(c.getPluginToSerialize(i)));
            return paths;
          },
          [](C& c, const nb::sequence& paths) {
            std::vector<std::string> texts;
            for (nb::handle path : paths) texts.push_back(nb::cast<std::string>(nb::str(path)));
            std::vector<const char*> pointers;
            for (const std::string& text : texts) pointers.push_back(text.c_str());
            c.setPluginsToSerialize(pointers.data(), static_cast<int32_t>(pointers.size()));
          });
}

}  // namespace tensorrt_python
