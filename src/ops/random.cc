// RandomNormal, RandomUniform and their forms with the shape of another tensor, Bernoulli, Multinomial, Dropout.
#include "ops/random.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <utility>

#include "ops/extension.h"
#include "ops/kernel.h"
#include "ops/small_types.h"

namespace vivace::ops {

namespace {

// Differs with every call, and between processes.
uint32_t fresh_seed() {
  static const uint64_t start = [] {
    try {
      std::random_device device;
      return uint64_t{device()} << 32 | device();
    } catch (...) {  // no source of entropy
      return static_cast<uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
    }
  }();
  static std::atomic<uint64_t> calls = 0;
  // SplitMix64 (Steele, Lea, Flood, 2014) spreads the count over all bits.
  uint64_t z = start + 0x9e3779b97f4a7c15 * (1 + calls++);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return static_cast<uint32_t>(z >> 32);
}

}  // namespace

std::optional<uint32_t> seed_of(const ir::Attributes& attributes) {
  if (const auto* integer = attributes.get<int64_t>("seed")) return static_cast<uint32_t>(*integer);
  const auto* real = attributes.get<float>("seed");
  if (!real || !(std::abs(*real) < 0x1p62f)) return std::nullopt;
  return static_cast<uint32_t>(static_cast<int64_t>(*real));
}

bool draws_numbers(const ir::Node& node) {
  if (node.op == "Dropout") return node.input(2) != nullptr;  // in training mode
  if (node.op.starts_with("Random") || node.op == "Bernoulli" || node.op == "Multinomial" ||
      !is_repeatable_extension(node))
    return true;
  return std::any_of(node.attributes.begin(), node.attributes.end(), [](const auto& entry) {
    const auto* body = std::get_if<std::shared_ptr<ir::Graph>>(&entry.second);
    return body && std::any_of((*body)->nodes().begin(), (*body)->nodes().end(),
                               [](const auto& inner) { return draws_numbers(*inner); });
  });
}

RandomNumbers::RandomNumbers(const ir::Attributes& attributes) {
  const std::optional<uint32_t> seed = seed_of(attributes);
  engine_.seed(seed ? *seed : fresh_seed());
}

double RandomNumbers::uniform() {
  const uint32_t high = engine_() >> 5, low = engine_() >> 6;
  return (high * 0x1p26 + low) * 0x1p-53;
}

double RandomNumbers::normal() {
  if (spare_) return *std::exchange(spare_, std::nullopt);
  double x, y, square;
  do {
    x = 2 * uniform() - 1;
    y = 2 * uniform() - 1;
    square = x * x + y * y;
  } while (square >= 1 || square == 0);
  const double factor = std::sqrt(-2 * std::log(square) / square);
  spare_ = factor * x;
  return factor * y;
}

namespace {

// The type that the attribute `dtype` names.
Result<DType> type_by_attribute(const Inference& in, DType otherwise) {
  const int64_t code = in.attributes.integer("dtype", static_cast<int64_t>(otherwise));
  if (code < 0 || code >= kDTypeCount) return in.error("dtype " + std::to_string(code) + " is no element type");
  return static_cast<DType>(code);
}

Status set_random(Inference& in, DType otherwise, ir::Type type) {
  VIVACE_ASSIGN(type.dtype, type_by_attribute(in, otherwise));
  if (type.dtype != DType::undefined && !is_float(type.dtype))
    return in.error(std::string("random numbers of type ") + to_string(type.dtype) + "; they are floats");
  in.set(0, std::move(type));
  return {};
}

}  // namespace

Status infer_random(Inference& in) {
  if (!in.attributes.has("shape")) return in.error("the attribute shape is required");
  const std::vector<int64_t> shape = in.attributes.integers("shape");
  if (shape.size() > kMaxRank || !checked_elements(shape)) return in.error("its shape makes no sense");
  return set_random(in, DType::f32, ir::Type::tensor(DType::f32, ir::to_dims(shape)));
}

Status infer_random_like(Inference& in) {
  ir::Type type = in.type(0);
  const bool copied = is_float(type.dtype);
  return set_random(in, copied ? type.dtype : DType::undefined, std::move(type));
}

Status reference_random(Call& call) {
  const bool normal = call.node.op.starts_with("RandomNormal");
  return for_floats(call, call.output().type, [&]<class T>() {
    using W = Wide<T>;
    const W low = call.attributes.real(normal ? "mean" : "low", 0),
            scale = call.attributes.real(normal ? "scale" : "high", 1) - (normal ? W(0) : low);
    RandomNumbers numbers(call.attributes);
    for (T& y : call.output().span<T>()) {
      const T drawn = static_cast<T>(static_cast<W>(normal ? numbers.normal() : numbers.uniform()));
      y = static_cast<T>(static_cast<W>(drawn) * scale + low);
    }
  });
}

Status infer_bernoulli(Inference& in) {
  ir::Type type = in.type(0);
  VIVACE_ASSIGN(type.dtype, type_by_attribute(in, in.dtype(0)));
  if (type.dtype != DType::undefined && type.dtype != DType::boolean && !is_float(type.dtype) &&
      !is_integer(type.dtype))
    return in.error(std::string("ones and zeros of type ") + to_string(type.dtype));
  in.set(0, std::move(type));
  return {};
}

// 1 with the probability given. One of more than a half is drawn by its complement, as NumPy does.
Status reference_bernoulli(Call& call) {
  const std::vector<double> probabilities = to_double(call.input(0));
  RandomNumbers numbers(call.attributes);
  std::vector<bool> drawn;
  drawn.reserve(probabilities.size());
  for (const double p : probabilities) {
    if (!(p >= 0 && p <= 1)) return call.error("probabilities must be 0 to 1");
    const bool rare = numbers.uniform() > (p > 0.5 ? p : 1 - p);
    drawn.push_back(rare == (p <= 0.5));
  }
  const TensorView& y = call.output();
  const auto store = [&]<class T>() {
    for (size_t i = 0; i < drawn.size(); ++i) y.as<T>()[i] = static_cast<T>(static_cast<Wide<T>>(drawn[i]));
  };
  if (y.type == DType::boolean) return store.template operator()<bool>(), Status();
  return for_numbers(call, y.type, store);
}

// Inputs: logarithms of unnormalized probabilities [batch, outcomes].
Status infer_multinomial(Inference& in) {
  VIVACE_TRY(require_rank(in, 0, 2, 2));
  VIVACE_ASSIGN(const DType type, type_by_attribute(in, DType::i32));
  if (type != DType::i32 && type != DType::i64) return in.error("dtype must be i32 or i64");
  const int64_t samples = in.attributes.integer("sample_size", 1);
  if (samples < 0) return in.error("sample_size is negative");
  if (in.dims(0) && (*in.dims(0))[1].is(0) && samples > 0) return in.error("there are no outcomes to draw");
  in.set(0, type, {in.dims(0) ? in.dims(0)->front() : ir::Dim(), samples});
  return {};
}

Status reference_multinomial(Call& call) {
  const TensorView& y = call.output();
  const std::vector<double> logarithms = to_double(call.input(0));
  const auto outcomes = static_cast<size_t>(call.input(0).shape[1]);
  RandomNumbers numbers(call.attributes);
  std::vector<double> sums(outcomes);
  for (int64_t row = 0; row < y.shape[0]; ++row) {
    const double* x = logarithms.data() + static_cast<size_t>(row) * outcomes;
    const double largest = *std::max_element(x, x + outcomes);
    double sum = 0;
    for (size_t k = 0; k < outcomes; ++k) sums[k] = sum += std::exp(x[k] - largest);
    if (!std::isfinite(sum)) return call.error("the probabilities of row " + std::to_string(row) + " are no numbers");
    for (int64_t i = 0; i < y.shape[1]; ++i) {
      const auto at = std::upper_bound(sums.begin(), sums.end(), numbers.uniform() * sum);
      const int64_t outcome = std::min<int64_t>(at - sums.begin(), static_cast<int64_t>(outcomes) - 1);
      if (y.type == DType::i64)
        y.as<int64_t>()[row * y.shape[1] + i] = outcome;
      else
        y.as<int32_t>()[row * y.shape[1] + i] = static_cast<int32_t>(outcome);
    }
  }
  return {};
}

// Inputs: data, ratio, whether training. Outputs: data, of which training drops a share and scales up the others; which
// were kept.
Status infer_dropout(Inference& in) {
  if (in.dtype(0) != DType::undefined && !is_float(in.dtype(0)) && !is_small_float(in.dtype(0)))
    return in.error(std::string("input 0 has type ") + to_string(in.dtype(0)) + ", which Dropout does not take");
  if (in.has(1) && in.dtype(1) != DType::undefined && !is_float(in.dtype(1)) && !is_small_float(in.dtype(1)))
    return in.error("the ratio must be a float");
  VIVACE_TRY(require_type(in, 2, {DType::boolean}));
  in.set(0, in.type(0));
  ir::Type mask = in.type(0);
  mask.dtype = DType::boolean;
  in.set(1, std::move(mask));
  return {};
}

namespace {

Result<double> ratio_of(const Call& call) {
  if (!call.has(1)) return 0.5;
  const std::vector<double> values =
      is_float(call.input(1).type) ? to_double(call.input(1)) : small_to_double(call.input(1));
  if (values.size() != 1 || !(values[0] >= 0 && values[0] < 1))
    return call.error("its ratio must be one number, of 0 to 1");
  return values[0];
}

// Keeps y[i] times scale where the mask says so, 0 elsewhere.
Status scale_kept(const Call& call, const std::vector<bool>& kept, double scale) {
  const TensorView &x = call.input(0), &y = call.output();
  if (is_small_float(x.type)) {
    for (size_t i = 0; i < kept.size(); ++i) {
      const auto at = static_cast<int64_t>(i);
      const float value = decode_small_float(x.type, get_bits(x, at)) * static_cast<float>(scale);
      put_bits(y, at, encode_small_float(x.type, kept[i] ? value : 0.0f, true));
    }
    return {};
  }
  return for_floats(call, x.type, [&]<class T>() {
    for (size_t i = 0; i < kept.size(); ++i)
      y.as<T>()[i] = kept[i] ? static_cast<T>(static_cast<Wide<T>>(x.as<T>()[i]) * static_cast<Wide<T>>(scale)) : T(0);
  });
}

}  // namespace

Status reference_dropout(Call& call) {
  const int64_t count = call.output().count();
  if (call.has(2) && call.input(2).count() != 1) return call.error("training_mode must be one bool");
  double ratio = 0;
  if (call.has(2) && call.input(2).as<bool>()[0]) {
    VIVACE_ASSIGN(ratio, ratio_of(call));
  }
  if (ratio == 0) {
    copy_elements({call.output(), 0}, {call.input(0), 0}, count);
    if (call.wants(1)) std::fill_n(call.output(1).as<bool>(), count, true);
    return {};
  }
  RandomNumbers numbers(call.attributes);
  std::vector<bool> kept(static_cast<size_t>(count));
  for (size_t i = 0; i < kept.size(); ++i) kept[i] = numbers.uniform() >= ratio;
  if (call.wants(1)) std::copy(kept.begin(), kept.end(), call.output(1).as<bool>());
  return scale_kept(call, kept, 1 / (1 - ratio));
}

}  // namespace vivace::ops
