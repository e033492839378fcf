// Walks the manifest of tactics: every row that supports a case gives what the reference gives, in every layout it
// takes and on every instruction set the processor has.
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "backend_cases.h"
#include "backends/cpu/shapes.h"
#include "cpu/cpu_cases.h"
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

std::vector<double> numbers(const TensorView& t) {
  std::vector<double> all;
  visit_dtype<float, Float16, BFloat16, int8_t, uint8_t, int32_t, int64_t, bool>(t.type, [&]<class T>() {
    for (const T x : t.span<const T>()) all.push_back(static_cast<double>(static_cast<float>(x)));
  });
  return all;
}

// How far results may be from the reference's: sums of up to some 600 products of numbers below 1 in another order, or
// through Winograd's transforms, whose error is some 1e-5 of the largest result; functions within 2e-6. Integers agree,
// but for 8 bits that were rounded from a sum.
double tolerance(DType type, const std::vector<double>& want) {
  if (type == DType::u8 || type == DType::i8) return 1;
  if (is_integer(type) || type == DType::boolean) return 0;
  double largest = 1;
  for (const double w : want) largest = std::max(largest, std::abs(w));
  return 2e-5 * largest;
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
    if (v->type.dtype == DType::u8 || v->type.dtype == DType::i8) {  // all values, where random ones are small
      uint32_t state = 1;
      for (uint8_t& byte : std::span(arguments.back().as<uint8_t>(), arguments.back().bytes()))
        byte = static_cast<uint8_t>((state = state * 1664525u + 1013904223u) >> 24);
    }
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
        const bool residual = i == 3 || i == 7;  // laid out as the output
        if (!in.constant && in.present() && (residual ? blocked_out : blocked_in)) {
          if (in.shape.size() != 4 || in.type != DType::f32)
            sensible = false;
          else {
            blocked[i] = to_blocked(value, c);
            in.channel_block = c;
          }
        }
        pointers.push_back(in.channel_block ? blocked[i].data() : value.data());
      }
      if (blocked_out && (problem.outputs[0].shape.size() != 4 || problem.outputs[0].type != DType::f32))
        sensible = false;
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
          const std::vector<float> laid_out = blocked_out ? to_blocked((*expected)[0], c) : std::vector<float>();
          const TensorView want_view =
              blocked_out
                  ? TensorView{DType::f32, {static_cast<int64_t>(laid_out.size())}, const_cast<float*>(laid_out.data())}
                  : (*expected)[0].view();
          const std::vector<double> want = numbers(want_view);
          ASSERT_EQ(want.size(), static_cast<size_t>(want_view.count())) << "elements this test cannot read";
          constexpr size_t kGuard = 256;  // a write past the end shows
          std::vector<uint8_t> got(want_view.bytes() + kGuard, 0x5a);
          std::vector<void*> all = pointers;
          std::vector<std::vector<float>> rest;
          for (size_t i = 0; i < problem.outputs.size(); ++i)
            all.push_back(i == index ? static_cast<void*>(got.data())
                                     : rest.emplace_back(problem.outputs[i].bytes() / sizeof(float) + 2).data());
          auto workspace = Tensor::allocate(DType::u8, {static_cast<int64_t>(bound->workspace)});
          ASSERT_TRUE(workspace.ok());
          std::fill_n(workspace->as<uint8_t>(), bound->workspace, uint8_t{0x7f});  // nothing may count on zeros
          const Status status = bound->run({all.data(), all.data() + pointers.size(), workspace->data(), pool});
          ASSERT_TRUE(status.ok()) << status.message();
          ++ran;
          const std::vector<double> have = numbers({want_view.type, want_view.shape, got.data()});
          const double allowed = tolerance(want_view.type, want);
          for (size_t i = 0; i < want.size(); ++i) ASSERT_NEAR(have[i], want[i], allowed) << "at " << i;
          for (size_t i = 0; i < kGuard; ++i) ASSERT_EQ(got[want_view.bytes() + i], 0x5a) << "written past the end";
        }
      }
    }
  EXPECT_GE(ran, 2) << "only the reference runs this";
}

std::vector<const char*> all_cases() {
  std::vector<const char*> cases(std::begin(kBackendCases), std::end(kBackendCases));
  cases.insert(cases.end(), std::begin(kCpuCases), std::end(kCpuCases));
  return cases;
}

INSTANTIATE_TEST_SUITE_P(Manifest, Tactics,
                         testing::Combine(testing::ValuesIn(all_cases()),
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
