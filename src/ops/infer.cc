#include "ops/infer.h"

#include <algorithm>

namespace vivace::ops {

int normalized_axis(int64_t axis, int rank) {
  if (axis < -rank || axis >= rank) return -1;
  return static_cast<int>(axis < 0 ? axis + rank : axis);
}

Status infer_same_as_first(Inference& in) {
  in.set(0, in.type(0));
  return {};
}

namespace {
Status infer_broadcast_as(Inference& in, DType dtype) {
  std::optional<ir::Dims> all = ir::Dims{};
  for (size_t i = 0; i < in.input_count(); ++i) {
    if (!in.has(i)) continue;
    if (!in.dims(i)) {
      in.set_unknown_rank(0, dtype);
      return {};
    }
    const ir::Dims before = *all;
    all = ir::broadcast(*all, *in.dims(i));
    if (!all)
      return in.error("shapes [" + ir::to_string(before) + "] and [" + ir::to_string(*in.dims(i)) +
                      "] do not broadcast");
  }
  in.set(0, dtype, *all);
  return {};
}
}  // namespace

Status infer_broadcast(Inference& in) { return infer_broadcast_as(in, in.dtype(0)); }
Status infer_broadcast_bool(Inference& in) { return infer_broadcast_as(in, DType::boolean); }

ir::Dim window_output(const ir::Dim& in, int64_t kernel, int64_t stride, int64_t pad_begin, int64_t pad_end,
                      int64_t dilation, bool ceil_mode) {
  const ir::Dim span = in + ir::Dim(pad_begin + pad_end - dilation * (kernel - 1) - 1);
  if (!ceil_mode) return span.known() && span.value() < 0 ? ir::Dim(0) : floor_div(span, stride) + ir::Dim(1);
  ir::Dim out = ceil_div(span, stride) + ir::Dim(1);
  if (out.known() && in.known() && (out.value() - 1) * stride >= in.value() + pad_begin) out = ir::Dim(out.value() - 1);
  return out;
}

Result<Window> window_of(const ir::Node& node, const ir::Dims& in_spatial, std::vector<int64_t> kernel) {
  const size_t n = in_spatial.size();
  const auto bad = [&](const std::string& what) { return Status(Code::invalid_model, node.describe() + ": " + what); };
  Window w;
  w.kernel = std::move(kernel);
  w.strides = node.attributes.integers("strides", std::vector<int64_t>(n, 1));
  w.dilations = node.attributes.integers("dilations", std::vector<int64_t>(n, 1));
  w.pads = node.attributes.integers("pads", std::vector<int64_t>(2 * n, 0));
  if (w.kernel.size() != n || w.strides.size() != n || w.dilations.size() != n || w.pads.size() != 2 * n)
    return bad("kernel_shape, strides, dilations and pads must fit " + std::to_string(n) + " spatial dimensions");
  constexpr int64_t kLimit = int64_t{1} << 31;
  for (size_t i = 0; i < n; ++i)
    if (w.kernel[i] < 1 || w.strides[i] < 1 || w.dilations[i] < 1 || w.kernel[i] > kLimit || w.strides[i] > kLimit ||
        w.dilations[i] > kLimit || std::abs(w.pads[i]) > kLimit || std::abs(w.pads[n + i]) > kLimit)
      return bad("kernel_shape, strides and dilations must be positive, and none beyond 2^31");
  const std::string mode = node.attributes.text("auto_pad", "NOTSET");
  if (mode == "NOTSET") return w;
  w.pads.assign(2 * n, 0);
  if (mode == "VALID") return w;
  if (mode != "SAME_UPPER" && mode != "SAME_LOWER") return bad("unknown auto_pad '" + mode + "'");
  for (size_t i = 0; i < n; ++i) {
    if (!in_spatial[i].known() && w.strides[i] != 1) continue;  // known when shapes are: inference runs again then
    const int64_t in = in_spatial[i].known() ? in_spatial[i].value() : 1;  // with stride 1 the size does not matter
    const int64_t out = (in + w.strides[i] - 1) / w.strides[i];
    const int64_t total = std::max<int64_t>(0, (out - 1) * w.strides[i] + w.dilations[i] * (w.kernel[i] - 1) + 1 - in);
    w.pads[i] = mode == "SAME_UPPER" ? total / 2 : total - total / 2;
    w.pads[n + i] = total - w.pads[i];
  }
  return w;
}

BroadcastWalk::BroadcastWalk(const Shape& out, const std::vector<Shape>& inputs)
    : out_(out), index_(out.size(), 0), offsets_(inputs.size(), 0), count_(elements(out)) {
  for (const Shape& shape : inputs) {
    const Shape dense = strides_of(shape);
    Shape strides(out.size(), 0);
    const size_t skip = out.size() - shape.size();
    for (size_t i = 0; i < shape.size(); ++i) strides[skip + i] = shape[i] == 1 ? 0 : dense[i];
    strides_.push_back(std::move(strides));
  }
}

void BroadcastWalk::advance() {
  for (size_t axis = out_.size(); axis-- > 0;) {
    const bool carry = ++index_[axis] == out_[axis];
    const int64_t steps = carry ? 1 - out_[axis] : 1;
    for (size_t i = 0; i < offsets_.size(); ++i) offsets_[i] += steps * strides_[i][axis];
    if (!carry) return;
    index_[axis] = 0;
  }
}

AxisSplit split_at(const Shape& shape, int axis) {
  const auto a = static_cast<size_t>(axis);
  return {elements(std::span(shape).first(a)), shape[a], elements(std::span(shape).subspan(a + 1))};
}

}  // namespace vivace::ops
