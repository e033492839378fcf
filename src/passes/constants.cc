#include "passes/constants.h"

#include <algorithm>
#include <cmath>

namespace vivace::passes {

double rounding_of(DType type) {
  switch (type) {
    case DType::f16: return 0x1p-11;
    case DType::bf16: return 0x1p-8;
    case DType::f64: return 0x1p-53;
    default: return 0x1p-24;
  }
}

namespace {
template <class T>
T rounded(double value) {
  if constexpr (std::is_same_v<T, double>)
    return value;
  else
    return T(static_cast<float>(value));
}
}  // namespace

Tensor float_tensor(DType type, Shape shape, const std::vector<double>& values) {
  Result<Tensor> made = Tensor::allocate(type, std::move(shape));
  if (!made.ok()) return {};
  visit_dtype<float, double, Float16, BFloat16>(
      type, [&]<class T>() { std::transform(values.begin(), values.end(), made->as<T>(), rounded<T>); });
  return *std::move(made);
}

Tensor scaled_along(const Tensor& x, int axis, const std::vector<double>& factors) {
  Result<Tensor> made = Tensor::allocate(x.type(), x.shape());
  if (!made.ok()) return {};
  int64_t inner = 1;
  for (size_t i = static_cast<size_t>(axis) + 1; i < x.shape().size(); ++i) inner *= x.shape()[i];
  const auto channels = static_cast<int64_t>(factors.size());
  visit_dtype<float, double, Float16, BFloat16>(x.type(), [&]<class T>() {
    const T* from = x.as<T>();
    T* to = made->as<T>();
    const int64_t rows = inner == 0 ? 0 : x.count() / inner;
    for (int64_t row = 0; row < rows; ++row) {
      const double factor = factors[static_cast<size_t>(row % channels)];
      for (int64_t i = row * inner; i < (row + 1) * inner; ++i)
        to[i] = rounded<T>(static_cast<double>(static_cast<Wide<T>>(from[i])) * factor);
    }
  });
  return *std::move(made);
}

bool all_finite(const Tensor& x) {
  bool finite = true;
  visit_dtype<float, double, Float16, BFloat16>(x.type(), [&]<class T>() {
    for (const T& v : x.span<T>()) finite = finite && std::isfinite(static_cast<Wide<T>>(v));
  });
  return finite;
}

std::optional<double> splat_of(const ir::Value* value) {
  if (!value || !value->is_constant() || value->constant().count() == 0) return std::nullopt;
  const Tensor& t = value->constant();
  std::optional<double> found;
  visit_dtype<float, double, Float16, BFloat16, int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t,
              uint64_t>(t.type(), [&]<class T>() {
    const auto* first = t.as<T>();
    const bool same = std::all_of(first, first + t.count(),
                                  [&](const T& v) { return static_cast<Wide<T>>(v) == static_cast<Wide<T>>(*first); });
    if (same) found = static_cast<double>(static_cast<Wide<T>>(*first));
  });
  return found;
}

std::optional<float> f32_splat_of(const ir::Value* value) {
  const std::optional<double> exact = splat_of(value);
  if (!exact || (std::isfinite(*exact) && static_cast<double>(static_cast<float>(*exact)) != *exact))
    return std::nullopt;
  return static_cast<float>(*exact);
}

std::optional<double> filled_with(const ir::Value* value) {
  const auto keeps_values = [](const ir::Node& n) {
    return n.op == "Expand" || n.op == "Slice" || n.op == "Reshape" || n.op == "Unsqueeze" || n.op == "Squeeze";
  };
  while (value->producer() && keeps_values(*value->producer())) value = value->producer()->input(0);
  if (const auto splat = splat_of(value)) return splat;
  const ir::Node* node = value->producer();
  if (node && node->op == "ConstantOfShape") {
    const auto* tensor = node->attributes.get<Tensor>("value");
    if (!tensor) return 0.0;
    const std::vector<double> real = to_double(*tensor);
    const std::vector<int64_t> whole = to_int64(*tensor);
    if (real.size() == 1) return real[0];
    if (whole.size() == 1) return static_cast<double>(whole[0]);
  }
  return std::nullopt;
}

std::optional<std::vector<double>> per_channel(const ir::Value* value, int rank, int axis, int64_t channels) {
  if (!value || !value->is_constant() || !is_float(value->type.dtype) || channels <= 0) return std::nullopt;
  const Shape& shape = value->constant().shape();
  const int skip = rank - static_cast<int>(shape.size());
  if (skip < 0 || axis < 0 || axis >= rank) return std::nullopt;
  for (int i = 0; i < static_cast<int>(shape.size()); ++i) {
    const int64_t d = shape[static_cast<size_t>(i)];
    if (d != 1 && (i + skip != axis || d != channels)) return std::nullopt;
  }
  std::vector<double> values = to_double(value->constant());
  if (values.size() == 1) values.assign(static_cast<size_t>(channels), values[0]);
  return values;
}

std::optional<int64_t> dim_of(const ir::Value* value, int axis) {
  if (!value || axis < 0 || axis >= value->type.rank()) return std::nullopt;
  const ir::Dim& d = (*value->type.dims)[static_cast<size_t>(axis)];
  return d.known() ? std::optional(d.value()) : std::nullopt;
}

bool same_dims(const ir::Dims& a, const ir::Dims& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const ir::Dim& x, const ir::Dim& y) { return x.same(y); });
}

bool same_type(const ir::Value* a, const ir::Value* b) {
  const ir::Type &x = a->type, &y = b->type;
  return x.kind == y.kind && x.kind == ir::Kind::tensor && x.dtype == y.dtype && x.dims && y.dims &&
         same_dims(*x.dims, *y.dims);
}

Status keep_type(const ir::Value& old, ir::Value& with) {
  const ir::Type& was = old.type;
  ir::Type& is = with.type;
  const auto clash = [&] {
    return Status(Code::internal, "'" + old.name + "' of type " + was.to_string() + " would become " + is.to_string());
  };
  if (was.kind != is.kind) return clash();
  if (is.kind != ir::Kind::tensor || was.dtype == DType::undefined) return {};
  if (was.dtype != is.dtype) return clash();
  if (!was.dims) return {};
  if (!is.dims) {
    is.dims = was.dims;
  } else {
    if (is.dims->size() != was.dims->size()) return clash();
    for (size_t i = 0; i < is.dims->size(); ++i) {
      ir::Dim& d = (*is.dims)[i];
      const ir::Dim& declared = (*was.dims)[i];
      if (d.known() && declared.known() && !d.same(declared)) return clash();
      if (!d.known() && (declared.known() || d.symbol().empty())) d = declared;
    }
  }
  if (!with.known) with.known = old.known;
  return {};
}

std::optional<std::vector<int64_t>> constant_ints(const ir::Value* value) {
  if (!value || !value->is_constant() || !is_integer(value->type.dtype)) return std::nullopt;
  return to_int64(value->constant());
}

std::optional<std::vector<int64_t>> reshape_shape(const ir::Dims& in, const ir::Dims& out) {
  std::vector<int64_t> shape;
  bool inferred = false;
  for (size_t i = 0; i < out.size(); ++i) {
    if (out[i].is(0)) return std::nullopt;  // 0 says something else
    if (out[i].known()) {
      shape.push_back(out[i].value());
    } else if (i < in.size() && out[i].same(in[i])) {
      shape.push_back(0);
    } else {
      if (inferred) return std::nullopt;
      inferred = true;
      shape.push_back(-1);
    }
  }
  return shape;
}

std::vector<int64_t> permutation_of(const ir::Node& transpose) {
  const int rank = transpose.input(0)->type.rank();
  std::vector<int64_t> reversed;
  for (int i = rank; i-- > 0;) reversed.push_back(i);
  return rank < 0 ? reversed : transpose.attributes.integers("perm", reversed);
}

}  // namespace vivace::passes
