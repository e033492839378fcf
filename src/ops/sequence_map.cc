// SequenceMap: a subgraph run for the elements of sequences. Inputs: a sequence, then sequences as long and tensors
// that every run is given, captures. The body takes the elements and tensors and gives an element of each output.
#include <algorithm>

#include "ops/control.h"
#include "ops/reference.h"

namespace vivace::ops {

ir::Type mapped_element(const ir::Type& type) {
  if (type.kind != ir::Kind::sequence) return type;
  return type.element ? *type.element : ir::Type();
}

Status infer_sequence_map(Inference& in) {
  VIVACE_ASSIGN(const size_t captures, captures_of(in, 1));
  const size_t own = in.node.inputs().size() - captures;
  VIVACE_ASSIGN(const ir::Graph* body, subgraph_of(in, "body", in.node.inputs().size()));
  if (in.type(0).known() && in.type(0).kind != ir::Kind::sequence)
    return in.error("input 0 is a " + in.type(0).to_string() + "; it takes a sequence");
  if (in.output_count() > body->outputs().size())
    return in.error("its body has " + std::to_string(body->outputs().size()) + " outputs, the node " +
                    std::to_string(in.output_count()));
  std::vector<Argument> arguments;
  for (size_t i = 0; i < own; ++i) {
    const Argument given = argument(in, i);
    arguments.push_back(given.type.is_list() ? Argument{mapped_element(given.type), std::nullopt} : given);
  }
  add_captures(in, captures, arguments);
  VIVACE_ASSIGN(const std::vector<ir::Type> types, infer_subgraph(in, *body, arguments));
  for (size_t i = 0; i < in.output_count(); ++i) {
    if (types[i].is_list()) return in.error("its body gives a " + types[i].to_string() + "; it must give tensors");
    in.set(i, ir::Type::sequence(types[i]));
  }
  return {};
}

Status reference_sequence_map(Call& call) {
  const auto captures = static_cast<size_t>(call.attributes.integer("captures"));
  const size_t own = call.inputs.size() - captures;
  const auto is_mapped = [&](size_t i) { return i < own && call.input(i).type == DType::list; };
  const int64_t count = call.input(0).count();
  for (size_t i = 1; i < own; ++i)
    if (is_mapped(i) && call.input(i).count() != count)
      return call.error("its sequences have " + std::to_string(count) + " and " +
                        std::to_string(call.input(i).count()) + " elements");
  std::vector<Tensor> arguments;
  for (const TensorView& input : call.inputs) arguments.push_back(borrowed(input));
  for (size_t k = 0; k < call.outputs.size(); ++k) VIVACE_TRY(call.allocate(k, DType::list, {count}));
  for (int64_t n = 0; n < count; ++n) {
    for (size_t i = 0; i < own; ++i)
      if (is_mapped(i)) arguments[i] = call.input(i).as<Tensor>()[n];
    VIVACE_ASSIGN(std::vector<Tensor> results, call.run_subgraph("body", arguments));
    if (results.size() < call.outputs.size()) return call.error("its body gave too few outputs");
    for (size_t k = 0; k < call.outputs.size(); ++k) {
      VIVACE_ASSIGN(call.output(k).as<Tensor>()[n], owned(results[k]));
    }
  }
  return {};
}

}  // namespace vivace::ops
