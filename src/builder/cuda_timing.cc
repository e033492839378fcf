#include "builder/cuda_timing.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>

#include "backends/cuda/layout.h"
#include "ops/extension.h"

namespace vivace::builder {

namespace {

using cuda::Memory;

// Operations of the reference that take some tenths of a second.
constexpr double kMostHostFlops = 3e8;
// Where a problem's tensors are larger, kernels are compared with each other, at some places of their memory.
constexpr size_t kMostHostBytes = 64 << 20, kMostPlaces = 1 << 20;
// What takes so many times as long as the best is timed once.
constexpr double kMostWorse = 4;
constexpr int kMostRepeats = 20;
constexpr size_t kMostCopies = 20;

// Sums in another order, results and weights of products rounded to the type; a wrong kernel is off by far more.
double largest_error(DType type) { return type == DType::bf16 ? 4e-2 : type == DType::f16 ? 6e-3 : 1e-3; }

bool is_small(DType type) { return is_float(type) && bits_of(type) == 16; }

// Few random numbers over and over: the time must not depend on them, and making millions would take longer than all
// else. Integers are zeros, valid as indices wherever anything is.
Result<Tensor> random_tensor(DType type, const Shape& shape) {
  VIVACE_ASSIGN(Tensor made, Tensor::allocate(type, shape));
  constexpr size_t kDistinct = 8191;
  visit_dtype<float, Float16, BFloat16, double>(type, [&]<class T>() {
    std::vector<T> values(kDistinct);
    uint32_t state = 1;
    for (T& value : values) {
      state = state * 1664525u + 1013904223u;
      value = static_cast<T>(static_cast<float>(state >> 8) * 0x1p-23f - 1.0f);
    }
    for (size_t i = 0; i < static_cast<size_t>(made.count()); ++i) made.as<T>()[i] = values[i % kDistinct];
  });
  return made;
}

Tensor widened(const Tensor& from) {
  if (!from.valid() || !is_small(from.type())) return from;
  const std::vector<double> x = to_double(from);
  return Tensor::of<float>(std::vector<float>(x.begin(), x.end())).reshaped(from.shape());
}

// The problem's buffers on the GPU.
class Bench {
 public:
  Bench(const cuda::Problem& problem, const GpuClock& clock) : problem_(problem), clock_(clock) {}

  Status open(const std::vector<CudaOption>& options) {
    for (const cpu::TensorInfo& info : problem_.inputs) {
      inputs_.emplace_back();
      arguments_.inputs.push_back(0);
      if (!info.present()) continue;
      VIVACE_ASSIGN(Memory memory, filled(info));
      arguments_.inputs.back() = memory.device();
      memory_.push_back(std::move(memory));
    }
    size_t workspace = sizeof(uint32_t);
    for (const CudaOption& option : options) workspace = std::max(workspace, option.job.workspace);
    for (const cpu::TensorInfo& info : problem_.outputs) {
      VIVACE_ASSIGN(Memory memory, allocate(info.bytes()));
      arguments_.outputs.push_back(memory.device());
      outputs_.push_back(std::move(memory));
    }
    VIVACE_ASSIGN(workspace_, allocate(workspace));
    VIVACE_ASSIGN(fault_, allocate(sizeof(uint32_t)));
    arguments_.workspace = workspace_.device();
    arguments_.fault = fault_.device();
    return {};
  }

  const std::vector<Tensor>& inputs() const { return inputs_; }
  /// The reference's work on it is little.
  bool on_host() const { return on_host_; }

  /// The outputs of one run: row-major, or where the host is not to work on them, some of their elements. Before it
  /// there is NaN wherever something is to be written.
  Result<std::vector<Tensor>> run(const CudaOption& option, std::string& mistake) {
    const cuda::Driver& d = clock_.gpu()->driver();
    VIVACE_TRY(poison(workspace_));
    VIVACE_CUDA(d, cuMemsetD8Async(fault_.device(), 0, fault_.bytes(), clock_.stream()));
    for (const Memory& memory : outputs_) VIVACE_TRY(poison(memory));
    VIVACE_ASSIGN(const CudaArguments arguments, arguments_of(option, 0));
    cuda::Queue queue(*clock_.gpu(), clock_.stream());
    VIVACE_TRY(launch(option, arguments, queue));
    std::vector<Tensor> outputs(problem_.outputs.size());
    for (size_t i = 0; i < outputs.size(); ++i) {
      const cpu::TensorInfo& info = problem_.outputs[i];
      if (!info.present() || problem_.node->output(i)->unused()) continue;
      VIVACE_ASSIGN(const Tensor raw, Tensor::allocate(DType::u8, {static_cast<int64_t>(info.bytes())}));
      VIVACE_TRY(queue.to_host(raw.data(), outputs_[i].device(), raw.bytes()));
      VIVACE_TRY(queue.wait());
      const cuda::Layout layout(info);
      if (!on_host_) {
        VIVACE_ASSIGN(outputs[i], some_of(layout, info.type, raw));
        continue;
      }
      VIVACE_ASSIGN(outputs[i], layout.gather(raw.as<std::byte>()));
      if (!layout.pads_are_zero(raw.as<std::byte>()))
        mistake = "it leaves lanes past the last channel that are not zero";
    }
    return outputs;
  }

  /// `repeats` dependent runs, ready to be replayed.
  Result<Recording> record(const CudaOption& option, int repeats) {
    std::vector<CudaArguments> all;  // before the recording: it makes copies
    for (int i = 0; i < repeats; ++i) {
      VIVACE_ASSIGN(CudaArguments arguments, arguments_of(option, i));
      all.push_back(std::move(arguments));
    }
    return clock_.record([&](cuda::Queue& queue) -> Status {
      for (const CudaArguments& arguments : all) VIVACE_TRY(launch(option, arguments, queue));
      return {};
    });
  }

 private:
  Result<Memory> filled(const cpu::TensorInfo& info) {
    const auto bytes = static_cast<int64_t>(info.bytes());
    const bool no_pads = !info.channel_block || info.channel_block == info.shape[1];
    if (!on_host_ && !info.constant && no_pads && is_small(info.type)) {
      // In any order, for nobody else computes with it.
      VIVACE_ASSIGN(const Tensor raw, random_tensor(info.type, {bytes / 2}));
      return upload(clock_.gpu(), raw);
    }
    VIVACE_ASSIGN(inputs_.back(), info.constant ? *info.constant : random_tensor(info.type, info.shape));
    VIVACE_ASSIGN(const Tensor laid_out, Tensor::allocate(DType::u8, {bytes}));
    cuda::Layout(info).scatter(inputs_.back(), laid_out.as<std::byte>());
    return upload(clock_.gpu(), laid_out);
  }
  // Elements all over the memory, the last one among them; zero where they belong to somebody else.
  static Result<Tensor> some_of(const cuda::Layout& layout, DType type, const Tensor& raw) {
    const size_t unit = byte_size(type, 1), places = layout.places();
    const size_t step = places / kMostPlaces + 1 + places / kMostPlaces % 2, count = (places + step - 1) / step;
    VIVACE_ASSIGN(Tensor made, Tensor::allocate(type, {static_cast<int64_t>(count)}));
    for (size_t k = 0; k < count; ++k) {
      const size_t place = places - 1 - k * step;
      if (layout.element(place) == cuda::Layout::kOther)
        std::memset(made.as<std::byte>() + k * unit, 0, unit);
      else
        std::memcpy(made.as<std::byte>() + k * unit, raw.as<std::byte>() + place * unit, unit);
    }
    return made;
  }
  static size_t bytes_of(const cuda::Problem& problem) {
    size_t bytes = 0;
    for (const auto* tensors : {&problem.inputs, &problem.outputs})
      for (const cpu::TensorInfo& info : *tensors) bytes += info.present() ? info.bytes() : 0;
    return bytes;
  }

  // A little more: a kernel may read whole vectors.
  Result<Memory> allocate(size_t bytes) { return Memory::allocate(clock_.gpu(), Memory::Kind::device, bytes + 16); }
  Status poison(const Memory& memory) {
    VIVACE_CUDA(clock_.gpu()->driver(), cuMemsetD8Async(memory.device(), 0xff, memory.bytes(), clock_.stream()));
    return {};
  }
  // Constants have copies where the clock flushes the cache.
  Result<CudaArguments> arguments_of(const CudaOption& option, int run) {
    CudaArguments arguments = arguments_;
    for (size_t i = 0; i < problem_.inputs.size(); ++i)
      if (const Tensor* constant = problem_.inputs[i].constant) {
        VIVACE_ASSIGN(arguments.inputs[i], copy(*constant, run));
      }
    for (const Tensor& tensor : option.packed) {
      VIVACE_ASSIGN(const cuda::DevicePointer address, copy(tensor, run));
      arguments.packed.push_back(address);
    }
    return arguments;
  }
  Result<cuda::DevicePointer> copy(const Tensor& tensor, int run) {
    // As many as the flushed memory, which is larger than the cache, has room for.
    const size_t most = std::clamp<size_t>(clock_.flushed() / std::max<size_t>(tensor.bytes(), 1) + 1, 1, kMostCopies);
    std::vector<Memory>& copies = copies_[tensor.data()];
    const size_t wanted = clock_.flushed() ? static_cast<size_t>(run) % most : 0;
    while (copies.size() <= wanted) {
      VIVACE_ASSIGN(Memory memory, upload(clock_.gpu(), tensor));
      copies.push_back(std::move(memory));
    }
    return copies[wanted].device();
  }

  const cuda::Problem& problem_;
  const GpuClock& clock_;
  const bool on_host_ = cpu::flops_of(problem_) <= kMostHostFlops && bytes_of(problem_) <= kMostHostBytes;
  std::vector<Tensor> inputs_;
  std::vector<Memory> memory_, outputs_;
  std::map<const void*, std::vector<Memory>> copies_;
  Memory workspace_, fault_;
  CudaArguments arguments_;
};

// max |difference| / max |expected|; 1 for integers that are not equal.
double error_of(const Tensor& got, const Tensor& expected) {
  if (got.bytes() == 0) return 0;
  if (!is_float(got.type()))
    return std::equal(got.as<std::byte>(), got.as<std::byte>() + got.bytes(), expected.as<std::byte>()) ? 0 : 1;
  const std::vector<double> a = to_double(got), b = to_double(expected);
  double worst = 0, largest = 1e-30;
  const double most = got.type() == DType::f16 ? 65504 : INFINITY;
  for (size_t i = 0; i < a.size(); ++i) {
    if (std::abs(b[i]) > most && std::abs(a[i]) >= most && std::signbit(a[i]) == std::signbit(b[i])) continue;
    if (a[i] == b[i] || (std::isnan(a[i]) && std::isnan(b[i]))) continue;
    const double difference = std::abs(a[i] - b[i]);
    if (!(difference < INFINITY)) return INFINITY;
    worst = std::max(worst, difference);
  }
  for (const double x : b)
    if (std::abs(x) <= most && std::isfinite(x)) largest = std::max(largest, std::abs(x));
  return worst / largest;
}

Status check(const cuda::Problem& problem, std::vector<CudaOption>& options, Bench& bench, ThreadPool& pool) {
  if (ops::find_extension(problem.node->op)) return {};  // the one way there is
  std::vector<Tensor> expected;
  if (bench.on_host()) {
    std::vector<Tensor> arguments;
    for (const Tensor& t : bench.inputs()) arguments.push_back(widened(t));
    VIVACE_ASSIGN(expected, ops::run_reference(*problem.node, arguments, &pool));
  } else {
    // The manifest's last of ours is the plainest.
    const auto place = [](const CudaOption& o) -> std::ptrdiff_t {
      if (!o.tactic->library.empty()) return -1;
      const auto all = cuda::all_tactics();
      return std::find(all.begin(), all.end(), o.tactic) - all.begin();
    };
    const auto plainest = std::max_element(
        options.begin(), options.end(), [&](const CudaOption& a, const CudaOption& b) { return place(a) < place(b); });
    std::string mistake;
    VIVACE_ASSIGN(expected, bench.run(*plainest, mistake));
  }
  for (CudaOption& option : options) {
    std::string& refused = option.candidate.refused;
    Result<std::vector<Tensor>> got = bench.run(option, refused);
    if (!got.ok() && !option.tactic->library.empty()) {  // which may refuse what it offered
      refused = got.status().message();
      continue;
    }
    if (!got.ok()) return got.status().within("tactic '" + option.candidate.tactic + "' " + option.configuration);
    option.candidate.error = 0;
    // Products whose operands are rounded to 11 bits, as those of f16 are.
    double allowed = problem.attributes().has("tf32") ? largest_error(DType::f16) : largest_error(DType::f32);
    for (size_t i = 0; i < expected.size() && i < got->size(); ++i) {
      if (!(*got)[i].valid() || !expected[i].valid()) continue;
      allowed = std::max(allowed, largest_error((*got)[i].type()));
      option.candidate.error = std::max(option.candidate.error, error_of((*got)[i], expected[i]));
    }
    if (!(option.candidate.error <= allowed))
      refused = "it is off by " + std::to_string(option.candidate.error) + " of the largest output";
  }
  return {};
}

}  // namespace

Status launch(const CudaOption& option, const CudaArguments& arguments, cuda::Queue& queue) {
  using Kind = cuda::Argument::Kind;
  for (size_t k = 0; k < option.job.launches.size(); ++k) {
    const cuda::Launch& l = option.job.launches[k];
    std::vector<cuda::DevicePointer> values;
    for (const cuda::Argument& a : l.arguments) {
      const auto i = static_cast<size_t>(a.index);
      cuda::DevicePointer address = arguments.workspace;
      if (a.kind == Kind::fault) address = arguments.fault;
      if (a.kind == Kind::input) address = arguments.inputs[i];
      if (a.kind == Kind::output) address = arguments.outputs[i];
      if (a.kind == Kind::packed) address = arguments.packed[i];
      values.push_back(address + a.offset);
    }
    VIVACE_TRY(queue.launch(*option.kernels[k], l, std::move(values)));
  }
  return {};
}

Result<Memory> upload(const std::shared_ptr<cuda::Gpu>& gpu, const Tensor& tensor) {
  VIVACE_ASSIGN(Memory memory, Memory::allocate(gpu, Memory::Kind::device, tensor.bytes() + 16));
  const cuda::Driver& d = gpu->driver();
  if (tensor.bytes() > 0) VIVACE_CUDA(d, cuMemcpyHtoDAsync_v2(memory.device(), tensor.data(), tensor.bytes(), nullptr));
  VIVACE_CUDA(d, cuStreamSynchronize(nullptr));
  return memory;
}

Status time_on_gpu(const cuda::Problem& problem, std::vector<CudaOption>& options, const GpuClock& clock,
                   ThreadPool& pool, double seconds) {
  const cuda::Gpu::Scope scope(*clock.gpu());
  Bench bench(problem, clock);
  VIVACE_TRY(bench.open(options));
  VIVACE_TRY(check(problem, options, bench, pool));
  constexpr int kRounds = 5;
  constexpr double kGraph = 1e-3;  // seconds that the runs in one graph take at most, some at least
  std::vector<Recording> recordings(options.size());
  std::vector<int> repeats(options.size()), replays(options.size());
  double best = INFINITY;
  for (size_t i = 0; i < options.size(); ++i) {
    if (!options[i].candidate.refused.empty()) continue;
    repeats[i] = std::clamp(static_cast<int>(kGraph / std::max(options[i].candidate.estimate, 1e-7)), 3, kMostRepeats);
    Result<Recording> recording = bench.record(options[i], repeats[i]);
    if (!recording.ok() && !options[i].tactic->library.empty()) {
      options[i].candidate.refused = recording.status().message();
      continue;
    }
    VIVACE_ASSIGN(recordings[i], std::move(recording));
    VIVACE_ASSIGN(const double once, clock.time(recordings[i], 1));
    replays[i] = std::clamp(static_cast<int>(seconds / kRounds / std::max(once, 1e-6)), 1, 50);
    options[i].candidate.seconds = once / repeats[i];
    best = std::min(best, options[i].candidate.seconds);
  }
  for (size_t i = 0; i < options.size(); ++i)
    if (options[i].candidate.seconds > kMostWorse * best) recordings[i] = {};
  for (int round = 0; round < kRounds; ++round)
    for (size_t i = 0; i < options.size(); ++i) {
      Candidate& candidate = options[i].candidate;
      if (!recordings[i].exec()) continue;
      VIVACE_ASSIGN(const double all, clock.time(recordings[i], replays[i]));
      const double took = all / repeats[i];
      candidate.seconds = candidate.seconds > 0 ? std::min(candidate.seconds, took) : took;
    }
  return {};
}

}  // namespace vivace::builder
