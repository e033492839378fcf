// Layers of language models, and of what they are quantized and spread with.
#pragma once

#include <limits>

#include "tensorrt/layers/layers.h"

namespace vivace::tensorrt {

class RotaryEmbeddingLayer final : public LayerOf<nvinfer1::IRotaryEmbeddingLayer> {
 public:
  using LayerOf::LayerOf;
  void emit(Build& b) override;
  VIVACE_PARAMETER(bool, Interleaved, interleaved, false)
  int32_t rotated = 0;  // 0: the whole head
  bool setRotaryEmbeddingDim(int32_t value) noexcept override {
    if (value >= 0) change(rotated, value);
    return value >= 0;
  }
  int32_t getRotaryEmbeddingDim() const noexcept override { return rotated; }
};

class KVCacheUpdateLayer final : public LayerOf<nvinfer1::IKVCacheUpdateLayer> {
 public:
  using LayerOf::LayerOf;
  void emit(Build& b) override;
  bool setCacheMode(nvinfer1::KVCacheMode value) noexcept override { return value == nvinfer1::KVCacheMode::kLINEAR; }
  nvinfer1::KVCacheMode getCacheMode() const noexcept override { return nvinfer1::KVCacheMode::kLINEAR; }
};

class DynamicQuantizeLayer final : public LayerOf<nvinfer1::IDynamicQuantizeLayer> {
 public:
  using LayerOf::LayerOf;
  void emit(Build& b) override;
  VIVACE_PARAMETER(nvinfer1::DataType, ToType, to, nvinfer1::DataType::kFP4)
  VIVACE_PARAMETER(nvinfer1::DataType, ScaleType, scale_type, nvinfer1::DataType::kFP8)
  VIVACE_PARAMETER(int32_t, Axis, axis, -1)
  VIVACE_PARAMETER(int32_t, BlockSize, block_size, 16)
  VIVACE_DIMS(BlockShape, block)  // counts rather than axis and size where it is set
};

class MoELayer final : public LayerOf<nvinfer1::IMoELayer> {
 public:
  using LayerOf::LayerOf;
  void emit(Build& b) override;
  void setGatedWeights(nvinfer1::ITensor& gate, nvinfer1::ITensor& up, nvinfer1::ITensor& down,
                       nvinfer1::MoEActType type) noexcept override {
    set_inputs(kWeights, {&gate, &up, &down});
    change(activation, type);
  }
  void setGatedBiases(nvinfer1::ITensor& gate, nvinfer1::ITensor& up, nvinfer1::ITensor& down) noexcept override {
    set_inputs(kBiases, {&gate, &up, &down});
  }
  VIVACE_PARAMETER(nvinfer1::MoEActType, ActivationType, activation, nvinfer1::MoEActType::kSILU)
  void setQuantizationStatic(nvinfer1::ITensor& scale, nvinfer1::DataType type) noexcept override {
    set_input(kScale, scale);
    change(dynamic, false);
    change(quantized, type);
  }
  void setQuantizationDynamicDblQ(nvinfer1::ITensor& scale, nvinfer1::DataType type, nvinfer1::Dims const& shape,
                                  nvinfer1::DataType scales) noexcept override {
    set_input(kScale, scale);
    change(dynamic, true);
    change(quantized, type);
    change(block, shape);
    change(scale_type, scales);
  }
  VIVACE_PARAMETER(nvinfer1::DataType, QuantizationToType, quantized, nvinfer1::DataType::kFLOAT)
  VIVACE_DIMS(QuantizationBlockShape, block)
  VIVACE_PARAMETER(nvinfer1::DataType, DynQOutputScaleType, scale_type, nvinfer1::DataType::kFLOAT)
  void setSwigluParams(float most, float factor, float term) noexcept override {
    change(limit, most);
    change(alpha, factor);
    change(beta, term);
  }
  VIVACE_PARAMETER(float, SwigluParamLimit, limit, std::numeric_limits<float>::infinity())
  VIVACE_PARAMETER(float, SwigluParamAlpha, alpha, 1)
  VIVACE_PARAMETER(float, SwigluParamBeta, beta, 0)

 private:
  enum : int32_t { kStates, kChosen, kScores, kWeights, kBiases = kWeights + 3, kScale = kBiases + 3 };
  void set_inputs(int32_t first, std::initializer_list<nvinfer1::ITensor*> tensors) {
    for (nvinfer1::ITensor* tensor : tensors) set_input(first++, *tensor);
  }
  ir::Value* linear(Build& b, ir::Value* x, int which);
  ir::Value* quantize(Build& b, ir::Value* x);
  bool dynamic = false;
};

class DistCollectiveLayer final : public LayerOf<nvinfer1::IDistCollectiveLayer> {
 public:
  using LayerOf::LayerOf;
  void emit(Build& b) override { b.out(b.add("Identity", {b.in()})); }
};

}  // namespace vivace::tensorrt
