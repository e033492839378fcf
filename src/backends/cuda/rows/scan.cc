// CumSum, CumProd: short or many lines by a thread each, long ones by a block, 256 elements at a time.
#include "backends/cuda/rows/elementwise.h"
#include "backends/cuda/rows/sets.h"

namespace vivace::cuda {

namespace {

struct Lines {
  ops::AxisSplit split{};
  bool by_block = false;
};

Verdict lines_of(const Problem& p, Lines& lines) {
  const TensorInfo& x = p.inputs[0];
  if ((!is_float(x.type) && !is_integer(x.type)) || x.channel_block || p.outputs[0].channel_block)
    return no("row-major numbers only");
  if (!p.has(1) || !p.inputs[1].constant || p.inputs[1].constant->count() != 1) return no("the axis is not constant");
  if (elements(x.shape) > kMostElements) return no("more than 2^31 elements");
  const int axis = ops::normalized_axis(to_int64(*p.inputs[1].constant)[0], static_cast<int>(x.shape.size()));
  if (axis < 0) return no("the axis is out of range");
  lines.split = ops::split_at(x.shape, axis);
  constexpr int64_t kLong = 128, kMany = 1 << 14;
  lines.by_block = lines.split.size >= kLong && lines.split.outer * lines.split.inner < kMany;
  return yes();
}

// The element at step `i` of a line lies kInner * (kReverse ? kSize - 1 - i : i) behind its start.
constexpr const char* kByThread = R"(
extern "C" __global__ void __launch_bounds__(64) scan(const X* x, X* y) {
  begin();
  const int line = blockIdx.x * 64 + threadIdx.x;
  if (line >= kLines) return;
  const int start = line / kInner * kSize * kInner + line % kInner;
  R all = START;
#pragma unroll 4
  for (int i = 0; i < kSize; ++i) {
    const int at = start + (kReverse ? kSize - 1 - i : i) * kInner;
    const R next = JOIN(all, (R)wide(x[at]));
    y[at] = narrow<X>((W)(kExclusive ? all : next));
    all = next;
  }
}
)";
constexpr const char* kByBlock = R"(
extern "C" __global__ void __launch_bounds__(256) scan(const X* x, X* y) {
  begin();
  const int line = blockIdx.x, start = line / kInner * kSize * kInner + line % kInner;
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  __shared__ R of_warps[8];
  R before = START;  // of all chunks so far
  for (int first = 0; first < kSize; first += 256) {
    const int i = first + threadIdx.x, at = start + (kReverse ? kSize - 1 - i : i) * kInner;
    R sum = i < kSize ? (R)wide(x[at]) : START;
    for (int step = 1; step < 32; step *= 2) {
      const R other = __shfl_up_sync(0xffffffffu, sum, step);
      if (lane >= step) sum = JOIN(other, sum);
    }
    R exclusive = __shfl_up_sync(0xffffffffu, sum, 1);
    if (lane == 0) exclusive = START;
    if (lane == 31) of_warps[warp] = sum;
    __syncthreads();
    R base = before;
    for (int w = 0; w < 8; ++w) {
      if (w < warp) base = JOIN(base, of_warps[w]);
      before = JOIN(before, of_warps[w]);
    }
    if (i < kSize) y[at] = narrow<X>((W)JOIN(base, kExclusive ? exclusive : sum));
    __syncthreads();
  }
}
)";

Result<Job> generate(const Problem& p, const std::string&, const Device&) {
  VIVACE_ASSIGN(const Lines lines, supported<lines_of>(p));
  const DType type = p.inputs[0].type;
  const bool half = type == DType::f16 || type == DType::bf16, product = p.node->op == "CumProd";
  const int64_t count = lines.split.outer * lines.split.inner;
  Launch launch;
  launch.name = "scan";
  launch.waits = true;
  launch.block = lines.by_block ? 256 : 64;
  launch.grid[0] = lines.by_block ? static_cast<unsigned>(count) : blocks_for(count, launch.block);
  launch.arguments = {input(0), output()};
  Source source;
  source.add(prelude()).add(element_helpers());
  source.add(std::string("using X = ") + type_name(type) + ";\nusing W = " + (half ? "float" : type_name(type)) +
             ";\nusing R = " +
             (half             ? "float"
              : is_float(type) ? "double"
                               : "unsigned long long") +
             ";\n");
  source.add(product ? "#define START R(1)\n#define JOIN(a, b) ((a) * (b))\n"
                     : "#define START R(0)\n#define JOIN(a, b) ((a) + (b))\n");
  source.constant("kLines", count).constant("kSize", lines.split.size).constant("kInner", lines.split.inner);
  source.constant("kReverse", p.attributes().integer("reverse") != 0);
  source.constant("kExclusive", p.attributes().integer("exclusive") != 0);
  launch.source = source.add(lines.by_block ? kByBlock : kByThread).text();
  return job_of_one(std::move(launch));
}

}  // namespace

extern const Tactic scan_tactic{
    .name = "cuda_scan",
    .version = 1,
    .operators = {"CumSum", "CumProd"},
    .supports = supports_job<Lines, lines_of>,
    .estimate = estimate_bytes<200>,
    .generate = generate,
};

}  // namespace vivace::cuda
