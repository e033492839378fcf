// vivace.Reorder: the same values in another layout, which only backends see. Its meaning is the identity, so the
// graph of a backend runs with reference kernels like any other.
#include "ops/infer.h"

namespace vivace::ops {

Status infer_reorder(Inference& in) {
  ir::Type type = in.type(0);
  type.channel_block = static_cast<int>(in.attributes.integer("channel_block"));
  in.set(0, std::move(type));
  return {};
}

Status reference_identity(Call& call);
Status reference_reorder(Call& call) { return reference_identity(call); }

}  // namespace vivace::ops
