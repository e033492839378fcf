// Attention, what stands around it in language models, quantization in blocks and recurrent networks: numbers against
// those of the plain formulas.
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>

#include "tensorrt/network_testing.h"

namespace vivace::tensorrt {
namespace {

using namespace nvinfer1;

constexpr double kHidden = -std::numeric_limits<double>::infinity();

std::vector<float> wave(size_t count, double step) {
  std::vector<float> made;
  for (size_t i = 0; i < count; ++i) made.push_back(static_cast<float>(std::sin(step * static_cast<double>(i + 1))));
  return made;
}

struct Attended {
  int batch = 1, heads = 2, key_heads = 1, queries = 2, keys = 3, size = 2;
  std::vector<float> q, k, v;
  bool softmax = true;
  // What becomes of the product of query i and key j.
  std::function<double(int b, int h, int i, int j, double score)> seen = [](int, int, int, int, double s) { return s; };
  std::function<double(double)> rounded = [](double share) { return share; };

  std::vector<double> run() const {
    std::vector<double> y;
    for (int b = 0; b < batch; ++b)
      for (int h = 0; h < heads; ++h)
        for (int i = 0; i < queries; ++i) {
          const int own = h * key_heads / heads;
          std::vector<double> row;
          for (int j = 0; j < keys; ++j) {
            double score = 0;
            for (int d = 0; d < size; ++d)
              score += double{q[at(b * heads + h, queries, i, d)]} * double{k[at(b * key_heads + own, keys, j, d)]};
            row.push_back(seen(b, h, i, j, score));
          }
          double sum = 0;
          for (double& score : row)
            if (softmax)
              sum += score = std::exp(score);
            else if (score == kHidden)
              score = 0;
          for (double& score : row) score = rounded(softmax ? score / sum : score);
          for (int d = 0; d < size; ++d) {
            double value = 0;
            for (int j = 0; j < keys; ++j)
              value += row[static_cast<size_t>(j)] * double{v[at(b * key_heads + own, keys, j, d)]};
            y.push_back(value);
          }
        }
    return y;
  }
  size_t at(int outer, int rows, int row, int d) const { return static_cast<size_t>((outer * rows + row) * size + d); }
};

class AttentionTest : public NetworkTest {
 protected:
  AttentionTest() {
    plain.q = wave(8, 0.7);
    plain.k = wave(6, 1.3);
    plain.v = wave(6, 0.4);
  }
  IAttention* add(AttentionNormalizationOp op = AttentionNormalizationOp::kSOFTMAX,
                  CausalMaskKind kind = CausalMaskKind::kNONE) {
    return network.addAttentionV2(*q, *k, *v, op, kind);
  }
  void expect_attended(IAttention* attention, const Attended& wanted) {
    ASSERT_NE(attention, nullptr);
    ILayer* output = nullptr;
    for (int i = 0; i < network.getNbLayers(); ++i)
      for (int o = 0; o < network.getLayer(i)->getNbOutputs(); ++o)
        if (network.getLayer(i)->getOutput(o) == attention->getOutput(0)) output = network.getLayer(i);
    expect(output, {floats({1, 2, 2, 2}, plain.q), floats({1, 1, 3, 2}, plain.k), floats({1, 1, 3, 2}, plain.v)},
           {1, 2, 2, 2}, wanted.run());
  }
  Attended plain;
  ITensor* q = &input("q", {1, 2, 2, 2});
  ITensor* k = &input("k", {1, 1, 3, 2});
  ITensor* v = &input("v", {1, 1, 3, 2});
};

TEST_F(AttentionTest, of_heads_that_share_a_key) { expect_attended(add(), plain); }

TEST_F(AttentionTest, causal_from_either_corner) {
  Attended wanted = plain;
  wanted.seen = [](int, int, int i, int j, double s) { return j <= i ? s : kHidden; };
  IAttention* attention = network.addAttention(*q, *k, *v, AttentionNormalizationOp::kSOFTMAX, true);
  EXPECT_TRUE(attention->getCausal());
  expect_attended(attention, wanted);
  wanted.seen = [](int, int, int i, int j, double s) { return j <= i + 1 ? s : kHidden; };
  EXPECT_TRUE(attention->setCausalKind(CausalMaskKind::kLOWER_RIGHT));
  expect_attended(attention, wanted);
  EXPECT_TRUE(attention->setCausal(false));
  EXPECT_EQ(attention->getCausalKind(), CausalMaskKind::kNONE);
  expect_attended(attention, plain);
}

TEST_F(AttentionTest, masks_that_add_and_masks_that_hide) {
  const std::vector<float> terms{0, 1, 2, -1, 0, 3};
  Attended wanted = plain;
  wanted.seen = [&](int, int, int i, int j, double s) { return s + double{terms[static_cast<size_t>(i * 3 + j)]}; };
  IAttention* attention = add();
  ITensor& mask = constant({1, 1, 2, 3}, terms);
  EXPECT_TRUE(attention->setMask(mask));
  EXPECT_EQ(attention->getMask(), &mask);
  expect_attended(attention, wanted);
  wanted.seen = [&](int, int, int i, int j, double s) {
    return terms[static_cast<size_t>(i * 3 + j)] > 0.5F ? s : kHidden;
  };
  attention->setMask(
      *network.addElementWise(mask, constant({1, 1, 1, 1}, {0.5F}), ElementWiseOperation::kGREATER)->getOutput(0));
  expect_attended(attention, wanted);
  wanted.softmax = false;
  attention->setNormalizationOperation(AttentionNormalizationOp::kNONE);
  expect_attended(attention, wanted);
  attention->setCausal(true);
  EXPECT_EQ(attention->getOutput(0)->getDimensions().nbDims, -1);
  EXPECT_TRUE(log.says("a mask goes with"));
}

TEST_F(AttentionTest, normalized_products_are_quantized) {
  Attended wanted = plain;
  wanted.rounded = [](double share) { return std::nearbyint(share * 10) / 10; };
  IAttention* attention = add();
  ITensor& scale = constant({}, {0.1F});
  EXPECT_FALSE(attention->setNormalizationQuantizeToType(DataType::kINT32));
  EXPECT_TRUE(attention->setNormalizationQuantizeToType(DataType::kINT8));
  EXPECT_TRUE(attention->setNormalizationQuantizeScale(scale));
  EXPECT_EQ(attention->getNormalizationQuantizeToType(), DataType::kINT8);
  EXPECT_EQ(attention->getNormalizationQuantizeScale(), &scale);
  expect_attended(attention, wanted);
}

TEST_F(AttentionTest, lengths_of_padded_keys) {
  Attended wanted = plain;
  wanted.seen = [](int, int, int, int j, double s) { return j < 2 ? s : kHidden; };
  IAttention* attention = add();
  ITensor& lengths = integers({1}, {2});
  EXPECT_TRUE(attention->setKeyValueLengths(&lengths));
  EXPECT_EQ(attention->getKeyValueLengths(), &lengths);
  expect_attended(attention, wanted);
  wanted.seen = [](int, int, int i, int j, double s) { return j < 2 && j <= i ? s : kHidden; };
  attention->setCausalKind(CausalMaskKind::kLOWER_RIGHT);  // the diagonal ends at the last key that counts
  expect_attended(attention, wanted);
  EXPECT_TRUE(attention->setKeyValueLengths(nullptr));
  attention->setCausalKind(CausalMaskKind::kNONE);
  expect_attended(attention, plain);
}

// Two sequences, of 1 and 2 tokens of the query, and 2 and 3 of the key.
TEST_F(NetworkTest, attention_over_packed_sequences) {
  const int query_of[] = {0, 1, 1}, key_of[] = {0, 0, 1, 1, 1}, query_at[] = {0, 0, 1}, key_at[] = {0, 1, 0, 1, 2};
  Attended wanted;
  wanted.heads = 1;
  wanted.queries = 3;
  wanted.keys = 5;
  wanted.q = wave(6, 0.7), wanted.k = wave(10, 1.3), wanted.v = wave(10, 0.4);
  wanted.seen = [&](int, int, int i, int j, double s) {
    const bool same = query_of[i] == key_of[j];  // lengths differ by 1 in both
    return same && key_at[j] <= query_at[i] + 1 ? s : kHidden;
  };
  ITensor &q = input("q", {3, 1, 2}), &k = input("k", {5, 1, 2}), &v = input("v", {5, 1, 2});
  IAttention* attention =
      network.addAttentionV2(q, k, v, AttentionNormalizationOp::kSOFTMAX, CausalMaskKind::kLOWER_RIGHT);
  EXPECT_TRUE(attention->setQueryForm(AttentionIOForm::kPACKED_NHD));
  EXPECT_TRUE(attention->setKeyValueForm(AttentionIOForm::kPACKED_NHD));
  EXPECT_EQ(attention->getQueryForm(), AttentionIOForm::kPACKED_NHD);
  EXPECT_EQ(attention->getOutput(0)->getDimensions().nbDims, -1);
  EXPECT_TRUE(log.says("need lengths"));
  log.errors.clear();
  ITensor& query_starts = integers({3}, {0, 1, 3});
  EXPECT_TRUE(attention->setQueryLengths(&query_starts));
  EXPECT_EQ(attention->getQueryLengths(), &query_starts);
  attention->setKeyValueLengths(&integers({3}, {0, 2, 5}));
  ILayer* output = network.getLayer(1);
  const std::vector<vivace::Tensor> in{floats({3, 1, 2}, wanted.q), floats({5, 1, 2}, wanted.k),
                                       floats({5, 1, 2}, wanted.v)};
  expect(output, in, {3, 1, 2}, wanted.run());

  // The same query against padded keys: 2 of 3, and 3 of 3.
  ITensor &padded_k = input("padded k", {2, 1, 3, 2}), &padded_v = input("padded v", {2, 1, 3, 2});
  EXPECT_TRUE(attention->setKeyValueForm(AttentionIOForm::kPADDED_BHND));
  EXPECT_EQ(attention->getKeyValueForm(), AttentionIOForm::kPADDED_BHND);
  EXPECT_TRUE(attention->setInput(1, padded_k));
  EXPECT_TRUE(attention->setInput(2, padded_v));
  EXPECT_FALSE(attention->setInput(3, padded_v));
  attention->setKeyValueLengths(&integers({2}, {2, 3}));
  const auto spread = [](std::vector<float> values) {
    values.insert(values.begin() + 4, {9, 9});
    return values;
  };
  expect(output, {in[0], in[1], in[2], floats({2, 1, 3, 2}, spread(wanted.k)), floats({2, 1, 3, 2}, spread(wanted.v))},
         {3, 1, 2}, wanted.run());
}

TEST_F(NetworkTest, padded_queries_of_packed_keys) {
  ITensor &q = input("q", {2, 1, 1, 2}), &k = input("k", {3, 1, 2}), &v = input("v", {3, 1, 2});
  IAttention* attention = network.addAttentionV2(q, k, v, AttentionNormalizationOp::kSOFTMAX, CausalMaskKind::kNONE);
  attention->setKeyValueForm(AttentionIOForm::kPACKED_NHD);
  attention->setKeyValueLengths(&integers({3}, {0, 1, 3}));
  // The first sees one key; to the second both of its own are alike.
  expect(network.getLayer(1),
         {floats({2, 1, 1, 2}, {1, 2, 0, 0}), floats({3, 1, 2}, wave(6, 1)), floats({3, 1, 2}, {7, 8, 1, 2, 3, 6})},
         {2, 1, 1, 2}, {7, 8, 2, 4});
}

TEST_F(AttentionTest, is_two_layers_and_an_object) {
  IAttention* attention = add(AttentionNormalizationOp::kNONE);
  ASSERT_EQ(network.getNbLayers(), 2);
  auto* const in = static_cast<IAttentionInputLayer*>(network.getLayer(0));
  auto* const out = static_cast<IAttentionOutputLayer*>(network.getLayer(1));
  EXPECT_EQ(in->getType(), LayerType::kATTENTION_INPUT);
  EXPECT_EQ(out->getType(), LayerType::kATTENTION_OUTPUT);
  IAttentionBoundaryLayer* const boundaries[] = {in, out};
  for (const IAttentionBoundaryLayer* boundary : boundaries) EXPECT_EQ(boundary->getAttention(), attention);
  EXPECT_EQ(in->getNbInputs(), 3);
  EXPECT_EQ(attention->getNbInputs(), 3);
  EXPECT_EQ(attention->getInput(1), k);
  EXPECT_EQ(attention->getInput(3), nullptr);
  EXPECT_EQ(attention->getNbOutputs(), 1);
  EXPECT_EQ(attention->getOutput(1), nullptr);
  EXPECT_EQ(attention->getNormalizationOperation(), AttentionNormalizationOp::kNONE);
  EXPECT_FALSE(attention->setNormalizationOperation(static_cast<AttentionNormalizationOp>(9)));
  EXPECT_TRUE(attention->setName("self"));
  EXPECT_STREQ(attention->getName(), "self");
  EXPECT_STREQ(in->getName(), "self");
  EXPECT_TRUE(attention->setMetadata("m"));
  EXPECT_STREQ(attention->getMetadata(), "m");
  EXPECT_FALSE(attention->getDecomposable());
  EXPECT_TRUE(attention->setDecomposable(true));
  EXPECT_TRUE(attention->getDecomposable());
  EXPECT_TRUE(attention->setNbRanks(1));
  EXPECT_FALSE(attention->setNbRanks(2));
  EXPECT_EQ(attention->getNbRanks(), 1);
  EXPECT_EQ(network.addAttentionV2(*q, *k, *v, static_cast<AttentionNormalizationOp>(9), CausalMaskKind::kNONE),
            nullptr);
}

TEST_F(NetworkTest, rotary_embeddings_turn_pairs) {
  ITensor& x = input("x", {1, 1, 2, 4});
  const std::vector<float> values{1, 2, 3, 4, 5, 6, 7, 8};
  const vivace::Tensor in = floats({1, 1, 2, 4}, values);
  const double angles[2][2] = {{0.1, 0.2}, {0.3, 0.4}};
  std::vector<float> cosines, sines;
  for (const auto& row : angles)
    for (const double angle : row)
      cosines.push_back(static_cast<float>(std::cos(angle))), sines.push_back(static_cast<float>(std::sin(angle)));
  const auto turned = [&](bool interleaved, std::vector<int> places) {
    std::vector<double> y(8);
    for (size_t t = 0; t < 2; ++t)
      for (size_t i = 0; i < 2; ++i) {
        const size_t a = 4 * t + (interleaved ? 2 * i : i), b = 4 * t + (interleaved ? 2 * i + 1 : i + 2);
        const double angle = angles[places[t]][i];
        y[a] = std::cos(angle) * values[a] - std::sin(angle) * values[b];
        y[b] = std::sin(angle) * values[a] + std::cos(angle) * values[b];
      }
    return y;
  };
  IRotaryEmbeddingLayer* layer =
      network.addRotaryEmbedding(x, constant({1, 2, 2}, cosines), constant({1, 2, 2}, sines), false, 0);
  expect(layer, {in}, {1, 1, 2, 4}, turned(false, {0, 1}));
  layer->setInterleaved(true);
  EXPECT_TRUE(layer->getInterleaved());
  expect(layer, {in}, {1, 1, 2, 4}, turned(true, {0, 1}));
  layer->setInput(1, constant({2, 2}, cosines));
  layer->setInput(2, constant({2, 2}, sines));
  layer->setInput(3, integers({1, 2}, {1, 0}));
  expect(layer, {in}, {1, 1, 2, 4}, turned(true, {1, 0}));
  IRotaryEmbeddingLayer* part =
      network.addRotaryEmbedding(x, constant({1, 2, 1}, {0, 1}), constant({1, 2, 1}, {1, 0}), false, 2);
  EXPECT_EQ(part->getRotaryEmbeddingDim(), 2);
  expect(part, {in}, {1, 1, 2, 4}, {-2, 1, 3, 4, 5, 6, 7, 8});
  EXPECT_FALSE(part->setRotaryEmbeddingDim(-1));
  EXPECT_EQ(network.addRotaryEmbedding(x, x, x, false, -1), nullptr);
}

TEST_F(NetworkTest, caches_are_written_from_an_index_on) {
  ITensor &cache = input("cache", {2, 1, 3, 1}), &fresh = input("fresh", {2, 1, 2, 1});
  IKVCacheUpdateLayer* layer = network.addKVCacheUpdate(cache, fresh, integers({2}, {1, 0}), KVCacheMode::kLINEAR);
  expect(layer, {floats({2, 1, 3, 1}, {1, 2, 3, 4, 5, 6}), floats({2, 1, 2, 1}, {10, 20, 30, 40})}, {2, 1, 3, 1},
         {1, 10, 20, 30, 40, 6});
  EXPECT_EQ(layer->getCacheMode(), KVCacheMode::kLINEAR);
  EXPECT_TRUE(layer->setCacheMode(KVCacheMode::kLINEAR));
  EXPECT_FALSE(layer->setCacheMode(static_cast<KVCacheMode>(1)));
}

TEST(Caches, are_updated_where_they_lie) {
  Log log;
  const std::unique_ptr<IBuilder> builder(createInferBuilder(log));
  const std::unique_ptr<INetworkDefinition> network(builder->createNetworkV2(1));
  ITensor* const cache = network->addInput("cache", DataType::kFLOAT, Dims4{1, 1, 3, 2});
  ITensor* const fresh = network->addInput("fresh", DataType::kFLOAT, Dims4{1, 1, 1, 2});
  ITensor* const at = network->addInput("at", DataType::kINT32, dims({1}));
  ITensor* const next = network->addKVCacheUpdate(*cache, *fresh, *at, KVCacheMode::kLINEAR)->getOutput(0);
  ITensor* const other = network->addUnary(*next, UnaryOperation::kNEG)->getOutput(0);
  next->setName("next");
  other->setName("other");
  for (ITensor* const output : {next, other}) network->markOutput(*output);
  const std::unique_ptr<IBuilderConfig> config(builder->createBuilderConfig());
  config->setBuilderOptimizationLevel(0);
  const std::unique_ptr<ICudaEngine> engine(builder->buildEngineWithConfig(*network, *config));
  ASSERT_TRUE(engine);
  EXPECT_STREQ(engine->getAliasedInputTensor("next"), "cache");
  EXPECT_EQ(engine->getAliasedInputTensor("other"), nullptr);
  EXPECT_EQ(engine->getAliasedInputTensor("cache"), nullptr);
  const std::unique_ptr<IExecutionContext> context(engine->createExecutionContext());
  float memory[] = {1, 2, 3, 4, 5, 6}, row[] = {7, 8}, negated[6] = {};
  int32_t place = 1;
  void* bindings[] = {memory, row, &place, memory, negated};
  ASSERT_TRUE(context->executeV2(bindings));
  place = 2;
  ASSERT_TRUE(context->executeV2(bindings));
  const float wanted[] = {1, 2, 7, 8, 7, 8};
  for (int i = 0; i < 6; ++i) EXPECT_EQ(memory[i], wanted[i]);
  EXPECT_EQ(negated[5], -8);
  EXPECT_TRUE(log.errors.empty());
}

// ---- Quantization in blocks ----

TEST_F(NetworkTest, blocks_are_quantized_by_their_largest) {
  ITensor& x = input("x", {2, 4});
  const vivace::Tensor in = floats({2, 4}, {127, -3, 0, 0, 254, 4, 6, -12});
  IDynamicQuantizeLayer* layer = network.addDynamicQuantize(x, 1, 2, DataType::kINT8, DataType::kFLOAT);
  EXPECT_EQ(layer->getBlockSize(), 2);
  expect(layer, {in}, {2, 4}, {127, -3, 0, 0, 127, 2, 64, -127});
  expect(layer, {in}, {2, 2}, {1, 0, 2, 12.0 / 127}, 1);
  layer->setAxis(0);
  expect(layer, {in}, {1, 4}, {2, 4.0 / 127, 6.0 / 127, 12.0 / 127}, 1);
  layer->setBlockShape(Dims2{2, -1});
  EXPECT_EQ(layer->getBlockShape().d[0], 2);
  expect(layer, {in}, {1, 1}, {2}, 1);
  const auto as_floats = [&](ILayer* of, int output) {
    return network.addCast(*of->getOutput(output), DataType::kFLOAT);
  };
  // 4 bits hold 0, 0.5, 1, 1.5, 2, 3, 4, 6; scales of powers of two are rounded up.
  IDynamicQuantizeLayer* four = network.addDynamicQuantizeV2(x, Dims2{1, 4}, DataType::kFP4, DataType::kE8M0);
  EXPECT_EQ(four->getToType(), DataType::kFP4);
  EXPECT_EQ(four->getScaleType(), DataType::kE8M0);
  EXPECT_EQ(four->getOutput(1)->getType(), DataType::kE8M0);
  expect(as_floats(four, 1), {in}, {2, 1}, {32, 64});
  expect(as_floats(four, 0), {in}, {2, 4}, {4, 0, 0, 0, 4, 0, 0, 0});
  four->setScaleType(DataType::kFP8);
  four->setInput(1, constant({}, {0.5F}));  // the scale of scales
  four->setToType(DataType::kFP8);
  expect(as_floats(four, 1), {in}, {2, 1}, {0.5625, 1.125});
  expect(as_floats(four, 0), {in}, {2, 4}, {448, -11, 0, 0, 448, 7, 11, -22});
  IDynamicQuantizeLayer* wrong = network.addDynamicQuantize(x, 1, 3, DataType::kFP4, DataType::kFP8);
  EXPECT_EQ(wrong->getOutput(0)->getDimensions().nbDims, -1);
  EXPECT_TRUE(log.says("do not divide"));
}

TEST_F(NetworkTest, scales_of_blocks_there_and_back) {
  ITensor& x = input("x", {2, 4});
  const vivace::Tensor in = floats({2, 4}, {1, 2, 30, 40, 5, 6, 70, 80});
  IQuantizeLayer* layer = network.addQuantize(x, constant({2, 2}, {1, 10, 1, 10}), DataType::kINT4);
  expect(network.addCast(*layer->getOutput(0), DataType::kINT32), {in}, {2, 4}, {1, 2, 3, 4, 5, 6, 7, 7});
  IDequantizeLayer* back =
      network.addDequantize(*layer->getOutput(0), constant({2, 2}, {1, 10, 1, 10}), DataType::kFLOAT);
  EXPECT_TRUE(back->setBlockShape(Dims2{1, 2}));
  EXPECT_EQ(back->getBlockShape().d[1], 2);
  expect(back, {in}, {2, 4}, {1, 2, 30, 40, 5, 6, 70, 70});
  back->setBlockShape(Dims2{1, 4});
  EXPECT_EQ(back->getOutput(0)->getDimensions().nbDims, -1);
  EXPECT_TRUE(log.says("blocks of 2 along dimension 1"));
}

// ---- Mixture of experts ----

class MoETest : public NetworkTest {
 protected:
  static constexpr int kWidth = 2, kInner = 2, kTokens = 2;
  const std::vector<float> x = wave(4, 0.9), gates = wave(8, 0.5), ups = wave(8, 1.1), downs = wave(8, 0.3);
  const std::vector<int32_t> chosen{1, 0, 0, 1};
  const std::vector<float> scores{0.75F, 0.25F, 0.5F, 0.5F};
  float limit = std::numeric_limits<float>::infinity(), alpha = 1, beta = 0, bias = 0;
  bool silu = true;
  std::function<double(double)> rounded = [](double v) { return v; };

  std::vector<double> expected() const {
    std::vector<double> y(kTokens * kWidth);
    for (size_t t = 0; t < kTokens; ++t)
      for (size_t c = 0; c < 2; ++c) {
        const auto e = static_cast<size_t>(chosen[2 * t + c]);
        double inner[kInner];
        for (size_t i = 0; i < kInner; ++i) {
          double g = bias, u = bias;
          for (size_t h = 0; h < kWidth; ++h) {
            g += double{x[2 * t + h]} * double{gates[4 * e + 2 * h + i]};
            u += double{x[2 * t + h]} * double{ups[4 * e + 2 * h + i]};
          }
          g = std::min(g, double{limit});
          u = std::clamp(u, double{-limit}, double{limit});
          inner[i] = rounded((silu ? g / (1 + std::exp(-alpha * g)) : g) * (u + beta));
        }
        for (size_t h = 0; h < kWidth; ++h) {
          double d = bias;
          for (size_t i = 0; i < kInner; ++i) d += inner[i] * double{downs[4 * e + 2 * i + h]};
          y[2 * t + h] += double{scores[2 * t + c]} * d;
        }
      }
    return y;
  }
  IMoELayer* layer = nullptr;
  void SetUp() override {
    ITensor& states = input("x", {1, 2, 2});
    layer = network.addMoE(states, integers({1, 2, 2}, chosen), constant({1, 2, 2}, scores));
    layer->setGatedWeights(constant({2, 2, 2}, gates), constant({2, 2, 2}, ups), constant({2, 2, 2}, downs),
                           MoEActType::kSILU);
  }
  void check() { expect(layer, {floats({1, 2, 2}, x)}, {1, 2, 2}, expected()); }
};

TEST_F(MoETest, adds_what_the_chosen_experts_say) {
  check();
  EXPECT_EQ(layer->getActivationType(), MoEActType::kSILU);
  layer->setActivationType(MoEActType::kNONE);
  silu = false;
  check();
}

TEST_F(MoETest, biases_and_the_parameters_of_the_activation) {
  bias = 0.5F;
  ITensor& all = constant({2, 2}, {0.5F, 0.5F, 0.5F, 0.5F});
  layer->setGatedBiases(all, all, all);
  check();
  layer->setSwigluParams(0.6F, 1.5F, 1);
  limit = 0.6F, alpha = 1.5F, beta = 1;
  check();
  layer->setSwigluParamLimit(limit = 0.4F);
  layer->setSwigluParamAlpha(alpha = 2);
  layer->setSwigluParamBeta(beta = -1);
  EXPECT_EQ(layer->getSwigluParamLimit(), 0.4F);
  EXPECT_EQ(layer->getSwigluParamAlpha(), 2);
  EXPECT_EQ(layer->getSwigluParamBeta(), -1);
  check();
}

TEST_F(MoETest, quantized_before_the_last_product) {
  EXPECT_EQ(layer->getQuantizationToType(), DataType::kFLOAT);
  layer->setQuantizationStatic(constant({}, {0.125F}), DataType::kINT8);
  EXPECT_EQ(layer->getQuantizationToType(), DataType::kINT8);
  rounded = [](double v) { return std::nearbyint(v * 8) / 8; };
  check();
  // In blocks of one element each is its own scale, and nothing is lost; scaled twice it is.
  layer->setQuantizationDynamicDblQ(constant({}, {1}), DataType::kINT8, Dims3{1, 1, 1}, DataType::kFLOAT);
  rounded = [](double v) { return v; };
  check();
  EXPECT_EQ(layer->getQuantizationBlockShape().nbDims, 3);
  EXPECT_EQ(layer->getDynQOutputScaleType(), DataType::kFLOAT);
  layer->setDynQOutputScaleType(DataType::kE8M0);
  layer->setQuantizationToType(DataType::kFP8);
  layer->setQuantizationBlockShape(Dims3{1, 1, 1});
  rounded = [](double v) {  // 4 bits of the number remain
    int exponent = 0;
    const double fraction = std::frexp(v, &exponent);
    return std::ldexp(std::nearbyint(fraction * 16) / 16, exponent);
  };
  check();
}

// ---- Several devices ----

TEST_F(NetworkTest, collectives_of_one_rank_pass_on) {
  using enum CollectiveOperation;
  ITensor& x = input("x", {2});
  const vivace::Tensor in = floats({2}, {1, 2});
  int64_t own[] = {0}, others[] = {0, 1};
  for (const CollectiveOperation op :
       {kALL_REDUCE, kREDUCE, kREDUCE_SCATTER, kALL_GATHER, kBROADCAST, kALL_TO_ALL, kGATHER, kSCATTER}) {
    const bool reduces = op == kALL_REDUCE || op == kREDUCE || op == kREDUCE_SCATTER;
    const auto reduction = reduces ? ReduceOperation::kSUM : ReduceOperation::kNONE;
    IDistCollectiveLayer* layer = network.addDistCollective(x, op, reduction, 0, own, 1);
    expect(layer, {in}, {2}, {1, 2});
    EXPECT_TRUE(layer->setNbRanks(1));
    EXPECT_FALSE(layer->setNbRanks(2));
    const auto wrong = reduces ? ReduceOperation::kNONE : ReduceOperation::kSUM;
    EXPECT_EQ(network.addDistCollective(x, op, wrong, 0, nullptr, 0), nullptr);
    EXPECT_EQ(network.addDistCollective(x, op, reduction, 0, others, 2), nullptr);
    EXPECT_TRUE(log.says("there is one rank"));
    log.errors.clear();
  }
  EXPECT_NE(network.addDistCollective(x, kALL_GATHER, ReduceOperation::kNONE, -1, nullptr, 0), nullptr);
  EXPECT_EQ(network.addDistCollective(x, kBROADCAST, ReduceOperation::kNONE, 1, nullptr, 0), nullptr);
  EXPECT_TRUE(log.says("the root is 1"));
}

// ---- Recurrent networks ----

double sigmoid(double v) { return 1 / (1 + std::exp(-v)); }

TEST_F(NetworkTest, weights_of_a_recurrent_network_as_a_whole) {
  ITensor& x = input("x", {1, 2, 1, 1});
  // Forget, input, cell, output; then those of the hidden state, and biases likewise.
  const std::vector<float> all{0.1F, 0.2F, 0.3F, 0.4F, 0.5F, 0.6F, 0.7F, 0.8F};
  IRNNLayer* layer = network.addRNN(x, 1, 1, 2, RNNOperation::kLSTM, RNNInputMode::kLINEAR, RNNDirection::kUNIDIRECTION,
                                    weights(keep(all)), weights(keep(all)));
  double h = 0, c = 0;
  std::vector<double> y;
  for (const double in : {1.0, 2.0}) {
    const auto gate = [&](size_t i) { return all[i] * in + all[i] + all[i + 4] * h + all[i + 4]; };
    c = sigmoid(gate(0)) * c + sigmoid(gate(1)) * std::tanh(gate(2));
    h = sigmoid(gate(3)) * std::tanh(c);
    y.push_back(h);
  }
  const std::vector<vivace::Tensor> in{floats({1, 2, 1, 1}, {1, 2})};
  expect(layer, in, {2, 1, 1}, y);
  expect(layer, in, {1, 1, 1}, {h}, 1);
  expect(layer, in, {1, 1, 1}, {c}, 2);
  EXPECT_EQ(layer->getLayerCount(), 1U);
  EXPECT_EQ(layer->getHiddenSize(), 1U);
  EXPECT_EQ(layer->getSeqLength(), 2);
  EXPECT_EQ(layer->getDataLength(), 1);
  EXPECT_EQ(layer->getType(), LayerType::kRNN);
  layer->setWeights(weights(keep({1, 2})));
  EXPECT_EQ(layer->getWeights().count, 2);
  EXPECT_EQ(layer->getOutput(0)->getDimensions().nbDims, -1);
  EXPECT_TRUE(log.says("weights, not 1"));
  EXPECT_EQ(network.addRNN(x, 0, 1, 2, RNNOperation::kLSTM, RNNInputMode::kLINEAR, RNNDirection::kUNIDIRECTION, {}, {}),
            nullptr);
}

// The same network as a whole and gate by gate.
TEST_F(NetworkTest, both_generations_of_recurrent_layers_agree) {
  const std::vector<RNNGateType> lstm{RNNGateType::kFORGET, RNNGateType::kINPUT, RNNGateType::kCELL,
                                      RNNGateType::kOUTPUT};
  const std::vector<RNNGateType> gru{RNNGateType::kUPDATE, RNNGateType::kRESET, RNNGateType::kHIDDEN};
  const std::vector<float> all = wave(400, 0.37), values = wave(12, 0.8), start = wave(16, 0.2);
  const std::vector<vivace::Tensor> in{floats({1, 2, 2, 3}, values), floats({4, 2, 2}, start)};
  const std::vector<vivace::Tensor> turned{in[0], in[1]};
  ITensor &x = input("x", {1, 2, 2, 3}), &state = input("state", {4, 2, 2});
  IShuffleLayer *batch_first = network.addShuffle(x), *state_first = network.addShuffle(state);
  batch_first->setFirstTranspose(Permutation{{0, 2, 1, 3}});
  batch_first->setReshapeDimensions(Dims3{2, 2, 3});
  state_first->setFirstTranspose(Permutation{{1, 0, 2}});
  for (const RNNOperation op : {RNNOperation::kRELU, RNNOperation::kTANH, RNNOperation::kLSTM, RNNOperation::kGRU}) {
    const std::vector<RNNGateType> gates = op == RNNOperation::kLSTM  ? lstm
                                           : op == RNNOperation::kGRU ? gru
                                                                      : std::vector<RNNGateType>{RNNGateType::kINPUT};
    IRNNLayer* whole =
        network.addRNN(x, 2, 2, 2, op, RNNInputMode::kLINEAR, RNNDirection::kBIDIRECTION, weights(all), weights(all));
    IRNNv2Layer* parts = network.addRNNv2(*batch_first->getOutput(0), 2, 2, 2, op);
    parts->setDirection(RNNDirection::kBIDIRECTION);
    EXPECT_EQ(whole->getOperation(), op);
    EXPECT_EQ(parts->getOperation(), op);
    whole->setHiddenState(state);
    parts->setHiddenState(*state_first->getOutput(0));
    whole->setCellState(state);
    parts->setCellState(*state_first->getOutput(0));
    EXPECT_EQ(whole->getHiddenState(), &state);
    EXPECT_EQ(parts->getCellState(), state_first->getOutput(0));
    size_t at = 0, bias_at = 0;
    for (int layer = 0; layer < 4; ++layer)
      for (const bool w : {true, false})
        for (const RNNGateType gate : gates) {
          const size_t count = 2U * (!w ? 2U : layer < 2 ? 3U : 4U);
          parts->setWeightsForGate(layer, gate, w, {DataType::kFLOAT, all.data() + at, static_cast<int64_t>(count)});
          parts->setBiasForGate(layer, gate, w, {DataType::kFLOAT, all.data() + bias_at, 2});
          at += count;
          bias_at += 2;
        }
    while (network.getNbOutputs()) network.unmarkOutput(*network.getOutput(0));
    for (ILayer* layer : {static_cast<ILayer*>(whole), static_cast<ILayer*>(parts)})
      network.markOutput(*layer->getOutput(0));
    const std::vector<vivace::Tensor> made = run(in);
    ASSERT_EQ(made.size(), 2U);
    ASSERT_EQ(made[0].shape(), (Shape{2, 2, 4}));  // time first; the other has the batch first
    for (int t = 0; t < 2; ++t)
      for (int b = 0; b < 2; ++b)
        for (int i = 0; i < 4; ++i)
          EXPECT_NEAR(made[0].as<float>()[(t * 2 + b) * 4 + i], made[1].as<float>()[(b * 2 + t) * 4 + i], 1e-6);
  }
}

TEST_F(NetworkTest, gated_units_and_skipped_inputs) {
  ITensor& x = input("x", {1, 2, 1});
  const std::vector<vivace::Tensor> in{floats({1, 2, 1}, {1, 2})};
  IRNNv2Layer* gru = network.addRNNv2(x, 1, 1, 2, RNNOperation::kGRU);
  float value = 0.1F;
  for (const RNNGateType gate : {RNNGateType::kUPDATE, RNNGateType::kRESET, RNNGateType::kHIDDEN})
    for (const bool w : {true, false}) {
      gru->setWeightsForGate(0, gate, w, weights(keep({value})));
      gru->setBiasForGate(0, gate, w, weights(keep({2 * value})));
      value += 0.1F;
    }
  double h = 0;
  std::vector<double> y;
  for (const double one : {1.0, 2.0}) {
    const double z = sigmoid(0.1 * one + 0.2 + 0.2 * h + 0.4), r = sigmoid(0.3 * one + 0.6 + 0.4 * h + 0.8);
    const double fresh = std::tanh(0.5 * one + 1.0 + r * (0.6 * h + 1.2));
    h = (1 - z) * fresh + z * h;
    y.push_back(h);
  }
  expect(gru, in, {1, 2, 1}, y);

  IRNNv2Layer* skip = network.addRNNv2(x, 1, 1, 2, RNNOperation::kTANH);
  skip->setInputMode(RNNInputMode::kSKIP);
  EXPECT_EQ(skip->getInputMode(), RNNInputMode::kSKIP);
  EXPECT_EQ(skip->getDirection(), RNNDirection::kUNIDIRECTION);
  skip->setWeightsForGate(0, RNNGateType::kINPUT, false, weights(keep({0.5F})));
  EXPECT_EQ(skip->getWeightsForGate(0, RNNGateType::kINPUT, false).count, 1);
  EXPECT_EQ(skip->getBiasForGate(0, RNNGateType::kINPUT, false).count, 0);
  ITensor& state = constant({1, 1, 1}, {4});
  skip->setHiddenState(state);
  EXPECT_EQ(skip->getHiddenState(), &state);
  const double first = std::tanh(1 + 0.5 * 4);
  expect(skip, in, {1, 2, 1}, {first, std::tanh(2 + 0.5 * first)});
  ITensor& lengths = integers({1}, {1});
  skip->setSequenceLengths(lengths);
  EXPECT_EQ(skip->getSequenceLengths(), &lengths);
  expect(skip, in, {1, 2, 1}, {first, 0});
  expect(skip, in, {1, 1, 1}, {first}, 1);
  EXPECT_EQ(skip->getLayerCount(), 1);
  EXPECT_EQ(skip->getHiddenSize(), 1);
  EXPECT_EQ(skip->getMaxSeqLength(), 2);
}

}  // namespace
}  // namespace vivace::tensorrt
