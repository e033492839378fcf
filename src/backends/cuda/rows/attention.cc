// Attention of any floating-point type: a block for each query of each head, its scores in shared memory in f32.
#include "backends/cuda/rows/attention.h"

namespace vivace::cuda {

namespace {

constexpr int64_t kSharedScores = 11 << 10;  // floats; 44 KB need no permission

Verdict attention_in_shared(const Problem& p, AttentionJob& a) {
  const DType type = p.outputs[0].type;
  if (type != DType::f32 && type != DType::f16 && type != DType::bf16) return no("f32, f16 and bf16 only");
  if (const Verdict verdict = attention_job(p, type, a); !verdict) return verdict;
  if (a.keys + a.depth > kSharedScores) return no("more keys than shared memory holds");
  if (a.keys < 1 || a.queries > 65535 || a.batch * a.heads > INT32_MAX) return no("more queries than a grid takes");
  return yes();
}

constexpr const char* kAttention = R"(
template <class F>
__device__ __forceinline__ float over_block(float v, F f) {
  __shared__ float partial[8];
  for (int step = 16; step > 0; step /= 2) v = f(v, __shfl_xor_sync(0xffffffffu, v, step));
  __syncthreads();
  if (threadIdx.x % 32 == 0) partial[threadIdx.x / 32] = v;
  __syncthreads();
  v = partial[0];
  for (int i = 1; i < 8; ++i) v = f(v, partial[i]);
  return v;
}
__device__ __forceinline__ float masked(bool keep) { return keep ? 0.0f : -__uint_as_float(0x7f800000u); }
template <class M> __device__ __forceinline__ float masked(M value) { return to_float(value); }
__device__ __forceinline__ float plus(float a, float b) { return a + b; }
__device__ __forceinline__ float larger(float a, float b) { return a != a ? a : b != b ? b : fmaxf(a, b); }

extern "C" __global__ void __launch_bounds__(256) attention(const T* __restrict__ q, const T* __restrict__ k,
    const T* __restrict__ v, const Mask* __restrict__ mask, T* __restrict__ out) {
  __shared__ float scores[kKeys], query[kDepth];
  const int batch = blockIdx.x / kHeads, head = blockIdx.x % kHeads, row = blockIdx.y;
  const int shared_head = head / (kHeads / kKvHeads);
  q += batch * kQBatch + head * kQHead + (long long)row * kQRow;
  k += batch * kKBatch + shared_head * kKHead;
  v += batch * kVBatch + shared_head * kVHead;
  begin();
  for (int d = threadIdx.x; d < kDepth; d += 256) query[d] = to_float(q[d]);
  __syncthreads();
  const int seen = kCausal ? min(kKeys, row + kPosition + 1) : kKeys;
  const float least = -__uint_as_float(0x7f800000u);
  // A warp for each key: its lanes read neighbours.
  for (int key = threadIdx.x / 32; key < seen; key += 8) {
    float sum = 0;
    for (int d = threadIdx.x % 32; d < kDepth; d += 32) sum += query[d] * to_float(k[(long long)key * kKRow + d]);
    for (int step = 16; step > 0; step /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, step);
    if (threadIdx.x % 32 == 0) {
      sum *= kScale;
      if (kMasked)
        sum += masked(mask[batch * kMaskBatch + head * kMaskHead + (long long)row * kMaskQuery + key * kMaskKey]);
      scores[key] = sum;
    }
  }
  __syncthreads();
  float most = least, sum = 0;
  for (int key = threadIdx.x; key < seen; key += 256) most = larger(most, scores[key]);
  most = over_block(most, larger);
  const bool blind = seen <= 0 || most == least;
  for (int key = threadIdx.x; key < seen; key += 256) {
    const float e = blind ? 0.0f : expf(scores[key] - most);
    scores[key] = e;
    sum += e;
  }
  sum = over_block(sum, plus);
  __syncthreads();
  out += batch * kOutBatch + head * kOutHead + (long long)row * kOutRow;
  for (int d = threadIdx.x; d < kValues; d += 256) {
    float all = 0;
    for (int key = 0; key < seen; ++key) all += scores[key] * to_float(v[(long long)key * kVRow + d]);
    out[d] = from_float<T>(blind ? 0.0f : all / sum);
  }
}
)";

Result<Job> generate(const Problem& p, const std::string&, const Device&) {
  VIVACE_ASSIGN(const AttentionJob a, supported<attention_in_shared>(p));
  Launch launch;
  launch.name = "attention";
  Source s;
  s.add(prelude()).add(std::string("using T = ") + type_name(p.outputs[0].type) + ";\nusing Mask = " + mask_type(p, a) +
                       ";\n");
  s.constant("kHeads", a.heads).constant("kKvHeads", a.kv_heads ? a.kv_heads : a.heads).constant("kKeys", a.keys);
  s.constant("kDepth", a.depth).constant("kValues", a.values).constant("kCausal", a.causal);
  s.constant("kPosition", a.position).constant("kMasked", a.mask_input >= 0).real("kScale", a.scale);
  const auto strides = [&](const char* name, const cpu::AttentionProblem::Strides& of) {
    const std::string k = name;
    s.add("constexpr long long " + k + "Batch = " + std::to_string(of.batch) + ", " + k +
          "Head = " + std::to_string(of.head) + ", " + k + "Row = " + std::to_string(of.row) + ";\n");
  };
  strides("kQ", a.q);
  strides("kK", a.k);
  strides("kV", a.v);
  strides("kOut", a.out);
  s.add("constexpr long long kMaskBatch = " + std::to_string(a.mask.batch) +
        ", kMaskHead = " + std::to_string(a.mask.head) + ", kMaskQuery = " + std::to_string(a.mask.query) +
        ", kMaskKey = " + std::to_string(a.mask.key) + ";\n");
  launch.source = s.add(kAttention).text();
  launch.grid[0] = static_cast<unsigned>(a.batch * a.heads);
  launch.grid[1] = static_cast<unsigned>(a.queries);
  launch.arguments = attention_arguments(p, a);
  launch.waits = true;
  return job_of_one(std::move(launch));
}

}  // namespace

extern const Tactic attention_tactic{
    .name = "cuda_attention",
    .version = 2,
    .operators = {"Attention", "vivace.PackedAttention"},
    .supports = supports_job<AttentionJob, attention_in_shared>,
    .estimate = estimate_flops<5>,
    .generate = generate,
};

}  // namespace vivace::cuda
