// From graph to answer: what an engine computes is what the graph means.
#include "runtime/engine.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <thread>

#include "builder/builder.h"
#include "ir/text.h"
#include "ops/operator.h"

namespace vivace::builder {
namespace {

std::unique_ptr<ir::Graph> parsed(const std::string& text) {
  Result<std::unique_ptr<ir::Graph>> graph = ir::parse("graph " + text);
  EXPECT_TRUE(graph.ok()) << graph.status().message();
  return graph.ok() ? *std::move(graph) : nullptr;
}

BuildConfig quick() {
  BuildConfig config;
  config.threads = 2;
  config.effort = 0;
  return config;
}

Result<std::shared_ptr<runtime::Engine>> engine_of(const std::string& text, const BuildConfig& config) {
  VIVACE_ASSIGN(BuildResult built, build(parsed(text), config));
  runtime::EngineOptions options;
  options.lower_again = lower_again;
  return runtime::Engine::load(std::move(built.plan), options);
}

std::vector<Tensor> arguments_for(const ir::Graph& graph, const std::vector<Shape>& shapes) {
  std::vector<Tensor> arguments;
  for (size_t i = 0; i < shapes.size(); ++i)
    arguments.push_back(ir::random_tensor(graph.inputs()[i]->type.dtype, shapes[i], i + 1));
  return arguments;
}

std::vector<TensorView> views(const std::vector<Tensor>& tensors) { return {tensors.begin(), tensors.end()}; }

// Folding weights reorders roundings: 1e-5 of the largest result is some 100 units in the last place.
void expect_close(const Tensor& got, const Tensor& want) {
  ASSERT_EQ(got.type(), want.type());
  ASSERT_EQ(got.shape(), want.shape());
  if (want.type() == DType::list) {
    for (int64_t i = 0; i < want.count(); ++i) expect_close(got.as<Tensor>()[i], want.as<Tensor>()[i]);
    return;
  }
  if (want.type() != DType::f32) {
    if (want.type() == DType::string) {
      for (int64_t i = 0; i < want.count(); ++i) EXPECT_EQ(got.as<std::string>()[i], want.as<std::string>()[i]);
    } else {
      EXPECT_EQ(std::memcmp(got.data(), want.data(), want.bytes()), 0);
    }
    return;
  }
  double largest = 1;
  for (const float w : want.span<float>()) largest = std::max(largest, std::abs(static_cast<double>(w)));
  for (int64_t i = 0; i < want.count(); ++i)
    ASSERT_NEAR(got.as<float>()[i], want.as<float>()[i], 1e-5 * largest) << "at " << i;
}

void expect_meaning_of(const std::string& text, const std::vector<Tensor>& arguments, BuildConfig config = quick()) {
  SCOPED_TRACE(text);
  const std::unique_ptr<ir::Graph> graph = parsed(text);
  ASSERT_TRUE(graph);
  ASSERT_TRUE(ops::infer_graph(*graph).ok());
  const auto want = ops::run_graph_reference(*graph, arguments);
  ASSERT_TRUE(want.ok()) << want.status().message();
  const auto engine = engine_of(text, config);
  ASSERT_TRUE(engine.ok()) << engine.status().message();
  for (int run = 0; run < 2; ++run) {  // again on the same memory
    std::vector<Tensor> got;
    const Status status = (*engine)->run(views(arguments), got);
    ASSERT_TRUE(status.ok()) << status.message();
    ASSERT_EQ(got.size(), want->size());
    for (size_t i = 0; i < got.size(); ++i) expect_close(got[i], (*want)[i]);
  }
}

void expect_meaning(const std::string& text, const std::vector<Shape>& shapes, BuildConfig config = quick()) {
  const std::unique_ptr<ir::Graph> graph = parsed(text);
  ASSERT_TRUE(graph);
  expect_meaning_of(text, arguments_for(*graph, shapes), std::move(config));
}

constexpr const char* kResidual = R"((%x: f32[1,3,17,15]) {
  %a = Conv(%x, const f32[24,3,3,3] random(1), const f32[24] random(2)) {pads=[1,1,1,1], strides=[2,2]}
  %b = BatchNormalization(%a, const f32[24] random(3), const f32[24] random(4), const f32[24] random(5), const f32[24] splat(0.5))
  %c = Relu(%b)
  %d = Conv(%c, const f32[24,24,3,3] random(6)) {pads=[1,1,1,1]}
  %e = Add(%d, %c)
  %f = Relu(%e)
  %g = GlobalAveragePool(%f)
  %h = Flatten(%g)
  %i = Gemm(%h, const f32[10,24] random(7), const f32[10] random(8)) {transB=1}
  %y = Softmax(%i)
  return %y, %f as "features"
})";

TEST(Engine, MeansWhatTheGraphMeans) {
  expect_meaning(kResidual, {{1, 3, 17, 15}});
  BuildConfig timed = quick();
  timed.effort = 2;
  expect_meaning(kResidual, {{1, 3, 17, 15}}, timed);
}

TEST(Engine, PlacesConcatenationsAndSlicesAsViews) {
  // A dense block: features are read while longer concatenations of them are made.
  expect_meaning(R"((%x: f32[1,16,6,5]) {
    %a = Relu(%x)
    %b = Conv(%a, const f32[16,16,3,3] random(1)) {pads=[1,1,1,1]}
    %c = Concat(%a, %b) {axis=1}
    %d = Conv(%c, const f32[16,32,1,1] random(2))
    %e = Concat(%a, %b, %d) {axis=1}
    %f = Conv(%e, const f32[16,48,1,1] random(3))
    %g = Concat(%f, %f, %a) {axis=1}
    return %e, %g, %c
  })",
                 {{1, 16, 6, 5}});
  // A shuffle: slices of a concatenation, transposed.
  expect_meaning(R"((%x: f32[1,8,4,4]) {
    %a, %b = Split(%x) {axis=1, num_outputs=2}
    %c = Relu(%a)
    %d = Concat(%b, %c) {axis=1}
    %e = Reshape(%d, const i64[5] {1, 2, 4, 4, 4})
    %f = Transpose(%e) {perm=[0, 2, 1, 3, 4]}
    %g = Reshape(%f, const i64[4] {1, 8, 4, 4})
    %h = Slice(%g, const i64[1] {4}, const i64[1] {8}, const i64[1] {1})
    return %h, %d, %x as "same"
  })",
                 {{1, 8, 4, 4}});
}

// Layers of a DenseNet: what a convolution of single pixels alone reads is scaled in it; not what two read, nor where
// pixels are left out.
TEST(Engine, ScalesWhatConvolutionsRead) {
  const std::string norm =
      "(%x: f32[2,24,9,7]) { %a = Conv(%x, const f32[24,24,3,3] random(9)) {pads=[1,1,1,1]} %n = "
      "BatchNormalization(%a, const f32[24] random(1), const f32[24] random(2), const f32[24] random(3), const f32[24] "
      "splat(0.5)) %b = Relu(%n) %c = Conv(%b, const f32[40,24,1,1] random(4), const f32[40] random(5)) ";
  const auto scaled = [&](const std::string& text) {
    expect_meaning(text, {{2, 24, 9, 7}});
    const auto built = build(parsed(text), quick());
    return built.ok() && built->plan.report.find("vivace.ScaledConv") != std::string::npos;
  };
  EXPECT_TRUE(scaled(norm + "%y = Relu(%c) return %a, %y }"));
  EXPECT_FALSE(scaled(norm + "{strides=[2,2]} return %a, %c }"));
  EXPECT_FALSE(scaled(norm + "%y = GlobalMaxPool(%b) return %a, %c, %y }"));
}

TEST(Engine, RunsConvolutionsOfFewChannels) {
  for (const char* node :
       {"Conv(%x, const f32[4,1,3,3] random(1)) {group=2}", "Conv(%x, const f32[2,1,3,3] random(1)) {group=2}",
        "Conv(%x, const f32[3,2,3,3] random(1))"})
    expect_meaning("(%x: f32[1,2,7,6]) { %y = " + std::string(node) + " return %y }", {{1, 2, 7, 6}});
}

TEST(Engine, GivesBackInputsAndConstants) {
  expect_meaning("(%x: f32[2,3]) { %k = const f32[2] {1, 2} return %x as \"a\", %x as \"b\", %k }", {{2, 3}});
  expect_meaning("(%x: string[3]) { %y = Identity(%x) return %y }", {{3}});
}

TEST(Engine, RunsEmptyTensors) {
  expect_meaning("(%x: f32[0,4]) { %y = Relu(%x) %z = Add(%y, %y) return %z }", {{0, 4}});
}

TEST(Engine, RunsShapesThatDependOnData) {
  expect_meaning(R"((%x: f32[3,4]) {
    %n = NonZero(%x)
    %t = Transpose(%n)
    %g = GatherND(%x, %t)
    %r = Mul(%g, const f32[] {2.0})
    return %r, %t
  })",
                 {{3, 4}});
}

TEST(Engine, AddsConstantsOfAConvolutionsShape) {
  expect_meaning(R"((%x: f32[3,2,3,4]) {
    %a = Conv(%x, const f32[4,2,2,2] random(1)) {pads=[0,1,1,0], strides=[1,2]}
    %y = Add(%a, const f32[3,4,3,2] random(2))
    return %y
  })",
                 {{3, 2, 3, 4}});
}

TEST(Engine, RunsControlFlow) {
  expect_meaning(R"((%x: f32[2,3], %c: bool[]) {
    %y = If(%c, %x) {captures=1, then_branch=graph (%o: f32[2,3]) { %a = Relu(%o) return %a }, else_branch=graph (%o: f32[2,3]) { %a = Neg(%o) return %a }}
    %z = Exp(%y)
    return %z
  })",
                 {{2, 3}, {}});
  expect_meaning(R"((%x: f32[2]) {
    %y, %s = Loop(const i64[] {3}, const bool[] {1}, %x) {body=graph (%i: i64[], %c: bool[], %v: f32[2]) {
      %w = Add(%v, %v)
      %d = Identity(%c)
      return %d, %w, %v
    }}
    return %y, %s
  })",
                 {{2}});
}

TEST(Engine, RunsWhatDoesNotChangeOnceAndShortLoopsInLine) {
  const std::string body = R"({captures=1, body=graph (%i: i64[], %t: bool[], %v: f32[4], %k: f32[4,4], %u: f32[4,4]) {
      %e = Exp(%u)
      %p = MatMul(%e, %k)
      %q = MatMul(%v, %p)
      %w = Tanh(%q)
      return %t, %w, %k, %w
    }} return %y, %z, %s })";
  const Tensor x = ir::random_tensor(DType::f32, {4}, 1), m = ir::random_tensor(DType::f32, {4, 4}, 2);
  const auto nodes = [](const std::string& text) {
    const auto engine = engine_of(text, quick());
    EXPECT_TRUE(engine.ok()) << engine.status().message();
    std::string ops;
    if (engine.ok())
      for (const auto& node : (*engine)->executor().program().graph->nodes()) ops += node->op + " ";
    return ops;
  };
  const std::string some = "(%x: f32[4], %m: f32[4,4], %n: i64[]) { %y, %z, %s = Loop(%n, _, %x, %m, %m) " + body;
  for (const int64_t turns : {0, 1, 5}) expect_meaning_of(some, {x, m, Tensor::scalar(turns)});
  EXPECT_EQ(nodes(some), "vivace.Pointwise Loop ");
  const std::string many = "(%x: f32[4], %m: f32[4,4]) { %y, %z, %s = Loop(const i64[] {200}, _, %x, %m, %m) " + body;
  expect_meaning_of(many, {x, m});
  EXPECT_EQ(nodes(many), "vivace.Pointwise vivace.FusedMatMul Loop ");
  const std::string few = "(%x: f32[4], %m: f32[4,4]) { %y, %z, %s = Loop(const i64[] {3}, _, %x, %m, %m) " + body;
  expect_meaning_of(few, {x, m});
  EXPECT_EQ(nodes(few).find("Loop"), std::string::npos);
}

// Grows a sequence by a row of an image in each iteration, maps what it became, and gives it back in an optional.
constexpr const char* kLists = R"((%s: optional(seq(f32[*])), %x: f32[4,3], %n: i64[]) {
  %h = OptionalHasElement(%s)
  %start = If(%h, %s) {captures=1, then_branch=graph (%o: optional(seq(f32[*]))) { %a = OptionalGetElement(%o) return %a },
    else_branch=graph (%o: optional(seq(f32[*]))) { %b = SequenceEmpty() return %b }}
  %a = Conv(const f32[1,1,4,3] random(1), const f32[8,1,3,3] random(2)) {pads=[1,1,1,1]}
  %all = Loop(%n, _, %start, %x) {captures=1, body=graph (%i: i64[], %c: bool[], %t: seq(f32[*]), %image: f32[4,3]) {
    %row = Gather(%image, %i) %grown = SequenceInsert(%t, %row) return %c, %grown }}
  %exp = SequenceMap(%all, %a) {captures=1, body=graph (%e: f32[*], %image: f32[1,8,4,3]) {
    %f = Exp(%e) %sum = ReduceSum(%image) {keepdims=0} %g = Add(%f, %sum) return %g }}
  %y = ConcatFromSequence(%exp) {axis=0, new_axis=1}
  %z = Relu(%y)
  %m = SequenceLength(%all)
  %o = Optional(%all)
  return %z, %exp, %m, %o, %s
})";

TEST(Engine, RunsSequencesAndOptionals) {
  const Tensor x = ir::random_tensor(DType::f32, {4, 3}, 1);
  const auto list = [](int n) {
    std::vector<Tensor> rows;
    for (int i = 0; i < n; ++i) rows.push_back(ir::random_tensor(DType::f32, {3}, static_cast<uint64_t>(i)));
    return Tensor::list({Tensor::list(std::move(rows))});
  };
  for (const Tensor& s : {Tensor::list({}), list(0), list(5)})
    expect_meaning_of(kLists, {s, x, Tensor::scalar<int64_t>(3)});
}

TEST(Engine, ChecksTheElementsOfLists) {
  const auto engine =
      engine_of("(%s: seq(f32[?,2]), %o: optional(i64[]), %m: map(i64, f32[])) { return %s, %o, %m }", quick());
  ASSERT_TRUE(engine.ok()) << engine.status().message();
  const Tensor row = ir::random_tensor(DType::f32, {3, 2}, 1), keys = Tensor::of<int64_t>({1, 2});
  const Tensor map = Tensor::list({keys, Tensor::of<float>({3, 4})});
  const auto run = [&](const Tensor& s, const Tensor& o, const Tensor& m) {
    std::vector<Tensor> outputs;
    const Status status = (*engine)->run({s, o, m}, outputs);
    return status.ok() ? std::to_string(outputs[0].count()) : status.message();
  };
  const Tensor some = Tensor::list({Tensor::scalar<int64_t>(1)});
  EXPECT_EQ(run(Tensor::list({row, row}), some, map), "2");
  EXPECT_EQ(run(Tensor::list({row}), Tensor::list({}), map), "1");
  EXPECT_EQ(run(row, some, map), "input 's' is seq(f32[?,2]), not f32");
  EXPECT_EQ(run(Tensor::list({keys}), some, map), "an element of input 's' is f32[?,2], not i64");
  EXPECT_EQ(run(Tensor::list({ir::random_tensor(DType::f32, {3}, 1)}), some, map),
            "an element of input 's' is f32[?,2], not of shape 3");
  EXPECT_EQ(run(Tensor::list({row, Tensor()}), some, map), "an element of input 's' is f32[?,2], not empty");
  EXPECT_NE(run(Tensor::list({}), Tensor::list({*some.as<Tensor>(), *some.as<Tensor>()}), map), "0");
  EXPECT_NE(run(Tensor::list({}), some, Tensor::list({keys})), "0");
  EXPECT_NE(run(Tensor::list({}), some, Tensor::list({keys, Tensor::of<float>({3})})), "0");
  EXPECT_NE(run(Tensor::list({}), some, Tensor::list({*map.as<Tensor>(), keys.reshaped({2, 1})})), "0");
}

TEST(Engine, TunesTheBodiesOfControlFlow) {
  struct Body {
    const char *text, *attribute, *tactic;
    std::vector<Shape> shapes;
  };
  const Body cases[] = {
      {R"((%x: f32[1,16,9,9], %c: bool[]) {
         %y = If(%c, %x) {captures=1, then_branch=graph (%o: f32[1,16,9,9]) {
           %a = Conv(%o, const f32[16,16,3,3] random(1)) {pads=[1,1,1,1]} %b = Relu(%a) return %b },
           else_branch=graph (%o: f32[1,16,9,9]) { %a = Neg(%o) return %a }}
         return %y })",
       "then_branch",
       "conv",
       {{1, 16, 9, 9}, {}}},
      // A state of one shape, a capture, and one output for each iteration.
      {R"((%x: f32[batch,24], %w: f32[24,24]) {
         %y, %s = Loop(const i64[] {3}, const bool[] {1}, %x, %w) {captures=1, body=graph (%i: i64[], %c: bool[], %v: f32[batch,24], %u: f32[24,24]) {
           %m = MatMul(%v, const f32[24,24] random(2)) %n = MatMul(%m, %u) %t = Tanh(%n) %d = Identity(%c)
           return %d, %t, %m }}
         return %y, %s })",
       "body",
       "matmul",
       {{5, 24}, {24, 24}}},
      // A value that grows in every iteration: its size is guessed, and right whatever it is.
      {R"((%x: f32[1,24]) {
         %y = Loop(const i64[] {4}, const bool[] {1}, %x) {body=graph (%i: i64[], %c: bool[], %v: f32[n,24]) {
           %m = MatMul(%v, const f32[24,24] random(3)) %t = Tanh(%m) %j = Concat(%v, %t) {axis=0} %d = Identity(%c)
           return %d, %j }}
         return %y })",
       "body",
       "matmul",
       {{1, 24}}},
      {R"((%h: f32[3,16], %x: f32[7,3,16]) {
         %y, %s = Scan(%h, %x) {num_scan_inputs=1, body=graph (%v: f32[3,16], %u: f32[3,16]) {
           %a = Add(%v, %u) %m = MatMul(%a, const f32[16,16] random(4)) %t = Softmax(%m)
           return %t, %m }}
         return %y, %s })",
       "body",
       "softmax",
       {{3, 16}, {7, 3, 16}}},
  };
  for (const Body& c : cases) {
    expect_meaning(c.text, c.shapes);
    BuildConfig looped = quick();
    looped.disabled_passes = {"unroll_short_loops"};
    const auto engine = engine_of(c.text, looped);
    looped.effort = 2;
    expect_meaning(c.text, c.shapes, looped);
    ASSERT_TRUE(engine.ok());
    const auto& bodies = (*engine)->executor().program().bodies;
    const auto body =
        std::find_if(bodies.begin(), bodies.end(), [&](const auto& b) { return b.first.second == c.attribute; });
    ASSERT_NE(body, bodies.end()) << c.text;
    const auto& choices = body->second.choices;
    EXPECT_TRUE(std::any_of(choices.begin(), choices.end(), [&](const plan::Choice& choice) {
      return choice.tactic.starts_with(c.tactic);
    })) << c.text;
  }
  // Other shapes than those it was tuned for, and a plan from a file.
  BuildConfig looped = quick();
  looped.disabled_passes = {"unroll_short_loops"};
  const auto built = build(parsed(cases[1].text), looped);
  ASSERT_TRUE(built.ok());
  const auto bytes = plan::to_bytes(built->plan);
  ASSERT_TRUE(bytes.ok());
  auto read = plan::from_bytes(*bytes, nullptr);
  ASSERT_TRUE(read.ok()) << read.status().message();
  const auto engine = runtime::Engine::load(*std::move(read));
  ASSERT_TRUE(engine.ok()) << engine.status().message();
  const auto graph = parsed(cases[1].text);
  for (const int64_t batch : {1, 40}) {
    const std::vector<Tensor> arguments = arguments_for(*graph, {{batch, 24}, {24, 24}});
    const auto want = ops::run_graph_reference(*graph, arguments);
    ASSERT_TRUE(want.ok());
    std::vector<Tensor> got;
    ASSERT_TRUE((*engine)->run(views(arguments), got).ok());
    for (size_t i = 0; i < got.size(); ++i) expect_close(got[i], (*want)[i]);
  }
}

TEST(Engine, RunsDynamicShapes) {
  const std::string text = R"((%x: f32[batch,seq,8]) {
    %s = Shape(%x)
    %b = Gather(%s, const i64[1] {0})
    %r = Concat(%b, const i64[1] {-1}) {axis=0}
    %m = MatMul(%x, const f32[8,5] random(1))
    %y = Reshape(%m, %r)
    return %y
  })";
  for (const Shape& shape : {Shape{1, 128, 8}, Shape{3, 2, 8}, Shape{2, 1, 8}}) expect_meaning(text, {shape});
  BuildConfig config = quick();
  config.shapes["x"] = {{1, 1, 8}, {2, 4, 8}, {4, 16, 8}};
  expect_meaning(text, {{4, 16, 8}}, config);
  const auto engine = engine_of(text, config);
  ASSERT_TRUE(engine.ok());
  std::vector<Tensor> outputs;
  const Status status = (*engine)->run({ir::random_tensor(DType::f32, {5, 1, 8}, 1).view()}, outputs);
  EXPECT_EQ(status.code(), Code::shape_mismatch);
  EXPECT_NE(status.message().find("'x'"), std::string::npos) << status.message();
  EXPECT_NE(status.message().find("5x1x8"), std::string::npos) << status.message();
}

TEST(Engine, ManyThreadsGetTheSameBits) {
  const auto engine = engine_of(kResidual, quick());
  ASSERT_TRUE(engine.ok());
  const Tensor x = ir::random_tensor(DType::f32, {1, 3, 17, 15}, 1);
  std::vector<Tensor> alone;
  ASSERT_TRUE((*engine)->run({x.view()}, alone).ok());
  std::vector<std::thread> threads;
  std::atomic<int> different{0};
  for (int t = 0; t < 8; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 100; ++i) {
        std::vector<Tensor> out;
        if (!(*engine)->run({x.view()}, out).ok() || std::memcmp(out[0].data(), alone[0].data(), alone[0].bytes()) != 0)
          ++different;
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(different, 0);
}

TEST(Engine, WritesIntoTheCallersBuffers) {
  const auto engine = engine_of("(%x: f32[2,3]) { %y = Relu(%x) return %y }", quick());
  ASSERT_TRUE(engine.ok());
  std::vector<float> memory(6, -1);
  std::vector<Tensor> outputs{Tensor::wrap(DType::f32, {2, 3}, memory.data(), nullptr)};
  ASSERT_TRUE((*engine)->run({ir::random_tensor(DType::f32, {2, 3}, 1).view()}, outputs).ok());
  EXPECT_EQ(outputs[0].data(), memory.data());
  for (const float y : memory) EXPECT_GE(y, 0);
}

TEST(Engine, WritesIntoTheCallersBuffersWhatOnlyTheRunKnows) {
  const auto engine = engine_of("(%x: f32[2,3]) { %n = NonZero(%x) return %n, %x }", quick());
  ASSERT_TRUE(engine.ok()) << engine.status().message();
  Tensor x = *Tensor::allocate(DType::f32, {2, 3});
  x.as<float>()[4] = 1;
  std::vector<int64_t> memory = {-1, -1};
  std::vector<Tensor> outputs(2);
  outputs[0] = Tensor::wrap(DType::i64, {2, 1}, memory.data(), nullptr);
  ASSERT_TRUE((*engine)->run({x.view()}, outputs).ok());
  EXPECT_EQ(memory, (std::vector<int64_t>{1, 1}));
  EXPECT_EQ(outputs[0].data(), memory.data());
  x.as<float>()[0] = 1;  // now there are two: the memory does not fit
  ASSERT_TRUE((*engine)->run({x.view()}, outputs).ok());
  EXPECT_EQ(outputs[0].shape(), (Shape{2, 2}));
  EXPECT_EQ(memory, (std::vector<int64_t>{1, 1}));
}

TEST(Engine, ProfilesLayers) {
  const auto engine = engine_of(kResidual, quick());
  ASSERT_TRUE(engine.ok());
  const auto context = (*engine)->create_context(1);
  ASSERT_TRUE(context.ok());
  (*context)->set_profiling(true);
  std::vector<Tensor> out;
  for (int i = 0; i < 3; ++i)
    ASSERT_TRUE((*context)->run({ir::random_tensor(DType::f32, {1, 3, 17, 15}, 1).view()}, out).ok());
  const std::vector<runtime::LayerTime> layers = (*context)->profile();
  ASSERT_FALSE(layers.empty());
  for (const runtime::LayerTime& layer : layers) EXPECT_EQ(layer.runs, 3) << layer.name;
}

TEST(Build, RefusesWhatDoesNotFitTheModel) {
  const auto code_with = [](auto change) {
    BuildConfig config = quick();
    change(config);
    return build(parsed("(%x: f32[1,4]) { %y = Relu(%x) return %y }"), config).status().code();
  };
  EXPECT_EQ(code_with([](BuildConfig& c) { c.shapes["z"] = {{1, 4}, {1, 4}, {1, 4}}; }), Code::invalid_argument);
  EXPECT_EQ(code_with([](BuildConfig& c) { c.shapes["x"] = {{1, 5}, {1, 5}, {1, 5}}; }), Code::invalid_argument);
  EXPECT_EQ(code_with([](BuildConfig& c) { c.effort = 9; }), Code::invalid_argument);
  EXPECT_EQ(code_with([](BuildConfig& c) { c.forced_tactics = {"*=conv_direct"}; }), Code::unsupported);
  EXPECT_EQ(code_with([](BuildConfig& c) { c.forced_tactics = {"Conv=conv_direct"}; }), Code::invalid_argument);
  EXPECT_EQ(code_with([](BuildConfig& c) { c.forced_tactics = {"Relu=none such"}; }), Code::invalid_argument);
  EXPECT_EQ(code_with([](BuildConfig& c) { c.disabled_passes = {"none such"}; }), Code::invalid_argument);
  EXPECT_EQ(code_with([](BuildConfig& c) { c.progress = [](const std::string&, double) { return false; }; }),
            Code::cancelled);
}

TEST(Build, SaysHowMuchMemoryItNeeds) {
  BuildConfig config = quick();
  config.memory_limit = 1000;
  const auto refused = build(parsed(kResidual), config);
  ASSERT_EQ(refused.status().code(), Code::out_of_memory);
  const std::string& message = refused.status().message();
  const size_t at = message.find("needs ");
  ASSERT_NE(at, std::string::npos) << message;
  config.memory_limit = std::stoull(message.substr(at + 6));
  EXPECT_TRUE(build(parsed(kResidual), config).ok());
}

TEST(Build, IsTheSameBytesFromOneTimingCache) {
  TimingCache cache;
  BuildConfig config = quick();
  config.effort = 3;
  config.cache = &cache;
  std::vector<std::vector<std::byte>> plans;
  for (int i = 0; i < 3; ++i) {
    const auto built = build(parsed(kResidual), config);
    ASSERT_TRUE(built.ok()) << built.status().message();
    const auto bytes = plan::to_bytes(built->plan);
    ASSERT_TRUE(bytes.ok());
    plans.push_back(*bytes);
    if (i > 0) {
      EXPECT_EQ(built->report.timed, 0) << "everything was in the cache";
    }
  }
  EXPECT_EQ(plans[1], plans[2]);
  EXPECT_EQ(plans[0], plans[1]);
}

TEST(Engine, CountsWeightsOnceAndAsTheyAreRead) {
  const auto weights_of = [](const std::string& text, BuildConfig config) -> backends::WeightUse {
    config.disabled_passes = {"merge_sibling_matmuls"};
    const auto engine = engine_of(text, config);
    EXPECT_TRUE(engine.ok()) << engine.status().message();
    if (!engine.ok()) return {};
    std::vector<Shape> shapes;
    for (const plan::ShapeRange& range : (*engine)->ranges()) shapes.push_back(range.opt);
    const auto memory = (*engine)->memory_use(shapes);
    EXPECT_TRUE(memory.ok());
    EXPECT_EQ(memory->constant_bytes, memory->weights.read_bytes);
    return memory->weights;
  };
  const auto forced = [](const char* rule) {
    BuildConfig config = quick();
    config.forced_tactics = {rule};
    return config;
  };
  // As they are: weights and bias.
  const std::string product = R"((%x: f32[4,32]) {
    %y = Gemm(%x, const f32[32,48] random(1), const f32[48] random(2))
    return %y })";
  backends::WeightUse use = weights_of(product, forced("*=matmul"));
  EXPECT_EQ(use.model_bytes, (32u * 48 + 48) * 4);
  EXPECT_EQ(use.read_bytes, use.model_bytes);
  EXPECT_EQ(use.packed_bytes, 0u);
  // Packed: the packed weights, not the plain ones beside them, and the bias.
  use = weights_of(product, forced("*=matmul_packed"));
  EXPECT_EQ(use.model_bytes, (32u * 48 + 48) * 4);
  EXPECT_GE(use.packed_bytes, 32u * 48 * 4);
  EXPECT_EQ(use.read_bytes, use.packed_bytes + 48 * 4);
  // Winograd's F(4,3) holds 36 numbers for the 9 of a 3x3 window.
  use = weights_of("(%x: f32[1,32,14,14]) { %y = Conv(%x, const f32[64,32,3,3] random(1)) {pads=[1,1,1,1]} return %y }",
                   forced("vivace.FusedConv=conv_winograd4"));
  EXPECT_EQ(use.model_bytes, 64u * 32 * 9 * 4);
  EXPECT_EQ(use.packed_bytes, 64u * 32 * 36 * 4);
  EXPECT_EQ(use.read_bytes, use.packed_bytes);
  // One matrix for two layers, packed once where it is; in subgraphs too.
  const std::string two = R"((%x: f32[4,32], %z: f32[4,32]) {
    %w = const f32[32,48] random(1)
    %a = MatMul(%x, %w) %b = MatMul(%z, %w)
    return %a, %b })";
  use = weights_of(two, forced("vivace.FusedMatMul=matmul_packed"));
  EXPECT_EQ(use.packed_bytes, use.by_node[0]);
  BuildConfig packed = forced("vivace.FusedMatMul=matmul_packed");
  packed.disabled_passes = {"merge_sibling_matmuls"};
  expect_meaning(R"((%x: f32[4,32]) {
    %a = MatMul(%x, const f32[32,48] random(1)) %b = MatMul(%x, const f32[32,48] random(2))
    return %a, %b })",
                 {{4, 32}}, packed);
  use = weights_of(two, forced("vivace.FusedMatMul=matmul"));
  EXPECT_EQ(use.read_bytes, 32u * 48 * 4);
  EXPECT_EQ(use.by_node[0], 32u * 48 * 4);
  EXPECT_EQ(use.by_node[1], 32u * 48 * 4);
  use = weights_of(R"((%x: f32[2,3], %c: bool[]) {
    %y = If(%c, %x) {captures=1, then_branch=graph (%o: f32[2,3]) { %a = Mul(%o, const f32[2,3] random(1)) return %a },
      else_branch=graph (%o: f32[2,3]) { %a = Neg(%o) return %a }}
    return %y })",
                   quick());
  EXPECT_EQ(use.model_bytes, 24u);
  EXPECT_EQ(use.read_bytes, 24u);
}

TEST(Plan, OfAnotherMachineIsLoweredAgainOrRefused) {
  const auto built = build(parsed(kResidual), quick());
  ASSERT_TRUE(built.ok());
  const Tensor x = ir::random_tensor(DType::f32, {1, 3, 17, 15}, 1);
  std::vector<Tensor> want, got;
  ASSERT_TRUE((*runtime::Engine::load(built->plan))->run({x.view()}, want).ok());

  plan::Plan foreign = built->plan;
  foreign.origin.library_version = "0.0.1";
  runtime::EngineOptions options;
  options.lower_again = lower_again;
  const auto engine = runtime::Engine::load(foreign, options);
  ASSERT_TRUE(engine.ok()) << engine.status().message();
  EXPECT_NE((*engine)->notice().find("0.0.1"), std::string::npos);
  ASSERT_TRUE((*engine)->run({x.view()}, got).ok());
  expect_close(got[0], want[0]);

  options.strict = true;
  const auto refused = runtime::Engine::load(foreign, options);
  EXPECT_EQ(refused.status().code(), Code::version_mismatch);
  EXPECT_NE(refused.status().message().find("0.0.1"), std::string::npos) << refused.status().message();
}

TEST(Plan, RunsAfterAFile) {
  const auto built = build(parsed(kResidual), quick());
  ASSERT_TRUE(built.ok());
  const std::string path = testing::TempDir() + "engine_test.vplan";
  ASSERT_TRUE(plan::write_file(built->plan, path).ok());
  auto read = plan::read_file(path);
  ASSERT_TRUE(read.ok()) << read.status().message();
  const auto engine = runtime::Engine::load(*std::move(read));
  ASSERT_TRUE(engine.ok()) << engine.status().message();
  const Tensor x = ir::random_tensor(DType::f32, {1, 3, 17, 15}, 1);
  std::vector<Tensor> want, got;
  ASSERT_TRUE((*runtime::Engine::load(built->plan))->run({x.view()}, want).ok());
  ASSERT_TRUE((*engine)->run({x.view()}, got).ok());
  EXPECT_EQ(std::memcmp(got[0].data(), want[0].data(), want[0].bytes()), 0);
}

TEST(TimingCache, KeepsWhatItWasToldAndRefusesTheRest) {
  TimingCache cache;
  cache.put("conv 3x3", 1.25e-5);
  cache.put("matmul", 2e-3);
  TimingCache other;
  ASSERT_TRUE(other.add_text(cache.to_text()).ok());
  EXPECT_EQ(other.to_text(), cache.to_text());
  EXPECT_EQ(other.find("conv 3x3"), cache.find("conv 3x3"));
  for (const char* bad : {"", "something else\n", "vivace timing cache 1\nnot a number\n",
                          "vivace timing cache 1\n1e-3 key", "vivace timing cache 1\n-1 key\n"})
    EXPECT_EQ(other.add_text(bad).code(), Code::corrupt_file) << bad;
  EXPECT_EQ(other.size(), 2u);
}

}  // namespace
}  // namespace vivace::builder
