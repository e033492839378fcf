// Plugins that make the anchors of SSD: two rows, of corners and of variances.
#include <cmath>

#include "tensorrt/plugins/boxes.h"
#include "tensorrt/plugins/plugin.h"

namespace vivace::tensorrt::plugins {

using nvinfer1::DimsExprs;

namespace {

// The ratios of a layer's boxes: 1, then those given, and their inverses where they are to be flipped.
std::vector<double> prior_ratios(const Values& values) {
  std::vector<double> ratios = {1};
  for (const double ratio : values.list("aspectRatios")) {
    constexpr double kSame = 1e-6;
    if (std::any_of(ratios.begin(), ratios.end(), [&](double known) { return std::abs(known - ratio) < kSame; }))
      continue;
    ratios.push_back(ratio);
    if (values.whole("flip") != 0) ratios.push_back(1 / ratio);
  }
  return ratios;
}

// Width and height of the boxes at each place.
std::vector<std::pair<double, double>> prior_sizes(const Values& values) {
  std::vector<std::pair<double, double>> sizes;
  const std::vector<double> ratios = prior_ratios(values);
  for (size_t i = 0; i < values.list("minSize").size(); ++i) {
    const double least = values.number("minSize", i);
    sizes.emplace_back(least, least);
    if (i < values.list("maxSize").size()) {
      const double side = std::sqrt(least * values.number("maxSize", i));
      sizes.emplace_back(side, side);
    }
    for (size_t r = 1; r < ratios.size(); ++r)
      sizes.emplace_back(least * std::sqrt(ratios[r]), least / std::sqrt(ratios[r]));
  }
  return sizes;
}

DimsExprs prior_dims(const Shapes& shapes, int32_t) {
  const DimsExprs& map = shapes.input(0);
  const auto each = static_cast<int64_t>(prior_sizes(shapes.values).size());
  const auto* count = shapes.product(shapes.product(map.d[2], map.d[3]), shapes.constant(each * 4));
  return Shapes::dims({map.d[0], shapes.constant(2), count, shapes.constant(1)});
}

void write_variances(const Values& values, int64_t count, float* to) {
  for (int64_t i = 0; i < count * 4; ++i) to[i] = values.real("variance", static_cast<size_t>(i % 4));
}

// Inputs: the layer's map and the image.
bool run_prior_box(const Run& run) {
  const int64_t h = run.size(0, 2), w = run.size(0, 3);
  const auto given = [&](const char* name, int64_t otherwise) {
    return run.values.number(name) > 0 ? run.values.number(name) : static_cast<double>(otherwise);
  };
  const double image_h = given("imgH", run.size(1, 2)), image_w = given("imgW", run.size(1, 3));
  const double step_h = run.values.number("stepH") > 0 ? run.values.number("stepH") : image_h / static_cast<double>(h);
  const double step_w = run.values.number("stepW") > 0 ? run.values.number("stepW") : image_w / static_cast<double>(w);
  const std::vector<std::pair<double, double>> sizes = prior_sizes(run.values);
  const int64_t count = h * w * static_cast<int64_t>(sizes.size());
  if (run.out_elements(0) != run.size(0, 0) * count * 8) return false;
  for (int64_t image = 0; image < run.size(0, 0); ++image) {
    float* to = run.output() + image * count * 8;
    for (int64_t y = 0; y < h; ++y)
      for (int64_t x = 0; x < w; ++x)
        for (const auto& [box_w, box_h] : sizes) {
          const double cx = (static_cast<double>(x) + run.values.number("offset")) * step_w;
          const double cy = (static_cast<double>(y) + run.values.number("offset")) * step_h;
          const Box box{static_cast<float>((cx - box_w / 2) / image_w), static_cast<float>((cy - box_h / 2) / image_h),
                        static_cast<float>((cx + box_w / 2) / image_w), static_cast<float>((cy + box_h / 2) / image_h)};
          write_box(run.values.whole("clip") != 0 ? clipped(box) : box, to);
          to += 4;
        }
    write_variances(run.values, count, to);
  }
  return true;
}

// Scale and ratio of the boxes of layer `id` in a pyramid: the first has three, of fixed scales; the others one more of
// ratio 1, between their scale and the next layer's.
std::vector<std::pair<double, double>> grid_boxes(const Values& values, int64_t id) {
  const int64_t layers = values.whole("numLayers");
  const double least = values.number("minSize"), most = values.number("maxSize");
  const auto scale = [&](int64_t i) {
    return layers > 1 ? least + (most - least) * static_cast<double>(i) / static_cast<double>(layers - 1) : least;
  };
  std::vector<std::pair<double, double>> made;
  const std::vector<double>& ratios = values.list("aspectRatios");
  for (size_t i = 0; i < ratios.size(); ++i) {
    constexpr double kFirst = 0.1;
    made.emplace_back(id == 0 ? (i == 0 ? kFirst : least) : scale(id), ratios[i]);
  }
  if (id > 0) made.emplace_back(std::sqrt(scale(id) * (id == layers - 1 ? 1.0 : scale(id + 1))), 1.0);
  return made;
}

// Height and width of layer `id`: one number for both, or, in the rectangular form, two.
std::pair<int64_t, int64_t> grid_size(const Values& values, int64_t id) {
  const auto layers = static_cast<size_t>(values.whole("numLayers")), at = static_cast<size_t>(id);
  if (values.list("featureMapShapes").size() == 2 * layers)
    return {values.whole("featureMapShapes", 2 * at), values.whole("featureMapShapes", 2 * at + 1)};
  return {values.whole("featureMapShapes", at), values.whole("featureMapShapes", at)};
}

DimsExprs grid_dims(const Shapes& shapes, int32_t id) {
  const auto [h, w] = grid_size(shapes.values, id);
  const int64_t count = h * w * static_cast<int64_t>(grid_boxes(shapes.values, id).size()) * 4;
  return Shapes::dims({shapes.constant(1), shapes.constant(2), shapes.constant(count), shapes.constant(1)});
}

bool run_grid_anchor(const Run& run) {
  for (int32_t id = 0; id < static_cast<int32_t>(run.values.whole("numLayers")); ++id) {
    const auto [h, w] = grid_size(run.values, id);
    const std::vector<std::pair<double, double>> boxes = grid_boxes(run.values, id);
    float* to = run.output(id);
    for (int64_t y = 0; y < h; ++y)
      for (int64_t x = 0; x < w; ++x)
        for (const auto& [scale, ratio] : boxes) {
          const double cx = (static_cast<double>(x) + 0.5) / static_cast<double>(w);
          const double cy = (static_cast<double>(y) + 0.5) / static_cast<double>(h);
          const double box_w = scale * std::sqrt(ratio), box_h = scale / std::sqrt(ratio);
          write_box({static_cast<float>(cx - box_w / 2), static_cast<float>(cy - box_h / 2),
                     static_cast<float>(cx + box_w / 2), static_cast<float>(cy + box_h / 2)},
                    to);
          to += 4;
        }
    write_variances(run.values, h * w * static_cast<int64_t>(boxes.size()), to);
  }
  return true;
}

const std::vector<Field> kGridFields = {
    {"minSize", kReal, {0.2}},
    {"maxSize", kReal, {0.95}},
    {"aspectRatios", kReal, {1, 2, 0.5}},
    {"featureMapShapes", kWhole, {1}},
    {"variance", kReal, {0.1, 0.1, 0.2, 0.2}},
    {"numLayers", kWhole, {1}},
};

}  // namespace

const std::vector<Kind>& anchor_kinds() {
  static const std::vector<Kind> kinds = {
      {"PriorBox_TRT",
       "1",
       {{"minSize", kReal, {}},
        {"maxSize", kReal, {}},
        {"aspectRatios", kReal, {}},
        {"flip", kWhole, {0}},
        {"clip", kWhole, {0}},
        {"variance", kReal, {0.1, 0.1, 0.2, 0.2}},
        {"imgH", kWhole, {0}},
        {"imgW", kWhole, {0}},
        {"stepH", kReal, {0}},
        {"stepW", kReal, {0}},
        {"offset", kReal, {0.5}}},
       2,
       2,
       4,
       0,
       "f",
       prior_dims,
       run_prior_box},
      {"GridAnchor_TRT", "1", kGridFields, 0, 64, 0, 0, "*numLayers", grid_dims, run_grid_anchor},
      {"GridAnchorRect_TRT", "1", kGridFields, 0, 64, 0, 0, "*numLayers", grid_dims, run_grid_anchor},
  };
  return kinds;
}

}  // namespace vivace::tensorrt::plugins
