// InstanceNormalization and GroupNormalization of images with their channels last, in two kernels: sums of each channel
// over parts of the pixels, then every pixel.
//
// Sums are of differences from the first element of the group, which is near its mean unless the data are strange: so
// the difference of two sums that variance is keeps its bits.
#include "backends/cuda/lower.h"
#include "backends/cuda/rows/elementwise.h"
#include "backends/cuda/rows/sets.h"

namespace vivace::cuda {

namespace {

struct Plan {
  int64_t batch = 0, channels = 0, lanes = 0, pixels = 0, of_group = 0;
  ColumnThreads threads{};
  int64_t parts = 1, part = 0;  // of the pixels, for sums
  int64_t blocks = 1;           // of an image, for the result
};

Verdict plan_of(const Problem& p, Plan& plan) {
  const TensorInfo &x = p.inputs[0], &y = p.outputs[0];
  if (!x.channel_block || !y.channel_block || x.channel_block % kChannelUnit || y.channel_block % kChannelUnit)
    return no("channels last only");
  if (x.type != DType::f16 && x.type != DType::bf16 && x.type != DType::f32) return no("f32, f16 and bf16 only");
  if (!p.has(2) || !is_float(p.inputs[1].type) || !is_float(p.inputs[2].type)) return no("no scale or bias");
  plan.batch = x.shape[0], plan.channels = x.shape[1], plan.pixels = elements(std::span(x.shape).subspan(2));
  if (plan.batch * plan.pixels * std::max(x.channel_block, y.channel_block) > kMostElements)
    return no("more than 2^31 elements");
  constexpr int64_t kMostLanes = 2048;  // in shared memory, four times
  plan.lanes = (plan.channels + kChannelUnit - 1) / kChannelUnit * kChannelUnit;
  if (plan.lanes > kMostLanes || plan.batch > 65535) return no("too many channels");
  const int64_t groups =
      p.node->op == "InstanceNormalization" ? plan.channels : p.attributes().integer("num_groups", 1);
  plan.of_group = plan.channels / groups;
  const int64_t units = plan.lanes / kChannelUnit;
  plan.threads = column_threads(units, plan.pixels, 16);
  const int64_t blocks = tiles(units, plan.threads.columns) * plan.batch,
                rows = plan.threads.block / plan.threads.columns;
  constexpr int64_t kMostParts = 16;
  plan.parts = std::clamp<int64_t>(std::min(2 * kFillingBlocks / blocks, plan.pixels / (4 * rows)), 1, kMostParts);
  plan.part = (plan.pixels + plan.parts - 1) / plan.parts;
  plan.blocks = std::clamp<int64_t>(2 * kFillingBlocks / plan.batch, 1, tiles(plan.pixels * units, 256));
  return yes();
}

constexpr const char* kSums = R"(
extern "C" __global__ void __launch_bounds__(kBlock) sums(const X* x, float* all) {
  begin();
  constexpr int kRows = kBlock / kTeam, kElements = kTeam * 8;
  const int column = threadIdx.x % kTeam, row = threadIdx.x / kTeam, lane = (blockIdx.x * kTeam + column) * 8;
  const int last = (blockIdx.y + 1) * kPart < kPixels ? (blockIdx.y + 1) * kPart : kPixels;
  const X* const image = x + blockIdx.z * (kPixels * kPitchIn);
  float sum[8] = {}, square[8] = {};
  if (lane < kLanes) {
    float shift[8];
    for (int k = 0; k < 8; ++k) shift[k] = lane + k < kChannels ? wide(image[(lane + k) / kOfGroup * kOfGroup]) : 0;
#pragma unroll 4
    for (int i = blockIdx.y * kPart + row; i < last; i += kRows) {
      const Vector<X, 8> v = load<8>(image + i * kPitchIn + lane);
      for (int k = 0; k < 8; ++k) {
        const float d = wide(v.v[k]) - shift[k];
        sum[k] += d;
        square[k] += d * d;
      }
    }
  }
#pragma unroll
  for (int mask = kTeam; mask < 32; mask *= 2)
    for (int k = 0; k < 8; ++k) {
      sum[k] += __shfl_xor_sync(0xffffffffu, sum[k], mask);
      square[k] += __shfl_xor_sync(0xffffffffu, square[k], mask);
    }
  __shared__ float partial[kBlock / 32][2][kElements];
  if (threadIdx.x % 32 < kTeam)
    for (int k = 0; k < 8; ++k) {
      partial[threadIdx.x / 32][0][column * 8 + k] = sum[k];
      partial[threadIdx.x / 32][1][column * 8 + k] = square[k];
    }
  __syncthreads();
  for (int i = threadIdx.x; i < 2 * kElements; i += kBlock) {
    const int of = i / kElements, at = blockIdx.x * kElements + i % kElements;
    float total = 0;
    for (int w = 0; w < kBlock / 32; ++w) total += partial[w][of][i % kElements];
    if (at < kLanes) all[((blockIdx.z * kParts + blockIdx.y) * 2 + of) * kLanes + at] = total;
  }
}
)";

constexpr const char* kApply = R"(
extern "C" __global__ void __launch_bounds__(256) apply(const X* x, const float* all, const S* scale, const S* bias,
    X* y) {
  begin();
  __shared__ float sum[kLanes], square[kLanes], factor[kLanes], offset[kLanes];
  const X* const image = x + blockIdx.y * (kPixels * kPitchIn);
  for (int c = threadIdx.x; c < kLanes; c += 256) {
    float s = 0, q = 0;
    for (int part = 0; part < kParts; ++part) {
      const float* const of_part = all + (blockIdx.y * kParts + part) * 2 * kLanes + c;
      s += of_part[0];
      q += of_part[kLanes];
    }
    sum[c] = s;
    square[c] = q;
  }
  __syncthreads();
  for (int c = threadIdx.x; c < kLanes; c += 256) {
    factor[c] = offset[c] = 0;
    if (c >= kChannels) continue;
    const int first = c / kOfGroup * kOfGroup;
    float s = 0, q = 0;
    for (int k = 0; k < kOfGroup; ++k) {
      s += sum[first + k];
      q += square[first + k];
    }
    constexpr float kShare = 1.0f / ((float)kOfGroup * kPixels);
    const float mean = s * kShare, variance = q * kShare - mean * mean;
    factor[c] = wide(scale[c]) / sqrt((variance > 0 ? variance : 0 * variance) + EPSILON);
    offset[c] = wide(bias[c]) - (mean + wide(image[first])) * factor[c];
  }
  __syncthreads();
  for (int i = blockIdx.x * 256 + threadIdx.x; i < kPixels * kUnits; i += kBlocks * 256) {
    const int pixel = i / kUnits, lane = i % kUnits * 8;
    const Vector<X, 8> v = load<8>(image + pixel * kPitchIn + lane);
    Vector<X, 8> r;
    for (int k = 0; k < 8; ++k)
      r.v[k] = lane + k < kChannels ? narrow<X>(wide(v.v[k]) * factor[lane + k] + offset[lane + k]) : X{};
    store<8>(y + blockIdx.y * (kPixels * kPitchOut) + pixel * kPitchOut + lane, r);
  }
}
)";

Result<Job> generate(const Problem& p, const std::string&, const Device&) {
  VIVACE_ASSIGN(const Plan plan, supported<plan_of>(p));
  Source common;
  common.add(prelude()).add(element_helpers());
  common.add(std::string("using X = ") + type_name(p.inputs[0].type) + ";\nusing S = " + type_name(p.inputs[1].type) +
             ";\n");
  common.constant("kPixels", plan.pixels).constant("kChannels", plan.channels).constant("kLanes", plan.lanes);
  common.constant("kUnits", plan.lanes / kChannelUnit).constant("kOfGroup", plan.of_group);
  common.constant("kPitchIn", p.inputs[0].channel_block).constant("kPitchOut", p.outputs[0].channel_block);
  common.constant("kParts", plan.parts).constant("kPart", plan.part).constant("kTeam", plan.threads.columns);
  common.constant("kBlock", plan.threads.block).constant("kBlocks", plan.blocks);
  common.real("EPSILON", p.attributes().real("epsilon", 1e-5f));
  Launch sums, apply;
  sums.name = "sums";
  sums.waits = true;
  sums.block = static_cast<unsigned>(plan.threads.block);
  sums.grid[0] = tiles(plan.lanes / kChannelUnit, plan.threads.columns);
  sums.grid[1] = static_cast<unsigned>(plan.parts);
  sums.grid[2] = static_cast<unsigned>(plan.batch);
  sums.source = Source(common).add(kSums).text();
  sums.arguments = {input(0), workspace()};
  apply.name = "apply";
  apply.waits = true;
  apply.grid[0] = static_cast<unsigned>(plan.blocks);
  apply.grid[1] = static_cast<unsigned>(plan.batch);
  apply.source = common.add(kApply).text();
  apply.arguments = {input(0), workspace(), input(1), input(2), output()};
  Job job;
  job.launches = {std::move(sums), std::move(apply)};
  job.workspace = static_cast<size_t>(plan.batch * plan.parts * 2 * plan.lanes) * sizeof(float);
  return job;
}

}  // namespace

extern const Tactic group_norm_last_tactic{
    .name = "cuda_group_norm_last",
    .version = 2,
    .operators = {"InstanceNormalization", "GroupNormalization"},
    .supports = supports_job<Plan, plan_of>,
    .estimate = estimate_bytes<150>,
    .generate = generate,
};

}  // namespace vivace::cuda
