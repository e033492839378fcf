// Resizing and sampling.
#include <algorithm>

#include "tensorrt/layers/layers.h"
#include "tensorrt/network.h"

namespace vivace::tensorrt {

using namespace nvinfer1;

void ResizeLayer::setScales(float const* values, int32_t count) noexcept {
  if (!values || count <= 0 || count > Dims::MAX_DIMS)
    return network.report({Code::invalid_argument, describe() + ": setScales needs one scale for each dimension"});
  change(scales, std::vector<float>(values, values + count));
  change(dims, no_dims());
}

int32_t ResizeLayer::getScales(int32_t size, float* values) const noexcept {
  if (scales.empty()) return -1;
  const auto count = static_cast<int32_t>(scales.size());
  if (values && size >= count) std::copy(scales.begin(), scales.end(), values);
  return count;
}

void ResizeLayer::emit(Build& b) {
  ir::Value* const x = b.in();
  const int rank = b.rank(x);
  if (!b.ok()) return;
  ir::Attributes a{{"exclude_outside", int64_t{exclude_outside}}};
  switch (mode) {
    case InterpolationMode::kNEAREST: a["mode"] = std::string("nearest"); break;
    case InterpolationMode::kLINEAR: a["mode"] = std::string("linear"); break;
    case InterpolationMode::kCUBIC:
      a["mode"] = std::string("cubic");
      a["cubic_coeff_a"] = cubic;
      break;
  }
  static const char* const roundings[] = {"round_prefer_ceil", "round_prefer_floor", "floor", "ceil"};
  a["nearest_mode"] = std::string(roundings[static_cast<size_t>(rounding)]);
  const bool first_pixel = selector == ResizeSelector::kUPPER;
  a["coordinate_transformation_mode"] =
      std::string(coordinates == ResizeCoordinateTransformation::kALIGN_CORNERS ? "align_corners"
                  : coordinates == ResizeCoordinateTransformation::kASYMMETRIC  ? "asymmetric"
                  : first_pixel                                                 ? "pytorch_half_pixel"
                                                                                : "half_pixel");
  if (b.batch()) {
    std::vector<int64_t> over;
    for (int i = 1; i < rank; ++i) over.push_back(i);
    a["axes"] = over;
  }
  if (b.has(1)) return b.out(b.add("Resize", {x, nullptr, nullptr, b.i64(b.in(1))}, std::move(a)));
  if (b.has(2)) return b.out(b.add("Resize", {x, nullptr, b.cast(b.in(2), DType::f32)}, std::move(a)));
  const auto wanted = static_cast<size_t>(rank - b.batch());
  if (!scales.empty()) {
    if (scales.size() != wanted)
      return b.fail("it has " + std::to_string(scales.size()) + " scales for " + std::to_string(wanted) +
                    " dimensions");
    return b.out(b.add("Resize", {x, nullptr, b.constant(vivace::Tensor::of(scales))}, std::move(a)));
  }
  if (dims.nbDims != static_cast<int32_t>(wanted))
    return b.fail("it needs scales or output dimensions, one for each of " + std::to_string(wanted));
  b.out(b.add("Resize", {x, nullptr, nullptr, b.ints(to_vector(dims))}, std::move(a)));
}

bool GridSampleLayer::setSampleMode(SampleMode value) noexcept {
  if (value != SampleMode::kCLAMP && value != SampleMode::kFILL && value != SampleMode::kREFLECT) return false;
  change(sample, value);
  return true;
}

void GridSampleLayer::emit(Build& b) {
  static const char* const modes[] = {"nearest", "linear", "cubic"};
  const char* const outside = sample == SampleMode::kCLAMP     ? "border"
                              : sample == SampleMode::kREFLECT ? "reflection"
                                                               : "zeros";
  b.out(b.add("GridSample", {b.in(0), b.in(1)},
              {{"mode", std::string(modes[static_cast<size_t>(mode)])},
               {"padding_mode", std::string(outside)},
               {"align_corners", int64_t{align_corners}}}));
}

}  // namespace vivace::tensorrt
