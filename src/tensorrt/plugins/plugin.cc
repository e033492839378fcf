#include "tensorrt/plugins/plugin.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <mutex>
#include <new>

#include "NvInferPluginUtils.h"

namespace vivace::tensorrt::plugins {

using nvinfer1::DataType;
using nvinfer1::DimsExprs;
using nvinfer1::PluginField;
using nvinfer1::PluginFieldCollection;
using nvinfer1::PluginFieldType;
using nvinfer1::PluginTensorDesc;

const std::vector<double>& Values::list(const char* name) const {
  static const std::vector<double> none;
  const auto at = by_name_.find(name);
  return at == by_name_.end() ? none : at->second;
}

DimsExprs Shapes::dims(std::initializer_list<const nvinfer1::IDimensionExpr*> sizes) {
  DimsExprs made{};
  made.nbDims = static_cast<int32_t>(sizes.size());
  std::copy(sizes.begin(), sizes.end(), made.d);
  return made;
}

int64_t Run::elements(const nvinfer1::Dims& dims, int32_t from) {
  int64_t product = 1;
  for (int32_t i = from; i < dims.nbDims; ++i) product *= dims.d[i];
  return product;
}

DimsExprs same(const Shapes& shapes, int32_t) { return shapes.input(0); }

namespace {

template <class T>
std::vector<double> numbers(const PluginField& field) {
  const auto* from = static_cast<const T*>(field.data);
  return std::vector<double>(from, from + std::max(0, field.length));
}

// The values of a field that a client gives, whatever its type of numbers.
std::vector<double> read(const PluginField& field) {
  if (!field.data) return {};
  switch (field.type) {
    case PluginFieldType::kFLOAT32: return numbers<float>(field);
    case PluginFieldType::kFLOAT64: return numbers<double>(field);
    case PluginFieldType::kINT8: return numbers<int8_t>(field);
    case PluginFieldType::kINT16: return numbers<int16_t>(field);
    case PluginFieldType::kINT32: return numbers<int32_t>(field);
    case PluginFieldType::kINT64: return numbers<int64_t>(field);
    default: return {};
  }
}

class HostPlugin final : public nvinfer1::IPluginV2DynamicExt {
 public:
  HostPlugin(const Kind& kind, Values values) : kind_(kind), values_(std::move(values)) {}

  char const* getPluginType() const noexcept override { return kind_.name; }
  char const* getPluginVersion() const noexcept override { return kind_.version; }
  int32_t getNbOutputs() const noexcept override {
    return static_cast<int32_t>(as_many() ? values_.whole(kind_.outputs + 1) : std::strlen(kind_.outputs));
  }
  int32_t initialize() noexcept override { return 0; }
  void terminate() noexcept override {}
  void destroy() noexcept override { delete this; }
  void setPluginNamespace(char const* space) noexcept override { space_ = space ? space : ""; }
  char const* getPluginNamespace() const noexcept override { return space_.c_str(); }
  HostPlugin* clone() const noexcept override { return new (std::nothrow) HostPlugin(*this); }

  DataType getOutputDataType(int32_t i, DataType const*, int32_t) const noexcept override {
    return integer_output(i) ? DataType::kINT32 : DataType::kFLOAT;
  }
  DimsExprs getOutputDimensions(int32_t i, DimsExprs const* inputs, int32_t count,
                                nvinfer1::IExprBuilder& make) noexcept override {
    DimsExprs none{};
    none.nbDims = -1;
    if (count < kind_.least || count > kind_.most) return none;
    if (kind_.rank && inputs[0].nbDims != kind_.rank) return none;
    return kind_.dims(Shapes(values_, inputs, count, make), i);
  }
  bool supportsFormatCombination(int32_t at, PluginTensorDesc const* all, int32_t inputs, int32_t) noexcept override {
    const bool integer = at < inputs ? (kind_.integers >> at & 1U) != 0 : integer_output(at - inputs);
    return all[at].format == nvinfer1::TensorFormat::kLINEAR &&
           all[at].type == (integer ? DataType::kINT32 : DataType::kFLOAT);
  }
  void configurePlugin(nvinfer1::DynamicPluginTensorDesc const*, int32_t count,
                       nvinfer1::DynamicPluginTensorDesc const*, int32_t) noexcept override {
    inputs_ = count;
  }
  size_t getWorkspaceSize(PluginTensorDesc const*, int32_t, PluginTensorDesc const*, int32_t) const noexcept override {
    return 0;
  }
  int32_t enqueue(PluginTensorDesc const* in, PluginTensorDesc const* out, void const* const* inputs,
                  void* const* outputs, void*, cudaStream_t) noexcept override {
    try {
      return kind_.run(Run(values_, in, out, inputs, outputs, inputs_)) ? 0 : 1;
    } catch (...) {  // no memory
      return 2;
    }
  }

  // The number of values of each field of the row, and the values.
  size_t getSerializationSize() const noexcept override {
    size_t bytes = 0;
    for (const Field& field : kind_.fields) bytes += (1 + values_.list(field.name).size()) * sizeof(double);
    return bytes;
  }
  void serialize(void* buffer) const noexcept override {
    auto* to = static_cast<char*>(buffer);
    for (const Field& field : kind_.fields) {
      const std::vector<double>& list = values_.list(field.name);
      const auto count = static_cast<double>(list.size());
      std::memcpy(to, &count, sizeof count);
      if (!list.empty()) std::memcpy(to + sizeof count, list.data(), list.size() * sizeof(double));
      to += (1 + list.size()) * sizeof(double);
    }
  }

 private:
  bool as_many() const { return kind_.outputs[0] == '*'; }
  bool integer_output(int32_t i) const { return !as_many() && kind_.outputs[i] == 'i'; }

  const Kind& kind_;
  Values values_;
  std::string space_;
  int32_t inputs_ = 0;
};

class Creator final : public nvinfer1::IPluginCreator {
 public:
  explicit Creator(const Kind& kind) : kind_(kind) {
    for (const Field& field : kind.fields)
      fields_.emplace_back(field.name, nullptr, field.type, static_cast<int32_t>(field.standard.size()));
    collection_.nbFields = static_cast<int32_t>(fields_.size());
    collection_.fields = fields_.data();
  }
  nvinfer1::InterfaceInfo getInterfaceInfo() const noexcept override { return {"PLUGIN CREATOR_V1", 1, kWorksOnHost}; }
  char const* getPluginName() const noexcept override { return kind_.name; }
  char const* getPluginVersion() const noexcept override { return kind_.version; }
  PluginFieldCollection const* getFieldNames() noexcept override { return &collection_; }
  void setPluginNamespace(char const* space) noexcept override { space_ = space ? space : ""; }
  char const* getPluginNamespace() const noexcept override { return space_.c_str(); }

  nvinfer1::IPluginV2* createPlugin(char const*, PluginFieldCollection const* given) noexcept override {
    return made([&](Values& values) {
      for (int32_t i = 0; given && i < given->nbFields; ++i) {
        const PluginField& field = given->fields[i];
        std::vector<double> list = read(field);
        if (field.name && !list.empty()) values.set(field.name, std::move(list));
      }
      return true;
    });
  }
  nvinfer1::IPluginV2* deserializePlugin(char const*, void const* data, size_t length) noexcept override {
    return made([&](Values& values) {
      const auto* from = static_cast<const char*>(data);
      const char* const end = from + length;
      for (const Field& field : kind_.fields) {
        double count = 0;
        if (end - from < static_cast<ptrdiff_t>(sizeof count)) return false;
        std::memcpy(&count, from, sizeof count);
        from += sizeof count;
        if (!(count >= 0 && count <= static_cast<double>(end - from) / sizeof(double))) return false;
        std::vector<double> list(static_cast<size_t>(count));
        if (!list.empty()) std::memcpy(list.data(), from, list.size() * sizeof(double));
        from += list.size() * sizeof(double);
        values.set(field.name, std::move(list));
      }
      return from == end;
    });
  }

 private:
  template <class Fill>
  nvinfer1::IPluginV2* made(const Fill& fill) const noexcept {
    try {
      Values values;
      for (const Field& field : kind_.fields) values.set(field.name, field.standard);
      if (!fill(values)) return nullptr;
      auto plugin = std::make_unique<HostPlugin>(kind_, std::move(values));
      plugin->setPluginNamespace(space_.c_str());
      return plugin.release();
    } catch (...) {  // no memory
      return nullptr;
    }
  }

  const Kind& kind_;
  std::vector<PluginField> fields_;
  PluginFieldCollection collection_{};
  std::string space_;
};

}  // namespace

void register_all(nvinfer1::ILogger* logger, char const* space) {
  const std::string own = space ? space : "";
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  // Creators stay as long as the registry, which is never destroyed.
  for (const auto* kinds : {&detection_kinds(), &anchor_kinds(), &image_kinds(), &tensor_kinds()})
    for (const Kind& kind : *kinds) {
      if (getPluginRegistry()->getPluginCreator(kind.name, kind.version, own.c_str())) continue;
      auto creator = std::make_unique<Creator>(kind);
      if (!getPluginRegistry()->registerCreator(*creator, own.c_str())) continue;
      (void)creator.release();
      if (logger)
        logger->log(nvinfer1::ILogger::Severity::kVERBOSE,
                    ("plugin '" + own + (own.empty() ? "" : "::") + kind.name + "', version " + kind.version).c_str());
    }
}

}  // namespace vivace::tensorrt::plugins
