#include "backends/cuda/rows/rows.h"

#include <algorithm>

namespace vivace::cuda {

bool all_f32(const Problem& p) {
  const auto is_f32 = [](const TensorInfo& t) { return !t.present() || (t.type == DType::f32 && !t.channel_block); };
  return std::all_of(p.inputs.begin(), p.inputs.end(), is_f32) &&
         std::all_of(p.outputs.begin(), p.outputs.end(), is_f32);
}

namespace {

// Whether the activation leaves nothing that is too large for f16.
bool stays_in_f16(const cpu::Epilogue& e) {
  if (e.residual_last) return false;
  switch (e.activation) {
    case cpu::Activation::clip: return e.alpha >= -65504 && e.beta <= 65504;
    case cpu::Activation::sigmoid:
    case cpu::Activation::hard_sigmoid:
    case cpu::Activation::tanh: return true;
    default: return false;
  }
}

}  // namespace

std::string finish_function(const ir::Attributes& attributes, DType made) {
  const cpu::Epilogue epilogue = cpu::epilogue_of(attributes);
  const std::string alpha = literal(epilogue.alpha), beta = literal(epilogue.beta);
  std::string activated;
  switch (epilogue.activation) {
    case cpu::Activation::none: activated = "x"; break;
    case cpu::Activation::relu: activated = "fmaxf(x, 0.0f)"; break;
    case cpu::Activation::clip: activated = "fminf(fmaxf(x, " + alpha + "), " + beta + ")"; break;
    case cpu::Activation::leaky_relu: activated = "x < 0 ? " + alpha + " * x : x"; break;
    case cpu::Activation::hard_sigmoid: activated = "fminf(fmaxf(" + alpha + " * x + " + beta + ", 0.0f), 1.0f)"; break;
    case cpu::Activation::hard_swish: activated = "x * fminf(fmaxf(x / 6 + 0.5f, 0.0f), 1.0f)"; break;
    case cpu::Activation::sigmoid: activated = "1 / (1 + expf(-x))"; break;
    case cpu::Activation::silu: activated = "x / (1 + expf(-x))"; break;
    case cpu::Activation::tanh: activated = "tanhf(x)"; break;
    case cpu::Activation::gelu: activated = "0.5f * x * (1 + erff(x * 0.70710678f))"; break;
    case cpu::Activation::gelu_tanh:
      activated = "0.5f * x * (1 + tanhf(0.79788456f * (x + 0.044715f * x * x * x)))";
      break;
  }
  // NaN stays NaN where fmaxf would drop it.
  if (epilogue.activation == cpu::Activation::relu || epilogue.activation == cpu::Activation::clip)
    activated = "x != x ? x : " + activated;
  std::string finished = epilogue.residual_last ? "activate(sum + bias) + residual" : "activate(sum + bias + residual)";
  std::string functions = "__device__ __forceinline__ float activate(float x) { return " + activated + "; }\n";
  if (made == DType::f16 && !stays_in_f16(epilogue)) {
    functions +=
        "__device__ __forceinline__ float saturate(float x) { return x != x ? x : fminf(fmaxf(x, -65504.0f), "
        "65504.0f); "
        "}\n";
    finished = "saturate(" + finished + ")";
  }
  return functions + "__device__ __forceinline__ float finish(float sum, float bias, float residual) { return " +
         finished + "; }\n";
}

unsigned tiles(int64_t size, int64_t tile) { return static_cast<unsigned>((size + tile - 1) / tile); }

Job job_of_one(Launch launch) {
  Job job;
  job.launches.push_back(std::move(launch));
  return job;
}

unsigned blocks_for(int64_t count, unsigned block) { return std::max(1U, tiles(count, block)); }

Launch launch_of(const char* name, std::string source, int64_t threads, std::vector<Argument> arguments) {
  Launch launch;
  launch.name = name;
  launch.source = std::move(source);
  launch.waits = true;
  launch.grid[0] = blocks_for(threads, launch.block);
  launch.arguments = std::move(arguments);
  return launch;
}

}  // namespace vivace::cuda
