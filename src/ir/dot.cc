#include "ir/dot.h"

#include <unordered_map>

#include "ir/text.h"

namespace vivace::ir {

namespace {

// Colours by what a node costs, so that the eye finds the work.
const char* colour_of(const std::string& op) {
  static const std::unordered_map<std::string_view, const char*> table = {
      {"Conv", "#9ecae1"},
      {"vivace.FusedConv", "#9ecae1"},
      {"ConvTranspose", "#9ecae1"},
      {"MatMul", "#a1d99b"},
      {"Gemm", "#a1d99b"},
      {"vivace.FusedMatMul", "#a1d99b"},
      {"Attention", "#a1d99b"},
      {"LSTM", "#a1d99b"},
      {"GRU", "#a1d99b"},
      {"RNN", "#a1d99b"},
      {"MaxPool", "#fdd0a2"},
      {"AveragePool", "#fdd0a2"},
      {"GlobalAveragePool", "#fdd0a2"},
      {"Softmax", "#fdd0a2"},
      {"LayerNormalization", "#fdd0a2"},
      {"BatchNormalization", "#fdd0a2"},
      {"vivace.Pointwise", "#dadaeb"},
      {"If", "#fcbba1"},
      {"Loop", "#fcbba1"},
      {"Scan", "#fcbba1"},
  };
  const auto at = table.find(op);
  return at == table.end() ? "#f0f0f0" : at->second;
}

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (c == '\n')
      out += "\\n";
    else
      out += c;
  }
  return out;
}

class Dot {
 public:
  void graph(const Graph& graph, const std::string& indent) {
    std::unordered_map<const Value*, std::string> ids;
    for (const Value* input : graph.inputs()) {
      ids[input] = box(indent, escaped(input->name) + "\\n" + escaped(input->type.to_string()), "shape=ellipse");
    }
    for (const auto& node : graph.nodes()) {
      const std::string id = box(indent, label(*node), std::string("fillcolor=\"") + colour_of(node->op) + "\"");
      for (const Value* output : node->outputs()) ids[output] = id;
      for (const Value* input : node->inputs())
        if (input && !input->is_constant()) edge(indent, ids[input], id, *input);
      for (const auto& [key, attribute] : node->attributes)
        if (const auto* inner = std::get_if<std::shared_ptr<Graph>>(&attribute))
          cluster(**inner, node->describe() + " " + key, indent);
    }
    for (size_t i = 0; i < graph.outputs().size(); ++i) {
      const Value* output = graph.outputs()[i];
      const std::string id =
          box(indent, escaped(graph.output_name(i)) + "\\n" + escaped(output->type.to_string()), "shape=ellipse");
      const auto from = ids.find(output);  // none: a constant
      if (from != ids.end()) edge(indent, from->second, id, *output);
    }
  }
  std::string text;

 private:
  std::string box(const std::string& indent, const std::string& label, const std::string& style) {
    std::string id = "n" + std::to_string(next_++);
    text += indent + id + " [label=\"" + label + "\", " + style + "];\n";
    return id;
  }

  void edge(const std::string& indent, const std::string& from, const std::string& to, const Value& value) {
    text +=
        indent + from + " -> " + to + " [tooltip=\"" + escaped(value.name + ": " + value.type.to_string()) + "\"];\n";
  }

  void cluster(const Graph& inner, const std::string& title, const std::string& indent) {
    text += indent + "subgraph cluster_" + std::to_string(next_++) + " {\n" + indent + "  label=\"" + escaped(title) +
            "\";\n";
    graph(inner, indent + "  ");
    text += indent + "}\n";
  }

  static std::string label(const Node& node) {
    std::string text = escaped(node.op);
    const std::string activation = node.attributes.text("activation", "none");
    const bool fused = node.op.starts_with("vivace.Fused");
    if (fused && node.input(2)) text += " + bias";
    if (fused && node.input(3) && !node.attributes.integer("residual_last")) text += " + residual";
    if (activation != "none") text += " + " + escaped(activation);
    if (fused && node.input(3) && node.attributes.integer("residual_last")) text += " + residual";
    if (const auto* program = node.attributes.get<std::string>("program")) text += "\\n" + escaped(*program);
    if (!node.name.empty()) text += "\\n" + escaped(node.name);
    for (const Value* input : node.inputs())
      if (input && input->is_constant()) text += "\\nweight " + escaped(input->type.to_string());
    if (node.output()) text += "\\n" + escaped(node.output()->type.to_string());
    return text;
  }

  int next_ = 0;
};

}  // namespace

std::string to_dot(const Graph& graph) {
  Dot dot;
  dot.text = "digraph \"" + escaped(graph.name) + "\" {\n";
  dot.text += "  node [shape=box, style=\"filled,rounded\", fillcolor=white, fontname=\"Helvetica\", fontsize=10];\n";
  dot.text += "  edge [color=\"#636363\", arrowsize=0.7];\n";
  dot.graph(graph, "  ");
  return dot.text + "}\n";
}

}  // namespace vivace::ir
