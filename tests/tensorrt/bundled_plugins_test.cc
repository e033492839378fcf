// The plugins of libnvinfer_plugin: each made by its creator, written and read back, as a layer of a network; results
// by hand, or by the operator that computes the same.
#include <cmath>
#include <cstring>
#include <set>

#include "NvInferPlugin.h"
#include "ops/operator.h"
#include "tensorrt/network_testing.h"

namespace vivace::tensorrt {
namespace {

using Parameters = std::vector<std::pair<std::string, std::vector<double>>>;

// Elements that go up and down: 0.5, 1.25, -0.75, ...
Tensor wave(const Shape& shape, double scale = 1, double offset = 0) {
  std::vector<float> values(static_cast<size_t>(elements(shape)));
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<float>(scale * std::sin(1.7 * static_cast<double>(i) + 0.4) + offset);
  return Tensor::of<float>(std::span<const float>(values), shape);
}
Tensor reals(const Shape& shape, const std::vector<float>& values) {
  return Tensor::of<float>(std::span<const float>(values), shape);
}
Tensor wholes(const Shape& shape, const std::vector<int32_t>& values) {
  return Tensor::of<int32_t>(std::span<const int32_t>(values), shape);
}

// One operator on these tensors; empty ones are absent inputs.
std::vector<Tensor> by_operator(const std::string& op, const std::vector<Tensor>& inputs, ir::Attributes attributes) {
  ir::Graph graph;
  std::vector<ir::Value*> values;
  for (size_t i = 0; i < inputs.size(); ++i)
    values.push_back(
        graph.add_input("x" + std::to_string(i), ir::Type::tensor(inputs[i].type(), ir::to_dims(inputs[i].shape()))));
  graph.mark_output(graph.add_node(op, values, 1, std::move(attributes))->output(), "y");
  for (const auto& node : graph.nodes()) EXPECT_TRUE(ops::infer_node(*node).ok());
  Result<std::vector<Tensor>> made = ops::run_graph_reference(graph, inputs);
  EXPECT_TRUE(made.ok()) << made.status().message();
  return made.ok() ? *made : std::vector<Tensor>();
}

class BundledPlugins : public NetworkTest {
 protected:
  void SetUp() override { ASSERT_TRUE(initLibNvInferPlugins(&log, "")); }

  nvinfer1::IPluginCreator* creator(const char* name, const char* version = "1") {
    return getPluginRegistry()->getPluginCreator(name, version, "");
  }

  // The plugin with these parameters, of the types that its creator names, after a way through its bytes.
  nvinfer1::IPluginV2* plugin(const char* name, const Parameters& parameters, const char* version = "1") {
    nvinfer1::IPluginCreator* const from = creator(name, version);
    EXPECT_NE(from, nullptr) << name;
    if (!from) return nullptr;
    std::set<std::string> whole;
    for (int32_t i = 0; i < from->getFieldNames()->nbFields; ++i) {
      const nvinfer1::PluginField& field = from->getFieldNames()->fields[i];
      if (field.type == nvinfer1::PluginFieldType::kINT32) whole.insert(field.name);
    }
    std::vector<std::vector<int32_t>> ints(parameters.size());
    std::vector<std::vector<float>> reals(parameters.size());
    std::vector<nvinfer1::PluginField> fields;
    for (size_t i = 0; i < parameters.size(); ++i) {
      const auto& [field, values] = parameters[i];
      ints[i].assign(values.begin(), values.end());
      reals[i].assign(values.begin(), values.end());
      const bool integer = whole.count(field) != 0;
      fields.emplace_back(field.c_str(), integer ? static_cast<void*>(ints[i].data()) : reals[i].data(),
                          integer ? nvinfer1::PluginFieldType::kINT32 : nvinfer1::PluginFieldType::kFLOAT32,
                          static_cast<int32_t>(values.size()));
    }
    const nvinfer1::PluginFieldCollection collection{static_cast<int32_t>(fields.size()), fields.data()};
    nvinfer1::IPluginV2* const made = from->createPlugin("layer", &collection);
    EXPECT_NE(made, nullptr);
    std::vector<char> bytes(made->getSerializationSize());
    made->serialize(bytes.data());
    made->destroy();
    if (!bytes.empty()) {
      EXPECT_EQ(from->deserializePlugin("layer", bytes.data(), bytes.size() - 1), nullptr);
    }
    return from->deserializePlugin("layer", bytes.data(), bytes.size());
  }

  // What the plugin makes of the tensors; the batch of the first is not known when the network is built.
  std::vector<Tensor> run_plugin(const char* name, const Parameters& parameters, const std::vector<Tensor>& inputs,
                                 const char* version = "1") {
    Network own{nullptr, &log, 1U << static_cast<int>(nvinfer1::NetworkDefinitionCreationFlag::kEXPLICIT_BATCH)};
    std::vector<nvinfer1::ITensor*> tensors;
    for (size_t i = 0; i < inputs.size(); ++i) {
      std::vector<int64_t> sizes = inputs[i].shape();
      if (i == 0) sizes[0] = -1;
      tensors.push_back(own.addInput(("x" + std::to_string(i)).c_str(), to_data_type(inputs[i].type()), dims(sizes)));
    }
    nvinfer1::IPluginV2* const made = plugin(name, parameters, version);
    if (!made) return {};
    nvinfer1::ILayer* const layer =
        own.addPluginV2(tensors.empty() ? nullptr : tensors.data(), static_cast<int32_t>(tensors.size()), *made);
    made->destroy();
    EXPECT_NE(layer, nullptr) << name;
    if (!layer) return {};
    for (int32_t i = 0; i < layer->getNbOutputs(); ++i) own.markOutput(*layer->getOutput(i));
    Result<std::unique_ptr<ir::Graph>> graph = own.to_graph();
    EXPECT_TRUE(graph.ok()) << graph.status().message();
    Result<std::vector<Tensor>> results = ops::run_graph_reference(**graph, inputs);
    EXPECT_TRUE(results.ok()) << results.status().message();
    return results.ok() ? *results : std::vector<Tensor>();
  }

  static void same(const Tensor& got, const Tensor& wanted) {
    ASSERT_EQ(got.shape(), wanted.shape());
    ASSERT_EQ(got.type(), wanted.type());
    if (!is_float(got.type())) {
      EXPECT_EQ(to_int64(got), to_int64(wanted));
      return;
    }
    const std::vector<double> a = to_double(got), b = to_double(wanted);
    for (size_t i = 0; i < a.size(); ++i)
      ASSERT_NEAR(a[i], b[i], 2e-5 * std::max(1.0, std::abs(b[i]))) << "element " << i;
  }
  void expect_plugin(const char* name, const Parameters& parameters, const std::vector<Tensor>& inputs,
                     const std::vector<Tensor>& wanted, const char* version = "1") {
    SCOPED_TRACE(name);
    const std::vector<Tensor> got = run_plugin(name, parameters, inputs, version);
    ASSERT_EQ(got.size(), wanted.size());
    for (size_t i = 0; i < got.size(); ++i) {
      SCOPED_TRACE("output " + std::to_string(i));
      same(got[i], wanted[i]);
    }
    EXPECT_TRUE(log.errors.empty()) << log.errors.front();
  }
};

TEST_F(BundledPlugins, AreRegisteredOnceForEachNamespace) {
  int32_t before = 0, after = 0;
  getPluginRegistry()->getPluginCreatorList(&before);
  ASSERT_TRUE(initLibNvInferPlugins(nullptr, ""));
  getPluginRegistry()->getPluginCreatorList(&after);
  EXPECT_EQ(before, after);
  EXPECT_TRUE(log.errors.empty());
  ASSERT_TRUE(initLibNvInferPlugins(&log, "mine"));
  nvinfer1::IPluginCreator* const own = getPluginRegistry()->getPluginCreator("Clip_TRT", "1", "mine");
  ASSERT_NE(own, nullptr);
  EXPECT_STREQ(own->getPluginNamespace(), "mine");
  nvinfer1::IPluginV2* const made = own->createPlugin("", own->getFieldNames());
  EXPECT_STREQ(made->getPluginNamespace(), "mine");
  EXPECT_STREQ(made->getPluginType(), "Clip_TRT");
  made->destroy();
}

TEST_F(BundledPlugins, Elementwise) {
  const Tensor x = reals({2, 3}, {-2, -0.5F, 0, 0.5F, 2, 7});
  expect_plugin("LReLU_TRT", {{"negSlope", {0.5}}}, {x}, {reals({2, 3}, {-1, -0.25F, 0, 0.5F, 2, 7})});
  expect_plugin("Clip_TRT", {{"clipMin", {-1}}, {"clipMax", {6}}}, {x}, {reals({2, 3}, {-1, -0.5F, 0, 0.5F, 2, 6})});
}

TEST_F(BundledPlugins, Normalizations) {
  const Tensor x = wave({2, 4, 3, 2}, 2, 0.3);
  const std::vector<float> scale = {1, 0.5F, -1, 2}, bias = {0, 1, 0.25F, -1};
  const Parameters instance = {{"epsilon", {1e-3}}, {"scale", {1, 0.5, -1, 2}}, {"bias", {0, 1, 0.25, -1}}};
  const Tensor plain =
      by_operator("InstanceNormalization", {x, reals({4}, scale), reals({4}, bias)}, {{"epsilon", 1e-3F}})[0];
  for (const char* version : {"1", "2"}) expect_plugin("InstanceNormalization_TRT", instance, {x}, {plain}, version);
  Parameters leaky = instance;
  leaky.insert(leaky.end(), {{"relu", {1}}, {"alpha", {0.1}}});
  expect_plugin("InstanceNormalization_TRT", leaky, {x}, {by_operator("LeakyRelu", {plain}, {{"alpha", 0.1F}})[0]});
  expect_plugin("GroupNormalizationPlugin", {{"eps", {1e-3}}, {"num_groups", {2}}},
                {x, reals({4, 1, 1}, scale), reals({4, 1, 1}, bias)},
                by_operator("GroupNormalization", {x, reals({4}, scale), reals({4}, bias)},
                            {{"epsilon", 1e-3F}, {"num_groups", int64_t{2}}}));
  const Tensor image = reals({1, 2, 1, 2}, {3, 6, 4, 8});
  const Parameters each = {{"weights", {1, 2}}, {"acrossSpatial", {0}}, {"channelShared", {0}}, {"eps", {0}}};
  expect_plugin("Normalize_TRT", each, {image}, {reals({1, 2, 1, 2}, {0.6F, 0.6F, 1.6F, 1.6F})});
  const Parameters whole = {{"weights", {125}}, {"acrossSpatial", {1}}, {"channelShared", {1}}, {"eps", {15500}}};
  expect_plugin("Normalize_TRT", whole, {image}, {reals({1, 2, 1, 2}, {3, 6, 4, 8})});
}

TEST_F(BundledPlugins, SamplesOfImages) {
  const Tensor x = wave({2, 3, 5, 6});
  const Tensor boxes = reals({4, 4}, {0, 0, 8, 8, 1.5F, 2, 7, 9.5F, -3, 1, 30, 4, 2, 2, 3, 3});
  const Tensor images = wholes({4}, {1, 0, 1, 0});
  for (const bool aligned : {false, true}) {
    const Parameters given = {{"coordinate_transformation_mode", {aligned ? 1.0 : 0.0}},
                              {"output_height", {2}},
                              {"output_width", {3}},
                              {"sampling_ratio", {aligned ? 0.0 : 2.0}},
                              {"spatial_scale", {0.5}}};
    expect_plugin(
        "ROIAlign_TRT", given, {x, boxes, images},
        by_operator("RoiAlign", {x, boxes, Tensor::of<int64_t>(std::vector<int64_t>{1, 0, 1, 0})},
                    {{"coordinate_transformation_mode", std::string(aligned ? "half_pixel" : "output_half_pixel")},
                     {"output_height", int64_t{2}},
                     {"output_width", int64_t{3}},
                     {"sampling_ratio", int64_t{aligned ? 0 : 2}},
                     {"spatial_scale", 0.5F}}));
  }
  const Tensor offset = wave({1, 2 * 4, 4, 2}, 1.5), mask = wave({1, 4, 4, 2}, 0.5, 0.5);
  const Tensor image = wave({1, 4, 6, 4}), kernel = wave({6, 2, 2, 2}), bias = wave({6});
  expect_plugin(
      "ModulatedDeformConv2d",
      {{"stride", {1, 2}}, {"padding", {0, 1}}, {"dilation", {2, 1}}, {"group", {2}}, {"deformable_group", {1}}},
      {image, wave({1, 8, 4, 3}, 1.5), wave({1, 4, 4, 3}, 0.5, 0.5), kernel, bias},
      by_operator("DeformConv", {image, kernel, wave({1, 8, 4, 3}, 1.5), bias, wave({1, 4, 4, 3}, 0.5, 0.5)},
                  {{"strides", std::vector<int64_t>{1, 2}},
                   {"pads", std::vector<int64_t>{0, 1, 0, 1}},
                   {"dilations", std::vector<int64_t>{2, 1}},
                   {"group", int64_t{2}},
                   {"offset_group", int64_t{1}}}));
  // A row of 0 to 3, and one of 10 to 13: between and beyond them.
  const Tensor rows = reals({1, 1, 2, 4}, {0, 1, 2, 3, 10, 11, 12, 13});
  for (const char* name : {"CropAndResize", "CropAndResizeDynamic"})
    expect_plugin(name, {{"crop_width", {3}}, {"crop_height", {1}}},
                  {rows, reals({1, 2, 4, 1}, {0, 0, 1, 1, 0, 0.5F, 0, 1.5F})},
                  {reals({1, 2, 1, 1, 3}, {5, 6.5F, 8, 1.5F, 3, 0})});
  expect_plugin("ResizeNearest_TRT", {{"scale", {1.5}}}, {rows},
                {reals({1, 1, 3, 6}, {0, 0, 1, 2, 2, 3, 0, 0, 1, 2, 2, 3, 10, 10, 11, 12, 12, 13})});
  expect_plugin("CoordConvAC", {}, {reals({1, 1, 2, 3}, {5, 6, 7, 8, 9, 10})},
                {reals({1, 3, 2, 3}, {5, 6, 7, 8, 9, 10, -1, -1, -1, 1, 1, 1, -1, 0, 1, -1, 0, 1})});
}

TEST_F(BundledPlugins, PlacesThatAreNoNumbersAreOutside) {
  const float nan = std::nanf("");
  const Tensor image = reals({1, 1, 2, 2}, {1, 2, 3, 4}), zero = reals({1, 1, 1, 1}, {0});
  expect_plugin("CropAndResize", {}, {image, reals({1, 1, 4, 1}, {nan, 0, nan, 1})}, {reals({1, 1, 1, 1, 1}, {0})});
  expect_plugin("ModulatedDeformConv2d", {},
                {image, reals({1, 2, 2, 2}, std::vector<float>(8, nan)), reals({1, 1, 2, 2}, {1, 1, 1, 1}), zero},
                {reals({1, 1, 2, 2}, {0, 0, 0, 0})});
}

TEST_F(BundledPlugins, MovedElements) {
  const Tensor a = reals({2, 1, 2, 1}, {1, 2, 3, 4}), b = reals({2, 1, 1, 1}, {9, 8});
  expect_plugin("FlattenConcat_TRT", {{"axis", {1}}}, {a, b}, {reals({2, 3, 1, 1}, {1, 2, 9, 3, 4, 8})});
  std::vector<float> count(16);
  for (size_t i = 0; i < count.size(); ++i) count[i] = static_cast<float>(i);
  // [1, 4, 2, 2] is read as [1, 1, 4, 4].
  expect_plugin("Reorg_TRT", {{"stride", {2}}}, {reals({1, 4, 2, 2}, count)},
                {reals({1, 16, 1, 1}, {0, 2, 8, 10, 1, 3, 9, 11, 4, 6, 12, 14, 5, 7, 13, 15})});
  const Tensor data = wave({3, 4, 2}), updates = wave({2, 2}, 5);
  expect_plugin(
      "ScatterND", {}, {data, wholes({2, 2}, {2, 1, 0, -1}), updates},
      by_operator("ScatterND", {data, Tensor::of<int64_t>(std::vector<int64_t>{2, 1, 0, 3}).reshaped({2, 2}), updates},
                  {}));
  expect_plugin("SpecialSlice_TRT", {}, {reals({1, 2, 6}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12})},
                {reals({1, 2, 4}, {1, 2, 3, 4, 7, 8, 9, 10})});
  expect_plugin("BatchTilePlugin_TRT", {}, {wave({3, 1}), reals({1, 2}, {4, 5})}, {reals({3, 2}, {4, 5, 4, 5, 4, 5})});
}

TEST_F(BundledPlugins, Region) {
  const float e = std::exp(1.0F), half = 0.5F;
  expect_plugin("Region_TRT", {{"num", {1}}, {"coords", {4}}, {"classes", {2}}},
                {reals({1, 7, 1, 1}, {0, 0, 3, -4, 0, 11, 12})},
                {reals({1, 7, 1, 1}, {half, half, 3, -4, half, 1 / (1 + e), e / (1 + e)})});
}

// Three boxes, of which the second overlaps the first by 0.6 and the third is apart; two classes.
const Tensor& some_boxes() {
  static const Tensor boxes = reals({1, 3, 4}, {0, 0, 0.4F, 0.4F, 0, 0.1F, 0.4F, 0.5F, 0.6F, 0.6F, 1.2F, 1});
  return boxes;
}
const Tensor& some_scores() {
  static const Tensor scores = reals({1, 3, 2}, {0.9F, 0.1F, 0.8F, 0.7F, 0.2F, 0.6F});
  return scores;
}

TEST_F(BundledPlugins, EfficientSuppression) {
  const Parameters given = {{"score_threshold", {0.3}}, {"iou_threshold", {0.5}}, {"max_output_boxes", {4}}};
  const auto with = [&](const Parameters& more) {
    Parameters all = given;
    all.insert(all.end(), more.begin(), more.end());
    return all;
  };
  const float* const b = some_boxes().as<float>();
  const auto detections = [&](const std::vector<int>& boxes, const std::vector<float>& scores,
                              const std::vector<int32_t>& labels) {
    std::vector<float> at(16), with_scores(4);
    std::vector<int32_t> with_labels(4);
    for (size_t i = 0; i < boxes.size(); ++i) {
      std::copy_n(b + 4 * boxes[i], 4, at.begin() + static_cast<ptrdiff_t>(4 * i));
      with_scores[i] = scores[i];
      with_labels[i] = labels[i];
    }
    return std::vector<Tensor>{wholes({1, 1}, {static_cast<int32_t>(boxes.size())}), reals({1, 4, 4}, at),
                               reals({1, 4}, with_scores), wholes({1, 4}, with_labels)};
  };
  const std::vector<Tensor> inputs = {some_boxes(), some_scores()};
  const auto usual = detections({0, 1, 2}, {0.9F, 0.7F, 0.6F}, {0, 1, 1});
  expect_plugin("EfficientNMS_TRT", given, inputs, usual);
  expect_plugin("EfficientNMS_TRT", with({{"class_agnostic", {1}}}), inputs, detections({0, 2}, {0.9F, 0.6F}, {0, 1}));
  expect_plugin("EfficientNMS_TRT", with({{"background_class", {0}}}), inputs,
                detections({1, 2}, {0.7F, 0.6F}, {1, 1}));
  expect_plugin(
      "EfficientNMS_TRT", {{"score_threshold", {0.3}}, {"iou_threshold", {0.5}}, {"max_output_boxes", {1}}}, inputs,
      {wholes({1, 1}, {1}), reals({1, 1, 4}, {0, 0, 0.4F, 0.4F}), reals({1, 1}, {0.9F}), wholes({1, 1}, {0})});
  // An overlap of just the threshold is one.
  const Tensor half = reals({1, 2, 4}, {0, 0, 1, 2, 0, 0, 1, 1}), two = reals({1, 2, 1}, {0.9F, 0.8F});
  EXPECT_EQ(to_int64(run_plugin("EfficientNMS_TRT", given, {half, two})[0])[0], 1);
  // The same scores before a sigmoid.
  std::vector<float> raw;
  for (const float score : some_scores().span<float>()) raw.push_back(std::log(score / (1 - score)));
  expect_plugin("EfficientNMS_TRT", with({{"score_activation", {1}}}), {some_boxes(), reals({1, 3, 2}, raw)}, usual);
  // The same boxes by centers, and by their distance from anchors.
  std::vector<float> centers, offsets, anchors;
  for (int i = 0; i < 3; ++i) {
    const float w = b[4 * i + 2] - b[4 * i], h = b[4 * i + 3] - b[4 * i + 1];
    const float x = b[4 * i] + w / 2, y = b[4 * i + 1] + h / 2;
    for (const float value : {x, y, w, h}) centers.push_back(value);
    for (const float value : {0.2F, 0.3F, 0.5F, 2.0F}) anchors.push_back(value);
    for (const float value : {(x - 0.2F) / 0.5F, (y - 0.3F) / 2, std::log(w / 0.5F), std::log(h / 2)})
      offsets.push_back(value);
  }
  const Parameters coded = with({{"box_coding", {1}}});
  expect_plugin("EfficientNMS_TRT", coded, {reals({1, 3, 4}, centers), some_scores()}, usual);
  expect_plugin("EfficientNMS_TRT", coded, {reals({1, 3, 4}, offsets), some_scores(), reals({1, 3, 4}, anchors)},
                usual);
}

TEST_F(BundledPlugins, SuppressionAsOnnxHasIt) {
  const Tensor scores = reals({1, 2, 3}, {0.9F, 0.8F, 0.2F, 0.1F, 0.7F, 0.6F});
  expect_plugin("EfficientNMS_ONNX_TRT",
                {{"score_threshold", {0.15}}, {"iou_threshold", {0.5}}, {"max_output_boxes_per_class", {2}}},
                {some_boxes(), scores}, {wholes({2, 3}, {0, 0, 0, 0, 1, 1})});
  expect_plugin("EfficientNMS_ONNX_TRT",
                {{"score_threshold", {0.65}}, {"iou_threshold", {0.5}}, {"max_output_boxes_per_class", {3}}},
                {some_boxes(), scores}, {wholes({3, 3}, {0, 0, 0, 0, 1, 1, 0, 1, 1})});
}

TEST_F(BundledPlugins, SuppressionAsOnnxHasItOfSeveralImages) {
  const Tensor apart = reals({2, 2, 4}, {0, 0, 1, 1, 2, 2, 3, 3, 0, 0, 1, 1, 2, 2, 3, 3});
  const Tensor scores = reals({2, 1, 2}, {0.5F, 0.6F, 0.8F, 0.7F});
  expect_plugin("EfficientNMS_ONNX_TRT", {{"iou_threshold", {0.5}}, {"max_output_boxes_per_class", {1}}},
                {apart, scores}, {wholes({2, 3}, {0, 0, 1, 1, 0, 0})});
}

TEST_F(BundledPlugins, BatchedSuppression) {
  const Parameters given = {{"shareLocation", {1}}, {"backgroundLabelId", {-1}}, {"numClasses", {2}},    {"topK", {3}},
                            {"keepTopK", {4}},      {"scoreThreshold", {0.3}},   {"iouThreshold", {0.5}}};
  const Tensor boxes = some_boxes().reshaped({1, 3, 1, 4});
  for (const char* name : {"BatchedNMS_TRT", "BatchedNMSDynamic_TRT"})
    expect_plugin(
        name, given, {boxes, some_scores()},
        {wholes({1, 1}, {3}), reals({1, 4, 4}, {0, 0, 0.4F, 0.4F, 0, 0.1F, 0.4F, 0.5F, 0.6F, 0.6F, 1, 1, 0, 0, 0, 0}),
         reals({1, 4}, {0.9F, 0.7F, 0.6F, 0}), reals({1, 4}, {0, 1, 1, -1})});
  Parameters one = given;
  one[3].second = {1};  // the best of each class only
  one.insert(one.end(), {{"clipBoxes", {0}}, {"backgroundLabelId", {0}}});
  expect_plugin("BatchedNMS_TRT", one, {boxes, some_scores()},
                {wholes({1, 1}, {1}), reals({1, 4, 4}, {0, 0.1F, 0.4F, 0.5F, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}),
                 reals({1, 4}, {0.7F, 0, 0, 0}), reals({1, 4}, {1, -1, -1, -1})});
}

// Two anchors; locations that move the first, in each of the codes, to the same place.
TEST_F(BundledPlugins, DetectionsOfSsd) {
  const Tensor priors = reals({1, 2, 8, 1}, {0.2F, 0.2F, 0.4F, 0.6F, 0.6F, 0.6F, 0.8F, 0.8F,  //
                                             0.1F, 0.1F, 0.2F, 0.2F, 0.1F, 0.1F, 0.2F, 0.2F});
  const Tensor scores = reals({1, 6, 1, 1}, {0.1F, 0.9F, 0.3F, 0.9F, 0.2F, 0.8F});
  const float grown = std::log(1.5F) / 0.2F;
  // From 0.2..0.4, 0.2..0.6 to 0.22..0.52, 0.24..0.64.
  const std::vector<std::vector<float>> locations = {
      {0.2F, 0.4F, 0.6F, 0.2F}, {3.5F, 1, grown, 0}, {1, 1, 3, 0.5F}, {1, 3.5F, 0, grown}};
  for (int code = 0; code < 4; ++code) {
    SCOPED_TRACE("code " + std::to_string(code));
    std::vector<float> location = locations[static_cast<size_t>(code)];
    location.resize(8);
    const Parameters given = {{"shareLocation", {1}},
                              {"varianceEncodedInTarget", {0}},
                              {"backgroundLabelId", {0}},
                              {"numClasses", {3}},
                              {"topK", {4}},
                              {"keepTopK", {4}},
                              {"confidenceThreshold", {0.25}},
                              {"nmsThreshold", {0.5}},
                              {"inputOrder", {1, 0, 2}},
                              {"codeType", {static_cast<double>(code)}}};
    std::vector<Tensor> got = run_plugin("NMS_TRT", given, {scores, reals({1, 8, 1, 1}, location), priors});
    ASSERT_EQ(got.size(), 2U);
    same(got[0], reals({1, 1, 4, 7}, {0, 1, 0.9F, 0.22F, 0.24F, 0.52F, 0.64F, 0, 2,  0.8F, 0.6F, 0.6F, 0.8F, 0.8F,
                                      0, 2, 0.3F, 0.22F, 0.24F, 0.52F, 0.64F, 0, -1, 0,    0,    0,    0,    0}));
    int32_t count = 0;  // a whole number in a real one's place
    std::memcpy(&count, got[1].data(), sizeof count);
    EXPECT_EQ(count, 3);
  }
}

TEST_F(BundledPlugins, Anchors) {
  // A map of 1 x 2 over an image of 4 x 8: two boxes at each place, of sides 2, and of area 4 and ratio 4.
  const Tensor map = wave({1, 1, 1, 2}), image = wave({1, 3, 4, 8});
  expect_plugin("PriorBox_TRT", {{"minSize", {2}}, {"aspectRatios", {1, 4}}, {"variance", {0.1, 0.2, 0.3, 0.4}}},
                {map, image}, {reals({1, 2, 16, 1}, {0.125F, 0.25F, 0.375F, 0.75F, 0,    0.375F, 0.5F, 0.625F,  //
                                                     0.625F, 0.25F, 0.875F, 0.75F, 0.5F, 0.375F, 1,    0.625F,  //
                                                     0.1F,   0.2F,  0.3F,   0.4F,  0.1F, 0.2F,   0.3F, 0.4F,
                                                     0.1F,   0.2F,  0.3F,   0.4F,  0.1F, 0.2F,   0.3F, 0.4F})});
  const Parameters more = {{"minSize", {1}}, {"maxSize", {4}}, {"aspectRatios", {4}}, {"flip", {1}}, {"clip", {1}},
                           {"imgH", {2}},    {"imgW", {2}},    {"stepH", {2}},        {"stepW", {2}}};
  const std::vector<Tensor> got = run_plugin("PriorBox_TRT", more, {wave({1, 1, 1, 1}), image});
  ASSERT_EQ(got.size(), 1U);
  ASSERT_EQ(got[0].shape(), (Shape{1, 2, 16, 1}));
  const float* at = got[0].as<float>();
  // 1 x 1, 2 x 2, 2 x 0.5, 0.5 x 2, around the middle.
  const std::vector<float> wanted = {0.25F, 0.25F,  0.75F, 0.75F,  0,      0, 1,      1,
                                     0,     0.375F, 1,     0.625F, 0.375F, 0, 0.625F, 1};
  for (size_t i = 0; i < wanted.size(); ++i) EXPECT_NEAR(at[i], wanted[i], 1e-6F) << i;

  // Two layers: one place with a box for each ratio, then 1 x 2 places, each with one box more.
  const Parameters grid = {{"numLayers", {2}},
                           {"minSize", {0.5}},
                           {"maxSize", {0.8}},
                           {"aspectRatios", {1, 4}},
                           {"featureMapShapes", {1, 1, 1, 2}},
                           {"variance", {1, 2, 3, 4}}};
  const std::vector<Tensor> layers = run_plugin("GridAnchorRect_TRT", grid, {wave({1, 1})});
  ASSERT_EQ(layers.size(), 2U);
  same(layers[0], reals({1, 2, 8, 1}, {0.45F, 0.45F, 0.55F, 0.55F, 0, 0.375F, 1, 0.625F, 1, 2, 3, 4, 1, 2, 3, 4}));
  ASSERT_EQ(layers[1].shape(), (Shape{1, 2, 24, 1}));
  at = layers[1].as<float>();
  const float side = std::sqrt(0.8F);  // the extra box: between 0.8 and 1
  const std::vector<float> first = {0.25F - 0.4F,     0.1F,
                                    0.25F + 0.4F,     0.9F,
                                    0.25F - 0.8F,     0.3F,
                                    0.25F + 0.8F,     0.7F,
                                    0.25F - side / 2, 0.5F - side / 2,
                                    0.25F + side / 2, 0.5F + side / 2};
  for (size_t i = 0; i < first.size(); ++i) EXPECT_NEAR(at[i], first[i], 1e-6F) << i;
  const std::vector<Tensor> square =
      run_plugin("GridAnchor_TRT", {{"featureMapShapes", {2}}, {"numLayers", {1}}}, {wave({1, 1})});
  ASSERT_EQ(square.size(), 1U);
  EXPECT_EQ(square[0].shape(), (Shape{1, 2, 2 * 2 * 3 * 4, 1}));
}

TEST_F(BundledPlugins, RefuseWhatDoesNotFit) {
  // Two classes by the parameters, three by the scores.
  nvinfer1::ITensor* tensors[] = {&input("boxes", {1, 3, 1, 4}), &input("scores", {1, 3, 3})};
  nvinfer1::IPluginV2* made = plugin("BatchedNMS_TRT", {{"numClasses", {2}}});
  network.markOutput(*network.addPluginV2(tensors, 2, *made)->getOutput(0));
  made->destroy();
  auto graph = network.to_graph();
  ASSERT_TRUE(graph.ok());
  const auto run = ops::run_graph_reference(**graph, {wave({1, 3, 1, 4}), wave({1, 3, 3})});
  ASSERT_FALSE(run.ok());
  EXPECT_NE(run.status().message().find("BatchedNMS_TRT"), std::string::npos) << run.status().message();
  // One input where there should be two; an image without height.
  for (const char* name : {"EfficientNMS_TRT", "Reorg_TRT"}) {
    Network own{nullptr, &log, 1U << static_cast<int>(nvinfer1::NetworkDefinitionCreationFlag::kEXPLICIT_BATCH)};
    nvinfer1::ITensor* x = own.addInput("x", nvinfer1::DataType::kFLOAT, dims({1, 3, 4}));
    made = plugin(name, {});
    own.markOutput(*own.addPluginV2(&x, 1, *made)->getOutput(0));
    made->destroy();
    EXPECT_FALSE(own.to_graph().ok()) << name;
  }
}

}  // namespace
}  // namespace vivace::tensorrt
