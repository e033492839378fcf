// grid 2 x 5 x 1, block 256, shared 0, 5 arguments
constexpr int kHeads = 2;
constexpr int kKvHeads = 1;
constexpr int kKeys = 7;
constexpr int kDepth = 8;
constexpr int kValues = 8;
constexpr int kCausal = 1;
constexpr int kPosition = 0;
constexpr int kMasked = 0;
#define kScale 0x1.6a09e6p-2f
constexpr long long kQBatch = 80, kQHead = 8, kQRow = 16;
constexpr long long kKBatch = 56, kKHead = 8, kKRow = 8;
constexpr long long kVBatch = 56, kVHead = 8, kVRow = 8;
constexpr long long kOutBatch = 80, kOutHead = 8, kOutRow = 16;
constexpr long long kMaskBatch = 0, kMaskHead = 0, kMaskQuery = 0, kMaskKey = 0;

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
__device__ __forceinline__ float plus(float a, float b) { return a + b; }
__device__ __forceinline__ float larger(float a, float b) { return a != a ? a : b != b ? b : fmaxf(a, b); }

extern "C" __global__ void __launch_bounds__(256) attention(const float* __restrict__ q, const float* __restrict__ k,
    const float* __restrict__ v, const float* __restrict__ mask, float* __restrict__ out) {
  __shared__ float scores[kKeys], query[kDepth];
  const int batch = blockIdx.x / kHeads, head = blockIdx.x % kHeads, row = blockIdx.y;
  const int shared_head = head / (kHeads / kKvHeads);
  q += batch * kQBatch + head * kQHead + (long long)row * kQRow;
  k += batch * kKBatch + shared_head * kKHead;
  v += batch * kVBatch + shared_head * kVHead;
  for (int d = threadIdx.x; d < kDepth; d += 256) query[d] = q[d];
  __syncthreads();
  const int seen = kCausal ? min(kKeys, row + kPosition + 1) : kKeys;
  const float least = -__uint_as_float(0x7f800000u);
  // A warp for each key: its lanes read neighbours.
  for (int key = threadIdx.x / 32; key < seen; key += 8) {
    float sum = 0;
    for (int d = threadIdx.x % 32; d < kDepth; d += 32) sum += query[d] * k[(long long)key * kKRow + d];
    for (int step = 16; step > 0; step /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, step);
    if (threadIdx.x % 32 == 0) {
      sum *= kScale;
      if (kMasked) sum += mask[batch * kMaskBatch + head * kMaskHead + (long long)row * kMaskQuery + key * kMaskKey];
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
    for (int key = 0; key < seen; ++key) all += scores[key] * v[(long long)key * kVRow + d];
    out[d] = blind ? 0.0f : all / sum;
  }
}
