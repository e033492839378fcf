// Random loops mean the same before and after every pass: of known and unknown length, with conditions that end them,
// values that never change, and loops inside.
#include <random>

#include "passes/rewriting.h"

namespace vivace::passes {
namespace {

using Names = std::vector<std::string>;

std::string joined(const Names& names) {
  std::string all;
  for (const std::string& name : names) all += (all.empty() ? "" : ", ") + name;
  return all;
}

// A graph or subgraph as text; its values are all f64[2,3].
class Maker {
 public:
  Maker(std::mt19937_64& random, int depth) : random_(random), depth_(depth) {}

  std::string text;
  Names inputs, values;
  std::string iteration;  // of the Loop whose body this is

  std::string input(const std::string& type = "f64[2,3]") {
    const std::string name = fresh();
    inputs.push_back(name + ": " + type);
    if (type[0] == 'f') values.push_back(name);
    return name;
  }
  const std::string& any() { return values[static_cast<size_t>(below(static_cast<int>(values.size())))]; }

  void grow(int nodes) {
    for (int i = 0; i < nodes; ++i) {
      const int what = below(10);
      if (depth_ < 2 && what < (depth_ == 0 ? 5 : 2))
        add_loop(what % 2 == 0);
      else if (what < 7)
        make(pick({"Add", "Sub", "Max"}) + "(" + any() + ", " + pick({any(), any(), "const f64[] {0.5}"}) + ")");
      else
        make(pick({"Tanh", "Neg", "Softmax"}) + "(" + any() + ")");
    }
  }

 private:
  int below(int n) { return static_cast<int>(random_() % static_cast<uint64_t>(n)); }
  std::string pick(const Names& from) { return from[static_cast<size_t>(below(static_cast<int>(from.size())))]; }
  std::string fresh() { return "%v" + std::to_string(depth_) + "_" + std::to_string(count_++); }
  std::string define(const std::string& node) {
    text += fresh() + " = " + node + "\n";
    return "%v" + std::to_string(depth_) + "_" + std::to_string(count_ - 1);
  }
  void make(const std::string& node) { values.push_back(define(node)); }

  // A Loop or Scan; of what it stacks the sum over all turns is a value here.
  void add_loop(bool loop) {
    const int carried = 1 + below(3), captures = below(4), scans = below(3), length = 1 + below(3);
    Maker body(random_, depth_ + 1);
    Names arguments, given, outputs;
    std::string attributes = "captures=" + std::to_string(captures);
    if (loop) {
      body.iteration = body.input("i64[]");
      const std::string condition = body.input("bool[]");
      arguments = {pick({"const i64[] {" + std::to_string(below(4)) + "}",
                         iteration.empty() ? depth_ == 0 ? "%n" : "const i64[] {90}" : iteration}),
                   pick({"_", "const bool[] {1}", depth_ == 0 ? "%c" : "_"})};
      given = {pick({condition, body.define("Identity(const bool[] {1})"),
                     body.define("Less(" + body.iteration + ", const i64[] {1})")})};
    }
    for (int i = 0; i < carried; ++i) arguments.push_back(any()), body.input();
    if (!loop) {
      const int axis = below(2);
      const std::string flat = define("Unsqueeze(" + any() + ", const i64[1] {" + std::to_string(axis) + "})");
      arguments.push_back(define("Concat(" + joined(Names(static_cast<size_t>(length), flat)) +
                                 ") {axis=" + std::to_string(axis) + "}"));
      body.input();
      attributes += ", num_scan_inputs=1, scan_input_axes=[" + std::to_string(axis - (axis == 1) * 3) +
                    "], scan_input_directions=[" + std::to_string(below(2)) + "]";
      Names directions;
      for (int i = 0; i < scans; ++i) directions.push_back(std::to_string(below(2)));
      if (scans > 0) attributes += ", scan_output_directions=[" + joined(directions) + "]";
    }
    const Names starts = body.values;
    for (int i = 0; i < captures; ++i) arguments.push_back(any()), body.input();
    body.grow(2 + below(5));
    for (int i = 0; i < carried; ++i) given.push_back(below(4) == 0 ? starts[static_cast<size_t>(i)] : body.any());
    for (int i = 0; i < scans; ++i) given.push_back(body.any());
    for (int i = 0; i < carried + scans; ++i) outputs.push_back(fresh());
    text += joined(outputs) + " = " + (loop ? "Loop(" : "Scan(") + joined(arguments) + ") {" + attributes +
            ", body=graph (" + joined(body.inputs) + ") {\n" + body.text + "return " + joined(given) + " }}\n";
    for (int i = 0; i < carried + scans; ++i) {
      const std::string& output = outputs[static_cast<size_t>(i)];
      if (i < carried)
        values.push_back(output);
      else
        make("ReduceSum(" + output + ", const i64[1] {0}) {keepdims=0}");
    }
  }

  std::mt19937_64& random_;
  int depth_, count_ = 0;
};

class RandomLoops : public testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    std::mt19937_64 random(static_cast<uint64_t>(GetParam()));
    Maker maker(random, 0);
    maker.input();
    maker.input();
    maker.grow(3 + GetParam() % 6);
    text_ = "graph (%n: i64[], %c: bool[], " + joined(maker.inputs) + ") {\n" + maker.text + "return " +
            joined({maker.values.back(), maker.any(), maker.any()}) + " }";
    graph_ = graph_of(text_);
    // Types of bodies, as readers of models leave them: they say what is stacked where no turn gives anything.
    ir::for_each_graph(*graph_, [](ir::Graph& graph) { EXPECT_TRUE(ops::infer_graph(graph).ok()); });
  }

  void expect_same(const ir::Graph& now, const std::string& pass) {
    std::vector<Tensor> inputs = random_inputs(*graph_, 1);
    for (const int64_t n : {0, 1, 3}) {
      inputs[0] = Tensor::scalar(n);
      inputs[1] = Tensor::scalar(n > 0);
      expect_same_results(*graph_, now, inputs);
    }
    if (HasFailure()) ADD_FAILURE() << pass << " made of\n" << text_ << "\nthis:\n" << ir::print(now);
  }

  std::string text_;
  std::unique_ptr<ir::Graph> graph_;
};

TEST_P(RandomLoops, EachPassAndAllOfThem) {
  ASSERT_FALSE(HasFailure());
  for (const char* pass : {"hoist_loop_invariants", "unroll_short_loops", "eliminate_unused_captures"}) {
    const auto graph = graph_->clone();
    const Result<int> changes = run_pass(pass_named(pass), *graph);
    ASSERT_TRUE(changes.ok()) << changes.status().message() << "\n" << text_;
    expect_same(*graph, pass);
    if (HasFailure()) return;
  }
  const auto graph = graph_->clone();
  Options options;
  options.dump = [&](const std::string& pass, const ir::Graph& now) {
    if (!HasFailure()) expect_same(now, pass);
  };
  const Result<PassReport> report = optimize(*graph, options);
  ASSERT_TRUE(report.ok()) << report.status().message() << "\n" << text_;
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomLoops, testing::Range(0, 60));

}  // namespace
}  // namespace vivace::passes
