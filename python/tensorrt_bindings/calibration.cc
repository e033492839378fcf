// Calibrators and algorithm selectors: interfaces that Python programs implement for building.
#include <algorithm>

#include "bind.h"

namespace tensorrt_python {
namespace {

using namespace nvinfer1;  // NOLINT

template <class Base>
struct PyCalibrator : Base {
  NB_TRAMPOLINE(Base);
  int32_t getBatchSize() const noexcept override { return ask<int32_t>(nb_trampoline, "get_batch_size", 0); }
  bool getBatch(void* bindings[], const char* names[], int32_t count) noexcept override {
    nb::gil_scoped_acquire gil;
    nb::list list;
    for (int32_t i = 0; i < count; i++) list.append(to_text(names[i]));
    const nb::object answer = ask<nb::object>(nb_trampoline, "get_batch", nb::object(), list);
    if (!answer.is_valid()) return false;
    try {
      const std::vector<void*> pointers = to_pointers(answer);
      if (pointers.size() != static_cast<size_t>(count)) return false;  // an empty list: no more batches
      std::copy(pointers.begin(), pointers.end(), bindings);
      return true;
    } catch (nb::python_error& error) {
      error.discard_as_unraisable("get_batch");
    }
    return false;
  }
  const void* readCalibrationCache(std::size_t& size) noexcept override {
    nb::gil_scoped_acquire gil;
    const nb::object answer = ask<nb::object>(nb_trampoline, "read_calibration_cache", nb::object());
    size = answer.is_valid() && cache_.take(answer) ? cache_.size() : 0;
    return size ? cache_.data() : nullptr;
  }
  void writeCalibrationCache(const void* data, std::size_t size) noexcept override {
    nb::gil_scoped_acquire gil;
    tell(nb_trampoline, "write_calibration_cache", nb::bytes(data, size));
  }

 private:
  Bytes cache_;
};

/// The general interface also asks which algorithm it is for.
struct PyAnyCalibrator : PyCalibrator<IInt8Calibrator> {
  using PyCalibrator<IInt8Calibrator>::PyCalibrator;
  CalibrationAlgoType getAlgorithm() noexcept override {
    return ask<CalibrationAlgoType>(nb_trampoline, "get_algorithm", CalibrationAlgoType::kENTROPY_CALIBRATION_2);
  }
};

struct PyLegacyCalibrator : PyCalibrator<IInt8LegacyCalibrator> {
  using PyCalibrator<IInt8LegacyCalibrator>::PyCalibrator;
  double getQuantile() const noexcept override { return ask<double>(nb_trampoline, "get_quantile", 0.5); }
  double getRegressionCutoff() const noexcept override {
    return ask<double>(nb_trampoline, "get_regression_cutoff", 0.5);
  }
  const void* readHistogramCache(std::size_t& size) noexcept override {
    size = 0;
    return nullptr;
  }
  void writeHistogramCache(const void*, std::size_t) noexcept override {}
};

struct PyAlgorithmSelector : IAlgorithmSelector {
  NB_TRAMPOLINE(IAlgorithmSelector);
  int32_t selectAlgorithms(const IAlgorithmContext& context, const IAlgorithm* const* choices, int32_t count,
                           int32_t* selection) noexcept override {
    nb::gil_scoped_acquire gil;
    nb::list list;
    for (int32_t i = 0; i < count; i++) list.append(nb::cast(choices[i], nb::rv_policy::reference));
    const nb::object answer = ask<nb::object>(nb_trampoline, "select_algorithms", nb::object(),
                                              nb::cast(&context, nb::rv_policy::reference), list);
    int64_t chosen[64];
    int number = 0;
    if (!answer.is_valid() || !read_integers(answer, chosen, std::min(count, 64), &number)) return -1;
    for (int i = 0; i < number; i++) selection[i] = static_cast<int32_t>(chosen[i]);
    return number;
  }
  void reportAlgorithms(const IAlgorithmContext* const* contexts, const IAlgorithm* const* choices,
                        int32_t count) noexcept override {
    nb::gil_scoped_acquire gil;
    nb::list context_list;
    nb::list choice_list;
    for (int32_t i = 0; i < count; i++) {
      context_list.append(nb::cast(contexts[i], nb::rv_policy::reference));
      choice_list.append(nb::cast(choices[i], nb::rv_policy::reference));
    }
    tell(nb_trampoline, "report_algorithms", context_list, choice_list);
  }
};

}  // namespace

void bind_calibration(nb::module_& m) {
  nb::class_<IInt8Calibrator, PyAnyCalibrator>(m, "IInt8Calibrator")
      .def(nb::init<>())
      .def("get_batch_size", &IInt8Calibrator::getBatchSize)
      .def(
          "get_batch", [](IInt8Calibrator&, const nb::object&) { return nb::none(); }, "names"_a)
      .def("read_calibration_cache", [](IInt8Calibrator&) { return nb::none(); })
      .def(
          "write_calibration_cache", [](IInt8Calibrator&, const nb::object&) {}, "cache"_a)
      .def("get_algorithm", &IInt8Calibrator::getAlgorithm);
  nb::class_<IInt8EntropyCalibrator, IInt8Calibrator, PyCalibrator<IInt8EntropyCalibrator>>(m, "IInt8EntropyCalibrator")
      .def(nb::init<>());
  nb::class_<IInt8EntropyCalibrator2, IInt8Calibrator, PyCalibrator<IInt8EntropyCalibrator2>>(m,
                                                                                              "IInt8EntropyCalibrator2")
      .def(nb::init<>());
  nb::class_<IInt8MinMaxCalibrator, IInt8Calibrator, PyCalibrator<IInt8MinMaxCalibrator>>(m, "IInt8MinMaxCalibrator")
      .def(nb::init<>());
  nb::class_<IInt8LegacyCalibrator, IInt8Calibrator, PyLegacyCalibrator>(m, "IInt8LegacyCalibrator").def(nb::init<>());

  nb::class_<IAlgorithmIOInfo>(m, "IAlgorithmIOInfo")
      .def_prop_ro("dtype", &IAlgorithmIOInfo::getDataType)
      .def_prop_ro("tensor_format", &IAlgorithmIOInfo::getTensorFormat)
      .def_prop_ro("strides", &IAlgorithmIOInfo::getStrides)
      .def_prop_ro("vectorized_dim", &IAlgorithmIOInfo::getVectorizedDim)
      .def_prop_ro("components_per_element", &IAlgorithmIOInfo::getComponentsPerElement);
  nb::class_<IAlgorithmVariant>(m, "IAlgorithmVariant")
      .def_prop_ro("implementation", &IAlgorithmVariant::getImplementation)
      .def_prop_ro("tactic", &IAlgorithmVariant::getTactic);
  nb::class_<IAlgorithmContext>(m, "IAlgorithmContext")
      .def_prop_ro("name", &IAlgorithmContext::getName)
      .def(
          "get_shape",
          [](const IAlgorithmContext& context, int32_t index) {
            nb::list shapes;
            for (const OptProfileSelector which :
                 {OptProfileSelector::kMIN, OptProfileSelector::kOPT, OptProfileSelector::kMAX}) {
              shapes.append(nb::cast(context.getDimensions(index, which)));
            }
            return shapes;
          },
          "index"_a)
      .def_prop_ro("num_inputs", &IAlgorithmContext::getNbInputs)
      .def_prop_ro("num_outputs", &IAlgorithmContext::getNbOutputs);
  nb::class_<IAlgorithm>(m, "IAlgorithm")
      .def("get_algorithm_io_info", &IAlgorithm::getAlgorithmIOInfoByIndex, "index"_a,
           nb::rv_policy::reference_internal)
      .def_prop_ro("algorithm_variant", &IAlgorithm::getAlgorithmVariant, nb::rv_policy::reference_internal)
      .def_prop_ro("timing_msec", &IAlgorithm::getTimingMSec)
      .def_prop_ro("workspace_size", &IAlgorithm::getWorkspaceSize);
  nb::class_<IAlgorithmSelector, PyAlgorithmSelector>(m, "IAlgorithmSelector")
      .def(nb::init<>())
      .def(
          "select_algorithms",
          [](IAlgorithmSelector&, const nb::object&, const nb::object& choices) {
            nb::list all;
            for (size_t i = 0; i < nb::len(choices); i++) all.append(i);
            return all;
          },
          "context"_a, "choices"_a)
      .def(
          "report_algorithms", [](IAlgorithmSelector&, const nb::object&, const nb::object&) {}, "contexts"_a,
          "choices"_a);
}

}  // namespace tensorrt_python
