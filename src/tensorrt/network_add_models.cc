// The add methods of attention, of what stands around it, and of recurrent networks.
#include <algorithm>

#include "tensorrt/attention.h"
#include "tensorrt/layers/transformer.h"
#include "tensorrt/network_add.h"

namespace vivace::tensorrt {

using namespace nvinfer1;

IAttention* Network::addAttention(ITensor& query, ITensor& key, ITensor& value, AttentionNormalizationOp normOp,
                                  bool causal) noexcept {
  return addAttentionV2(query, key, value, normOp, causal ? CausalMaskKind::kUPPER_LEFT : CausalMaskKind::kNONE);
}

IAttention* Network::addAttentionV2(ITensor& query, ITensor& key, ITensor& value, AttentionNormalizationOp normOp,
                                    CausalMaskKind causalKind) noexcept {
  if (!valid(normOp) || !valid(causalKind)) return refuse("addAttention", "there is no such normalization or mask");
  std::unique_ptr<IAttention> made = make_attention(*this, {&query, &key, &value}, normOp, causalKind);
  if (!made) return nullptr;
  attentions_.push_back(std::move(made));
  return attentions_.back().get();
}

IRotaryEmbeddingLayer* Network::addRotaryEmbedding(ITensor& input, ITensor& cosCache, ITensor& sinCache,
                                                   bool interleaved, int32_t rotaryEmbeddingDim) noexcept {
  if (rotaryEmbeddingDim < 0)
    return refuse("addRotaryEmbedding", numbered("the rotated size must not be negative; it is", rotaryEmbeddingDim));
  auto* const made = make<RotaryEmbeddingLayer>(LayerType::kROTARY_EMBEDDING, {&input, &cosCache, &sinCache});
  if (!made) return made;
  made->interleaved = interleaved;
  made->rotated = rotaryEmbeddingDim;
  return made;
}

IKVCacheUpdateLayer* Network::addKVCacheUpdate(ITensor& cache, ITensor& update, ITensor& writeIndices,
                                               KVCacheMode cacheMode) noexcept {
  if (!valid(cacheMode)) return refuse("addKVCacheUpdate", numbered("there is no mode", static_cast<int>(cacheMode)));
  return make<KVCacheUpdateLayer>(LayerType::kKVCACHE_UPDATE, {&cache, &update, &writeIndices});
}

IMoELayer* Network::addMoE(ITensor& hiddenStates, ITensor& selectedExpertsForTokens,
                           ITensor& scoresForSelectedExperts) noexcept {
  return make<MoELayer>(LayerType::kMOE, {&hiddenStates, &selectedExpertsForTokens, &scoresForSelectedExperts});
}

IDynamicQuantizeLayer* Network::addDynamicQuantize(ITensor& input, int32_t axis, int32_t blockSize, DataType outputType,
                                                   DataType scaleType) noexcept {
  if (blockSize <= 0) return refuse("addDynamicQuantize", numbered("a block must have elements, not", blockSize));
  auto* const made = make<DynamicQuantizeLayer>(LayerType::kDYNAMIC_QUANTIZE, {&input}, 2);
  if (!made) return made;
  made->axis = axis;
  made->block_size = blockSize;
  made->to = outputType;
  made->scale_type = scaleType;
  return made;
}

IDynamicQuantizeLayer* Network::addDynamicQuantizeV2(ITensor& input, Dims const& blockShape, DataType outputType,
                                                     DataType scaleType) noexcept {
  if (blockShape.nbDims <= 0 || blockShape.nbDims > Dims::MAX_DIMS)
    return refuse("addDynamicQuantize", numbered("the number of a block's dimensions is", blockShape.nbDims));
  IDynamicQuantizeLayer* const made = addDynamicQuantize(input, -1, 1, outputType, scaleType);
  if (made) made->setBlockShape(blockShape);
  return made;
}

IDistCollectiveLayer* Network::addDistCollective(ITensor& input, CollectiveOperation distCollectiveOp,
                                                 ReduceOperation reduceOp, int64_t root, int64_t* groups,
                                                 int64_t groupSize) noexcept {
  using enum CollectiveOperation;
  const char* const method = "addDistCollective";
  if (!valid(distCollectiveOp) || !valid(reduceOp)) return refuse(method, "there is no such operation");
  const auto is_one_of = [&](std::initializer_list<CollectiveOperation> list) {
    return std::find(list.begin(), list.end(), distCollectiveOp) != list.end();
  };
  const bool reduces = is_one_of({kALL_REDUCE, kREDUCE, kREDUCE_SCATTER});
  if (reduces == (reduceOp == ReduceOperation::kNONE))
    return refuse(method, reduces ? "a reduction needs an operation" : "the operation reduces nothing; give kNONE");
  if (is_one_of({kBROADCAST, kREDUCE, kGATHER, kSCATTER}) && root != 0)
    return refuse(method, numbered("there is one rank, 0; the root is", root));
  const bool others = std::any_of(groups, groups + (groups ? groupSize : 0), [](int64_t rank) { return rank != 0; });
  if (groupSize < 0 || groupSize > 1 || others)
    return refuse(method, "there is one rank, 0; run a process for each device, or leave the groups out");
  return make<DistCollectiveLayer>(LayerType::kDIST_COLLECTIVE, {&input});
}

// ---- Recurrent networks ----

IRNNv2Layer* Network::addRNNv2(ITensor& input, int32_t layerCount, int32_t hiddenSize, int32_t maxSeqLen,
                               RNNOperation op) noexcept {
  return make_recurrent<RNNv2Layer>("addRNNv2", LayerType::kRNN_V2, input, layerCount, hiddenSize, maxSeqLen, op);
}

IRNNLayer* Network::addRNN(ITensor& inputs, int32_t layerCount, std::size_t hiddenSize, int32_t maxSeqLen,
                           RNNOperation op, RNNInputMode mode, RNNDirection dir, Weights weights,
                           Weights bias) noexcept {
  if (!valid(mode) || !valid(dir)) return refuse("addRNN", "there is no such mode or direction");
  auto* const made = make_recurrent<RNNLayer>("addRNN", LayerType::kRNN, inputs, layerCount,
                                              static_cast<int64_t>(hiddenSize), maxSeqLen, op);
  if (!made) return made;
  made->input_mode = mode;
  made->direction = dir;
  made->weights = weights;
  made->bias = bias;
  return made;
}

template <class L>
L* Network::make_recurrent(const char* method, LayerType type, ITensor& input, int32_t layer_count, int64_t hidden_size,
                           int32_t max_length, RNNOperation operation) {
  if (!valid(operation)) return refuse(method, numbered("there is no operation", static_cast<int>(operation)));
  if (layer_count <= 0 || max_length <= 0 || hidden_size <= 0 || hidden_size > INT32_MAX)
    return refuse(method, "layers, hidden size and sequence length must be above 0");
  L* const made = make<L>(type, {&input}, operation == RNNOperation::kLSTM ? 3 : 2);
  if (!made) return made;
  made->layer_count = layer_count;
  made->hidden_size = static_cast<int32_t>(hidden_size);
  made->max_length = max_length;
  made->operation = operation;
  return made;
}

}  // namespace vivace::tensorrt
