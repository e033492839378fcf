// Conv, ConvInteger, QLinearConv: gathers the patches of some output positions into a matrix and multiplies.
#include "ops/conv.h"

#include <algorithm>
#include <cmath>

#include "ops/patches.h"
#include "ops/products.h"
#include "ops/reference.h"

namespace vivace::ops {

namespace {
Shape spatial(const Shape& shape) { return {shape.begin() + 2, shape.end()}; }
ir::Dims spatial(const ir::Dims& dims) { return {dims.begin() + 2, dims.end()}; }
}  // namespace

Status infer_convolution(Inference& in, size_t x, size_t w, size_t bias, DType out) {
  if (!in.dims(x) && !in.dims(w)) {
    in.set_unknown_rank(0, out);
    return {};
  }
  const size_t rank = (in.dims(x) ? in.dims(x) : in.dims(w))->size();
  if (rank < 3) return in.error("a convolution needs an input of at least 3 dimensions, batch and channels first");
  VIVACE_TRY(require_rank(in, w, static_cast<int>(rank), static_cast<int>(rank)));
  const ir::Dims xd = in.dims(x).value_or(ir::Dims(rank)), wd = in.dims(w).value_or(ir::Dims(rank));
  const int64_t groups = in.attributes.integer("group", 1);
  if (groups < 1) return in.error("group must be positive");
  if (wd[0].known() && wd[0].value() % groups != 0)
    return in.error("group " + std::to_string(groups) + " does not divide the " + wd[0].to_string() + " filters");
  if (xd[1].known() && (xd[1].value() % groups != 0 || clash(xd[1].value() / groups, wd[1])))
    return in.error("the weights are for " + wd[1].to_string() + " input channels in each of " +
                    std::to_string(groups) + " groups, the input has " + xd[1].to_string());
  if (in.has(bias)) VIVACE_TRY(is_vector(in, bias, wd[0]));

  ir::Dims y(rank);
  y[0] = xd[0];
  y[1] = wd[0];
  std::optional<Shape> kernel = ir::to_shape(spatial(wd));
  if (const auto* given = in.attributes.get<std::vector<int64_t>>("kernel_shape")) {
    if (given->size() != rank - 2 || (kernel && *kernel != *given))
      return in.error("kernel_shape " + to_string(*given) + " is not that of the weights, [" + ir::to_string(wd) + "]");
    kernel = *given;
  }
  if (kernel) {
    VIVACE_ASSIGN(const ir::Dims outs, window_outputs(in.node, spatial(xd), *kernel, false));
    std::copy(outs.begin(), outs.end(), y.begin() + 2);
  }
  in.set(0, out, y);
  return {};
}

Status infer_conv(Inference& in) {
  VIVACE_TRY(same_types(in, {1, 2}));
  return infer_convolution(in, 0, 1, 2, in.dtype(0));
}

template <class W>
Status convolve_add(const Call& call, const Shape& x_shape, const W* x, const Shape& w_shape, const W* w,
                    const Shape& y_shape, W* y) {
  if (elements(y_shape) == 0 || elements(w_shape) == 0) return {};
  VIVACE_ASSIGN(const Window window, window_of(call.node, ir::to_dims(spatial(x_shape)), spatial(w_shape)));
  const Patches patches(spatial(x_shape), spatial(y_shape), window);
  const int64_t groups = call.attributes.integer("group", 1);
  const int64_t channels = w_shape[1], features = w_shape[0] / groups;  // of one group
  const int64_t positions = patches.positions(), taps = patches.taps(), image = elements(patches.image);
  const int64_t terms = channels * taps;
  // As many positions at a time as keep their patches in the second cache; features in blocks for more tasks.
  constexpr int64_t kPatchElements = 1 << 18, kFeatures = 64;
  const int64_t block = std::clamp<int64_t>(kPatchElements / terms, 1, 1024);
  const int64_t blocks = (positions + block - 1) / block, feature_blocks = (features + kFeatures - 1) / kFeatures;
  in_parallel(call.pool, x_shape[0] * groups * blocks * feature_blocks, [&](int64_t task) {
    const int64_t feature = task % feature_blocks * kFeatures, begin = task / feature_blocks % blocks * block;
    const int64_t group = task / feature_blocks / blocks;  // counted through the batch
    const int64_t end = std::min(begin + block, positions);
    std::vector<W> matrix(static_cast<size_t>(terms * (end - begin)));
    for (int64_t c = 0; c < channels; ++c)
      for (int64_t tap = 0; tap < taps; ++tap)
        patches.gather(x + (group * channels + c) * image, tap, begin, end,
                       matrix.data() + (c * taps + tap) * (end - begin));
    multiply_add<W>(std::min(kFeatures, features - feature), end - begin, terms,
                    {w + (group % groups * features + feature) * terms, terms, 1}, matrix.data(), end - begin,
                    y + (group * features + feature) * positions + begin, positions);
  });
  return {};
}
template Status convolve_add<float>(const Call&, const Shape&, const float*, const Shape&, const float*, const Shape&,
                                    float*);
template Status convolve_add<double>(const Call&, const Shape&, const double*, const Shape&, const double*,
                                     const Shape&, double*);
template Status convolve_add<uint32_t>(const Call&, const Shape&, const uint32_t*, const Shape&, const uint32_t*,
                                       const Shape&, uint32_t*);

template <class W>
Status reference_conv_into(const Call& call, W* y) {
  const Shape &x_shape = call.input(0).shape, &w_shape = call.input(1).shape, &y_shape = call.output().shape;
  VIVACE_ASSIGN(const auto x, Reader<W>::of(call.input(0)));
  VIVACE_ASSIGN(const auto w, Reader<W>::of(call.input(1)));
  VIVACE_ASSIGN(const auto bias, Reader<W>::of(call.has(2) ? call.input(2) : TensorView{}));
  fill_channels(y_shape, bias.data(), y);
  return convolve_add<W>(call, x_shape, x.data(), w_shape, w.data(), y_shape, y);
}
template Status reference_conv_into<float>(const Call&, float*);
template Status reference_conv_into<double>(const Call&, double*);

Status reference_conv(Call& call) {
  return compute_in(call, call.input(0).type, [&]<class W>() -> Status {
    VIVACE_ASSIGN(const auto y, Writer<W>::of(call.output()));
    VIVACE_TRY(reference_conv_into<W>(call, y.data()));
    return y.store();
  });
}

namespace {

// Elements minus their zero point (one, or one per index of dimension 0), modulo 2^32.
Result<std::vector<uint32_t>> centred(const Call& call, size_t tensor, size_t zero_point) {
  VIVACE_ASSIGN(const auto x, Reader<int32_t>::of(call.input(tensor)));
  VIVACE_ASSIGN(const auto zero, Reader<int32_t>::of(call.has(zero_point) ? call.input(zero_point) : TensorView{}));
  std::vector<uint32_t> out(static_cast<size_t>(x.count()));
  const int64_t first = call.input(tensor).shape[0], inner = first ? x.count() / first : 0;
  if (zero.count() > 1 && zero.count() != first) return call.error("a zero point must be one number or one per filter");
  for (int64_t i = 0; i < x.count(); ++i) {
    const int32_t z = zero.count() == 0 ? 0 : zero[zero.count() == 1 ? 0 : i / inner];
    out[static_cast<size_t>(i)] = static_cast<uint32_t>(x[i] - z);
  }
  return out;
}

}  // namespace

Status infer_conv_integer(Inference& in) {
  VIVACE_TRY(require_type(in, 0, {DType::u8, DType::i8}));
  VIVACE_TRY(require_type(in, 1, {DType::u8, DType::i8}));
  VIVACE_TRY(same_types(in, {2}, 0));
  VIVACE_TRY(same_types(in, {3}, 1));
  return infer_convolution(in, 0, 1, SIZE_MAX, DType::i32);
}

Status reference_conv_integer(Call& call) {
  VIVACE_ASSIGN(const auto x, centred(call, 0, 2));
  VIVACE_ASSIGN(const auto w, centred(call, 1, 3));
  const TensorView& y = call.output();
  fill_channels<uint32_t>(y.shape, nullptr, y.as<uint32_t>());
  return convolve_add(call, call.input(0).shape, x.data(), call.input(1).shape, w.data(), y.shape, y.as<uint32_t>());
}

Status infer_qlinear_conv(Inference& in) {
  for (const size_t i : {0, 3, 7}) VIVACE_TRY(require_type(in, i, {DType::u8, DType::i8}));
  VIVACE_TRY(same_types(in, {2}, 0));
  VIVACE_TRY(same_types(in, {5}, 3));
  for (const size_t i : {1, 4, 6}) VIVACE_TRY(require_type(in, i, {DType::f32}));
  VIVACE_TRY(require_type(in, 8, {DType::i32}));
  return infer_convolution(in, 0, 3, 8, in.dtype(7));
}

// y = round((sum + bias) * x_scale * w_scale / y_scale) + y_zero_point, saturated.
Status reference_qlinear_conv(Call& call) {
  const TensorView& y = call.output();
  const int64_t features = y.shape[1];
  for (const size_t i : {1, 2, 6, 7})
    if (call.input(i).count() != 1) return call.error("input " + std::to_string(i) + " must be one number");
  if (call.input(4).count() != 1 && call.input(4).count() != features)
    return call.error("w_scale must be one number or one per filter");
  VIVACE_ASSIGN(const auto x, centred(call, 0, 2));
  VIVACE_ASSIGN(const auto w, centred(call, 3, 5));
  VIVACE_ASSIGN(const Tensor sums, Tensor::allocate(DType::u32, y.shape));
  fill_channels(y.shape, call.has(8) ? call.input(8).as<const uint32_t>() : nullptr, sums.as<uint32_t>());
  VIVACE_TRY(
      convolve_add(call, call.input(0).shape, x.data(), call.input(3).shape, w.data(), y.shape, sums.as<uint32_t>()));

  const float x_scale = *call.input(1).as<float>(), y_scale = *call.input(6).as<float>();
  const float* w_scale = call.input(4).as<float>();
  const bool per_channel = call.input(4).count() > 1;
  const int64_t inner = elements(std::span(y.shape).subspan(2));
  visit_dtype<uint8_t, int8_t>(y.type, [&]<class T>() {
    const float zero = *call.input(7).as<T>();
    constexpr float low = std::numeric_limits<T>::lowest(), high = std::numeric_limits<T>::max();
    for (int64_t i = 0; i < y.count(); ++i) {
      const float scale = x_scale * w_scale[per_channel ? i / inner % features : 0] / y_scale;
      const float sum = static_cast<float>(static_cast<int32_t>(sums.as<uint32_t>()[i]));
      const float v = std::nearbyint(sum * scale) + zero;
      y.as<T>()[i] = static_cast<T>(v > low ? std::min(v, high) : low);  // NaN becomes the lowest
    }
  });
  return {};
}

}  // namespace vivace::ops
