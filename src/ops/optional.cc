// Optionals: values of DType::list with one element or none. What is no optional counts as one that has its element.
#include "ir/text.h"
#include "ops/reference.h"

namespace vivace::ops {

namespace {

bool is_optional(const ir::Type& type) { return type.kind == ir::Kind::optional; }

// Whether input 0 is an optional, which its value alone does not say.
bool takes_optional(const Call& call) {
  const ir::Value* input = call.node.input(0);
  return call.has(0) && call.input(0).type == DType::list && input && is_optional(input->type);
}

}  // namespace

Status infer_optional(Inference& in) {
  ir::Type element;
  if (in.has(0)) {
    element = in.type(0);
  } else {
    Result<ir::Type> said = ir::parse_type(in.attributes.text("type"));
    if (!said.ok()) return in.error("without an input it needs a type: " + said.status().message());
    element = *std::move(said);
  }
  if (is_optional(element)) return in.error("an optional cannot hold an optional");
  in.set(0, element.known() ? ir::Type::optional(element) : ir::Type::of_unknown(ir::Kind::optional));
  return {};
}
Status reference_optional(Call& call) {
  VIVACE_TRY(call.allocate(0, DType::list, {call.has(0) ? 1 : 0}));
  if (!call.has(0)) return {};
  VIVACE_ASSIGN(*call.output().as<Tensor>(), owned_copy(call.input(0)));
  return {};
}

Status infer_optional_has_element(Inference& in) {
  in.set(0, DType::boolean, {});
  return {};
}
Status reference_optional_has_element(Call& call) {
  *call.output().as<bool>() = takes_optional(call) ? call.input(0).count() > 0 : call.has(0);
  return {};
}

Status infer_optional_get_element(Inference& in) {
  const ir::Type& type = in.type(0);
  in.set(0, !is_optional(type) ? type : type.element ? *type.element : ir::Type());
  return {};
}
Status reference_optional_get_element(Call& call) {
  if (!takes_optional(call)) return give_output(call, 0, call.input(0));
  if (call.input(0).count() == 0) return call.error("the optional has no element; ask OptionalHasElement first");
  return give_output(call, 0, *call.input(0).as<Tensor>());
}

}  // namespace vivace::ops
