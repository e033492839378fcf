// ConvTranspose: multiplies input channels into patches and adds these up where they overlap.
#include <algorithm>

#include "ops/conv.h"
#include "ops/patches.h"
#include "ops/products.h"
#include "ops/reference.h"

namespace vivace::ops {

namespace {

// The window with pads resolved and the sizes of the output.
struct Transposed {
  Window window;
  ir::Dims out;
};

// Along each dimension: out = stride * (in - 1) + output_padding + dilation * (kernel - 1) + 1 - pads.
Result<Transposed> transposed(const ir::Node& node, const ir::Dims& in, const std::vector<int64_t>& kernel) {
  const size_t n = in.size();
  const auto bad = [&](const std::string& what) { return Status(Code::invalid_model, node.describe() + ": " + what); };
  const std::string mode = node.attributes.text("auto_pad", "NOTSET");
  if (mode != "NOTSET" && mode != "VALID" && mode != "SAME_UPPER" && mode != "SAME_LOWER")
    return bad("unknown auto_pad '" + mode + "'");
  // Dimensions do not matter to window_of without auto_pad, and what it makes of SAME is replaced below.
  Transposed t;
  VIVACE_ASSIGN(t.window, window_of(node, in, kernel));
  Window& w = t.window;
  std::vector<int64_t> wanted = node.attributes.integers("output_shape");
  if (wanted.size() == n + 2) wanted.erase(wanted.begin(), wanted.begin() + 2);  // batch and channels may be given
  const std::vector<int64_t> extra = node.attributes.integers("output_padding", std::vector<int64_t>(n, 0));
  if (extra.size() != n || (!wanted.empty() && wanted.size() != n))
    return bad("output_padding and output_shape must fit " + std::to_string(n) + " spatial dimensions");
  constexpr int64_t kLimit = int64_t{1} << 31;
  for (size_t i = 0; i < n; ++i) {
    if (extra[i] < 0 || extra[i] > kLimit) return bad("output_padding must not be negative, nor beyond 2^31");
    const ir::Dim full =
        (in[i] - ir::Dim(1)) * ir::Dim(w.strides[i]) + ir::Dim(extra[i] + w.dilations[i] * (w.kernel[i] - 1) + 1);
    const bool same = mode.starts_with("SAME");
    if (wanted.empty() && !same) {
      t.out.push_back(full - ir::Dim(w.pads[i] + w.pads[n + i]));
    } else {
      if (!wanted.empty() && wanted[i] < 0) return bad("output_shape must not be negative");
      // SAME cuts off what exceeds in * stride; a window narrower than the stride makes less, and nothing is added.
      const int64_t beyond = extra[i] + w.dilations[i] * (w.kernel[i] - 1) + 1 - w.strides[i];
      t.out.push_back(wanted.empty() ? full - ir::Dim(std::max<int64_t>(0, beyond)) : ir::Dim(wanted[i]));
      const ir::Dim total = full - t.out.back();
      const int64_t cut = total.known() ? std::max<int64_t>(0, total.value()) : 0;
      w.pads[i] = mode == "SAME_UPPER" ? cut / 2 : cut - cut / 2;
      w.pads[n + i] = cut - w.pads[i];
    }
    if (t.out.back().known() && t.out.back().value() < 0) t.out.back() = 0;
    if (in[i].known() && !t.out.back().known()) return bad("the output is too large");
  }
  return t;
}

}  // namespace

Result<Window> transposed_window(const ir::Node& node, const ir::Dims& in, const std::vector<int64_t>& kernel) {
  VIVACE_ASSIGN(Transposed t, transposed(node, in, kernel));
  return std::move(t.window);
}

Status infer_conv_transpose(Inference& in) {
  VIVACE_TRY(same_types(in, {1, 2}));
  if (!in.dims(0) && !in.dims(1)) {
    in.set_unknown_rank(0, in.dtype(0));
    return {};
  }
  const size_t rank = (in.dims(0) ? in.dims(0) : in.dims(1))->size();
  if (rank < 3) return in.error("a convolution needs an input of at least 3 dimensions, batch and channels first");
  VIVACE_TRY(require_rank(in, 1, static_cast<int>(rank), static_cast<int>(rank)));
  const ir::Dims x = in.dims(0).value_or(ir::Dims(rank)), w = in.dims(1).value_or(ir::Dims(rank));
  const int64_t groups = in.attributes.integer("group", 1);
  if (groups < 1) return in.error("group must be positive");
  if (clash(x[1], w[0]))
    return in.error("the weights are for " + w[0].to_string() + " input channels, the input has " + x[1].to_string());
  if (w[0].known() && w[0].value() % groups != 0)
    return in.error("group " + std::to_string(groups) + " does not divide the " + w[0].to_string() + " input channels");
  ir::Dims y(rank);
  y[0] = x[0];
  y[1] = w[1] * ir::Dim(groups);
  if (in.has(2)) VIVACE_TRY(is_vector(in, 2, y[1]));
  std::optional<Shape> kernel = ir::to_shape(ir::Dims(w.begin() + 2, w.end()));
  if (const auto* given = in.attributes.get<std::vector<int64_t>>("kernel_shape")) {
    if (given->size() != rank - 2 || (kernel && *kernel != *given))
      return in.error("kernel_shape " + to_string(*given) + " is not that of the weights, [" + ir::to_string(w) + "]");
    kernel = *given;
  }
  if (kernel) {
    VIVACE_ASSIGN(const Transposed t, transposed(in.node, {x.begin() + 2, x.end()}, *kernel));
    std::copy(t.out.begin(), t.out.end(), y.begin() + 2);
  }
  in.set(0, in.dtype(0), y);
  return {};
}

Status reference_conv_transpose(Call& call) {
  const Shape &x_shape = call.input(0).shape, &w_shape = call.input(1).shape, &y_shape = call.output().shape;
  return compute_in(call, call.input(0).type, [&]<class W>() -> Status {
    VIVACE_ASSIGN(const auto x, Reader<W>::of(call.input(0)));
    VIVACE_ASSIGN(const auto w, Reader<W>::of(call.input(1)));
    VIVACE_ASSIGN(const auto bias, Reader<W>::of(call.has(2) ? call.input(2) : TensorView{}));
    VIVACE_ASSIGN(const auto y, Writer<W>::of(call.output()));
    fill_channels(y_shape, bias.data(), y.data());
    if (x.count() == 0 || w.count() == 0 || elements(y_shape) == 0) return y.store();

    const Shape in(x_shape.begin() + 2, x_shape.end()), out(y_shape.begin() + 2, y_shape.end());
    VIVACE_ASSIGN(const Transposed t, transposed(call.node, ir::to_dims(in), {w_shape.begin() + 2, w_shape.end()}));
    const Patches patches(out, in, t.window);
    const int64_t groups = call.attributes.integer("group", 1);
    const int64_t channels = w_shape[0] / groups, features = w_shape[1];  // of one group
    const int64_t taps = patches.taps(), positions = patches.positions(), image = elements(out);
    constexpr int64_t kPatchElements = 1 << 16;
    const int64_t block = std::clamp<int64_t>(kPatchElements / taps, 1, 1024);
    in_parallel(call.pool, x_shape[0] * groups * features, [&](int64_t task) {
      const int64_t feature = task % features, group = task / features;  // the group counted through the batch
      std::vector<W> matrix;
      for (int64_t begin = 0; begin < positions; begin += block) {
        const int64_t end = std::min(begin + block, positions);
        matrix.assign(static_cast<size_t>(taps * (end - begin)), W(0));
        multiply_add<W>(taps, end - begin, channels,
                        {w.data() + (group % groups * channels * features + feature) * taps, 1, features * taps},
                        x.data() + group * channels * positions + begin, positions, matrix.data(), end - begin);
        for (int64_t tap = 0; tap < taps; ++tap)
          patches.scatter_add(matrix.data() + tap * (end - begin), tap, begin, end,
                              y.data() + (group * features + feature) * image);
      }
    });
    return y.store();
  });
}

}  // namespace vivace::ops
