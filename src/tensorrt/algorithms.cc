#include "tensorrt/algorithms.h"

#include <algorithm>
#include <map>

#include "backends/cpu/shapes.h"
#include "base/hash.h"
#include "tensorrt/types.h"

namespace vivace::tensorrt {

using nvinfer1::OptProfileSelector;
using nvinfer1::TensorFormat;

namespace {

// The first 63 bits, for numbers that clients print and compare.
int64_t number_of(const std::string& text) { return static_cast<int64_t>(hash_bytes(text.data(), text.size()) >> 1); }

class IoInfo final : public nvinfer1::IAlgorithmIOInfo {
 public:
  IoInfo(const ir::Type& type, const nvinfer1::Dims& dims)
      : type_(to_data_type(type.dtype)), strides_(dims), block_(type.channel_block) {
    decltype(+dims.d[0]) stride = 1;
    for (int32_t i = dims.nbDims - 1; i >= 0; --i) {
      strides_.d[i] = stride;
      stride *= dims.d[i];
    }
  }
  nvinfer1::DataType getDataType() const noexcept override { return type_; }
  nvinfer1::Dims getStrides() const noexcept override { return strides_; }
  int64_t getVectorizedDim() const noexcept override { return block_ ? 1 : -1; }
  int64_t getComponentsPerElement() const noexcept override { return std::max<int64_t>(block_, 1); }
  TensorFormat getTensorFormat() const noexcept override {
    return block_ == 16 ? TensorFormat::kCHW16 : TensorFormat::kLINEAR;
  }

 private:
  nvinfer1::DataType type_;
  nvinfer1::Dims strides_;
  int64_t block_;  // channels
};

class Variant final : public nvinfer1::IAlgorithmVariant {
 public:
  explicit Variant(const builder::Candidate& of)
      : implementation_(number_of(of.tactic)), tactic_(number_of(of.configuration)) {}
  int64_t getImplementation() const noexcept override { return implementation_; }
  int64_t getTactic() const noexcept override { return tactic_; }

 private:
  int64_t implementation_, tactic_;
};

class Algorithm final : public nvinfer1::IAlgorithm {
 public:
  Algorithm(const builder::Candidate& of, const std::vector<IoInfo>& ios)
      : tactic(of.tactic), variant_(of), seconds_(of.seconds > 0 ? of.seconds : of.estimate), ios_(ios) {}
  const nvinfer1::IAlgorithmVariant& getAlgorithmVariant() const noexcept override { return variant_; }
  float getTimingMSec() const noexcept override { return static_cast<float>(seconds_ * 1e3); }
  std::size_t getWorkspaceSize() const noexcept override { return 0; }  // part of the context's memory
  const nvinfer1::IAlgorithmIOInfo* getAlgorithmIOInfoByIndex(int32_t index) const noexcept override {
    return index >= 0 && static_cast<size_t>(index) < ios_.size() ? &ios_[static_cast<size_t>(index)] : nullptr;
  }
  const nvinfer1::IAlgorithmIOInfo& getAlgorithmIOInfo(int32_t index) const noexcept override {
    static const IoInfo none(ir::Type(), no_dims());
    const auto* found = getAlgorithmIOInfoByIndex(index);
    return found ? *found : none;
  }

  const std::string tactic;

 private:
  Variant variant_;
  double seconds_;
  const std::vector<IoInfo>& ios_;
};

}  // namespace

class AlgorithmContext final : public nvinfer1::IAlgorithmContext {
 public:
  const char* getName() const noexcept override { return name.c_str(); }
  nvinfer1::Dims getDimensions(int32_t index, OptProfileSelector select) const noexcept override {
    const auto which = static_cast<size_t>(select);
    if (which >= std::size(dims) || index < 0 || static_cast<size_t>(index) >= dims[which].size()) return no_dims();
    return dims[which][static_cast<size_t>(index)];
  }
  int32_t getNbInputs() const noexcept override { return inputs; }
  int32_t getNbOutputs() const noexcept override { return static_cast<int32_t>(ios.size()) - inputs; }

  std::string name;
  bool named = false;  // by the node itself, so that a tactic can be asked for
  int32_t inputs = 0;
  std::vector<nvinfer1::Dims> dims[3];
  std::vector<IoInfo> ios;
  std::vector<Algorithm> choices;  // the one chosen first; each tactic once
};

Algorithms::Algorithms() = default;
Algorithms::Algorithms(Algorithms&&) noexcept = default;
Algorithms& Algorithms::operator=(Algorithms&&) noexcept = default;
Algorithms::~Algorithms() = default;

Result<Algorithms> Algorithms::of(const builder::BuildResult& built) {
  const ir::Graph& graph = *built.plan.program.graph;
  std::vector<cpu::ConcreteGraph> at;
  for (const auto which : {&plan::ShapeRange::min, &plan::ShapeRange::opt, &plan::ShapeRange::max}) {
    std::vector<Shape> shapes;
    for (const plan::ShapeRange& range : built.plan.ranges) {
      const Shape& shape = range.*which;
      shapes.push_back(std::find(shape.begin(), shape.end(), -1) == shape.end() ? shape : range.opt);
    }
    VIVACE_ASSIGN(cpu::ConcreteGraph concrete, cpu::concretize(graph, shapes));
    at.push_back(std::move(concrete));
  }
  std::map<std::string, const builder::LayerReport*> reports;
  for (const builder::LayerReport& report : built.report.layers) reports.emplace(report.name, &report);

  Algorithms made;
  for (const auto& node : graph.nodes()) {
    const auto found = reports.find(node->name.empty() ? node->output()->name : node->name);
    if (found == reports.end() || found->second->view || found->second->candidates.empty()) continue;
    auto layer = std::make_unique<AlgorithmContext>();
    layer->name = found->first;
    layer->named = !node->name.empty();
    const auto add = [&](const ir::Value* value) {
      for (size_t i = 0; i < at.size(); ++i) {
        const ir::Type* type = at[i].type(value);
        layer->dims[i].push_back(type && type->dims ? to_dims(*type->dims) : no_dims());
      }
      layer->ios.emplace_back(value->type, layer->dims[1].back());
    };
    for (const ir::Value* input : node->inputs())
      if (input && !input->is_constant()) add(input);
    layer->inputs = static_cast<int32_t>(layer->ios.size());
    for (const ir::Value* output : node->outputs()) add(output);
    for (const builder::Candidate& candidate : found->second->candidates)
      if (candidate.refused.empty() &&
          std::none_of(layer->choices.begin(), layer->choices.end(),
                       [&](const Algorithm& other) { return other.tactic == candidate.tactic; }))
        layer->choices.emplace_back(candidate, layer->ios);
    if (!layer->choices.empty()) made.layers_.push_back(std::move(layer));
  }
  return made;
}

Result<std::vector<std::string>> Algorithms::ask(nvinfer1::IAlgorithmSelector& selector, bool reject_empty) const {
  std::vector<std::string> rules;
  for (const auto& layer : layers_) {
    std::vector<const nvinfer1::IAlgorithm*> choices;
    for (const Algorithm& choice : layer->choices) choices.push_back(&choice);
    const auto offered = static_cast<int32_t>(choices.size());
    std::vector<int32_t> selection(choices.size(), -1);
    const int32_t selected = selector.selectAlgorithms(*layer, choices.data(), offered, selection.data());
    const auto chosen = selection.begin() + std::clamp(selected, 0, offered);
    if (selected < 0 || selected > offered ||
        std::any_of(selection.begin(), chosen, [&](int32_t i) { return i < 0 || i >= offered; }))
      return Status(Code::invalid_argument, "the algorithm selector's selection for layer '" + layer->name +
                                                "' is none of the " + std::to_string(offered) + " that it was offered");
    if (selected == 0) {
      if (!reject_empty) continue;
      return Status(Code::invalid_argument, "the algorithm selector selected none for layer '" + layer->name +
                                                "', which BuilderFlag::kREJECT_EMPTY_ALGORITHMS makes an error");
    }
    const int32_t best = *std::min_element(selection.begin(), chosen, [&](int32_t a, int32_t b) {
      return choices[static_cast<size_t>(a)]->getTimingMSec() < choices[static_cast<size_t>(b)]->getTimingMSec();
    });
    if (layer->named && std::find(selection.begin(), chosen, 0) == chosen)
      rules.push_back(layer->name + "=" + layer->choices[static_cast<size_t>(best)].tactic);
  }
  return rules;
}

void Algorithms::report_to(nvinfer1::IAlgorithmSelector& selector) const {
  std::vector<const nvinfer1::IAlgorithmContext*> contexts;
  std::vector<const nvinfer1::IAlgorithm*> chosen;
  for (const auto& layer : layers_) {
    contexts.push_back(layer.get());
    chosen.push_back(&layer->choices.front());
  }
  selector.reportAlgorithms(contexts.data(), chosen.data(), static_cast<int32_t>(contexts.size()));
}

}  // namespace vivace::tensorrt
