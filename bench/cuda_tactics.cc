// Walks the manifest of the GPU's tactics: checks and times every configuration of every tactic that supports a
// problem, as dependent launches in a CUDA graph, which is what it costs in a network whose weights are in the caches.
//   bench_cuda_tactics [--only TEXT] [--tactic NAME] [--type f16] [--most N] [--problems FILE]
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdio>
#include <fstream>

#include "backends/cpu/shapes.h"
#include "backends/cuda/compiler.h"
#include "backends/cuda/lower.h"
#include "backends/cuda/queue.h"
#include "base/threads.h"
#include "ir/text.h"
#include "ops/operator.h"
#include "passes/precision.h"

namespace {
using namespace vivace;
using namespace vivace::cuda;

struct Settings {
  std::string problems = VIVACE_BENCH_PROBLEMS, type = "f16", device = "cuda";
  std::vector<std::string> only, tactics;
  size_t most = 64, shown = 4;
};

constexpr int kRepeats = 20, kReplays = 20;

void need(const Status& status) {
  if (!status.ok()) throw std::runtime_error(status.message());
}
template <class T>
T need(Result<T> result) {
  need(result.status());
  return *std::move(result);
}

bool wanted(const std::string& name, const std::vector<std::string>& parts) {
  return parts.empty() || std::any_of(parts.begin(), parts.end(),
                                      [&](const std::string& p) { return name.find(p) != std::string::npos; });
}

// Where element i of a row-major tensor lies in the layout.
int64_t place_of(const TensorInfo& info, int64_t i) {
  if (!info.channel_block) return i;
  const int64_t pixels = info.shape[2] * info.shape[3], pixel = i % pixels, c = i / pixels % info.shape[1];
  return (i / pixels / info.shape[1] * pixels + pixel) * info.channel_block + c;
}
Tensor laid_out(const Tensor& plain, const TensorInfo& info) {
  if (!info.channel_block) return plain;
  Tensor made = need(Tensor::allocate(DType::u8, {static_cast<int64_t>(info.bytes())}));
  std::fill_n(made.as<uint8_t>(), made.bytes(), uint8_t{0});
  for (int64_t i = 0; i < plain.count(); ++i) made.as<uint16_t>()[place_of(info, i)] = plain.as<uint16_t>()[i];
  return made;
}

struct Option {
  const Tactic* tactic;
  std::string configuration, wrong;
  Job job;
  std::vector<Tensor> packed;
  std::vector<std::string> code;
  double seconds = 0, error = 0;
};

class Bench {
 public:
  Bench(const Settings& settings, Device device)
      : settings_(settings), device_(std::move(device)), gpu_(need(Gpu::open(device_.ordinal))) {}

  void run(const std::string& name, const std::string& text) {
    const std::unique_ptr<ir::Graph> graph = need(ir::parse("graph " + text));
    need(ops::infer_graph(*graph));
    std::vector<Shape> shapes;
    for (const ir::Value* v : graph->inputs()) shapes.push_back(*v->type.shape());
    const DType type = dtype_from_string(settings_.type);
    if (type != DType::f32) {
      need(passes::lower_precision(*graph, type).status());
      need(lower(*graph, type));
    }
    const ir::Node* node = graph->nodes().front().get();
    for (const ir::Node* n : graph->node_list())
      if (n->op != "Cast" && n->op != "vivace.Reorder") node = n;
    const cpu::ConcreteGraph at = need(cpu::concretize(*graph, shapes));
    const Problem problem = cpu::problem_of(*node, at);
    std::vector<Option> options;
    for (const Tactic* tactic : all_tactics()) {
      if (!tactic->runs(node->op) || !wanted(std::string(tactic->name), settings_.tactics)) continue;
      if (!tactic->supports(problem, device_)) continue;
      std::vector<std::string> all =
          tactic->configurations ? tactic->configurations(problem, device_) : std::vector<std::string>{""};
      if (all.size() > settings_.most) all.resize(settings_.most);
      for (const std::string& configuration : all)
        options.push_back({tactic, configuration, {}, need(tactic->generate(problem, configuration, device_)), {}, {}});
    }
    ThreadPool pool(cpu::this_machine().threads);
    pool.run(static_cast<int64_t>(options.size()), [&](int64_t i, int) {
      Option& o = options[static_cast<size_t>(i)];
      if (o.tactic->prepare) {
        Result<std::vector<Tensor>> packed = o.tactic->prepare(problem, o.configuration, device_);
        if (!packed.ok())
          o.wrong = packed.status().message();
        else
          o.packed = *std::move(packed);
      }
      for (const Launch& launch : o.job.launches) {
        Result<std::string> code = compile(launch.source, launch.name, device_.architecture());
        if (!code.ok())
          o.wrong = code.status().message();
        else
          o.code.push_back(*std::move(code));
      }
    });
    // Inputs, and what the reference makes of them in f32 arithmetic.
    std::vector<Tensor> inputs;
    for (size_t i = 0; i < problem.inputs.size(); ++i) {
      const TensorInfo& info = problem.inputs[i];
      if (!info.present())
        inputs.emplace_back();
      else if (info.constant)
        inputs.push_back(*info.constant);
      else
        inputs.push_back(ir::random_tensor(info.type, info.shape, i + 10));
    }
    const std::vector<double> expected = to_double(need(ops::run_reference(*node, inputs, &pool))[0]);
    const Gpu::Scope scope(*gpu_);
    std::vector<Memory> memory;
    std::vector<DevicePointer> in;
    const auto upload = [&](const Tensor& t) {
      memory.push_back(need(Memory::allocate(gpu_, Memory::Kind::device, t.bytes() + 256)));
      if (t.bytes()) need(copy(memory.back().device(), t));
      return memory.back().device();
    };
    for (size_t i = 0; i < inputs.size(); ++i)
      in.push_back(inputs[i].valid() ? upload(laid_out(inputs[i], problem.inputs[i])) : 0);
    const size_t bytes = problem.outputs[0].bytes();
    const Tensor poison = need(Tensor::allocate(DType::u8, {static_cast<int64_t>(bytes)}));
    std::fill_n(poison.as<uint8_t>(), bytes, uint8_t{0x7f});
    const DevicePointer out = upload(poison);
    std::vector<const Option*> good;
    for (Option& o : options) {
      if (o.wrong.empty())
        if (const Status status = time(o, problem, in, out, poison, expected, upload); !status.ok())
          o.wrong = status.message();
      if (o.wrong.empty())
        good.push_back(&o);
      else
        fmt::print("WRONG {} {} '{}': {}\n", name, o.tactic->name, o.configuration, o.wrong.substr(0, 300));
    }
    std::sort(good.begin(), good.end(), [](const Option* a, const Option* b) { return a->seconds < b->seconds; });
    fmt::print("{} ({} options, {} wrong)\n", name, options.size(), options.size() - good.size());
    for (size_t i = 0; i < good.size() && i < settings_.shown; ++i)
      fmt::print("  {:8.2f} us  est {:6.2f}  err {:.1e}  {} {}\n", good[i]->seconds * 1e6,
                 good[i]->tactic->estimate(problem, good[i]->configuration, device_) * 1e6, good[i]->error,
                 good[i]->tactic->name, good[i]->configuration);
    std::fflush(stdout);
  }

 private:
  Status copy(DevicePointer to, const Tensor& t) {
    VIVACE_CUDA(gpu_->driver(), cuMemcpyHtoDAsync_v2(to, t.data(), t.bytes(), nullptr));
    VIVACE_CUDA(gpu_->driver(), cuStreamSynchronize(nullptr));
    return {};
  }

  template <class Upload>
  Status time(Option& o, const Problem& problem, const std::vector<DevicePointer>& in, DevicePointer out,
              const Tensor& poison, const std::vector<double>& expected, const Upload& upload) {
    const Driver& d = gpu_->driver();
    std::vector<std::shared_ptr<Kernel>> kernels;
    std::vector<std::vector<DevicePointer>> arguments;
    std::vector<DevicePointer> packed;
    for (const Tensor& t : o.packed) packed.push_back(upload(t));
    VIVACE_ASSIGN(const Memory workspace, Memory::allocate(gpu_, Memory::Kind::device, o.job.workspace + 256));
    for (size_t k = 0; k < o.job.launches.size(); ++k) {
      const Launch& l = o.job.launches[k];
      VIVACE_ASSIGN(std::shared_ptr<Kernel> kernel, Kernel::load(gpu_, o.code[k], l.name, l.shared_bytes, l.cluster));
      kernels.push_back(std::move(kernel));
      std::vector<DevicePointer>& values = arguments.emplace_back();
      for (const Argument& a : l.arguments) {
        DevicePointer address = workspace.device();
        if (a.kind == Argument::Kind::input) address = in[static_cast<size_t>(a.index)];
        if (a.kind == Argument::Kind::output) address = out;
        if (a.kind == Argument::Kind::packed) address = packed[static_cast<size_t>(a.index)];
        values.push_back(address + a.offset);
      }
    }
    VIVACE_TRY(copy(out, poison));
    StreamHandle* stream = nullptr;
    VIVACE_CUDA(d, cuStreamCreate(&stream, kStreamNonBlocking));
    Queue queue(*gpu_, stream);
    const auto once = [&]() -> Status {
      for (size_t k = 0; k < kernels.size(); ++k)
        VIVACE_TRY(queue.launch(*kernels[k], o.job.launches[k], arguments[k]));
      return {};
    };
    VIVACE_TRY(once());
    VIVACE_TRY(queue.wait());
    const Tensor got = need(Tensor::allocate(DType::u8, poison.shape()));
    VIVACE_TRY(queue.to_host(got.data(), out, got.bytes()));
    VIVACE_TRY(queue.wait());
    const TensorInfo& info = problem.outputs[0];
    const Tensor plain = need(Tensor::allocate(info.type, info.shape));
    const size_t size = byte_size(info.type, 1);
    for (int64_t i = 0; i < plain.count(); ++i)
      std::copy_n(got.as<uint8_t>() + static_cast<size_t>(place_of(info, i)) * size, size,
                  plain.as<uint8_t>() + static_cast<size_t>(i) * size);
    const std::vector<double> values = to_double(plain);
    double worst = 0, largest = 1e-30;
    for (size_t i = 0; i < values.size(); ++i) {
      const double difference = std::abs(values[i] - expected[i]);
      worst = difference <= worst ? worst : std::isnan(difference) ? INFINITY : difference;
      largest = std::max(largest, std::abs(expected[i]));
    }
    o.error = worst / largest;
    if (!(o.error < (info.type == DType::bf16 ? 2e-2 : info.type == DType::f16 ? 3e-3 : 1e-4)))
      return {Code::internal, fmt::format("off by {:.2e} of the largest", o.error)};
    VIVACE_CUDA(d, cuStreamBeginCapture_v2(stream, kCaptureRelaxed));
    for (int i = 0; i < kRepeats; ++i) VIVACE_TRY(once());
    GraphHandle* graph = nullptr;
    VIVACE_CUDA(d, cuStreamEndCapture(stream, &graph));
    GraphExecHandle* exec = nullptr;
    VIVACE_CUDA(d, cuGraphInstantiateWithFlags(&exec, graph, 0));
    EventHandle *start = nullptr, *end = nullptr;
    VIVACE_CUDA(d, cuEventCreate(&start, 0));
    VIVACE_CUDA(d, cuEventCreate(&end, 0));
    VIVACE_CUDA(d, cuGraphLaunch(exec, stream));
    for (int round = 0; round < 3; ++round) {
      VIVACE_CUDA(d, cuEventRecord(start, stream));
      for (int i = 0; i < kReplays; ++i) VIVACE_CUDA(d, cuGraphLaunch(exec, stream));
      VIVACE_CUDA(d, cuEventRecord(end, stream));
      VIVACE_CUDA(d, cuEventSynchronize(end));
      float milliseconds = 0;
      VIVACE_CUDA(d, cuEventElapsedTime(&milliseconds, start, end));
      const double took = milliseconds * 1e-3 / (kReplays * kRepeats);
      o.seconds = round ? std::min(o.seconds, took) : took;
    }
    (void)d.cuEventDestroy_v2(start);
    (void)d.cuEventDestroy_v2(end);
    (void)d.cuGraphExecDestroy(exec);
    (void)d.cuGraphDestroy(graph);
    (void)d.cuStreamDestroy_v2(stream);
    return {};
  }

  const Settings& settings_;
  Device device_;
  std::shared_ptr<Gpu> gpu_;
};

}  // namespace

int main(int argc, char** argv) try {
  Settings settings;
  CLI::App app("Checks and times every tactic of the GPU on a table of problems.", "bench_cuda_tactics");
  app.add_option("--problems", settings.problems, "File of problems")->check(CLI::ExistingFile);
  app.add_option("--only", settings.only, "Problems whose name has this in it");
  app.add_option("--tactic", settings.tactics, "Tactics whose name has this in it");
  app.add_option("--type", settings.type, "What to lower to")->check(CLI::IsMember({"f32", "f16", "bf16"}));
  app.add_option("--most", settings.most, "Configurations of a tactic, by its own order");
  app.add_option("--shown", settings.shown, "Options to show of each problem, fastest first");
  app.add_option("--device", settings.device, "Which GPU");
  CLI11_PARSE(app, argc, argv);
  Bench bench(settings, need(find_device(settings.device)));
  std::ifstream file(settings.problems);
  for (std::string line; std::getline(file, line);) {
    const size_t colon = line.find(": ");
    if (line.empty() || line[0] == '#' || colon == std::string::npos) continue;
    const std::string name = line.substr(0, colon);
    if (wanted(name, settings.only)) bench.run(name, line.substr(colon + 2));
  }
  return 0;
} catch (const std::exception& e) {
  std::fprintf(stderr, "bench_cuda_tactics: %s\n", e.what());
  return 1;
}
