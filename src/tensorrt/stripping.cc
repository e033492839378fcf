#include "tensorrt/stripping.h"

#include <algorithm>

namespace vivace::tensorrt {

namespace {

constexpr size_t kKept = 64;  // bytes

void replace_constant(ir::Graph& graph, ir::Value* value, Tensor by) {
  ir::Value* made = graph.add_constant(std::move(by), value->name);
  made->type = value->type;
  made->known = value->known;
  graph.replace_uses(value, made);
  graph.remove_unused_constant(value);
}

Tensor without_data(const Tensor& tensor) { return Tensor::wrap(tensor.type(), tensor.shape(), nullptr, nullptr); }

bool lacks_data(const Tensor& tensor) { return !tensor.data() && tensor.bytes() > 0; }

std::shared_ptr<ir::Graph> without_weights(const ir::Graph& graph, const Metadata* refittable, int64_t* bytes) {
  std::shared_ptr<ir::Graph> made = graph.clone();
  for (ir::Value* value : made->values()) {
    if (!value->is_constant() || !is_float(value->constant().type()) || !is_stripped(value->constant())) continue;
    if (refittable && !can_be_refitted(*value, *refittable)) continue;
    if (bytes) *bytes += static_cast<int64_t>(value->constant().bytes());
    replace_constant(*made, value, without_data(value->constant()));
  }
  return made;
}

plan::Program without_weights(const plan::Program& program) {
  plan::Program made = program;
  made.graph = without_weights(*program.graph, nullptr, nullptr);
  for (plan::Choice& choice : made.choices)
    for (Tensor& packed : choice.packed)
      if (is_stripped(packed)) packed = without_data(packed);
  for (auto& [where, body] : made.bodies) body = without_weights(body);
  return made;
}

Status fill(Tensor& tensor) {
  if (!lacks_data(tensor)) return {};
  VIVACE_ASSIGN(tensor, Tensor::allocate(tensor.type(), tensor.shape()));
  return {};
}

Status fill(ir::Graph& graph) {
  for (ir::Value* value : graph.values()) {
    if (!value->is_constant() || !lacks_data(value->constant())) continue;
    Tensor tensor = value->constant();
    VIVACE_TRY(fill(tensor));
    replace_constant(graph, value, std::move(tensor));
  }
  return {};
}

Status fill(plan::Program& program) {
  VIVACE_TRY(fill(*program.graph));
  for (plan::Choice& choice : program.choices)
    for (Tensor& packed : choice.packed) VIVACE_TRY(fill(packed));
  for (auto& [where, body] : program.bodies) VIVACE_TRY(fill(body));
  return {};
}

}  // namespace

bool can_be_refitted(const ir::Value& value, const Metadata& metadata) {
  // Small integers are shapes and axes, which decide what is computed.
  if (!value.is_constant() || value.uses().empty() || !is_float(value.constant().type())) return false;
  const std::vector<std::string>& names = metadata.refittable_weights;
  return names.empty() || std::find(names.begin(), names.end(), value.name) != names.end();
}

bool is_stripped(const Tensor& tensor) { return tensor.type() != DType::string && tensor.bytes() > kKept; }

plan::Plan without_weights(const plan::Plan& plan, Metadata metadata) {
  plan::Plan made = plan;
  metadata.stripped_bytes = 0;
  made.portable = without_weights(*plan.portable, &metadata, &metadata.stripped_bytes);
  if (metadata.stripped_bytes > 0) made.program = without_weights(plan.program);
  describe(made, metadata);
  return made;
}

Status fill_with_zeros(plan::Plan& plan) {
  if (plan.portable) VIVACE_TRY(fill(*plan.portable));
  return fill(plan.program);
}

}  // namespace vivace::tensorrt
