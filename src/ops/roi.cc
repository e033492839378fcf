// Pooling over regions of interest (RoiAlign, MaxRoiPool) and back to where a maximum came from (MaxUnpool).
#include <algorithm>
#include <cmath>

#include "ops/reference.h"
#include "ops/sampling.h"

namespace vivace::ops {

namespace {

Status set_regions(Inference& in, const ir::Dim& height, const ir::Dim& width, int64_t region_size) {
  VIVACE_TRY(require_same_type(in, 1, 0));
  VIVACE_TRY(require_rank(in, 0, 4, 4));
  VIVACE_TRY(require_rank(in, 1, 2, 2));
  ir::Dims y{{}, {}, height, width};
  if (in.dims(0)) y[1] = (*in.dims(0))[1];
  if (in.dims(1)) {
    y[0] = (*in.dims(1))[0];
    if (clash((*in.dims(1))[1], region_size))
      return in.error("a region must have " + std::to_string(region_size) + " elements");
  }
  if (in.has(2) && in.dims(2)) {
    if (clash(y[0], (*in.dims(2))[0])) return in.error("there must be one batch index for each region");
    if (!y[0].known()) y[0] = (*in.dims(2))[0];
  }
  in.set(0, in.dtype(0), y);
  return {};
}

}  // namespace

Status infer_roi_align(Inference& in) {
  VIVACE_TRY(require_type(in, 2, {DType::i64}));
  VIVACE_TRY(require_rank(in, 2, 1, 1));
  const std::string mode = in.attributes.text("mode", "avg");
  const std::string transformation = in.attributes.text("coordinate_transformation_mode", "half_pixel");
  if (mode != "avg" && mode != "max") return in.error("unknown mode '" + mode + "'");
  if (transformation != "half_pixel" && transformation != "output_half_pixel")
    return in.error("unknown coordinate_transformation_mode '" + transformation + "'");
  const int64_t height = in.attributes.integer("output_height", 1), width = in.attributes.integer("output_width", 1);
  if (height < 0 || width < 0) return in.error("output_height and output_width must not be negative");
  return set_regions(in, height, width, 4);
}

namespace {

// Samples inside the bins of one region; each sample has up to four neighbours.
struct Bins {
  int64_t rows = 0, columns = 0;       // samples of a bin
  std::vector<std::vector<Tap>> y, x;  // by bin * samples + sample

  static std::vector<std::vector<Tap>> along(double start, double bin, int64_t bins, int64_t samples, int64_t size) {
    std::vector<std::vector<Tap>> all;
    for (int64_t b = 0; b < bins; ++b)
      for (int64_t s = 0; s < samples; ++s) {
        const double at =
            start + static_cast<double>(b) * bin + (static_cast<double>(s) + 0.5) * bin / static_cast<double>(samples);
        // A pixel beyond the image still belongs to it; further out there is nothing.
        const bool outside = !(at >= -1 && at <= static_cast<double>(size)) || size == 0;
        all.push_back(outside ? std::vector<Tap>()
                              : linear_taps(std::clamp(at, 0.0, static_cast<double>(size - 1)), size));
      }
    return all;
  }
};

}  // namespace

Status reference_roi_align(Call& call) {
  const TensorView &x = call.input(0), &y = call.output();
  const int64_t channels = x.shape[1], height = x.shape[2], width = x.shape[3], rows = y.shape[2], columns = y.shape[3];
  const bool half_pixel = call.attributes.text("coordinate_transformation_mode", "half_pixel") == "half_pixel";
  const bool maximum = call.attributes.text("mode", "avg") == "max";
  const double scale = call.attributes.real("spatial_scale", 1), offset = half_pixel ? 0.5 : 0;
  const int64_t ratio = call.attributes.integer("sampling_ratio");
  const std::vector<int64_t> batches = to_int64(call.input(2));
  const std::vector<double> regions = to_double(call.input(1));
  if (y.count() == 0) return {};
  for (const int64_t batch : batches)
    if (batch < 0 || batch >= x.shape[0])
      return call.error("batch index " + std::to_string(batch) + " is out of range");
  std::vector<Bins> bins(batches.size());
  for (size_t n = 0; n < bins.size(); ++n) {
    double begin[2], bin[2], samples[2];
    for (size_t axis = 0; axis < 2; ++axis) {  // width, height
      begin[axis] = regions[n * 4 + axis] * scale - offset;
      double size = regions[n * 4 + axis + 2] * scale - offset - begin[axis];
      if (!half_pixel) size = std::max(size, 1.0);
      bin[axis] = size / static_cast<double>(axis == 0 ? columns : rows);
      samples[axis] = ratio > 0 ? static_cast<double>(ratio) : std::max(0.0, std::ceil(bin[axis]));
    }
    constexpr double kMostSamples = 1 << 20;  // in a bin; a region that needs more is no region of this image
    if (!(samples[0] * samples[1] <= kMostSamples) ||
        !(std::max(samples[0], samples[1]) * static_cast<double>(std::max(rows, columns)) <= 1e7))
      return call.error("region " + std::to_string(n) + " is too large to sample");
    bins[n].rows = static_cast<int64_t>(samples[1]);
    bins[n].columns = static_cast<int64_t>(samples[0]);
    bins[n].y = Bins::along(begin[1], bin[1], rows, bins[n].rows, height);
    bins[n].x = Bins::along(begin[0], bin[0], columns, bins[n].columns, width);
  }
  return compute_in(call, x.type, [&]<class W>() -> Status {
    VIVACE_ASSIGN(const auto from, Reader<W>::of(x));
    VIVACE_ASSIGN(const auto to, Writer<W>::of(y));
    in_parallel(call.pool, static_cast<int64_t>(batches.size()) * channels, [&](int64_t task) {
      const Bins& b = bins[static_cast<size_t>(task / channels)];
      const W* image =
          from.data() + (batches[static_cast<size_t>(task / channels)] * channels + task % channels) * height * width;
      for (int64_t i = 0; i < rows; ++i)
        for (int64_t j = 0; j < columns; ++j) {
          double sum = 0, best = -INFINITY;
          for (int64_t r = 0; r < b.rows; ++r)
            for (int64_t c = 0; c < b.columns; ++c) {
              // The maximum is over weighted neighbours, as everybody does it; a missing one counts 0.
              const auto &ys = b.y[static_cast<size_t>(i * b.rows + r)],
                         &xs = b.x[static_cast<size_t>(j * b.columns + c)];
              if (ys.size() * xs.size() < 4) best = std::max(best, 0.0);
              for (const Tap& v : ys)
                for (const Tap& h : xs) {
                  const double weighted = v.weight * h.weight * static_cast<double>(image[v.at * width + h.at]);
                  sum += weighted;
                  best = std::max(best, weighted);
                }
            }
          const int64_t count = std::max<int64_t>(1, b.rows * b.columns);
          to.data()[(task * rows + i) * columns + j] =
              static_cast<W>(maximum ? (std::isinf(best) ? 0 : best) : sum / static_cast<double>(count));
        }
    });
    return to.store();
  });
}

Status infer_max_roi_pool(Inference& in) {
  const std::vector<int64_t> pooled = in.attributes.integers("pooled_shape");
  if (pooled.size() != 2 || pooled[0] < 0 || pooled[1] < 0)
    return in.error("pooled_shape must be a height and a width");
  return set_regions(in, pooled[0], pooled[1], 5);
}

// A region [batch, x1, y1, x2, y2], rounded to pixels, is cut into bins; an empty bin gives 0.
Status reference_max_roi_pool(Call& call) {
  const TensorView &x = call.input(0), &y = call.output();
  const int64_t channels = x.shape[1], height = x.shape[2], width = x.shape[3], rows = y.shape[2], columns = y.shape[3];
  const double scale = call.attributes.real("spatial_scale", 1);
  const std::vector<double> regions = to_double(call.input(1));
  if (y.count() == 0) return {};
  for (size_t i = 0; i < regions.size(); i += 5)
    if (!(regions[i] >= 0 && regions[i] < static_cast<double>(x.shape[0])))
      return call.error("a region's batch is out of range");
  return compute_in(call, x.type, [&]<class W>() -> Status {
    VIVACE_ASSIGN(const auto from, Reader<W>::of(x));
    VIVACE_ASSIGN(const auto to, Writer<W>::of(y));
    in_parallel(call.pool, y.shape[0] * channels, [&](int64_t task) {
      const double* region = regions.data() + task / channels * 5;
      const W* image = from.data() + (static_cast<int64_t>(region[0]) * channels + task % channels) * height * width;
      const double left = std::round(region[1] * scale), top = std::round(region[2] * scale);
      const double bin_width = std::max(std::round(region[3] * scale) - left + 1, 1.0) / static_cast<double>(columns);
      const double bin_height = std::max(std::round(region[4] * scale) - top + 1, 1.0) / static_cast<double>(rows);
      // First pixel of bin `i`, or the one after its last.
      const auto edge = [](double start, double at, int64_t size) {
        const double v = start + at;
        return static_cast<int64_t>(v > 0 ? std::min(v, static_cast<double>(size)) : 0);
      };
      for (int64_t i = 0; i < rows; ++i)
        for (int64_t j = 0; j < columns; ++j) {
          const int64_t y0 = edge(top, std::floor(static_cast<double>(i) * bin_height), height);
          const int64_t y1 = edge(top, std::ceil(static_cast<double>(i + 1) * bin_height), height);
          const int64_t x0 = edge(left, std::floor(static_cast<double>(j) * bin_width), width);
          const int64_t x1 = edge(left, std::ceil(static_cast<double>(j + 1) * bin_width), width);
          W best = y0 < y1 && x0 < x1 ? -INFINITY : W(0);
          for (int64_t r = y0; r < y1; ++r)
            for (int64_t c = x0; c < x1; ++c) best = std::max(best, image[r * width + c]);
          to.data()[(task * rows + i) * columns + j] = best;
        }
    });
    return to.store();
  });
}

namespace {

// (in - 1) * stride + kernel - pads, per dimension: the shape MaxPool had as input.
Result<ir::Dims> unpooled(const ir::Node& node, const ir::Dims& x) {
  const size_t n = x.size() - 2;
  VIVACE_ASSIGN(const Window w, window_of(node, {x.begin() + 2, x.end()}, node.attributes.integers("kernel_shape")));
  ir::Dims y{x[0], x[1]};
  for (size_t i = 0; i < n; ++i)
    y.push_back((x[2 + i] - ir::Dim(1)) * ir::Dim(w.strides[i]) + ir::Dim(w.kernel[i] - w.pads[i] - w.pads[n + i]));
  for (const ir::Dim& d : y)
    if (d.known() && d.value() < 0)
      return Status(Code::invalid_model, node.describe() + ": pads take more than there is");
  return y;
}

}  // namespace

Status infer_max_unpool(Inference& in) {
  VIVACE_TRY(require_type(in, 1, {DType::i64}));
  VIVACE_TRY(require_type(in, 2, {DType::i64}));
  VIVACE_TRY(require_rank(in, 2, 1, 1));
  if (!in.dims(0)) {
    in.set_unknown_rank(0, in.dtype(0));
    return {};
  }
  const ir::Dims& x = *in.dims(0);
  if (x.size() < 3) return in.error("it needs an input of at least 3 dimensions, batch and channels first");
  if (in.dims(1)) {
    bool same = in.dims(1)->size() == x.size();
    for (size_t d = 0; same && d < x.size(); ++d) same = !clash(x[d], (*in.dims(1))[d]);
    if (!same) return in.error("the indices must have the shape of the input");
  }
  VIVACE_ASSIGN(ir::Dims y, unpooled(in.node, x));
  if (in.has(2)) {
    const std::optional<ir::Dims> shape = in.known(2);
    if (shape && shape->size() != x.size())
      return in.error("output_shape must have " + std::to_string(x.size()) + " elements");
    for (size_t d = 0; d < y.size(); ++d) {
      const ir::Dim wanted = shape ? (*shape)[d] : ir::Dim();
      if (wanted.known() && y[d].known() && wanted.value() < y[d].value())
        return in.error("output_shape is smaller than [" + ir::to_string(y) + "]");
      y[d] = wanted;
    }
  }
  in.set(0, in.dtype(0), y);
  return {};
}

// Indices count through the shape without output_shape; a larger output_shape leaves zeros at the ends.
Status reference_max_unpool(Call& call) {
  VIVACE_TRY(size_outputs(call));
  const TensorView &x = call.input(0), &y = call.output();
  VIVACE_ASSIGN(const ir::Dims dims, unpooled(call.node, ir::to_dims(x.shape)));
  const std::optional<Shape> inner = ir::to_shape(dims);
  const std::optional<int64_t> count = inner ? checked_elements(*inner) : std::nullopt;
  if (!count) return call.error("the output is too large");
  const Shape strides = strides_of(y.shape);
  return compute_in(call, x.type, [&]<class W>() -> Status {
    VIVACE_ASSIGN(const auto from, Reader<W>::of(x));
    VIVACE_ASSIGN(const auto to, Writer<W>::of(y));
    std::fill_n(to.data(), y.count(), W(0));
    const int64_t* indices = call.input(1).as<const int64_t>();
    for (int64_t i = 0; i < x.count(); ++i) {
      int64_t rest = indices[i], offset = 0;
      if (rest < 0 || rest >= *count) return call.error("index " + std::to_string(rest) + " is out of range");
      for (size_t d = inner->size(); d-- > 0; rest /= (*inner)[d]) offset += rest % (*inner)[d] * strides[d];
      to.data()[offset] = from[i];
    }
    return to.store();
  });
}

}  // namespace vivace::ops
