// Normalizations: over the batch, over trailing dimensions, over channels.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "ops/reference.h"

namespace vivace::ops {

namespace {

struct Moments {
  double mean, variance;
};
// Of count elements `step` apart; sums in double, the variance about the mean.
template <class W>
Moments moments(const W* x, int64_t count, int64_t step = 1) {
  double sum = 0, squares = 0;
  for (int64_t i = 0; i < count; ++i) sum += x[i * step];
  const double mean = sum / static_cast<double>(count);
  for (int64_t i = 0; i < count; ++i) squares += (x[i * step] - mean) * (x[i * step] - mean);
  return {mean, squares / static_cast<double>(count)};
}

// y = (x - mean) / sqrt(variance + epsilon) * scale + bias for `count` elements.
template <class W>
void normalize(const W* x, int64_t count, Moments m, double epsilon, double scale, double bias, W* y) {
  const double factor = scale / std::sqrt(m.variance + epsilon);
  for (int64_t i = 0; i < count; ++i) y[i] = static_cast<W>((x[i] - m.mean) * factor + bias);
}

Status at_least_two_dimensions(const Inference& in) {
  if (in.dims(0) && in.rank(0) < 2) return in.error("the input needs batch and channels, at least 2 dimensions");
  return {};
}

}  // namespace

// Inputs scale and B have one type, mean and variance another; the outputs have those of x and of the mean.
Status infer_batch_normalization(Inference& in) {
  VIVACE_TRY(same_types(in, {2}, 1));
  VIVACE_TRY(same_types(in, {4}, 3));
  for (size_t i = 1; i < 5; ++i) VIVACE_TRY(require_type(in, i, {DType::f32, DType::f16, DType::bf16, DType::f64}));
  VIVACE_TRY(at_least_two_dimensions(in));
  const ir::Dim channels = in.dims(0) ? (*in.dims(0))[1] : ir::Dim();
  for (size_t i = 1; i < 5; ++i) VIVACE_TRY(is_vector(in, i, channels));
  const bool training = in.attributes.integer("training_mode") != 0;
  if (!training && in.output_count() > 1)
    return in.error("it has " + std::to_string(in.output_count()) + " outputs, which only training_mode gives");
  in.set(0, in.type(0));
  for (size_t i = 1; i < 3; ++i) in.set(i, in.dtype(3), {channels});
  return {};
}

// Outputs 1 and 2 in training: running = input * momentum + current * (1 - momentum).
Status reference_batch_normalization(Call& call) {
  const Shape& shape = call.input(0).shape;
  const int64_t batch = shape[0], channels = shape[1], inner = elements(std::span(shape).subspan(2));
  const double epsilon = call.attributes.real("epsilon", 1e-5f), momentum = call.attributes.real("momentum", 0.9f);
  const bool training = call.attributes.integer("training_mode") != 0;
  return compute_in(call, call.input(0).type, [&]<class W>() -> Status {
    VIVACE_ASSIGN(const auto x, Reader<W>::of(call.input(0)));
    VIVACE_ASSIGN(const auto y, Writer<W>::of(call.output()));
    std::vector<double> given[5];
    for (size_t i = 1; i < 5; ++i) given[i] = to_double(call.input(i));
    VIVACE_ASSIGN(const auto running_mean, Writer<double>::of(call.wants(1) ? call.output(1) : TensorView{}));
    VIVACE_ASSIGN(const auto running_var, Writer<double>::of(call.wants(2) ? call.output(2) : TensorView{}));
    in_parallel(call.pool, channels, [&](int64_t c) {
      const auto at = static_cast<size_t>(c);
      Moments m{given[3][at], given[4][at]};
      if (training) {
        double sum = 0, squares = 0;
        const double count = static_cast<double>(batch * inner);
        for (int64_t n = 0; n < batch; ++n)
          for (int64_t i = 0; i < inner; ++i) sum += x[(n * channels + c) * inner + i];
        for (int64_t n = 0; n < batch; ++n)
          for (int64_t i = 0; i < inner; ++i) {
            const double d = x[(n * channels + c) * inner + i] - sum / count;
            squares += d * d;
          }
        m = {sum / count, squares / count};
        if (running_mean.data()) running_mean.data()[c] = given[3][at] * momentum + m.mean * (1 - momentum);
        if (running_var.data()) running_var.data()[c] = given[4][at] * momentum + m.variance * (1 - momentum);
      }
      for (int64_t n = 0; n < batch; ++n) {
        const int64_t from = (n * channels + c) * inner;
        normalize(x.data() + from, inner, m, epsilon, given[1][at], given[2][at], y.data() + from);
      }
    });
    if (call.wants(1)) VIVACE_TRY(running_mean.store());
    if (call.wants(2)) VIVACE_TRY(running_var.store());
    return y.store();
  });
}

Status infer_channel_normalization(Inference& in) {
  VIVACE_TRY(same_types(in, {1, 2}));
  VIVACE_TRY(at_least_two_dimensions(in));
  const ir::Dim channels = in.dims(0) ? (*in.dims(0))[1] : ir::Dim();
  VIVACE_TRY(is_vector(in, 1, channels));
  VIVACE_TRY(is_vector(in, 2, channels));
  in.set(0, in.type(0));
  return {};
}

Status infer_group_normalization(Inference& in) {
  const int64_t groups = in.attributes.integer("num_groups");
  if (groups < 1) return in.error("num_groups must be positive");
  VIVACE_TRY(infer_channel_normalization(in));
  if (in.dims(0) && (*in.dims(0))[1].known() && (*in.dims(0))[1].value() % groups != 0)
    return in.error("num_groups " + std::to_string(groups) + " does not divide the " + (*in.dims(0))[1].to_string() +
                    " channels");
  return {};
}

// InstanceNormalization is GroupNormalization with as many groups as channels.
Status reference_group_normalization(Call& call) {
  const Shape& shape = call.input(0).shape;
  const int64_t channels = shape[1], inner = elements(std::span(shape).subspan(2));
  const int64_t groups = call.attributes.integer("num_groups", std::max<int64_t>(1, channels));
  const int64_t size = channels / groups;
  const double epsilon = call.attributes.real("epsilon", 1e-5f);
  return compute_in(call, call.input(0).type, [&]<class W>() -> Status {
    VIVACE_ASSIGN(const auto x, Reader<W>::of(call.input(0)));
    VIVACE_ASSIGN(const auto y, Writer<W>::of(call.output()));
    const std::vector<double> scale = to_double(call.input(1)), bias = to_double(call.input(2));
    if (x.count() > 0)
      in_parallel(call.pool, shape[0] * groups, [&](int64_t group) {
        const int64_t from = group * size * inner;
        const Moments m = moments(x.data() + from, size * inner);
        for (int64_t i = 0; i < size; ++i) {
          const auto c = static_cast<size_t>((group * size + i) % channels);
          normalize(x.data() + from + i * inner, inner, m, epsilon, scale[c], bias[c], y.data() + from + i * inner);
        }
      });
    return y.store();
  });
}

namespace {

// A tensor that broadcasts to x, as a row that repeats every `period` elements of x.
template <class W>
struct Repeated {
  Reader<W> given;
  std::vector<W> spread;
  const W* data = nullptr;
  int64_t period = 1;

  // Element 0 for row `row` of `inner` elements.
  const W* row(int64_t row, int64_t inner) const { return data + (period == inner ? 0 : row * inner); }
};

template <class W>
Result<Repeated<W>> repeated(const TensorView& tensor, const Shape& x, int64_t inner) {
  Repeated<W> r;
  VIVACE_ASSIGN(r.given, Reader<W>::of(tensor));
  // Trailing dimensions of x exactly: one row for all. Anything else is spread over the whole of x.
  const size_t rank = tensor.shape.size();
  size_t leading = 0;
  while (leading < rank && tensor.shape[leading] == 1) ++leading;
  const bool tail =
      rank - leading <= x.size() && std::equal(tensor.shape.begin() + static_cast<int64_t>(leading), tensor.shape.end(),
                                               x.end() - static_cast<int64_t>(rank - leading));
  if (tail && r.given.count() == inner) {
    r.data = r.given.data();
    r.period = inner;
    return r;
  }
  r.period = elements(x);
  r.spread.reserve(static_cast<size_t>(r.period));
  for (BroadcastWalk walk(x, {tensor.shape}); static_cast<int64_t>(r.spread.size()) < r.period; walk.advance())
    r.spread.push_back(r.given[walk.offsets()[0]]);
  r.data = r.spread.data();
  return r;
}

// Input i must broadcast to input 0 without changing its shape.
Status broadcasts_to_first(const Inference& in, size_t i) {
  if (!in.has(i) || !in.dims(i) || !in.dims(0)) return {};
  const ir::Dims &x = *in.dims(0), &s = *in.dims(i);
  bool fits = s.size() <= x.size();
  for (size_t d = 0; fits && d < s.size(); ++d) {
    const ir::Dim& target = x[x.size() - s.size() + d];
    fits = s[d].is(1) || !clash(s[d], target);
  }
  if (fits) return {};
  return in.error("input " + std::to_string(i) + " of shape [" + ir::to_string(s) + "] does not broadcast to [" +
                  ir::to_string(x) + "]");
}

// Axis from which the dimensions of x are normalized together.
Result<int> first_axis(const Inference& in) {
  const int axis = normalized_axis(in.attributes.integer("axis", -1), in.rank(0));
  if (axis < 0)
    return in.error("axis " + std::to_string(in.attributes.integer("axis", -1)) + " is out of range for " +
                    std::to_string(in.rank(0)) + " dimensions");
  return axis;
}

// The type that stash_type names; statistics are never computed in less than f32.
Result<DType> stash_type(const Inference& in) {
  const int64_t type = in.attributes.integer("stash_type", 1);
  if (type < 0 || type >= kDTypeCount || !is_float(static_cast<DType>(type)))
    return in.error("stash_type " + std::to_string(type) + " is not a floating-point type");
  return static_cast<DType>(type);
}

}  // namespace

Status infer_layer_normalization(Inference& in) {
  VIVACE_TRY(same_types(in, {1, 2}));
  VIVACE_ASSIGN(const DType stash, stash_type(in));
  in.set(0, in.type(0));
  if (!in.dims(0)) {
    for (size_t i = 1; i < 3; ++i) in.set_unknown_rank(i, stash);
    return {};
  }
  VIVACE_ASSIGN(const int axis, first_axis(in));
  for (size_t i = 1; i < 3; ++i) VIVACE_TRY(broadcasts_to_first(in, i));
  ir::Dims statistics = *in.dims(0);
  std::fill(statistics.begin() + axis, statistics.end(), ir::Dim(1));
  for (size_t i = 1; i < 3; ++i) in.set(i, stash, statistics);
  return {};
}

namespace {
// The first input as rows of all dimensions from `axis` on.
struct Rows {
  int64_t count, size;
};
Rows rows_of(const Call& call) {
  const Shape& shape = call.input(0).shape;
  const int axis = normalized_axis(call.attributes.integer("axis", -1), static_cast<int>(shape.size()));
  return {elements(std::span(shape).first(static_cast<size_t>(axis))),
          elements(std::span(shape).subspan(static_cast<size_t>(axis)))};
}
}  // namespace

Status reference_layer_normalization(Call& call) {
  const Shape& shape = call.input(0).shape;
  const Rows rows = rows_of(call);
  const int64_t outer = rows.count, inner = rows.size;
  const double epsilon = call.attributes.real("epsilon", 1e-5f);
  return compute_in(call, call.input(0).type, [&]<class W>() -> Status {
    VIVACE_ASSIGN(const auto x, Reader<W>::of(call.input(0)));
    VIVACE_ASSIGN(const auto y, Writer<W>::of(call.output()));
    VIVACE_ASSIGN(const auto means, Writer<double>::of(call.wants(1) ? call.output(1) : TensorView{}));
    VIVACE_ASSIGN(const auto inverses, Writer<double>::of(call.wants(2) ? call.output(2) : TensorView{}));
    Repeated<W> scale, bias;
    VIVACE_ASSIGN(scale, repeated<W>(call.input(1), shape, inner));
    if (call.has(2)) {
      VIVACE_ASSIGN(bias, repeated<W>(call.input(2), shape, inner));
    }
    in_parallel(call.pool, outer, [&](int64_t row) {
      const Moments m = moments(x.data() + row * inner, inner);
      const double inverse = 1 / std::sqrt(m.variance + epsilon);
      if (means.data()) means.data()[row] = m.mean;
      if (inverses.data()) inverses.data()[row] = inverse;
      const W *s = scale.row(row, inner), *b = bias.data ? bias.row(row, inner) : nullptr;
      for (int64_t i = 0; i < inner; ++i)
        y.data()[row * inner + i] = static_cast<W>((x[row * inner + i] - m.mean) * inverse * s[i] + (b ? b[i] : W(0)));
    });
    if (call.wants(1)) VIVACE_TRY(means.store());
    if (call.wants(2)) VIVACE_TRY(inverses.store());
    return y.store();
  });
}

Status infer_rms_normalization(Inference& in) {
  VIVACE_TRY(require_type(in, 1, {DType::f32, DType::f16, DType::bf16, DType::f64}));
  VIVACE_TRY(stash_type(in).status());
  if (in.dims(0)) {
    VIVACE_TRY(first_axis(in).status());
    VIVACE_TRY(broadcasts_to_first(in, 1));
  }
  in.set(0, ir::Type{ir::Kind::tensor, in.dtype(1), in.dims(0), 0, nullptr});
  return {};
}

Status reference_rms_normalization(Call& call) {
  const Shape& shape = call.input(0).shape;
  const Rows rows = rows_of(call);
  const int64_t outer = rows.count, inner = rows.size;
  const double epsilon = call.attributes.real("epsilon", 1e-5f);
  return compute_in(call, call.input(0).type, [&]<class W>() -> Status {
    VIVACE_ASSIGN(const auto x, Reader<W>::of(call.input(0)));
    VIVACE_ASSIGN(const auto y, Writer<W>::of(call.output()));
    VIVACE_ASSIGN(const auto scale, repeated<W>(call.input(1), shape, inner));
    in_parallel(call.pool, outer, [&](int64_t row) {
      const W *from = x.data() + row * inner, *s = scale.row(row, inner);
      double squares = 0;
      for (int64_t i = 0; i < inner; ++i) squares += static_cast<double>(from[i]) * from[i];
      const double inverse = 1 / std::sqrt(squares / static_cast<double>(inner) + epsilon);
      for (int64_t i = 0; i < inner; ++i) y.data()[row * inner + i] = static_cast<W>(from[i] * inverse * s[i]);
    });
    return y.store();
  });
}

Status infer_lp_normalization(Inference& in) {
  const int64_t p = in.attributes.integer("p", 2);
  if (p != 1 && p != 2) return in.error("p must be 1 or 2");
  if (in.dims(0)) VIVACE_TRY(first_axis(in).status());
  in.set(0, in.type(0));
  return {};
}

// x / (sum |x|^p)^(1/p) along the axis; a line of zeros stays zero.
Status reference_lp_normalization(Call& call) {
  const Shape& shape = call.input(0).shape;
  const AxisSplit split =
      split_at(shape, normalized_axis(call.attributes.integer("axis", -1), static_cast<int>(shape.size())));
  const bool absolute = call.attributes.integer("p", 2) == 1;
  return compute_in(call, call.input(0).type, [&]<class W>() -> Status {
    VIVACE_ASSIGN(const auto x, Reader<W>::of(call.input(0)));
    VIVACE_ASSIGN(const auto y, Writer<W>::of(call.output()));
    in_parallel(call.pool, split.outer, [&](int64_t outer) {
      for (int64_t inner = 0; inner < split.inner; ++inner) {
        const int64_t from = outer * split.size * split.inner + inner;
        double sum = 0;
        for (int64_t i = 0; i < split.size; ++i) {
          const double v = x[from + i * split.inner];
          sum += absolute ? std::abs(v) : v * v;
        }
        const double norm = absolute ? sum : std::sqrt(sum);
        for (int64_t i = 0; i < split.size; ++i)
          y.data()[from + i * split.inner] = norm == 0 ? W(0) : static_cast<W>(x[from + i * split.inner] / norm);
      }
    });
    return y.store();
  });
}

Status infer_mean_variance_normalization(Inference& in) {
  if (in.dims(0))
    for (const int64_t axis : in.attributes.integers("axes", {0, 2, 3}))
      if (normalized_axis(axis, in.rank(0)) < 0)
        return in.error("axis " + std::to_string(axis) + " is out of range for " + std::to_string(in.rank(0)) +
                        " dimensions");
  in.set(0, in.type(0));
  return {};
}

// (x - mean) / (deviation + 1e-9) over the axes, as the standard's function body has it.
Status reference_mean_variance_normalization(Call& call) {
  const Shape& shape = call.input(0).shape;
  Shape kept = shape;  // shape of the statistics
  for (const int64_t axis : call.attributes.integers("axes", {0, 2, 3}))
    kept[static_cast<size_t>(normalized_axis(axis, static_cast<int>(shape.size())))] = 1;
  return compute_in(call, call.input(0).type, [&]<class W>() -> Status {
    VIVACE_ASSIGN(const auto x, Reader<W>::of(call.input(0)));
    VIVACE_ASSIGN(const auto y, Writer<W>::of(call.output()));
    if (x.count() == 0) return y.store();
    const auto groups = static_cast<size_t>(elements(kept));
    const double size = static_cast<double>(x.count()) / static_cast<double>(groups);
    std::vector<double> mean(groups), variance(groups);
    const auto each = [&](auto&& visit) {
      BroadcastWalk walk(shape, {kept});
      for (int64_t i = 0; i < x.count(); ++i, walk.advance()) visit(i, static_cast<size_t>(walk.offsets()[0]));
    };
    each([&](int64_t i, size_t group) { mean[group] += x[i] / size; });
    each([&](int64_t i, size_t group) { variance[group] += (x[i] - mean[group]) * (x[i] - mean[group]) / size; });
    each([&](int64_t i, size_t group) {
      y.data()[i] = static_cast<W>((x[i] - mean[group]) / (std::sqrt(variance[group]) + 1e-9));
    });
    return y.store();
  });
}

Status infer_lrn(Inference& in) {
  if (in.attributes.integer("size") < 1) return in.error("size must be positive");
  VIVACE_TRY(at_least_two_dimensions(in));
  in.set(0, in.type(0));
  return {};
}

// x / (bias + alpha / size * sum of squares over `size` channels around) ^ beta.
Status reference_lrn(Call& call) {
  const Shape& shape = call.input(0).shape;
  const int64_t channels = shape[1], inner = elements(std::span(shape).subspan(2));
  const int64_t size = call.attributes.integer("size");
  const double alpha = call.attributes.real("alpha", 1e-4f) / static_cast<double>(size);
  const double beta = call.attributes.real("beta", 0.75f), bias = call.attributes.real("bias", 1);
  return compute_in(call, call.input(0).type, [&]<class W>() -> Status {
    VIVACE_ASSIGN(const auto x, Reader<W>::of(call.input(0)));
    VIVACE_ASSIGN(const auto y, Writer<W>::of(call.output()));
    in_parallel(call.pool, shape[0] * channels, [&](int64_t task) {
      const int64_t c = task % channels, n = task / channels;
      const int64_t from = c - std::min(c, (size - 1) / 2),
                    to = c + std::min(channels - 1 - c, size - 1 - (size - 1) / 2);
      std::vector<double> squares(static_cast<size_t>(inner), 0);
      for (int64_t near = from; near <= to; ++near)
        for (int64_t i = 0; i < inner; ++i) {
          const double v = x[(n * channels + near) * inner + i];
          squares[static_cast<size_t>(i)] += v * v;
        }
      for (int64_t i = 0; i < inner; ++i)
        y.data()[task * inner + i] =
            static_cast<W>(x[task * inner + i] / std::pow(bias + alpha * squares[static_cast<size_t>(i)], beta));
    });
    return y.store();
  });
}

}  // namespace vivace::ops
