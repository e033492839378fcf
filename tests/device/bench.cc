#include "device/bench.h"

#include <cmath>
#include <cstdio>
#include <cstring>

#include "backends/cuda/queue.h"

namespace vivace::cuda {

namespace {

constexpr size_t kGuard = 1024;
constexpr size_t kUnit = 256;

std::string at_index(int64_t i, const Shape& shape) {
  std::string text;
  for (size_t k = shape.size(); k-- > 0;) {
    text = std::to_string(i % shape[k]) + (text.empty() ? "" : ",") + text;
    i /= shape[k];
  }
  return "[" + text + "]";
}

// Adds to `outcome` how far `got` is off.
void compare(const Tensor& got, const Tensor& expected, double tolerance, Outcome& outcome) {
  if (!is_float(got.type())) {
    if (std::memcmp(got.data(), expected.data(), got.bytes()) != 0) outcome.mistakes += "wrong integers; ";
    return;
  }
  const std::vector<double> a = to_double(got), b = to_double(expected);
  double largest = 1e-30;
  for (const double x : b)
    if (std::isfinite(x)) largest = std::max(largest, std::abs(x));
  size_t wrong = 0, first = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    double off = std::abs(a[i] - b[i]) / largest;
    if (a[i] == b[i] || (std::isnan(a[i]) && std::isnan(b[i]))) off = 0;
    if (!std::isfinite(off)) off = INFINITY;
    if (off > tolerance && wrong++ == 0) first = i;
    outcome.error = std::max(outcome.error, off);
  }
  if (wrong == 0) return;
  char text[200];
  std::snprintf(text, sizeof text, "off by %.2g, %zu of %zu wrong, first at %s: %.4g for %.4g; ", outcome.error, wrong,
                a.size(), at_index(static_cast<int64_t>(first), got.shape()).c_str(), a[first], b[first]);
  outcome.mistakes += text;
}

}  // namespace

// One piece of memory: inputs, packed constants, outputs, workspace, the fault word, with guards between them.
struct Bench::Plan {
  explicit Plan(std::byte untouched) : poison(untouched) {}
  std::byte poison;
  std::vector<std::byte> image;
  std::vector<size_t> inputs, packed, outputs;
  size_t workspace = 0, fault = 0;

  size_t place(size_t bytes, bool shifted) {
    const size_t at = (image.size() + kGuard + kUnit - 1) / kUnit * kUnit + (shifted ? 16 : 0);
    image.resize(at + bytes + kGuard, poison);
    return at;
  }
  size_t place(const Tensor& tensor) {
    const size_t at = place(tensor.bytes(), false);
    if (tensor.bytes()) std::memcpy(image.data() + at, tensor.data(), tensor.bytes());
    return at;
  }
};

Result<std::unique_ptr<Bench>> Bench::open(const Device& device) {
  VIVACE_ASSIGN(std::shared_ptr<Gpu> gpu, Gpu::open(device.ordinal));
  std::unique_ptr<Bench> bench(new Bench(std::move(gpu)));
  const Gpu::Scope scope(*bench->gpu_);
  VIVACE_CUDA(bench->gpu_->driver(), cuStreamCreate(&bench->stream_, kStreamNonBlocking));
  return bench;
}

Bench::~Bench() {
  const Gpu::Scope scope(*gpu_);
  if (stream_) (void)gpu_->driver().cuStreamDestroy_v2(stream_);
}

Status Bench::launch(const Job& job, const Plan& plan, const std::vector<std::shared_ptr<Kernel>>& kernels) {
  Queue queue(*gpu_, stream_);
  for (size_t k = 0; k < job.launches.size(); ++k) {
    std::vector<DevicePointer> arguments;
    for (const Argument& a : job.launches[k].arguments) {
      const auto i = static_cast<size_t>(a.index);
      size_t at = 0;
      switch (a.kind) {
        case Argument::Kind::input: at = plan.inputs[i]; break;
        case Argument::Kind::output: at = plan.outputs[i]; break;
        case Argument::Kind::packed: at = plan.packed[i]; break;
        case Argument::Kind::workspace: at = plan.workspace; break;
        case Argument::Kind::fault: at = plan.fault; break;
      }
      arguments.push_back(memory_.device() + at + a.offset);
    }
    VIVACE_TRY(queue.launch(*kernels[k], job.launches[k], std::move(arguments)));
  }
  return {};
}

Result<Outcome> Bench::run(const TestProblem& problem, const std::vector<Tensor>& expected, const Job& job,
                           const std::vector<Tensor>& packed, const std::vector<const std::string*>& images) {
  const Gpu::Scope scope(*gpu_);
  const Driver& d = gpu_->driver();
  std::vector<std::shared_ptr<Kernel>> kernels;
  for (size_t k = 0; k < job.launches.size(); ++k) {
    const Launch& l = job.launches[k];
    VIVACE_ASSIGN(std::shared_ptr<Kernel> kernel, Kernel::load(gpu_, *images[k], l.name, l.shared_bytes, l.cluster));
    kernels.push_back(std::move(kernel));
  }
  Outcome outcome;
  const Problem& p = problem.problem;
  // Untouched memory reads as NaN, and then as large numbers, which a maximum does not swallow.
  for (const std::byte poison : {std::byte{0xff}, std::byte{0x7b}}) {
    Plan plan(poison);
    for (size_t i = 0; i < p.inputs.size(); ++i) {
      const TensorInfo& info = p.inputs[i];
      plan.inputs.push_back(plan.place(info.bytes(), info.channel_block > 0));
      if (!info.present()) continue;
      Layout(info).scatter(problem.inputs[i], plan.image.data() + plan.inputs[i]);
    }
    for (const Tensor& t : packed) plan.packed.push_back(plan.place(t));
    plan.fault = plan.place(Tensor::of<uint32_t>({0}));
    for (const TensorInfo& info : p.outputs) plan.outputs.push_back(plan.place(info.bytes(), info.channel_block > 0));
    plan.workspace = plan.place(job.workspace, false);

    const size_t bytes = plan.image.size();
    if (bytes > memory_.bytes()) {
      memory_ = {};
      VIVACE_ASSIGN(memory_, Memory::allocate(gpu_, Memory::Kind::device, bytes * 2));
    }
    std::vector<std::byte> after(bytes);
    VIVACE_CUDA(d, cuMemcpyHtoDAsync_v2(memory_.device(), plan.image.data(), bytes, stream_));
    VIVACE_TRY(launch(job, plan, kernels));
    VIVACE_CUDA(d, cuMemcpyDtoHAsync_v2(after.data(), memory_.device(), bytes, stream_));
    VIVACE_CUDA(d, cuStreamSynchronize(stream_));

    // What may have changed is taken back, and then nothing may differ.
    for (size_t i = 0; i < p.outputs.size(); ++i) {
      const TensorInfo& info = p.outputs[i];
      if (!info.present()) continue;
      std::byte* memory = after.data() + plan.outputs[i];
      const Layout layout(info);
      VIVACE_ASSIGN(const Tensor got, layout.gather(memory));
      if (!p.node->output(i)->unused()) compare(got, expected[i], problem.tolerance, outcome);
      if (!layout.pads_are_zero(memory)) outcome.mistakes += "lanes past the last channel are not zero; ";
      const size_t unit = byte_size(info.type, 1);
      for (size_t k = 0; k < layout.places(); ++k)
        if (layout.element(k) != Layout::kOther) std::memset(memory + k * unit, static_cast<int>(poison), unit);
    }
    std::memset(after.data() + plan.workspace, static_cast<int>(poison), job.workspace);
    const auto [was, is] = std::mismatch(plan.image.begin(), plan.image.end(), after.begin());
    if (was != plan.image.end()) {
      const auto at = static_cast<size_t>(was - plan.image.begin());
      std::string where = "before the outputs";
      if (at >= plan.fault) where = "at the fault word";
      for (size_t i = 0; i < plan.outputs.size(); ++i)
        if (at + kGuard >= plan.outputs[i])
          where = "at byte " + std::to_string(static_cast<int64_t>(at) - static_cast<int64_t>(plan.outputs[i])) +
                  " of output " + std::to_string(i);
      if (at + kGuard >= plan.workspace)
        where = "at byte " + std::to_string(static_cast<int64_t>(at) - static_cast<int64_t>(plan.workspace)) + " of " +
                std::to_string(job.workspace) + " of the workspace";
      outcome.mistakes += "writes " + where + ", which is not its own; ";
    }
    if (!outcome.mistakes.empty()) break;
  }
  return outcome;
}

}  // namespace vivace::cuda
