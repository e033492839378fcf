// The network definition: tensors and layers with their parameters. Nothing is added to a graph when a layer is added;
// the graph is made when somebody asks for dimensions or for the whole, and made anew when a parameter changed since.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <unordered_set>
#include <vector>

#include "tensorrt/layer.h"

namespace vivace::tensorrt {

class Network final : public nvinfer1::INetworkDefinition {
 public:
  /// `builder` and `logger` may be null, in tests.
  Network(nvinfer1::IBuilder* builder, nvinfer1::ILogger* logger, nvinfer1::NetworkDefinitionCreationFlags flags,
          bool implicit_batch = false, bool narrow = false);
  ~Network() noexcept override;

  // For the builder and the parser.
  /// The network as a graph of its own: inputs and outputs in the network's order, named as the tensors.
  Result<std::unique_ptr<ir::Graph>> to_graph();
  /// Adds a parsed graph: its inputs, a layer for each node, its outputs. Inputs whose names are there already are
  /// not added again.
  Status add_graph(std::unique_ptr<ir::Graph> graph);
  /// Every tensor has a leading symbolic dimension "batch" that the client does not see.
  bool implicit_batch() const { return implicit_batch_; }
  /// 64-bit integers are shown as 32-bit ones: the client is of before generation 9.
  bool narrow() const { return narrow_; }
  /// Outputs of the graph that only a debug listener sees, in the order of the layers. Inputs, which whoever gives them
  /// knows, are none.
  std::vector<const NetworkTensor*> debug_tensors() const;
  bool unfused_are_debug() const { return unfused_debug_; }
  const std::set<std::string>& refittable_weights() const { return refittable_; }
  /// One for each input: whether its elements, not only its dimensions, decide about shapes.
  std::vector<bool> shape_inputs();
  const NetworkTensor& input(size_t i) const { return *inputs_[i]; }
  const NetworkTensor& output(size_t i) const { return *outputs_[i]; }
  nvinfer1::ILogger* logger() const { return logger_; }

  // For its tensors and layers.
  /// What setWeightsName() called the weights at this address; empty where it did not.
  std::string weights_name(const void* values) const {
    const auto found = weight_names_.find(values);
    return found == weight_names_.end() ? std::string() : found->second;
  }
  /// Logs an error, and tells the error recorder.
  void report(const Status& status) const;
  /// Adds a layer to the list; its outputs become tensors of the network.
  Layer* keep(std::unique_ptr<Layer> layer, const std::vector<NetworkTensor*>& inputs, size_t outputs);
  /// The tensor as one of this network's; nullptr for any other.
  NetworkTensor* own(const nvinfer1::ITensor& tensor) const;
  /// Something changed: what was emitted of `layer` is no longer true. Without a layer: an input.
  void stale(const Layer& layer);
  void stale();
  nvinfer1::Dims dimensions_of(const NetworkTensor& tensor);
  nvinfer1::DataType type_of(const NetworkTensor& tensor);
  bool is_input(const NetworkTensor& tensor) const;
  bool is_output(const NetworkTensor& tensor) const;
  /// Whether a change of type changes only how exact a float is: then layers keep theirs, and what is bound is cast.
  bool only_rounds(DType from, DType to) const;
  bool is_shape_tensor(const NetworkTensor& tensor);

  // INetworkDefinition.
  nvinfer1::ITensor* addInput(char const* name, nvinfer1::DataType type,
                              nvinfer1::Dims const& dimensions) noexcept override;
  void markOutput(nvinfer1::ITensor& tensor) noexcept override;
  void unmarkOutput(nvinfer1::ITensor& tensor) noexcept override;
  void removeTensor(nvinfer1::ITensor& tensor) noexcept override;
  bool markDebug(nvinfer1::ITensor& tensor) noexcept override;
  bool unmarkDebug(nvinfer1::ITensor& tensor) noexcept override;
  bool isDebugTensor(nvinfer1::ITensor const& tensor) const noexcept override;
  bool markUnfusedTensorsAsDebugTensors() noexcept override { return unfused_debug_ = true; }
  bool unmarkUnfusedTensorsAsDebugTensors() noexcept override { return unfused_debug_ = false, true; }
  bool markOutputForShapes(nvinfer1::ITensor& tensor) noexcept override;
  bool unmarkOutputForShapes(nvinfer1::ITensor& tensor) noexcept override;
  int32_t getNbLayers() const noexcept override { return static_cast<int32_t>(layers_.size()); }
  nvinfer1::ILayer* getLayer(int32_t index) const noexcept override;
  int32_t getNbInputs() const noexcept override { return static_cast<int32_t>(inputs_.size()); }
  nvinfer1::ITensor* getInput(int32_t index) const noexcept override;
  int32_t getNbOutputs() const noexcept override { return static_cast<int32_t>(outputs_.size()); }
  nvinfer1::ITensor* getOutput(int32_t index) const noexcept override;
  void setName(char const* name) noexcept override { name_ = name ? name : ""; }
  char const* getName() const noexcept override { return name_.c_str(); }
  bool hasImplicitBatchDimension() const noexcept override { return implicit_batch_; }
  bool hasExplicitPrecision() const noexcept override;
  nvinfer1::NetworkDefinitionCreationFlags getFlags() const noexcept override { return flags_; }
  bool getFlag(nvinfer1::NetworkDefinitionCreationFlag flag) const noexcept override;
  void setErrorRecorder(nvinfer1::IErrorRecorder* recorder) noexcept override { recorder_ = recorder; }
  nvinfer1::IErrorRecorder* getErrorRecorder() const noexcept override { return recorder_; }
  nvinfer1::IBuilder& getBuilder() const noexcept override { return *builder_; }
  bool setWeightsName(nvinfer1::Weights weights, char const* name) noexcept override;
  bool markWeightsRefittable(char const* name) noexcept override;
  bool unmarkWeightsRefittable(char const* name) noexcept override;
  bool areWeightsMarkedRefittable(char const* name) const noexcept override;

  nvinfer1::IActivationLayer* addActivation(nvinfer1::ITensor& input, nvinfer1::ActivationType type) noexcept override;
  nvinfer1::ILRNLayer* addLRN(nvinfer1::ITensor& input, int64_t window, float alpha, float beta,
                              float k) noexcept override;
  nvinfer1::IScaleLayer* addScale(nvinfer1::ITensor& input, nvinfer1::ScaleMode mode, nvinfer1::Weights shift,
                                  nvinfer1::Weights scale, nvinfer1::Weights power) noexcept override;
  nvinfer1::ISoftMaxLayer* addSoftMax(nvinfer1::ITensor& input) noexcept override;
  nvinfer1::IConcatenationLayer* addConcatenation(nvinfer1::ITensor* const* inputs, int32_t nbInputs) noexcept override;
  nvinfer1::IElementWiseLayer* addElementWise(nvinfer1::ITensor& input1, nvinfer1::ITensor& input2,
                                              nvinfer1::ElementWiseOperation op) noexcept override;
  nvinfer1::IUnaryLayer* addUnary(nvinfer1::ITensor& input, nvinfer1::UnaryOperation operation) noexcept override;
  nvinfer1::IShuffleLayer* addShuffle(nvinfer1::ITensor& input) noexcept override;
  nvinfer1::IOneHotLayer* addOneHot(nvinfer1::ITensor& indices, nvinfer1::ITensor& values, nvinfer1::ITensor& depth,
                                    int32_t axis) noexcept override;
  nvinfer1::IReduceLayer* addReduce(nvinfer1::ITensor& input, nvinfer1::ReduceOperation operation, uint32_t reduceAxes,
                                    bool keepDimensions) noexcept override;
  nvinfer1::ITopKLayer* addTopK(nvinfer1::ITensor& input, nvinfer1::TopKOperation op, int32_t k,
                                uint32_t reduceAxes) noexcept override;
  nvinfer1::ITopKLayer* addTopK(nvinfer1::ITensor& input, nvinfer1::TopKOperation op, int32_t k, uint32_t reduceAxes,
                                nvinfer1::DataType indicesType) noexcept override;
  nvinfer1::IGatherLayer* addGather(nvinfer1::ITensor& data, nvinfer1::ITensor& indices,
                                    int32_t axis) noexcept override;
  nvinfer1::IGatherLayer* addGatherV2(nvinfer1::ITensor& data, nvinfer1::ITensor& indices,
                                      nvinfer1::GatherMode mode) noexcept override;
  nvinfer1::IRaggedSoftMaxLayer* addRaggedSoftMax(nvinfer1::ITensor& input,
                                                  nvinfer1::ITensor& bounds) noexcept override;
  nvinfer1::INonZeroLayer* addNonZero(nvinfer1::ITensor& input) noexcept override;
  nvinfer1::INonZeroLayer* addNonZero(nvinfer1::ITensor& input, nvinfer1::DataType indicesType) noexcept override;
  nvinfer1::IConstantLayer* addConstant(nvinfer1::Dims const& dimensions, nvinfer1::Weights weights) noexcept override;
  nvinfer1::IIdentityLayer* addIdentity(nvinfer1::ITensor& input) noexcept override;
  nvinfer1::ICastLayer* addCast(nvinfer1::ITensor& input, nvinfer1::DataType toType) noexcept override;
  nvinfer1::IPluginV2Layer* addPluginV2(nvinfer1::ITensor* const* inputs, int32_t nbInputs,
                                        nvinfer1::IPluginV2& plugin) noexcept override;
  nvinfer1::IPluginV3Layer* addPluginV3(nvinfer1::ITensor* const* inputs, int32_t nbInputs,
                                        nvinfer1::ITensor* const* shapeInputs, int32_t nbShapeInputs,
                                        nvinfer1::IPluginV3& plugin) noexcept override;
  nvinfer1::ISliceLayer* addSlice(nvinfer1::ITensor& input, nvinfer1::Dims const& start, nvinfer1::Dims const& size,
                                  nvinfer1::Dims const& stride) noexcept override;
  nvinfer1::IShapeLayer* addShape(nvinfer1::ITensor& input) noexcept override;
  nvinfer1::IParametricReLULayer* addParametricReLU(nvinfer1::ITensor& input,
                                                    nvinfer1::ITensor& slope) noexcept override;
  nvinfer1::IConvolutionLayer* addConvolutionNd(nvinfer1::ITensor& input, int64_t nbOutputMaps,
                                                nvinfer1::Dims const& kernelSize, nvinfer1::Weights kernelWeights,
                                                nvinfer1::Weights biasWeights) noexcept override;
  nvinfer1::IPoolingLayer* addPoolingNd(nvinfer1::ITensor& input, nvinfer1::PoolingType type,
                                        nvinfer1::Dims const& windowSize) noexcept override;
  nvinfer1::IDeconvolutionLayer* addDeconvolutionNd(nvinfer1::ITensor& input, int64_t nbOutputMaps,
                                                    nvinfer1::Dims const& kernelSize, nvinfer1::Weights kernelWeights,
                                                    nvinfer1::Weights biasWeights) noexcept override;
  nvinfer1::IScaleLayer* addScaleNd(nvinfer1::ITensor& input, nvinfer1::ScaleMode mode, nvinfer1::Weights shift,
                                    nvinfer1::Weights scale, nvinfer1::Weights power,
                                    int32_t channelAxis) noexcept override;
  nvinfer1::IResizeLayer* addResize(nvinfer1::ITensor& input) noexcept override;
  nvinfer1::ILoop* addLoop() noexcept override;
  nvinfer1::IIfConditional* addIfConditional() noexcept override;
  nvinfer1::ISelectLayer* addSelect(nvinfer1::ITensor& condition, nvinfer1::ITensor& thenInput,
                                    nvinfer1::ITensor& elseInput) noexcept override;
  nvinfer1::IAssertionLayer* addAssertion(nvinfer1::ITensor& condition, char const* message) noexcept override;
  nvinfer1::IFillLayer* addFill(nvinfer1::Dims const& dimensions, nvinfer1::FillOperation op) noexcept override;
  nvinfer1::IFillLayer* addFill(nvinfer1::Dims const& dimensions, nvinfer1::FillOperation op,
                                nvinfer1::DataType outputType) noexcept override;
  nvinfer1::IPaddingLayer* addPaddingNd(nvinfer1::ITensor& input, nvinfer1::Dims const& prePadding,
                                        nvinfer1::Dims const& postPadding) noexcept override;
  nvinfer1::IDequantizeLayer* addDequantize(nvinfer1::ITensor& input, nvinfer1::ITensor& scale) noexcept override;
  nvinfer1::IDequantizeLayer* addDequantize(nvinfer1::ITensor& input, nvinfer1::ITensor& scale,
                                            nvinfer1::DataType outputType) noexcept override;
  nvinfer1::IScatterLayer* addScatter(nvinfer1::ITensor& data, nvinfer1::ITensor& indices, nvinfer1::ITensor& updates,
                                      nvinfer1::ScatterMode mode) noexcept override;
  nvinfer1::IQuantizeLayer* addQuantize(nvinfer1::ITensor& input, nvinfer1::ITensor& scale) noexcept override;
  nvinfer1::IQuantizeLayer* addQuantize(nvinfer1::ITensor& input, nvinfer1::ITensor& scale,
                                        nvinfer1::DataType outputType) noexcept override;
  nvinfer1::IDynamicQuantizeLayer* addDynamicQuantize(nvinfer1::ITensor& input, int32_t axis, int32_t blockSize,
                                                      nvinfer1::DataType outputType,
                                                      nvinfer1::DataType scaleType) noexcept override;
  nvinfer1::IDynamicQuantizeLayer* addDynamicQuantizeV2(nvinfer1::ITensor& input, nvinfer1::Dims const& blockShape,
                                                        nvinfer1::DataType outputType,
                                                        nvinfer1::DataType scaleType) noexcept override;
  nvinfer1::IEinsumLayer* addEinsum(nvinfer1::ITensor* const* inputs, int32_t nbInputs,
                                    char const* equation) noexcept override;
  nvinfer1::IGridSampleLayer* addGridSample(nvinfer1::ITensor& input, nvinfer1::ITensor& grid) noexcept override;
  nvinfer1::INMSLayer* addNMS(nvinfer1::ITensor& boxes, nvinfer1::ITensor& scores,
                              nvinfer1::ITensor& maxOutputBoxesPerClass) noexcept override;
  nvinfer1::INMSLayer* addNMS(nvinfer1::ITensor& boxes, nvinfer1::ITensor& scores,
                              nvinfer1::ITensor& maxOutputBoxesPerClass,
                              nvinfer1::DataType indicesType) noexcept override;
  nvinfer1::IReverseSequenceLayer* addReverseSequence(nvinfer1::ITensor& input,
                                                      nvinfer1::ITensor& sequenceLens) noexcept override;
  nvinfer1::INormalizationLayer* addNormalization(nvinfer1::ITensor& input, nvinfer1::ITensor& scale,
                                                  nvinfer1::ITensor& bias, uint32_t axesMask) noexcept override;
  nvinfer1::ICumulativeLayer* addCumulative(nvinfer1::ITensor& input, nvinfer1::ITensor& axis,
                                            nvinfer1::CumulativeOperation operation, bool exclusive,
                                            bool reverse) noexcept override;
  nvinfer1::IAttention* addAttention(nvinfer1::ITensor& query, nvinfer1::ITensor& key, nvinfer1::ITensor& value,
                                     nvinfer1::AttentionNormalizationOp normOp, bool causal) noexcept override;
  nvinfer1::IRotaryEmbeddingLayer* addRotaryEmbedding(nvinfer1::ITensor& input, nvinfer1::ITensor& cosCache,
                                                      nvinfer1::ITensor& sinCache, bool interleaved,
                                                      int32_t rotaryEmbeddingDim) noexcept override;
  nvinfer1::IKVCacheUpdateLayer* addKVCacheUpdate(nvinfer1::ITensor& cache, nvinfer1::ITensor& update,
                                                  nvinfer1::ITensor& writeIndices,
                                                  nvinfer1::KVCacheMode cacheMode) noexcept override;
  nvinfer1::IMoELayer* addMoE(nvinfer1::ITensor& hiddenStates, nvinfer1::ITensor& selectedExpertsForTokens,
                              nvinfer1::ITensor& scoresForSelectedExperts) noexcept override;
  nvinfer1::IDistCollectiveLayer* addDistCollective(nvinfer1::ITensor& input,
                                                    nvinfer1::CollectiveOperation distCollectiveOp,
                                                    nvinfer1::ReduceOperation reduceOp, int64_t root, int64_t* groups,
                                                    int64_t groupSize) noexcept override;
  nvinfer1::ISqueezeLayer* addSqueeze(nvinfer1::ITensor& input, nvinfer1::ITensor& axes) noexcept override;
  nvinfer1::IUnsqueezeLayer* addUnsqueeze(nvinfer1::ITensor& input, nvinfer1::ITensor& axes) noexcept override;
  nvinfer1::INormalizationLayer* addNormalizationV2(nvinfer1::ITensor& input, nvinfer1::ITensor& scale,
                                                    nvinfer1::ITensor& bias, uint32_t axesMask) noexcept override;
  nvinfer1::IAttention* addAttentionV2(nvinfer1::ITensor& query, nvinfer1::ITensor& key, nvinfer1::ITensor& value,
                                       nvinfer1::AttentionNormalizationOp normOp,
                                       nvinfer1::CausalMaskKind causalKind) noexcept override;
  nvinfer1::IMatrixMultiplyLayer* addMatrixMultiply(nvinfer1::ITensor& input0, nvinfer1::MatrixOperation op0,
                                                    nvinfer1::ITensor& input1,
                                                    nvinfer1::MatrixOperation op1) noexcept override;
  nvinfer1::IFullyConnectedLayer* addFullyConnected(nvinfer1::ITensor& input, int32_t nbOutputs,
                                                    nvinfer1::Weights kernelWeights,
                                                    nvinfer1::Weights biasWeights) noexcept override;
  nvinfer1::IRNNv2Layer* addRNNv2(nvinfer1::ITensor& input, int32_t layerCount, int32_t hiddenSize, int32_t maxSeqLen,
                                  nvinfer1::RNNOperation op) noexcept override;
  nvinfer1::IRNNLayer* addRNN(nvinfer1::ITensor& inputs, int32_t layerCount, std::size_t hiddenSize, int32_t maxSeqLen,
                              nvinfer1::RNNOperation op, nvinfer1::RNNInputMode mode, nvinfer1::RNNDirection dir,
                              nvinfer1::Weights weights, nvinfer1::Weights bias) noexcept override;

 private:
  struct Emission;

  template <class L>
  L* make(nvinfer1::LayerType type, std::initializer_list<const nvinfer1::ITensor*> inputs, size_t outputs = 1);
  template <class L>
  L* make(nvinfer1::LayerType type, nvinfer1::ITensor* const* inputs, int32_t count, size_t outputs = 1);
  template <class L>
  L* make_kernel_layer(const char* method, nvinfer1::LayerType type, nvinfer1::ITensor& input, int64_t maps,
                       nvinfer1::Dims const& kernel, nvinfer1::Weights kernel_weights, nvinfer1::Weights bias_weights);
  template <class L>
  L* make_recurrent(const char* method, nvinfer1::LayerType type, nvinfer1::ITensor& input, int32_t layer_count,
                    int64_t hidden_size, int32_t max_length, nvinfer1::RNNOperation operation);
  /// Logs that an add method will not do what it was asked.
  std::nullptr_t refuse(const char* method, const std::string& why) const;
  Result<nvinfer1::TensorFormat> bound_format(const NetworkTensor& tensor, const ir::Value& value) const;
  Emission& emission();
  Result<ir::Value*> emitted(const NetworkTensor& tensor);
  const std::unordered_set<const ir::Value*>& shape_values();
  nvinfer1::DataType shown(DType type) const;

  nvinfer1::IBuilder* builder_;
  nvinfer1::ILogger* logger_;
  nvinfer1::IErrorRecorder* recorder_ = nullptr;
  nvinfer1::NetworkDefinitionCreationFlags flags_;
  bool implicit_batch_, narrow_, unfused_debug_ = false;
  std::string name_ = "Unnamed Network 0";
  std::vector<std::unique_ptr<NetworkTensor>> input_tensors_;  // removed ones too
  std::vector<NetworkTensor*> inputs_, outputs_;
  std::unordered_set<const NetworkTensor*> debug_, shape_outputs_, reported_;
  std::unordered_set<const nvinfer1::ITensor*> own_;
  std::vector<std::unique_ptr<Layer>> layers_;
  std::vector<std::unique_ptr<nvinfer1::ILoop>> loops_;
  std::vector<std::unique_ptr<nvinfer1::IIfConditional>> conditionals_;
  std::vector<std::unique_ptr<nvinfer1::IAttention>> attentions_;
  std::vector<std::unique_ptr<ir::Graph>> sources_;  // parsed
  std::unordered_map<const void*, std::string> weight_names_;
  std::set<std::string> refittable_;
  std::unique_ptr<Emission> emission_;
};

}  // namespace vivace::tensorrt
