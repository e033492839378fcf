#include "ops/reference.h"

namespace vivace::ops {

namespace {
template <class To>
bool convert_to(const TensorView& from, To* to) {
  return visit_dtype<float, double, Float16, BFloat16, int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t,
                     uint64_t, bool>(from.type, [&]<class From>() {
    const From* x = from.as<From>();
    const int64_t count = from.count();
    for (int64_t i = 0; i < count; ++i) to[i] = static_cast<To>(static_cast<Wide<From>>(x[i]));
  });
}
}  // namespace

Status convert(const TensorView& from, const TensorView& to) {
  bool done = false;
  visit_dtype<float, double, int32_t, int64_t, uint32_t, uint64_t, Float16, BFloat16>(
      to.type, [&]<class To>() { done = convert_to(from, to.as<To>()); });
  if (done) return {};
  return {Code::internal, std::string("no conversion from ") + to_string(from.type) + " to " + to_string(to.type)};
}

Status ensure_output(Call& call, size_t i, DType type, const Shape& shape) {
  if (i < call.outputs.size() && call.outputs[i].type == type && call.outputs[i].shape == shape) return {};
  return call.allocate(i, type, shape);
}

Status give_output(Call& call, size_t i, const TensorView& value) {
  if (i >= call.outputs.size()) return {};
  VIVACE_TRY(ensure_output(call, i, value.type, value.shape));
  copy_elements({call.output(i), 0}, {value, 0}, value.count());
  return {};
}

Result<Tensor> owned_copy(const TensorView& value) {
  VIVACE_ASSIGN(Tensor copy, Tensor::allocate(value.type, value.shape));
  copy_elements({copy, 0}, {value, 0}, value.count());
  return copy;
}

Result<Tensor> owned(const Tensor& value) { return value.owner() ? Result<Tensor>(value) : owned_copy(value); }

Status same_types(const Inference& in, std::initializer_list<size_t> which, size_t as) {
  for (const size_t i : which) VIVACE_TRY(require_same_type(in, i, as));
  return {};
}

Status is_vector(const Inference& in, size_t i, const ir::Dim& size) {
  VIVACE_TRY(require_rank(in, i, 1, 1));
  if (!in.has(i) || !in.dims(i) || !clash((*in.dims(i))[0], size)) return {};
  return in.error("input " + std::to_string(i) + " has " + (*in.dims(i))[0].to_string() + " elements, not " +
                  size.to_string());
}

}  // namespace vivace::ops
