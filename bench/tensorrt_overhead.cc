// What TensorRT's interface costs over the native one: the same small plan run by runtime::Context::run, by executeV2
// and by enqueueV3, in turns.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <memory>
#include <vector>

#include "NvInfer.h"
#include "builder/builder.h"
#include "ir/text.h"
#include "runtime/engine.h"

namespace {

using namespace vivace;

constexpr const char* kGraph = R"(graph (%x: f32[1,16], %z: f32[1,16]) {
  %a = Add(%x, %z)
  %y = Relu(%a)
  return %y
})";

class Logger : public nvinfer1::ILogger {
  void log(Severity severity, char const* text) noexcept override {
    if (severity <= Severity::kWARNING) std::fprintf(stderr, "%s\n", text);
  }
};

constexpr int kRuns = 2000, kRounds = 200;

// Nanoseconds of one run, the mean of kRuns.
double time(const std::function<bool()>& run) {
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < kRuns; ++i)
    if (!run()) return -1;
  return std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - start).count() / kRuns;
}

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
  return values[values.size() / 2];
}

int measure() {
  auto graph = ir::parse(kGraph);
  if (!graph.ok()) return 1;
  builder::BuildConfig config;
  config.threads = 1;
  config.effort = 0;
  auto built = builder::build(*std::move(graph), config);
  if (!built.ok()) return 1;
  const auto bytes = plan::to_bytes(built->plan);
  const auto native = runtime::Engine::load(std::move(built->plan));
  if (!bytes.ok() || !native.ok()) return 1;
  const auto context = (*native)->create_context();
  if (!context.ok()) return 1;

  Logger logger;
  const std::unique_ptr<nvinfer1::IRuntime> runtime(nvinfer1::createInferRuntime(logger));
  const std::unique_ptr<nvinfer1::ICudaEngine> engine(runtime->deserializeCudaEngine(bytes->data(), bytes->size()));
  if (!engine) return 1;
  const std::unique_ptr<nvinfer1::IExecutionContext> face(engine->createExecutionContext());

  const Tensor x = ir::random_tensor(DType::f32, {1, 16}, 1), z = ir::random_tensor(DType::f32, {1, 16}, 2);
  std::vector<Tensor> outputs = {ir::random_tensor(DType::f32, {1, 16}, 3)};
  const std::vector<TensorView> inputs = {x.view(), z.view()};
  void* bindings[] = {x.data(), z.data(), outputs[0].data()};
  const char* names[] = {"x", "z", "y"};

  const std::function<bool()> runs[] = {
      [&] { return (*context)->run(inputs, outputs).ok(); },
      [&] { return face->executeV2(bindings); },
      [&] {
        for (int i = 0; i < 3; ++i)
          if (!face->setTensorAddress(names[i], bindings[i])) return false;
        return face->enqueueV3(nullptr);
      },
  };
  std::vector<double> times[3];
  for (int round = 0; round < kRounds; ++round)
    for (int i = 0; i < 3; ++i) times[i].push_back(time(runs[i]));
  const double base = median(times[0]);
  std::printf("runtime::Context::run               %7.0f ns\n", base);
  std::printf("executeV2                           %7.0f ns  (%+.0f ns)\n", median(times[1]), median(times[1]) - base);
  std::printf("3 x setTensorAddress + enqueueV3    %7.0f ns  (%+.0f ns)\n", median(times[2]), median(times[2]) - base);
  return base < 0;
}

}  // namespace

int main() { return measure(); }
