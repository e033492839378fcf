// Picking elements: indices, the largest, boxes.
#include <limits>

#include "tensorrt/layers/layers.h"

namespace vivace::tensorrt {

using namespace nvinfer1;

void TopKLayer::emit(Build& b) {
  ir::Value* const x = b.in();
  const int axis = axis_of_mask(axes) + b.batch();
  ir::Value* const count = b.has(1) ? b.reshape(b.i64(b.in(1)), {1}) : b.ints({k});
  b.add("TopK", {x, count},
        {{"axis", static_cast<int64_t>(axis)}, {"largest", int64_t{operation == TopKOperation::kMAX}}}, 2);
  if (!b.ok()) return;
  ir::Value *const values = b.output(0), *const places = b.output(1);
  b.out(values, 0);
  b.out(b.cast(places, to_dtype(indices)), 1);
}

void NonZeroLayer::emit(Build& b) { b.out(b.cast(b.add("NonZero", {b.in()}), to_dtype(indices))); }

// Of the scores [images, classes, boxes] of an image the best, so many as the limit says; the others are below any.
ir::Value* NMSLayer::best(Build& b, ir::Value* scores) {
  const ir::Dims dims = b.dims(scores);
  if (!b.ok() || limit <= 0) return scores;
  const ir::Dim count = dims[1] * dims[2];
  if (count.known() && count.value() <= limit) return scores;
  ir::Value* const flat = b.add("Reshape", {scores, b.ints({0, -1})});
  ir::Value* const most = b.add("Min", {b.dim(flat, 1), b.ints({limit})});
  b.add("TopK", {flat, most}, {{"axis", int64_t{1}}}, 2);
  ir::Value *const values = b.output(0), *const places = b.output(1);
  ir::Value* const nothing = b.real(-std::numeric_limits<float>::infinity(), scores);
  ir::Value* const none = b.add("Expand", {nothing, b.shape(flat)});
  return b.add("Reshape", {b.add("ScatterElements", {none, places, values}, {{"axis", int64_t{1}}}), b.shape(scores)});
}

// Scores come as boxes by classes; the operator wants classes by boxes. Boxes that differ from class to class become
// images of one class.
void NMSLayer::emit(Build& b) {
  ir::Value *boxes = b.in(0), *scores = b.in(1);
  if (b.rank(scores) != 3 && b.ok()) b.fail("scores need dimensions images, boxes, classes");
  if (!b.ok()) return;
  scores = best(b, b.transpose(scores, {0, 2, 1}));
  ir::Value* classes = nullptr;
  if (b.rank(boxes) == 4 && b.ok()) {
    if ((*boxes->type.dims)[2].is(1)) {
      boxes = b.add("Squeeze", {boxes, b.ints({2})});
    } else {
      classes = b.dim(scores, 1);
      ir::Value* const count = b.dim(scores, 2);
      const auto images = [&](ir::Value* x, std::vector<ir::Value*> sizes) {
        sizes.insert(sizes.begin(), b.ints({-1}));
        return b.add("Reshape", {x, b.add("Concat", sizes, {{"axis", int64_t{0}}})});
      };
      boxes = images(b.transpose(boxes, {0, 2, 1, 3}), {count, b.ints({4})});
      scores = images(scores, {b.ints({1}), count});
    }
  }
  ir::Value* const most = b.reshape(b.i64(b.in(2)), {1});
  const auto threshold = [&](size_t i, double otherwise) {
    return b.has(i) ? b.reshape(b.cast_like(b.in(i), scores), {1}) : b.reshape(b.real(otherwise, scores), {1});
  };
  ir::Value* const overlap = threshold(3, 0);
  ir::Value* const score = threshold(4, std::numeric_limits<float>::lowest());
  ir::Value* found = b.add("NonMaxSuppression", {boxes, scores, most, overlap, score},
                           {{"center_point_box", int64_t{format == BoundingBoxFormat::kCENTER_SIZES}}});
  if (classes) {
    const auto part = [&](int64_t i) { return b.add("Slice", {found, b.ints({i}), b.ints({i + 1}), b.ints({1})}); };
    found = b.add("Concat", {b.add("Div", {part(0), classes}), b.add("Mod", {part(0), classes}), part(2)},
                  {{"axis", int64_t{1}}});
  }
  b.out(b.cast(found, to_dtype(indices)), 0);
  b.out(b.cast(b.add("Squeeze", {b.dim(found, 0)}), to_dtype(indices)), 1);
}

void GatherLayer::emit(Build& b) {
  ir::Value *const data = b.in(0), *places = b.in(1);
  const int rank = b.rank(data), batch = b.batch();
  if (!b.ok()) return;
  const int64_t at = axis < 0 ? axis + rank : axis + batch;
  if (mode == GatherMode::kELEMENT) return b.out(b.add("GatherElements", {data, places}, {{"axis", at}}));
  int64_t shared = element_wise + batch;
  if (mode == GatherMode::kND) return b.out(b.add("GatherND", {data, b.i64(places)}, {{"batch_dims", shared}}));
  // Indices of a constant are the same for the whole batch.
  if (batch && b.rank(places) > 0 && (*places->type.dims)[0].is(1)) {
    places = b.add("Squeeze", {places, b.ints({0})});
    --shared;
  }
  if (shared == 0) return b.out(b.add("Gather", {data, places}, {{"axis", at}}));
  if (at != shared) return b.fail("with elementwise dimensions it gathers along the first axis after them");
  ir::Value* const single = b.add("Unsqueeze", {b.i64(places), b.ints({-1})});
  b.out(b.add("GatherND", {data, single}, {{"batch_dims", shared}}));
}

void ScatterLayer::emit(Build& b) {
  if (mode == ScatterMode::kND) return b.out(b.add("ScatterND", {b.in(0), b.i64(b.in(1)), b.in(2)}));
  b.out(b.add("ScatterElements", {b.in(0), b.in(1), b.in(2)}, {{"axis", static_cast<int64_t>(axis + b.batch())}}));
}

void OneHotLayer::emit(Build& b) {
  b.out(b.add("OneHot", {b.in(0), b.i64(b.in(2)), b.in(1)}, {{"axis", static_cast<int64_t>(axis)}}));
}

void ReverseSequenceLayer::emit(Build& b) {
  b.out(b.add("ReverseSequence", {b.in(0), b.i64(b.in(1))},
              {{"batch_axis", int64_t{batch_axis}}, {"time_axis", int64_t{sequence_axis}}}));
}

}  // namespace vivace::tensorrt
