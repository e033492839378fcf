// Attention with all its options (a cache of keys and values, valid lengths, a soft cap, scores as a result, masks
// shorter than the keys), for any number of keys: a block for each query of each head, which takes the keys in chunks
// and scales what it has so far whenever a chunk has a larger score.
#include <cmath>

#include "backends/cuda/rows/elementwise.h"

namespace vivace::cuda {

namespace {

constexpr int64_t kChunk = 1024;       // keys
constexpr int64_t kMostDepth = 4096;   // floats of a query in shared memory
constexpr int64_t kMostValues = 2048;  // of a head: 256 threads keep 8 each

struct Cached {
  int64_t batch, heads, kv_heads, queries, keys, past, depth, values;
  bool flat, scores;
  int64_t mode;
};

Verdict cached_of(const Problem& p, Cached& a) {
  for (const std::vector<TensorInfo>* all : {&p.inputs, &p.outputs})
    for (const TensorInfo& t : *all)
      if (t.channel_block || elements(t.shape) > INT32_MAX) return no("row-major, fewer than 2^31 elements only");
  const Shape &q = p.inputs[0].shape, &k = p.inputs[1].shape, &v = p.inputs[2].shape;
  a.flat = q.size() == 3;
  a.batch = q[0];
  a.heads = a.flat ? p.attributes().integer("q_num_heads") : q[1];
  a.kv_heads = a.flat ? p.attributes().integer("kv_num_heads") : k[1];
  if (a.heads < 1 || a.kv_heads < 1) return no("no heads");
  a.queries = q[a.flat ? 1 : 2];
  a.keys = k[a.flat ? 1 : 2];
  a.depth = a.flat ? q[2] / a.heads : q[3];
  a.values = a.flat ? v[2] / a.kv_heads : v[3];
  a.past = p.has(4) ? p.inputs[4].shape[2] : 0;
  a.scores = asked_for(p, 3);
  a.mode = a.scores ? p.attributes().integer("qk_matmul_output_mode") : -1;
  if (a.depth > kMostDepth || a.values > kMostValues) return no("heads of more than 2048 values");
  if (a.batch * a.heads * a.queries > INT32_MAX) return no("more queries than a grid takes");
  return yes();
}

constexpr const char* kAttention = R"(
template <class F> __device__ __forceinline__ W over_block(W v, F f) {
  __shared__ W partial[8];
  for (int step = 16; step > 0; step /= 2) v = f(v, __shfl_xor_sync(0xffffffffu, v, step));
  __syncthreads();
  if (threadIdx.x % 32 == 0) partial[threadIdx.x / 32] = v;
  __syncthreads();
  v = partial[0];
  for (int i = 1; i < 8; ++i) v = f(v, partial[i]);
  return v;
}
__device__ __forceinline__ W plus(W a, W b) { return a + b; }
__device__ __forceinline__ W larger(W a, W b) { return a < b ? b : a; }
__device__ __forceinline__ W masked(bool keep) { return keep ? W(0) : -W(__uint_as_float(0x7f800000u)); }
template <class M> __device__ __forceinline__ W masked(M value) { return wide(value); }
// Where row `at` of a head of keys or values lies: in the cache, or behind it among those of now.
template <class E> __device__ __forceinline__ const E* row_of(const E* past, const E* now, int b, int head, int at, int size) {
  if (at < kPast) return past + (((long long)b * kKvHeads + head) * kPast + at) * size;
  at -= kPast;
  return now + (kFlat ? ((long long)b * kKeys + at) * kKvHeads + head : ((long long)b * kKvHeads + head) * kKeys + at) * size;
}

extern "C" __global__ void __launch_bounds__(256) attention(const T* __restrict__ q, const T* __restrict__ k,
    const V* __restrict__ v, const Mask* __restrict__ mask, const T* __restrict__ past_k, const V* __restrict__ past_v,
    const long long* __restrict__ valid, T* __restrict__ y, T* scores_out, W* kept) {
  begin();
  __shared__ W query[kDepth + 1], scores[kChunk];
  const int row = blockIdx.x, i = row % kQueries, head = row / kQueries % kHeads, b = row / kQueries / kHeads;
  const int shared_head = head / (kHeads / kKvHeads), lane = threadIdx.x % 32;
  const long long own = kFlat ? ((long long)b * kQueries + i) * kHeads + head : row;
  const W least = -W(__uint_as_float(0x7f800000u));
  for (int d = threadIdx.x; d < kDepth; d += 256) query[d] = wide(q[own * kDepth + d]);
  W most = least, sum = 0, all[kShare] = {};
  for (int first = 0; first < kTotal; first += kChunk) {
    const int count = min(kChunk, kTotal - first);
    __syncthreads();
    for (int c = threadIdx.x / 32; c < count; c += 8) {
      const int j = first + c;
      const T* const key = row_of(past_k, k, b, shared_head, j, kDepth);
      W s = 0;
      for (int d = lane; d < kDepth; d += 32) s += query[d] * (W)wide(key[d]);
      for (int step = 16; step > 0; step /= 2) s += __shfl_xor_sync(0xffffffffu, s, step);
      if (lane != 0) continue;
      const long long at = (long long)row * kTotal + j;
      s *= kScale;
      if (kMode == 0) scores_out[at] = narrow<T>(s);
      if (kCapped) s = tanh(s / kCap) * kCap;
      if (kMode == 1) scores_out[at] = narrow<T>(s);
      if (kMasked) s += kMaskSpread ? masked(mask[MASK_ROW]) : j < kMaskWidth ? masked(mask[(MASK_ROW) * kMaskWidth + j]) : least;
      if ((kCausal && j > kPast + i) || (kValid && j >= valid[b])) s = least;
      if (kMode == 2) scores_out[at] = narrow<T>(s);
      if (kMode == 3) kept[at] = s;
      scores[c] = s;
    }
    __syncthreads();
    W now = most, part = 0;
    for (int c = threadIdx.x; c < count; c += 256) now = larger(now, scores[c]);
    now = over_block(now, larger);
    if (now == least) continue;
    for (int c = threadIdx.x; c < count; c += 256) {
      scores[c] = exp(scores[c] - now);
      part += scores[c];
    }
    const W shrunk = exp(most - now);
    sum = sum * shrunk + over_block(part, plus);
    most = now;
#pragma unroll
    for (int n = 0; n < kShare; ++n) {
      const int d = n * 256 + threadIdx.x;
      all[n] *= shrunk;
      if (d < kValues)
        for (int c = 0; c < count; ++c)
          all[n] += scores[c] * (W)wide(row_of(past_v, v, b, shared_head, first + c, kValues)[d]);
    }
  }
#pragma unroll
  for (int n = 0; n < kShare; ++n)
    if (n * 256 + threadIdx.x < kValues) y[own * kValues + n * 256 + threadIdx.x] = narrow<T>(most == least ? W(0) : all[n] / sum);
  if (kMode != 3) return;
  __syncthreads();
  for (int j = threadIdx.x; j < kTotal; j += 256) {
    const long long at = (long long)row * kTotal + j;
    scores_out[at] = narrow<T>(most == least ? W(0) : exp(kept[at] - most) / sum);
  }
}
)";

// Keys or values of the cache and of now, one after the other.
constexpr const char* kPresent = R"(
extern "C" __global__ void __launch_bounds__(256) present(const E* __restrict__ past, const E* __restrict__ now, E* all) {
  begin();
  const int i = blockIdx.x * 256 + threadIdx.x;
  if (i >= kCount) return;
  const int d = i % kSize, at = i / kSize % kTotal - kPast, head = i / kSize / kTotal % kKvHeads, b = i / kSize / kTotal / kKvHeads;
  all[i] = at < 0 ? past[((b * kKvHeads + head) * kPast + at + kPast) * kSize + d]
                  : now[(kFlat ? (b * kKeys + at) * kKvHeads + head : (b * kKvHeads + head) * kKeys + at) * kSize + d];
}
)";

Result<Job> generate(const Problem& p, const std::string&, const Device&) {
  VIVACE_ASSIGN(const Cached a, supported<cached_of>(p));
  const int64_t total = a.past + a.keys, rows = a.batch * a.heads * a.queries;
  const auto given = [&](size_t i) { return input(static_cast<int>(p.has(i) ? i : 0)); };
  Source sizes;
  sizes.add(prelude()).add(element_helpers()).constant("kKvHeads", a.kv_heads).constant("kKeys", a.keys);
  sizes.constant("kPast", a.past).constant("kTotal", total).constant("kFlat", a.flat);
  Job job;
  for (const size_t i : {size_t{1}, size_t{2}}) {
    const int64_t count = asked_for(p, i) ? elements(p.outputs[i].shape) : 0;
    if (count == 0) continue;
    Launch launch;
    launch.name = "present";
    launch.waits = true;
    launch.source = Source(sizes)
                        .add(std::string("using E = ") + type_name(p.inputs[i].type) + ";\n")
                        .constant("kCount", count)
                        .constant("kSize", i == 1 ? a.depth : a.values)
                        .add(kPresent)
                        .text();
    launch.grid[0] = blocks_for(count, launch.block);
    launch.arguments = {given(i + 3), input(static_cast<int>(i)), output(static_cast<int>(i))};
    job.launches.push_back(std::move(launch));
  }
  if (rows == 0) return job;

  const DType type = p.inputs[0].type;
  Source s = sizes;
  s.add(std::string("using T = ") + type_name(type) + ";\nusing V = " + type_name(p.inputs[2].type) +
        ";\nusing Mask = " + type_name(p.inputs[p.has(3) ? 3 : 0].type) +
        ";\nusing W = " + (type == DType::f64 ? "double" : "float") + ";\n");
  s.constant("kHeads", a.heads)
      .constant("kQueries", a.queries)
      .constant("kDepth", a.depth)
      .constant("kValues", a.values);
  s.constant("kChunk", kChunk)
      .constant("kShare", std::max<int64_t>(1, (a.values + 255) / 256))
      .constant("kMode", a.mode);
  s.constant("kCausal", p.attributes().integer("is_causal") != 0).constant("kValid", p.has(6));
  s.real("kScale", p.attributes().real("scale", static_cast<float>(1 / std::sqrt(static_cast<double>(a.depth)))));
  const float cap = p.attributes().real("softcap");
  s.constant("kCapped", cap > 0).real("kCap", cap).constant("kMasked", p.has(3));
  int64_t width = 1;
  std::string mask_row = "0";
  if (p.has(3)) {
    // Its last dimension lies along the keys, the others broadcast to the rows of scores.
    const Shape& mask = p.inputs[3].shape;
    width = mask.back();
    Shape strides(3, 0);
    int64_t step = 1;
    for (size_t d = mask.size() - 1; d-- > 0; step *= mask[d])
      if (mask[d] != 1) strides[4 - mask.size() + d] = step;
    mask_row = strided_offset("row", {a.batch, a.heads, a.queries}, strides);
  }
  s.constant("kMaskWidth", width).constant("kMaskSpread", width == 1).add("#define MASK_ROW " + mask_row + "\n");
  s.add(kAttention);
  Launch launch;
  launch.name = "attention";
  launch.waits = true;
  launch.source = s.text();
  launch.grid[0] = static_cast<unsigned>(rows);
  launch.arguments = {
      input(0),   input(1), input(2), given(3), given(4), given(5), given(6), output(), a.scores ? output(3) : output(),
      workspace()};
  job.workspace =
      a.mode == 3 ? static_cast<size_t>(rows * total) * (type == DType::f64 ? sizeof(double) : sizeof(float)) : 0;
  job.launches.push_back(std::move(launch));
  return job;
}

double estimate(const Problem& p, const std::string&, const Device& device) {
  Cached a{};
  if (!cached_of(p, a)) return 1;
  const double pairs = static_cast<double>(a.batch * a.heads * a.queries) * static_cast<double>(a.past + a.keys);
  return roofline_seconds(2 * pairs * static_cast<double>(a.depth + a.values), cpu::bytes_of(p), 0.04, device);
}

}  // namespace

extern const Tactic attention_any_tactic{
    .name = "cuda_attention_cached",
    .version = 1,
    .operators = {"Attention"},
    .supports = supports_job<Cached, cached_of>,
    .estimate = estimate,
    .generate = generate,
};

}  // namespace vivace::cuda
