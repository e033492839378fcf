// NonMaxSuppression: of boxes that overlap, the one with the best score.
#include <algorithm>
#include <cmath>

#include "ops/reference.h"

namespace vivace::ops {

Status infer_nms(Inference& in) {
  VIVACE_TRY(require_type(in, 0, {DType::f32}));
  VIVACE_TRY(require_type(in, 1, {DType::f32}));
  VIVACE_TRY(require_type(in, 2, {DType::i64}));
  VIVACE_TRY(require_type(in, 3, {DType::f32}));
  VIVACE_TRY(require_type(in, 4, {DType::f32}));
  for (size_t i = 0; i < 2; ++i) VIVACE_TRY(require_rank(in, i, 3, 3));
  for (size_t i = 2; i < 5; ++i)
    if (in.has(i) && in.dims(i) && product(*in.dims(i)).known() && !product(*in.dims(i)).is(1))
      return in.error("input " + std::to_string(i) + " must be a scalar");
  if (in.dims(0) && in.dims(1)) {
    const ir::Dims &boxes = *in.dims(0), &scores = *in.dims(1);
    const auto differ = [](const ir::Dim& a, const ir::Dim& b) { return a.known() && b.known() && !a.same(b); };
    if (differ(boxes[0], scores[0]) || differ(boxes[1], scores[2]) || differ(boxes[2], 4))
      return in.error("boxes [" + ir::to_string(boxes) + "] and scores [" + ir::to_string(scores) + "] do not fit");
  }
  in.set(0, DType::i64, {ir::Dim(), 3});
  return {};
}

namespace {

struct Box {
  float y1, x1, y2, x2;
  float area() const { return (y2 - y1) * (x2 - x1); }
};

// Corners in any order, or centre and size.
Box box_at(const float* p, bool center) {
  if (center) return {p[1] - p[3] / 2, p[0] - p[2] / 2, p[1] + p[3] / 2, p[0] + p[2] / 2};
  return {std::min(p[0], p[2]), std::min(p[1], p[3]), std::max(p[0], p[2]), std::max(p[1], p[3])};
}

float overlap(const Box& a, const Box& b) {
  const float height = std::min(a.y2, b.y2) - std::max(a.y1, b.y1), width = std::min(a.x2, b.x2) - std::max(a.x1, b.x1);
  if (!(height > 0 && width > 0)) return 0;
  const float both = height * width, either = a.area() + b.area() - both;
  return either > 0 ? both / either : 0;
}

}  // namespace

Status reference_nms(Call& call) {
  const TensorView &boxes = call.input(0), &scores = call.input(1);
  const int64_t batches = scores.shape[0], classes = scores.shape[1], count = scores.shape[2];
  const int64_t most = call.has(2) ? *call.input(2).as<int64_t>() : 0;
  const float overlap_limit = call.has(3) ? *call.input(3).as<float>() : 0;
  const bool center = call.attributes.integer("center_point_box") != 0;
  const float least = call.has(4) ? *call.input(4).as<float>() : -INFINITY;
  const auto counts = [&](float score) { return call.has(4) ? score > least : score == score; };
  std::vector<std::vector<int64_t>> chosen(static_cast<size_t>(most > 0 ? batches * classes : 0));  // of each class
  in_parallel(call.pool, static_cast<int64_t>(chosen.size()), [&](int64_t row) {
    const float* score = scores.as<float>() + row * count;
    std::vector<int64_t>& selected = chosen[static_cast<size_t>(row)];
    std::vector<int64_t> order;
    for (int64_t i = 0; i < count; ++i)
      if (counts(score[i])) order.push_back(i);
    std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) { return score[a] > score[b]; });
    std::vector<Box> kept;
    for (const int64_t i : order) {
      if (static_cast<int64_t>(kept.size()) >= most) break;
      const Box box = box_at(boxes.as<float>() + (row / classes * count + i) * 4, center);
      if (std::any_of(kept.begin(), kept.end(), [&](const Box& other) { return overlap(box, other) > overlap_limit; }))
        continue;
      kept.push_back(box);
      selected.push_back(i);
    }
  });
  std::vector<int64_t> selected;  // batch, class, box
  for (size_t row = 0; row < chosen.size(); ++row)
    for (const int64_t i : chosen[row])
      selected.insert(selected.end(), {static_cast<int64_t>(row) / classes, static_cast<int64_t>(row) % classes, i});
  VIVACE_TRY(make_output(call, 0, DType::i64, {static_cast<int64_t>(selected.size() / 3), 3}));
  std::copy(selected.begin(), selected.end(), call.output().as<int64_t>());
  return {};
}

}  // namespace vivace::ops
