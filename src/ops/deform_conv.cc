// DeformConv: a convolution whose taps move by offsets, between pixels too. Dai et al., "Deformable convolutional
// networks" (2017); the mask is of the second version (Zhu et al., 2018).
#include <algorithm>

#include "ops/conv.h"
#include "ops/patches.h"
#include "ops/products.h"
#include "ops/reference.h"
#include "ops/sampling.h"

namespace vivace::ops {

// Inputs: X, W, offsets [N, offset_group * taps * n, ...], B, mask [N, offset_group * taps, ...].
Status infer_deform_conv(Inference& in) {
  VIVACE_TRY(same_types(in, {1, 2, 3, 4}));
  VIVACE_TRY(infer_convolution(in, 0, 1, 3, in.dtype(0)));
  if (!in.outputs[0].dims) return {};
  const ir::Dims& y = *in.outputs[0].dims;
  constexpr size_t kMostDimensions = 8;  // spatial; a tap takes 2 to that power pixels
  if (y.size() > 2 + kMostDimensions) return in.error("it has more dimensions than are supported");
  const int64_t groups = in.attributes.integer("offset_group", 1);
  if (groups < 1) return in.error("offset_group must be positive");
  if (in.dims(0) && (*in.dims(0))[1].known() && (*in.dims(0))[1].value() % groups != 0)
    return in.error("offset_group " + std::to_string(groups) + " does not divide the " + (*in.dims(0))[1].to_string() +
                    " channels");
  const auto spatial = static_cast<int64_t>(y.size()) - 2;
  ir::Dim taps = ir::Dim(groups);
  for (size_t d = 2; d < y.size(); ++d) taps = taps * (in.dims(1) ? (*in.dims(1))[d] : ir::Dim());
  for (const size_t i : {2, 4}) {
    if (!in.has(i) || !in.dims(i)) continue;
    const ir::Dims& given = *in.dims(i);
    ir::Dims wanted = y;
    wanted[1] = i == 2 ? taps * ir::Dim(spatial) : taps;
    bool fits = given.size() == wanted.size();
    for (size_t d = 0; fits && d < wanted.size(); ++d) fits = !clash(given[d], wanted[d]);
    if (!fits)
      return in.error("input " + std::to_string(i) + " has shape [" + ir::to_string(given) + "], not [" +
                      ir::to_string(wanted) + "]");
  }
  return {};
}

Status reference_deform_conv(Call& call) {
  const Shape &x_shape = call.input(0).shape, &w_shape = call.input(1).shape, &y_shape = call.output().shape;
  return compute_in(call, call.input(0).type, [&]<class W>() -> Status {
    const auto optional = [&](size_t i) { return Reader<W>::of(call.has(i) ? call.input(i) : TensorView{}); };
    VIVACE_ASSIGN(const auto x, optional(0));
    VIVACE_ASSIGN(const auto w, optional(1));
    VIVACE_ASSIGN(const auto offsets, optional(2));
    VIVACE_ASSIGN(const auto bias, optional(3));
    VIVACE_ASSIGN(const auto mask, optional(4));
    VIVACE_ASSIGN(const auto y, Writer<W>::of(call.output()));
    fill_channels(y_shape, bias.data(), y.data());
    if (elements(y_shape) == 0 || w.count() == 0 || x.count() == 0) return y.store();

    const Shape image(x_shape.begin() + 2, x_shape.end()), out(y_shape.begin() + 2, y_shape.end());
    VIVACE_ASSIGN(const Window window, window_of(call.node, ir::to_dims(image), {w_shape.begin() + 2, w_shape.end()}));
    const auto n = static_cast<int64_t>(image.size());
    const int64_t groups = call.attributes.integer("group", 1),
                  offset_groups = call.attributes.integer("offset_group", 1);
    const int64_t channels = w_shape[1], features = w_shape[0] / groups, shared = x_shape[1] / offset_groups;
    const int64_t taps = elements(window.kernel), positions = elements(out), pixels = elements(image),
                  terms = channels * taps;
    // One position at a time: the taps of each offset group, then what they see in each channel of the group.
    in_parallel(call.pool, x_shape[0] * groups * positions, [&](int64_t task) {
      const int64_t position = task % positions, group = task / positions % groups, batch = task / positions / groups;
      std::vector<W> seen(static_cast<size_t>(terms));
      std::vector<std::vector<Tap>> along(image.size());
      std::vector<Tap> neighbours;
      for (int64_t c = 0; c < channels;) {
        const int64_t offset_group = (group * channels + c) / shared;
        const int64_t end = std::min(channels, (offset_group + 1) * shared - group * channels);
        for (int64_t tap = 0; tap < taps; ++tap) {
          int64_t place = position, k = tap;
          for (int64_t d = n; d-- > 0;) {
            const auto dim = static_cast<size_t>(d);
            const int64_t at = place % out[dim] * window.strides[dim] + k % window.kernel[dim] * window.dilations[dim] -
                               window.pads[dim];
            place /= out[dim];
            k /= window.kernel[dim];
            const W moved =
                offsets[(((batch * offset_groups + offset_group) * taps + tap) * n + d) * positions + position];
            along[dim] = linear_taps(static_cast<double>(at) + static_cast<double>(moved), image[dim]);
          }
          combine(image, along, neighbours);
          const W share =
              mask.data() ? mask[((batch * offset_groups + offset_group) * taps + tap) * positions + position] : W(1);
          for (int64_t channel = c; channel < end; ++channel)
            seen[static_cast<size_t>(channel * taps + tap)] =
                share * sample(x.data() + (batch * x_shape[1] + group * channels + channel) * pixels, neighbours);
        }
        c = end;
      }
      multiply_add<W>(features, 1, terms, {w.data() + group * features * terms, terms, 1}, seen.data(), 1,
                      y.data() + (batch * groups + group) * features * positions + position, positions);
    });
    return y.store();
  });
}

}  // namespace vivace::ops
