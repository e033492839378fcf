// Maps in ai.onnx.ml: ZipMap makes them, CastMap and DictVectorizer take them apart. A map is a list of two tensors,
// keys and values, as long as each other.
#include <algorithm>
#include <charconv>
#include <numeric>
#include <unordered_map>

#include "ops/ml_scores.h"

namespace vivace::ops {

namespace {

bool is_map(const TensorView& list) {
  if (list.type != DType::list || list.count() != 2) return false;
  const Tensor *keys = list.as<Tensor>(), *values = keys + 1;
  return keys->valid() && values->valid() && keys->count() == values->count() && keys->type() != DType::list &&
         values->type() != DType::list;
}

Status require_map(const Inference& in) {
  const ir::Type& type = in.type(0);
  if (!type.known() || type.kind == ir::Kind::map) return {};
  return in.error("input 0 has type " + type.to_string() + "; it must be a map");
}

}  // namespace

// --- ZipMap: a map for each row, from labels to scores

Status infer_zip_map(Inference& in) {
  VIVACE_TRY(require_type(in, 0, {DType::f32}));
  VIVACE_TRY(require_rank(in, 0, 1, 2));
  const Result<Labels> labels = labels_of(in.attributes, "classlabels_int64s");
  if (!labels.ok()) return in.error(labels.status().message());
  const auto count = static_cast<int64_t>(labels->size());
  if (in.dims(0) && in.dims(0)->back().known() && !in.dims(0)->back().is(count))
    return in.error("it has " + std::to_string(count) + " labels for " + in.dims(0)->back().to_string() + " columns");
  in.set(0, ir::Type::sequence(ir::Type::map(labels->type(), ir::Type::tensor_of_any_rank(DType::f32))));
  return {};
}

Status reference_zip_map(Call& call) {
  const Labels labels = labels_of(call.attributes, "classlabels_int64s").value();
  const auto count = static_cast<int64_t>(labels.size());
  const FeatureRows shape = feature_rows(call.input(0));
  if (shape.features != count)
    return call.error("it has " + std::to_string(count) + " labels for " + std::to_string(shape.features) + " columns");
  VIVACE_ASSIGN(const Tensor keys, Tensor::allocate(labels.type(), {count}));
  for (int64_t i = 0; i < count; ++i) labels.write(keys, i, static_cast<size_t>(i));
  VIVACE_TRY(call.allocate(0, DType::list, {shape.rows}));
  for (int64_t row = 0; row < shape.rows; ++row) {
    VIVACE_ASSIGN(Tensor values, Tensor::allocate(DType::f32, {count}));
    std::copy_n(call.input(0).as<const float>() + row * count, count, values.as<float>());
    call.output().as<Tensor>()[row] = Tensor::list({keys, std::move(values)});  // all share their keys
  }
  return {};
}

// --- DictVectorizer: the values of a map, in the order of a vocabulary; 0 for keys the map has not

Status infer_dict_vectorizer(Inference& in) {
  VIVACE_TRY(require_map(in));
  const size_t texts = in.attributes.texts("string_vocabulary").size(),
               numbers = in.attributes.integers("int64_vocabulary").size();
  if ((texts == 0) == (numbers == 0)) return in.error("either string_vocabulary or int64_vocabulary must list keys");
  const DType key = in.type(0).key;
  if (key != DType::undefined && key != (texts ? DType::string : DType::i64))
    return in.error(std::string("the map's keys have type ") + to_string(key) + ", the vocabulary " +
                    (texts ? "string" : "i64"));
  const std::shared_ptr<const ir::Type>& values = in.type(0).element;
  in.set(0, values ? values->dtype : DType::undefined, {1, static_cast<int64_t>(texts + numbers)});
  return {};
}

Status reference_dict_vectorizer(Call& call) {
  if (!is_map(call.input(0))) return call.error("input 0 is not a map");
  const Tensor &keys = call.input(0).as<Tensor>()[0], &values = call.input(0).as<Tensor>()[1];
  const std::vector<std::string> texts = call.attributes.texts("string_vocabulary");
  const std::vector<int64_t> numbers = call.attributes.integers("int64_vocabulary");
  const auto count = static_cast<int64_t>(texts.size() + numbers.size());
  if (keys.type() != (texts.empty() ? DType::i64 : DType::string))
    return call.error("the map's keys have another type than the vocabulary");
  VIVACE_ASSIGN(const Tensor zero, Tensor::allocate(values.type(), {}));
  VIVACE_TRY(make_output(call, 0, values.type(), {1, count}));
  copy_strided({count}, {call.output(), 0}, {1}, {zero, 0}, {0}, nullptr);
  const auto place = [&](const auto& vocabulary, const auto* key) -> Status {
    std::unordered_map<std::decay_t<decltype(*key)>, int64_t> places;
    for (size_t i = 0; i < vocabulary.size(); ++i) places.emplace(vocabulary[i], static_cast<int64_t>(i));
    for (int64_t i = 0; i < keys.count(); ++i)
      if (const auto at = places.find(key[i]); at != places.end())
        copy_elements({call.output(), at->second}, {values, i}, 1);
    return {};
  };
  return texts.empty() ? place(numbers, keys.as<int64_t>()) : place(texts, keys.as<std::string>());
}

// --- CastMap: the values of a map by ascending keys (DENSE), or each at the place its key names (SPARSE)

namespace {

DType cast_map_type(const ir::Attributes& attributes) {
  const std::string to = attributes.text("cast_to", "TO_FLOAT");
  return to == "TO_FLOAT"    ? DType::f32
         : to == "TO_INT64"  ? DType::i64
         : to == "TO_STRING" ? DType::string
                             : DType::undefined;
}

// One value of a map, a string or a f32, as an element of the output.
Status cast_value(const Call& call, const Tensor& values, int64_t from, const TensorView& y, int64_t to) {
  if (values.type() == y.type) return copy_elements({y, to}, {values, from}, 1), Status();
  if (y.type == DType::string) {
    char text[64];
    const auto end = std::to_chars(text, text + sizeof text, values.as<float>()[from]).ptr;
    y.as<std::string>()[to].assign(text, end);
    return {};
  }
  double number = 0;
  if (values.type() == DType::string) {
    const std::string& text = values.as<std::string>()[from];
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (failure != std::errc() || end != text.data() + text.size())
      return call.error("'" + text.substr(0, 40) + "' is not a number");
  } else {
    number = static_cast<double>(values.as<float>()[from]);
  }
  if (y.type == DType::f32)
    y.as<float>()[to] = static_cast<float>(number);
  else if (number > -9.2e18 && number < 9.2e18)
    y.as<int64_t>()[to] = static_cast<int64_t>(number);
  else
    return call.error("a value of the map does not fit into i64");
  return {};
}

}  // namespace

Status infer_cast_map(Inference& in) {
  VIVACE_TRY(require_map(in));
  const DType type = cast_map_type(in.attributes);
  if (type == DType::undefined) return in.error("unknown cast_to '" + in.attributes.text("cast_to") + "'");
  const std::string form = in.attributes.text("map_form", "DENSE");
  const int64_t most = in.attributes.integer("max_map", 1);
  if (form != "DENSE" && form != "SPARSE") return in.error("unknown map_form '" + form + "'");
  if (form == "SPARSE" && (most < 1 || most > INT32_MAX)) return in.error("max_map is " + std::to_string(most));
  in.set(0, type, {1, form == "SPARSE" ? ir::Dim(most) : ir::Dim()});
  return {};
}

Status reference_cast_map(Call& call) {
  if (!is_map(call.input(0))) return call.error("input 0 is not a map");
  const Tensor &keys = call.input(0).as<Tensor>()[0], &values = call.input(0).as<Tensor>()[1];
  if (keys.type() != DType::i64 || (values.type() != DType::f32 && values.type() != DType::string))
    return call.error("it must be a map from i64 to strings or f32");
  const bool sparse = call.attributes.text("map_form", "DENSE") == "SPARSE";
  const DType type = cast_map_type(call.attributes);
  const int64_t width = sparse ? call.attributes.integer("max_map", 1) : keys.count();
  const auto key = [&](int64_t i) { return keys.as<int64_t>()[i]; };
  for (int64_t i = 0; sparse && i < keys.count(); ++i)
    if (key(i) < 0 || key(i) >= width)
      return call.error("key " + std::to_string(key(i)) + " is not below max_map, " + std::to_string(width));
  VIVACE_TRY(make_output(call, 0, type, {1, width}));
  VIVACE_ASSIGN(const Tensor zero, Tensor::allocate(type, {}));
  copy_strided({width}, {call.output(), 0}, {1}, {zero, 0}, {0}, nullptr);
  std::vector<int64_t> order(static_cast<size_t>(keys.count()));
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](int64_t a, int64_t b) { return key(a) < key(b); });
  for (size_t i = 0; i < order.size(); ++i)
    VIVACE_TRY(cast_value(call, values, order[i], call.output(), sparse ? key(order[i]) : static_cast<int64_t>(i)));
  return {};
}

}  // namespace vivace::ops
