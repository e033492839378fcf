// vivace.Reorder: the same values in another layout, which only backends see, and in another type where it says `to`.
// Its meaning is the identity or a Cast, so the graph of a backend runs with reference kernels like any other.
// vivace.MoveChannels: channel c of all outputs, one behind the other, is channel from[c] of all inputs; `sizes` are
// the channels of each output. It is what concatenations, shuffles and splits of channels are together.
#include "ops/kernel.h"

namespace vivace::ops {

Status infer_reorder(Inference& in) {
  ir::Type type = in.type(0);
  type.channel_block = static_cast<int>(in.attributes.integer("channel_block"));
  const int64_t to = in.attributes.integer("to", static_cast<int64_t>(type.dtype));
  if (to <= 0 || to >= kDTypeCount) return in.error("'to' is not an element type: " + std::to_string(to));
  type.dtype = static_cast<DType>(to);
  in.set(0, std::move(type));
  return {};
}

Status reference_cast(Call& call);
Status reference_reorder(Call& call) { return reference_cast(call); }

Status infer_move_channels(Inference& in) {
  const std::vector<int64_t> sizes = in.attributes.integers("sizes"), from = in.attributes.integers("from");
  if (sizes.size() != in.output_count()) return in.error("it needs the channels of each output");
  auto left = static_cast<int64_t>(from.size());
  for (const int64_t size : sizes) {
    if (size < 0 || size > left) return in.error("sizes do not fit the channels moved");
    left -= size;
  }
  if (left != 0) return in.error("sizes do not fit the channels moved");
  int64_t channels = 0;
  for (size_t i = 0; i < in.input_count(); ++i) {
    if (!in.has(i) || !in.dims(i) || in.rank(i) < 2 || in.rank(i) != in.rank(0) || !(*in.dims(i))[1].known())
      return in.error("inputs must be images of known channels");
    VIVACE_TRY(require_same_type(in, 0, i));
    const ir::Dims &dims = *in.dims(i), &first = *in.dims(0);
    for (size_t d = 0; d < dims.size(); ++d)
      if (d != 1 && dims[d].known() && first[d].known() && !dims[d].same(first[d]))
        return in.error("inputs differ in more than their channels");
    channels += dims[1].value();
  }
  for (const int64_t c : from)
    if (c < 0 || c >= channels) return in.error("there is no channel " + std::to_string(c));
  for (size_t i = 0; i < sizes.size(); ++i) {
    ir::Dims out = *in.dims(0);
    out[1] = sizes[i];
    in.set(i, in.dtype(0), std::move(out));
  }
  return {};
}

Status reference_move_channels(Call& call) {
  const std::vector<int64_t> from = call.attributes.integers("from");
  size_t next = 0;
  for (size_t k = 0; k < call.outputs.size(); ++k) {
    const int64_t channels = call.attributes.integers("sizes")[k];
    const TensorView& y = call.output(k);
    for (int64_t c = 0; c < channels; ++c) {
      int64_t channel = from[next++];
      size_t i = 0;
      for (; channel >= call.input(i).shape[1]; ++i) channel -= call.input(i).shape[1];
      const TensorView& x = call.input(i);
      const int64_t plane = elements(std::span(x.shape).subspan(2));
      if (call.wants(k))
        copy_strided({x.shape[0], plane}, {y, c * plane}, {channels * plane, 1}, {x, channel * plane},
                     {x.shape[1] * plane, 1}, call.pool);
    }
  }
  return {};
}

}  // namespace vivace::ops
