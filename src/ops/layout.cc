// vivace.Reorder: the same values in another layout, which only backends see, and in another type where it says `to`.
// Its meaning is the identity or a Cast, so the graph of a backend runs with reference kernels like any other.
#include "ops/infer.h"

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

}  // namespace vivace::ops
