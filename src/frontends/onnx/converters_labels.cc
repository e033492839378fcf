// Encoders of labels that map strings to integers, or back, by what their input holds.
#include <numeric>

#include "frontends/onnx/converters.h"

namespace vivace::onnx {

namespace {

// One list of strings and one of integers, with a default of each: the input's type says which are the keys.
void encode(Step& step, std::vector<std::string> texts, std::vector<int64_t> numbers) {
  const bool from_text = step.dtype(0) == DType::string;
  if (!from_text && step.dtype(0) != DType::i64)
    return step.fail(step.error("its input must hold strings or i64, which decides what it maps to"));
  ir::Attributes attributes;
  attributes[from_text ? "keys_strings" : "values_strings"] = std::move(texts);
  attributes[from_text ? "values_int64s" : "keys_int64s"] = std::move(numbers);
  attributes["default_string"] = step.attributes.text("default_string", "_Unused");
  attributes["default_int64"] = step.attributes.integer("default_int64", -1);
  step.op = "ai.onnx.ml.LabelEncoder";
  step.attributes = std::move(attributes);
  step.emit();
}

}  // namespace

void category_mapper(Step& step) {
  encode(step, step.attributes.texts("cats_strings"), step.attributes.integers("cats_int64s"));
}

// Each string stood for its place in the list.
void label_encoder_keys(Step& step) {
  const std::vector<std::string> texts = step.attributes.texts("classes_strings");
  std::vector<int64_t> places(texts.size());
  std::iota(places.begin(), places.end(), 0);
  encode(step, texts, std::move(places));
}

}  // namespace vivace::onnx
