// What the files of the tensorrt module share: conversions between Python and the structs of the C++ interface, and
// the callbacks into Python.
//
// Dims and Permutation are plain Python lists with manners (tensorrt/_values.py); any sequence of integers comes in.
// Weights come from NumPy arrays without a copy; whoever takes them keeps the array.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/trampoline.h>

#include <cstring>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "NvInfer.h"

namespace [[gnu::visibility("hidden")]] tensorrt_python {

namespace nb = nanobind;
using namespace nb::literals;  // NOLINT: "name"_a throughout

/// The NV_TENSORRT_VERSION that the module names itself with: what clients of before 9 and later ones are told differs.
extern int32_t client_version;

/// A sequence of integers; false, with no Python error set, where the object is none, or has more than `max`.
bool read_integers(nb::handle object, int64_t* values, int max, int* count) noexcept;
/// tensorrt._values.NAME(values).
nb::handle make_integers(const char* name, const int64_t* values, int count) noexcept;
/// A pointer from an integer, None or anything with int(); throws TypeError.
void* to_pointer(nb::handle object);
std::vector<void*> to_pointers(nb::handle sequence);
/// Text that may not be UTF-8.
nb::object to_text(const char* text);

/// Read-only bytes of any object with the buffer protocol, held while this lives.
class Bytes {
 public:
  Bytes() = default;
  ~Bytes() { release(); }
  Bytes(const Bytes&) = delete;
  Bytes& operator=(const Bytes&) = delete;
  Bytes(Bytes&& other) noexcept { *this = std::move(other); }
  Bytes& operator=(Bytes&& other) noexcept {
    release();
    view_ = std::exchange(other.view_, {});
    return *this;
  }
  bool take(nb::handle object) noexcept;
  [[nodiscard]] const void* data() const { return view_.buf; }
  [[nodiscard]] size_t size() const { return static_cast<size_t>(view_.len); }

 private:
  void release() {
    if (view_.obj) PyBuffer_Release(&view_);
  }
  Py_buffer view_{};
};

/// Weights with the object that owns their memory.
struct HeldWeights {
  nvinfer1::Weights weights{nvinfer1::DataType::kFLOAT, nullptr, 0};
  nb::object owner;
};
bool read_weights(nb::handle object, HeldWeights& to) noexcept;
/// An array over the weights' memory, which `owner` keeps.
nb::object to_array(const nvinfer1::Weights& weights, nb::handle owner);
int64_t size_in_bytes(nvinfer1::DataType type, int64_t count);

template <class E>
void enumeration(nb::handle scope, const char* name, std::initializer_list<std::pair<const char*, E>> values) {
  nb::enum_<E> type(scope, name, nb::is_arithmetic());
  for (const auto& [member, value] : values) type.value(member, value);
}

/// `with object as x`: leaving the block does nothing, reference counts do.
template <class Class>
void context_manager(Class& type) {
  type.def("__enter__", [](nb::handle self) { return nb::borrow(self); });
  type.def("__exit__", [](nb::handle, const nb::args&) {});
}

/// What a Python override answers; `otherwise` where there is none, it fails or returns None. Nothing is thrown: errors
/// of the override are printed, as TensorRT does.
template <class R, class... Args>
R ask(const nb::detail::trampoline& self, const char* name, R otherwise, Args&&... args) noexcept {
  if (!nb::is_alive()) return otherwise;
  nb::gil_scoped_acquire gil;
  try {
    nb::detail::ticket ticket(self, name, nb::detail::str_hash(name), false);
    if (!ticket.key.is_valid()) return otherwise;
    nb::object answer = self.base().attr(ticket.key)(std::forward<Args>(args)...);
    return answer.is_none() ? otherwise : nb::cast<R>(answer);
  } catch (nb::python_error& error) {
    error.discard_as_unraisable(name);
  } catch (const std::exception& error) {
    PySys_WriteStderr("[TRT] %s: %s\n", name, error.what());
  }
  return otherwise;
}

/// The same for callbacks that answer nothing.
template <class... Args>
void tell(const nb::detail::trampoline& self, const char* name, Args&&... args) noexcept {
  ask<bool>(self, name, false, std::forward<Args>(args)...);
}

void bind_enums(nb::module_& m);
void bind_values(nb::module_& m);
void bind_clients(nb::module_& m);
void bind_callbacks(nb::module_& m);
void bind_calibration(nb::module_& m);
void bind_runtime(nb::module_& m);
void bind_context(nb::module_& m);
void bind_build(nb::module_& m);
void bind_config(nb::module_& m);
void bind_network_enums(nb::module_& m);
void bind_layers(nb::module_& m);
void bind_more_layers(nb::module_& m);
void bind_network(nb::module_& m);
void bind_parser(nb::module_& m);
void bind_plugins(nb::module_& m);

}  // namespace gnu::visibility("hidden")]]tensorrt_python

namespace nanobind::detail {

template <class T>
struct DimsCaster {
  NB_TYPE_CASTER(T, const_name("Dims"))
  bool from_python(handle source, uint32_t, cleanup_list*) noexcept {
    int64_t values[nvinfer1::Dims::MAX_DIMS];
    int count = 0;
    if (!tensorrt_python::read_integers(source, values, nvinfer1::Dims::MAX_DIMS, &count)) return false;
    if constexpr (!std::is_same_v<T, nvinfer1::Dims>) {
      if (count != T{}.nbDims) return false;
    }
    value.nbDims = count;
    for (int i = 0; i < count; i++) {
      value.d[i] = static_cast<std::remove_reference_t<decltype(value.d[0])>>(values[i]);
      if (value.d[i] != values[i]) return false;
    }
    return true;
  }
  static handle from_cpp(const T& dims, rv_policy, cleanup_list*) noexcept {
    int64_t values[nvinfer1::Dims::MAX_DIMS] = {};
    for (int i = 0; i < dims.nbDims && i < nvinfer1::Dims::MAX_DIMS; i++) values[i] = dims.d[i];
    return tensorrt_python::make_integers(std::is_same_v<T, nvinfer1::DimsHW> ? "DimsHW" : "Dims", values, dims.nbDims);
  }
};
template <>
struct type_caster<nvinfer1::Dims> : DimsCaster<nvinfer1::Dims> {};
template <>
struct type_caster<nvinfer1::Dims2> : DimsCaster<nvinfer1::Dims2> {};
template <>
struct type_caster<nvinfer1::DimsHW> : DimsCaster<nvinfer1::DimsHW> {};
template <>
struct type_caster<nvinfer1::Dims3> : DimsCaster<nvinfer1::Dims3> {};
template <>
struct type_caster<nvinfer1::Dims4> : DimsCaster<nvinfer1::Dims4> {};

template <>
struct type_caster<nvinfer1::Permutation> {
  NB_TYPE_CASTER(nvinfer1::Permutation, const_name("Permutation"))
  bool from_python(handle source, uint32_t, cleanup_list*) noexcept {
    int64_t values[nvinfer1::Dims::MAX_DIMS];
    int count = 0;
    if (!tensorrt_python::read_integers(source, values, nvinfer1::Dims::MAX_DIMS, &count)) return false;
    // Entries beyond the given ones stay where they are.
    for (int i = 0; i < nvinfer1::Dims::MAX_DIMS; i++) value.order[i] = i < count ? static_cast<int32_t>(values[i]) : i;
    return true;
  }
  static handle from_cpp(const nvinfer1::Permutation& permutation, rv_policy, cleanup_list*) noexcept {
    int64_t values[nvinfer1::Dims::MAX_DIMS];
    for (int i = 0; i < nvinfer1::Dims::MAX_DIMS; i++) values[i] = permutation.order[i];
    return tensorrt_python::make_integers("Permutation", values, nvinfer1::Dims::MAX_DIMS);
  }
};

template <>
struct type_caster<tensorrt_python::HeldWeights> {
  NB_TYPE_CASTER(tensorrt_python::HeldWeights, const_name("Weights | numpy.ndarray"))
  bool from_python(handle source, uint32_t, cleanup_list*) noexcept {
    return tensorrt_python::read_weights(source, value);
  }
  static handle from_cpp(const tensorrt_python::HeldWeights& held, rv_policy, cleanup_list*) noexcept {
    return tensorrt_python::to_array(held.weights, held.owner).release();
  }
};

template <>
struct type_caster<tensorrt_python::Bytes> {
  using Value = tensorrt_python::Bytes;
  static constexpr auto Name = const_name("buffer");
  template <typename T>
  using Cast = Value&;
  template <typename T>
  static constexpr bool can_cast() {
    return true;
  }
  bool from_python(handle source, uint32_t, cleanup_list*) noexcept { return value.take(source); }
  explicit operator Value&() { return value; }
  Value value;
};

}  // namespace nanobind::detail
