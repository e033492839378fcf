// Writes the first inputs of the fuzzers: models, one for each operator and one for each thing a model can have; the
// same graphs as text, and as plans. usage: seeds FOLDER
#include <filesystem>
#include <fstream>

#include "ir/text.h"
#include "onnx/model_writer.h"
#include "ops/operator.h"
#include "plan/plan.h"
#include "plan/sample.h"

namespace {

using namespace vivace;
using namespace vivace::onnx::test;
using Ints = std::vector<int64_t>;

Message f32(const std::string& name, const std::vector<std::string>& dims) { return value(name, DType::f32, dims); }
Message out(const std::string& name = "y") { return Message().text(1, name); }

// The operator on an image, weights and small integers, which fit some of its inputs.
Message any_model(const ops::Operator& row, int64_t opset_version) {
  const std::vector<std::string> names = {"x", "w", "b", "i", "x", "b", "i", "w"};
  std::vector<std::string> inputs;
  for (size_t i = 0; i < static_cast<size_t>(std::max(1, row.min_inputs)); ++i)
    inputs.push_back(names[i % names.size()]);
  const Message n = node(
      std::string(row.name), inputs, {"y"},
      {attribute("axis", 1), attribute("kernel_shape", Ints{3, 3}), attribute("hidden_size", 4), attribute("to", 7)},
      "n");
  return model(graph({n}, {f32("x", {"n", "3", "8", "8"})}, {out()},
                     {tensor<float>("w", {3, 3, 3, 3}, std::vector<float>(81, 0.5f)),
                      tensor<float>("b", {3}, {1, 2, 3}), numbers("i", {0, 1})}),
               opset_version)
      .add(8, opset(5, "ai.onnx.ml"))
      .add(8, opset(1, "com.microsoft"));
}

// A program that runs every node by its reference kernel.
plan::Program program_of(const std::shared_ptr<ir::Graph>& graph) {
  plan::Program program{graph, {}, {}};
  for (const auto& node : graph->nodes()) {
    for (const auto& [name, attribute] : node->attributes)
      if (const auto* inner = std::get_if<std::shared_ptr<ir::Graph>>(&attribute))
        program.bodies[{program.choices.size(), name}] = program_of(*inner);
    program.choices.push_back({"reference", 1, "", {}, 1e-6, 0});
  }
  return program;
}

void write(const std::filesystem::path& file, std::string_view bytes) {
  std::filesystem::create_directories(file.parent_path());
  std::ofstream(file, std::ios::binary) << bytes;
}
std::string_view text_of(const std::vector<std::byte>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::vector<Message> special_models() {
  std::vector<Message> all;
  const Message x = f32("x", {"batch", "3", "8"}), c = value("c", DType::boolean, {});
  const Message body =
      graph({node("Add", {"v", "x"}, {"u"}), node("Identity", {"go"}, {"g"}), node("Relu", {"u"}, {"s"})},
            {value("k", DType::i64, {}), value("go", DType::boolean, {}), f32("v", {"batch", "3", "8"})},
            {out("g"), out("u"), out("s")});
  all.push_back(model(graph({node("Loop", {"trips", "", "x"}, {"y", "z"}, {graph_attribute("body", body)})}, {x},
                            {out(), out("z")}, {tensor<int64_t>("trips", {}, {4})})));
  const Message then_branch = graph({node("Relu", {"x"}, {"t"})}, {}, {out("t")});
  const Message else_branch = graph(
      {node("If", {"c"}, {"e"},
            {graph_attribute("then_branch", then_branch), graph_attribute("else_branch", graph({}, {}, {out("x")}))})},
      {}, {out("e")});
  all.push_back(
      model(graph({node("If", {"c"}, {"y"},
                        {graph_attribute("then_branch", then_branch), graph_attribute("else_branch", else_branch)})},
                  {x, c}, {out()})));
  const Message step = graph({node("Add", {"s", "e"}, {"r"}), node("Identity", {"r"}, {"o"})},
                             {f32("s", {"8"}), f32("e", {"8"})}, {out("r"), out("o")});
  all.push_back(model(
      graph({node("Scan", {"s0", "x"}, {"y", "z"}, {graph_attribute("body", step), attribute("num_scan_inputs", 1)})},
            {f32("s0", {"8"}), f32("x", {"5", "8"})}, {out(), out("z")})));
  all.push_back(model(graph({node("Scan", {"", "s0", "x"}, {"y", "z"},
                                  {graph_attribute("body", step), attribute("num_scan_inputs", 1)})},
                            {f32("s0", {"2", "8"}), f32("x", {"2", "5", "8"})}, {out(), out("z")}),
                      8));
  Message function =
      Message().text(1, "F").text(10, "local").text(4, "a").text(5, "b").text(6, "alpha").add(9, opset(21));
  function.add(7, {node("LeakyRelu", {"a"}, {"t"}, {reference("alpha", "alpha", 1)}), node("Relu", {"t"}, {"b"})});
  all.push_back(model(graph({node("local.F", {"x"}, {"t"}, {attribute("alpha", 0.5f)}), node("local.F", {"t"}, {"y"})},
                            {x}, {out()}))
                    .add(25, function));
  const Message sparse =
      Message().add(1, tensor<float>("w", {2}, {5, 6})).add(2, numbers("", {1, 5})).number(3, 2).number(3, 3);
  all.push_back(model(graph({node("Identity", {"w"}, {"y"})}, {}, {out()}).add(15, sparse)));
  all.push_back(model(graph({node("Identity", {"w"}, {"y"})}, {}, {out()},
                            {tensor_of("w", DType::string, {2}).text(6, "a").text(6, "b")})));
  all.push_back(model(graph({node("Identity", {"w"}, {"y"})}, {}, {out()},
                            {tensor_of("w", DType::f16, {2}).number(5, 15360).number(5, 16384)})));
  const Message external = Message().text(1, "location").text(2, "w.bin");
  all.push_back(model(graph({node("Identity", {"w"}, {"y"})}, {}, {out()},
                            {tensor_of("w", DType::f32, {4}).number(14, 1).add(13, external)})));
  all.push_back(model(
      graph({node("Constant", {}, {"s"}, {attribute("value_ints", Ints{0, -1})}), node("Reshape", {"x", "s"}, {"t"}),
             node("Shape", {"t"}, {"h"}), node("Gather", {"h", "i"}, {"g"}), node("Unsqueeze", {"b", "i"}, {"u"}),
             node("Concat", {"g", "g"}, {"k"}, {attribute("axis", 0)}), node("Expand", {"u", "k"}, {"y"})},
            {x}, {out()}, {numbers("i", {0}), tensor<float>("b", {1}, {1})})));
  const Message sequence =
      Message().text(1, "q").add(2, Message().add(4, Message().add(1, tensor_type(DType::f32, {"3"}))));
  all.push_back(model(graph({node("Identity", {"q"}, {"y"})}, {sequence}, {out()})));
  all.push_back(model(graph(
      {node("LSTM", {"x", "w", "r", "b"}, {"y", "h", "c"},
            {attribute("hidden_size", 2), attribute("direction", "forward")})},
      {f32("x", {"t", "n", "3"})}, {out(), out("h")},
      {tensor<float>("w", {1, 8, 3}, std::vector<float>(24)), tensor<float>("r", {1, 8, 2}, std::vector<float>(16)),
       tensor<float>("b", {1, 16}, std::vector<float>(16))})));
  all.push_back(model(graph({node("Conv", {"x", "w", "b"}, {"a"},
                                  {attribute("pads", Ints{1, 1, 1, 1}), attribute("strides", Ints{2, 2})}),
                             node("BatchNormalization", {"a", "b", "b", "b", "b"}, {"d"}),
                             node("MaxPool", {"d"}, {"e"}, {attribute("kernel_shape", Ints{2, 2})}),
                             node("GlobalAveragePool", {"e"}, {"f"}), node("Flatten", {"f"}, {"g"}),
                             node("Gemm", {"g", "m"}, {"h"}), node("Softmax", {"h"}, {"y"})},
                            {f32("x", {"n", "3", "8", "8"})}, {f32("y", {"n", "3"})},
                            {tensor<float>("w", {3, 3, 3, 3}, std::vector<float>(81, 0.5f)),
                             tensor<float>("b", {3}, {1, 2, 3}), tensor<float>("m", {3, 3}, std::vector<float>(9))}),
                      9));
  return all;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const std::filesystem::path folder = argv[1];
  const auto all = [&](const std::string& name, const Message& m) {
    write(folder / "onnx_reader_fuzz" / name, m.bytes);
    auto graph = import(m);
    if (!graph.ok()) return;  // an operator that wants other inputs: the mutator finds them
    write(folder / "graph_text_fuzz" / name, ir::print(**graph, {.max_elements = 1000}));
    plan::Plan plan = plan::sample_plan();
    plan.portable = std::move(*graph);
    plan.program = program_of(plan.portable);
    plan.ranges.assign(plan.portable->inputs().size(), {{1}, {2}, {-1}});
    if (const auto bytes = plan::to_bytes(plan); bytes.ok()) write(folder / "plan_reader_fuzz" / name, text_of(*bytes));
  };
  for (const ops::Operator& row : ops::all_operators()) {
    all("seed_new_" + std::string(row.name), any_model(row, 24));
    all("seed_old_" + std::string(row.name), any_model(row, row.since.front()));
  }
  int n = 0;
  for (const Message& m : special_models()) all("seed_special_" + std::to_string(n++), m);
  const plan::Plan sample = plan::sample_plan();
  write(folder / "graph_text_fuzz" / "seed_sample", ir::print(*sample.portable, {.max_elements = 1000}));
  const auto bytes = plan::to_bytes(sample);
  if (!bytes.ok()) return 1;
  write(folder / "plan_reader_fuzz" / "seed_sample", text_of(*bytes));
  return 0;
}
