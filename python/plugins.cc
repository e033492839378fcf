// Plugins written in Python: their callbacks, with tensors as tuples that vivace/plugins.py makes arrays of.
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <cstring>

#include "arrays.h"
#include "vivace/plugin.hpp"

namespace vivace_python {

namespace {

// What vivace/plugins.py gives for a class: an object with create, infer, supports, run and enqueue.
struct Host {
  nb::object object;
};

// A run, as long as it lasts.
struct PluginCall {
  const vivace_plugin_call* call = nullptr;
};

// (type, shape or None, symbols or None, address, bytes, texts or None)
nb::tuple raw(const vivace_plugin_tensor& t) {
  nb::object shape = nb::none(), symbols = nb::none(), texts = nb::none();
  if (t.rank >= 0) {
    nb::list dims;
    for (int32_t i = 0; i < t.rank; ++i) dims.append(t.dims[i]);
    shape = nb::tuple(dims);
  }
  if (t.rank >= 0 && t.symbols) {
    nb::list names;
    for (int32_t i = 0; i < t.rank; ++i) names.append(t.symbols[i] ? nb::object(nb::str(t.symbols[i])) : nb::none());
    symbols = nb::tuple(names);
  }
  if (t.dtype == VIVACE_STRING && t.data) {
    int64_t count = 1;
    for (int32_t i = 0; i < t.rank; ++i) count *= t.dims[i];
    nb::list list;
    for (int64_t i = 0; i < count; ++i) {
      const auto& text = static_cast<const vivace_plugin_text*>(t.data)[i];
      list.append(nb::bytes(text.data, text.length));
    }
    texts = list;
  }
  return nb::make_tuple(static_cast<int>(t.dtype), shape, symbols, reinterpret_cast<uintptr_t>(t.data), t.bytes, texts);
}

nb::list raw_list(const vivace_plugin_tensor* tensors, size_t count) {
  nb::list list;
  for (size_t i = 0; i < count; ++i) list.append(raw(tensors[i]));
  return list;
}

nb::object field(const vivace_plugin_field& f) {
  const auto text = [](const vivace_plugin_text& t) { return nb::bytes(t.data, t.length); };
  nb::list list;
  switch (f.kind) {
    case VIVACE_FIELD_INT: return nb::int_(*static_cast<const int64_t*>(f.values));
    case VIVACE_FIELD_FLOAT: return nb::float_(*static_cast<const float*>(f.values));
    case VIVACE_FIELD_STRING: return text(*static_cast<const vivace_plugin_text*>(f.values));
    case VIVACE_FIELD_TENSOR: return raw(*static_cast<const vivace_plugin_tensor*>(f.values));
    case VIVACE_FIELD_INTS:
      for (size_t i = 0; i < f.count; ++i) list.append(static_cast<const int64_t*>(f.values)[i]);
      return std::move(list);
    case VIVACE_FIELD_FLOATS:
      for (size_t i = 0; i < f.count; ++i) list.append(static_cast<const float*>(f.values)[i]);
      return std::move(list);
    case VIVACE_FIELD_STRINGS:
      for (size_t i = 0; i < f.count; ++i) list.append(text(static_cast<const vivace_plugin_text*>(f.values)[i]));
      return std::move(list);
  }
  return nb::none();
}

// Runs a callback with the interpreter's lock; what Python raises becomes the error's text.
template <class F>
vivace_status guarded(vivace_plugin_error* error, F&& body) noexcept {
  if (!Py_IsInitialized()) {
    vivace::plugin::detail::say(error, "Python has ended, and its plugins with it");
    return VIVACE_UNSUPPORTED;
  }
  const nb::gil_scoped_acquire acquire;
  return vivace::plugin::detail::guarded(error, [&] {
    try {
      body();
    } catch (nb::python_error& e) {
      const std::string kind = nb::cast<std::string>(nb::str(e.type().attr("__name__")));
      throw vivace::plugin::Failure(kind + ": " + nb::cast<std::string>(nb::str(e.value())));
    }
  });
}

nb::object& of(void* instance) { return static_cast<Host*>(instance)->object; }

void end(void* host) {
  if (!Py_IsInitialized()) return;  // goes with the process
  const nb::gil_scoped_acquire acquire;
  delete static_cast<Host*>(host);
}

vivace_status create(void* user, const vivace_plugin_node* node, void** instance, vivace_plugin_error* error) {
  return guarded(error, [&] {
    nb::dict fields;
    for (size_t i = 0; i < node->field_count; ++i)
      fields[nb::str(node->fields[i].name)] =
          nb::make_tuple(static_cast<int>(node->fields[i].kind), field(node->fields[i]));
    *instance = new Host{of(user).attr("create")(node->name, fields, node->input_count, node->output_count)};
  });
}

vivace_status infer(void* instance, const vivace_plugin_tensor* inputs, size_t input_count, vivace_plugin_type* outputs,
                    size_t output_count, vivace_plugin_error* error) {
  return guarded(error, [&] {
    const nb::object made = of(instance).attr("infer")(raw_list(inputs, input_count), output_count);
    size_t i = 0;
    for (nb::handle item : made) {  // (type, shape or None), checked there
      vivace_plugin_type& output = outputs[i++];
      output.dtype = static_cast<vivace_dtype>(nb::cast<int>(item[0]));
      if (nb::handle(item[1]).is_none()) continue;
      output.rank = 0;
      for (nb::handle dim : nb::object(item[1])) {
        if (output.rank == VIVACE_PLUGIN_MAX_RANK) throw vivace::plugin::Failure("an output has too many dimensions");
        const int32_t d = output.rank++;
        output.dims[d] = nb::isinstance<nb::int_>(dim) ? nb::cast<int64_t>(dim) : -1;
        if (!nb::isinstance<nb::str>(dim)) continue;
        const auto name = nb::cast<std::string>(dim);  // which an input has, or there is none
        output.symbols[d] = "?";
        for (size_t k = 0; k < input_count; ++k)
          for (int32_t j = 0; inputs[k].symbols && j < inputs[k].rank; ++j)
            if (inputs[k].symbols[j] && name == inputs[k].symbols[j]) output.symbols[d] = inputs[k].symbols[j];
      }
    }
  });
}

int supports(void* instance, vivace_plugin_place place, const vivace_plugin_tensor* inputs, size_t input_count,
             const vivace_plugin_tensor* outputs, size_t output_count) {
  const auto plain = [](const vivace_plugin_tensor* list, size_t count) {
    for (size_t i = 0; i < count; ++i)
      if (list[i].channel_block) return false;
    return true;
  };
  if (!plain(inputs, input_count) || !plain(outputs, output_count)) return 0;
  bool yes = false;
  vivace_plugin_error ignored;
  guarded(&ignored, [&] {
    yes = nb::cast<bool>(of(instance).attr("supports")(place == VIVACE_ON_CUDA, raw_list(inputs, input_count),
                                                       raw_list(outputs, output_count)));
  });
  return yes;
}

vivace_status work(void* instance, const vivace_plugin_call* call, vivace_plugin_error* error, const char* method) {
  return guarded(error, [&] {
    const nb::object given = nb::cast(PluginCall{call});
    struct Close {
      PluginCall& call;
      ~Close() { call.call = nullptr; }
    } close{nb::cast<PluginCall&>(given)};
    of(instance).attr(method)(given);
  });
}

const vivace_plugin_call& running(const PluginCall& c) {
  if (!c.call) throw std::runtime_error("the run that this belongs to is over");
  return *c.call;
}

}  // namespace

void bind_plugins(nb::module_& m) {
  nb::class_<PluginCall>(m, "PluginCall")
      .def_prop_ro("inputs", [](const PluginCall& c) { return raw_list(running(c).inputs, running(c).input_count); })
      .def_prop_ro("outputs", [](const PluginCall& c) { return raw_list(running(c).outputs, running(c).output_count); })
      .def_prop_ro("stream", [](const PluginCall& c) { return reinterpret_cast<uintptr_t>(running(c).stream); })
      .def("allocate",
           [](const PluginCall& c, size_t output, const vivace::Shape& shape) {
             return running(c).allocate(c.call, output, static_cast<int32_t>(shape.size()), shape.data()) == VIVACE_OK;
           })
      .def("set_string", [](const PluginCall& c, size_t output, int64_t index, const nb::bytes& text) {
        return running(c).set_string(c.call, output, index, text.c_str(), text.size()) == VIVACE_OK;
      });
  m.def("add_plugin", [](const std::string& domain, const std::string& name, int version, bool varies, nb::object host,
                         bool on_cpu, bool on_gpu, bool asks) {
    vivace_plugin p{};
    p.size = sizeof(p);
    p.abi = VIVACE_PLUGIN_ABI;
    p.version = version;
    p.domain = domain.c_str();
    p.name = name.c_str();
    p.flags = varies ? VIVACE_PLUGIN_VARIES : 0;
    p.create = create;
    p.destroy = end;
    p.infer = infer;
    if (asks) p.supports = supports;
    if (on_cpu)
      p.run = [](void* instance, const vivace_plugin_call* call, vivace_plugin_error* error) {
        return work(instance, call, error, "run");
      };
    if (on_gpu)
      p.enqueue = [](void* instance, const vivace_plugin_call* call, vivace_plugin_error* error) {
        return work(instance, call, error, "enqueue");
      };
    p.release = end;
    auto* user = new Host{std::move(host)};
    p.user = user;
    const vivace_status status = [&] {
      const nb::gil_scoped_release release;
      return vivace_add_plugin(&p);
    }();
    if (status == VIVACE_OK) return;
    delete user;
    vivace::detail::check(status);
  });
  m.def("remove_plugin", [](const std::string& domain, const std::string& name, int version) {
    const nb::gil_scoped_release release;
    vivace::detail::check(vivace_remove_plugin(domain.c_str(), name.c_str(), version));
  });
  m.def("load_plugins", &vivace::load_plugins, nb::call_guard<nb::gil_scoped_release>());
  m.def("list_plugins", [] { return vivace::list_plugins(VIVACE_JSON); });
}

}  // namespace vivace_python
