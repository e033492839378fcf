// Nodes as a damaged or hostile model file might have them: the cases with attributes, shapes, types and inputs
// changed at random. Inference and reference kernels may refuse them in any way but crash.
#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "ops/case_file.h"
#include "ops/operator.h"

namespace vivace::ops {
namespace {

constexpr int64_t kNasty[] = {
    0, 1, -1, 2, -2, 3, 5, 7, 31, 64, -64, 1000, INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN, int64_t{1} << 40};

class Mutator {
 public:
  explicit Mutator(unsigned seed) : random_(seed) {}

  int64_t below(int64_t n) { return static_cast<int64_t>(random_() % static_cast<uint64_t>(n)); }
  int64_t nasty() { return kNasty[below(std::size(kNasty))]; }

  void change(Case& c) {
    switch (below(8)) {
      case 0:
      case 1:
      case 2: return change_attribute(c);
      case 3:
      case 4: return change_shape(c);
      case 5: return change_type(c);
      case 6: return drop(c);
      default: return change_values(c);
    }
  }

 private:
  void change_attribute(Case& c) {
    if (c.attributes.empty()) return;
    auto at = c.attributes.begin();
    std::advance(at, below(static_cast<int64_t>(c.attributes.size())));
    if (below(6) == 0) {
      c.attributes.erase(at);
    } else if (auto* integer = std::get_if<int64_t>(&at->second)) {
      *integer = nasty();
    } else if (auto* real = std::get_if<float>(&at->second)) {
      *real = static_cast<float>(nasty());
    } else if (auto* text = std::get_if<std::string>(&at->second)) {
      *text = below(2) ? "SAME_LOWER" : "nonsense";
    } else if (auto* integers = std::get_if<std::vector<int64_t>>(&at->second)) {
      if (below(3) == 0)
        integers->resize(static_cast<size_t>(below(6)), nasty());
      else if (!integers->empty())
        (*integers)[static_cast<size_t>(below(static_cast<int64_t>(integers->size())))] = nasty();
    } else if (auto* reals = std::get_if<std::vector<float>>(&at->second)) {
      reals->resize(static_cast<size_t>(below(4)), 0.5f);
    } else if (auto* texts = std::get_if<std::vector<std::string>>(&at->second)) {
      texts->resize(static_cast<size_t>(below(5)), "Elu");
    }
  }

  Tensor& any_input(Case& c) { return c.inputs[static_cast<size_t>(below(static_cast<int64_t>(c.inputs.size())))]; }

  void change_shape(Case& c) {
    Tensor& t = any_input(c);
    if (!t.valid()) return;
    Shape shape = t.shape();
    const int64_t what = below(4);
    if (what == 0 && !shape.empty())
      shape.pop_back();
    else if (what == 1)
      shape.insert(shape.begin() + below(static_cast<int64_t>(shape.size()) + 1), below(3));
    else if (!shape.empty())
      shape[static_cast<size_t>(below(static_cast<int64_t>(shape.size())))] = below(20) ? below(5) : 1 << 20;
    if (below(30) == 0 && !shape.empty()) shape = {0, int64_t{1} << 60, 3};
    const std::optional<int64_t> count = checked_elements(shape);
    if (!count || *count >= (1 << 22)) return;
    if (Result<Tensor> made = Tensor::allocate(t.type(), shape); made.ok()) t = std::move(made).value();
  }

  void change_type(Case& c) {
    Tensor& t = any_input(c);
    if (t.valid()) t = Tensor::allocate(static_cast<DType>(1 + below(kDTypeCount - 1)), t.shape()).value();
  }

  void drop(Case& c) {
    if (below(2))
      any_input(c) = {};
    else if (below(2))
      c.inputs.pop_back();
    else
      c.outputs.resize(static_cast<size_t>(1 + below(4)));
    if (c.inputs.empty()) c.inputs.emplace_back();
  }

  void change_values(Case& c) {
    Tensor& t = any_input(c);
    if (!t.valid() || t.count() == 0) return;
    t = [&] {
      Tensor copy = Tensor::allocate(t.type(), t.shape()).value();
      if (t.type() != DType::string) std::memcpy(copy.data(), t.data(), t.bytes());
      return copy;
    }();
    visit_dtype<int64_t, int32_t, float>(t.type(),
                                         [&]<class T>() { t.as<T>()[below(t.count())] = static_cast<T>(nasty()); });
  }

  std::mt19937 random_;
};

// A mutation may ask for more than a test should do: only small work is run, anything is inferred.
bool small(const Case& c, const ir::Node& node) {
  for (const ir::Value* output : node.outputs()) {
    const std::optional<Shape> shape = output->type.shape();
    if (shape && (!checked_elements(*shape) || *checked_elements(*shape) > (1 << 16))) return false;
  }
  for (const auto& [name, attribute] : c.attributes)
    if (const auto* integers = std::get_if<std::vector<int64_t>>(&attribute))
      for (const int64_t v : *integers)
        if (v > (1 << 12)) return false;
  int64_t work = 1;
  for (const Tensor& t : c.inputs) {
    if (!t.valid()) continue;
    work += t.count();
    if (t.type() == DType::i64 && t.shape().size() <= 1)
      for (const int64_t v : t.span<const int64_t>())
        if (v > (1 << 12)) return false;
    if (t.type() == DType::f32 && t.shape().size() <= 1)
      for (const float v : t.span<const float>())
        if (v > 100) return false;
  }
  return work < (1 << 16);
}

// The dimensions beside a 0 may be beyond counting: nobody may walk them, least of all in an unoptimized build.
TEST(Hostile, AnEmptyTensorIsNotWalkedHoweverLargeItsOtherDimensions) {
  Case c;
  c.op = "LpNormalization";
  c.attributes["axis"] = int64_t{0};
  c.inputs.push_back(Tensor::allocate(DType::f32, {0, int64_t{1} << 60, 3}).value());
  c.outputs.resize(1);
  ir::Graph graph;
  ir::Node* node =
      make_node(graph, c, [](const Tensor& t) { return ir::Type::tensor(t.type(), ir::to_dims(t.shape())); });
  const auto made = run_reference(*node, c.inputs);
  ASSERT_TRUE(made.ok()) << made.status().message();
  EXPECT_EQ(made.value()[0].shape(), c.inputs[0].shape());
}

TEST(Hostile, MutatedNodesAreRefusedOrRunButNeverCrash) {
  const char* rounds_text = std::getenv("VIVACE_HOSTILE_ROUNDS");
  const int rounds = rounds_text ? std::atoi(rounds_text) : 4;
  int refused = 0, ran = 0;
  unsigned seed = 0;
  for (const Case& original : read_cases()) {
    if (!find_operator(original.op)) continue;
    for (int round = 0; round < rounds; ++round) {
      Mutator mutator(++seed);
      Case c = original;
      for (int64_t n = 1 + mutator.below(3); n > 0; --n) mutator.change(c);
      SCOPED_TRACE(c.where + " " + c.op + ", seed " + std::to_string(seed));
      ir::Graph graph;
      ir::Node* node =
          make_node(graph, c, [](const Tensor& t) { return ir::Type::tensor(t.type(), ir::to_dims(t.shape())); });
      const Status inferred = infer_node(*node);
      if (!inferred.ok()) {
        EXPECT_FALSE(inferred.message().empty());
        ++refused;
      } else if (small(c, *node)) {
        ++ran;
        (void)run_reference(*node, c.inputs);
      }
    }
  }
  EXPECT_GT(refused, 0);
  EXPECT_GT(ran, 0);
}

}  // namespace
}  // namespace vivace::ops
