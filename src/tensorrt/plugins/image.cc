// Plugins over images [n, c, h, w]: normalizations, and samples at places that boxes or offsets give.
#include <algorithm>
#include <cmath>

#include "tensorrt/plugins/plugin.h"

namespace vivace::tensorrt::plugins {

using nvinfer1::DimsExprs;

namespace {

struct Moments {
  double mean, deviation;
};
Moments moments(const float* x, int64_t count, double epsilon) {
  double sum = 0, squares = 0;
  for (int64_t i = 0; i < count; ++i) sum += x[i];
  const double mean = sum / static_cast<double>(count);
  for (int64_t i = 0; i < count; ++i) squares += (x[i] - mean) * (x[i] - mean);
  return {mean, std::sqrt(squares / static_cast<double>(count) + epsilon)};
}

// Each channel of each image for itself; negative results times `alpha` where `relu` says so.
bool run_instance_normalization(const Run& run) {
  const int64_t channels = run.size(0, 1), inner = run.elements(0, 2);
  const std::vector<double>&scale = run.values.list("scale"), &bias = run.values.list("bias");
  if (static_cast<int64_t>(scale.size()) != channels || static_cast<int64_t>(bias.size()) != channels) return false;
  for (int64_t row = 0; row < run.size(0, 0) * channels; ++row) {
    const float* const x = run.input(0) + row * inner;
    float* const y = run.output() + row * inner;
    const auto channel = static_cast<size_t>(row % channels);
    const Moments of = moments(x, inner, run.values.number("epsilon"));
    for (int64_t i = 0; i < inner; ++i) {
      y[i] = static_cast<float>((x[i] - of.mean) / of.deviation * scale[channel] + bias[channel]);
      if (run.values.whole("relu") != 0 && y[i] < 0) y[i] *= run.values.real("alpha");
    }
  }
  return true;
}

// Inputs: image, scale and bias of each channel.
bool run_group_normalization(const Run& run) {
  const int64_t channels = run.size(0, 1), inner = run.elements(0, 2), groups = run.values.whole("num_groups");
  if (groups < 1 || channels % groups != 0 || run.elements(1) != channels || run.elements(2) != channels) return false;
  const int64_t count = channels / groups * inner;
  for (int64_t row = 0; row < run.size(0, 0) * groups; ++row) {
    const Moments of = moments(run.input(0) + row * count, count, run.values.number("eps"));
    for (int64_t i = row * count; i < (row + 1) * count; ++i) {
      const int64_t channel = i / inner % channels;
      run.output()[i] = static_cast<float>((run.input(0)[i] - of.mean) / of.deviation * run.input(1)[channel] +
                                           run.input(2)[channel]);
    }
  }
  return true;
}

// Divides by the length of the vector of channels at each place, or of the whole image.
bool run_normalize(const Run& run) {
  const int64_t channels = run.size(0, 1), inner = run.elements(0, 2);
  const bool whole = run.values.whole("acrossSpatial") != 0, shared = run.values.whole("channelShared") != 0;
  const std::vector<double>& weights = run.values.list("weights");
  if (static_cast<int64_t>(weights.size()) < (shared ? 1 : channels)) return false;
  for (int64_t image = 0; image < run.size(0, 0); ++image) {
    const float* const x = run.input(0) + image * channels * inner;
    float* const y = run.output() + image * channels * inner;
    std::vector<double> squares(static_cast<size_t>(whole ? 1 : inner), run.values.number("eps"));
    const auto place = [&](int64_t i) { return static_cast<size_t>(whole ? 0 : i % inner); };
    for (int64_t i = 0; i < channels * inner; ++i) squares[place(i)] += static_cast<double>(x[i]) * x[i];
    for (int64_t i = 0; i < channels * inner; ++i)
      y[i] = static_cast<float>(x[i] / std::sqrt(squares[place(i)]) *
                                weights[static_cast<size_t>(shared ? 0 : i / inner)]);
  }
  return true;
}

// The four neighbours of a place and their shares.
struct Corners {
  int64_t at[4];
  float share[4];
};

// Places more than one element outside are empty (false); others are moved to the edge.
bool corners_inside(float y, float x, int64_t h, int64_t w, Corners& to) {
  if (!(y >= -1 && y <= static_cast<float>(h) && x >= -1 && x <= static_cast<float>(w))) return false;
  y = std::clamp(y, 0.0F, static_cast<float>(h - 1));
  x = std::clamp(x, 0.0F, static_cast<float>(w - 1));
  const auto y0 = static_cast<int64_t>(y), x0 = static_cast<int64_t>(x);
  const int64_t y1 = std::min(y0 + 1, h - 1), x1 = std::min(x0 + 1, w - 1);
  const float fy = y - static_cast<float>(y0), fx = x - static_cast<float>(x0);
  to = {{y0 * w + x0, y0 * w + x1, y1 * w + x0, y1 * w + x1},
        {(1 - fy) * (1 - fx), (1 - fy) * fx, fy * (1 - fx), fy * fx}};
  return true;
}

float blend(const float* plane, const Corners& corners) {
  float sum = 0;
  for (int i = 0; i < 4; ++i) sum += corners.share[i] * plane[corners.at[i]];
  return sum;
}

// Inputs: image, boxes [r, 4], the image of each box.
bool run_roi_align(const Run& run) {
  const int64_t channels = run.size(0, 1), h = run.size(0, 2), w = run.size(0, 3), boxes = run.size(1, 0);
  const int64_t out_h = run.values.whole("output_height"), out_w = run.values.whole("output_width");
  const bool aligned = run.values.whole("coordinate_transformation_mode") != 0;
  const bool average = run.values.whole("mode") != 0;
  if (run.elements(1) != boxes * 4 || run.elements(2) != boxes) return false;
  const float scale = run.values.real("spatial_scale"), offset = aligned ? 0.5F : 0.0F;
  for (int64_t box = 0; box < boxes; ++box) {
    const float* const at = run.input(1) + box * 4;
    const int64_t image = run.integers(2)[box];
    if (image < 0 || image >= run.size(0, 0)) return false;
    const float x0 = at[0] * scale - offset, y0 = at[1] * scale - offset;
    float box_w = at[2] * scale - offset - x0, box_h = at[3] * scale - offset - y0;
    if (!aligned) box_w = std::max(box_w, 1.0F), box_h = std::max(box_h, 1.0F);
    const float bin_h = box_h / static_cast<float>(out_h), bin_w = box_w / static_cast<float>(out_w);
    constexpr float kLargest = 1e6F;  // samples of a bin along one axis: no image is that large
    if (!(bin_h < kLargest && bin_w < kLargest)) return false;
    const int64_t ratio = run.values.whole("sampling_ratio");
    const int64_t grid_h = ratio > 0 ? ratio : static_cast<int64_t>(std::ceil(bin_h));
    const int64_t grid_w = ratio > 0 ? ratio : static_cast<int64_t>(std::ceil(bin_w));
    for (int64_t channel = 0; channel < channels; ++channel) {
      const float* const plane = run.input(0) + (image * channels + channel) * h * w;
      for (int64_t bin = 0; bin < out_h * out_w; ++bin) {
        float sum = 0, most = 0;
        bool any = false;
        const int64_t bin_row = bin / out_w, bin_column = bin % out_w;
        for (int64_t sample = 0; sample < grid_h * grid_w; ++sample) {
          const auto part = [](int64_t i, int64_t of) {
            return (static_cast<float>(i) + 0.5F) / static_cast<float>(of);
          };
          const float y = y0 + (static_cast<float>(bin_row) + part(sample / grid_w, grid_h)) * bin_h;
          const float x = x0 + (static_cast<float>(bin_column) + part(sample % grid_w, grid_w)) * bin_w;
          Corners corners{};
          float largest = 0;
          if (corners_inside(y, x, h, w, corners)) {
            sum += blend(plane, corners);
            largest = corners.share[0] * plane[corners.at[0]];
            for (int i = 1; i < 4; ++i) largest = std::max(largest, corners.share[i] * plane[corners.at[i]]);
          }
          most = any ? std::max(most, largest) : largest;
          any = true;
        }
        const auto samples = static_cast<float>(std::max<int64_t>(1, grid_h * grid_w));
        run.output()[((box * channels + channel) * out_h * out_w) + bin] = average ? sum / samples : most;
      }
    }
  }
  return true;
}

// Inputs: image, boxes [n, r, 4, 1] as parts of it, y before x. What lies outside is 0.
bool run_crop_and_resize(const Run& run) {
  const int64_t images = run.size(0, 0), channels = run.size(0, 1), h = run.size(0, 2), w = run.size(0, 3);
  const int64_t boxes = run.size(1, 1), out_h = run.values.whole("crop_height"), out_w = run.values.whole("crop_width");
  if (run.elements(1) != images * boxes * 4) return false;
  // The place of element `i` of `count` between two ends.
  const auto place = [](float first, float last, int64_t i, int64_t count, int64_t size) {
    const auto most = static_cast<float>(size - 1);
    if (count == 1) return (first + last) / 2 * most;
    return first * most + static_cast<float>(i) * (last - first) * most / static_cast<float>(count - 1);
  };
  for (int64_t box = 0; box < images * boxes; ++box)
    for (int64_t bin = 0; bin < out_h * out_w; ++bin) {
      const float* const at = run.input(1) + box * 4;
      const float y = place(at[0], at[2], bin / out_w, out_h, h), x = place(at[1], at[3], bin % out_w, out_w, w);
      Corners corners{};
      const bool inside = y >= 0 && y <= static_cast<float>(h - 1) && x >= 0 && x <= static_cast<float>(w - 1) &&
                          corners_inside(y, x, h, w, corners);
      for (int64_t channel = 0; channel < channels; ++channel)
        run.output()[(box * channels + channel) * out_h * out_w + bin] =
            inside ? blend(run.input(0) + (box / boxes * channels + channel) * h * w, corners) : 0;
    }
  return true;
}

// A convolution whose taps are moved by offsets (y, x for each) and weighed by a mask.
bool run_deformable_convolution(const Run& run) {
  const int64_t images = run.size(0, 0), channels = run.size(0, 1), h = run.size(0, 2), w = run.size(0, 3);
  const int64_t out_c = run.size(3, 0), in_c = run.size(3, 1), k_h = run.size(3, 2), k_w = run.size(3, 3);
  const int64_t out_h = run.size(1, 2), out_w = run.size(1, 3), taps = k_h * k_w, places = out_h * out_w;
  const int64_t groups = run.values.whole("group"), parts = run.values.whole("deformable_group");
  if (groups < 1 || parts < 1 || in_c * groups != channels || out_c % groups != 0 || channels % parts != 0 ||
      run.elements(1) != images * 2 * parts * taps * places || run.elements(2) != images * parts * taps * places ||
      (run.count() == 5 && run.elements(4) != out_c))
    return false;
  const auto pair = [&](const char* name, size_t at) { return static_cast<float>(run.values.whole(name, at)); };
  std::vector<float> column(static_cast<size_t>(channels * taps));
  for (int64_t image = 0; image < images; ++image)
    for (int64_t place = 0; place < places; ++place) {
      const int64_t out_row = place / out_w, out_column = place % out_w;
      for (int64_t part = 0; part < parts; ++part)
        for (int64_t tap = 0; tap < taps; ++tap) {
          const int64_t tap_row = tap / k_w, tap_column = tap % k_w;
          const int64_t row = (image * parts + part) * taps + tap;
          const float y = static_cast<float>(out_row) * pair("stride", 0) - pair("padding", 0) +
                          static_cast<float>(tap_row) * pair("dilation", 0) + run.input(1)[2 * row * places + place];
          const float x = static_cast<float>(out_column) * pair("stride", 1) - pair("padding", 1) +
                          static_cast<float>(tap_column) * pair("dilation", 1) +
                          run.input(1)[(2 * row + 1) * places + place];
          const float mask = run.input(2)[row * places + place];
          // Outside the image there are zeros, into which its edge fades.
          const float y0 = std::floor(y), x0 = std::floor(x);
          for (int64_t channel = part * (channels / parts); channel < (part + 1) * (channels / parts); ++channel) {
            const float* const plane = run.input(0) + (image * channels + channel) * h * w;
            float sum = 0;
            for (int i = 0; i < 4; ++i) {
              const int below = i / 2, right = i % 2;
              const float cy = y0 + static_cast<float>(below), cx = x0 + static_cast<float>(right);
              if (!(cy >= 0 && cx >= 0 && cy <= static_cast<float>(h - 1) && cx <= static_cast<float>(w - 1))) continue;
              sum += (1 - std::abs(y - cy)) * (1 - std::abs(x - cx)) *
                     plane[static_cast<int64_t>(cy) * w + static_cast<int64_t>(cx)];
            }
            column[static_cast<size_t>(channel * taps + tap)] = sum * mask;
          }
        }
      for (int64_t out = 0; out < out_c; ++out) {
        const float* const kernel = run.input(3) + out * in_c * taps;
        const float* const from = column.data() + out / (out_c / groups) * in_c * taps;
        float sum = run.count() == 5 ? run.input(4)[out] : 0;
        for (int64_t i = 0; i < in_c * taps; ++i) sum += kernel[i] * from[i];
        run.output()[(image * out_c + out) * places + place] = sum;
      }
    }
  return true;
}

// Two more channels: for an element's row and its column, from -1 to 1.
bool run_coordinates(const Run& run) {
  const int64_t images = run.size(0, 0), inner = run.elements(0, 1), h = run.size(0, 2), w = run.size(0, 3);
  for (int64_t image = 0; image < images; ++image) {
    float* const to = run.output() + image * (inner + 2 * h * w);
    std::copy_n(run.input(0) + image * inner, inner, to);
    const auto at = [](int64_t i, int64_t count) {
      return count > 1 ? -1 + 2 * static_cast<float>(i) / static_cast<float>(count - 1) : -1.0F;
    };
    for (int64_t i = 0; i < h * w; ++i) {
      to[inner + i] = at(i / w, h);
      to[inner + h * w + i] = at(i % w, w);
    }
  }
  return true;
}

DimsExprs nearest_dims(const Shapes& shapes, int32_t) {
  DimsExprs made = shapes.input(0);
  // The scale is a real number: in steps of 1/1024 it is one of whole numbers.
  constexpr int64_t kParts = 1024;
  const auto* parts = shapes.constant(std::llround(shapes.values.number("scale") * kParts));
  for (int axis = 2; axis < 4; ++axis)
    made.d[axis] = shapes.of(nvinfer1::DimensionOperation::kFLOOR_DIV, shapes.product(made.d[axis], parts),
                             shapes.constant(kParts));
  return made;
}

bool run_nearest(const Run& run) {
  const int64_t h = run.size(0, 2), w = run.size(0, 3), out_h = run.out_size(0, 2), out_w = run.out_size(0, 3);
  for (int64_t plane = 0; plane < run.size(0, 0) * run.size(0, 1); ++plane)
    for (int64_t i = 0; i < out_h * out_w; ++i) {
      const double scale = run.values.number("scale");
      const int64_t row = i / out_w, column = i % out_w;
      const int64_t y = std::min(static_cast<int64_t>(static_cast<double>(row) / scale), h - 1);
      const int64_t x = std::min(static_cast<int64_t>(static_cast<double>(column) / scale), w - 1);
      run.output()[plane * out_h * out_w + i] = run.input(0)[plane * h * w + y * w + x];
    }
  return true;
}

const std::vector<Field> kInstanceFields = {{"epsilon", kReal, {1e-5}},
                                            {"scale", kReal, {}},
                                            {"bias", kReal, {}},
                                            {"relu", kWhole, {0}},
                                            {"alpha", kReal, {0}}};
const std::vector<Field> kCropFields = {{"crop_width", kWhole, {1}}, {"crop_height", kWhole, {1}}};

DimsExprs crop_dims(const Shapes& shapes, int32_t) {
  return Shapes::dims({shapes.input(0).d[0], shapes.input(1).d[1], shapes.input(0).d[1],
                       shapes.constant(shapes.values.whole("crop_height")),
                       shapes.constant(shapes.values.whole("crop_width"))});
}

}  // namespace

const std::vector<Kind>& image_kinds() {
  static const std::vector<Kind> kinds = {
      {"InstanceNormalization_TRT", "1", kInstanceFields, 1, 1, 0, 0, "f", same, run_instance_normalization},
      {"InstanceNormalization_TRT", "2", kInstanceFields, 1, 1, 0, 0, "f", same, run_instance_normalization},
      {"GroupNormalizationPlugin",
       "1",
       {{"eps", kReal, {1e-5}}, {"num_groups", kWhole, {1}}},
       3,
       3,
       0,
       0,
       "f",
       same,
       run_group_normalization},
      {"Normalize_TRT",
       "1",
       {{"weights", kReal, {}},
        {"acrossSpatial", kWhole, {1}},
        {"channelShared", kWhole, {1}},
        {"nbWeights", kWhole, {1}},
        {"eps", kReal, {1e-10}}},
       1,
       1,
       4,
       0,
       "f",
       same,
       run_normalize},
      {"ROIAlign_TRT",
       "1",
       {{"coordinate_transformation_mode", kWhole, {1}},
        {"mode", kWhole, {1}},
        {"output_height", kWhole, {1}},
        {"output_width", kWhole, {1}},
        {"sampling_ratio", kWhole, {0}},
        {"spatial_scale", kReal, {1}}},
       3,
       3,
       4,
       1U << 2,
       "f",
       [](const Shapes& shapes, int32_t) {
         return Shapes::dims({shapes.input(1).d[0], shapes.input(0).d[1],
                              shapes.constant(shapes.values.whole("output_height")),
                              shapes.constant(shapes.values.whole("output_width"))});
       },
       run_roi_align},
      {"CropAndResize", "1", kCropFields, 2, 2, 4, 0, "f", crop_dims, run_crop_and_resize},
      {"CropAndResizeDynamic", "1", kCropFields, 2, 2, 4, 0, "f", crop_dims, run_crop_and_resize},
      {"ModulatedDeformConv2d",
       "1",
       {{"stride", kWhole, {1, 1}},
        {"padding", kWhole, {0, 0}},
        {"dilation", kWhole, {1, 1}},
        {"group", kWhole, {1}},
        {"deformable_group", kWhole, {1}}},
       4,
       5,
       4,
       0,
       "f",
       [](const Shapes& shapes, int32_t) {
         return Shapes::dims({shapes.input(0).d[0], shapes.input(3).d[0], shapes.input(1).d[2], shapes.input(1).d[3]});
       },
       run_deformable_convolution},
      {"CoordConvAC",
       "1",
       {},
       1,
       1,
       4,
       0,
       "f",
       [](const Shapes& shapes, int32_t) {
         DimsExprs made = shapes.input(0);
         made.d[1] = shapes.of(nvinfer1::DimensionOperation::kSUM, made.d[1], shapes.constant(2));
         return made;
       },
       run_coordinates},
      {"ResizeNearest_TRT", "1", {{"scale", kReal, {2}}}, 1, 1, 4, 0, "f", nearest_dims, run_nearest},
  };
  return kinds;
}

}  // namespace vivace::tensorrt::plugins
