// Walks the manifest of tactics: every row that supports a case gives what the reference gives, in every layout it
// takes and on every instruction set the processor has.
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "backend_cases.h"
#include "backends/cpu/shapes.h"
#include "ir/text.h"
#include "ops/operator.h"

namespace vivace::cpu {
namespace {

// NCHW -> N, ceil(C/c), H, W, c with zeros in the lanes past C; and back.
std::vector<float> to_blocked(const TensorView& x, int64_t c) {
  const int64_t channels = x.shape[1], blocks = (channels + c - 1) / c,
                pixels = elements(std::span(x.shape).subspan(2));
  std::vector<float> out(static_cast<size_t>(x.shape[0] * blocks * pixels * c), 0.0f);
  for (int64_t n = 0; n < x.shape[0]; ++n)
    for (int64_t k = 0; k < channels; ++k)
      for (int64_t i = 0; i < pixels; ++i)
        out[static_cast<size_t>(((n * blocks + k / c) * pixels + i) * c + k % c)] =
            x.as<float>()[(n * channels + k) * pixels + i];
  return out;
}

class Tactics : public testing::TestWithParam<std::tuple<const char*, Isa>> {};

TEST_P(Tactics, AgreeWithTheReference) {
  const auto& [text, isa] = GetParam();
  if (isa > best_isa()) GTEST_SKIP() << "this processor has no " << to_string(isa);
  Machine machine = this_machine(2);
  machine.isa = isa;
  Result<std::unique_ptr<ir::Graph>> graph = ir::parse("graph " + std::string(text));
  ASSERT_TRUE(graph.ok()) << graph.status().message();
  ASSERT_TRUE(ops::infer_graph(**graph).ok());
  const ir::Node& node = **(*graph)->nodes().begin();

  std::vector<Tensor> arguments;
  std::vector<Shape> shapes;
  for (const ir::Value* v : (*graph)->inputs()) {
    shapes.push_back(*v->type.shape());
    arguments.push_back(ir::random_tensor(v->type.dtype, shapes.back(), static_cast<uint64_t>(v->id()) + 10));
  }
  Result<std::vector<Tensor>> expected = ops::run_graph_reference(**graph, arguments);
  ASSERT_TRUE(expected.ok()) << expected.status().message();
  const Result<ConcreteGraph> at = concretize(**graph, shapes);
  ASSERT_TRUE(at.ok());

  ThreadPool pool(2);
  int ran = 0;
  const int c = machine.channel_block();
  for (const bool blocked_in : {false, true})
    for (const bool blocked_out : {false, true}) {
      Problem problem = problem_of(node, *at);
      std::vector<std::vector<float>> blocked(problem.inputs.size());
      std::vector<void*> pointers;
      bool sensible = true;
      for (size_t i = 0; i < problem.inputs.size(); ++i) {
        TensorInfo& in = problem.inputs[i];
        Tensor value;
        for (size_t k = 0; k < arguments.size(); ++k)
          if (node.input(i) == (*graph)->inputs()[k]) value = arguments[k];
        if (in.constant) value = *in.constant;
        const bool residual = i == 3;  // laid out as the output
        if (!in.constant && in.present() && (residual ? blocked_out : blocked_in)) {
          if (in.shape.size() != 4)
            sensible = false;
          else {
            blocked[i] = to_blocked(value, c);
            in.channel_block = c;
          }
        }
        pointers.push_back(in.channel_block ? blocked[i].data() : value.data());
      }
      if (blocked_out && problem.outputs[0].shape.size() != 4) sensible = false;
      if (!sensible) continue;
      problem.outputs[0].channel_block = blocked_out ? c : 0;

      for (const Tactic* tactic : all_tactics()) {
        if (!tactic->operators.empty() &&
            std::find(tactic->operators.begin(), tactic->operators.end(), node.op) == tactic->operators.end())
          continue;
        if (!tactic->supports(problem, machine)) continue;
        std::vector<std::string> configurations{""};
        if (tactic->configurations) configurations = tactic->configurations(problem, machine);
        for (const std::string& configuration : configurations) {
          SCOPED_TRACE(std::string(tactic->name) + " '" + configuration + "'" + (blocked_in ? " blocked" : " plain") +
                       " -> " + (blocked_out ? "blocked" : "plain"));
          std::vector<Tensor> packed;
          if (tactic->prepare) {
            auto made = tactic->prepare(problem, configuration, machine);
            ASSERT_TRUE(made.ok()) << made.status().message();
            packed = *made;
          }
          auto bound = tactic->bind(problem, configuration, packed, machine);
          ASSERT_TRUE(bound.ok()) << bound.status().message();
          // The graph returns one of the node's outputs.
          const auto index = static_cast<size_t>((*graph)->outputs()[0]->producer_index());
          const std::vector<float> want =
              blocked_out
                  ? to_blocked((*expected)[0], c)
                  : std::vector<float>((*expected)[0].as<float>(), (*expected)[0].as<float>() + (*expected)[0].count());
          constexpr size_t kGuard = 64;  // a write past the end shows
          std::vector<float> got(want.size() + kGuard, 12345.0f);
          std::vector<void*> all = pointers;
          std::vector<std::vector<float>> rest;
          for (size_t i = 0; i < problem.outputs.size(); ++i)
            all.push_back(i == index ? got.data()
                                     : rest.emplace_back(problem.outputs[i].bytes() / sizeof(float) + 1).data());
          auto workspace = Tensor::allocate(DType::u8, {static_cast<int64_t>(bound->workspace)});
          ASSERT_TRUE(workspace.ok());
          const Status status = bound->run({all.data(), all.data() + pointers.size(), workspace->data(), pool});
          ASSERT_TRUE(status.ok()) << status.message();
          ++ran;
          // Sums of up to some 600 products of numbers below 1 in another order, or through Winograd's transforms,
          // whose error is some 1e-5 of the largest result; functions within 2e-6.
          double largest = 1;
          for (const float w : want) largest = std::max(largest, std::abs(static_cast<double>(w)));
          for (size_t i = 0; i < want.size(); ++i) ASSERT_NEAR(got[i], want[i], 2e-5 * largest) << "at " << i;
          for (size_t i = 0; i < kGuard; ++i) ASSERT_EQ(got[want.size() + i], 12345.0f) << "written past the end";
        }
      }
    }
  EXPECT_GE(ran, 2) << "only the reference runs this";
}

INSTANTIATE_TEST_SUITE_P(Manifest, Tactics,
                         testing::Combine(testing::ValuesIn(kBackendCases),
                                          testing::Values(Isa::generic, Isa::avx2, Isa::avx512)),
                         [](const auto& info) {
                           return "case" + std::to_string(info.index / 3) + "_" + to_string(std::get<1>(info.param));
                         });

TEST(Manifest, NamesAreUniqueAndTheReferenceIsLast) {
  std::set<std::string_view> names;
  for (const Tactic* tactic : all_tactics()) EXPECT_TRUE(names.insert(tactic->name).second) << tactic->name;
  EXPECT_EQ(all_tactics().back()->name, "reference");
  EXPECT_EQ(find_tactic("no such tactic"), nullptr);
}

}  // namespace
}  // namespace vivace::cpu
