// Numbers drawn at random: RandomNormal, RandomUniform and their forms with the shape of another tensor, Bernoulli,
// Multinomial. A block steps the Mersenne Twister, whose next 227 words need nothing of each other, so that nodes with
// a seed give the numbers that they give on the CPU (ops/random.h).
#include "ops/random.h"

#include "backends/cuda/rows/elementwise.h"
#include "backends/cuda/rows/sets.h"

namespace vivace::cuda {

namespace {

// What becomes of the numbers, as the text of a function object `Use`: `void operator()(int i, double drawn)`.
struct Draw {
  int64_t count = 0;
  Source source = {};  // constants and types
  std::string use = {};
  bool normal = false;
  bool weighs = false;                      // needs the sums of its input's probabilities first
  std::string parameters = {}, names = {};  // of what `use` needs
  std::vector<Argument> arguments = {};
  std::string fault = {};
};

constexpr const char* kScaled = R"(
__device__ __forceinline__ float exact(float a, float b, float c) { return __fadd_rn(__fmul_rn(a, b), c); }
__device__ __forceinline__ double exact(double a, double b, double c) { return __dadd_rn(__dmul_rn(a, b), c); }
struct Use {
  Y* y;
  __device__ __forceinline__ void operator()(int i, double drawn) const {
    const W low = kLow, scale = kNormal ? (W)kHigh : (W)kHigh - (W)kLow;
    y[i] = narrow<Y>(exact((W)wide(narrow<Y>((W)drawn)), scale, low));
  }
};
)";

// One of more than a half is drawn by its complement.
constexpr const char* kChance = R"(
struct Use {
  const X* x;
  Y* y;
  unsigned* fault;
  __device__ __forceinline__ void operator()(int i, double drawn) const {
    const double p = wide(x[i]);
    if (!(p >= 0 && p <= 1)) *fault = 1;
    y[i] = narrow<Y>((drawn > (p > 0.5 ? p : 1 - p)) == (p <= 0.5) ? 1 : 0);
  }
};
)";

// The first outcome up to which the probabilities sum to more than the share drawn.
constexpr const char* kOutcome = R"(
struct Use {
  const double* sums;
  Y* y;
  __device__ __forceinline__ void operator()(int i, double drawn) const {
    const double* const row = sums + (long long)(i / kSamples) * kOutcomes;
    const double share = __dmul_rn(drawn, row[kOutcomes - 1]);
    int low = 0, high = kOutcomes - 1;
    while (low < high) {
      const int middle = (low + high) / 2;
      if (row[middle] > share) high = middle;
      else low = middle + 1;
    }
    y[i] = low;
  }
};
)";

// A block sums the probabilities of a row, in the order of the reference.
constexpr const char* kSums = R"(
extern "C" __global__ void __launch_bounds__(256) sums(const X* __restrict__ x, double* room, unsigned* fault) {
  __shared__ double shared[256];
  begin();
  const X* const row = x + (long long)blockIdx.x * kOutcomes;
  double* const to = room + (long long)blockIdx.x * kOutcomes;
  double largest = wide(row[0]);
  for (int k = threadIdx.x; k < kOutcomes; k += 256) largest = fmax(largest, (double)wide(row[k]));
  shared[threadIdx.x] = largest;
  for (int half_way = 128; half_way > 0; half_way /= 2) {
    __syncthreads();
    if (threadIdx.x < half_way) shared[threadIdx.x] = fmax(shared[threadIdx.x], shared[threadIdx.x + half_way]);
  }
  __syncthreads();
  largest = shared[0];
  double sum = 0;
  for (int first = 0; first < kOutcomes; first += 256) {
    const int k = first + threadIdx.x;
    __syncthreads();
    if (k < kOutcomes) shared[threadIdx.x] = exp(wide(row[k]) - largest);
    __syncthreads();
    if (threadIdx.x == 0)
      for (int i = 0; i < 256 && first + i < kOutcomes; ++i) shared[i] = sum += shared[i];
    __syncthreads();
    if (k < kOutcomes) to[k] = shared[threadIdx.x];
  }
  if (threadIdx.x == 0 && !(sum < 1e300)) *fault = 1;
}
)";

constexpr const char* kTwister = R"(
constexpr int kWords = 624, kShift = 397, kAtOnce = kWords - kShift;
__device__ __forceinline__ unsigned twisted(unsigned high, unsigned low, unsigned far) {
  const unsigned joined = (high & 0x80000000u) | (low & 0x7fffffffu);
  return far ^ joined >> 1 ^ (joined & 1 ? 0x9908b0dfu : 0u);
}
__device__ __forceinline__ unsigned tempered(unsigned x) {
  x ^= x >> 11;
  x ^= x << 7 & 0x9d2c5680u;
  x ^= x << 15 & 0xefc60000u;
  return x ^ x >> 18;
}
// Two words in [0, 1), of 53 bits.
__device__ __forceinline__ double uniform(const unsigned* words) {
  return ((tempered(words[0]) >> 5) * 67108864.0 + (tempered(words[1]) >> 6)) / 9007199254740992.0;
}
// Differs with every run, and between the nodes of a run, which write to places of their own.
__device__ __forceinline__ unsigned fresh_seed(const void* place) {
  unsigned long long now;
  asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(now));
  unsigned long long z = (now ^ (unsigned long long)clock64() << 40) + 0x9e3779b97f4a7c15ull * (unsigned long long)place;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ z >> 27) * 0x94d049bb133111ebull;
  return (unsigned)(z >> 32);
}
)";

constexpr const char* kDraw = R"(
  __shared__ unsigned states[2][kWords];
  __shared__ int accepted[kThreads / 32];
  begin();
  if (threadIdx.x == 0) {
    unsigned word = kSeeded ? kSeed : fresh_seed(y);
    for (int i = 0; i < kWords; ++i) {
      states[0][i] = word;
      word = 1812433253u * (word ^ word >> 30) + i + 1;
    }
  }
  __syncthreads();
  unsigned *words = states[0], *next = states[1];
  for (int done = 0; done < kCount;) {
    for (int first = 0; first < kWords; first += kAtOnce) {
      const int i = first + threadIdx.x;
      if (threadIdx.x < kAtOnce && i < kWords)
        next[i] = twisted(words[i], i + 1 < kWords ? words[i + 1] : next[0],
                          i + kShift < kWords ? words[i + kShift] : next[i - kAtOnce]);
      __syncthreads();
    }
    unsigned* const before = words;
    words = next, next = before;
    if constexpr (!kNormal) {
      const int i = done + threadIdx.x;
      if (threadIdx.x < kWords / 2 && i < kCount) use(i, uniform(words + 2 * threadIdx.x));
      done += min(kWords / 2, kCount - done);
    } else {  // pairs of them outside the unit circle are dropped (Marsaglia's polar method)
      double a = 0, b = 0, square = 0;
      if (threadIdx.x < kWords / 4) {
        a = 2 * uniform(words + 4 * threadIdx.x) - 1, b = 2 * uniform(words + 4 * threadIdx.x + 2) - 1;
        square = __dadd_rn(__dmul_rn(a, a), __dmul_rn(b, b));
      }
      const bool good = square > 0 && square < 1;
      const unsigned votes = __ballot_sync(0xffffffffu, good);
      if (threadIdx.x % 32 == 0) accepted[threadIdx.x / 32] = __popc(votes);
      __syncthreads();
      int place = __popc(votes & ((1u << threadIdx.x % 32) - 1)), all = 0;
      for (int w = 0; w < kThreads / 32; ++w) {
        if (w < threadIdx.x / 32) place += accepted[w];
        all += accepted[w];
      }
      const double factor = good ? sqrt(-2 * log(square) / square) : 0;
      const int i = done + 2 * place;
      if (good && i < kCount) use(i, factor * b);
      if (good && i + 1 < kCount) use(i + 1, factor * a);
      done += min(2 * all, kCount - done);
      __syncthreads();
    }
  }
}
)";

Verdict draw_of(const Problem& p, Draw& d) {
  const TensorInfo& y = p.outputs[0];
  const bool reads = p.node->op == "Bernoulli" || p.node->op == "Multinomial";
  d.count = elements(y.shape);
  if (!type_name(y.type)) return no("a type without a kernel");
  if (reads && (!is_float(p.inputs[0].type) || p.inputs[0].channel_block)) return no("row-major floats only");
  if (y.channel_block) return no("row-major only");
  if (d.count > kMostElements) return no("more than 2^31 elements");
  const std::optional<uint32_t> seed = ops::seed_of(p.attributes());
  d.source.constant("kSeeded", seed.has_value()).add("constexpr unsigned kSeed = ");
  d.source.add(std::to_string(seed.value_or(0)) + "u;\n").constant("kCount", d.count);
  d.source.add(std::string("using Y = ") + type_name(y.type) + ";\n");
  if (reads) d.source.add(std::string("using X = ") + type_name(p.inputs[0].type) + ";\n");
  if (p.node->op == "Bernoulli") {
    d.use = kChance;
    d.parameters = "const X* __restrict__ x, Y* y, unsigned* fault", d.names = "x, y, fault";
    d.arguments = {input(0), output(), fault()};
    d.fault = "probabilities must be 0 to 1";
  } else if (p.node->op == "Multinomial") {
    if (elements(p.inputs[0].shape) > kMostElements) return no("more than 2^31 elements");
    d.source.constant("kOutcomes", p.inputs[0].shape[1]).constant("kSamples", std::max<int64_t>(1, y.shape[1]));
    d.use = kOutcome;
    d.weighs = true;
    d.parameters = "const double* __restrict__ room, Y* y", d.names = "room, y";
    d.arguments = {workspace(), output()};
    d.fault = "the probabilities of a row are no numbers";
  } else {
    d.normal = p.node->op.starts_with("RandomNormal");
    d.source.real("kLow", p.attributes().real(d.normal ? "mean" : "low", 0));
    d.source.real("kHigh", p.attributes().real(d.normal ? "scale" : "high", 1));
    d.source.add(std::string("using W = ") + (y.type == DType::f64 ? "double" : "float") + ";\n");
    d.use = kScaled;
    d.parameters = "Y* y", d.names = "y";
    d.arguments = {output()};
  }
  d.source.constant("kNormal", d.normal);
  return yes();
}

Result<Job> generate(const Problem& p, const std::string&, const Device&) {
  VIVACE_ASSIGN(Draw d, supported<draw_of>(p));
  if (d.count == 0) return Job();
  constexpr unsigned kThreads = 320;  // as many as a step gives numbers, in whole warps
  Job job;
  job.fault = d.fault;
  if (d.weighs) {
    const int64_t rows = p.inputs[0].shape[0];
    job.workspace = static_cast<size_t>(elements(p.inputs[0].shape)) * sizeof(double);
    Source source;
    source.add(prelude()).add(element_helpers()).add(d.source.text()).add(kSums);
    job.launches.push_back(launch_of("sums", source.text(), rows * 256, {input(0), workspace(), fault()}));
  }
  Source source;
  source.add(prelude()).add(element_helpers()).add(d.source.text()).add(d.use);
  source.constant("kThreads", kThreads);
  source.add(kTwister).add("extern \"C\" __global__ void __launch_bounds__(kThreads) draw(" + d.parameters + ") {\n");
  source.add("  const Use use{" + d.names + "};").add(kDraw);
  Launch launch = launch_of("draw", source.text(), 1, std::move(d.arguments));
  launch.block = kThreads;
  job.launches.push_back(std::move(launch));
  return job;
}

double estimate(const Problem& p, const std::string&, const Device& device) {
  constexpr double kStart = 6e-6, kPerNumber = 2e-9;
  return roofline_seconds(0, cpu::bytes_of(p), 1, device) + kStart +
         kPerNumber * static_cast<double>(elements(p.outputs[0].shape));
}

}  // namespace

extern const Tactic random_tactic{
    .name = "cuda_random",
    .version = 1,
    .operators = {"RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Bernoulli", "Multinomial"},
    .supports = supports_job<Draw, draw_of>,
    .estimate = estimate,
    .generate = generate,
};

}  // namespace vivace::cuda
