#include "frontends/onnx/upgrade.h"

#include "ops/operator.h"

namespace vivace::onnx {

std::string Step::describe() const {
  return "node '" + name + "' (" + op + (version > 0 ? ", opset " + std::to_string(version) : "") + ")";
}
Status Step::error(const std::string& what) const { return {Code::invalid_model, what}; }
Status Step::unsupported(const std::string& what) const { return {Code::unsupported, what}; }

ir::Value* Step::add(const std::string& operator_name, std::vector<ir::Value*> node_inputs, ir::Attributes node_attributes,
                     size_t output_count) {
  ir::Node* node = graph.add_node(operator_name, std::move(node_inputs), static_cast<int>(output_count),
                                  std::move(node_attributes), name);
  if (status.ok()) status = ops::infer_node(*node);
  return node->output();
}

void Step::emit() {
  while (!inputs.empty() && !inputs.back()) inputs.pop_back();
  results = add(op, inputs, attributes, outputs)->producer()->outputs();
}

ir::Value* Step::constant(std::vector<int64_t> values) { return graph.add_constant(Tensor::of(values)); }

ir::Value* Step::scalar(DType type, double value) {
  Tensor tensor;
  const bool made = visit_dtype<float, double, Float16, BFloat16, int64_t, int32_t, int16_t, int8_t, uint64_t, uint32_t,
                                uint16_t, uint8_t>(type, [&]<class T>() { tensor = Tensor::scalar(static_cast<T>(static_cast<Wide<T>>(value))); });
  if (!made && status.ok()) status = error(std::string("a number is needed, not ") + to_string(type));
  return made ? graph.add_constant(std::move(tensor)) : nullptr;
}

bool is_converted_away(std::string_view, int64_t) { return false; }

Status convert(Step& step) {
  if (step.results.empty()) step.emit();
  return step.status;
}

}  // namespace vivace::onnx
