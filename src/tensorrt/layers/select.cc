// Picking elements: indices, the largest, boxes.
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

// Scores come as boxes by classes; the operator wants classes by boxes.
void NMSLayer::emit(Build& b) {
  ir::Value *boxes = b.in(0), *const scores = b.in(1);
  if (b.ok() && b.rank(boxes) == 4) {
    if (!(*boxes->type.dims)[2].is(1)) return b.fail("boxes that differ from class to class are not supported");
    boxes = b.add("Squeeze", {boxes, b.ints({2})});
  }
  ir::Value* const most = b.reshape(b.i64(b.in(2)), {1});
  const auto threshold = [&](size_t i) { return b.has(i) ? b.reshape(b.cast_like(b.in(i), scores), {1}) : nullptr; };
  ir::Value* const overlap = threshold(3);
  ir::Value* const score = threshold(4);
  ir::Value* const found = b.add("NonMaxSuppression", {boxes, b.transpose(scores, {0, 2, 1}), most, overlap, score},
                                 {{"center_point_box", int64_t{format == BoundingBoxFormat::kCENTER_SIZES}}});
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
