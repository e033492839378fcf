// Values that plugins take and give: fields, descriptions of tensors, expressions of dimensions.
#include <nanobind/stl/string.h>

#include <algorithm>

#include "plugins.h"

namespace tensorrt_python {

using namespace nvinfer1;  // NOLINT

namespace {

/// NumPy's types of fields; null where the elements travel as bytes.
struct FieldType {
  PluginFieldType type;
  const char* numpy;
  int32_t bytes;
};
constexpr FieldType field_types[] = {
    {PluginFieldType::kFLOAT16, "float16", 2}, {PluginFieldType::kFLOAT32, "float32", 4},
    {PluginFieldType::kFLOAT64, "float64", 8}, {PluginFieldType::kINT8, "int8", 1},
    {PluginFieldType::kINT16, "int16", 2},     {PluginFieldType::kINT32, "int32", 4},
    {PluginFieldType::kCHAR, nullptr, 1},      {PluginFieldType::kDIMS, nullptr, sizeof(Dims)},
    {PluginFieldType::kUNKNOWN, nullptr, 1},   {PluginFieldType::kBF16, nullptr, 2},
    {PluginFieldType::kINT64, "int64", 8},     {PluginFieldType::kFP8, nullptr, 1},
    {PluginFieldType::kINT4, nullptr, 1},      {PluginFieldType::kFP4, nullptr, 1},
};

const FieldType& row_of(PluginFieldType type) {
  const auto* row = std::find_if(std::begin(field_types), std::end(field_types),
                                 [type](const FieldType& row) { return row.type == type; });
  return row == std::end(field_types) ? row_of(PluginFieldType::kUNKNOWN) : *row;
}

/// Elements become the field's type; text and bytes stay bytes.
Field make_field(const std::string& name, const nb::object& data, PluginFieldType type) {
  if (data.is_none()) return {name, nb::none(), type, 0};
  nb::module_ numpy = nb::module_::import_("numpy");
  const FieldType& row = row_of(type);
  nb::object array = nb::isinstance<nb::str>(data) ? data.attr("encode")() : data;
  if (PyObject_CheckBuffer(array.ptr()) && !nb::hasattr(array, "dtype")) {
    array = numpy.attr("frombuffer")(array, "int8");
  } else if (row.numpy) {
    array = numpy.attr("asarray")(array).attr("astype")(row.numpy);
  }
  array = numpy.attr("ascontiguousarray")(array);
  const auto bytes = nb::cast<int64_t>(array.attr("nbytes"));
  return {name, array, type, static_cast<int32_t>(bytes / row.bytes)};
}

nb::object copy_of(const PluginField& field) {
  nb::module_ numpy = nb::module_::import_("numpy");
  const FieldType& row = row_of(field.type);
  if (!field.data || field.length < 1) return numpy.attr("empty")(0, row.numpy ? row.numpy : "int8");
  const nb::bytes bytes(field.data, static_cast<size_t>(field.length) * static_cast<size_t>(row.bytes));
  return numpy.attr("frombuffer")(bytes, row.numpy ? row.numpy : "int8").attr("copy")();
}

size_t index_in(const Expressions& dims, int64_t index) {
  const auto count = static_cast<int64_t>(dims.dims.size());
  if (index < 0) index += count;
  if (index < 0 || index >= count) throw nb::index_error("no such dimension");
  return static_cast<size_t>(index);
}

Expression valid(const IDimensionExpr* expr, const ExpressionBuilder& builder) {
  if (!expr) throw nb::value_error("The expression could not be made");
  return {expr, builder.alive};
}

IExprBuilder& builder_of(const ExpressionBuilder& b) {
  if (!*b.alive) throw nb::value_error("A builder of expressions is valid only in the call it belongs to");
  return *b.builder;
}

void bind_expressions(nb::module_& m) {
  using O = DimensionOperation;
  enumeration<O>(m, "DimensionOperation",
                 {{"SUM", O::kSUM},
                  {"PROD", O::kPROD},
                  {"MAX", O::kMAX},
                  {"MIN", O::kMIN},
                  {"SUB", O::kSUB},
                  {"EQUAL", O::kEQUAL},
                  {"LESS", O::kLESS},
                  {"FLOOR_DIV", O::kFLOOR_DIV},
                  {"CEIL_DIV", O::kCEIL_DIV}});
  nb::class_<Expression>(m, "IDimensionExpr")
      .def("is_constant", [](const Expression& e) { return e.get().isConstant(); })
      .def("get_constant_value", [](const Expression& e) { return static_cast<int64_t>(e.get().getConstantValue()); })
      .def("is_size_tensor", [](const Expression& e) { return e.get().isSizeTensor(); });
  nb::class_<Expressions>(m, "DimsExprs")
      .def(nb::init<>())
      .def(nb::init<const Expressions&>(), "other"_a)
      .def(
          "__init__",
          [](Expressions* self, int64_t count) {
            if (count < 0 || count > Dims::MAX_DIMS) throw nb::value_error("A shape has 0 to 8 dimensions");
            (new (self) Expressions())->dims.resize(static_cast<size_t>(count));
          },
          "count"_a)
      .def(
          "__init__",
          [](Expressions* self, const nb::sequence& dims) {
            std::vector<Expression> list;
            for (nb::handle dim : dims) list.push_back(nb::cast<Expression>(dim));
            if (list.size() > static_cast<size_t>(Dims::MAX_DIMS))
              throw nb::value_error("A shape has 0 to 8 dimensions");
            (new (self) Expressions())->dims = std::move(list);
          },
          "dims"_a)
      .def("__len__", [](const Expressions& e) { return e.dims.size(); })
      .def("__getitem__", [](const Expressions& e, int64_t i) { return e.dims[index_in(e, i)]; })
      .def("__setitem__", [](Expressions& e, int64_t i, const Expression& dim) { e.dims[index_in(e, i)] = dim; });
  nb::class_<ExpressionBuilder>(m, "IExprBuilder")
      .def(
          "constant",
          [](const ExpressionBuilder& b, int64_t value) {
            return valid(builder_of(b).constant(static_cast<detail::DimsValue>(value)), b);
          },
          "value"_a)
      .def(
          "operation",
          [](const ExpressionBuilder& b, O op, const Expression& first, const Expression& second) {
            return valid(builder_of(b).operation(op, first.get(), second.get()), b);
          },
          "op"_a, "first"_a, "second"_a)
      .def(
          "declare_size_tensor",
          [](const ExpressionBuilder& b, int32_t output, const Expression& opt, const Expression& upper) {
            return valid(builder_of(b).declareSizeTensor(output, opt.get(), upper.get()), b);
          },
          "output_index"_a, "opt"_a, "upper"_a);
}

}  // namespace

Expressions::Expressions(const DimsExprs& from, const std::shared_ptr<bool>& alive) {
  for (int32_t i = 0; i < from.nbDims; i++) dims.push_back({from.d[i], alive});
}

DimsExprs Expressions::get() const {
  DimsExprs made{};
  made.nbDims = static_cast<int32_t>(dims.size());
  for (size_t i = 0; i < dims.size(); i++) made.d[i] = &dims[i].get();
  return made;
}

Collection::Collection(const nb::object& fields) {
  if (fields.is_none()) return;
  for (nb::handle item : fields) {
    const auto& field = nb::cast<const Field&>(item);
    names_.push_back(std::make_unique<std::string>(field.name));
    arrays_.push_back(field.data);
    const void* data = field.data.is_none() ? nullptr : to_pointer(field.data.attr("ctypes").attr("data"));
    fields_.emplace_back(names_.back()->c_str(), data, field.type, field.length);
  }
}

nb::object to_list(const PluginFieldCollection* collection) {
  nb::list fields;
  for (int32_t i = 0; collection && i < collection->nbFields; i++) {
    const PluginField& field = collection->fields[i];
    fields.append(nb::cast(Field{field.name ? field.name : "", copy_of(field), field.type, field.length}));
  }
  return nb::module_::import_("tensorrt._values").attr("PluginFieldCollection")(fields);
}

void bind_plugin_values(nb::module_& m) {
  using T = PluginFieldType;
  enumeration<T>(m, "PluginFieldType",
                 {{"FLOAT16", T::kFLOAT16},
                  {"FLOAT32", T::kFLOAT32},
                  {"FLOAT64", T::kFLOAT64},
                  {"INT8", T::kINT8},
                  {"INT16", T::kINT16},
                  {"INT32", T::kINT32},
                  {"CHAR", T::kCHAR},
                  {"DIMS", T::kDIMS},
                  {"UNKNOWN", T::kUNKNOWN},
                  {"BF16", T::kBF16},
                  {"INT64", T::kINT64},
                  {"FP8", T::kFP8},
                  {"INT4", T::kINT4},
                  {"FP4", T::kFP4}});
  enumeration<TensorRTPhase>(m, "TensorRTPhase",
                             {{"BUILD", TensorRTPhase::kBUILD}, {"RUNTIME", TensorRTPhase::kRUNTIME}});
  enumeration<PluginCreatorVersion>(
      m, "PluginCreatorVersion", {{"V1", PluginCreatorVersion::kV1}, {"V1_PYTHON", PluginCreatorVersion::kV1_PYTHON}});
  enumeration<PluginCapabilityType>(m, "PluginCapabilityType",
                                    {{"CORE", PluginCapabilityType::kCORE},
                                     {"BUILD", PluginCapabilityType::kBUILD},
                                     {"RUNTIME", PluginCapabilityType::kRUNTIME}});
  nb::class_<Field>(m, "PluginField")
      .def(
          "__init__",
          [](Field* self, const std::string& name, const nb::object& data, T type) {
            new (self) Field(make_field(name, data, type));
          },
          "name"_a = "", "data"_a = nb::none(), "type"_a = T::kUNKNOWN)
      .def_rw("name", &Field::name)
      .def_rw("type", &Field::type)
      .def_rw("size", &Field::length)
      .def_prop_rw(
          "data", [](const Field& f) { return f.data; },
          [](Field& f, const nb::object& data) { f = make_field(f.name, data, f.type); });
  nb::class_<PluginTensorDesc>(m, "PluginTensorDesc")
      .def("__init__", [](PluginTensorDesc* self) { new (self) PluginTensorDesc{}; })
      .def_rw("dims", &PluginTensorDesc::dims)
      .def_rw("type", &PluginTensorDesc::type)
      .def_rw("format", &PluginTensorDesc::format)
      .def_rw("scale", &PluginTensorDesc::scale);
  using D = DynamicPluginTensorDesc;
  nb::class_<D>(m, "DynamicPluginTensorDesc")
      .def("__init__", [](D* self) { new (self) D{}; })
      .def_rw("desc", &D::desc)
      .def_rw("min", &D::min)
      .def_rw("opt", &D::opt)
      .def_rw("max", &D::max);
  bind_expressions(m);
}

}  // namespace tensorrt_python
