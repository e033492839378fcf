// Networks for the module vivace._core.
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "arrays.h"

namespace vivace_python {

namespace {

// A value of a network; it keeps the network alive.
struct PyValue {
  vivace::Value value;
  nb::object network;
};

vivace::Value value_of(nb::handle object) { return object.is_none() ? nullptr : nb::cast<PyValue&>(object).value; }

void set_attribute(vivace::Attributes& to, const std::string& name, nb::handle value) {
  if (nb::isinstance<nb::bool_>(value) || nb::isinstance<nb::int_>(value)) {
    to.set(name, nb::cast<int64_t>(value));
  } else if (nb::isinstance<nb::float_>(value)) {
    to.set(name, nb::cast<float>(value));
  } else if (nb::isinstance<nb::str>(value)) {
    to.set(name, nb::cast<std::string>(value));
  } else if (nb::isinstance<vivace::Network>(value)) {
    to.set(name, nb::cast<const vivace::Network&>(value));
  } else if (nb::isinstance<nb::list>(value)) {
    const auto items = nb::cast<nb::list>(value);
    const auto all = [&](auto is) {
      for (nb::handle item : items)
        if (!is(item)) return false;
      return true;
    };
    if (all([](nb::handle h) { return nb::isinstance<nb::int_>(h); })) to.set(name, nb::cast<std::vector<int64_t>>(value));
    else if (all([](nb::handle h) { return nb::isinstance<nb::str>(h); })) to.set(name, nb::cast<std::vector<std::string>>(value));
    else to.set(name, nb::cast<std::vector<float>>(value));
  } else {
    nb::list keep;
    to.set(name, to_tensor(value, keep));
  }
}

}  // namespace

void bind_network(nb::module_& m) {
  using vivace::Network;
  nb::class_<PyValue>(m, "Value").def_prop_rw(
      "name", [](const PyValue& v) { return std::string(vivace_value_name(v.value)); },
      [](PyValue& v, const std::string& name) { vivace::detail::check(vivace_value_set_name(v.value, name.c_str())); });

  nb::class_<Network>(m, "Network")
      .def(nb::init<const std::string&>())
      .def_static("from_onnx_file", [](const std::string& path) {
        const nb::gil_scoped_release release;
        return Network::from_onnx_file(path);
      })
      .def_static("from_onnx", [](const nb::ndarray<uint8_t, nb::ro, nb::c_contig, nb::device::cpu>& bytes, const std::string& folder) {
        const nb::gil_scoped_release release;
        return Network::from_onnx(bytes.data(), bytes.size(), folder);
      })
      .def_static("from_text", &Network::from_text)
      .def("add_input", [](nb::object self, const std::string& name, int dtype, const vivace::Shape& dims, const std::vector<std::string>& symbols) {
        return PyValue{nb::cast<Network&>(self).add_input(name, static_cast<vivace_dtype>(dtype), dims, symbols), self};
      })
      .def("add_constant", [](nb::object self, nb::handle array, const std::string& name) {
        nb::list keep;
        return PyValue{nb::cast<Network&>(self).add_constant(to_tensor(array, keep), name), self};
      })
      .def("add_node", [](nb::object self, const std::string& op, const nb::list& inputs, size_t outputs, const nb::dict& attributes, const std::string& name) {
        std::vector<vivace::Value> from;
        for (nb::handle input : inputs) from.push_back(value_of(input));
        vivace::Attributes given;
        for (auto [key, value] : attributes) set_attribute(given, nb::cast<std::string>(key), value);
        nb::list made;
        for (const vivace::Value value : nb::cast<Network&>(self).add_node(op, from, outputs, given, name))
          made.append(nb::cast(PyValue{value, self}));
        return made;
      })
      .def("mark_output", [](Network& network, nb::handle value, const std::string& name) { network.mark_output(value_of(value), name); })
      .def("find_value", [](nb::object self, const std::string& name) -> nb::object {
        const vivace::Value value = nb::cast<Network&>(self).find_value(name);
        return value ? nb::cast(PyValue{value, self}) : nb::none();
      })
      .def("describe", [](const Network& network, int format) { return network.describe(static_cast<vivace_format>(format)); })
      .def("run_reference", [](const Network& network, const nb::list& inputs) {
        nb::list keep, list;
        std::vector<vivace::Tensor> from, outputs;
        for (nb::handle input : inputs) from.push_back(to_tensor(input, keep));
        {
          const nb::gil_scoped_release release;
          outputs = network.run_reference(from);
        }
        for (vivace::Tensor& output : outputs) list.append(to_python(std::move(output)));
        return list;
      });
}

}  // namespace vivace_python
