// The module vivace._core.
#include "arrays.h"

#include <nanobind/stl/function.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <cstring>
#include <optional>

namespace vivace_python {

namespace {

using nb::dlpack::dtype_code;

struct ArrayType {
  vivace_dtype dtype;
  dtype_code code;
  uint8_t bits;
};
constexpr ArrayType kArrayTypes[] = {
    {VIVACE_F32, dtype_code::Float, 32},  {VIVACE_F64, dtype_code::Float, 64},   {VIVACE_F16, dtype_code::Float, 16},
    {VIVACE_I8, dtype_code::Int, 8},      {VIVACE_I16, dtype_code::Int, 16},     {VIVACE_I32, dtype_code::Int, 32},
    {VIVACE_I64, dtype_code::Int, 64},    {VIVACE_U8, dtype_code::UInt, 8},      {VIVACE_U16, dtype_code::UInt, 16},
    {VIVACE_U32, dtype_code::UInt, 32},   {VIVACE_U64, dtype_code::UInt, 64},    {VIVACE_BOOL, dtype_code::Bool, 8},
    {VIVACE_C64, dtype_code::Complex, 64}, {VIVACE_C128, dtype_code::Complex, 128},
    {VIVACE_BF16, dtype_code::Bfloat, 16}};

using AnyArray = nb::ndarray<nb::ro, nb::c_contig, nb::device::cpu>;

vivace::Tensor tensor_of_tuple(const nb::tuple& parts, nb::list& keep) {
  const auto dtype = static_cast<vivace_dtype>(nb::cast<int>(parts[0]));
  const auto shape = nb::cast<vivace::Shape>(parts[1]);
  if (dtype == VIVACE_STRING) {
    vivace::Tensor tensor(dtype, shape);
    int64_t i = 0;
    for (nb::handle item : parts[2]) {
      const auto text = nb::cast<nb::bytes>(item);
      tensor.set_string(i++, std::string(text.c_str(), text.size()));
    }
    return tensor;
  }
  const auto bytes = nb::cast<nb::ndarray<uint8_t, nb::ro, nb::c_contig, nb::device::cpu>>(parts[2]);
  keep.append(parts);
  return vivace::Tensor::wrap(dtype, shape, const_cast<uint8_t*>(bytes.data()), bytes.size());
}

nb::object shape_tuple(const vivace::Shape& shape) {
  nb::list list;
  for (const int64_t d : shape) list.append(d);
  return nb::tuple(list);
}

constexpr const char* kKinds[] = {"tensor", "sequence", "optional", "map"};

// Names and dictionaries for TensorInfo.
nb::dict info_dict(const vivace::TensorInfo& info) {
  nb::dict made;
  made["name"] = info.name;
  made["dtype"] = static_cast<int>(info.dtype);
  if (info.has_rank) {
    nb::list shape;
    for (size_t i = 0; i < info.dims.size(); ++i) {
      if (info.dims[i] >= 0) shape.append(info.dims[i]);
      else if (!info.symbols[i].empty()) shape.append(info.symbols[i]);
      else shape.append(nb::none());
    }
    made["shape"] = nb::tuple(shape);
  } else {
    made["shape"] = nb::none();
  }
  made["min"] = shape_tuple(info.min);
  made["opt"] = shape_tuple(info.opt);
  made["max"] = shape_tuple(info.max);
  made["kind"] = kKinds[info.kind];
  made["key"] = static_cast<int>(info.key);
  made["element"] = info.element.empty() ? nb::object(nb::none()) : nb::object(info_dict(info.element[0]));
  return made;
}

nb::list info_list(const std::vector<vivace::TensorInfo>& infos) {
  nb::list list;
  for (const vivace::TensorInfo& info : infos) list.append(info_dict(info));
  return list;
}

// Runs an engine or a context on Python's objects.
template <class Runner>
nb::list run(Runner& runner, const nb::list& inputs) {
  nb::list keep;
  std::vector<vivace::Tensor> from;
  for (nb::handle input : inputs) from.push_back(to_tensor(input, keep));
  std::vector<vivace::Tensor> outputs;
  {
    const nb::gil_scoped_release release;
    outputs = runner.run(from);
  }
  nb::list list;
  for (vivace::Tensor& output : outputs) list.append(to_python(std::move(output)));
  return list;
}

// A tensor in memory of a GPU, or in pinned memory, with what its memory belongs to.
struct DeviceTensor {
  vivace::Tensor tensor;
  nb::object keep;
};

using GpuArray = nb::ndarray<nb::ro, nb::c_contig, nb::device::cuda>;

DeviceTensor wrap_at(vivace_dtype dtype, const vivace::Shape& shape, uintptr_t address, nb::object keep = {}) {
  size_t count = 1;
  for (const int64_t d : shape) count *= static_cast<size_t>(d);
  const size_t bytes = (count * static_cast<size_t>(vivace_dtype_bits(dtype)) + 7) / 8;
  return {vivace::Tensor::wrap(dtype, shape, reinterpret_cast<void*>(address), bytes), std::move(keep)};
}

template <class Array>
const ArrayType& type_of(const Array& array) {
  for (const ArrayType& type : kArrayTypes)
    if (array.dtype() == nb::dlpack::dtype{static_cast<uint8_t>(type.code), type.bits, 1}) return type;
  throw nb::type_error("an input is an array of a type that Vivace does not know");
}

template <class Array>
vivace::Shape shape_of(const Array& array) {
  vivace::Shape shape(array.ndim());
  for (size_t i = 0; i < shape.size(); ++i) shape[i] = static_cast<int64_t>(array.shape(i));
  return shape;
}

DeviceTensor from_dlpack(nb::handle object) {
  GpuArray array;
  if (!nb::try_cast(object, array)) throw nb::type_error("an input is no contiguous array in a GPU's memory");
  return wrap_at(type_of(array).dtype, shape_of(array), reinterpret_cast<uintptr_t>(array.data()), nb::cast(array));
}

nb::object to_dlpack(const DeviceTensor& t, nb::handle owner, int ordinal) {
  const vivace::Shape shape = t.tensor.shape();
  const std::vector<size_t> dims(shape.begin(), shape.end());
  for (const ArrayType& type : kArrayTypes) {
    if (type.dtype != t.tensor.dtype()) continue;
    return nb::cast(nb::ndarray<>(t.tensor.data(), dims.size(), dims.data(), owner, nullptr,
                                  nb::dlpack::dtype{static_cast<uint8_t>(type.code), type.bits, 1},
                                  nb::device::cuda::value, ordinal));
  }
  throw nb::type_error((std::string("DLPack has no type ") + vivace_dtype_name(t.tensor.dtype())).c_str());
}

std::vector<vivace::Tensor> handles_of(const nb::list& list) {
  std::vector<vivace::Tensor> made;
  for (nb::handle item : list) {
    const auto& tensor = nb::cast<const DeviceTensor&>(item).tensor;
    made.push_back(vivace::Tensor::wrap(tensor.dtype(), tensor.shape(), tensor.data(), tensor.bytes()));
  }
  return made;
}

// As vivace::Error, with its status.
void translate(const std::exception_ptr& pointer, void* type) {
  try {
    std::rethrow_exception(pointer);
  } catch (const vivace::Error& e) {
    const nb::object error = nb::borrow(static_cast<PyObject*>(type))(e.what());
    nb::setattr(error, "status", nb::str(vivace_status_name(e.status())));
    PyErr_SetObject(static_cast<PyObject*>(type), error.ptr());
  }
}

}  // namespace

vivace::Tensor to_tensor(nb::handle object, nb::list& keep) {
  if (nb::isinstance<nb::tuple>(object)) return tensor_of_tuple(nb::cast<nb::tuple>(object), keep);
  if (nb::isinstance<nb::list>(object)) {
    std::vector<vivace::Tensor> elements;
    for (nb::handle item : nb::cast<nb::list>(object)) elements.push_back(to_tensor(item, keep));
    return vivace::Tensor::list(elements);
  }
  AnyArray array;
  if (!nb::try_cast(object, array))
    throw nb::type_error(("an input is no array in this machine's memory, but a " +
                          nb::cast<std::string>(nb::str(nb::handle(reinterpret_cast<PyObject*>(Py_TYPE(object.ptr())))))).c_str());
  keep.append(nb::cast(array));
  return vivace::Tensor::wrap(type_of(array).dtype, shape_of(array), const_cast<void*>(array.data()), array.nbytes());
}

nb::object to_python(vivace::Tensor tensor) {
  const vivace_dtype dtype = tensor.dtype();
  const vivace::Shape shape = tensor.shape();
  if (dtype == VIVACE_STRING) {
    nb::list texts;
    for (int64_t i = 0; i < tensor.count(); ++i) {
      const std::string text = tensor.string(i);
      texts.append(nb::bytes(text.data(), text.size()));
    }
    return nb::make_tuple(static_cast<int>(dtype), shape_tuple(shape), texts);
  }
  if (dtype == VIVACE_LIST) {
    nb::list elements;
    for (vivace::Tensor& element : tensor.elements()) elements.append(to_python(std::move(element)));
    return elements;
  }
  void* const data = tensor.data();
  const size_t bytes = tensor.bytes();
  const nb::capsule owner(tensor.release(), [](void* p) noexcept { vivace_tensor_destroy(static_cast<vivace_tensor*>(p)); });
  const std::vector<size_t> dims(shape.begin(), shape.end());
  for (const ArrayType& type : kArrayTypes) {
    if (type.dtype != dtype || dtype == VIVACE_BF16) continue;
    return nb::cast(nb::ndarray<nb::numpy>(data, dims.size(), dims.data(), owner, nullptr,
                                           nb::dlpack::dtype{static_cast<uint8_t>(type.code), type.bits, 1}));
  }
  return nb::make_tuple(static_cast<int>(dtype), shape_tuple(shape),
                        nb::cast(nb::ndarray<nb::numpy, uint8_t>(data, 1, &bytes, owner)));
}

}  // namespace vivace_python

NB_MODULE(_core, m) {
  using namespace vivace_python;
  namespace nb = nanobind;
  using vivace::Config;
  using vivace::Context;
  using vivace::Engine;
  using vivace::Plan;

  static PyObject* error = PyErr_NewException("vivace.Error", PyExc_RuntimeError, nullptr);
  m.attr("Error") = nb::borrow(error);
  nb::register_exception_translator(translate, error);

  m.def("version", vivace::version);
  m.def("dtype_name", [](int dtype) { return vivace_dtype_name(static_cast<vivace_dtype>(dtype)); });
  m.def("dtype_from_name", [](const std::string& name) { return static_cast<int>(vivace_dtype_from_name(name.c_str())); });
  m.def("list_operators", [] { return vivace::list_operators(VIVACE_JSON); });
  m.def("list_tactics", [] { return vivace::list_tactics(VIVACE_JSON); });
  m.def("list_devices", [] { return vivace::list_devices(VIVACE_JSON); });
  m.def("set_logger", [](std::optional<nb::callable> logger, int most_verbose) {
    if (!logger) return vivace::set_logger(nullptr);
    // Kept for ever: messages may come while Python shuts down.
    auto* call = new nb::callable(*logger);
    vivace::set_logger(
        [call](vivace_severity severity, const std::string& message) {
          if (!Py_IsInitialized()) return;
          const nb::gil_scoped_acquire acquire;
          try {
            (*call)(static_cast<int>(severity), message);
          } catch (nb::python_error& e) {
            e.discard_as_unraisable("vivace's logger");
          }
        },
        static_cast<vivace_severity>(most_verbose));
  }, nb::arg("logger").none(), nb::arg("most_verbose"));

  bind_network(m);
  bind_plugins(m);

  nb::class_<Config>(m, "Config")
      .def(nb::init<>())
      .def("device", [](Config& c, const std::string& v) { c.device(v); })
      .def("threads", [](Config& c, int v) { c.threads(v); })
      .def("shape", [](Config& c, const std::string& name, const vivace::Shape& min, const vivace::Shape& opt,
                       const vivace::Shape& max) { c.shape(name, min, opt, max); })
      .def("effort", [](Config& c, int v) { c.effort(v); })
      .def("time_budget", [](Config& c, double v) { c.time_budget(v); })
      .def("workspace_limit", [](Config& c, uint64_t v) { c.workspace_limit(v); })
      .def("memory_limit", [](Config& c, uint64_t v) { c.memory_limit(v); })
      .def("timing_cache", [](Config& c, const std::string& v) { c.timing_cache(v); })
      .def("precision", [](Config& c, uint32_t v) { c.precision(v); })
      .def("force_tactic", [](Config& c, const std::string& v) { c.force_tactic(v); })
      .def("tactic_sources", [](Config& c, const std::string& v) { c.tactic_sources(v); })
      .def("compare_vendors", [](Config& c, bool v) { c.compare_vendors(v); })
      .def("disable_tactic", [](Config& c, const std::string& v) { c.disable_tactic(v); })
      .def("disable_pass", [](Config& c, const std::string& v) { c.disable_pass(v); })
      .def("portable", [](Config& c, bool v) { c.portable(v); });

  m.def("build", [](const vivace::Network& network, Config& config, std::optional<nb::callable> progress) {
    std::exception_ptr raised;  // by the callback; a KeyboardInterrupt too
    config.progress([&](const std::string& phase, double fraction) {
      const nb::gil_scoped_acquire acquire;
      try {
        if (PyErr_CheckSignals() != 0) throw nb::python_error();
        if (!progress) return true;
        const nb::object result = (*progress)(phase, fraction);
        return result.is_none() || nb::cast<bool>(result);
      } catch (...) {
        raised = std::current_exception();
        return false;
      }
    });
    try {
      const nb::gil_scoped_release release;
      return vivace::build(network, config);
    } catch (const vivace::Error&) {
      if (raised) std::rethrow_exception(raised);
      throw;
    }
  }, nb::arg("network"), nb::arg("config"), nb::arg("progress").none());

  nb::class_<Plan>(m, "Plan")
      .def_static("load", &Plan::load)
      .def_static("from_memory", [](const nb::ndarray<uint8_t, nb::ro, nb::c_contig, nb::device::cpu>& bytes) {
        return Plan::from_memory(bytes.data(), bytes.size());
      })
      .def_static("is_plan_file", &Plan::is_plan_file)
      .def("save", &Plan::save, nb::call_guard<nb::gil_scoped_release>())
      .def("to_memory", [](const Plan& plan) {
        const std::string bytes = plan.to_memory();
        return nb::bytes(bytes.data(), bytes.size());
      })
      .def("report", [](const Plan& plan, int format) { return plan.report(static_cast<vivace_format>(format)); });

  nb::class_<DeviceTensor>(m, "Tensor")
      .def_static("wrap", [](int dtype, const vivace::Shape& shape, uintptr_t address) {
        return wrap_at(static_cast<vivace_dtype>(dtype), shape, address);
      })
      .def_static("from_dlpack", from_dlpack)
      .def_prop_ro("address", [](const DeviceTensor& t) { return reinterpret_cast<uintptr_t>(t.tensor.data()); })
      .def_prop_ro("nbytes", [](const DeviceTensor& t) { return t.tensor.bytes(); })
      .def_prop_ro("shape", [](const DeviceTensor& t) { return shape_tuple(t.tensor.shape()); })
      .def("dlpack", to_dlpack)
      .def("numpy", [](DeviceTensor& t) { return to_python(std::move(t.tensor)); });  // takes it over

  nb::class_<Engine>(m, "Engine")
      .def("__init__", [](Engine* self, const Plan& plan, int threads, bool strict, uint64_t memory_limit,
                          const std::string& device) {
        vivace::EngineOptions options;
        options.threads = threads;
        options.strict = strict;
        options.memory_limit = memory_limit;
        options.device = device;
        const nb::gil_scoped_release release;
        new (self) Engine(plan, options);
      })
      .def_prop_ro("inputs", [](const Engine& engine) { return info_list(engine.inputs()); })
      .def_prop_ro("outputs", [](const Engine& engine) { return info_list(engine.outputs()); })
      .def_prop_ro("threads", &Engine::threads)
      .def_prop_ro("notice", &Engine::notice)
      .def_prop_ro("device", &Engine::device)
      .def("allocate", [](const Engine& engine, bool on_device, int dtype, const vivace::Shape& shape) {
        const vivace_place place = on_device ? VIVACE_ON_DEVICE : VIVACE_PINNED;
        return DeviceTensor{engine.allocate(place, static_cast<vivace_dtype>(dtype), shape), nb::object()};
      })
      .def("output_shape", [](const Engine& engine, const nb::list& inputs, size_t output) {
        return shape_tuple(engine.output_shape(handles_of(inputs), output));
      })
      .def("wait", [](const Engine& engine, uintptr_t stream) {
        const nb::gil_scoped_release release;
        engine.wait(reinterpret_cast<void*>(stream));
      })
      .def("memory", [](const Engine& engine) {
        const vivace_memory memory = engine.memory();
        return nb::make_tuple(memory.weight_bytes, memory.activation_bytes, memory.largest_live_bytes);
      })
      .def("inspect", [](const Engine& engine, int format) { return engine.inspect(static_cast<vivace_format>(format)); })
      .def("run", run<Engine>);

  nb::class_<Context>(m, "Context")
      .def(nb::init<const Engine&, int>())
      .def("run", run<Context>)
      .def("enqueue", [](Context& context, const nb::list& inputs, const nb::list& outputs, uintptr_t stream) {
        const std::vector<vivace::Tensor> from = handles_of(inputs), to = handles_of(outputs);
        const nb::gil_scoped_release release;
        context.enqueue(from, to, reinterpret_cast<void*>(stream));
      })
      .def("set_profiling", &Context::set_profiling)
      .def("profile", [](Context& context) {
        nb::list list;
        for (const vivace::LayerTime& layer : context.profile())
          list.append(nb::make_tuple(layer.name, layer.op, layer.tactic, layer.seconds, layer.runs));
        return list;
      });
}
