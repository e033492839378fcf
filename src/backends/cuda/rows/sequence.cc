// What models of sequences have beside attention: RotaryEmbedding, LinearAttention, CausalConvWithState.
#include <cmath>

#include "backends/cuda/rows/elementwise.h"

namespace vivace::cuda {

namespace {

Verdict row_major(const Problem& p) {
  for (const std::vector<TensorInfo>* all : {&p.inputs, &p.outputs})
    for (const TensorInfo& t : *all)
      if (t.channel_block || elements(t.shape) > INT32_MAX) return no("row-major, fewer than 2^31 elements only");
  return yes();
}

Source start_of(const Problem& p) {
  const DType type = p.inputs[0].type;
  Source s;
  s.add(prelude()).add(element_helpers());
  s.add(std::string("using T = ") + type_name(type) + ";\nusing W = " + (type == DType::f64 ? "double" : "float") +
        ";\n");
  return s;
}

Argument given(const Problem& p, size_t i) { return input(static_cast<int>(p.has(i) ? i : 0)); }

// --- RotaryEmbedding: a thread for each element; it reads its partner too.

struct Rotation {
  int64_t heads, length, size, rotated;
  bool flat;
};
Verdict rotation_of(const Problem& p, Rotation& r) {
  if (const Verdict verdict = row_major(p); !verdict) return verdict;
  const Shape& x = p.inputs[0].shape;
  r.flat = x.size() == 3;
  r.heads = r.flat ? p.attributes().integer("num_heads") : x[1];
  r.length = r.flat ? x[1] : x[2];
  r.size = r.flat ? x[2] / std::max<int64_t>(1, r.heads) : x[3];
  const int64_t rotary = p.attributes().integer("rotary_embedding_dim");
  r.rotated = rotary > 0 ? rotary : r.size;
  return yes();
}

constexpr const char* kRotary = R"(
extern "C" __global__ void __launch_bounds__(256) rotate(const T* __restrict__ x, const T* __restrict__ cosines,
    const T* __restrict__ sines, const long long* __restrict__ positions, T* __restrict__ y, unsigned* fault) {
  begin();
  const int i = blockIdx.x * 256 + threadIdx.x;
  if (i >= kCount) return;
  const int e = i % kSize, row = i / kSize;
  const int batch = row / (kHeads * kLength), s = kFlat ? row / kHeads % kLength : row % kLength;
  if (e >= kRotated) {
    y[i] = x[i];
    return;
  }
  const bool second = kInterleaved ? e % 2 : e >= kHalf;
  const int pair = kInterleaved ? e / 2 : e % kHalf, other = kInterleaved ? (second ? i - 1 : i + 1) : second ? i - kHalf : i + kHalf;
  long long place = batch * kLength + s;
  if (kPositions) {
    place = positions[place];
    if (place < 0 || place >= kCache) {
      *fault = 1;
      return;
    }
  }
  const W c = wide(cosines[place * kHalf + pair]), d = wide(sines[place * kHalf + pair]);
  const W own = wide(x[i]), partner = wide(x[other]);
  y[i] = narrow<T>(second ? d * partner + c * own : c * own - d * partner);
}
)";

Result<Job> generate_rotary(const Problem& p, const std::string&, const Device&) {
  VIVACE_ASSIGN(const Rotation r, supported<rotation_of>(p));
  const int64_t count = elements(p.inputs[0].shape);
  if (count == 0) return Job();
  Source s = start_of(p);
  s.constant("kCount", count).constant("kSize", r.size).constant("kHeads", r.heads).constant("kLength", r.length);
  s.constant("kFlat", r.flat).constant("kRotated", r.rotated).constant("kHalf", std::max<int64_t>(1, r.rotated / 2));
  s.constant("kInterleaved", p.attributes().integer("interleaved") != 0).constant("kPositions", p.has(3));
  s.constant("kCache", p.inputs[1].shape[0]).add(kRotary);
  Job job =
      job_of_one(launch_of("rotate", s.text(), count, {input(0), input(1), input(2), given(p, 3), output(), fault()}));
  job.fault = "a position is beyond the cache";
  return job;
}

// --- CausalConvWithState: a thread for each element of the result, and of the state that follows.

Verdict supports_causal(const Problem& p, const Device&) { return row_major(p); }

constexpr const char* kCausal = R"(
extern "C" __global__ void __launch_bounds__(256) convolve(const T* __restrict__ x, const T* __restrict__ weights,
    const T* __restrict__ bias, const T* __restrict__ past, T* __restrict__ y, T* __restrict__ present) {
  begin();
  const int i = blockIdx.x * 256 + threadIdx.x;
  if (i >= kLines * (kLength + kCarried)) return;
  const int line = i / (kLength + kCarried), at = i % (kLength + kCarried), c = line % kChannels;
  // Element k of what is carried over and the line behind it.
  const auto padded = [&](int k) {
    return k >= kCarried ? (W)wide(x[(long long)line * kLength + k - kCarried])
           : kPast       ? (W)wide(past[(long long)line * kCarried + k])
                         : W(0);
  };
  if (at >= kLength) {
    if (kPresent) present[(long long)line * kCarried + at - kLength] = narrow<T>(padded(at));
    return;
  }
  W sum = kBias ? (W)wide(bias[c]) : W(0);
  for (int k = 0; k < kKernel; ++k) sum += (W)wide(weights[c * kKernel + k]) * padded(at + k);
  y[(long long)line * kLength + at] = narrow<T>(kSilu ? sum / (1 + exp(-sum)) : sum);
}
)";

Result<Job> generate_causal(const Problem& p, const std::string&, const Device&) {
  const Shape& x = p.inputs[0].shape;
  const int64_t kernel = p.inputs[1].shape[2], lines = x[0] * x[1], count = lines * (x[2] + kernel - 1);
  if (count == 0) return Job();
  Source s = start_of(p);
  s.constant("kLines", lines).constant("kLength", x[2]).constant("kChannels", x[1]).constant("kKernel", kernel);
  s.constant("kCarried", kernel - 1).constant("kBias", p.has(2)).constant("kPast", p.has(3));
  s.constant("kPresent", asked_for(p, 1)).constant("kSilu", p.attributes().text("activation", "none") != "none");
  s.add(kCausal);
  return job_of_one(
      launch_of("convolve", s.text(), count,
                {input(0), input(1), given(p, 2), given(p, 3), output(), asked_for(p, 1) ? output(1) : output()}));
}

// --- LinearAttention: a warp for each column of a head's state, which no other column needs; its lanes hold the keys.

struct Linear {
  int64_t batches, steps, heads, kv_heads, keys, values, decays, betas;
  bool delta;
};
Verdict linear_of(const Problem& p, Linear& l) {
  if (const Verdict verdict = row_major(p); !verdict) return verdict;
  const std::string rule = p.attributes().text("update_rule", "gated_delta");
  l.heads = p.attributes().integer("q_num_heads");
  l.kv_heads = p.attributes().integer("kv_num_heads");
  l.batches = p.inputs[0].shape[0];
  l.steps = p.inputs[0].shape[1];
  l.keys = p.inputs[0].shape[2] / l.heads;
  l.values = p.inputs[2].shape[2] / l.kv_heads;
  l.decays = p.has(4) ? p.inputs[4].shape[2] : 0;
  l.betas = p.has(5) ? p.inputs[5].shape[2] : 0;
  l.delta = rule.ends_with("delta");
  if (l.keys > 1024) return no("heads of more than 1024 keys");
  return yes();
}

constexpr const char* kLinear = R"(
__device__ __forceinline__ float over_warp(float v) {
  for (int step = 16; step > 0; step /= 2) v += __shfl_xor_sync(0xffffffffu, v, step);
  return v;
}
extern "C" __global__ void __launch_bounds__(256) attend(const T* __restrict__ q, const T* __restrict__ k,
    const T* __restrict__ v, const S* __restrict__ past, const T* __restrict__ decay, const T* __restrict__ beta,
    T* __restrict__ y, P* __restrict__ present) {
  begin();
  const int warp = (blockIdx.x * 256 + threadIdx.x) / 32, lane = threadIdx.x % 32;
  if (warp >= kBatches * kKvHeads * kValues) return;
  const int j = warp % kValues, task = warp / kValues, batch = task / kKvHeads, head = task % kKvHeads;
  constexpr int kShare = (kKeys + 31) / 32, kGroup = kHeads / kKvHeads;
  float state[kShare], key[kShare];
#pragma unroll
  for (int s = 0; s < kShare; ++s) {
    const int i = s * 32 + lane;
    state[s] = kPast && i < kKeys ? (float)wide(past[((long long)task * kKeys + i) * kValues + j]) : 0.0f;
  }
  for (int t = 0; t < kSteps; ++t) {
    const long long row = (long long)batch * kSteps + t;
    float retrieved = 0;
#pragma unroll
    for (int s = 0; s < kShare; ++s) {
      const int i = s * 32 + lane;
      const bool in = i < kKeys;
      key[s] = in ? (float)wide(k[(row * kKvHeads + head) * kKeys + i]) : 0.0f;
      if (kDecays && in)
        state[s] *= expf((float)wide(decay[row * kDecays + (kDecays == kKvHeads ? head : head * kKeys + i)]));
      retrieved += state[s] * key[s];
    }
    float update = wide(v[(row * kKvHeads + head) * kValues + j]);
    if (kDelta) update = (float)wide(beta[row * kBetas + (kBetas == 1 ? 0 : head)]) * (update - over_warp(retrieved));
#pragma unroll
    for (int s = 0; s < kShare; ++s) state[s] += key[s] * update;
#pragma unroll 1
    for (int reader = head * kGroup; reader < (head + 1) * kGroup; ++reader) {
      float sum = 0;
#pragma unroll
      for (int s = 0; s < kShare; ++s) {
        const int i = s * 32 + lane;
        if (i < kKeys) sum += (float)wide(q[(row * kHeads + reader) * kKeys + i]) * state[s];
      }
      sum = over_warp(sum);
      if (lane == 0) y[(row * kHeads + reader) * kValues + j] = narrow<T>(kScale * sum);
    }
  }
  if (!kPresent) return;
#pragma unroll
  for (int s = 0; s < kShare; ++s) {
    const int i = s * 32 + lane;
    if (i < kKeys) present[((long long)task * kKeys + i) * kValues + j] = narrow<P>(state[s]);
  }
}
)";

Result<Job> generate_linear(const Problem& p, const std::string&, const Device&) {
  VIVACE_ASSIGN(const Linear l, supported<linear_of>(p));
  const int64_t warps = l.batches * l.kv_heads * l.values;
  if (warps == 0 || l.keys == 0) return Job();
  const bool present = asked_for(p, 1);
  const float given_scale = p.attributes().real("scale");
  Source s = start_of(p);
  s.add(std::string("using S = ") + type_name(p.inputs[p.has(3) ? 3 : 0].type) +
        ";\nusing P = " + type_name(p.outputs[present ? 1 : 0].type) + ";\n");
  s.constant("kBatches", l.batches).constant("kSteps", l.steps).constant("kHeads", l.heads);
  s.constant("kKvHeads", l.kv_heads).constant("kKeys", l.keys).constant("kValues", l.values);
  s.constant("kDecays", l.decays).constant("kBetas", l.betas).constant("kDelta", l.delta).constant("kPast", p.has(3));
  s.constant("kPresent", present);
  s.real("kScale", given_scale != 0 ? given_scale : 1 / std::sqrt(static_cast<float>(l.keys))).add(kLinear);
  return job_of_one(launch_of(
      "attend", s.text(), warps * 32,
      {input(0), input(1), input(2), given(p, 3), given(p, 4), given(p, 5), output(), present ? output(1) : output()}));
}
double estimate_linear(const Problem& p, const std::string&, const Device& device) {
  Linear l{};
  if (!linear_of(p, l)) return 1;
  constexpr double kSecondsOfStep = 1e-6;  // loads and two sums over a warp, one after the other
  return roofline_seconds(0, cpu::bytes_of(p), 1, device) + static_cast<double>(l.steps) * kSecondsOfStep;
}

}  // namespace

extern const Tactic rotary_tactic{
    .name = "cuda_rotary",
    .version = 1,
    .operators = {"RotaryEmbedding"},
    .supports = supports_job<Rotation, rotation_of>,
    .estimate = estimate_bytes,
    .generate = generate_rotary,
};
extern const Tactic causal_conv_tactic{
    .name = "cuda_causal_conv",
    .version = 1,
    .operators = {"CausalConvWithState"},
    .supports = supports_causal,
    .estimate = estimate_bytes,
    .generate = generate_causal,
};
extern const Tactic state_attention_tactic{
    .name = "cuda_linear_attention",
    .version = 1,
    .operators = {"LinearAttention"},
    .supports = supports_job<Linear, linear_of>,
    .estimate = estimate_linear,
    .generate = generate_linear,
};

}  // namespace vivace::cuda
