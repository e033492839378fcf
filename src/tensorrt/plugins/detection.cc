// Plugins of detectors: boxes out of scores, with those suppressed that overlap a better one (greedily, best first),
// and the anchors of SSD.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include "tensorrt/plugins/boxes.h"
#include "tensorrt/plugins/plugin.h"

namespace vivace::tensorrt::plugins {

using nvinfer1::DimsExprs;

namespace {

struct Candidate {
  float score;
  int32_t label;
  int64_t box;
  Box at;
};

Box ordered(Box box) {
  return {std::min(box.x1, box.x2), std::min(box.y1, box.y2), std::max(box.x1, box.x2), std::max(box.y1, box.y2)};
}

// Coordinates that are whole pixels include their ends: `extra` is 1 for these.
float area(const Box& box, float extra) {
  if (box.x2 < box.x1 || box.y2 < box.y1) return 0;
  return (box.x2 - box.x1 + extra) * (box.y2 - box.y1 + extra);
}

float overlap(const Box& a, const Box& b, float extra) {
  const Box both{std::max(a.x1, b.x1), std::max(a.y1, b.y1), std::min(a.x2, b.x2), std::min(a.y2, b.y2)};
  const float common = area(both, extra);
  const float whole = area(a, extra) + area(b, extra) - common;
  return whole > 0 ? common / whole : 0;
}

void sort_by_score(std::vector<Candidate>& all) {
  std::stable_sort(all.begin(), all.end(), [](const Candidate& a, const Candidate& b) { return a.score > b.score; });
}

struct Suppression {
  float threshold;
  bool inclusive;  // an overlap of just the threshold counts
  bool across;     // labels suppress each other
  size_t limit;
  float extra = 0;
};

// The candidates, sorted, that no better one overlaps. Those over the limit of their label suppress others all the
// same.
std::vector<Candidate> kept(const std::vector<Candidate>& sorted, const Suppression& how) {
  std::vector<Candidate> made;
  for (const Candidate& candidate : sorted) {
    if (made.size() >= how.limit) break;
    const bool lost = std::any_of(made.begin(), made.end(), [&](const Candidate& better) {
      if (!how.across && better.label != candidate.label) return false;
      const float shared = overlap(better.at, candidate.at, how.extra);
      return how.inclusive ? shared >= how.threshold : shared > how.threshold;
    });
    if (!lost) made.push_back(candidate);
  }
  return made;
}

Box read_box(const float* from) { return {from[0], from[1], from[2], from[3]}; }

// --- EfficientNMS: boxes [n, count, (classes,) 4], scores [n, count, classes], and anchors to which the boxes relate
// ---

Box from_center(const Box& box) {
  return {box.x1 - box.x2 / 2, box.y1 - box.y2 / 2, box.x1 + box.x2 / 2, box.y1 + box.y2 / 2};
}

// `coding` 0: corners, and offsets of corners; 1: center and size.
Box decoded(const Box& box, const float* anchor, int64_t coding) {
  if (!anchor) return coding == 0 ? ordered(box) : from_center(box);
  const Box a = read_box(anchor);
  if (coding == 0) {
    const Box offset = ordered(box), base = ordered(a);
    return {offset.x1 + base.x1, offset.y1 + base.y1, offset.x2 + base.x2, offset.y2 + base.y2};
  }
  return from_center({box.x1 * a.x2 + a.x1, box.y1 * a.y2 + a.y1, a.x2 * std::exp(box.x2), a.y2 * std::exp(box.y2)});
}

float sigmoid(float x) { return 1 / (1 + std::exp(-x)); }

constexpr size_t kEfficientCandidates = 4096;  // the best of an image; more are not looked at

void truncate(std::vector<Candidate>& all, size_t count) {
  if (all.size() > count) all.resize(count);
}

bool run_efficient(const Run& run) {
  const int64_t images = run.size(0, 0), count = run.size(0, 1), classes = run.size(1, 2);
  const int64_t per_box = run.dims(0).nbDims == 4 ? run.size(0, 2) : 1;
  if (run.size(1, 0) != images || run.size(1, 1) != count || run.elements(0) != images * count * per_box * 4 ||
      (per_box != 1 && per_box != classes))
    return false;
  const bool anchored = run.count() == 3;
  if (anchored && run.elements(2) != run.size(2, 0) * count * 4) return false;
  const bool activate = run.values.whole("score_activation") != 0;
  const float threshold = run.values.real("score_threshold");
  const int64_t limit = run.values.whole("max_output_boxes"), coding = run.values.whole("box_coding");
  const Suppression how{run.values.real("iou_threshold"), true, run.values.whole("class_agnostic") != 0,
                        static_cast<size_t>(std::max<int64_t>(0, limit))};
  std::fill_n(run.output(1), run.out_elements(1), 0.0F);
  std::fill_n(run.output(2), run.out_elements(2), 0.0F);
  std::fill_n(run.out_integers(3), run.out_elements(3), 0);
  for (int64_t image = 0; image < images; ++image) {
    std::vector<Candidate> all;
    for (int64_t box = 0; box < count; ++box)
      for (int64_t label = 0; label < classes; ++label) {
        if (label == run.values.whole("background_class")) continue;
        float score = run.input(1)[(image * count + box) * classes + label];
        if (activate) score = sigmoid(score);
        if (score >= threshold) all.push_back({score, static_cast<int32_t>(label), box, {}});
      }
    sort_by_score(all);
    truncate(all, kEfficientCandidates);
    for (Candidate& candidate : all) {
      const int64_t which = per_box == 1 ? 0 : candidate.label;
      const float* anchor = nullptr;
      if (anchored) anchor = run.input(2) + ((run.size(2, 0) == 1 ? 0 : image) * count + candidate.box) * 4;
      candidate.at =
          decoded(read_box(run.input(0) + ((image * count + candidate.box) * per_box + which) * 4), anchor, coding);
    }
    const std::vector<Candidate> made = kept(all, how);
    run.out_integers(0)[image] = static_cast<int32_t>(made.size());
    for (size_t i = 0; i < made.size(); ++i) {
      const int64_t at = image * limit + static_cast<int64_t>(i);
      write_box(made[i].at, run.output(1) + at * 4);
      run.output(2)[at] = made[i].score;
      run.out_integers(3)[at] = made[i].label;
    }
  }
  return true;
}

DimsExprs detections(const Shapes& shapes, int32_t output, const char* limit) {
  const auto* images = shapes.input(0).d[0];
  const auto* most = shapes.constant(shapes.values.whole(limit));
  if (output == 0) return Shapes::dims({images, shapes.constant(1)});
  if (output == 1) return Shapes::dims({images, most, shapes.constant(4)});
  return Shapes::dims({images, most});
}

// Like ONNX's operator, but as many rows for an image as it has for each class: scores [n, classes, count]; rows of
// image, class, box. What is left over repeats the last row.
bool run_efficient_onnx(const Run& run) {
  const int64_t images = run.size(0, 0), count = run.size(0, 1), classes = run.size(1, 1);
  if (run.elements(0) != images * count * 4 || run.size(1, 0) != images || run.size(1, 2) != count) return false;
  const int64_t limit = run.values.whole("max_output_boxes_per_class");
  const Suppression how{run.values.real("iou_threshold"), true, false,
                        static_cast<size_t>(std::max<int64_t>(0, limit))};
  int32_t* const to = run.out_integers(0);
  const int64_t rows = run.out_elements(0) / 3;
  std::fill_n(to, rows * 3, 0);
  int64_t row = 0;
  for (int64_t image = 0; image < images; ++image) {
    std::vector<Candidate> all;
    for (int64_t box = 0; box < count; ++box)
      for (int64_t label = 0; label < classes; ++label) {
        const float score = run.input(1)[(image * classes + label) * count + box];
        if (score < run.values.real("score_threshold")) continue;
        const Box at =
            decoded(read_box(run.input(0) + (image * count + box) * 4), nullptr, run.values.whole("center_point_box"));
        all.push_back({score, static_cast<int32_t>(label), box, at});
      }
    sort_by_score(all);
    truncate(all, kEfficientCandidates);
    for (const Candidate& candidate : kept(all, how)) {
      if (row == rows) break;
      const int32_t made[3] = {static_cast<int32_t>(image), candidate.label, static_cast<int32_t>(candidate.box)};
      std::copy_n(made, 3, to + 3 * row++);
    }
  }
  for (int64_t at = row; row > 0 && at < rows; ++at) std::copy_n(to + 3 * (row - 1), 3, to + 3 * at);
  return true;
}

// --- BatchedNMS: boxes [n, count, 1 or classes, 4], scores [n, count, classes]; the best of each class, then of all
// -----

bool run_batched(const Run& run) {
  const int64_t images = run.size(0, 0), count = run.size(0, 1), per_box = run.size(0, 2), classes = run.size(1, 2);
  const bool shared = run.values.whole("shareLocation") != 0;
  if (run.elements(1) != images * count * classes || classes != run.values.whole("numClasses") ||
      per_box != (shared ? 1 : classes))
    return false;
  const auto top = static_cast<size_t>(std::max<int64_t>(0, run.values.whole("topK")));
  const int64_t keep = run.values.whole("keepTopK");
  const Suppression how{run.values.real("iouThreshold"), false, false, top,
                        run.values.whole("isNormalized") != 0 ? 0.0F : 1.0F};
  std::fill_n(run.output(1), run.out_elements(1), 0.0F);
  std::fill_n(run.output(2), run.out_elements(2), 0.0F);
  std::fill_n(run.output(3), run.out_elements(3), -1.0F);
  for (int64_t image = 0; image < images; ++image) {
    std::vector<Candidate> found;
    for (int64_t label = 0; label < classes; ++label) {
      if (label == run.values.whole("backgroundLabelId")) continue;
      std::vector<Candidate> all;
      for (int64_t box = 0; box < count; ++box) {
        const float score = run.input(1)[(image * count + box) * classes + label];
        if (!(score > run.values.real("scoreThreshold"))) continue;
        const int64_t at = (image * count + box) * per_box + (shared ? 0 : label);
        all.push_back({score, static_cast<int32_t>(label), box, ordered(read_box(run.input(0) + at * 4))});
      }
      sort_by_score(all);
      truncate(all, top);
      const std::vector<Candidate> best = kept(all, how);
      found.insert(found.end(), best.begin(), best.end());
    }
    sort_by_score(found);
    truncate(found, static_cast<size_t>(std::max<int64_t>(0, keep)));
    run.out_integers(0)[image] = static_cast<int32_t>(found.size());
    for (size_t i = 0; i < found.size(); ++i) {
      const int64_t at = image * keep + static_cast<int64_t>(i);
      write_box(run.values.whole("clipBoxes") != 0 ? clipped(found[i].at) : found[i].at, run.output(1) + at * 4);
      run.output(2)[at] = found[i].score;
      run.output(3)[at] = static_cast<float>(found[i].label);
    }
  }
  return true;
}

// --- NMS, the detection output of SSD: locations, confidences and anchors with their variances
// --------------------------

enum Coding : int64_t { kCorner, kCenterSize, kCornerSize, kTensorFlowCenter };

Box from_prior(const float* location, const float* prior, const float* variance, int64_t coding) {
  const float w = prior[2] - prior[0], h = prior[3] - prior[1];
  const float l[4] = {location[0] * variance[0], location[1] * variance[1], location[2] * variance[2],
                      location[3] * variance[3]};
  switch (coding) {
    case kCorner: return {prior[0] + l[0], prior[1] + l[1], prior[2] + l[2], prior[3] + l[3]};
    case kCornerSize: return {prior[0] + l[0] * w, prior[1] + l[1] * h, prior[2] + l[2] * w, prior[3] + l[3] * h};
    default: {
      // TensorFlow puts y before x, and keeps the variances in the order x, y.
      const bool swap = coding == kTensorFlowCenter;
      const float x = swap ? location[1] : location[0], y = swap ? location[0] : location[1];
      const float sx = swap ? location[3] : location[2], sy = swap ? location[2] : location[3];
      return from_center({x * variance[0] * w + (prior[0] + prior[2]) / 2,
                          y * variance[1] * h + (prior[1] + prior[3]) / 2, std::exp(sx * variance[2]) * w,
                          std::exp(sy * variance[3]) * h});
    }
  }
}

bool run_detection_output(const Run& run) {
  int32_t order[3];
  for (size_t i = 0; i < 3; ++i) {
    order[i] = static_cast<int32_t>(run.values.whole("inputOrder", i));
    if (order[i] < 0 || order[i] > 2) return false;
  }
  const int64_t images = run.size(0, 0), classes = run.values.whole("numClasses");
  const bool shared = run.values.whole("shareLocation") != 0;
  const int64_t sets = shared ? 1 : classes, coding = run.values.whole("codeType");
  const int64_t count = images && sets ? run.elements(order[0]) / (images * sets * 4) : 0;
  const bool agnostic = run.values.whole("isBatchAgnostic") != 0;
  if (run.elements(order[1]) != images * count * classes || coding < kCorner || coding > kTensorFlowCenter ||
      run.elements(order[2]) < (agnostic ? 1 : images) * count * 8)
    return false;
  const float kOne[4] = {1, 1, 1, 1};
  const auto top = static_cast<size_t>(std::max<int64_t>(0, run.values.whole("topK")));
  const int64_t keep = run.values.whole("keepTopK");
  const Suppression how{run.values.real("nmsThreshold"), false, false, top,
                        run.values.whole("isNormalized") != 0 ? 0.0F : 1.0F};
  for (int64_t image = 0; image < images; ++image) {
    const float* const priors = run.input(order[2]) + (agnostic ? 0 : image * count * 8);
    std::vector<Candidate> found;
    for (int64_t label = 0; label < classes; ++label) {
      if (label == run.values.whole("backgroundLabelId")) continue;
      std::vector<Candidate> all;
      for (int64_t box = 0; box < count; ++box) {
        float score = run.input(order[1])[(image * count + box) * classes + label];
        if (run.values.whole("confSigmoid") != 0) score = sigmoid(score);
        if (!(score > run.values.real("confidenceThreshold"))) continue;
        const float* location = run.input(order[0]) + ((image * count + box) * sets + (shared ? 0 : label)) * 4;
        const float* variance = run.values.whole("varianceEncodedInTarget") != 0 ? kOne : priors + (count + box) * 4;
        all.push_back({score, static_cast<int32_t>(label), box,
                       ordered(from_prior(location, priors + box * 4, variance, coding))});
      }
      sort_by_score(all);
      truncate(all, top);
      const std::vector<Candidate> best = kept(all, how);
      found.insert(found.end(), best.begin(), best.end());
    }
    sort_by_score(found);
    truncate(found, static_cast<size_t>(std::max<int64_t>(0, keep)));
    // The count is a whole number in the memory of a real one, as clients of this plugin read it.
    const auto number = static_cast<int32_t>(found.size());
    std::memcpy(run.output(1) + image, &number, sizeof number);
    for (int64_t i = 0; i < keep; ++i) {
      float* const row = run.output(0) + (image * keep + i) * 7;
      std::fill_n(row, 7, 0.0F);
      row[0] = static_cast<float>(image);
      row[1] = -1;
      if (i >= number) continue;
      const Candidate& one = found[static_cast<size_t>(i)];
      row[1] = static_cast<float>(one.label);
      row[2] = one.score;
      write_box(clipped(one.at), row + 3);
    }
  }
  return true;
}

const std::vector<Field> kBatchedFields = {
    {"shareLocation", kWhole, {1}}, {"backgroundLabelId", kWhole, {-1}}, {"numClasses", kWhole, {1}},
    {"topK", kWhole, {1000}},       {"keepTopK", kWhole, {100}},         {"scoreThreshold", kReal, {0}},
    {"iouThreshold", kReal, {0.5}}, {"isNormalized", kWhole, {1}},       {"clipBoxes", kWhole, {1}},
    {"scoreBits", kWhole, {16}},    {"caffeSemantics", kWhole, {1}},
};
const std::vector<Field> kOutputFields = {
    {"shareLocation", kWhole, {1}},
    {"varianceEncodedInTarget", kWhole, {0}},
    {"backgroundLabelId", kWhole, {0}},
    {"numClasses", kWhole, {1}},
    {"topK", kWhole, {1000}},
    {"keepTopK", kWhole, {100}},
    {"confidenceThreshold", kReal, {0}},
    {"nmsThreshold", kReal, {0.5}},
    {"inputOrder", kWhole, {0, 1, 2}},
    {"confSigmoid", kWhole, {0}},
    {"isNormalized", kWhole, {1}},
    {"codeType", kWhole, {kCenterSize}},
    {"scoreBits", kWhole, {16}},
    {"isBatchAgnostic", kWhole, {1}},
};

DimsExprs batched_dims(const Shapes& shapes, int32_t output) { return detections(shapes, output, "keepTopK"); }
DimsExprs output_dims(const Shapes& shapes, int32_t output) {
  const auto* one = shapes.constant(1);
  const auto* images = shapes.input(0).d[0];
  if (output == 1) return Shapes::dims({images, one, one, one});
  return Shapes::dims({images, one, shapes.constant(shapes.values.whole("keepTopK")), shapes.constant(7)});
}

}  // namespace

const std::vector<Kind>& detection_kinds() {
  static const std::vector<Kind> kinds = {
      {"EfficientNMS_TRT",
       "1",
       {{"score_threshold", kReal, {0.25}},
        {"iou_threshold", kReal, {0.45}},
        {"max_output_boxes", kWhole, {100}},
        {"background_class", kWhole, {-1}},
        {"score_activation", kWhole, {0}},
        {"class_agnostic", kWhole, {0}},
        {"box_coding", kWhole, {0}}},
       2,
       3,
       0,
       0,
       "iffi",
       [](const Shapes& shapes, int32_t output) { return detections(shapes, output, "max_output_boxes"); },
       run_efficient},
      {"EfficientNMS_ONNX_TRT",
       "1",
       {{"score_threshold", kReal, {0}},
        {"iou_threshold", kReal, {0}},
        {"max_output_boxes_per_class", kWhole, {100}},
        {"center_point_box", kWhole, {0}}},
       2,
       2,
       3,
       0,
       "i",
       [](const Shapes& shapes, int32_t) {
         const int64_t most = shapes.values.whole("max_output_boxes_per_class");
         return Shapes::dims({shapes.product(shapes.input(0).d[0], shapes.constant(most)), shapes.constant(3)});
       },
       run_efficient_onnx},
      {"NMS_TRT", "1", kOutputFields, 3, 3, 0, 0, "ff", output_dims, run_detection_output},
      {"NMSDynamic_TRT", "1", kOutputFields, 3, 3, 0, 0, "ff", output_dims, run_detection_output},
      {"BatchedNMS_TRT", "1", kBatchedFields, 2, 2, 4, 0, "ifff", batched_dims, run_batched},
      {"BatchedNMSDynamic_TRT", "1", kBatchedFields, 2, 2, 4, 0, "ifff", batched_dims, run_batched},
  };
  return kinds;
}

}  // namespace vivace::tensorrt::plugins
