// LabelEncoder of ai.onnx.ml: a lookup of each element. Older forms, and CategoryMapper, are converted to it.
#include <bit>
#include <cmath>
#include <unordered_map>

#include "ops/kernel.h"
#include "ops/prepared.h"

namespace vivace::ops {

namespace {

Status bad(const std::string& what) { return {Code::invalid_model, what}; }

Tensor of_texts(const std::vector<std::string>& texts, Shape shape) {
  Result<Tensor> made = Tensor::allocate(DType::string, std::move(shape));
  if (!made.ok()) return {};
  std::copy(texts.begin(), texts.end(), made->as<std::string>());
  return std::move(made).value();
}

// The list that one of keys_*, values_* gives, as a tensor.
Result<Tensor> list_of(const ir::Attributes& attributes, const std::string& kind) {
  std::vector<Tensor> found;
  if (const auto* tensor = attributes.get<Tensor>(kind + "_tensor")) found.push_back(*tensor);
  if (const std::vector<std::string> texts = attributes.texts(kind + "_strings"); !texts.empty())
    found.push_back(of_texts(texts, {static_cast<int64_t>(texts.size())}));
  if (attributes.has(kind + "_int64s")) found.push_back(Tensor::of(attributes.integers(kind + "_int64s")));
  if (attributes.has(kind + "_floats")) found.push_back(Tensor::of(attributes.reals(kind + "_floats")));
  std::erase_if(found, [](const Tensor& t) { return t.count() == 0; });
  if (found.size() != 1) return bad("exactly one of the " + kind + "_* attributes must list elements");
  return found[0];
}

Result<Tensor> default_of(const ir::Attributes& attributes, DType type) {
  if (const auto* given = attributes.get<Tensor>("default_tensor")) {
    if (given->type() != type || given->count() != 1)
      return bad(std::string("default_tensor must be one element of type ") + to_string(type) + ", as the values");
    return *given;
  }
  if (type == DType::string) return of_texts({attributes.text("default_string", "_Unused")}, {});
  if (type == DType::f32) return Tensor::scalar(attributes.real("default_float", -0.0f));
  if (type == DType::f64) return Tensor::scalar(-0.0);
  if (type == DType::i64) return Tensor::scalar(attributes.integer("default_int64", -1));
  if (type == DType::i32) return Tensor::scalar(int32_t{-1});
  return Tensor::scalar(int16_t{-1});
}

// Numbers as what they are compared by: every NaN is one key, as 0 and -0 are.
template <class T>
uint64_t key_of(T v) {
  if constexpr (std::is_floating_point_v<T>) {
    if (std::isnan(v)) return ~uint64_t{0};
    return std::bit_cast<uint64_t>(static_cast<double>(v == 0 ? T(0) : v));
  } else {
    return static_cast<uint64_t>(static_cast<int64_t>(v));
  }
}

template <class F>
bool visit_labels(DType type, F f) {
  return visit_dtype<float, double, int64_t, int32_t, int16_t>(type, f);
}

struct Encoder {
  DType from = DType::undefined;
  std::unordered_map<std::string, int64_t> texts;  // one of the two maps an element to a place in `values`
  std::unordered_map<uint64_t, int64_t> numbers;
  Tensor values, fallback;
};

Result<Encoder> make_encoder(const ir::Node& node) {
  Encoder made;
  VIVACE_ASSIGN(const Tensor keys, list_of(node.attributes, "keys"));
  VIVACE_ASSIGN(made.values, list_of(node.attributes, "values"));
  made.from = keys.type();
  for (const DType type : {made.from, made.values.type()})
    if (type != DType::string && !visit_labels(type, []<class T>() {}))
      return bad(std::string("there are no labels of type ") + to_string(type));
  if (keys.count() != made.values.count())
    return bad("it has " + std::to_string(keys.count()) + " keys and " + std::to_string(made.values.count()) +
               " values");
  VIVACE_ASSIGN(made.fallback, default_of(node.attributes, made.values.type()));
  for (int64_t i = 0; i < keys.count(); ++i) {  // the last of equal keys counts
    if (made.from == DType::string) made.texts[keys.as<std::string>()[i]] = i;
    visit_labels(made.from, [&]<class T>() { made.numbers[key_of(keys.as<T>()[i])] = i; });
  }
  return made;
}

}  // namespace

Status infer_label_encoder(Inference& in) {
  VIVACE_ASSIGN(const std::shared_ptr<const Encoder> encoder, prepared<Encoder>(in.node, make_encoder));
  if (in.dtype(0) != DType::undefined && in.dtype(0) != encoder->from)
    return in.error(std::string("its keys have type ") + to_string(encoder->from) + ", the input " +
                    to_string(in.dtype(0)));
  VIVACE_TRY(infer_same_as_first(in));
  in.outputs[0].dtype = encoder->values.type();
  return {};
}

Status reference_label_encoder(Call& call) {
  VIVACE_ASSIGN(const std::shared_ptr<const Encoder> encoder, prepared<Encoder>(call.node, make_encoder));
  const TensorView &x = call.input(0), &y = call.output();
  const auto encode = [&](const auto& map, auto key) {
    for (int64_t i = 0; i < x.count(); ++i) {
      const auto at = map.find(key(i));
      const bool found = at != map.end();
      copy_elements({y, i}, {found ? encoder->values : encoder->fallback, found ? at->second : 0}, 1);
    }
  };
  if (x.type == DType::string)
    encode(encoder->texts, [&](int64_t i) -> const std::string& { return x.as<std::string>()[i]; });
  visit_labels(x.type, [&]<class T>() { encode(encoder->numbers, [&](int64_t i) { return key_of(x.as<T>()[i]); }); });
  return {};
}

}  // namespace vivace::ops
