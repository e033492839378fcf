// IOptimizationProfile: ranges of shapes, and of the elements of shape tensors.
#pragma once

#include <array>

#include "NvInfer.h"
#include "tensorrt/metadata.h"

namespace vivace::tensorrt {

class OptimizationProfile final : public nvinfer1::IOptimizationProfile {
 public:
  bool setDimensions(const char* input, nvinfer1::OptProfileSelector select,
                     const nvinfer1::Dims& dims) noexcept override;
  nvinfer1::Dims getDimensions(const char* input, nvinfer1::OptProfileSelector select) const noexcept override;
  bool setShapeValues(const char* input, nvinfer1::OptProfileSelector select, const int32_t* values,
                      int32_t count) noexcept override;
  int32_t getNbShapeValues(const char* input) const noexcept override;
  const int32_t* getShapeValues(const char* input, nvinfer1::OptProfileSelector select) const noexcept override;
  bool setShapeValuesV2(const char* input, nvinfer1::OptProfileSelector select, const int64_t* values,
                        int32_t count) noexcept override;
  const int64_t* getShapeValuesV2(const char* input, nvinfer1::OptProfileSelector select) const noexcept override;
  bool setExtraMemoryTarget(float target) noexcept override;
  float getExtraMemoryTarget() const noexcept override { return extra_memory_target_; }
  bool isValid() const noexcept override { return problem().ok(); }

  /// Why the profile is not valid: an input lacks one of the three, or they are out of order.
  Status problem() const;
  /// Only for a valid profile.
  Profile ranges() const;

 private:
  // Least, optimum, most; empty where not set. An input of rank 0 has lists without elements.
  struct Set {
    std::array<std::optional<Shape>, 3> lists;
    mutable std::array<std::vector<int32_t>, 3> narrow;  // what getShapeValues() points to
  };
  using Sets = std::map<std::string, Set>;

  static bool put(Sets& sets, const char* input, nvinfer1::OptProfileSelector select, Shape list) noexcept;
  static const Shape* find(const Sets& sets, const char* input, nvinfer1::OptProfileSelector select) noexcept;

  Sets dims_, values_;
  float extra_memory_target_ = 1.0F;
};

}  // namespace vivace::tensorrt
