// Fourier transforms, as products with a matrix of waves, and filters of mel frequencies.
#include <cmath>
#include <numbers>
#include <optional>

#include "frontends/onnx/converters.h"

namespace vivace::onnx {

namespace {

// A transform of this length or less is done as fast by a product with a matrix of waves, which any device has; the
// shortest cost nothing either way and are more exact as what they are.
constexpr int64_t kShortestProduct = 16, kLongestProduct = 1024;

// The number that the model gives as a constant; empty where it does not, `otherwise` where the input is omitted.
std::optional<int64_t> known_integer(const Step& s, size_t i, std::optional<int64_t> otherwise) {
  if (!s.input(i)) return otherwise;
  if (!s.input(i)->is_constant() || !is_integer(s.dtype(i))) return std::nullopt;
  const std::vector<int64_t> values = to_int64(s.input(i)->constant());
  return values.size() == 1 ? std::optional(values[0]) : std::nullopt;
}
std::optional<int64_t> number_of(const ir::Dim& dim) { return dim.known() ? std::optional(dim.value()) : std::nullopt; }
bool is_product(const std::optional<int64_t>& length, const ir::Dim& parts) {
  return length && *length >= kShortestProduct && *length <= kLongestProduct && (parts.is(1) || parts.is(2));
}

bool lacks(Step& s, std::initializer_list<size_t> inputs) {
  for (const size_t i : inputs)
    if (!s.input(i)) return s.fail(s.error("input " + std::to_string(i) + " is required")), true;
  return false;
}

ir::Value* cast(Step& s, ir::Value* x, DType type) { return s.add("Cast", {x}, {{"to", static_cast<int64_t>(type)}}); }
ir::Value* f64(Step& s, double value) { return s.scalar(DType::f64, value); }
// 0, 1, ... below `end`, in f64.
ir::Value* count_to(Step& s, ir::Value* end) {
  const DType type = end->type.dtype;
  return cast(s, s.add("Range", {s.scalar(type, 0), end, s.scalar(type, 1)}), DType::f64);
}

// Rows: the parts (real, imaginary) of each of `n` elements; columns: those of each of `bins` frequencies of `length`.
// Elements from `length` on have no part in it.
struct Waves {
  int64_t n, parts, length, bins;
  bool inverse = false;

  double at(int64_t i, int64_t part, int64_t bin, int64_t made) const {
    if (i >= length) return 0;
    const double angle =
        (inverse ? 2 : -2) * std::numbers::pi * static_cast<double>(i * bin % length) / static_cast<double>(length);
    const double value = part == made ? std::cos(angle) : part == 0 ? std::sin(angle) : -std::sin(angle);
    return inverse ? value / static_cast<double>(length) : value;
  }
};

// A constant of so many elements, each a function of its index; nullptr where it can not be made.
template <class F>
ir::Value* table(Step& s, DType type, const Shape& shape, F value) {
  Result<Tensor> made = Tensor::allocate(type, shape);
  const bool known = made.ok() && visit_dtype<float, double, Float16, BFloat16>(type, [&]<class T>() {
                       for (int64_t i = 0; i < made->count(); ++i)
                         made->template as<T>()[i] = static_cast<T>(static_cast<Wide<T>>(value(i)));
                     });
  return known ? s.graph.add_constant(*std::move(made)) : nullptr;
}

// Puts dimension `axis` in the place of `other` and the other way round.
ir::Value* swapped(Step& s, ir::Value* x, size_t rank, size_t axis, size_t other) {
  if (axis == other) return x;
  std::vector<int64_t> order(rank);
  for (size_t d = 0; d < rank; ++d) order[d] = static_cast<int64_t>(d);
  std::swap(order[axis], order[other]);
  return s.add("Transpose", {x}, {{"perm", order}});
}

}  // namespace

// Inputs: number of filters, transform's length, sample rate, lowest and highest frequency. Filters are triangles
// between bins that lie evenly on the mel scale.
void mel_weight_matrix(Step& s) {
  if (lacks(s, {0, 1, 2, 3, 4})) return;
  const auto as_f64 = [&](size_t i) { return cast(s, s.input(i), DType::f64); };
  const auto both = [&](const char* op, ir::Value* a, ir::Value* b) { return s.add(op, {a, b}); };
  const auto mel = [&](ir::Value* hertz) {
    ir::Value* log = s.add("Log", {both("Add", both("Div", hertz, f64(s, 700)), f64(s, 1))});
    return both("Mul", log, f64(s, 2595 / std::numbers::ln10));
  };
  ir::Value *low = mel(as_f64(3)), *high = mel(as_f64(4));
  ir::Value* points = both("Add", s.input(0), s.scalar(s.dtype(0), 2));
  ir::Value* step = both("Div", both("Sub", high, low), cast(s, points, DType::f64));
  ir::Value* mels = both("Add", both("Mul", count_to(s, points), step), low);
  ir::Value* power = both("Pow", f64(s, 10), both("Div", mels, f64(s, 2595)));
  ir::Value* hertz = both("Mul", both("Sub", power, f64(s, 1)), f64(s, 700));
  ir::Value* bins = s.add("Floor", {both("Div", both("Mul", both("Add", as_f64(1), f64(s, 1)), hertz), as_f64(2))});
  const auto part = [&](int64_t from, int64_t to) {
    return s.add("Slice", {bins, s.constant({from}), s.constant({to})});
  };
  ir::Value *lower = part(0, -2), *center = part(1, -1), *upper = part(2, INT64_MAX);
  ir::Value* rows = both("Add", both("Div", s.input(1), s.scalar(s.dtype(1), 2)), s.scalar(s.dtype(1), 1));
  ir::Value* bin = s.add("Unsqueeze", {count_to(s, rows), s.constant({1})});
  const auto side = [&](ir::Value* height, ir::Value* width) {
    return both("Max", both("Div", height, both("Max", width, f64(s, 1))), f64(s, 0));
  };
  ir::Value* rise = side(both("Sub", bin, lower), both("Sub", center, lower));
  ir::Value* fall = side(both("Sub", upper, bin), both("Sub", upper, center));
  ir::Value* slopes = s.add("Where", {both("Less", bin, center), rise, fall});
  s.results = {cast(s, s.add("Where", {both("Equal", bin, center), f64(s, 1), slopes}),
                    static_cast<DType>(s.attributes.integer("output_datatype", 1)))};
}

// Inputs: signals [..., n, ..., 1 or 2], length, axis. A product where length and axis are known, and not too long.
void dft(Step& s) {
  const int rank = s.rank(0);
  const std::optional<int64_t> given = known_integer(s, 2, -2);
  if (rank < 2 || !given) return;
  const int64_t axis = *given < 0 ? *given + rank : *given;
  if (axis < 0 || axis >= rank - 1) return;
  const ir::Dims& dims = *s.input(0)->type.dims;
  const ir::Dim &n = dims[static_cast<size_t>(axis)], &parts = dims.back();
  const bool inverse = s.attributes.integer("inverse") != 0, onesided = s.attributes.integer("onesided") != 0;
  const std::optional<int64_t> known = known_integer(s, 1, number_of(n));
  if (!is_product(known, parts) || !n.known() || n.value() > kLongestProduct || (onesided && (inverse || !parts.is(1))))
    return;
  const int64_t length = *known, bins = onesided ? length / 2 + 1 : length;
  const Waves waves{n.value(), parts.value(), length, bins, inverse};
  const int64_t columns = 2 * bins;
  ir::Value* matrix = table(s, s.dtype(0), {waves.n * waves.parts, columns}, [&](int64_t i) {
    return waves.at(i / columns / waves.parts, i / columns % waves.parts, i % columns / 2, i % 2);
  });
  if (!matrix) return;
  const auto last = static_cast<size_t>(rank - 2);
  std::vector<int64_t> rows(last, 0), made(last, 0);  // 0: as it is
  rows.push_back(waves.n * waves.parts);
  made.insert(made.end(), {bins, 2});
  ir::Value* x =
      s.add("Reshape", {swapped(s, s.input(0), last + 2, static_cast<size_t>(axis), last), s.constant(rows)});
  ir::Value* y = s.add("Reshape", {s.add("MatMul", {x, matrix}), s.constant(made)});
  s.results = {swapped(s, y, last + 2, static_cast<size_t>(axis), last)};
}

// Inputs: signals [batch, n, 1 or 2], step of frames, window, length of frames. A convolution with windowed waves where
// frames are known, and not too long.
void stft(Step& s) {
  if (s.rank(0) != 2 && s.rank(0) != 3) return;
  const ir::Dims& dims = *s.input(0)->type.dims;
  const ir::Dim parts = s.rank(0) == 2 ? ir::Dim(1) : dims.back();
  const std::optional<int64_t> step = known_integer(s, 1, std::nullopt);
  const ir::Dim window = !s.input(2) ? dims[1] : s.rank(2) == 1 ? (*s.input(2)->type.dims)[0] : ir::Dim();
  const std::optional<int64_t> known = known_integer(s, 3, number_of(window));
  if (!step || *step < 1 || !is_product(known, parts) || (s.input(2) && !window.is(*known))) return;
  const int64_t length = *known, bins = s.attributes.integer("onesided", 1) != 0 ? length / 2 + 1 : length;
  const Waves waves{length, parts.value(), length, bins};
  ir::Value* filters = table(s, s.dtype(0), {2 * bins, waves.parts, length}, [&](int64_t i) {
    const int64_t made = i / length / waves.parts;
    return waves.at(i % length, i / length % waves.parts, made / 2, made % 2);
  });
  if (!filters) return;
  if (s.input(2)) filters = s.add("Mul", {filters, s.input(2)});
  ir::Value* x = s.rank(0) == 2 ? s.add("Unsqueeze", {s.input(0), s.constant({1})}) : swapped(s, s.input(0), 3, 1, 2);
  ir::Value* y = s.add("Conv", {x, filters}, {{"strides", std::vector<int64_t>{*step}}});
  s.results = {s.add("Reshape", {swapped(s, y, 3, 1, 2), s.constant({0, 0, bins, 2})})};
}

}  // namespace vivace::onnx
