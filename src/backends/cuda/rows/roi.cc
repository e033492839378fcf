// RoiAlign, MaxRoiPool: a thread for each bin of a region and channel. Where regions and samples lie is computed in
// f64, as the reference does, for how many there are must not depend on rounding.
#include "backends/cuda/rows/elementwise.h"
#include "backends/cuda/rows/sets.h"

namespace vivace::cuda {

namespace {

Verdict supports(const Problem& p, const Device&) {
  const TensorInfo& x = p.inputs[0];
  if (!is_float(x.type) || !type_name(x.type) || p.inputs[1].type != x.type) return no("floats only");
  for (const TensorInfo* t : {&x, &p.outputs[0]}) {
    if (t->channel_block) return no("row-major only");
    if (elements(t->shape) > kMostElements) return no("more than 2^31 elements");
  }
  return yes();
}

constexpr const char* kBegin = R"(
  begin();
  const int i = blockIdx.x * 256 + threadIdx.x;
  if (i >= kElements) return;
  const int column = i % kColumns, row = i / kColumns % kRows, channel = i / (kColumns * kRows) % kChannels;
  const int region = i / (kColumns * kRows) / kChannels;
  const X* const bounds = regions + region * kBounds;
)";

constexpr const char* kAlign = R"(
// The neighbours of sample `s` of bin `b` among `size` pixels: how many there are, from `low` on.
__device__ __forceinline__ int taps_of(double start, double bin, int b, int s, int samples, int size, int& low, W& part) {
  double at = start + b * bin + (s + 0.5) * bin / samples;
  // A pixel beyond the image still belongs to it; further out there is nothing.
  if (!(at >= -1 && at <= size) || size == 0) return 0;
  at = fmin(fmax(at, 0.0), size - 1.0);
  low = (int)at;
  part = (W)(at - low);
  return part > 0 && low + 1 < size ? 2 : 1;
}
extern "C" __global__ void __launch_bounds__(256) pool_regions(const X* __restrict__ x, const X* __restrict__ regions,
    const long long* __restrict__ batches, X* __restrict__ y, unsigned* fault) {
)";
constexpr const char* kAlignBody = R"(
  const long long batch = batches[region];
  double start[2], bin[2], samples[2];  // along width and height
#pragma unroll
  for (int axis = 0; axis < 2; ++axis) {
    start[axis] = wide(bounds[axis]) * (double)kScale - kOffset;
    double size = wide(bounds[axis + 2]) * (double)kScale - kOffset - start[axis];
    if (kOffset == 0 && size < 1) size = 1;
    bin[axis] = size / (axis == 0 ? kColumns : kRows);
    samples[axis] = kRatio > 0 ? kRatio : fmax(0.0, ceil(bin[axis]));
  }
  const bool sampled = samples[0] * samples[1] <= 1 << 20 &&
                       fmax(samples[0], samples[1]) * (kRows > kColumns ? kRows : kColumns) <= 1e7;
  if (batch < 0 || batch >= kBatch || !sampled) {
    *fault = 1;
    return;
  }
  const X* const image = x + (batch * kChannels + channel) * (kHeight * kWidth);
  const int samples_x = (int)samples[0], samples_y = (int)samples[1];
  W sum = 0, best = -(W)__uint_as_float(0x7f800000u);
  for (int r = 0; r < samples_y; ++r) {
    int top = 0;
    W below = 0;
    const int lines = taps_of(start[1], bin[1], row, r, samples_y, kHeight, top, below);
    for (int c = 0; c < samples_x; ++c) {
      int left = 0;
      W beyond = 0;
      const int pixels = taps_of(start[0], bin[0], column, c, samples_x, kWidth, left, beyond);
      // The maximum is over weighted neighbours; a missing one counts 0.
      if (lines * pixels < 4 && best < 0) best = 0;
      for (int v = 0; v < lines; ++v)
        for (int h = 0; h < pixels; ++h) {
          const W weight = (v ? below : 1 - below) * (h ? beyond : 1 - beyond);
          const W weighted = weight * (W)wide(image[(top + v) * kWidth + left + h]);
          sum += weighted;
          if (best < weighted) best = weighted;
        }
    }
  }
  const int count = samples_x * samples_y;
  if (kMaximum) y[i] = narrow<X>(best - best == 0 ? best : (W)0);
  else y[i] = narrow<X>(sum / (count > 1 ? count : 1));
}
)";

constexpr const char* kPool = R"(
// The first pixel of a bin, or the one after its last.
__device__ __forceinline__ int edge(double start, double at, int size) {
  const double v = start + at;
  return v > 0 ? (int)fmin(v, (double)size) : 0;
}
extern "C" __global__ void __launch_bounds__(256) pool_regions(const X* __restrict__ x, const X* __restrict__ regions,
    X* __restrict__ y, unsigned* fault) {
)";
constexpr const char* kPoolBody = R"(
  const double batch = wide(bounds[0]);
  if (!(batch >= 0 && batch < kBatch)) {
    *fault = 1;
    return;
  }
  const X* const image = x + ((long long)batch * kChannels + channel) * (kHeight * kWidth);
  const double left = round(wide(bounds[1]) * (double)kScale), top = round(wide(bounds[2]) * (double)kScale);
  const double right = round(wide(bounds[3]) * (double)kScale), bottom = round(wide(bounds[4]) * (double)kScale);
  const double width = (right - left + 1 < 1 ? 1 : right - left + 1) / kColumns;
  const double height = (bottom - top + 1 < 1 ? 1 : bottom - top + 1) / kRows;
  const int y0 = edge(top, floor(row * height), kHeight), y1 = edge(top, ceil((row + 1) * height), kHeight);
  const int x0 = edge(left, floor(column * width), kWidth), x1 = edge(left, ceil((column + 1) * width), kWidth);
  W best = y0 < y1 && x0 < x1 ? -(W)__uint_as_float(0x7f800000u) : (W)0;
  for (int r = y0; r < y1; ++r)
    for (int c = x0; c < x1; ++c) {
      const W v = wide(image[r * kWidth + c]);
      if (best < v) best = v;
    }
  y[i] = narrow<X>(best);
}
)";

Result<Job> generate(const Problem& p, const std::string&, const Device&) {
  const Shape &x = p.inputs[0].shape, &y = p.outputs[0].shape;
  const ir::Attributes& attributes = p.attributes();
  const bool align = p.node->op == "RoiAlign", wide = p.inputs[0].type == DType::f64;
  if (elements(y) == 0) return Job();
  Source source;
  source.add(prelude())
      .add(element_helpers())
      .add(std::string("using X = ") + type_name(p.inputs[0].type) + ";\nusing W = " + (wide ? "double" : "float") +
           ";\n");
  source.constant("kElements", elements(y)).constant("kRows", y[2]).constant("kColumns", y[3]);
  source.constant("kBatch", x[0]).constant("kChannels", x[1]).constant("kHeight", x[2]).constant("kWidth", x[3]);
  source.constant("kBounds", align ? 4 : 5).real("kScale", static_cast<float>(attributes.real("spatial_scale", 1)));
  Launch launch;
  launch.name = "pool_regions";
  launch.waits = true;
  launch.grid[0] = blocks_for(elements(y), launch.block);
  if (align) {
    const bool half = attributes.text("coordinate_transformation_mode", "half_pixel") == "half_pixel";
    source.real("kOffset", half ? 0.5f : 0.0f).constant("kMaximum", attributes.text("mode", "avg") == "max");
    source.constant("kRatio", attributes.integer("sampling_ratio"));
    launch.source = source.add(kAlign).add(kBegin).add(kAlignBody).text();
    launch.arguments = {input(0), input(1), input(2), output(), fault()};
  } else {
    launch.source = source.add(kPool).add(kBegin).add(kPoolBody).text();
    launch.arguments = {input(0), input(1), output(), fault()};
  }
  Job job = job_of_one(std::move(launch));
  job.fault = align ? "a region's batch index is out of range, or it is too large to sample"
                    : "a region's batch is out of range";
  return job;
}

}  // namespace

extern const Tactic roi_tactic{
    .name = "cuda_roi",
    .version = 1,
    .operators = {"RoiAlign", "MaxRoiPool"},
    .supports = supports,
    .estimate = estimate_bytes<200>,
    .generate = generate,
};

}  // namespace vivace::cuda
