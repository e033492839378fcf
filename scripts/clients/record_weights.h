// Put before a client's source by the compiler (-include): the program then asks for its weights by name as always, but
// its file of weights is not read; when it builds its engine, a file with random numbers for all the names that it
// asked for is written instead (to $RECORDED_WEIGHTS) and the program ends. The client's maps of weights are what is
// replaced.
#pragma once

#include <dlfcn.h>
#include <sys/mman.h>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <random>
#include <string>
#include <unordered_map>
#include <vector>

#include "NvInfer.h"

namespace recorder {

using nvinfer1::Weights;

// A name that the program asked for. Its values are a range of addresses of its own, zeros until the file is written.
struct Blob {
  std::string name;
  char* values;
  int64_t count;
  double deviation = 0;
};
constexpr size_t kRange = size_t{1} << 30;

struct State {
  std::vector<Blob> blobs;
  std::map<std::string, Weights, std::less<>> by_name;  // another type than the replaced one
  nvinfer1::INetworkDefinition* network = nullptr;
  int32_t seen = 0;  // layers whose weights have their right counts
};
inline State& state() {
  static State made;
  return made;
}

inline int64_t volume(nvinfer1::Dims const& dims) {
  int64_t product = 1;
  for (int32_t i = 0; i < dims.nbDims; ++i) product *= dims.d[i];
  return product;
}
// Channels of an image, with or without its batch; the last dimension of anything else.
inline int64_t channels(nvinfer1::Dims const& dims) {
  if (dims.nbDims < 1) return 1;
  return dims.nbDims >= 3 ? dims.d[dims.nbDims - 3] : dims.d[dims.nbDims - 1];
}

// Whether weights are of the file, and not computed by the program.
inline bool recorded(Weights const& weights) {
  for (Blob const& blob : state().blobs) {
    const auto offset = static_cast<char const*>(weights.values) - blob.values;
    if (weights.values && offset >= 0 && offset < static_cast<ptrdiff_t>(kRange)) return true;
  }
  return false;
}

inline void used(Weights const& weights, double deviation) {
  for (Blob& blob : state().blobs) {
    const auto offset = static_cast<char const*>(weights.values) - blob.values;
    if (!weights.values || offset < 0 || offset >= static_cast<ptrdiff_t>(kRange)) continue;
    blob.count = offset ? std::max(blob.count, static_cast<int64_t>(offset / 4) + weights.count) : weights.count;
    if (deviation > 0) blob.deviation = deviation;
  }
}

template <class Layer>
void window(Layer& layer, bool transposed) {
  const int64_t in = channels(layer.getInput(0)->getDimensions());
  const int64_t out = layer.getNbOutputMaps();
  const int64_t groups = std::max<int64_t>(1, layer.getNbGroups());
  const int64_t kernel = volume(layer.getKernelSizeNd());
  Weights weights = layer.getKernelWeights(), bias = layer.getBiasWeights();
  if (recorded(weights)) {
    weights.count = in * out / groups * kernel;
    layer.setKernelWeights(weights);
  }
  used(weights, std::sqrt(2.0 / static_cast<double>((transposed ? out : in) / groups * kernel)));
  if (!recorded(bias)) return;
  bias.count = out;
  layer.setBiasWeights(bias);
  used(bias, 0.05);
}

// Gives the layers added so far weights of the size that their parameters ask for.
inline void settle() {
  State& now = state();
  static bool within = false;
  if (!now.network || within) return;
  within = true;
  for (; now.seen < now.network->getNbLayers(); ++now.seen) {
    nvinfer1::ILayer* layer = now.network->getLayer(now.seen);
    switch (layer->getType()) {
      case nvinfer1::LayerType::kCONVOLUTION: window(*static_cast<nvinfer1::IConvolutionLayer*>(layer), false); break;
      case nvinfer1::LayerType::kDECONVOLUTION:
        window(*static_cast<nvinfer1::IDeconvolutionLayer*>(layer), true);
        break;
      case nvinfer1::LayerType::kFULLY_CONNECTED: {
        auto& of = *static_cast<nvinfer1::IFullyConnectedLayer*>(layer);
        nvinfer1::Dims dims = of.getInput(0)->getDimensions();
        int64_t in = 1;
        for (int32_t i = std::max(0, dims.nbDims - 3); i < dims.nbDims; ++i) in *= dims.d[i];
        Weights weights = of.getKernelWeights(), bias = of.getBiasWeights();
        if (recorded(weights)) {
          weights.count = in * of.getNbOutputChannels();
          of.setKernelWeights(weights);
        }
        used(weights, std::sqrt(1.0 / static_cast<double>(in)));
        if (recorded(bias)) {
          bias.count = of.getNbOutputChannels();
          of.setBiasWeights(bias);
          used(bias, 0.05);
        }
        break;
      }
      case nvinfer1::LayerType::kCONSTANT: {
        auto& of = *static_cast<nvinfer1::IConstantLayer*>(layer);
        Weights weights = of.getWeights();
        nvinfer1::Dims dims = of.getDimensions();
        if (recorded(weights)) {
          weights.count = volume(dims);
          of.setWeights(weights);
        }
        const double rows = dims.nbDims > 1 ? static_cast<double>(std::max(dims.d[dims.nbDims - 1], dims.d[0])) : 0;
        used(weights, rows > 1 ? std::sqrt(1.0 / rows) : 0.05);
        break;
      }
      case nvinfer1::LayerType::kSCALE: {
        auto& of = *static_cast<nvinfer1::IScaleLayer*>(layer);
        for (Weights const& weights : {of.getShift(), of.getScale(), of.getPower()}) used(weights, 0);
        break;
      }
      case nvinfer1::LayerType::kRNN_V2: {
        auto& of = *static_cast<nvinfer1::IRNNv2Layer*>(layer);
        const int64_t hidden = of.getHiddenSize(), data = of.getDataLength();
        for (int32_t part = 0; part < of.getLayerCount(); ++part)
          for (int32_t gate = 0; gate < 7; ++gate)
            for (bool input : {true, false}) {
              const auto kind = static_cast<nvinfer1::RNNGateType>(gate);
              Weights weights = of.getWeightsForGate(part, kind, input), bias = of.getBiasForGate(part, kind, input);
              if (weights.values) weights.count = hidden * (input ? data : hidden), used(weights, 0.05);
              if (bias.values) bias.count = hidden, used(bias, 0.05);
            }
        break;
      }
      default: break;
    }
  }
  within = false;
}

inline Weights& weights_of(std::string const& name) {
  State& now = state();
  const auto known = now.by_name.find(name);
  if (known != now.by_name.end()) return known->second;
  settle();
  int64_t count = 1;
  if (now.network && now.network->getNbLayers() > 0)
    count = channels(now.network->getLayer(now.network->getNbLayers() - 1)->getOutput(0)->getDimensions());
  else if (now.network && now.network->getNbInputs() > 0)
    count = channels(now.network->getInput(0)->getDimensions());
  // A program that computes with weights before a layer has them needs to be told.
  char const* told = std::getenv("RECORDED_COUNTS");
  char const* at = told ? std::strstr(told, (name + ' ').c_str()) : nullptr;
  if (at) count = std::strtoll(at + name.size(), nullptr, 10);
  if (count < 1) count = 1;
  void* range = mmap(nullptr, kRange, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  now.blobs.push_back({name, static_cast<char*>(range), count});
  return now.by_name[name] = Weights{nvinfer1::DataType::kFLOAT, range, count};
}

[[noreturn]] inline void write() {
  settle();
  State& now = state();
  // Names that the program made itself, of weights that it computed, are not of the file.
  std::FILE* file = std::fopen(std::getenv("RECORDED_WEIGHTS"), "w");
  if (!file) std::abort();
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  std::uniform_real_distribution<float> uniform;
  std::fprintf(file, "%zu\n", now.blobs.size());
  const auto ends = [](std::string const& name, char const* end) {
    const size_t length = std::strlen(end);
    return name.size() >= length && name.compare(name.size() - length, length, end) == 0;
  };
  for (Blob const& blob : now.blobs) {
    std::fprintf(file, "%s %lld", blob.name.c_str(), static_cast<long long>(blob.count));
    for (int64_t i = 0; i < blob.count; ++i) {
      float value = 0;
      if (blob.deviation > 0)
        value = normal(random) * static_cast<float>(blob.deviation);
      else if (ends(blob.name, "var"))
        value = 0.75F + uniform(random) / 2;
      else if (ends(blob.name, "bias") || ends(blob.name, "mean"))
        value = normal(random) * 0.1F;
      else
        value = 0.75F + uniform(random) / 2;
      uint32_t bits;
      std::memcpy(&bits, &value, sizeof bits);
      std::fprintf(file, " %x", bits);
    }
    std::fputc('\n', file);
  }
  std::fclose(file);
  std::_Exit(0);
}

// A map of weights by name that knows every name.
template <class Map>
class Recording : public Map {
 public:
  using Map::Map;
  Weights& operator[](std::string const& name) { return weights_of(name); }
  Weights& at(std::string const& name) { return weights_of(name); }
  size_t count(std::string const&) const { return 1; }
  typename Map::iterator find(std::string const& name) {
    Map::operator[](name) = weights_of(name);
    return Map::find(name);
  }
};
struct Hash : std::hash<std::string> {};
struct Less : std::less<std::string> {};

// What the builder's methods do is replaced in a copy of its table of virtual functions.
template <class Method>
size_t slot(Method method) {
  uintptr_t words[2];
  static_assert(sizeof words == sizeof method, "a pointer to a method is two words");
  std::memcpy(words, &method, sizeof words);
  return (words[0] - 1) / sizeof(void*);
}
// An object whose table of virtual functions is a copy, in which methods are replaced.
class Patched {
 public:
  void take(void* object) {
    void**& table = *static_cast<void***>(object);
    original_ = table;
    std::memcpy(copy_, table - 2, sizeof copy_);
    table = copy_ + 2;
  }
  void replace(size_t at, void* by) { copy_[2 + at] = by; }
  template <class Result, class... Args>
  Result call(size_t at, Args... args) const {
    return reinterpret_cast<Result (*)(Args...)>(original_[at])(args...);
  }

 private:
  void** original_;
  void* copy_[130];
};
inline Patched& builder() {
  static Patched made;
  return made;
}
inline Patched& network() {
  static Patched made;
  return made;
}

// The one method that refuses weights of another size at once.
inline nvinfer1::IConstantLayer* add_constant(nvinfer1::INetworkDefinition* to, nvinfer1::Dims const& dims,
                                              Weights weights) {
  settle();
  if (recorded(weights)) weights.count = volume(dims);
  return network().call<nvinfer1::IConstantLayer*, nvinfer1::INetworkDefinition*, nvinfer1::Dims const&, Weights>(
      slot(&nvinfer1::INetworkDefinition::addConstant), to, dims, weights);
}
// Dimensions are right once the weights before them are.
using Dimensions = nvinfer1::Dims (*)(nvinfer1::ITensor const*);
inline Dimensions& dimensions() {
  static Dimensions made = nullptr;
  return made;
}
inline nvinfer1::Dims settled_dimensions(nvinfer1::ITensor const* of) {
  settle();
  return dimensions()(of);
}
// All tensors are of one class, whose table is changed in its place.
inline nvinfer1::ITensor* add_input(nvinfer1::INetworkDefinition* to, char const* name, nvinfer1::DataType type,
                                    nvinfer1::Dims const& dims) {
  using nvinfer1::INetworkDefinition;
  nvinfer1::ITensor* made =
      network().call<nvinfer1::ITensor*, INetworkDefinition*, char const*, nvinfer1::DataType, nvinfer1::Dims const&>(
          slot(&INetworkDefinition::addInput), to, name, type, dims);
  if (!made || dimensions()) return made;
  void** entry = *reinterpret_cast<void***>(made) + slot(&nvinfer1::ITensor::getDimensions);
  const uintptr_t page = 4096, first = reinterpret_cast<uintptr_t>(entry) / page * page;
  if (mprotect(reinterpret_cast<void*>(first), 2 * page, PROT_READ | PROT_WRITE) != 0) return made;
  dimensions() = reinterpret_cast<Dimensions>(*entry);
  *entry = reinterpret_cast<void*>(&settled_dimensions);
  return made;
}
inline nvinfer1::INetworkDefinition* watch(nvinfer1::INetworkDefinition* made) {
  network().take(made);
  network().replace(slot(&nvinfer1::INetworkDefinition::addConstant), reinterpret_cast<void*>(&add_constant));
  network().replace(slot(&nvinfer1::INetworkDefinition::addInput), reinterpret_cast<void*>(&add_input));
  return state().network = made;
}
inline nvinfer1::INetworkDefinition* create_v2(nvinfer1::IBuilder* of, nvinfer1::NetworkDefinitionCreationFlags flags) {
  return watch(builder().call<nvinfer1::INetworkDefinition*>(slot(&nvinfer1::IBuilder::createNetworkV2), of, flags));
}
inline nvinfer1::INetworkDefinition* create(nvinfer1::IBuilder* of) {
  return watch(builder().call<nvinfer1::INetworkDefinition*>(slot(&nvinfer1::IBuilder::createNetwork), of));
}

}  // namespace recorder

template <>
class std::map<std::string, nvinfer1::Weights>
    : public recorder::Recording<std::map<std::string, nvinfer1::Weights, recorder::Less>> {};
template <>
class std::unordered_map<std::string, nvinfer1::Weights>
    : public recorder::Recording<std::unordered_map<std::string, nvinfer1::Weights, recorder::Hash>> {};

extern "C" __attribute__((weak)) void* createInferBuilder_INTERNAL(void* logger, int32_t version) noexcept {
  using namespace recorder;
  using nvinfer1::IBuilder;
  const auto made =
      reinterpret_cast<void* (*)(void*, int32_t)>(dlsym(RTLD_NEXT, "createInferBuilder_INTERNAL"))(logger, version);
  if (!made) return made;
  Patched& patched = builder();
  patched.take(made);
  using Serialize =
      nvinfer1::IHostMemory* (IBuilder::*)(nvinfer1::INetworkDefinition&, nvinfer1::IBuilderConfig&) noexcept;
  patched.replace(slot(&IBuilder::createNetworkV2), reinterpret_cast<void*>(&create_v2));
  patched.replace(slot(&IBuilder::createNetwork), reinterpret_cast<void*>(&create));
  patched.replace(slot(&IBuilder::buildEngineWithConfig), reinterpret_cast<void*>(&write));
  patched.replace(slot<Serialize>(&IBuilder::buildSerializedNetwork), reinterpret_cast<void*>(&write));
  patched.replace(slot(&IBuilder::buildCudaEngine), reinterpret_cast<void*>(&write));
  return made;
}
