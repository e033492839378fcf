#include "backends/cuda/host_steps.h"

#include <cstring>

#include "ops/kernel.h"

namespace vivace::cuda {

namespace {

size_t id_of(const ir::Value* v) { return static_cast<size_t>(v->id()); }

void* address(const Address& a, std::byte* mirror) {
  if (a.host || a.base == Address::Base::none) return const_cast<void*>(a.host);
  return mirror + a.home;
}

}  // namespace

void HostSteps::begin(const Instance& instance, const std::vector<TensorView>& inputs) {
  values_.assign(instance.run_values ? instance.at.types.size() : 0, Tensor());
  if (!instance.run_values) return;
  for (size_t k = 0; k < inputs.size(); ++k)
    values_[id_of(executor_->graph().inputs()[k])] =
        Tensor::wrap(inputs[k].type, inputs[k].shape, inputs[k].data, nullptr);
}

Status HostSteps::run(const Instance& instance, const Step& step, std::byte* mirror) {
  if (step.known_late) return run_late(instance, step, mirror);
  std::vector<void*> pointers;
  for (const Address& a : step.inputs) pointers.push_back(address(a, mirror));
  for (const Address& a : step.outputs) pointers.push_back(address(a, mirror));
  return step.bound.run({pointers.data(), pointers.data() + step.inputs.size(), mirror + step.workspace, pool_});
}

Status HostSteps::run_late(const Instance& instance, const Step& step, std::byte* mirror) {
  const ir::Node& node = *nodes_[step.node];
  const cpu::ConcreteGraph& at = instance.at;
  for (size_t k = 0; k < node.inputs().size(); ++k) {
    const ir::Value* v = node.inputs()[k];
    if (!v || step.inputs[k].base == Address::Base::run) continue;
    const Tensor* constant = at.value(v);
    const ir::Type& type = *at.type(v);
    if (are_objects(type.dtype) && !constant) continue;  // an input
    values_[id_of(v)] =
        constant ? *constant : Tensor::wrap(type.dtype, *type.shape(), address(step.inputs[k], mirror), nullptr);
  }
  VIVACE_TRY(executor_->run_when_known(step.node, values_, pool_));
  for (size_t k = 0; k < node.outputs().size(); ++k) {  // where the shape was known all the same, there is a place
    const Address& place = step.outputs[k];
    if (place.base == Address::Base::run || place.base == Address::Base::none) continue;
    const ir::Value* v = node.outputs()[k];
    const Tensor& made = values_[id_of(v)];
    const Shape expected = *at.type(v)->shape();
    if (made.shape() != expected)
      return {Code::internal, node.describe() + ": output '" + v->name + "' has shape " + to_string(made.shape()) +
                                  ", expected " + to_string(expected)};
    if (made.bytes() > 0) std::memcpy(address(place, mirror), made.data(), made.bytes());
  }
  return {};
}

Status HostSteps::give(const Instance& instance, const ir::Value* output, Tensor& to) const {
  const Tensor* constant = instance.at.value(output);
  const Tensor& made = constant ? *constant : values_[id_of(output)];
  if (made.owner() && !constant) {
    to = made;
    return {};
  }
  // An input or a constant, given back.
  VIVACE_ASSIGN(to, Tensor::allocate(made.type(), made.shape()));
  ops::copy_elements({to, 0}, {made, 0}, made.count());
  return {};
}

}  // namespace vivace::cuda
