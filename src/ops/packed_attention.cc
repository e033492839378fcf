// vivace.PackedAttention: Attention on [B, S, H * D] whose Q, K and V are columns of wider tensors, as one matrix
// product makes them. Q, K and V are columns begins[i] to begins[i] + sizes[i] of inputs sources[i]; the mask, if any,
// is the input behind the last source. The other attributes are Attention's.
#include <algorithm>

#include "ops/kernel.h"

namespace vivace::ops {

Status infer_attention(Inference& in);
Status reference_attention(Call& call);

namespace {

struct Parts {
  std::vector<int64_t> sources, begins, sizes;

  explicit Parts(const ir::Attributes& attributes)
      : sources(attributes.integers("sources")),
        begins(attributes.integers("begins")),
        sizes(attributes.integers("sizes")) {}
  size_t mask() const { return static_cast<size_t>(*std::max_element(sources.begin(), sources.end())) + 1; }
};

}  // namespace

Status infer_packed_attention(Inference& in) {
  const Parts parts(in.attributes);
  if (parts.sources.size() != 3 || parts.begins.size() != 3 || parts.sizes.size() != 3)
    return in.error("it needs a source, a begin and a size for each of Q, K and V");
  Inference apart(in.node);
  apart.types.clear();
  for (size_t i = 0; i < 3; ++i) {
    const int64_t begin = parts.begins[i], size = parts.sizes[i];
    if (parts.sources[i] < 0 || parts.sources[i] > 2 || !in.has(static_cast<size_t>(parts.sources[i])))
      return in.error("there is no source " + std::to_string(parts.sources[i]));
    ir::Type type = in.type(static_cast<size_t>(parts.sources[i]));
    if (type.rank() != 3 || !(*type.dims)[2].known()) return in.error("sources must have 3 dimensions, the last known");
    if (begin < 0 || size < 0 || size > (*type.dims)[2].value() - begin)
      return in.error("a source has no columns " + std::to_string(begin) + " to " + std::to_string(begin + size));
    (*type.dims)[2] = size;
    apart.types.push_back(std::move(type));
  }
  const size_t mask = parts.mask();
  if (in.input_count() > mask + 1) return in.error("it has an input too many");
  apart.present.assign(3, true);
  if (in.has(mask)) {
    apart.types.push_back(in.type(mask));
    apart.present.push_back(true);
  }
  apart.constants.assign(apart.types.size(), nullptr);
  apart.knowns.assign(apart.types.size(), std::nullopt);
  VIVACE_TRY(infer_attention(apart));
  in.set(0, apart.outputs[0]);
  return {};
}

Status reference_packed_attention(Call& call) {
  const Parts parts(call.attributes);
  Call apart(call.node);
  apart.pool = call.pool;
  apart.outputs = call.outputs;
  std::vector<Tensor> kept;
  for (size_t i = 0; i < 3; ++i) {
    const TensorView& x = call.input(static_cast<size_t>(parts.sources[i]));
    const int64_t rows = x.shape[0] * x.shape[1], size = parts.sizes[i];
    VIVACE_ASSIGN(Tensor part, Tensor::allocate(x.type, {x.shape[0], x.shape[1], size}));
    copy_strided({rows, size}, {part.view(), 0}, {size, 1}, {x, parts.begins[i]}, {x.shape[2], 1}, call.pool);
    kept.push_back(std::move(part));
    apart.inputs.push_back(kept.back().view());
  }
  if (call.has(parts.mask())) apart.inputs.push_back(call.input(parts.mask()));
  return reference_attention(apart);
}

}  // namespace vivace::ops
