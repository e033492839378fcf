// LSTM in f32: the input's share of all gates at once, then one kernel for each step, of both directions together.
#include "backends/cuda/rows/rows.h"

namespace vivace::cuda {

namespace {

constexpr int64_t kMostSteps = 4096;               // each is a launch
constexpr int kWarps = 8, kRows = 8, kImages = 4;  // of a block; rows of the input, and of the batch, that a warp takes

using cpu::Lstm;

bool asked_for(const Problem& p, size_t i) {
  return i < p.outputs.size() && p.outputs[i].present() && !p.node->output(i)->unused();
}

Verdict job_of(const Problem& p, Lstm& l) {
  if (Verdict verdict = cpu::lstm_of(p, l); !verdict) return verdict;
  if (l.steps < 1 || l.batch < 1 || l.hidden < 1) return no("nothing to compute");
  if (l.steps > kMostSteps) return no("more than 4096 steps");
  if (l.directions * l.steps * l.batch * 4 * l.hidden > INT32_MAX || l.batch > 65535 * kImages)
    return no("more than 2^31 gates");
  return yes();
}

// gates[d][row][n], rows of all steps and the batch: a warp sums kRows rows of the input for one gate n.
constexpr const char* kProject = R"(
extern "C" __global__ void __launch_bounds__(256) project(const float* __restrict__ x, const float* __restrict__ w,
    const float* __restrict__ bias, float* __restrict__ gates) {
  wait();
  allow_next();
  const int n = blockIdx.x * kWarps + threadIdx.x / 32, lane = threadIdx.x % 32, d = blockIdx.z, row0 = blockIdx.y * kRows;
  if (n >= 4 * kHidden) return;
  const float* const weights = w + ((long long)d * 4 * kHidden + n) * kInput;
  float sums[kRows] = {};
  for (int k = lane; k < kInput; k += 32) {
    const float v = weights[k];
#pragma unroll
    for (int r = 0; r < kRows; ++r)
      if (row0 + r < kSteps * kBatch) sums[r] += v * x[(long long)(row0 + r) * kInput + k];
  }
  const float b = kBias ? bias[d * 8 * kHidden + n] + bias[d * 8 * kHidden + 4 * kHidden + n] : 0.0f;
#pragma unroll
  for (int r = 0; r < kRows; ++r) {
    for (int step = 16; step > 0; step /= 2) sums[r] += __shfl_xor_sync(0xffffffffu, sums[r], step);
    if (lane == 0 && row0 + r < kSteps * kBatch)
      gates[((long long)d * kSteps * kBatch + row0 + r) * 4 * kHidden + n] = sums[r] + b;
  }
}
)";

// A warp makes one unit of the state for kImages of the batch. Gates come in the order i, o, f, c; each direction has
// its own place in them and in y.
constexpr const char* kStep = R"(
__device__ __forceinline__ float sigmoid(float x) { return 1 / (1 + expf(-x)); }
extern "C" __global__ void __launch_bounds__(256) advance(const float* __restrict__ gates0,
    const float* __restrict__ gates1, const float* __restrict__ r, const float* __restrict__ peepholes,
    const float* __restrict__ h, const float* __restrict__ c, float* __restrict__ next_h, float* __restrict__ next_c,
    float* __restrict__ y0, float* __restrict__ y1) {
  wait();
  allow_next();
  const int j = blockIdx.x * kWarps + threadIdx.x / 32, lane = threadIdx.x % 32, d = blockIdx.y;
  const int first = blockIdx.z * kImages;
  if (j >= kHidden) return;
  float sums[kImages][4] = {};
  for (int k = lane; k < kHidden; k += 32) {
    float weights[4];
#pragma unroll
    for (int g = 0; g < 4; ++g) weights[g] = r[((long long)(d * 4 + g) * kHidden + j) * kHidden + k];
#pragma unroll
    for (int b = 0; b < kImages; ++b)
      if (first + b < kBatch) {
        const float v = kZeroH ? 0.0f : h[((long long)d * kBatch + first + b) * kHidden + k];
#pragma unroll
        for (int g = 0; g < 4; ++g) sums[b][g] += v * weights[g];
      }
  }
#pragma unroll
  for (int b = 0; b < kImages; ++b) {
#pragma unroll
    for (int g = 0; g < 4; ++g)
      for (int step = 16; step > 0; step /= 2) sums[b][g] += __shfl_xor_sync(0xffffffffu, sums[b][g], step);
    if (lane != 0 || first + b >= kBatch) continue;
    const float* const own = (d ? gates1 : gates0) + (long long)(first + b) * 4 * kHidden + j;
    const float* const hole = peepholes + d * 3 * kHidden + j;
    const long long at = ((long long)d * kBatch + first + b) * kHidden + j;
    const float old = kZeroC ? 0.0f : c[at];
    const float i = sigmoid(sums[b][0] + own[0] + (kPeepholes ? hole[0] * old : 0.0f));
    const float f = sigmoid(sums[b][2] + own[2 * kHidden] + (kPeepholes ? hole[2 * kHidden] * old : 0.0f));
    const float made = f * old + i * tanhf(sums[b][3] + own[3 * kHidden]);
    const float o = sigmoid(sums[b][1] + own[kHidden] + (kPeepholes ? hole[kHidden] * made : 0.0f));
    const float out = o * tanhf(made);
    next_c[at] = made;
    next_h[at] = out;
    if (kOutput) (d ? y1 : y0)[(long long)(first + b) * kHidden + j] = out;
  }
}
)";

Result<Job> generate(const Problem& p, const std::string&, const Device&) {
  VIVACE_ASSIGN(const Lstm l, supported<job_of>(p));
  Source numbers;
  numbers.add(prelude()).constant("kSteps", l.steps).constant("kBatch", l.batch).constant("kInput", l.input);
  numbers.constant("kHidden", l.hidden).constant("kWarps", kWarps).constant("kRows", kRows);
  numbers.constant("kImages", kImages);
  const int64_t state = l.directions * l.batch * l.hidden, of_step = l.batch * 4 * l.hidden;
  const size_t gates_bytes = static_cast<size_t>(l.directions * l.steps * of_step) * sizeof(float);
  const size_t state_bytes = (static_cast<size_t>(state) * sizeof(float) + 15) / 16 * 16;
  Job job;
  // All gates, then h and c twice each: a step reads what the one before it wrote.
  job.workspace = (gates_bytes + 15) / 16 * 16 + 4 * state_bytes;
  const auto state_at = [&](int64_t which) {
    return workspace((gates_bytes + 15) / 16 * 16 + static_cast<size_t>(which) * state_bytes);
  };

  Launch project;
  project.name = "project";
  project.waits = true;
  project.source = Source(numbers).constant("kBias", p.has(3)).add(kProject).text();
  project.grid[0] = tiles(4 * l.hidden, kWarps);
  project.grid[1] = tiles(l.steps * l.batch, kRows);
  project.grid[2] = static_cast<unsigned>(l.directions);
  project.arguments = {input(0), input(1), input(p.has(3) ? 3 : 0), workspace()};
  job.launches.push_back(std::move(project));

  Launch advance;
  advance.name = "advance";
  advance.waits = true;
  numbers.constant("kPeepholes", p.has(7)).constant("kOutput", asked_for(p, 0));
  // A state that the node leaves out is zero in the first step.
  const auto source = [&](bool zero_h, bool zero_c) {
    return Source(numbers).constant("kZeroH", zero_h).constant("kZeroC", zero_c).add(kStep).text();
  };
  advance.grid[0] = tiles(l.hidden, kWarps);
  advance.grid[1] = static_cast<unsigned>(l.directions);
  advance.grid[2] = tiles(l.batch, kImages);
  for (int64_t i = 0; i < l.steps; ++i) {
    const auto time_of = [&](int64_t d) {
      return (l.directions == 2 ? d == 1 : l.first_reversed) ? l.steps - 1 - i : i;
    };
    const auto gates_of = [&](int64_t d) {
      return workspace(static_cast<size_t>((d * l.steps + time_of(d)) * of_step) * sizeof(float));
    };
    const auto y_of = [&](int64_t d) {
      if (!asked_for(p, 0)) return workspace();
      const int64_t at = (time_of(d) * l.directions + d) * l.batch * l.hidden;
      return output(0, static_cast<size_t>(at) * sizeof(float));
    };
    const auto state_of = [&](size_t initial, int64_t which) {
      return i == 0 && p.has(initial) ? input(static_cast<int>(initial)) : state_at(which + i % 2);
    };
    const auto next_of = [&](size_t made, int64_t which) {
      return i + 1 == l.steps && asked_for(p, made) ? output(static_cast<int>(made)) : state_at(which + (i + 1) % 2);
    };
    const int64_t last = l.directions - 1;
    advance.arguments = {gates_of(0),    gates_of(last), input(2),      input(p.has(7) ? 7 : 2),
                         state_of(5, 0), state_of(6, 2), next_of(1, 0), next_of(2, 2),
                         y_of(0),        y_of(last)};
    advance.source = source(i == 0 && !p.has(5), i == 0 && !p.has(6));
    job.launches.push_back(advance);
  }
  return job;
}

double estimate(const Problem& p, const std::string&, const Device& device) {
  Lstm l{};
  if (!job_of(p, l)) return 1;
  const auto gates = static_cast<double>(4 * l.hidden * l.directions);
  const auto rows = static_cast<double>(l.batch), input = static_cast<double>(l.input);
  const auto hidden = static_cast<double>(l.hidden), steps = static_cast<double>(l.steps);
  return roofline_seconds(2 * gates * rows * steps * input, 4 * gates * input, 0.1, device) +
         steps * roofline_seconds(2 * gates * rows * hidden, 4 * gates * hidden, 0.1, device);
}

}  // namespace

extern const Tactic lstm_tactic{
    .name = "cuda_lstm",
    .version = 1,
    .operators = {"LSTM"},
    .supports = supports_job<Lstm, job_of>,
    .estimate = estimate,
    .generate = generate,
};

}  // namespace vivace::cuda
