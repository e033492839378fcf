// Plugins that come with the library, as rows of a table: what a row does not say is the same for all of them.
// Tensors are linear, of f32, or of i32 where a row says so; shapes may vary.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "NvInfer.h"

namespace vivace::tensorrt::plugins {

/// The minor version that creators of these plugins tell, for they work on the host's memory also where there is a GPU.
constexpr int32_t kWorksOnHost = 1000;

/// A parameter and the values it has where nobody gives any.
struct Field {
  const char* name;
  nvinfer1::PluginFieldType type;
  std::vector<double> standard;
};
constexpr auto kReal = nvinfer1::PluginFieldType::kFLOAT32;
constexpr auto kWhole = nvinfer1::PluginFieldType::kINT32;

/// The parameters of one plugin, by name.
class Values {
 public:
  double number(const char* name, size_t at = 0) const {
    const std::vector<double>& all = list(name);
    return at < all.size() ? all[at] : 0;
  }
  float real(const char* name, size_t at = 0) const { return static_cast<float>(number(name, at)); }
  /// 0 where the number is none that fits, as in a damaged plan.
  int64_t whole(const char* name, size_t at = 0) const {
    constexpr double kLargest = 1LL << 53;
    const double value = number(name, at);
    return value >= -kLargest && value <= kLargest ? static_cast<int64_t>(value) : 0;
  }
  const std::vector<double>& list(const char* name) const;
  void set(const std::string& name, std::vector<double> values) { by_name_[name] = std::move(values); }

 private:
  std::map<std::string, std::vector<double>> by_name_;
};

/// Makes the dimensions of an output.
class Shapes {
 public:
  Shapes(const Values& own, const nvinfer1::DimsExprs* inputs, int32_t count, nvinfer1::IExprBuilder& make)
      : values(own), inputs_(inputs), count_(count), make_(make) {}
  const nvinfer1::DimsExprs& input(int32_t i) const { return inputs_[i]; }
  int32_t count() const { return count_; }
  const nvinfer1::IDimensionExpr* constant(int64_t value) const {
    return make_.constant(static_cast<nvinfer1::detail::DimsValue>(value));
  }
  const nvinfer1::IDimensionExpr* of(nvinfer1::DimensionOperation op, const nvinfer1::IDimensionExpr* a,
                                     const nvinfer1::IDimensionExpr* b) const {
    return make_.operation(op, *a, *b);
  }
  const nvinfer1::IDimensionExpr* product(const nvinfer1::IDimensionExpr* a, const nvinfer1::IDimensionExpr* b) const {
    return of(nvinfer1::DimensionOperation::kPROD, a, b);
  }
  static nvinfer1::DimsExprs dims(std::initializer_list<const nvinfer1::IDimensionExpr*> sizes);

  const Values& values;

 private:
  const nvinfer1::DimsExprs* inputs_;
  int32_t count_;
  nvinfer1::IExprBuilder& make_;
};

/// One run: where the tensors lie and what they are.
class Run {
 public:
  Run(const Values& own, const nvinfer1::PluginTensorDesc* in, const nvinfer1::PluginTensorDesc* out,
      void const* const* inputs, void* const* outputs, int32_t count)
      : values(own), in_(in), out_(out), inputs_(inputs), outputs_(outputs), count_(count) {}
  int32_t count() const { return count_; }
  const nvinfer1::Dims& dims(int32_t i) const { return in_[i].dims; }
  int64_t size(int32_t i, int32_t axis) const { return axis < in_[i].dims.nbDims ? in_[i].dims.d[axis] : 1; }
  int64_t elements(int32_t i, int32_t from = 0) const { return elements(in_[i].dims, from); }
  const float* input(int32_t i) const { return static_cast<const float*>(inputs_[i]); }
  const int32_t* integers(int32_t i) const { return static_cast<const int32_t*>(inputs_[i]); }
  int64_t out_size(int32_t i, int32_t axis) const { return out_[i].dims.d[axis]; }
  int64_t out_elements(int32_t i) const { return elements(out_[i].dims, 0); }
  float* output(int32_t i = 0) const { return static_cast<float*>(outputs_[i]); }
  int32_t* out_integers(int32_t i) const { return static_cast<int32_t*>(outputs_[i]); }

  const Values& values;

 private:
  static int64_t elements(const nvinfer1::Dims& dims, int32_t from);
  const nvinfer1::PluginTensorDesc* in_;
  const nvinfer1::PluginTensorDesc* out_;
  void const* const* inputs_;
  void* const* outputs_;
  int32_t count_;
};

/// A plugin: a row of the table.
struct Kind {
  const char* name;
  const char* version;
  std::vector<Field> fields;
  /// How many inputs it has, at least and at most, and of what rank the first is (0: any).
  int32_t least, most, rank;
  /// Inputs of i32, as bits.
  uint32_t integers;
  /// The types of the outputs, 'f' or 'i' for each; "*name": of f32, as many as that parameter says.
  const char* outputs;
  nvinfer1::DimsExprs (*dims)(const Shapes&, int32_t output);
  /// False where the tensors do not fit each other.
  bool (*run)(const Run&);
};

/// The rows, a part of the table in each file.
const std::vector<Kind>& anchor_kinds();
const std::vector<Kind>& detection_kinds();
const std::vector<Kind>& image_kinds();
const std::vector<Kind>& tensor_kinds();

/// Registers creators of all of them. Those registered already stay.
void register_all(nvinfer1::ILogger* logger, char const* space);

/// The dimensions of the first input.
nvinfer1::DimsExprs same(const Shapes& shapes, int32_t output);

}  // namespace vivace::tensorrt::plugins
