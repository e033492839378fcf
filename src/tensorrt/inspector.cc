#include "tensorrt/inspector.h"

#include "tensorrt/types.h"

namespace vivace::tensorrt {

using nvinfer1::LayerInformationFormat;

namespace {

const char* short_name(DType type) {
  switch (type) {
    case DType::f32: return "FP32";
    case DType::f16: return "FP16";
    case DType::bf16: return "BF16";
    case DType::i8: return "Int8";
    case DType::u8: return "UInt8";
    case DType::i32: return "Int32";
    case DType::i64: return "Int64";
    case DType::boolean: return "Bool";
    case DType::f8e4m3fn: return "FP8";
    default: return to_string(type);
  }
}

std::string quoted(const std::string& text) {
  static const char* const kHex = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20) {
      out += std::string("\\u00") + kHex[byte >> 4] + kHex[byte & 15];
    } else {
      out += c;
    }
  }
  return out + "\"";
}

// One writer for both forms: JSON quotes keys and texts, the line does not.
struct Writer {
  bool json;
  std::string out;

  void key(const char* name) { out += json ? "\"" + std::string(name) + "\": " : std::string(name) + ": "; }
  void text(const std::string& value) { out += json ? quoted(value) : value; }
  void field(const char* name, const std::string& value) {
    key(name);
    text(value);
  }

  void dims(const ir::Type& type) {
    out += "[";
    for (size_t i = 0; type.dims && i < type.dims->size(); ++i) {
      const ir::Dim& d = (*type.dims)[i];
      out += (i ? "," : "") + std::to_string(d.known() ? d.value() : -1);
    }
    out += "]";
  }

  void tensors(const char* name, const std::vector<ir::Value*>& values) {
    key(name);
    out += json ? "[" : "[ ";
    bool first = true;
    for (const ir::Value* value : values) {
      if (!value || value->is_constant() || value->name.empty()) continue;
      out += first ? "{ " : ", { ";
      first = false;
      field("Name", value->name);
      out += ", ";
      field("Location", "Device");
      out += ", ";
      key("Dimensions");
      dims(value->type);
      out += ", ";
      const int block = value->type.channel_block;
      field("Format/Datatype", (block ? "Channels in blocks of " + std::to_string(block) + " " : "Row major linear ") +
                                   std::string(short_name(value->type.dtype)));
      out += " }";
    }
    out += json ? "]" : " ]";
  }
};

}  // namespace

const char* format_text(nvinfer1::DataType type) {
  switch (type) {
    case nvinfer1::DataType::kFLOAT: return "Row major linear FP32";
    case nvinfer1::DataType::kHALF: return "Row major linear FP16";
    case nvinfer1::DataType::kBF16: return "Row major linear BF16";
    case nvinfer1::DataType::kINT8: return "Row major linear INT8";
    case nvinfer1::DataType::kUINT8: return "Row major linear UInt8";
    case nvinfer1::DataType::kINT32: return "Row major linear INT32";
    case nvinfer1::DataType::kINT64: return "Row major linear INT64";
    case nvinfer1::DataType::kBOOL: return "Row major linear BOOL";
    default: return "Row major linear";
  }
}

std::string Inspector::layer_text(size_t layer, bool json) const {
  const std::shared_ptr<runtime::Engine> engine = core_->engine();
  const plan::Program& program = engine->executor().program();
  const ir::Node& node = *program.graph->node_list()[layer];
  const plan::Choice& choice = program.choices[layer];
  const std::string name = node.name.empty() ? node.op : node.name;
  const auto verbosity = static_cast<nvinfer1::ProfilingVerbosity>(core_->metadata().profiling_verbosity);
  Writer writer{json, {}};
  if (verbosity == nvinfer1::ProfilingVerbosity::kNONE) return json ? "\"\"" : "";
  if (verbosity == nvinfer1::ProfilingVerbosity::kLAYER_NAMES_ONLY) return writer.text(name), writer.out;
  if (json) writer.out += "{";
  writer.field("Name", name);
  writer.out += ", ";
  writer.field("LayerType", node.op);
  writer.out += ", ";
  writer.tensors("Inputs", node.inputs());
  writer.out += ", ";
  writer.tensors("Outputs", node.outputs());
  writer.out += ", ";
  writer.field("TacticName", choice.tactic + (choice.configuration.empty() ? "" : " " + choice.configuration));
  writer.out += ", ";
  writer.field("StreamId", "0");
  writer.out += ", ";
  writer.field("Metadata", "");
  if (json) writer.out += "}";
  return writer.out;
}

char const* Inspector::getLayerInformation(int32_t layer, LayerInformationFormat format) const noexcept {
  const bool fine = guarded(errors_, [&]() -> Status {
    const size_t count = core_->engine()->executor().program().choices.size();
    if (layer < 0 || static_cast<size_t>(layer) >= count)
      return {Code::invalid_argument,
              "there is no layer " + std::to_string(layer) + "; the engine has " + std::to_string(count)};
    text_ = layer_text(static_cast<size_t>(layer), format == LayerInformationFormat::kJSON) + "\n";
    return {};
  });
  return fine ? text_.c_str() : "";
}

char const* Inspector::getEngineInformation(LayerInformationFormat format) const noexcept {
  const bool json = format == LayerInformationFormat::kJSON;
  const bool fine = guarded(errors_, [&] {
    const size_t count = core_->engine()->executor().program().choices.size();
    std::string text = json ? "{\"Layers\": [" : "Layers:\n";
    for (size_t i = 0; i < count; ++i) text += (json && i ? ",\n" : "") + layer_text(i, json) + (json ? "" : "\n");
    text += json ? "],\n\"Bindings\": [" : "\nBindings:\n";
    bool first = true;
    for (const Slot& slot : core_->slots()) {
      text += json ? (first ? "" : ",\n") + quoted(slot.name) : slot.name + "\n";
      first = false;
    }
    text_ = text + (json ? "]}\n" : "");
    return Status();
  });
  return fine ? text_.c_str() : "";
}

}  // namespace vivace::tensorrt
