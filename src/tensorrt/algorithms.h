// What an algorithm selector sees: each layer of an engine with the tactics that can run it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "NvInfer.h"
#include "builder/builder.h"

namespace vivace::tensorrt {

class AlgorithmContext;

class Algorithms {
 public:
  /// Of the layers that some tactic was chosen for.
  static Result<Algorithms> of(const builder::BuildResult& built);
  Algorithms(Algorithms&&) noexcept;
  Algorithms& operator=(Algorithms&&) noexcept;
  ~Algorithms();

  /// Asks the selector about each layer. @return BuildConfig::forced_tactics for those where it wants another tactic
  /// than the one chosen; invalid_argument where it selects nonsense, or none and that is `rejected`
  Result<std::vector<std::string>> ask(nvinfer1::IAlgorithmSelector& selector, bool reject_empty) const;
  void report_to(nvinfer1::IAlgorithmSelector& selector) const;

 private:
  Algorithms();
  std::vector<std::unique_ptr<AlgorithmContext>> layers_;
};

}  // namespace vivace::tensorrt
