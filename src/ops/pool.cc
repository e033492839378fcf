// MaxPool, AveragePool, LpPool and their global forms.
#include <algorithm>
#include <cmath>
#include <limits>

#include "ops/patches.h"
#include "ops/reference.h"

namespace vivace::ops {

namespace {

Shape spatial(const Shape& shape) { return {shape.begin() + 2, shape.end()}; }

Result<Patches> pool_patches(const Call& call) {
  const Shape image = spatial(call.input(0).shape);
  VIVACE_ASSIGN(const Window w, window_of(call.node, ir::to_dims(image), call.attributes.integers("kernel_shape")));
  return Patches(image, spatial(call.output().shape), w);
}

// Calls body(image, result) for each channel of the batch, with pointers' offsets in x and y.
void for_each_channel(const Call& call, FunctionRef<void(int64_t x, int64_t y, int64_t channel)> body) {
  const Shape &x = call.input(0).shape, &y = call.output().shape;
  const int64_t image = elements(spatial(x)), result = elements(spatial(y));
  in_parallel(call.pool, x[0] * x[1], [&](int64_t i) { body(i * image, i * result, i); });
}

}  // namespace

Status infer_pool(Inference& in) {
  const size_t outputs = in.output_count();
  const auto finish = [&](const ir::Type& y) {
    in.set(0, y);
    if (outputs > 1) in.set(1, ir::Type{ir::Kind::tensor, DType::i64, y.dims, 0, nullptr});  // MaxPool's Indices
    return Status();
  };
  if (!in.dims(0)) return finish(ir::Type::tensor_of_any_rank(in.dtype(0)));
  if (in.rank(0) < 3) return in.error("pooling needs an input of at least 3 dimensions, batch and channels first");
  if (in.attributes.integer("p", 2) < 1) return in.error("p must be positive");
  const int64_t order = in.attributes.integer("storage_order");
  if (order != 0 && order != 1) return in.error("storage_order must be 0 or 1");
  ir::Dims y = *in.dims(0);
  VIVACE_ASSIGN(const ir::Dims out,
                window_outputs(in.node, {y.begin() + 2, y.end()}, in.attributes.integers("kernel_shape"),
                               in.attributes.integer("ceil_mode") != 0));
  std::copy(out.begin(), out.end(), y.begin() + 2);
  return finish(ir::Type::tensor(in.dtype(0), y));
}

Status infer_max_pool(Inference& in) {
  VIVACE_TRY(require_type(in, 0, {DType::f32, DType::f16, DType::bf16, DType::f64, DType::i8, DType::u8}));
  return infer_pool(in);
}

// Indices count through the whole of x; storage_order 1 counts the spatial dimensions column-major.
Status reference_max_pool(Call& call) {
  VIVACE_ASSIGN(const Patches patches, pool_patches(call));
  const Shape image = patches.image;
  const int64_t positions = patches.positions(), taps = patches.taps(), pixels = elements(image);
  int64_t* indices = call.wants(1) ? call.output(1).as<int64_t>() : nullptr;
  const bool column_major = call.attributes.integer("storage_order") == 1;
  const auto index_of = [&](int64_t offset) {
    if (!column_major) return offset;
    int64_t index = 0;
    for (size_t d = image.size(); d-- > 0; offset /= image[d]) {
      int64_t stride = 1;
      for (size_t e = 0; e < d; ++e) stride *= image[e];
      index += offset % image[d] * stride;
    }
    return index;
  };
  const auto pool = [&]<class W>() -> Status {
    VIVACE_ASSIGN(const auto x, Reader<W>::of(call.input(0)));
    VIVACE_ASSIGN(const auto y, Writer<W>::of(call.output()));
    constexpr W lowest =
        std::numeric_limits<W>::has_infinity ? -std::numeric_limits<W>::infinity() : std::numeric_limits<W>::lowest();
    for_each_channel(call, [&](int64_t x0, int64_t y0, int64_t channel) {
      W* best = y.data() + y0;
      std::fill_n(best, positions, lowest);
      std::vector<int64_t> where(indices ? static_cast<size_t>(positions) : 0, -1);
      for (int64_t tap = 0; tap < taps; ++tap)
        patches.walk(tap, 0, positions, [&](int64_t position, int64_t offset, int64_t step, int64_t count) {
          const W* from = x.data() + x0 + offset;
          for (int64_t i = 0; i < count; ++i) {
            const W v = from[i * step];
            if (indices && (v > best[position + i] || where[static_cast<size_t>(position + i)] < 0))
              where[static_cast<size_t>(position + i)] = offset + i * step;
            best[position + i] = std::max(best[position + i], v);
          }
        });
      for (size_t i = 0; i < where.size(); ++i)
        indices[y0 + static_cast<int64_t>(i)] = where[i] < 0 ? -1 : channel * pixels + index_of(where[i]);
    });
    return y.store();
  };
  if (call.input(0).type == DType::i8) return pool.template operator()<int8_t>();
  if (call.input(0).type == DType::u8) return pool.template operator()<uint8_t>();
  return compute_in(call, call.input(0).type, pool);
}

namespace {

// How many taps of the window at each position fall inside the image, or inside the image with its padding.
std::vector<int64_t> taps_inside(const Patches& p, const Window& w, bool with_padding) {
  std::vector<int64_t> counts(static_cast<size_t>(p.positions()), 1);
  int64_t inner = 1;
  for (size_t d = p.image.size(); d-- > 0;) {
    std::vector<int64_t> along(static_cast<size_t>(p.out[d]), 0);
    const int64_t low = with_padding ? -p.pads[d] : 0;
    const int64_t high = p.image[d] + (with_padding ? w.pads[p.image.size() + d] : 0);
    for (int64_t o = 0; o < p.out[d]; ++o)
      for (int64_t k = 0; k < p.kernel[d]; ++k) {
        const int64_t at = o * p.strides[d] + k * p.dilations[d] - p.pads[d];
        along[static_cast<size_t>(o)] += at >= low && at < high;
      }
    for (size_t i = 0; i < counts.size(); ++i)
      counts[i] *= along[i / static_cast<size_t>(inner) % static_cast<size_t>(p.out[d])];
    inner *= p.out[d];
  }
  return counts;
}

// Each output is finish(sum of term(x) over its window, position).
template <class W, class Term, class Finish>
Status sum_windows(Call& call, const Patches& patches, Term term, Finish finish) {
  VIVACE_ASSIGN(const auto x, Reader<W>::of(call.input(0)));
  VIVACE_ASSIGN(const auto y, Writer<W>::of(call.output()));
  const int64_t positions = patches.positions(), taps = patches.taps();
  for_each_channel(call, [&](int64_t x0, int64_t y0, int64_t) {
    W* sum = y.data() + y0;
    std::fill_n(sum, positions, W(0));
    for (int64_t tap = 0; tap < taps; ++tap)
      patches.walk(tap, 0, positions, [&](int64_t position, int64_t offset, int64_t step, int64_t count) {
        for (int64_t i = 0; i < count; ++i) sum[position + i] += term(x[x0 + offset + i * step]);
      });
    for (int64_t i = 0; i < positions; ++i) sum[i] = finish(sum[i], i);
  });
  return y.store();
}

}  // namespace

Status reference_average_pool(Call& call) {
  VIVACE_ASSIGN(const Patches patches, pool_patches(call));
  VIVACE_ASSIGN(const Window window, window_of(call.node, ir::to_dims(patches.image), patches.kernel));
  if (call.output().count() == 0) return {};
  const std::vector<int64_t> counts = taps_inside(patches, window, call.attributes.integer("count_include_pad") != 0);
  return compute_in(call, call.input(0).type, [&]<class W>() {
    return sum_windows<W>(
        call, patches, [](W x) { return x; },
        [&](W sum, int64_t i) { return sum / static_cast<W>(std::max<int64_t>(1, counts[static_cast<size_t>(i)])); });
  });
}

namespace {
// Sums of |x|^p and their roots.
template <class W>
W power(W x, int64_t p) {
  return p == 1 ? std::abs(x) : p == 2 ? x * x : std::pow(std::abs(x), static_cast<W>(p));
}
template <class W>
W root(W sum, int64_t p) {
  return p == 1 ? sum : p == 2 ? std::sqrt(sum) : std::pow(sum, W(1) / static_cast<W>(p));
}
}  // namespace

Status reference_lp_pool(Call& call) {
  VIVACE_ASSIGN(const Patches patches, pool_patches(call));
  const int64_t p = call.attributes.integer("p", 2);
  return compute_in(call, call.input(0).type, [&]<class W>() {
    return sum_windows<W>(
        call, patches, [p](W x) { return power(x, p); }, [p](W sum, int64_t) { return root(sum, p); });
  });
}

Status infer_global_pool(Inference& in) {
  if (!in.dims(0)) {
    in.set_unknown_rank(0, in.dtype(0));
    return {};
  }
  if (in.rank(0) < 2) return in.error("pooling needs an input with batch and channels");
  if (in.attributes.integer("p", 2) < 1) return in.error("p must be positive");
  ir::Dims y = *in.dims(0);
  std::fill(y.begin() + 2, y.end(), ir::Dim(1));
  in.set(0, in.dtype(0), y);
  return {};
}

namespace {

// y[channel] = reduce(first element, count), sums kept in double.
template <class Reduce>
Status global_pool(Call& call, Reduce&& reduce) {
  return compute_in(call, call.input(0).type, [&]<class W>() -> Status {
    VIVACE_ASSIGN(const auto x, Reader<W>::of(call.input(0)));
    VIVACE_ASSIGN(const auto y, Writer<W>::of(call.output()));
    const int64_t pixels = elements(spatial(call.input(0).shape));
    for_each_channel(call, [&](int64_t x0, int64_t y0, int64_t) {
      y.data()[y0] = static_cast<W>(reduce(std::span<const W>(x.data() + x0, static_cast<size_t>(pixels))));
    });
    return y.store();
  });
}

}  // namespace

Status reference_global_average_pool(Call& call) {
  return global_pool(call, []<class W>(std::span<const W> x) {
    double sum = 0;
    for (const W v : x) sum += v;
    return sum / static_cast<double>(x.size());
  });
}

Status reference_global_max_pool(Call& call) {
  return global_pool(call, []<class W>(std::span<const W> x) {
    W best = -std::numeric_limits<W>::infinity();
    for (const W v : x) best = std::max(best, v);
    return best;
  });
}

Status reference_global_lp_pool(Call& call) {
  const int64_t p = call.attributes.integer("p", 2);
  return global_pool(call, [p]<class W>(std::span<const W> x) {
    double sum = 0;
    for (const W v : x) sum += power(static_cast<double>(v), p);
    return root(sum, p);
  });
}

}  // namespace vivace::ops
