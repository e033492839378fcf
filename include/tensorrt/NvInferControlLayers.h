// Loops, conditionals, and layers that are groups of layers.
// An interface of Vivace's own making that speaks TensorRT's names; see docs/tensorrt.md.
#pragma once

#include "NvInferLayers.h"

namespace nvinfer1 {

class ILoop;
class IIfConditional;
class IAttention;

/// A layer on the boundary of a loop.
class ILoopBoundaryLayer : public ILayer {
 public:
  virtual ILoop* getLoop() const noexcept = 0;
};

/// A layer on the boundary of a conditional.
class IIfConditionalBoundaryLayer : public ILayer {
 public:
  virtual IIfConditional* getConditional() const noexcept = 0;
};

/// The condition of a conditional.
class IConditionLayer : public IIfConditionalBoundaryLayer {};

/// What comes out of a conditional: one of its two inputs.
class IIfConditionalOutputLayer : public IIfConditionalBoundaryLayer {};

/// What goes into the branches of a conditional.
class IIfConditionalInputLayer : public IIfConditionalBoundaryLayer {};

/// A conditional: of two subgraphs the one that the condition picks gives the outputs.
class IIfConditional {
 public:
  virtual ~IIfConditional() noexcept = default;
  virtual IConditionLayer* setCondition(ITensor& condition) noexcept = 0;
  virtual IIfConditionalOutputLayer* addOutput(ITensor& trueSubgraphOutput, ITensor& falseSubgraphOutput) noexcept = 0;
  virtual IIfConditionalInputLayer* addInput(ITensor& input) noexcept = 0;
  virtual void setName(char const* name) noexcept = 0;
  virtual char const* getName() const noexcept = 0;
};

/// A value carried from iteration to iteration: input 0 before the first, input 1 after each.
class IRecurrenceLayer : public ILoopBoundaryLayer {};

/// What comes out of a loop: the last value, or all values along an axis (input 1: how many).
class ILoopOutputLayer : public ILoopBoundaryLayer {
 public:
  virtual LoopOutput getLoopOutput() const noexcept = 0;
  virtual void setAxis(int32_t axis) noexcept = 0;
  virtual int32_t getAxis() const noexcept = 0;
};

/// How often a loop runs: a count, or while a condition holds.
class ITripLimitLayer : public ILoopBoundaryLayer {
 public:
  virtual TripLimit getTripLimit() const noexcept = 0;
};

/// Slices of a tensor along an axis, one for each iteration.
class IIteratorLayer : public ILoopBoundaryLayer {
 public:
  virtual void setAxis(int32_t axis) noexcept = 0;
  virtual int32_t getAxis() const noexcept = 0;
  virtual void setReverse(bool reverse) noexcept = 0;
  virtual bool getReverse() const noexcept = 0;
};

/// A loop: recurrences, iterators, one or two trip limits, outputs.
class ILoop {
 public:
  virtual ~ILoop() noexcept = default;
  virtual IRecurrenceLayer* addRecurrence(ITensor& initialValue) noexcept = 0;
  virtual ITripLimitLayer* addTripLimit(ITensor& tensor, TripLimit limit) noexcept = 0;
  virtual IIteratorLayer* addIterator(ITensor& tensor, int32_t axis = 0, bool reverse = false) noexcept = 0;
  virtual ILoopOutputLayer* addLoopOutput(ITensor& tensor, LoopOutput outputKind, int32_t axis = 0) noexcept = 0;
  virtual void setName(char const* name) noexcept = 0;
  virtual char const* getName() const noexcept = 0;
};

/// A layer on the boundary of an attention.
class IAttentionBoundaryLayer : public ILayer {
 public:
  virtual IAttention* getAttention() const noexcept = 0;
};

/// Query, key, value and mask of an attention.
class IAttentionInputLayer : public IAttentionBoundaryLayer {};

/// The output of an attention.
class IAttentionOutputLayer : public IAttentionBoundaryLayer {};

/// Products of query [batch, heads, tokens, size] and key, normalized, times value. The client scales the query or the
/// key. Heads of key and value may be fewer: each then serves several of the query. The mask adds to the products, or,
/// of booleans, lets a token see another.
class IAttention {
 public:
  virtual ~IAttention() noexcept = default;
  virtual bool setNormalizationOperation(AttentionNormalizationOp op) noexcept = 0;
  virtual AttentionNormalizationOp getNormalizationOperation() const noexcept = 0;
  virtual bool setMask(ITensor& mask) noexcept = 0;
  virtual ITensor* getMask() noexcept = 0;
  virtual bool setCausal(bool isCausal) noexcept = 0;
  virtual bool getCausal() const noexcept = 0;
  virtual bool setCausalKind(CausalMaskKind kind) noexcept = 0;
  virtual CausalMaskKind getCausalKind() const noexcept = 0;
  /// A permission; here both ways compute the same. Accepted.
  virtual bool setDecomposable(bool decomposable) noexcept = 0;
  virtual bool getDecomposable() const noexcept = 0;
  virtual bool setInput(int32_t index, ITensor& input) noexcept = 0;
  virtual int32_t getNbInputs() const noexcept = 0;
  virtual ITensor* getInput(int32_t index) const noexcept = 0;
  virtual int32_t getNbOutputs() const noexcept = 0;
  virtual ITensor* getOutput(int32_t index) const noexcept = 0;
  virtual bool setName(char const* name) noexcept = 0;
  virtual char const* getName() const noexcept = 0;
  /// The normalized products are quantized by this one number to the type of setNormalizationQuantizeToType().
  virtual bool setNormalizationQuantizeScale(ITensor& tensor) noexcept = 0;
  virtual ITensor* getNormalizationQuantizeScale() const noexcept = 0;
  virtual bool setNormalizationQuantizeToType(DataType type) noexcept = 0;
  virtual DataType getNormalizationQuantizeToType() const noexcept = 0;
  virtual bool setMetadata(char const* metadata) noexcept = 0;
  virtual char const* getMetadata() const noexcept = 0;
  virtual bool setNbRanks(int32_t nbRanks) noexcept = 0;
  virtual int32_t getNbRanks() const noexcept = 0;
  virtual bool setQueryForm(AttentionIOForm form) noexcept = 0;
  virtual AttentionIOForm getQueryForm() const noexcept = 0;
  virtual bool setKeyValueForm(AttentionIOForm form) noexcept = 0;
  virtual AttentionIOForm getKeyValueForm() const noexcept = 0;
  /// Where the sequences of a packed query [tokens, heads, size] start, and the last one ends; null for none.
  virtual bool setQueryLengths(ITensor* lengths) noexcept = 0;
  virtual ITensor* getQueryLengths() const noexcept = 0;
  /// The same of packed keys and values; the lengths of padded ones.
  virtual bool setKeyValueLengths(ITensor* lengths) noexcept = 0;
  virtual ITensor* getKeyValueLengths() const noexcept = 0;
};

/// Rotary position embedding. Inputs: data, cosines, sines and, where given, positions in the two tables.
class IRotaryEmbeddingLayer : public ILayer {
 public:
  virtual void setInterleaved(bool interleaved) noexcept = 0;
  virtual bool getInterleaved() const noexcept = 0;
  virtual bool setRotaryEmbeddingDim(int32_t rotaryEmbeddingDim) noexcept = 0;
  virtual int32_t getRotaryEmbeddingDim() const noexcept = 0;
};

/// The cache [batch, heads, tokens, size] with new keys or values written from the index of each batch element on. The
/// output may be bound to the memory of the cache.
class IKVCacheUpdateLayer : public ILayer {
 public:
  virtual bool setCacheMode(KVCacheMode cacheMode) noexcept = 0;
  virtual KVCacheMode getCacheMode() const noexcept = 0;
};

/// Mixture of experts. Inputs: hidden states, chosen experts and their scores, for each token. An expert computes
/// down(act(gate(x)) * (up(x) + beta)), gate at most `limit` and up within it, act(g) = g * sigmoid(alpha g).
class IMoELayer : public ILayer {
 public:
  virtual void setGatedWeights(ITensor& fcGateWeights, ITensor& fcUpWeights, ITensor& fcDownWeights,
                               MoEActType activationType) noexcept = 0;
  virtual void setGatedBiases(ITensor& fcGateBiases, ITensor& fcUpBiases, ITensor& fcDownBiases) noexcept = 0;
  virtual void setActivationType(MoEActType activationType) noexcept = 0;
  virtual MoEActType getActivationType() const noexcept = 0;
  virtual void setQuantizationStatic(ITensor& fcDownActivationScale, DataType dataType) noexcept = 0;
  virtual void setQuantizationDynamicDblQ(ITensor& fcDownActivationDblQScale, DataType dataType, Dims const& blockShape,
                                          DataType dynQOutputScaleType) noexcept = 0;
  virtual void setQuantizationToType(DataType type) noexcept = 0;
  virtual DataType getQuantizationToType() const noexcept = 0;
  virtual void setQuantizationBlockShape(Dims const& blockShape) noexcept = 0;
  virtual Dims getQuantizationBlockShape() const noexcept = 0;
  virtual void setDynQOutputScaleType(DataType type) noexcept = 0;
  virtual DataType getDynQOutputScaleType() const noexcept = 0;
  virtual void setSwigluParams(float limit, float alpha, float beta) noexcept = 0;
  virtual void setSwigluParamLimit(float limit) noexcept = 0;
  virtual float getSwigluParamLimit() const noexcept = 0;
  virtual void setSwigluParamAlpha(float alpha) noexcept = 0;
  virtual float getSwigluParamAlpha() const noexcept = 0;
  virtual void setSwigluParamBeta(float beta) noexcept = 0;
  virtual float getSwigluParamBeta() const noexcept = 0;
};

/// A collective operation of several devices; of one it passes its input on.
class IDistCollectiveLayer : public ILayer {};

}  // namespace nvinfer1
