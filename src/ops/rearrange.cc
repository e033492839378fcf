// Pad, Tile, DepthToSpace, SpaceToDepth, ReverseSequence.
#include <algorithm>
#include <limits>
#include <numeric>

#include "ops/kernel.h"

namespace vivace::ops {

namespace {

// Copies x to y where coordinate c of y along an axis is maps[axis][c] of x; -1 stands for `fill`.
class Rearrangement {
 public:
  Rearrangement(const TensorView& x, const TensorView& y, const std::vector<std::vector<int64_t>>& maps,
                const TensorView& fill)
      : x_(x), y_(y), maps_(maps), fill_(fill), x_strides_(strides_of(x.shape)), y_strides_(strides_of(y.shape)) {
    // The elements below the last axis that changes move as one block.
    while (last_ > 0 && is_identity(last_ - 1)) --last_;
  }
  void run() const {
    if (y_.count() == 0) return;
    if (last_ == 0)
      copy_elements({y_, 0}, {x_, 0}, y_.count());
    else
      copy_axis(0, 0, 0);
  }

 private:
  bool is_identity(size_t axis) const {
    for (size_t i = 0; i < maps_[axis].size(); ++i)
      if (maps_[axis][i] != static_cast<int64_t>(i)) return false;
    return static_cast<int64_t>(maps_[axis].size()) == x_.shape[axis];
  }
  void copy_axis(size_t axis, int64_t to, int64_t from) const {
    const std::vector<int64_t>& map = maps_[axis];
    for (size_t begin = 0, end; begin < map.size(); begin = end) {
      const int64_t source = map[begin];
      end = begin + 1;
      const int64_t at = to + static_cast<int64_t>(begin) * y_strides_[axis];
      if (source < 0) {
        while (end < map.size() && map[end] < 0) ++end;
        copy_strided({static_cast<int64_t>(end - begin) * y_strides_[axis]}, {y_, at}, {1}, {fill_, 0}, {0}, nullptr);
      } else if (axis + 1 == last_) {
        while (end < map.size() && map[end] == source + static_cast<int64_t>(end - begin)) ++end;
        copy_elements({y_, at}, {x_, from + source * x_strides_[axis]},
                      static_cast<int64_t>(end - begin) * y_strides_[axis]);
      } else {
        copy_axis(axis + 1, at, from + source * x_strides_[axis]);
      }
    }
  }

  const TensorView &x_, &y_;
  const std::vector<std::vector<int64_t>>& maps_;
  const TensorView& fill_;
  Shape x_strides_, y_strides_;
  size_t last_ = x_.shape.size();  // axes from here on stay as they are
};

}  // namespace

// --- Pad

namespace {
enum class PadMode { constant, reflect, edge, wrap, unknown };
PadMode pad_mode(const ir::Attributes& attributes) {
  const std::string mode = attributes.text("mode", "constant");
  return mode == "constant"  ? PadMode::constant
         : mode == "reflect" ? PadMode::reflect
         : mode == "edge"    ? PadMode::edge
         : mode == "wrap"    ? PadMode::wrap
                             : PadMode::unknown;
}

// Where coordinate `at` of the padded axis (0: the first of the input) comes from in an input of `size`.
int64_t padded_source(int64_t at, int64_t size, PadMode mode) {
  if (at >= 0 && at < size) return at;
  switch (mode) {
    case PadMode::edge: return std::clamp<int64_t>(at, 0, size - 1);
    case PadMode::wrap: return (at % size + size) % size;
    case PadMode::reflect: {
      if (size == 1) return 0;
      const int64_t period = 2 * (size - 1), phase = (at % period + period) % period;
      return phase < size ? phase : period - phase;
    }
    default: return -1;
  }
}
}  // namespace

Status infer_pad(Inference& in) {
  VIVACE_TRY(require_type(in, 1, {DType::i64}));
  VIVACE_TRY(require_rank(in, 1, 1, 1));
  VIVACE_TRY(require_same_type(in, 0, 2));
  VIVACE_TRY(require_type(in, 3, {DType::i32, DType::i64}));
  VIVACE_TRY(require_rank(in, 3, 1, 1));
  const PadMode mode = pad_mode(in.attributes);
  if (mode == PadMode::unknown) return in.error("unknown mode '" + in.attributes.text("mode") + "'");
  if (in.has(2) && in.dims(2) && product(*in.dims(2)).known() && !product(*in.dims(2)).is(1))
    return in.error("constant_value must be a scalar");
  if (!in.dims(0)) return in.set_unknown_rank(0, in.dtype(0)), Status();
  std::vector<int64_t> axes(in.dims(0)->size());
  std::iota(axes.begin(), axes.end(), 0);
  std::optional<ir::Dims> pads = in.known(1);
  if (const auto numbers = in.numbers(1)) pads = ir::to_dims(*numbers);
  const std::optional<std::vector<int64_t>> given = in.numbers(3);
  if (given) axes = *given;
  ir::Dims out = *in.dims(0);
  if (!pads || (in.has(3) && !given)) return in.set(0, in.dtype(0), ir::Dims(out.size())), Status();
  if (pads->size() != 2 * axes.size())
    return in.error("pads has " + std::to_string(pads->size()) + " elements for " + std::to_string(axes.size()) +
                    " axes");
  std::vector<bool> seen(out.size());
  for (size_t i = 0; i < axes.size(); ++i) {
    VIVACE_ASSIGN(const auto axis, checked_axis(in, axes[i], in.rank(0)));
    if (seen[static_cast<size_t>(axis)]) return in.error("axis " + std::to_string(axes[i]) + " is given twice");
    seen[static_cast<size_t>(axis)] = true;
    ir::Dim& d = out[static_cast<size_t>(axis)];
    const ir::Dim &begin = (*pads)[i], &end = (*pads)[i + axes.size()];
    const bool settled = d.known() && begin.known() && end.known(), empty = d.is(0);
    d = d + begin + end;
    if (settled && (!d.known() || d.value() < 0))
      return in.error("pads make axis " + std::to_string(axis) + " negative or too large");
    if (settled && empty && d.value() > 0 && mode != PadMode::constant)
      return in.error("axis " + std::to_string(axis) + " is empty: there is nothing to pad with");
  }
  in.set(0, in.dtype(0), std::move(out));
  return {};
}

Status reference_pad(Call& call) {
  VIVACE_TRY(size_outputs(call));
  const TensorView &x = call.input(0), &y = call.output();
  if (y.count() == 0) return {};
  const std::vector<int64_t> pads = to_int64(call.input(1));
  std::vector<int64_t> begins(x.shape.size(), 0);
  for (size_t i = 0; i < pads.size() / 2; ++i)
    begins[call.has(3) ? static_cast<size_t>(normalized_axis(to_int64(call.input(3))[i], x.rank())) : i] = pads[i];
  std::vector<std::vector<int64_t>> maps(x.shape.size());
  for (size_t axis = 0; axis < maps.size(); ++axis)
    for (int64_t at = 0; at < y.shape[axis]; ++at)
      maps[axis].push_back(padded_source(at - begins[axis], x.shape[axis], pad_mode(call.attributes)));
  VIVACE_ASSIGN(const Tensor zero, Tensor::allocate(y.type, {}));
  Rearrangement(x, y, maps, call.has(2) ? call.input(2) : zero.view()).run();
  return {};
}

// --- Tile

Status infer_tile(Inference& in) {
  VIVACE_TRY(require_type(in, 1, {DType::i64}));
  VIVACE_TRY(require_rank(in, 1, 1, 1));
  if (!in.dims(0)) return in.set_unknown_rank(0, in.dtype(0)), Status();
  std::optional<ir::Dims> repeats = in.known(1);
  if (const auto numbers = in.numbers(1)) repeats = ir::to_dims(*numbers);
  ir::Dims out = *in.dims(0);
  if (!repeats) return in.set(0, in.dtype(0), ir::Dims(out.size())), Status();
  if (repeats->size() != out.size())
    return in.error("repeats has " + std::to_string(repeats->size()) + " elements for rank " +
                    std::to_string(out.size()));
  for (size_t i = 0; i < out.size(); ++i) {
    const ir::Dim& repeat = (*repeats)[i];
    if (repeat.known() && repeat.value() < 0) return in.error("repeats has a negative element");
    const bool settled = out[i].known() && repeat.known();
    out[i] = out[i] * repeat;
    if (settled && !out[i].known()) return in.error("axis " + std::to_string(i) + " becomes too large");
  }
  in.set(0, in.dtype(0), std::move(out));
  return {};
}

Status reference_tile(Call& call) {
  VIVACE_TRY(size_outputs(call));
  const TensorView &x = call.input(0), &y = call.output();
  if (y.count() == 0) return {};
  std::vector<std::vector<int64_t>> maps(x.shape.size());
  for (size_t axis = 0; axis < maps.size(); ++axis)
    for (int64_t at = 0; at < y.shape[axis]; ++at) maps[axis].push_back(at % x.shape[axis]);
  Rearrangement(x, y, maps, x).run();
  return {};
}

// --- DepthToSpace, SpaceToDepth: a transposition of the six dimensions that the block takes apart

namespace {
Result<int64_t> block_size(const Inference& in) {
  const int64_t block = in.attributes.integer("blocksize");
  if (block < 1 || block > std::numeric_limits<int32_t>::max()) return in.error("blocksize must be positive");
  VIVACE_TRY(require_rank(in, 0, 4, 4));
  return block;
}
Status divide(const Inference& in, ir::Dim& d, int64_t by) {
  if (d.known() && d.value() % by != 0)
    return in.error(d.to_string() + " is not a multiple of " + std::to_string(by) + " as blocksize asks");
  d = floor_div(d, by);
  return {};
}
}  // namespace

Status infer_depth_to_space(Inference& in) {
  VIVACE_ASSIGN(const int64_t block, block_size(in));
  const std::string mode = in.attributes.text("mode", "DCR");
  if (mode != "DCR" && mode != "CRD") return in.error("unknown mode '" + mode + "'");
  ir::Dims out = in.dims(0).value_or(ir::Dims(4));
  VIVACE_TRY(divide(in, out[1], block * block));
  in.set(0, in.dtype(0), {out[0], out[1], out[2] * ir::Dim(block), out[3] * ir::Dim(block)});
  return {};
}
Status reference_depth_to_space(Call& call) {
  const TensorView &x = call.input(0), &y = call.output();
  const int64_t block = call.attributes.integer("blocksize"), channels = y.shape[1], height = x.shape[2],
                width = x.shape[3];
  const int64_t plane = height * width;
  const bool depth_first = call.attributes.text("mode", "DCR") == "DCR";
  const int64_t step = depth_first ? channels * plane : plane;  // between columns of a block
  const int64_t channel_step = depth_first ? plane : block * block * plane;
  const Shape shape{x.shape[0], channels, height, block, width, block};
  copy_strided(shape, {y, 0}, strides_of(shape), {x, 0},
               {x.shape[1] * plane, channel_step, width, block * step, 1, step}, call.pool);
  return {};
}

Status infer_space_to_depth(Inference& in) {
  VIVACE_ASSIGN(const int64_t block, block_size(in));
  ir::Dims out = in.dims(0).value_or(ir::Dims(4));
  VIVACE_TRY(divide(in, out[2], block));
  VIVACE_TRY(divide(in, out[3], block));
  in.set(0, in.dtype(0), {out[0], out[1] * ir::Dim(block * block), out[2], out[3]});
  return {};
}
Status reference_space_to_depth(Call& call) {
  const TensorView &x = call.input(0), &y = call.output();
  const int64_t block = call.attributes.integer("blocksize"), width = x.shape[3], plane = x.shape[2] * width;
  const Shape shape{x.shape[0], block, block, x.shape[1], y.shape[2], y.shape[3]};
  copy_strided(shape, {y, 0}, strides_of(shape), {x, 0}, {x.shape[1] * plane, width, 1, plane, block * width, block},
               call.pool);
  return {};
}

// --- ReverseSequence

Status infer_reverse_sequence(Inference& in) {
  VIVACE_TRY(require_rank(in, 0, 2, kMaxRank));
  VIVACE_TRY(require_type(in, 1, {DType::i64}));
  VIVACE_TRY(require_rank(in, 1, 1, 1));
  const int64_t batch = in.attributes.integer("batch_axis", 1), time = in.attributes.integer("time_axis", 0);
  if (!(batch == 0 && time == 1) && !(batch == 1 && time == 0))
    return in.error("batch_axis and time_axis must be 0 and 1, or 1 and 0");
  if (in.dims(0) && in.dims(1)) {
    const ir::Dim &rows = (*in.dims(0))[static_cast<size_t>(batch)], &lengths = in.dims(1)->front();
    if (rows.known() && lengths.known() && !rows.same(lengths))
      return in.error("sequence_lens has " + lengths.to_string() + " elements for a batch of " + rows.to_string());
  }
  return infer_same_as_first(in);
}
Status reference_reverse_sequence(Call& call) {
  const TensorView &x = call.input(0), &y = call.output();
  const auto batch_axis = static_cast<size_t>(call.attributes.integer("batch_axis", 1)), time_axis = 1 - batch_axis;
  const Shape strides = strides_of(x.shape);
  const std::vector<int64_t> lengths = to_int64(call.input(1));
  const int64_t steps = x.shape[time_axis], block = strides[1];
  for (int64_t b = 0; b < x.shape[batch_axis]; ++b) {
    const int64_t length = lengths[static_cast<size_t>(b)];
    if (length < 0 || length > steps)
      return call.error("sequence length " + std::to_string(length) + " is out of [0, " + std::to_string(steps) + "]");
    for (int64_t t = 0; t < steps; ++t) {
      const int64_t from = t < length ? length - 1 - t : t, base = b * strides[batch_axis];
      copy_elements({y, base + t * strides[time_axis]}, {x, base + from * strides[time_axis]}, block);
    }
  }
  return {};
}

}  // namespace vivace::ops
