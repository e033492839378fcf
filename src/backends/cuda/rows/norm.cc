// Softmax, normalizations in f32: one block for each set of elements that are summed together.
#include "backends/cuda/rows/rows.h"

namespace vivace::cuda {

namespace {

Verdict first_output_only(const Problem& p, size_t inputs) {
  if (p.outputs[0].type != DType::f32) return no("f32 only");
  for (size_t i = 0; i < inputs && i < p.inputs.size(); ++i)
    if (p.has(i) && p.inputs[i].type != DType::f32) return no("f32 only");
  for (size_t i = 1; i < p.outputs.size(); ++i)
    if (p.outputs[i].present() && !p.node->output(i)->unused()) return no("more than the first output is asked for");
  if (elements(p.inputs[0].shape) > INT32_MAX) return no("more than 2^31 elements");
  return yes();
}

// A sum or maximum over the block, known to all its threads.
constexpr const char* kBlock = R"(
template <class F>
__device__ __forceinline__ float over_block(float v, F f) {
  __shared__ float partial[32];
  for (int step = 16; step > 0; step /= 2) v = f(v, __shfl_xor_sync(0xffffffffu, v, step));
  __syncthreads();
  if (threadIdx.x % 32 == 0) partial[threadIdx.x / 32] = v;
  __syncthreads();
  v = partial[0];
  for (int i = 1; i < kThreads / 32; ++i) v = f(v, partial[i]);
  return v;
}
__device__ __forceinline__ float plus(float a, float b) { return a + b; }
__device__ __forceinline__ float larger(float a, float b) { return a != a ? a : b != b ? b : fmaxf(a, b); }
__device__ __forceinline__ float smaller(float a, float b) { return a != a ? a : b != b ? b : fminf(a, b); }
__device__ __forceinline__ float times(float a, float b) { return a * b; }
)";

// Elements k of set s lie at s / kInner * kSize * kInner + k * kInner + s % kInner.
constexpr const char* kSet = R"(
__device__ __forceinline__ long long start_of(int set) {
  return (long long)(set / kInner) * kSize * kInner + set % kInner;
}
)";

struct Sets {
  int64_t sets, size, inner;
};

Job one_kernel(const char* name, Source& source, const Sets& sets, const char* text, std::vector<Argument> arguments) {
  Launch launch;
  launch.name = name;
  launch.block = sets.size > 2048 ? 512 : sets.size > 256 ? 256 : sets.size > 64 ? 128 : 32;
  Source whole;
  whole.constant("kThreads", launch.block).constant("kSize", sets.size).constant("kInner", sets.inner);
  whole.add(kBlock).add(kSet).add(source.text()).add(text);
  launch.source = whole.text();
  launch.grid[0] = static_cast<unsigned>(std::max<int64_t>(1, sets.sets));
  launch.arguments = std::move(arguments);
  return job_of_one(std::move(launch));
}

// Softmax, LogSoftmax.

Verdict softmax_supports(const Problem& p, const Device&) {
  if (p.inputs[0].shape.empty()) return no("a scalar");
  return first_output_only(p, 1);
}

Result<Job> softmax_generate(const Problem& p, const std::string&, const Device&) {
  const Shape& shape = p.inputs[0].shape;
  const ops::AxisSplit split =
      ops::split_at(shape, ops::normalized_axis(p.attributes().integer("axis", -1), static_cast<int>(shape.size())));
  Source source;
  source.constant("kLogarithm", p.node->op == "LogSoftmax");
  return one_kernel("softmax", source, {split.outer * split.inner, split.size, split.inner}, R"(
extern "C" __global__ void __launch_bounds__(kThreads) softmax(const float* __restrict__ x, float* __restrict__ y) {
  const long long start = start_of(blockIdx.x);
  float most = -__uint_as_float(0x7f800000u), sum = 0;
  for (int k = threadIdx.x; k < kSize; k += kThreads) most = larger(most, x[start + (long long)k * kInner]);
  most = over_block(most, larger);
  for (int k = threadIdx.x; k < kSize; k += kThreads) sum += expf(x[start + (long long)k * kInner] - most);
  sum = over_block(sum, plus);
  for (int k = threadIdx.x; k < kSize; k += kThreads) {
    const long long at = start + (long long)k * kInner;
    y[at] = kLogarithm ? x[at] - most - logf(sum) : expf(x[at] - most) / sum;
  }
}
)",
                    {input(0), output()});
}

// LayerNormalization, RMSNormalization, InstanceNormalization, GroupNormalization: statistics over a set of neighbours;
// scale and bias by element or by channel.

constexpr const char* kNormalize = R"(
extern "C" __global__ void __launch_bounds__(kThreads) normalize(const float* __restrict__ x,
    const float* __restrict__ scale, const float* __restrict__ bias, float* __restrict__ y) {
  const long long start = (long long)blockIdx.x * kSize;
  float mean = 0, square = 0;
  if (kCentred) {
    for (int k = threadIdx.x; k < kSize; k += kThreads) mean += x[start + k];
    mean = over_block(mean, plus) / kSize;
  }
  for (int k = threadIdx.x; k < kSize; k += kThreads) {
    const float d = x[start + k] - mean;
    square += d * d;
  }
  const float factor = 1 / sqrtf(over_block(square, plus) / kSize + kEpsilon);
  for (int k = threadIdx.x; k < kSize; k += kThreads) {
    const int c = kPerChannel ? (int)(blockIdx.x % kGroups) * (kSize / kSpatial) + k / kSpatial : k;
    y[start + k] = (x[start + k] - mean) * factor * scale[c] + (kBias ? bias[c] : 0.0f);
  }
}
)";

Verdict layer_norm_supports(const Problem& p, const Device&) {
  if (p.inputs[0].shape.empty()) return no("a scalar");
  if (const Verdict verdict = first_output_only(p, 3); !verdict) return verdict;
  const cpu::Rows rows = cpu::normalized_rows(p);
  for (size_t i = 1; i < p.inputs.size(); ++i)
    if (p.has(i) && elements(p.inputs[i].shape) != rows.n) return no("scale or bias broadcasts");
  return yes();
}

Result<Job> layer_norm_generate(const Problem& p, const std::string&, const Device&) {
  const cpu::Rows rows = cpu::normalized_rows(p);
  Source source;
  source.constant("kCentred", p.node->op == "LayerNormalization").constant("kPerChannel", 0).constant("kGroups", 1);
  source.constant("kSpatial", 1).constant("kBias", p.has(2)).real("kEpsilon", p.attributes().real("epsilon", 1e-5f));
  return one_kernel("normalize", source, {rows.rows, rows.n, 1}, kNormalize,
                    {input(0), input(1), input(p.has(2) ? 2 : 1), output()});
}

Verdict group_norm_supports(const Problem& p, const Device&) {
  if (p.inputs[0].shape.size() < 3) return no("no spatial dimensions");
  return first_output_only(p, 3);
}

Result<Job> group_norm_generate(const Problem& p, const std::string&, const Device&) {
  const Shape& shape = p.inputs[0].shape;
  const int64_t groups = p.node->op == "InstanceNormalization" ? shape[1] : p.attributes().integer("num_groups");
  const int64_t spatial = elements(std::span(shape).subspan(2));
  Source source;
  source.constant("kCentred", 1).constant("kPerChannel", 1).constant("kGroups", groups).constant("kSpatial", spatial);
  source.constant("kBias", 1).real("kEpsilon", p.attributes().real("epsilon", 1e-5f));
  return one_kernel("normalize", source, {shape[0] * groups, shape[1] / groups * spatial, 1}, kNormalize,
                    {input(0), input(1), input(2), output()});
}

}  // namespace

extern const Tactic softmax_tactic{
    .name = "cuda_softmax",
    .version = 1,
    .operators = {"Softmax", "LogSoftmax"},
    .supports = softmax_supports,
    .estimate = estimate_bytes<150>,
    .generate = softmax_generate,
};
extern const Tactic layer_norm_tactic{
    .name = "cuda_layer_norm",
    .version = 1,
    .operators = {"LayerNormalization", "RMSNormalization"},
    .supports = layer_norm_supports,
    .estimate = estimate_bytes<150>,
    .generate = layer_norm_generate,
};
extern const Tactic group_norm_tactic{
    .name = "cuda_group_norm",
    .version = 1,
    .operators = {"InstanceNormalization", "GroupNormalization"},
    .supports = group_norm_supports,
    .estimate = estimate_bytes<150>,
    .generate = group_norm_generate,
};
}  // namespace vivace::cuda
