// GridSample and AffineGrid: images seen through a grid of positions.
#include <algorithm>
#include <cmath>

#include "ops/reference.h"
#include "ops/sampling.h"

namespace vivace::ops {

namespace {
constexpr int kMostDimensions = 6;  // spatial; a cubic sample takes 4 to that power pixels
}  // namespace

Status infer_grid_sample(Inference& in) {
  const std::string mode = in.attributes.text("mode", "linear"), padding = in.attributes.text("padding_mode", "zeros");
  if (mode != "linear" && mode != "nearest" && mode != "cubic") return in.error("unknown mode '" + mode + "'");
  if (padding != "zeros" && padding != "border" && padding != "reflection")
    return in.error("unknown padding_mode '" + padding + "'");
  VIVACE_TRY(require_type(in, 1, {DType::f32, DType::f16, DType::bf16, DType::f64}));
  if (mode != "nearest") VIVACE_TRY(require_type(in, 0, {DType::f32, DType::f16, DType::bf16, DType::f64}));
  VIVACE_TRY(require_rank(in, 0, 3, 2 + kMostDimensions));
  VIVACE_TRY(require_rank(in, 1, 3, 2 + kMostDimensions));
  const std::optional<ir::Dims>&x = in.dims(0), &grid = in.dims(1);
  if (!x && !grid) {
    in.set_unknown_rank(0, in.dtype(0));
    return {};
  }
  if (x && grid) {
    if (x->size() != grid->size()) return in.error("the input and the grid must have as many dimensions");
    if (clash((*x)[0], (*grid)[0])) return in.error("the batches of input and grid differ");
    if (clash(grid->back(), static_cast<int64_t>(x->size()) - 2))
      return in.error("the grid must hold positions of as many coordinates as the image has dimensions");
  }
  ir::Dims y((x ? *x : *grid).size());
  y[0] = x ? (*x)[0] : (*grid)[0];
  if (x) y[1] = (*x)[1];
  if (grid) std::copy(grid->begin() + 1, grid->end() - 1, y.begin() + 2);
  in.set(0, in.dtype(0), y);
  return {};
}

namespace {

// One dimension of the image as GridSample sees it.
struct Sampled {
  int64_t size;
  double low, high;  // borders that positions are reflected at
  std::string padding;

  double reflect(double x) const {
    const double range = high - low;
    if (!(range > 0)) return 0;
    if (x >= low && x <= high) return x;
    const double beyond = x < low ? low - x : x - high, turns = std::floor(beyond / range),
                 rest = beyond - turns * range;
    const bool from_low = (std::fmod(turns, 2) == 0) == (x < low);
    return from_low ? low + rest : high - rest;
  }
  // The pixel that index i means, or -1 for none.
  int64_t pixel(double i) const {
    const auto last = static_cast<double>(size - 1);
    if (padding == "zeros") return i >= 0 && i <= last ? static_cast<int64_t>(i) : -1;
    if (padding == "reflection") i = std::trunc(reflect(i));
    return static_cast<int64_t>(std::clamp(i, 0.0, last));
  }
  std::vector<Tap> taps(double x, const std::string& mode) const {
    // Positions that are no number, or too far for arithmetic, are somewhere outside.
    constexpr double kFar = 1e9;
    x = std::isnan(x) ? -kFar : std::clamp(x, -kFar, kFar);
    if (mode == "nearest") x = std::nearbyint(x);
    if (x < low || x > high) {  // of a cubic sample the pixels are clamped, not the position, as PyTorch has it
      if (padding == "border" && mode != "cubic")
        x = std::clamp(x, 0.0, static_cast<double>(size - 1));
      else if (padding == "reflection")
        x = reflect(x);
    }
    std::vector<Tap> taps;
    const auto add = [&](double i, double weight) {
      if (const int64_t at = pixel(i); at >= 0) taps.push_back({at, weight});
    };
    const double base = std::floor(x), part = x - base;
    if (mode == "nearest") {
      add(std::trunc(x), 1);
    } else if (mode == "linear") {
      add(base, 1 - part);
      add(base + 1, part);
    } else {
      for (int j = -1; j <= 2; ++j) {
        const double d = std::abs(part - j), a = -0.75;
        add(base + j, d <= 1 ? ((a + 2) * d - (a + 3)) * d * d + 1 : ((a * d - 5 * a) * d + 8 * a) * d - 4 * a);
      }
    }
    return taps;
  }
};

// Calls visit(batch, position, taps) for each position of the output.
Status for_each_sample(const Call& call,
                       FunctionRef<void(int64_t n, int64_t position, const std::vector<Tap>&)> visit) {
  const TensorView &x = call.input(0), &grid = call.input(1);
  const Shape image(x.shape.begin() + 2, x.shape.end());
  const bool corners = call.attributes.integer("align_corners") != 0;
  const std::string mode = call.attributes.text("mode", "linear"),
                    padding = call.attributes.text("padding_mode", "zeros");
  VIVACE_ASSIGN(const auto points, Reader<double>::of(grid));
  std::vector<Sampled> dims;
  for (const int64_t size : image)
    dims.push_back({size, corners ? 0 : -0.5, static_cast<double>(size) - (corners ? 1 : 0.5), padding});
  const int64_t positions = elements(std::span(call.output().shape).subspan(2));
  in_parallel(call.pool, x.shape[0], [&](int64_t n) {
    std::vector<std::vector<Tap>> along(image.size());
    std::vector<Tap> taps;
    for (int64_t p = 0; p < positions; ++p) {
      const double* point = points.data() + (n * positions + p) * static_cast<int64_t>(image.size());
      for (size_t d = 0; d < image.size(); ++d) {
        const double v = point[image.size() - 1 - d] + 1;  // the last coordinate is that of the first dimension
        // In f32 for f32 grids, so that ties between pixels fall as they do elsewhere.
        const double at =
            corners ? v / 2 * static_cast<double>(image[d] - 1) : (v * static_cast<double>(image[d]) - 1) / 2;
        along[d] = dims[d].taps(grid.type == DType::f64 ? at : static_cast<float>(at), mode);
      }
      combine(image, along, taps);
      visit(n, p, taps);
    }
  });
  return {};
}

}  // namespace

Status reference_grid_sample(Call& call) {
  const TensorView &x = call.input(0), &y = call.output();
  if (y.count() == 0) return {};
  const int64_t channels = x.shape[1], positions = elements(std::span(y.shape).subspan(2));
  const int64_t pixels = elements(std::span(x.shape).subspan(2));
  if (pixels == 0) return call.error("the image is empty");
  if (call.attributes.text("mode", "linear") == "nearest") {
    Status status;
    const bool known = visit_storage(x.type, [&]<class T>() {
      status = for_each_sample(call, [&](int64_t n, int64_t p, const std::vector<Tap>& taps) {
        for (int64_t c = n * channels; c < (n + 1) * channels; ++c)
          y.as<T>()[c * positions + p] = taps.empty() ? T() : x.as<const T>()[c * pixels + taps[0].at];
      });
    });
    return known ? status : no_kernel_for(call, x.type);
  }
  return compute_in(call, x.type, [&]<class W>() -> Status {
    VIVACE_ASSIGN(const auto from, Reader<W>::of(x));
    VIVACE_ASSIGN(const auto to, Writer<W>::of(y));
    VIVACE_TRY(for_each_sample(call, [&](int64_t n, int64_t p, const std::vector<Tap>& taps) {
      for (int64_t c = n * channels; c < (n + 1) * channels; ++c)
        to.data()[c * positions + p] = sample(from.data() + c * pixels, taps);
    }));
    return to.store();
  });
}

// theta [N, d, d + 1] and a size of d + 2 elements make a grid [N, D1, ..., Dd, d].
Status infer_affine_grid(Inference& in) {
  VIVACE_TRY(require_type(in, 1, {DType::i64}));
  VIVACE_TRY(require_rank(in, 0, 3, 3));
  VIVACE_TRY(require_rank(in, 1, 1, 1));
  const std::optional<ir::Dims> size = in.known(1);
  const std::optional<int64_t> count = size ? std::optional<int64_t>(size->size())
                                       : in.dims(1) && (*in.dims(1))[0].known()
                                           ? std::optional((*in.dims(1))[0].value())
                                           : std::nullopt;
  if (!count) {
    in.set_unknown_rank(0, in.dtype(0));
    return {};
  }
  if (*count != 4 && *count != 5) return in.error("the size must have 4 or 5 elements, batch and channels first");
  if (in.dims(0)) {
    const ir::Dims& theta = *in.dims(0);
    if (clash(theta[1], *count - 2) || clash(theta[2], *count - 1))
      return in.error("theta of shape [" + ir::to_string(theta) + "] does not fit a size of " + std::to_string(*count) +
                      " elements");
    if (size && clash(theta[0], (*size)[0])) return in.error("the batches of theta and size differ");
  }
  ir::Dims y(static_cast<size_t>(*count));
  if (size) {
    for (const ir::Dim& d : *size)
      if (d.known() && d.value() < 0) return in.error("the size must not be negative");
    y[0] = (*size)[0];
    std::copy(size->begin() + 2, size->end(), y.begin() + 1);
  } else if (in.dims(0)) {
    y[0] = (*in.dims(0))[0];
  }
  y.back() = *count - 2;
  in.set(0, in.dtype(0), y);
  return {};
}

Status reference_affine_grid(Call& call) {
  VIVACE_TRY(size_outputs(call));
  const Shape& shape = call.output().shape;
  const Shape image(shape.begin() + 1, shape.end() - 1);
  const auto dims = static_cast<int64_t>(image.size());
  const bool corners = call.attributes.integer("align_corners") != 0;
  return compute_in(call, call.input(0).type, [&]<class W>() -> Status {
    VIVACE_ASSIGN(const auto theta, Reader<W>::of(call.input(0)));
    VIVACE_ASSIGN(const auto y, Writer<W>::of(call.output()));
    const int64_t points = elements(image);
    for (int64_t i = 0; i < shape[0] * points; ++i) {
      double at[4] = {0, 0, 0, 1};  // coordinates, those of the last dimension first, then 1
      int64_t rest = i % points;
      for (size_t d = image.size(); d-- > 0; rest /= image[d]) {
        const auto index = static_cast<double>(rest % image[d]), size = static_cast<double>(image[d]);
        at[image.size() - 1 - d] = corners ? (size > 1 ? 2 * index / (size - 1) - 1 : 0) : (2 * index + 1) / size - 1;
      }
      at[dims] = 1;
      for (int64_t r = 0; r < dims; ++r) {
        double sum = 0;
        for (int64_t c = 0; c <= dims; ++c) sum += theta[(i / points * dims + r) * (dims + 1) + c] * at[c];
        y.data()[i * dims + r] = static_cast<W>(sum);
      }
    }
    return y.store();
  });
}

}  // namespace vivace::ops
