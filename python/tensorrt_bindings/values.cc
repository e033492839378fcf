// Dims, Permutation, Weights, host memory: values between Python and C++.
#include "bind.h"

namespace tensorrt_python {
namespace {

struct TypeName {
  nvinfer1::DataType type;
  const char* name;  // NumPy's, or that of ml_dtypes
  int bits;
};
constexpr TypeName type_names[] = {
    {nvinfer1::DataType::kFLOAT, "float32", 32},    {nvinfer1::DataType::kHALF, "float16", 16},
    {nvinfer1::DataType::kINT8, "int8", 8},         {nvinfer1::DataType::kINT32, "int32", 32},
    {nvinfer1::DataType::kBOOL, "bool", 8},         {nvinfer1::DataType::kUINT8, "uint8", 8},
    {nvinfer1::DataType::kFP8, "float8_e4m3fn", 8}, {nvinfer1::DataType::kBF16, "bfloat16", 16},
    {nvinfer1::DataType::kINT64, "int64", 64},      {nvinfer1::DataType::kINT4, "int4", 4},
};

const TypeName* find_type(nvinfer1::DataType type) {
  for (const TypeName& row : type_names) {
    if (row.type == type) return &row;
  }
  return nullptr;
}

/// Memory with the object that owns it, as a buffer.
struct Memory {
  const void* data;
  int64_t size;
  nb::object owner;
};

template <class T>
int fill_view(PyObject* self, Py_buffer* view, int flags, const T* object, void* data, int64_t size) {
  if (!object) {
    PyErr_SetString(PyExc_BufferError, "The memory is gone");
    return -1;
  }
  return PyBuffer_FillInfo(view, self, data, size, 1, flags);
}

int memory_view(PyObject* self, Py_buffer* view, int flags) {
  const auto* memory = nb::inst_ptr<Memory>(self);
  return fill_view(self, view, flags, memory, const_cast<void*>(memory->data), memory->size);
}

int host_memory_view(PyObject* self, Py_buffer* view, int flags) {
  const auto* memory = nb::inst_ptr<nvinfer1::IHostMemory>(self);
  return fill_view(self, view, flags, memory, memory->data(), static_cast<int64_t>(memory->size()));
}

PyType_Slot memory_slots[] = {{Py_bf_getbuffer, reinterpret_cast<void*>(&memory_view)}, {0, nullptr}};
PyType_Slot host_memory_slots[] = {{Py_bf_getbuffer, reinterpret_cast<void*>(&host_memory_view)}, {0, nullptr}};

}  // namespace

bool read_integers(nb::handle object, int64_t* values, int max, int* count) noexcept {
  if (!PySequence_Check(object.ptr()) || PyUnicode_Check(object.ptr()) || PyBytes_Check(object.ptr())) return false;
  PyObject* items = PySequence_Fast(object.ptr(), "a sequence of integers");
  if (!items) {
    PyErr_Clear();
    return false;
  }
  nb::object held = nb::steal(items);
  const Py_ssize_t size = PySequence_Fast_GET_SIZE(items);
  if (size > max) return false;
  for (Py_ssize_t i = 0; i < size; i++) {
    PyObject* number = PyNumber_Index(PySequence_Fast_GET_ITEM(items, i));
    values[i] = number ? PyLong_AsLongLong(number) : -1;
    Py_XDECREF(number);
    if (PyErr_Occurred()) {
      PyErr_Clear();
      return false;
    }
  }
  *count = static_cast<int>(size);
  return true;
}

nb::handle make_integers(const char* name, const int64_t* values, int count) noexcept {
  try {
    nb::module_ module = nb::module_::import_("tensorrt._values");
    if (count < 0) return module.attr("UnknownDims")().release();
    nb::list list;
    for (int i = 0; i < count; i++) list.append(values[i]);
    return module.attr(name)(list).release();
  } catch (nb::python_error& error) {
    error.restore();
    return {};
  }
}

void* to_pointer(nb::handle object) {
  if (object.is_none()) return nullptr;
  PyObject* number = PyNumber_Index(object.ptr());
  if (!number) {
    PyErr_Clear();
    number = PyNumber_Long(object.ptr());
  }
  if (!number) throw nb::python_error();
  void* pointer = PyLong_AsVoidPtr(number);
  Py_DECREF(number);
  if (!pointer && PyErr_Occurred()) throw nb::python_error();
  return pointer;
}

std::vector<void*> to_pointers(nb::handle sequence) {
  std::vector<void*> pointers;
  for (nb::handle item : sequence) pointers.push_back(to_pointer(item));
  return pointers;
}

nb::object to_text(const char* text) {
  if (!text) return nb::none();
  PyObject* decoded = PyUnicode_DecodeUTF8(text, static_cast<Py_ssize_t>(std::strlen(text)), "replace");
  if (!decoded) throw nb::python_error();
  return nb::steal(decoded);
}

bool Bytes::take(nb::handle object) noexcept {
  release();
  view_ = {};
  if (PyUnicode_Check(object.ptr())) return false;
  if (PyObject_GetBuffer(object.ptr(), &view_, PyBUF_C_CONTIGUOUS) != 0) {
    PyErr_Clear();
    view_ = {};
    return false;
  }
  return true;
}

int64_t size_in_bytes(nvinfer1::DataType type, int64_t count) {
  const TypeName* row = find_type(type);
  return row ? (row->bits * count + 7) / 8 : 0;
}

bool read_weights(nb::handle object, HeldWeights& to) noexcept {
  try {
    if (object.is_none()) return true;
    if (nb::hasattr(object, "_held")) {  // tensorrt.Weights
      nb::tuple held = nb::cast<nb::tuple>(object.attr("_held"));
      to.weights = {nb::cast<nvinfer1::DataType>(held[0]), to_pointer(held[1]), nb::cast<int64_t>(held[2])};
      to.owner = nb::borrow(held[3]);
      return true;
    }
    if (!nb::hasattr(object, "__array__") && !nb::hasattr(object, "__array_interface__")) return false;
    nb::object array = nb::module_::import_("numpy").attr("ascontiguousarray")(object);
    const auto name = nb::str(array.attr("dtype").attr("name"));
    for (const TypeName& row : type_names) {
      if (std::strcmp(name.c_str(), row.name) != 0) continue;
      to.weights = {row.type, to_pointer(array.attr("ctypes").attr("data")), nb::cast<int64_t>(array.attr("size"))};
      to.owner = array;
      return true;
    }
  } catch (nb::python_error&) {
  } catch (const std::exception&) {
  }
  return false;
}

nb::object to_array(const nvinfer1::Weights& weights, nb::handle owner) {
  const TypeName* row = find_type(weights.type);
  if (!row) throw nb::type_error("NumPy has no such data type");
  nb::module_ numpy = nb::module_::import_("numpy");
  nb::object type = numpy.attr("dtype")("uint8");
  const bool plain = row->type != nvinfer1::DataType::kBF16 && row->type != nvinfer1::DataType::kFP8 &&
                     row->type != nvinfer1::DataType::kINT4;
  if (plain) {
    type = numpy.attr("dtype")(row->name);
  } else {
    nb::object name = nb::module_::import_("tensorrt._values").attr("extended_type")(row->name);
    if (!name.is_none()) type = name;
  }
  if (weights.count == 0 || !weights.values) return numpy.attr("empty")(0, type);
  nb::object memory = nb::cast(Memory{weights.values, size_in_bytes(weights.type, weights.count), nb::borrow(owner)});
  return numpy.attr("frombuffer")(memory, type);
}

void bind_values(nb::module_& m) {
  nb::class_<Memory>(m, "_Memory", nb::type_slots(memory_slots));

  nb::class_<nvinfer1::IHostMemory> host(m, "IHostMemory", nb::type_slots(host_memory_slots));
  host.def_prop_ro("dtype", &nvinfer1::IHostMemory::type)
      .def_prop_ro("nbytes", &nvinfer1::IHostMemory::size)
      .def("__len__", &nvinfer1::IHostMemory::size);
  context_manager(host);

  m.def("_read_weights", [](const nb::object& array) {
    HeldWeights held;
    if (!read_weights(array, held))
      throw nb::type_error("Weights hold arrays of float32, float16, int8, int32, int64, uint8 or bool");
    return nb::make_tuple(held.weights.type, reinterpret_cast<uintptr_t>(held.weights.values), held.weights.count,
                          held.owner.is_valid() ? held.owner : nb::none());
  });
  m.def("_weights_array", [](nvinfer1::DataType type, uintptr_t data, int64_t count, const nb::object& owner) {
    return to_array({type, reinterpret_cast<const void*>(data), count}, owner);
  });
  m.def("_size_in_bytes", &size_in_bytes);
}

}  // namespace tensorrt_python
