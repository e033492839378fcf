#include "builder/cuda_timing.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "backends/cuda/queue.h"
#include "base/threads.h"
#include "builder/timing.h"

namespace vivace::builder {

namespace {

using cuda::Memory;

// Sums in another order; a wrong kernel is off by far more.
constexpr double kLargestError = 1e-3;
constexpr double kMostHostFlops = 2e7;

// The buffers of a problem on the GPU, and a stream with two events.
class Bench {
 public:
  static Result<std::unique_ptr<Bench>> open(std::shared_ptr<cuda::Gpu> gpu, const std::vector<Tensor>& inputs,
                                             const cuda::Problem& problem, size_t workspace) {
    std::unique_ptr<Bench> bench(new Bench(std::move(gpu)));
    const cuda::Driver& d = bench->gpu_->driver();
    for (const Tensor& t : inputs) {
      VIVACE_ASSIGN(const cuda::DevicePointer address, bench->upload(t));
      bench->inputs_.push_back(address);
    }
    for (const cpu::TensorInfo& info : problem.outputs) {
      VIVACE_ASSIGN(Memory memory, Memory::allocate(bench->gpu_, Memory::Kind::device, info.bytes() + 16));
      bench->outputs_.push_back(memory.device());
      bench->memory_.push_back(std::move(memory));
    }
    VIVACE_ASSIGN(bench->workspace_, Memory::allocate(bench->gpu_, Memory::Kind::device, workspace + 16));
    VIVACE_CUDA(d, cuStreamCreate(&bench->stream_, cuda::kStreamNonBlocking));
    VIVACE_CUDA(d, cuEventCreate(&bench->start_, 0));
    VIVACE_CUDA(d, cuEventCreate(&bench->end_, 0));
    return bench;
  }
  ~Bench() {
    const cuda::Driver& d = gpu_->driver();
    if (end_) (void)d.cuEventDestroy_v2(end_);
    if (start_) (void)d.cuEventDestroy_v2(start_);
    if (stream_) (void)d.cuStreamDestroy_v2(stream_);
  }

  Status launch(const CudaOption& option) {
    cuda::Queue queue(*gpu_, stream_);
    return launch(option, queue);
  }
  Status launch(const CudaOption& option, cuda::Queue& queue) {
    for (size_t k = 0; k < option.job.launches.size(); ++k) {
      const cuda::Launch& l = option.job.launches[k];
      std::vector<cuda::DevicePointer> values;
      for (const cuda::Argument& a : l.arguments) {
        const auto i = static_cast<size_t>(a.index);
        cuda::DevicePointer address = workspace_.device();
        if (a.kind == cuda::Argument::Kind::input) address = inputs_[i];
        if (a.kind == cuda::Argument::Kind::output) address = outputs_[i];
        if (a.kind == cuda::Argument::Kind::packed) {
          VIVACE_ASSIGN(address, packed(option.packed[i]));
        }
        values.push_back(address + a.offset);
      }
      VIVACE_TRY(queue.launch(*option.kernels[k], l, std::move(values)));
    }
    return {};
  }

  /// Seconds of one run, of several one after the other.
  Result<double> time(const CudaOption& option, int runs) {
    const cuda::Driver& d = gpu_->driver();
    VIVACE_CUDA(d, cuEventRecord(start_, stream_));
    cuda::Queue queue(*gpu_, stream_);
    for (int i = 0; i < runs; ++i) VIVACE_TRY(launch(option, queue));
    VIVACE_CUDA(d, cuEventRecord(end_, stream_));
    VIVACE_CUDA(d, cuEventSynchronize(end_));
    float milliseconds = 0;
    VIVACE_CUDA(d, cuEventElapsedTime(&milliseconds, start_, end_));
    return static_cast<double>(milliseconds) * 1e-3 / runs;
  }

  Status download(size_t output, Tensor& to) {
    const cuda::Driver& d = gpu_->driver();
    VIVACE_CUDA(d, cuMemcpyDtoHAsync_v2(to.data(), outputs_[output], to.bytes(), stream_));
    VIVACE_CUDA(d, cuStreamSynchronize(stream_));
    return {};
  }

 private:
  explicit Bench(std::shared_ptr<cuda::Gpu> gpu) : gpu_(std::move(gpu)) {}
  Result<cuda::DevicePointer> upload(const Tensor& tensor) {
    VIVACE_ASSIGN(Memory memory, Memory::allocate(gpu_, Memory::Kind::device, tensor.bytes() + 16));
    const cuda::Driver& d = gpu_->driver();
    if (tensor.bytes() > 0)
      VIVACE_CUDA(d, cuMemcpyHtoDAsync_v2(memory.device(), tensor.data(), tensor.bytes(), nullptr));
    VIVACE_CUDA(d, cuStreamSynchronize(nullptr));
    memory_.push_back(std::move(memory));
    return memory_.back().device();
  }
  Result<cuda::DevicePointer> packed(const Tensor& tensor) {
    if (const auto found = packed_.find(tensor.data()); found != packed_.end()) return found->second;
    VIVACE_ASSIGN(packed_[tensor.data()], upload(tensor));
    return packed_[tensor.data()];
  }

  std::shared_ptr<cuda::Gpu> gpu_;
  std::vector<Memory> memory_;
  Memory workspace_;
  std::vector<cuda::DevicePointer> inputs_, outputs_;
  std::map<const void*, cuda::DevicePointer> packed_;
  cuda::StreamHandle* stream_ = nullptr;
  cuda::EventHandle *start_ = nullptr, *end_ = nullptr;
};

// What the CPU makes of the problem.
Result<std::vector<Tensor>> on_host(const cuda::Problem& problem, const std::vector<Tensor>& inputs,
                                    const cpu::Machine& host) {
  std::vector<Tensor> outputs;
  for (const cpu::TensorInfo& info : problem.outputs) {
    VIVACE_ASSIGN(Tensor made, info.present() ? Tensor::allocate(info.type, info.shape) : Result<Tensor>(Tensor()));
    outputs.push_back(std::move(made));
  }
  for (const cpu::Tactic* tactic : cpu::all_tactics()) {
    if (!tactic->runs(problem.node->op) || !tactic->supports(problem, host)) continue;
    const std::string configuration = tactic->configurations ? tactic->configurations(problem, host).front() : "";
    std::vector<Tensor> packed;
    if (tactic->prepare) {
      VIVACE_ASSIGN(packed, tactic->prepare(problem, configuration, host));
    }
    VIVACE_ASSIGN(const cpu::Bound bound, tactic->bind(problem, configuration, packed, host));
    VIVACE_ASSIGN(const Tensor workspace, Tensor::allocate(DType::u8, {static_cast<int64_t>(bound.workspace)}));
    std::vector<void*> pointers;
    for (const Tensor& t : inputs) pointers.push_back(t.valid() ? t.data() : nullptr);
    for (const Tensor& t : outputs) pointers.push_back(t.valid() ? t.data() : nullptr);
    ThreadPool pool(host.threads);
    VIVACE_TRY(bound.run({pointers.data(), pointers.data() + inputs.size(), workspace.data(), pool}));
    return outputs;
  }
  return Status(Code::internal, problem.node->describe() + ": nothing on the CPU can run it");
}

double error_of(const Tensor& got, const Tensor& expected) {
  if (got.bytes() == 0) return 0;
  if (!is_float(got.type()))
    return std::equal(got.as<std::byte>(), got.as<std::byte>() + got.bytes(), expected.as<std::byte>()) ? 0 : 1;
  const std::vector<double> a = to_double(got), b = to_double(expected);
  double worst = 0, largest = 1e-30;
  for (size_t i = 0; i < a.size(); ++i) {
    const double difference = std::abs(a[i] - b[i]);
    if (!(difference < INFINITY) && !(std::isnan(a[i]) && std::isnan(b[i])) && a[i] != b[i]) return INFINITY;
    if (difference < INFINITY) worst = std::max(worst, difference), largest = std::max(largest, std::abs(b[i]));
  }
  return worst / largest;
}

}  // namespace

Status time_on_gpu(const cuda::Problem& problem, std::vector<CudaOption>& options,
                   const std::shared_ptr<cuda::Gpu>& gpu, const cpu::Machine& host, double seconds) {
  VIVACE_ASSIGN(const std::vector<Tensor> inputs, random_inputs(problem));
  size_t workspace = 0;
  for (const CudaOption& option : options) workspace = std::max(workspace, option.job.workspace);
  const cuda::Gpu::Scope scope(*gpu);
  VIVACE_ASSIGN(const std::unique_ptr<Bench> bench, Bench::open(gpu, inputs, problem, workspace));
  const auto run = [&](const CudaOption& option) -> Result<std::vector<Tensor>> {
    VIVACE_TRY(bench->launch(option));
    std::vector<Tensor> outputs(problem.outputs.size());
    for (size_t i = 0; i < outputs.size(); ++i) {
      if (!problem.outputs[i].present() || problem.node->output(i)->unused()) continue;
      VIVACE_ASSIGN(outputs[i], Tensor::allocate(problem.outputs[i].type, problem.outputs[i].shape));
      VIVACE_TRY(bench->download(i, outputs[i]));
    }
    return outputs;
  };
  // What is too much for the CPU is compared with the last, and plainest, option.
  const bool on_cpu = cpu::flops_of(problem) <= kMostHostFlops;
  VIVACE_ASSIGN(const std::vector<Tensor> expected, on_cpu ? on_host(problem, inputs, host) : run(options.back()));
  for (CudaOption& option : options) {
    VIVACE_ASSIGN(const std::vector<Tensor> got, run(option));
    option.candidate.error = 0;
    for (size_t i = 0; i < expected.size(); ++i)
      if (got[i].valid() && expected[i].valid())
        option.candidate.error = std::max(option.candidate.error, error_of(got[i], expected[i]));
    if (!(option.candidate.error <= kLargestError))
      option.candidate.refused = "it is off by " + std::to_string(option.candidate.error) + " of the largest output";
  }
  constexpr int kRounds = 5;
  for (int round = 0; round < kRounds; ++round)
    for (CudaOption& option : options) {
      if (!option.candidate.refused.empty()) continue;
      const double expected_time = option.candidate.seconds > 0 ? option.candidate.seconds : option.candidate.estimate;
      const int runs = std::clamp(static_cast<int>(seconds / kRounds / std::max(expected_time, 1e-6)), 2, 200);
      VIVACE_ASSIGN(const double took, bench->time(option, runs));
      option.candidate.seconds = option.candidate.seconds > 0 ? std::min(option.candidate.seconds, took) : took;
    }
  return {};
}

}  // namespace vivace::builder
