// Col2Im, CenterCropPad, TensorScatter: pieces of tensors put where they belong.
#include <algorithm>
#include <cstring>

#include "ops/patches.h"
#include "ops/reference.h"

namespace vivace::ops {

namespace {

// The image and its windows, as far as the shapes' values are known.
struct Fold {
  Shape image;
  ir::Dims out;  // windows along each dimension
  Window window;
};
Result<Fold> fold_of(const ir::Node& node, const Shape& image, const Shape& block) {
  const auto bad = [&](const std::string& what) { return Status(Code::invalid_model, node.describe() + ": " + what); };
  if (image.size() != block.size() || image.empty())
    return bad("image_shape and block_shape must have as many elements");
  for (const int64_t d : image)
    if (d < 0) return bad("image_shape must not be negative");
  if (!checked_elements(image)) return bad("the image is too large");
  VIVACE_ASSIGN(ir::Dims out, window_outputs(node, ir::to_dims(image), block, false));
  VIVACE_ASSIGN(Window window, window_of(node, ir::to_dims(image), block));
  return Fold{image, std::move(out), std::move(window)};
}

}  // namespace

// Inputs: columns [N, C * taps, L], image_shape, block_shape. Output: [N, C, image...].
Status infer_col2im(Inference& in) {
  VIVACE_TRY(require_rank(in, 0, 3, 3));
  for (const size_t i : {1, 2}) {
    VIVACE_TRY(require_type(in, i, {DType::i64}));
    VIVACE_TRY(require_rank(in, i, 1, 1));
  }
  const auto image = in.numbers(1), block = in.numbers(2);
  const ir::Dims x = in.dims(0).value_or(ir::Dims(3));
  if (!image || !block) {
    const ir::Dim rank = in.dims(1) ? (*in.dims(1))[0] : ir::Dim();
    if (!rank.known() || rank.value() < 1 || rank.value() > kMaxRank - 2) {
      in.set_unknown_rank(0, in.dtype(0));
      return {};
    }
    ir::Dims y(static_cast<size_t>(rank.value()) + 2);
    y[0] = x[0];
    if (image)
      for (size_t d = 0; d < image->size(); ++d) y[2 + d] = (*image)[d];
    in.set(0, in.dtype(0), y);
    return {};
  }
  VIVACE_ASSIGN(const Fold fold, fold_of(in.node, *image, *block));
  const int64_t taps = elements(*block);
  if (x[1].known() && x[1].value() % taps != 0)
    return in.error("a block of " + std::to_string(taps) + " elements does not divide the " + x[1].to_string() +
                    " rows");
  if (clash(x[2], ir::product(fold.out)))
    return in.error("the image has " + ir::product(fold.out).to_string() + " blocks, the input " + x[2].to_string());
  ir::Dims y{x[0], ir::floor_div(x[1], taps)};
  for (const int64_t d : *image) y.push_back(d);
  in.set(0, in.dtype(0), y);
  return {};
}

Status reference_col2im(Call& call) {
  VIVACE_TRY(size_outputs(call));
  const TensorView& x = call.input(0);
  VIVACE_ASSIGN(const Fold fold, fold_of(call.node, to_int64(call.input(1)), to_int64(call.input(2))));
  const Patches patches(fold.image, ir::to_shape(fold.out).value_or(Shape(fold.image.size(), 0)), fold.window);
  const int64_t taps = patches.taps(), positions = patches.positions(), pixels = elements(fold.image);
  Status status;
  const Status known = for_numbers(call, x.type, [&]<class T>() {
    using W = Wide<T>;
    status = [&]() -> Status {
      VIVACE_ASSIGN(const auto columns, Reader<W>::of(x));
      VIVACE_ASSIGN(const auto y, Writer<W>::of(call.output()));
      std::fill_n(y.data(), call.output().count(), W(0));
      if (x.count() > 0)
        in_parallel(call.pool, x.shape[0] * (x.shape[1] / taps), [&](int64_t channel) {
          for (int64_t tap = 0; tap < taps; ++tap)
            patches.scatter_add(columns.data() + (channel * taps + tap) * positions, tap, 0, positions,
                                y.data() + channel * pixels);
        });
      return y.store();
    }();
  });
  return known.ok() ? status : known;
}

Status infer_center_crop_pad(Inference& in) {
  VIVACE_TRY(require_type(in, 1, {DType::i32, DType::i64}));
  VIVACE_TRY(require_rank(in, 1, 1, 1));
  if (!in.dims(0)) {
    in.set_unknown_rank(0, in.dtype(0));
    return {};
  }
  ir::Dims y = *in.dims(0);
  std::vector<int64_t> axes = in.attributes.integers("axes");
  if (!in.attributes.has("axes"))
    for (size_t d = 0; d < y.size(); ++d) axes.push_back(static_cast<int64_t>(d));
  const std::optional<ir::Dims> shape = in.known(1);
  if (shape && shape->size() != axes.size())
    return in.error("the shape must have an element for each of " + std::to_string(axes.size()) + " axes");
  for (size_t i = 0; i < axes.size(); ++i) {
    const int axis = normalized_axis(axes[i], in.rank(0));
    if (axis < 0) return in.error("axis " + std::to_string(axes[i]) + " is out of range");
    if (shape && (*shape)[i].known() && (*shape)[i].value() < 0) return in.error("the shape must not be negative");
    y[static_cast<size_t>(axis)] = shape ? (*shape)[i] : ir::Dim();
  }
  in.set(0, in.dtype(0), y);
  return {};
}

// The middle of x lands in the middle of y; an odd rest is cut, or padded, at the end.
Status reference_center_crop_pad(Call& call) {
  VIVACE_TRY(size_outputs(call));
  const TensorView &x = call.input(0), &y = call.output();
  if (y.type == DType::string)
    std::fill_n(y.as<std::string>(), y.count(), std::string());
  else
    std::memset(y.data, 0, y.bytes());
  const Shape x_strides = strides_of(x.shape), y_strides = strides_of(y.shape);
  Shape shared = x.shape;
  int64_t from = 0, to = 0;
  for (size_t d = 0; d < shared.size(); ++d) {
    shared[d] = std::min(x.shape[d], y.shape[d]);
    from += (x.shape[d] - shared[d]) / 2 * x_strides[d];
    to += (y.shape[d] - shared[d]) / 2 * y_strides[d];
  }
  if (elements(shared) > 0) copy_strided(shared, {y, to}, y_strides, {x, from}, x_strides, call.pool);
  return {};
}

// Inputs: cache, update, write indices [batch].
Status infer_tensor_scatter(Inference& in) {
  VIVACE_TRY(require_same_type(in, 1, 0));
  VIVACE_TRY(require_type(in, 2, {DType::i64}));
  VIVACE_TRY(require_rank(in, 2, 1, 1));
  const std::string mode = in.attributes.text("mode", "linear");
  if (mode != "linear" && mode != "circular") return in.error("unknown mode '" + mode + "'");
  in.set(0, in.type(0));
  if (!in.dims(0)) return {};
  const ir::Dims& cache = *in.dims(0);
  const int axis = normalized_axis(in.attributes.integer("axis", -2), in.rank(0));
  if (axis < 1) return in.error("axis must be one of the cache's, and not the batch");
  if (in.dims(1)) {
    const ir::Dims& update = *in.dims(1);
    bool fits = update.size() == cache.size();
    for (size_t d = 0; fits && d < cache.size(); ++d)
      fits = static_cast<int>(d) == axis
                 ? !(update[d].known() && cache[d].known() && update[d].value() > cache[d].value())
                 : !clash(update[d], cache[d]);
    if (!fits)
      return in.error("an update of shape [" + ir::to_string(update) + "] does not fit [" + ir::to_string(cache) + "]");
  }
  return in.has(2) ? is_vector(in, 2, cache[0]) : Status();
}

Status reference_tensor_scatter(Call& call) {
  const TensorView &cache = call.input(0), &update = call.input(1), &y = call.output();
  const int axis = normalized_axis(call.attributes.integer("axis", -2), cache.rank());
  const AxisSplit whole = split_at(cache.shape, axis), part = split_at(update.shape, axis);
  const bool circular = call.attributes.text("mode", "linear") == "circular";
  std::vector<int64_t> starts(static_cast<size_t>(cache.shape[0]), 0);
  if (call.has(2)) starts = to_int64(call.input(2));
  copy_elements({y, 0}, {cache, 0}, cache.count());
  if (update.count() == 0) return {};
  const int64_t per_batch = whole.outer / cache.shape[0];
  for (int64_t outer = 0; outer < whole.outer; ++outer) {
    const int64_t start = starts[static_cast<size_t>(outer / per_batch)];
    if (start < 0 || (!circular && start > whole.size - part.size))
      return call.error("write index " + std::to_string(start) + " is out of range");
    for (int64_t i = 0; i < part.size; ++i)
      copy_elements({y, (outer * whole.size + (start % whole.size + i) % whole.size) * whole.inner},
                    {update, (outer * part.size + i) * part.inner}, part.inner);
  }
  return {};
}

}  // namespace vivace::ops
