// What the files about plugins share: the values that plugins and Python exchange, and plugins written in Python as
// the C++ interface wants them.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "NvInferPlugin.h"
#include "bind.h"

namespace tensorrt_python {

/// trt.PluginField: a name, a type and an array.
struct Field {
  std::string name;
  nb::object data;
  nvinfer1::PluginFieldType type;
  int32_t length;
};

/// Fields of a Python list as C++ takes them; valid while this lives.
class Collection {
 public:
  Collection() = default;
  /// None, or an iterable of PluginField.
  explicit Collection(const nb::object& fields);
  Collection(Collection&&) = default;
  Collection& operator=(Collection&&) = default;
  [[nodiscard]] const nvinfer1::PluginFieldCollection* get() {
    collection_ = {static_cast<int32_t>(fields_.size()), fields_.data()};
    return &collection_;
  }

 private:
  std::vector<std::unique_ptr<std::string>> names_;
  std::vector<nb::object> arrays_;
  std::vector<nvinfer1::PluginField> fields_;
  nvinfer1::PluginFieldCollection collection_{};
};

/// trt.PluginFieldCollection of copies.
nb::object to_list(const nvinfer1::PluginFieldCollection* collection);

/// A dimension that Python sees. `alive` turns false with the call that the expression belongs to.
struct Expression {
  const nvinfer1::IDimensionExpr* expr = nullptr;
  std::shared_ptr<bool> alive;
  [[nodiscard]] const nvinfer1::IDimensionExpr& get() const {
    if (!expr || !*alive) throw nb::value_error("An expression of dimensions is valid only in the call it belongs to");
    return *expr;
  }
};

/// trt.DimsExprs
struct Expressions {
  std::vector<Expression> dims;
  Expressions() = default;
  Expressions(const nvinfer1::DimsExprs& from, const std::shared_ptr<bool>& alive);
  [[nodiscard]] nvinfer1::DimsExprs get() const;
};

/// trt.IExprBuilder during one call.
struct ExpressionBuilder {
  nvinfer1::IExprBuilder* builder;
  std::shared_ptr<bool> alive;
};

/// A Python object of IPluginV2DynamicExt as a plugin that destroy() frees.
nvinfer1::IPluginV2* make_plugin_v2(nb::object plugin);
/// A Python object of IPluginV3 as a plugin that delete frees; the same for IPluginResource.
nvinfer1::IPluginV3* make_plugin_v3(nb::object plugin);
nvinfer1::IPluginResource* make_resource(nb::object resource);

/// The Python object behind a plugin or resource, or a view of one of C++.
nb::object python_of(nvinfer1::IPluginV2& plugin);
nb::object python_of(nvinfer1::IPluginV3& plugin);
nb::object python_of(nvinfer1::IPluginResource& resource);

/// Whether an object is an instance of tensorrt._plugin_classes.NAME.
bool is_a(nb::handle object, const char* name);

/// Says what went wrong in a Python callback: in the log, and to the library, which fails what it is doing.
void report_failure(const char* where, const char* what) noexcept;

/// Runs a callback with the GIL. What it throws is reported, and `otherwise` is the answer.
template <class R, class F>
R guarded_call(const char* where, R otherwise, F&& body) noexcept {
  if (!nb::is_alive()) return otherwise;
  nb::gil_scoped_acquire gil;
  try {
    return body();
  } catch (nb::python_error& error) {
    report_failure(where, error.what());
  } catch (const std::exception& error) {
    report_failure(where, error.what());
  }
  return otherwise;
}

/// A reference that may be dropped without the GIL, also after the interpreter's end.
class Held {
 public:
  explicit Held(nb::object object) : object_(std::move(object)) {}
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;
  ~Held() {
    PyObject* gone = object_.release().ptr();
    if (!nb::is_alive()) return;  // the interpreter is gone, and with it the object
    nb::gil_scoped_acquire gil;
    Py_XDECREF(gone);
  }
  [[nodiscard]] const nb::object& get() const { return object_; }

 private:
  nb::object object_;
};

/// Text of an attribute, kept for as long as the plugin: C++ holds on to the pointer.
class Texts {
 public:
  const char* get(nb::handle of, const char* name) {
    return guarded_call<const char*>(name, nullptr, [&]() -> const char* {
      const nb::object value = of.attr(name);
      if (value.is_none()) return nullptr;
      if (!nb::isinstance<nb::str>(value)) throw nb::type_error((std::string(name) + " is no text").c_str());
      return (texts_[name] = nb::cast<nb::str>(value).c_str()).c_str();
    });
  }

 private:
  std::map<std::string, std::string> texts_;
};

void bind_plugin_values(nb::module_& m);

nvinfer1::IPluginV2Layer* add_plugin_v2(nvinfer1::INetworkDefinition& n, nb::handle inputs, const nb::object& plugin);
nvinfer1::IPluginV3Layer* add_plugin_v3(nvinfer1::INetworkDefinition& n, nb::handle inputs, nb::handle shape_inputs,
                                        const nb::object& plugin);
/// @param made what tensorrt.plugin.op.namespace.name gives: (inputs, shape inputs, plugin), or a function of it
nvinfer1::IPluginV3Layer* add_plugin(nvinfer1::INetworkDefinition& n, const nb::object& made);

}  // namespace tensorrt_python
