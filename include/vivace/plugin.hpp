// Plugins in C++ (14 or newer): a class for an operator, and a line that registers it. Header-only over
// vivace/plugin.h; a library of plugins links nothing of Vivace.
//
//   class Swish : public vivace::plugin::Operator {
//    public:
//     explicit Swish(const vivace::plugin::Node& node) : beta_(node.real("beta", 1)) {}
//     void infer(const Inference& in) const override { in.output(0).like(in.input(0)); }
//     void run(const Call& call) const override { ... }
//    private:
//     float beta_;
//   };
//   VIVACE_PLUGINS(registry) { vivace::plugin::add<Swish>(registry, "com.acme", "Swish", 1); }
#ifndef VIVACE_PLUGIN_HPP_
#define VIVACE_PLUGIN_HPP_

#include <cstring>
#include <exception>
#include <mutex>
#include <new>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "vivace/plugin.h"

namespace vivace {
namespace plugin {

/// What a plugin throws to say what is wrong. Other exceptions are caught as well, and count as
/// VIVACE_INVALID_ARGUMENT.
class Failure : public std::runtime_error {
 public:
  explicit Failure(const std::string& message, vivace_status status = VIVACE_INVALID_ARGUMENT)
      : std::runtime_error(message), status_(status) {}
  vivace_status status() const { return status_; }

 private:
  vivace_status status_;
};

/// Element types by C++ type; f16, bf16 and the like have none, and are told apart by dtype().
template <class T>
struct TypeOf;
template <>
struct TypeOf<float> {
  static constexpr vivace_dtype value = VIVACE_F32;
};
template <>
struct TypeOf<double> {
  static constexpr vivace_dtype value = VIVACE_F64;
};
template <>
struct TypeOf<bool> {
  static constexpr vivace_dtype value = VIVACE_BOOL;
};
template <>
struct TypeOf<int8_t> {
  static constexpr vivace_dtype value = VIVACE_I8;
};
template <>
struct TypeOf<uint8_t> {
  static constexpr vivace_dtype value = VIVACE_U8;
};
template <>
struct TypeOf<int16_t> {
  static constexpr vivace_dtype value = VIVACE_I16;
};
template <>
struct TypeOf<uint16_t> {
  static constexpr vivace_dtype value = VIVACE_U16;
};
template <>
struct TypeOf<int32_t> {
  static constexpr vivace_dtype value = VIVACE_I32;
};
template <>
struct TypeOf<uint32_t> {
  static constexpr vivace_dtype value = VIVACE_U32;
};
template <>
struct TypeOf<int64_t> {
  static constexpr vivace_dtype value = VIVACE_I64;
};
template <>
struct TypeOf<uint64_t> {
  static constexpr vivace_dtype value = VIVACE_U64;
};

/// A tensor, or what is known of it.
class Tensor {
 public:
  explicit Tensor(const vivace_plugin_tensor& of) : of_(&of) {}
  /// False: an optional input left out.
  bool present() const { return of_->dtype != VIVACE_UNDEFINED; }
  vivace_dtype dtype() const { return of_->dtype; }
  int rank() const { return of_->rank; }  // -1: unknown
  /// -1: unknown; a negative index counts from the end.
  int64_t dim(int i) const {
    if (i < 0) i += rank();
    if (i < 0 || i >= rank()) throw Failure("a tensor of rank " + std::to_string(rank()) + " has too few dimensions");
    return of_->dims[i];
  }
  std::vector<int64_t> shape() const { return std::vector<int64_t>(of_->dims, of_->dims + (rank() > 0 ? rank() : 0)); }
  /// The name of a dimension, "" where it has none.
  std::string symbol(int i) const { return of_->symbols && of_->symbols[i] ? of_->symbols[i] : ""; }
  int channel_block() const { return of_->channel_block; }
  /// Number of elements; -1 where a dimension is unknown.
  int64_t count() const {
    int64_t product = rank() < 0 ? -1 : 1;
    for (int i = 0; i < rank(); ++i) {
      if (of_->dims[i] < 0) return -1;
      product *= of_->dims[i];
    }
    return product;
  }
  /// While inferring: whether the elements are known already.
  bool has_data() const { return of_->data != nullptr; }
  void* data() const { return of_->data; }
  size_t bytes() const { return of_->bytes; }
  template <class T>
  T* data() const {
    if (of_->dtype != TypeOf<typename std::remove_const<T>::type>::value)
      throw Failure("a tensor does not hold elements of the type asked for");
    return static_cast<T*>(of_->data);
  }
  /// An element of a tensor of strings.
  std::string text(int64_t i) const {
    if (of_->dtype != VIVACE_STRING || !of_->data) throw Failure("a tensor holds no strings");
    const vivace_plugin_text& t = static_cast<const vivace_plugin_text*>(of_->data)[i];
    return std::string(t.data, t.length);
  }
  const vivace_plugin_tensor& get() const { return *of_; }

 private:
  const vivace_plugin_tensor* of_;
};

/// The node that an operator is made for. A field of another kind than the one asked for is an error.
class Node {
 public:
  explicit Node(const vivace_plugin_node& of) : of_(&of) {}
  std::string name() const { return of_->name; }
  size_t input_count() const { return of_->input_count; }
  size_t output_count() const { return of_->output_count; }
  bool has(const char* field) const { return find(field) != nullptr; }
  int64_t integer(const char* field, int64_t fallback) const { return one(field, VIVACE_FIELD_INT, fallback); }
  int64_t integer(const char* field) const { return *need<int64_t>(field, VIVACE_FIELD_INT); }
  float real(const char* field, float fallback) const { return one(field, VIVACE_FIELD_FLOAT, fallback); }
  float real(const char* field) const { return *need<float>(field, VIVACE_FIELD_FLOAT); }
  std::string text(const char* field, const std::string& fallback) const { return has(field) ? text(field) : fallback; }
  std::string text(const char* field) const { return of(*need<vivace_plugin_text>(field, VIVACE_FIELD_STRING)); }
  /// Empty where there is no such field.
  std::vector<int64_t> integers(const char* field) const { return list<int64_t>(field, VIVACE_FIELD_INTS); }
  std::vector<float> reals(const char* field) const { return list<float>(field, VIVACE_FIELD_FLOATS); }
  std::vector<std::string> texts(const char* field) const {
    std::vector<std::string> made;
    for (const vivace_plugin_text& t : list<vivace_plugin_text>(field, VIVACE_FIELD_STRINGS)) made.push_back(of(t));
    return made;
  }
  /// Its elements are there until the constructor returns.
  Tensor tensor(const char* field) const { return Tensor(*need<vivace_plugin_tensor>(field, VIVACE_FIELD_TENSOR)); }

 private:
  static std::string of(const vivace_plugin_text& t) { return std::string(t.data, t.length); }
  const vivace_plugin_field* find(const char* name) const {
    for (size_t i = 0; i < of_->field_count; ++i)
      if (std::strcmp(of_->fields[i].name, name) == 0) return &of_->fields[i];
    return nullptr;
  }
  template <class T>
  const T* need(const char* name, vivace_field_kind kind) const {
    const vivace_plugin_field* found = find(name);
    if (!found) throw Failure("it lacks the attribute '" + std::string(name) + "'", VIVACE_INVALID_MODEL);
    if (found->kind != kind)
      throw Failure("its attribute '" + std::string(name) + "' is of another kind than the plugin's field",
                    VIVACE_INVALID_MODEL);
    return static_cast<const T*>(found->values);
  }
  template <class T>
  T one(const char* name, vivace_field_kind kind, T fallback) const {
    return has(name) ? *need<T>(name, kind) : fallback;
  }
  template <class T>
  std::vector<T> list(const char* name, vivace_field_kind kind) const {
    if (!has(name)) return std::vector<T>();
    const T* first = need<T>(name, kind);
    return std::vector<T>(first, first + find(name)->count);
  }

  const vivace_plugin_node* of_;
};

/// Type and shape of an output, to be set.
class OutputType {
 public:
  explicit OutputType(vivace_plugin_type& of) : of_(&of) {}
  /// Type and shape of an input.
  void like(const Tensor& input) const { like(input, input.dtype()); }
  /// The shape of an input.
  void like(const Tensor& input, vivace_dtype dtype) const {
    of_->dtype = dtype;
    of_->rank = input.rank();
    for (int i = 0; i < input.rank(); ++i) set_dim(i, input, i);
  }
  /// -1 for dimensions that are not known.
  void set(vivace_dtype dtype, const std::vector<int64_t>& dims) const {
    if (dims.size() > VIVACE_PLUGIN_MAX_RANK) throw Failure("an output has too many dimensions");
    of_->dtype = dtype;
    of_->rank = static_cast<int32_t>(dims.size());
    for (size_t i = 0; i < dims.size(); ++i) {
      of_->dims[i] = dims[i];
      of_->symbols[i] = nullptr;
    }
  }
  /// Dimension i is what dimension k of the input is, known or not.
  void set_dim(int i, const Tensor& input, int k) const {
    of_->dims[i] = input.dim(k);
    of_->symbols[i] = input.get().symbols ? input.get().symbols[k] : nullptr;
  }
  /// A shape that depends on the data; run() makes the output by Call::allocate().
  void set_unknown(vivace_dtype dtype) const {
    of_->dtype = dtype;
    of_->rank = -1;
  }

 private:
  vivace_plugin_type* of_;
};

class Inference {
 public:
  Inference(const vivace_plugin_tensor* inputs, size_t input_count, vivace_plugin_type* outputs, size_t output_count)
      : inputs_(inputs), outputs_(outputs), input_count_(input_count), output_count_(output_count) {}
  size_t input_count() const { return input_count_; }
  size_t output_count() const { return output_count_; }
  Tensor input(size_t i) const {
    if (i >= input_count_) throw Failure("it lacks input " + std::to_string(i), VIVACE_INVALID_MODEL);
    return Tensor(inputs_[i]);
  }
  bool has(size_t i) const { return i < input_count_ && input(i).present(); }
  OutputType output(size_t i) const {
    if (i >= output_count_) throw Failure("it lacks output " + std::to_string(i), VIVACE_INVALID_MODEL);
    return OutputType(outputs_[i]);
  }

 private:
  const vivace_plugin_tensor* inputs_;
  vivace_plugin_type* outputs_;
  size_t input_count_, output_count_;
};

/// Types, layouts and shapes (-1: unknown) of a node's tensors.
struct Tensors {
  std::vector<Tensor> inputs, outputs;
  bool row_major() const {
    for (const Tensor& t : inputs)
      if (t.channel_block()) return false;
    for (const Tensor& t : outputs)
      if (t.channel_block()) return false;
    return true;
  }
  /// Whether all have this type.
  bool all(vivace_dtype dtype) const {
    for (const Tensor& t : inputs)
      if (t.present() && t.dtype() != dtype) return false;
    for (const Tensor& t : outputs)
      if (t.dtype() != dtype) return false;
    return true;
  }
};

/// One run.
class Call {
 public:
  explicit Call(const vivace_plugin_call& of) : of_(&of) {}
  size_t input_count() const { return of_->input_count; }
  size_t output_count() const { return of_->output_count; }
  bool has(size_t i) const { return i < of_->input_count && of_->inputs[i].dtype != VIVACE_UNDEFINED; }
  Tensor input(size_t i) const {
    if (i >= of_->input_count) throw Failure("it lacks input " + std::to_string(i));
    return Tensor(of_->inputs[i]);
  }
  Tensor output(size_t i) const {
    if (i >= of_->output_count) throw Failure("it lacks output " + std::to_string(i));
    return Tensor(of_->outputs[i]);
  }
  /// Makes an output whose shape infer() left open.
  Tensor allocate(size_t i, const std::vector<int64_t>& dims) const {
    const vivace_status status = of_->allocate(of_, i, static_cast<int32_t>(dims.size()), dims.data());
    if (status != VIVACE_OK) throw Failure("an output cannot be made", status);
    return output(i);
  }
  void set_string(size_t output, int64_t index, const std::string& text) const {
    const vivace_status status = of_->set_string(of_, output, index, text.data(), text.size());
    if (status != VIVACE_OK) throw Failure("a string cannot be set", status);
  }
  void* workspace() const { return of_->workspace; }
  template <class Stream = void*>
  Stream stream() const {
    return static_cast<Stream>(of_->stream);
  }
  int device() const { return of_->device; }
  int threads() const { return of_->threads; }
  /// Calls body(begin, end) for parts of [0, count), of `grain` at least, from several threads.
  template <class Body>
  void parallel(int64_t count, int64_t grain, Body&& body) const {
    struct Parts {
      typename std::remove_reference<Body>::type* body;
      std::mutex mutex;
      std::exception_ptr thrown;
      static void run(void* user, int64_t begin, int64_t end) {
        auto& parts = *static_cast<Parts*>(user);
        try {
          (*parts.body)(begin, end);
        } catch (...) {
          const std::lock_guard<std::mutex> lock(parts.mutex);
          if (!parts.thrown) parts.thrown = std::current_exception();
        }
      }
    } parts{&body, {}, nullptr};
    of_->parallel(of_, count, grain, &Parts::run, &parts);
    if (parts.thrown) std::rethrow_exception(parts.thrown);
  }
  const vivace_plugin_call& get() const { return *of_; }

 private:
  const vivace_plugin_call* of_;
};

/// What an operator derives from; its constructor takes a Node. An object serves one node, from several threads at
/// once. Functions may throw. A class that has no run() works on GPUs only, one without enqueue() on the CPU only.
class Operator {
 public:
  using Node = plugin::Node;
  using Inference = plugin::Inference;
  using Tensors = plugin::Tensors;
  using Call = plugin::Call;

  virtual ~Operator() = default;
  /// Types and shapes of the outputs; also with unknown dimensions and ranks, and again with those of a run.
  virtual void infer(const Inference& in) const = 0;
  /// Whether it runs there on tensors of these types and layouts.
  virtual bool supports(vivace_plugin_place, const Tensors& tensors) const { return tensors.row_major(); }
  /// Bytes that a run needs beside its tensors.
  virtual size_t workspace(vivace_plugin_place, const Tensors&) const { return 0; }
  virtual void run(const Call&) const { throw Failure("it runs on GPUs only", VIVACE_UNSUPPORTED); }
  /// Puts the work into call.stream(), which may be under capture: nothing may wait or allocate.
  virtual void enqueue(const Call&) const { throw Failure("it runs on the CPU only", VIVACE_UNSUPPORTED); }
};

namespace detail {

inline void say(vivace_plugin_error* to, const char* what) {
  std::strncpy(to->message, what, sizeof(to->message) - 1);
  to->message[sizeof(to->message) - 1] = 0;
}

template <class F>
vivace_status guarded(vivace_plugin_error* error, F&& body) noexcept {
  try {
    body();
    return VIVACE_OK;
  } catch (const Failure& e) {
    say(error, e.what());
    return e.status() == VIVACE_OK ? VIVACE_INTERNAL : e.status();
  } catch (const std::bad_alloc&) {
    say(error, "the machine has no more memory");
    return VIVACE_OUT_OF_MEMORY;
  } catch (const std::exception& e) {
    say(error, e.what());
    return VIVACE_INVALID_ARGUMENT;
  } catch (...) {
    say(error, "the plugin threw something that is no std::exception");
    return VIVACE_INTERNAL;
  }
}

inline Tensors tensors(const vivace_plugin_tensor* inputs, size_t input_count, const vivace_plugin_tensor* outputs,
                       size_t output_count) {
  Tensors made;
  for (size_t i = 0; i < input_count; ++i) made.inputs.push_back(Tensor(inputs[i]));
  for (size_t i = 0; i < output_count; ++i) made.outputs.push_back(Tensor(outputs[i]));
  return made;
}

inline const Operator& of(void* instance) { return *static_cast<const Operator*>(instance); }

// A member of T is Operator's own where T does not override it.
template <class Member>
constexpr bool overrides(Member, Member) {
  return false;
}
template <class A, class B>
constexpr bool overrides(A, B) {
  return true;
}

}  // namespace detail

/// A plugin of the class T, for the registry of a library or for vivace_add_plugin(). The texts must outlive it.
template <class T>
vivace_plugin make(const char* domain, const char* name, int32_t version, uint32_t flags = 0) {
  static_assert(std::is_base_of<Operator, T>::value, "a plugin derives from vivace::plugin::Operator");
  vivace_plugin p{};
  p.size = sizeof(p);
  p.abi = VIVACE_PLUGIN_ABI;
  p.version = version;
  p.domain = domain;
  p.name = name;
  p.flags = flags;
  p.create = [](void*, const vivace_plugin_node* node, void** instance, vivace_plugin_error* error) {
    return detail::guarded(error, [&] { *instance = static_cast<Operator*>(new T(Node(*node))); });
  };
  p.destroy = [](void* instance) { delete static_cast<Operator*>(instance); };
  p.infer = [](void* instance, const vivace_plugin_tensor* inputs, size_t input_count, vivace_plugin_type* outputs,
               size_t output_count, vivace_plugin_error* error) {
    return detail::guarded(error,
                           [&] { detail::of(instance).infer(Inference(inputs, input_count, outputs, output_count)); });
  };
  if (detail::overrides(&T::supports, &Operator::supports))
    p.supports = [](void* instance, vivace_plugin_place place, const vivace_plugin_tensor* inputs, size_t input_count,
                    const vivace_plugin_tensor* outputs, size_t output_count) {
      vivace_plugin_error ignored;
      bool yes = false;
      detail::guarded(&ignored, [&] {
        yes = detail::of(instance).supports(place, detail::tensors(inputs, input_count, outputs, output_count));
      });
      return static_cast<int>(yes);
    };
  if (detail::overrides(&T::workspace, &Operator::workspace))
    p.workspace = [](void* instance, vivace_plugin_place place, const vivace_plugin_tensor* inputs, size_t input_count,
                     const vivace_plugin_tensor* outputs, size_t output_count) {
      vivace_plugin_error ignored;
      size_t bytes = static_cast<size_t>(-1);
      detail::guarded(&ignored, [&] {
        bytes = detail::of(instance).workspace(place, detail::tensors(inputs, input_count, outputs, output_count));
      });  // stays as it is where it throws
      return bytes;
    };
  if (detail::overrides(&T::run, &Operator::run))
    p.run = [](void* instance, const vivace_plugin_call* call, vivace_plugin_error* error) {
      return detail::guarded(error, [&] { detail::of(instance).run(Call(*call)); });
    };
  if (detail::overrides(&T::enqueue, &Operator::enqueue))
    p.enqueue = [](void* instance, const vivace_plugin_call* call, vivace_plugin_error* error) {
      return detail::guarded(error, [&] { detail::of(instance).enqueue(Call(*call)); });
    };
  return p;
}

/// What VIVACE_PLUGINS hands out.
class Registry {
 public:
  explicit Registry(vivace_plugin_registry* of) : of_(of) {}
  void add(const vivace_plugin& plugin) {
    const vivace_status status = of_->add(of_, &plugin);
    if (first_ == VIVACE_OK) first_ = status;
  }
  vivace_status status() const { return first_; }

 private:
  vivace_plugin_registry* of_;
  vivace_status first_ = VIVACE_OK;
};

template <class T>
void add(Registry& registry, const char* domain, const char* name, int32_t version, uint32_t flags = 0) {
  registry.add(make<T>(domain, name, version, flags));
}

}  // namespace plugin
}  // namespace vivace

/// The function that a library of plugins exports, its body after it:
/// VIVACE_PLUGINS(registry) { vivace::plugin::add<...>(registry, ...); }
#define VIVACE_PLUGINS(registry)                                                                                     \
  static void vivace_add_all_plugins(::vivace::plugin::Registry&);                                                   \
  extern "C" __attribute__((visibility("default"))) vivace_status vivace_plugins(vivace_plugin_registry* to) {       \
    ::vivace::plugin::Registry made(to);                                                                             \
    vivace_plugin_error ignored;                                                                                     \
    const vivace_status thrown = ::vivace::plugin::detail::guarded(&ignored, [&] { vivace_add_all_plugins(made); }); \
    return thrown == VIVACE_OK ? made.status() : thrown;                                                             \
  }                                                                                                                  \
  static void vivace_add_all_plugins(::vivace::plugin::Registry& registry)

#endif  // VIVACE_PLUGIN_HPP_
