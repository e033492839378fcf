// Runs a row's kernels on buffers between guards, and looks at every byte afterwards.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "backends/cuda/driver.h"
#include "device/variants.h"

namespace vivace::cuda {

/// How far a result is off, or what else is wrong with it.
struct Outcome {
  double error = 0;      // max |difference| / max |expected|
  std::string mistakes;  // empty: none
};

class Bench {
 public:
  static Result<std::unique_ptr<Bench>> open(const Device& device);
  ~Bench();
  /// `images`: machine code of each of the job's kernels. An error of the driver leaves the GPU unusable to this
  /// process; anything else is told in the outcome.
  Result<Outcome> run(const TestProblem& problem, const std::vector<Tensor>& expected, const Job& job,
                      const std::vector<Tensor>& packed, const std::vector<const std::string*>& images);

 private:
  struct Plan;
  explicit Bench(std::shared_ptr<Gpu> gpu) : gpu_(std::move(gpu)) {}
  Status launch(const Job& job, const Plan& plan, const std::vector<std::shared_ptr<Kernel>>& kernels);

  std::shared_ptr<Gpu> gpu_;
  StreamHandle* stream_ = nullptr;
  Memory memory_;
};

}  // namespace vivace::cuda
