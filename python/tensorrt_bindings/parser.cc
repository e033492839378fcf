// The ONNX parser.
#include <nanobind/stl/string.h>

#include "NvOnnxParser.h"
#include "bind.h"

namespace tensorrt_python {

using namespace nvonnxparser;  // NOLINT

namespace {

#define ROW(Type, name) \
  { #name, Type::k##name }

/// A path or None, for as long as the object lives.
const char* text(const nb::object& path) {
  if (path.is_none()) return nullptr;
  const char* chars = PyUnicode_AsUTF8(path.ptr());
  if (!chars) throw nb::python_error();
  return chars;
}

nb::list node_list(const int64_t* nodes, int64_t count) {
  nb::list list;
  for (int64_t i = 0; i < count; i++) list.append(nodes[i]);
  return list;
}

/// (whole model supported, [(nodes, supported), ...])
nb::tuple supports_model(IParser& parser, Bytes& model, const nb::object& path) {
  SubGraphCollection_t parts;
  const bool all = parser.supportsModel(model.data(), model.size(), parts, text(path));
  nb::list list;
  for (const SubGraph_t& part : parts) {
    nb::list nodes;
    for (const size_t node : part.first) nodes.append(node);
    list.append(nb::make_tuple(nodes, part.second));
  }
  return nb::make_tuple(all, list);
}

nb::list plugin_libraries(const IParser& parser) {
  int64_t count = 0;
  const char* const* names = parser.getUsedVCPluginLibraries(count);
  nb::list list;
  for (int64_t i = 0; names && i < count; i++) list.append(to_text(names[i]));
  return list;
}

std::string describe(const IParserError& error) {
  const auto or_empty = [](const char* part) { return std::string(part ? part : ""); };
  return "In node " + std::to_string(error.node()) + " with name: " + or_empty(error.nodeName()) +
         " and operator: " + or_empty(error.nodeOperator()) + " (" + or_empty(error.func()) +
         "): " + or_empty(error.desc());
}

/// The methods that both parsers have; errors live until the next call of the parser.
template <class Parser>
void bind_errors(nb::class_<Parser>& type) {
  type.def_prop_ro("num_errors", &Parser::getNbErrors)
      .def("get_error", &Parser::getError, "index"_a, nb::rv_policy::reference_internal)
      .def("clear_errors", &Parser::clearErrors);
}

}  // namespace

void bind_parser(nb::module_& m) {
  enumeration<ErrorCode>(
      m, "ErrorCode",
      {ROW(ErrorCode, SUCCESS), ROW(ErrorCode, INTERNAL_ERROR), ROW(ErrorCode, MEM_ALLOC_FAILED),
       ROW(ErrorCode, MODEL_DESERIALIZE_FAILED), ROW(ErrorCode, INVALID_VALUE), ROW(ErrorCode, INVALID_GRAPH),
       ROW(ErrorCode, INVALID_NODE), ROW(ErrorCode, UNSUPPORTED_GRAPH), ROW(ErrorCode, UNSUPPORTED_NODE),
       ROW(ErrorCode, UNSUPPORTED_NODE_ATTR), ROW(ErrorCode, UNSUPPORTED_NODE_INPUT),
       ROW(ErrorCode, UNSUPPORTED_NODE_DATATYPE), ROW(ErrorCode, UNSUPPORTED_NODE_DYNAMIC),
       ROW(ErrorCode, UNSUPPORTED_NODE_SHAPE), ROW(ErrorCode, REFIT_FAILED)});
  enumeration<OnnxParserFlag>(
      m, "OnnxParserFlag",
      {ROW(OnnxParserFlag, NATIVE_INSTANCENORM), ROW(OnnxParserFlag, ENABLE_UINT8_AND_ASYMMETRIC_QUANTIZATION_DLA),
       ROW(OnnxParserFlag, REPORT_CAPABILITY_DLA), ROW(OnnxParserFlag, ENABLE_PLUGIN_OVERRIDE),
       ROW(OnnxParserFlag, ADJUST_FOR_DLA)});

  using Error = IParserError;
  nb::class_<Error>(m, "ParserError")
      .def("code", &Error::code)
      .def("desc", [](const Error& e) { return to_text(e.desc()); })
      .def("file", [](const Error& e) { return to_text(e.file()); })
      .def("line", &Error::line)
      .def("func", [](const Error& e) { return to_text(e.func()); })
      .def("node", &Error::node)
      .def("node_name", [](const Error& e) { return to_text(e.nodeName()); })
      .def("node_operator", [](const Error& e) { return to_text(e.nodeOperator()); })
      .def("local_function_stack",
           [](const Error& e) {
             nb::list names;
             for (int32_t i = 0; i < e.localFunctionStackSize(); i++) names.append(to_text(e.localFunctionStack()[i]));
             return names;
           })
      .def("local_function_stack_size", &Error::localFunctionStackSize)
      .def("__str__", &describe)
      .def("__repr__", &describe);

  nb::class_<IParser> parser(m, "OnnxParser");
  context_manager(parser);
  bind_errors(parser);
  parser
      .def(nb::new_([](nvinfer1::INetworkDefinition& network, nvinfer1::ILogger& logger) {
             IParser* made = createParser(network, logger);
             if (!made) throw std::runtime_error("The parser could not be made; the logger has the reason");
             return made;
           }),
           "network"_a, "logger"_a, nb::keep_alive<0, 2>(), nb::keep_alive<0, 3>(), nb::rv_policy::take_ownership)
      .def(
          "parse",
          [](IParser& p, Bytes& model, const nb::object& path) {
            const char* name = text(path);
            nb::gil_scoped_release free;
            return p.parse(model.data(), model.size(), name);
          },
          "model"_a, "path"_a = nb::none())
      .def(
          "parse_with_weight_descriptors",
          [](IParser& p, Bytes& model) { return p.parseWithWeightDescriptors(model.data(), model.size()); }, "model"_a)
      .def(
          "parse_from_file",
          [](IParser& p, const nb::object& path, int verbosity) {
            const auto name = nb::cast<std::string>(nb::module_::import_("os").attr("fspath")(path));
            nb::gil_scoped_release free;
            return p.parseFromFile(name.c_str(), verbosity);
          },
          "model"_a, "verbosity"_a = static_cast<int>(nvinfer1::ILogger::Severity::kVERBOSE))
      .def("supports_operator", &IParser::supportsOperator, "op_name"_a)
      .def("supports_model", &supports_model, "model"_a, "path"_a = nb::none())
      .def(
          "supports_model_v2",
          [](IParser& p, Bytes& model, const nb::object& path) {
            return p.supportsModelV2(model.data(), model.size(), text(path));
          },
          "model"_a, "path"_a = nb::none())
      .def_prop_ro("num_subgraphs", &IParser::getNbSubgraphs)
      .def("is_subgraph_supported", &IParser::isSubgraphSupported, "index"_a)
      .def(
          "get_subgraph_nodes",
          [](IParser& p, int64_t index) {
            int64_t count = 0;
            const int64_t* nodes = p.getSubgraphNodes(index, count);
            return node_list(nodes, nodes ? count : 0);
          },
          "index"_a)
      .def_prop_rw("flags", &IParser::getFlags, &IParser::setFlags)
      .def("set_flag", &IParser::setFlag, "flag"_a)
      .def("clear_flag", &IParser::clearFlag, "flag"_a)
      .def("get_flag", &IParser::getFlag, "flag"_a)
      .def("get_used_vc_plugin_libraries", &plugin_libraries)
      .def(
          "get_layer_output_tensor",
          [](IParser& p, const char* name, int64_t i) {
            return const_cast<nvinfer1::ITensor*>(p.getLayerOutputTensor(name, i));
          },
          "name"_a, "i"_a, nb::rv_policy::reference_internal);

  nb::class_<IParserRefitter> refitter(m, "OnnxParserRefitter");
  bind_errors(refitter);
  refitter
      .def(nb::new_([](nvinfer1::IRefitter& engine, nvinfer1::ILogger& logger) {
             IParserRefitter* made = createParserRefitter(engine, logger);
             if (!made) throw std::runtime_error("The refitter could not be made; the logger has the reason");
             return made;
           }),
           "refitter"_a, "logger"_a, nb::keep_alive<0, 2>(), nb::keep_alive<0, 3>(), nb::rv_policy::take_ownership)
      .def(
          "refit_from_bytes",
          [](IParserRefitter& r, Bytes& model, const nb::object& path) {
            return r.refitFromBytes(model.data(), model.size(), text(path));
          },
          "model"_a, "path"_a = nb::none())
      .def(
          "refit_from_file", [](IParserRefitter& r, const std::string& path) { return r.refitFromFile(path.c_str()); },
          "model"_a);

  m.def("get_nv_onnx_parser_version", []() { return getNvOnnxParserVersion(); });
}

}  // namespace tensorrt_python
