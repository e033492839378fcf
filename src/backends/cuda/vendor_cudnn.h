// NVIDIA's cuDNN: convolutions with bias, an added image and an activation, as graphs of operations.
#pragma once

#include <array>

#include "backends/cuda/tactic.h"
#include "backends/cuda/vendor.h"

namespace vivace::cuda {

Result<std::string> cudnn_version();

/// y = activation(convolution of x with w + z + bias), or activation(...) + z where z_last. Dimensions are those of
/// [N, C, H, W] whatever the strides, in elements; the bias is [1, K, 1, 1].
struct DnnConvolution {
  struct Image {
    std::array<int64_t, 4> dims{}, strides{};
  };
  enum class Activation : uint8_t { none, relu, sigmoid, tanh, silu, gelu, gelu_tanh };
  DType type = DType::f16;  // of all of them
  Image x, w, y, z;         // z without dims: none
  std::array<int64_t, 2> strides{}, dilations{}, pads_before{}, pads_after{};
  bool z_last = false;
  Activation activation = Activation::none;
  // Of relu: what is less than `lower` is lower + slope (x - lower), and nothing is more than `upper`.
  float lower = 0, upper = 3.402823466e38f, slope = 0;

  bool has_z() const { return z.dims[0] > 0; }
  std::string key() const;
};

/// The engines that run a convolution on one GPU, most promising first. Those are left out that compute f32 in less,
/// whose sums depend on chance, and that want very much memory.
class DnnPlan;
Result<std::shared_ptr<DnnPlan>> dnn_plan(const DnnConvolution& convolution, int ordinal);
size_t algorithms(const DnnPlan& plan);
/// Bytes of workspace, to be aligned to kLibraryAlignment.
size_t workspace(const DnnPlan& plan, size_t algorithm);
/// Takes the addresses of x, w, the bias, y, the workspace, and z where it is there.
std::shared_ptr<const LibraryCall> dnn_call(std::shared_ptr<DnnPlan> plan, size_t algorithm);

}  // namespace vivace::cuda
