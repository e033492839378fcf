// LSTM, GRU, RNN of any floating-point type: the input's share of all gates at once, then one kernel for each step, of
// both directions together (two for a GRU whose reset comes before its product).
#include "ops/recurrent.h"

#include "backends/cuda/rows/elementwise.h"

namespace vivace::cuda {

namespace {

constexpr int64_t kMostSteps = 4096;  // each is a launch
constexpr int kWarps = 8;             // of a block
constexpr int kRows = 8;              // of the input, that a warp of `project` takes
constexpr int64_t kImages = 4;        // of the batch, that a warp of a step takes

struct Recurrent {
  int64_t steps, batch, input, hidden, directions, gates;
  bool batch_first, reset_first;
  std::vector<ops::RecurrentActivation> activations;  // for each direction
};

Verdict job_of(const Problem& p, Recurrent& r) {
  const DType type = p.inputs[0].type;
  if (!is_float(type)) return no("floats only");
  for (const TensorInfo& t : p.inputs)
    if (t.channel_block) return no("row-major only");
  Result<std::vector<ops::RecurrentActivation>> activations = ops::recurrent_activations(*p.node);
  if (!activations.ok()) return no("activations without a kernel");
  r.activations = *std::move(activations);
  r.batch_first = p.attributes().integer("layout") != 0;
  const Shape &x = p.inputs[0].shape, &weights = p.inputs[2].shape;
  r.steps = x[r.batch_first ? 1 : 0];
  r.batch = x[r.batch_first ? 0 : 1];
  r.input = x[2];
  r.directions = weights[0];
  r.hidden = weights[2];
  r.gates = p.node->op == "RNN" ? 1 : p.node->op == "GRU" ? 3 : 4;
  r.reset_first = p.node->op == "GRU" && p.attributes().integer("linear_before_reset") == 0;
  if (r.steps < 1 || r.batch < 1 || r.hidden < 1) return no("nothing to compute");
  if (r.steps > kMostSteps) return no("more than 4096 steps");
  if (r.directions * r.steps * r.batch * r.gates * r.hidden > INT32_MAX || r.batch > 65535)
    return no("more than 2^31 gates");
  return yes();
}

// gates[d][row][n], rows as those of x: a warp sums kRows rows of the input for one gate n. What each thread does first
// is the state before the first step.
constexpr const char* kProject = R"(
extern "C" __global__ void __launch_bounds__(256) project(const T* __restrict__ x, const T* __restrict__ w,
    const T* __restrict__ bias, const T* __restrict__ initial_h, const T* __restrict__ initial_c,
    const int* __restrict__ lengths, W* gates, W* h, W* c, unsigned* fault) {
  begin();
  const int threads = gridDim.x * gridDim.y * gridDim.z * 256;
  for (int i = ((blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x) * 256 + threadIdx.x;
       i < kDirections * kBatch * kHidden; i += threads) {
    const int d = i / kHidden / kBatch, n = i / kHidden % kBatch;
    const int from = state_of(d, n) + i % kHidden;
    h[i] = kInitialH ? (W)wide(initial_h[from]) : W(0);
    if (kCells) c[i] = kInitialC ? (W)wide(initial_c[from]) : W(0);
    if (kLengths && i % kHidden == 0 && (lengths[n] < 0 || lengths[n] > kSteps)) *fault = 1;
  }
  const int n = blockIdx.x * kWarps + threadIdx.x / 32, lane = threadIdx.x % 32, d = blockIdx.z, row0 = blockIdx.y * kRows;
  if (n >= kGates * kHidden) return;
  const T* const weights = w + ((long long)d * kGates * kHidden + n) * kInput;
  W sums[kRows] = {};
  for (int k = lane; k < kInput; k += 32) {
    const W v = wide(weights[k]);
#pragma unroll
    for (int r = 0; r < kRows; ++r)
      if (row0 + r < kSteps * kBatch) sums[r] += v * (W)wide(x[(long long)(row0 + r) * kInput + k]);
  }
  W b = 0;
  if (kBias) {
    b = wide(bias[d * 2 * kGates * kHidden + n]);
    if (!kResets || n < 2 * kHidden) b += (W)wide(bias[(d * 2 + 1) * kGates * kHidden + n]);
  }
#pragma unroll
  for (int r = 0; r < kRows; ++r) {
    for (int step = 16; step > 0; step /= 2) sums[r] += __shfl_xor_sync(0xffffffffu, sums[r], step);
    if (lane == 0 && row0 + r < kSteps * kBatch)
      gates[((long long)d * kSteps * kBatch + row0 + r) * kGates * kHidden + n] = sums[r] + b;
  }
}
)";

// A warp sums kDots gates of one unit of the state for kImages of the batch, of which one lane each makes the rest. The
// number of the step is a distance of addresses.
constexpr const char* kStepBegin = R"(
extern "C" __global__ void __launch_bounds__(256) advance(const W* __restrict__ gates, const T* __restrict__ weights,
    const T* __restrict__ bias, const T* __restrict__ peepholes, const int* __restrict__ lengths,
    const W* __restrict__ factor, const W* __restrict__ h, W* next, W* c, W* kept, T* y, T* y_h, T* y_c,
    const char* mark) {
  begin();
  const int step = (int)(mark - (const char*)gates);
  const int j = blockIdx.x * kWarps + threadIdx.x / 32, lane = threadIdx.x % 32, d = blockIdx.y;
  const int first = blockIdx.z * kImages;
  if (j >= kHidden) return;
  W sums[kImages][kDots] = {};
  for (int k = lane; k < kHidden; k += 32) {
    W v[kDots];
#pragma unroll
    for (int g = 0; g < kDots; ++g)
      v[g] = wide(weights[((long long)(d * kGates + kFirstGate + g) * kHidden + j) * kHidden + k]);
#pragma unroll
    for (int b = 0; b < kImages; ++b)
      if (first + b < kBatch) {
        const W f = factor[((long long)d * kBatch + first + b) * kHidden + k];
#pragma unroll
        for (int g = 0; g < kDots; ++g) sums[b][g] += f * v[g];
      }
  }
  W dot[kDots] = {};
#pragma unroll
  for (int b = 0; b < kImages; ++b)
#pragma unroll
    for (int g = 0; g < kDots; ++g) {
      for (int s = 16; s > 0; s /= 2) sums[b][g] += __shfl_xor_sync(0xffffffffu, sums[b][g], s);
      if (lane == b) dot[g] = sums[b][g];
    }
  const int n = first + lane;
  if (lane >= kImages || n >= kBatch) return;
  const int length = kLengths ? min(max(lengths[n], 0), kSteps) : kSteps;
  const bool runs = step < length;
  const int t = runs && (d == 1 || kFirstReversed) ? length - 1 - step : step;
  const W* const in = gates + ((long long)d * kSteps * kBatch + (kBatchFirst ? n * kSteps + t : t * kBatch + n)) * kGates * kHidden + j;
  const long long at = ((long long)d * kBatch + n) * kHidden + j;
  const W before = h[at];
  W after = before;
)";
constexpr const char* kStepEnd = R"(
  next[at] = after;
  if (kY)
    y[(kBatchFirst ? ((long long)n * kSteps + t) * kDirections + d : ((long long)t * kDirections + d) * kBatch + n) * kHidden + j] =
        narrow<T>(runs ? after : W(0));
  if (step + 1 < kSteps) return;
  if (kYH) y_h[state_of(d, n) + j] = narrow<T>(after);
  if (kYC) y_c[state_of(d, n) + j] = narrow<T>(c[at]);
}
)";

// What a step makes of `dot` and `in`.
constexpr const char* kRnnCell = "  if (runs) after = f0(dot[0] + in[0], d);";
constexpr const char* kGruCell = R"(  if (runs) {
    const W z = f0(dot[0] + in[0], d), r = f0(dot[1] + in[kHidden], d);
    const W own = kBias ? (W)wide(bias[(d * 2 + 1) * kGates * kHidden + 2 * kHidden + j]) : W(0);
    const W made = f1(in[2 * kHidden] + r * (dot[2] + own), d);
    after = (1 - z) * made + z * before;
  })";
constexpr const char* kGruGates = R"(  c[at] = f0(dot[0] + in[0], d);
  kept[at] = f0(dot[1] + in[kHidden], d) * before;
  return;)";
constexpr const char* kGruCandidate = R"(  if (runs) {
    const W z = c[at];
    after = (1 - z) * f1(in[2 * kHidden] + dot[0], d) + z * before;
  })";
constexpr const char* kLstmCell = R"(  if (runs) {
    const W old = c[at];
    const T* const hole = peepholes + d * 3 * kHidden + j;
    const W i = f0(dot[0] + in[0] + (kPeepholes ? (W)wide(hole[0]) * old : W(0)), d);
    const W f = kCoupled ? 1 - i : f0(dot[2] + in[2 * kHidden] + (kPeepholes ? (W)wide(hole[2 * kHidden]) * old : W(0)), d);
    const W made = f * old + i * f1(dot[3] + in[3 * kHidden], d);
    const W o = f0(dot[1] + in[kHidden] + (kPeepholes ? (W)wide(hole[kHidden]) * made : W(0)), d);
    after = o * f2(made, d);
    c[at] = made;
  })";

std::string activation_text(const ops::RecurrentActivation& f) {
  const std::string a = "W(" + literal(static_cast<float>(f.alpha)) + ")",
                    b = "W(" + literal(static_cast<float>(f.beta)) + ")";
  if (f.name == "sigmoid") return "1 / (1 + exp(-x))";
  if (f.name == "tanh") return "tanh(x)";
  if (f.name == "relu") return "x < 0 ? W(0) : x";
  if (f.name == "affine") return a + " * x + " + b;
  if (f.name == "leakyrelu") return "x < 0 ? " + a + " * x : x";
  if (f.name == "thresholdedrelu") return "x > " + a + " ? x : W(0)";
  if (f.name == "scaledtanh") return a + " * tanh(" + b + " * x)";
  if (f.name == "hardsigmoid") return "limited(" + a + " * x + " + b + ", W(0), W(1))";
  if (f.name == "elu") return "x >= 0 ? x : " + a + " * expm1(x)";
  if (f.name == "softsign") return "x / (1 + fabs(x))";
  return "fmax(x, W(0)) + log1p(exp(-fabs(x)))";  // softplus
}

// f0, f1, f2 of a sum and a direction; the cell's own value (f2) is not clipped.
std::string activation_functions(const Problem& p, const Recurrent& r) {
  std::string text =
      "__device__ __forceinline__ W limited(W x, W low, W high) { return x < low ? low : x > high ? high : x; }\n";
  const size_t count = r.activations.size() / static_cast<size_t>(r.directions);
  for (size_t i = 0; i < count; ++i) {
    text += "__device__ __forceinline__ W f" + std::to_string(i) + "(W x, int d) {\n";
    if (p.attributes().has("clip") && i < 2) {
      const std::string clip = literal(p.attributes().real("clip"));
      text += "  x = limited(x, -W(" + clip + "), W(" + clip + "));\n";
    }
    const std::string first = activation_text(r.activations[i]);
    if (r.directions == 2)
      if (const std::string second = activation_text(r.activations[count + i]); second != first)
        text += "  if (d == 1) return " + second + ";\n";
    text += "  return " + first + ";\n}\n";
  }
  return text;
}

Result<Job> generate(const Problem& p, const std::string&, const Device&) {
  VIVACE_ASSIGN(const Recurrent r, supported<job_of>(p));
  const DType type = p.inputs[0].type;
  const bool lstm = p.node->op == "LSTM", gru = p.node->op == "GRU";
  const size_t width = type == DType::f64 ? sizeof(double) : sizeof(float);
  Source numbers;
  numbers.add(prelude()).add(element_helpers());
  numbers.add(std::string("using T = ") + type_name(type) +
              ";\nusing W = " + (type == DType::f64 ? "double" : "float") + ";\n");
  numbers.constant("kSteps", r.steps).constant("kBatch", r.batch).constant("kInput", r.input);
  numbers.constant("kHidden", r.hidden).constant("kDirections", r.directions).constant("kGates", r.gates);
  numbers.constant("kWarps", kWarps).constant("kRows", kRows).constant("kImages", std::min(kImages, r.batch));
  numbers.constant("kBatchFirst", r.batch_first).constant("kLengths", p.has(4)).constant("kBias", p.has(3));
  numbers.add(
      "__device__ __forceinline__ int state_of(int d, int n) { return (kBatchFirst ? n * kDirections + d : d * kBatch "
      "+ "
      "n) * kHidden; }\n");
  const size_t state = static_cast<size_t>(r.directions * r.batch * r.hidden) * width;
  size_t end = static_cast<size_t>(r.directions * r.steps * r.batch * r.gates * r.hidden) * width;
  const auto place = [&](size_t bytes) {
    const size_t at = (end + 15) / 16 * 16;
    end = at + bytes;
    return workspace(at);
  };
  // A step reads the state that the one before it wrote. What an LSTM keeps of its cells, a GRU does of its gates.
  const Argument states[] = {place(state), place(state)}, cells = place(state), kept = place(r.reset_first ? state : 0);
  Job job;
  job.workspace = end;
  job.fault = "a sequence length is not within the steps";
  const auto given = [&](size_t i) { return input(static_cast<int>(p.has(i) ? i : 0)); };
  const auto asked = [&](size_t i) { return asked_for(p, i) ? output(static_cast<int>(i)) : workspace(); };

  Launch project;
  project.name = "project";
  project.waits = true;
  Source source = numbers;
  source.constant("kInitialH", p.has(5)).constant("kInitialC", lstm && p.has(6)).constant("kCells", lstm);
  source.constant("kResets", gru && !r.reset_first);
  project.source = source.add(kProject).text();
  project.grid[0] = tiles(r.gates * r.hidden, kWarps);
  project.grid[1] = tiles(r.steps * r.batch, kRows);
  project.grid[2] = static_cast<unsigned>(r.directions);
  project.arguments = {input(0), input(1),    given(3),  given(5), given(6),
                       given(4), workspace(), states[0], cells,    fault()};
  job.launches.push_back(std::move(project));

  const auto advance = [&](const char* cell, int64_t first_gate, int64_t dots) {
    Source text = numbers;
    text.constant("kFirstGate", first_gate).constant("kDots", dots);
    text.constant("kFirstReversed", p.attributes().text("direction", "forward") == "reverse");
    text.constant("kPeepholes", lstm && p.has(7)).constant("kCoupled", p.attributes().integer("input_forget") != 0);
    text.constant("kY", asked_for(p, 0)).constant("kYH", asked_for(p, 1)).constant("kYC", lstm && asked_for(p, 2));
    text.add(activation_functions(p, r)).add(kStepBegin).add(cell).add(kStepEnd);
    Launch launch;
    launch.name = "advance";
    launch.waits = true;
    launch.source = text.text();
    launch.grid[0] = tiles(r.hidden, kWarps);
    launch.grid[1] = static_cast<unsigned>(r.directions);
    launch.grid[2] = tiles(r.batch, std::min(kImages, r.batch));
    return launch;
  };
  std::vector<Launch> step;
  if (r.reset_first)
    step = {advance(kGruGates, 0, 2), advance(kGruCandidate, 2, 1)};
  else
    step = {advance(lstm ? kLstmCell : gru ? kGruCell : kRnnCell, 0, r.gates)};
  for (int64_t i = 0; i < r.steps; ++i)
    for (size_t k = 0; k < step.size(); ++k) {
      const Argument &h = states[i % 2], &next = states[(i + 1) % 2];
      step[k].arguments = {
          workspace(), input(2), given(3), given(7), given(4), k == 1 ? kept : h, h,
          next,        cells,    kept,     asked(0), asked(1), asked(2),          workspace(static_cast<size_t>(i))};
      job.launches.push_back(step[k]);
    }
  return job;
}

double estimate(const Problem& p, const std::string&, const Device& device) {
  Recurrent r{};
  if (!job_of(p, r)) return 1;
  const auto gates = static_cast<double>(r.gates * r.hidden * r.directions);
  const auto rows = static_cast<double>(r.batch), input = static_cast<double>(r.input);
  const auto hidden = static_cast<double>(r.hidden), steps = static_cast<double>(r.steps);
  const double step = roofline_seconds(2 * gates * rows * hidden, 4 * gates * hidden, 0.1, device);
  return roofline_seconds(2 * gates * rows * steps * input, 4 * gates * input, 0.1, device) +
         steps * step * (r.reset_first ? 2 : 1);
}

}  // namespace

extern const Tactic recurrent_tactic{
    .name = "cuda_recurrent",
    .version = 1,
    .operators = {"LSTM", "GRU", "RNN"},
    .supports = supports_job<Recurrent, job_of>,
    .estimate = estimate,
    .generate = generate,
};

}  // namespace vivace::cuda
