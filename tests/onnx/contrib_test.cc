// ONNX Runtime's operators: what they are read as, and what is said of those that cannot be read.
#include <gtest/gtest.h>

#include "model_writer.h"

namespace vivace::onnx::test {
namespace {

Message f32(const std::string& name, const std::vector<std::string>& dims) { return value(name, DType::f32, dims); }

Result<std::unique_ptr<ir::Graph>> read(const std::string& op, const std::vector<std::string>& inputs,
                                        const std::vector<Message>& attributes, const std::vector<Message>& given,
                                        const std::vector<std::string>& outputs = {"y"}) {
  return import(model(graph({node("com.microsoft." + op, inputs, outputs, attributes, "n")}, given,
                            {Message().text(1, outputs.back())})));
}

std::string operators_of(const ir::Graph& graph) {
  std::string names;
  for (const auto& node : graph.nodes()) names += (names.empty() ? "" : " ") + node->op;
  return names;
}

const Message image = f32("x", {"1", "4", "8", "8"}), filter = f32("w", {"6", "4", "3", "3"});
const Message tokens = f32("x", {"b", "s", "16"});

TEST(Contrib, BecomesOperatorsOfTheStandard) {
  const auto conv = read("FusedConv", {"x", "w"}, {attribute("activation", "Relu")}, {image, filter});
  ASSERT_TRUE(conv.ok()) << conv.status().message();
  EXPECT_EQ(operators_of(**conv), "Conv Relu");
  const auto skip =
      read("SkipLayerNormalization", {"x", "x", "g"}, {}, {tokens, f32("g", {"16"})}, {"y", "", "", "sum"});
  ASSERT_TRUE(skip.ok()) << skip.status().message();
  EXPECT_EQ(operators_of(**skip), "Add");  // the sum alone is asked for
  const auto heads = read("MultiHeadAttention", {"x", "x", "x"}, {attribute("num_heads", 4)}, {tokens});
  ASSERT_TRUE(heads.ok()) << heads.status().message();
  EXPECT_EQ(operators_of(**heads), "Attention");
}

std::vector<Message> few_bits(int64_t k, int64_t bits, int64_t block) {
  return {attribute("K", k), attribute("N", 16), attribute("bits", bits), attribute("block_size", block)};
}

struct Refused {
  const char* op;
  std::vector<std::string> inputs;
  std::vector<Message> attributes, given;
  const char* what;
  std::vector<std::string> outputs = {"y"};
};

TEST(Contrib, SaysWhatItCannotRead) {
  const Message scale = f32("g", {"16"}),
                rankless = Message().text(1, "x").add(2, Message().add(1, Message().number(1, 1)));
  const Message bytes = value("q", DType::u8, {"16", "1", "8"});
  const Refused cases[] = {
      {"NoSuchOperator", {"x"}, {}, {tokens}, "Vivace does not know"},
      {"BiasGelu", {"x"}, {}, {tokens}, "node 'n' (com.microsoft.BiasGelu): input 1 is required"},
      {"Gelu", {"x", "x"}, {}, {tokens}, "it has 2 inputs; it takes at most 1"},
      {"BiasGelu", {"x", "w"}, {}, {tokens, filter}, "node 'n' (com.microsoft.BiasGelu): its Add: shapes"},
      {"FusedConv", {"x", "w"}, {attribute("activation", "Sine")}, {image, filter}, "unknown activation 'Sine'"},
      {"MultiHeadAttention", {"x", "x", "x"}, {}, {tokens}, "num_heads must be positive"},
      {"NhwcConv", {"x", "w"}, {}, {rankless, filter}, "rank of its input must be known"},
      {"SkipLayerNormalization",
       {"x", "x", "g"},
       {},
       {tokens, scale},
       "output 1 is not supported",
       {"y", "m", "", "z"}},
      {"MatMulNBits", {"x", "q", "g"}, few_bits(16, 3, 16), {tokens, bytes, scale}, "bits must be 2, 4 or 8"},
      {"MatMulNBits",
       {"x", "q", "g"},
       few_bits(16, 4, 20),
       {tokens, bytes, scale},
       "block_size must be a power of two"},
      {"MatMulNBits", {"x", "q", "g"}, few_bits(15, 4, 16), {tokens, bytes, scale}, "K is 15"},
      {"MatMulNBits", {"x", "q", "g"}, few_bits(16, 8, 16), {tokens, bytes, scale}, "ask for 256 elements"},
      {"MatMulNBits", {"x", "q", "g"}, few_bits(int64_t{1} << 40, 4, 16), {tokens, bytes, scale}, "not too large"},
      {"GroupNorm", {"x", "g", "g"}, {attribute("groups", 0)}, {image, scale}, "GroupNormalization"},
  };
  for (const Refused& c : cases) {
    const auto g = read(c.op, c.inputs, c.attributes, c.given, c.outputs);
    ASSERT_FALSE(g.ok()) << c.what;
    EXPECT_NE(g.status().message().find(c.what), std::string::npos) << g.status().message();
  }
}

}  // namespace
}  // namespace vivace::onnx::test
