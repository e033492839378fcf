// Plugins over tensors as such: elementwise ones, and those that move elements.
#include <algorithm>
#include <cmath>

#include "tensorrt/plugins/plugin.h"

namespace vivace::tensorrt::plugins {

using nvinfer1::DimensionOperation;
using nvinfer1::DimsExprs;

namespace {

template <class F>
bool each(const Run& run, const F& f) {
  for (int64_t i = 0; i < run.elements(0); ++i) run.output()[i] = f(run.input(0)[i]);
  return true;
}

bool run_leaky_relu(const Run& run) {
  const float slope = run.values.real("negSlope");
  return each(run, [&](float x) { return x > 0 ? x : x * slope; });
}

bool run_clip(const Run& run) {
  const float least = run.values.real("clipMin"), most = run.values.real("clipMax");
  return each(run, [&](float x) { return std::min(std::max(x, least), most); });
}

// Inputs [n, ...], each as one row, beside each other.
DimsExprs flatten_dims(const Shapes& shapes, int32_t) {
  const nvinfer1::IDimensionExpr* sum = shapes.constant(0);
  for (int32_t i = 0; i < shapes.count(); ++i) {
    const nvinfer1::IDimensionExpr* product = shapes.constant(1);
    for (int32_t axis = 1; axis < shapes.input(i).nbDims; ++axis)
      product = shapes.product(product, shapes.input(i).d[axis]);
    sum = shapes.of(DimensionOperation::kSUM, sum, product);
  }
  return Shapes::dims({shapes.input(0).d[0], sum, shapes.constant(1), shapes.constant(1)});
}

bool run_flatten(const Run& run) {
  const int64_t images = run.size(0, 0);
  float* to = run.output();
  for (int64_t image = 0; image < images; ++image)
    for (int32_t i = 0; i < run.count(); ++i) {
      if (run.size(i, 0) != images) return false;
      const int64_t row = run.elements(i, 1);
      to = std::copy_n(run.input(i) + image * row, row, to);
    }
  return true;
}

// [n, c, h, w] -> [n, c s s, h/s, w/s] in Darknet's order: the memory of the input is read as [n, c/(s s), h s, w s],
// of which every s-th row and column goes into a channel.
DimsExprs reorg_dims(const Shapes& shapes, int32_t) {
  const auto* stride = shapes.constant(shapes.values.whole("stride"));
  DimsExprs made = shapes.input(0);
  made.d[1] = shapes.product(made.d[1], shapes.product(stride, stride));
  for (int axis = 2; axis < 4; ++axis) made.d[axis] = shapes.of(DimensionOperation::kFLOOR_DIV, made.d[axis], stride);
  return made;
}

bool run_reorg(const Run& run) {
  const int64_t channels = run.size(0, 1), h = run.size(0, 2), w = run.size(0, 3), s = run.values.whole("stride");
  if (s < 1 || channels % (s * s) != 0 || h % s != 0 || w % s != 0) return false;
  const int64_t fewer = channels / (s * s);
  for (int64_t i = 0; i < run.elements(0); ++i) {
    const int64_t x = i % w, y = i / w % h, channel = i / (w * h) % channels, image = i / (w * h * channels);
    const int64_t offset = channel / fewer, row = y * s + offset / s, column = x * s + offset % s;
    run.output()[i] = run.input(0)[((image * fewer + channel % fewer) * h * s + row) * w * s + column];
  }
  return true;
}

// YOLO's last layer: for each of `num` boxes, sigmoid of the center and of whether there is something, softmax of the
// classes; the sizes stay.
bool run_region(const Run& run) {
  const int64_t boxes = run.values.whole("num"), coords = run.values.whole("coords");
  const int64_t classes = run.values.whole("classes"), plane = run.size(0, 2) * run.size(0, 3);
  if (boxes < 1 || coords < 4 || run.size(0, 1) != boxes * (coords + classes + 1)) return false;
  constexpr int64_t kObject = 4;
  std::copy_n(run.input(0), run.elements(0), run.output());
  for (int64_t box = 0; box < run.size(0, 0) * boxes; ++box)
    for (int64_t at = 0; at < plane; ++at) {
      float* const y = run.output() + box * (coords + classes + 1) * plane + at;
      for (const int64_t channel : {int64_t{0}, int64_t{1}, kObject})
        y[channel * plane] = 1 / (1 + std::exp(-y[channel * plane]));
      float* const scores = y + (kObject + 1) * plane;
      float most = scores[0], sum = 0;
      for (int64_t i = 1; i < classes; ++i) most = std::max(most, scores[i * plane]);
      for (int64_t i = 0; i < classes; ++i) sum += scores[i * plane] = std::exp(scores[i * plane] - most);
      for (int64_t i = 0; i < classes; ++i) scores[i * plane] /= sum;
    }
  return true;
}

// Inputs: data, indices [..., k] of i32, updates: replaces the parts of the data that the indices name.
bool run_scatter(const Run& run) {
  const int32_t last = run.dims(1).nbDims - 1;
  if (last < 0) return false;
  const int64_t k = run.size(1, last), rows = k ? run.elements(1) / k : 0;
  if (k > run.dims(0).nbDims) return false;
  const int64_t part = run.elements(0, static_cast<int32_t>(k));
  if (run.elements(2) != rows * part) return false;
  std::copy_n(run.input(0), run.elements(0), run.output());
  for (int64_t row = 0; row < rows; ++row) {
    int64_t to = 0;
    for (int64_t axis = 0; axis < k; ++axis) {
      const int64_t size = run.size(0, static_cast<int32_t>(axis));
      int64_t index = run.integers(1)[row * k + axis];
      if (index < 0) index += size;
      if (index < 0 || index >= size) return false;
      to = to * size + index;
    }
    std::copy_n(run.input(2) + row * part, part, run.output() + to * part);
  }
  return true;
}

// The boxes of detections [n, count, 6].
bool run_special_slice(const Run& run) {
  constexpr int64_t kBox = 4, kRow = 6;
  if (run.size(0, 2) != kRow) return false;
  for (int64_t row = 0; row < run.elements(0) / kRow; ++row)
    std::copy_n(run.input(0) + row * kRow, kBox, run.output() + row * kBox);
  return true;
}

// Repeats the second input, of one item, for each item of the first.
bool run_batch_tile(const Run& run) {
  if (run.size(1, 0) != 1) return false;
  for (int64_t image = 0; image < run.size(0, 0); ++image)
    std::copy_n(run.input(1), run.elements(1), run.output() + image * run.elements(1));
  return true;
}

}  // namespace

const std::vector<Kind>& tensor_kinds() {
  static const std::vector<Kind> kinds = {
      {"LReLU_TRT", "1", {{"negSlope", kReal, {0}}}, 1, 1, 0, 0, "f", same, run_leaky_relu},
      {"Clip_TRT", "1", {{"clipMin", kReal, {0}}, {"clipMax", kReal, {1}}}, 1, 1, 0, 0, "f", same, run_clip},
      {"FlattenConcat_TRT",
       "1",
       {{"axis", kWhole, {1}}, {"ignoreBatch", kWhole, {0}}},
       1,
       64,
       0,
       0,
       "f",
       flatten_dims,
       run_flatten},
      {"Reorg_TRT", "1", {{"stride", kWhole, {2}}}, 1, 1, 4, 0, "f", reorg_dims, run_reorg},
      {"Region_TRT",
       "1",
       {{"num", kWhole, {5}}, {"coords", kWhole, {4}}, {"classes", kWhole, {20}}},
       1,
       1,
       4,
       0,
       "f",
       same,
       run_region},
      {"ScatterND", "1", {}, 3, 3, 0, 1U << 1, "f", same, run_scatter},
      {"SpecialSlice_TRT",
       "1",
       {},
       1,
       1,
       3,
       0,
       "f",
       [](const Shapes& shapes, int32_t) {
         return Shapes::dims({shapes.input(0).d[0], shapes.input(0).d[1], shapes.constant(4)});
       },
       run_special_slice},
      {"BatchTilePlugin_TRT",
       "1",
       {},
       2,
       2,
       0,
       0,
       "f",
       [](const Shapes& shapes, int32_t) {
         DimsExprs made = shapes.input(1);
         made.d[0] = shapes.input(0).d[0];
         return made;
       },
       run_batch_tile},
  };
  return kinds;
}

}  // namespace vivace::tensorrt::plugins
