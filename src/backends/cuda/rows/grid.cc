// GridSample: a thread for a position of some channels, its taps found once. AffineGrid: a thread for a coordinate.
#include "backends/cuda/rows/elementwise.h"
#include "backends/cuda/rows/move.h"
#include "backends/cuda/rows/sets.h"

namespace vivace::cuda {

namespace {

bool is_float_kind(DType type) { return is_float(type) && type_name(type); }

struct Sampling {
  std::string mode, padding;
  int64_t dims = 0, taps = 0, channels = 0, positions = 0, pixels = 0;
  int64_t together = 1;  // channels of a thread
};

Verdict sampling_of(const Problem& p, Sampling& s) {
  const TensorInfo &x = p.inputs[0], &grid = p.inputs[1];
  for (const TensorInfo* t : {&x, &p.outputs[0], &grid}) {
    if (t->channel_block) return no("row-major only");
    if (elements(t->shape) > kMostElements) return no("more than 2^31 elements");
  }
  s.mode = p.attributes().text("mode", "linear");
  s.padding = p.attributes().text("padding_mode", "zeros");
  s.dims = static_cast<int64_t>(x.shape.size()) - 2;
  s.taps = s.mode == "nearest" ? 1 : s.mode == "linear" ? 2 : 4;
  if (!is_float_kind(grid.type)) return no("a grid of a type without a kernel");
  if (s.taps == 1 ? !movable(x) : !is_float_kind(x.type)) return no("a type without a kernel");
  s.channels = x.shape[1];
  s.pixels = elements(std::span(x.shape).subspan(2));
  s.positions = elements(std::span(p.outputs[0].shape).subspan(2));
  if (s.pixels == 0) return no("the image is empty");
  constexpr int64_t kMostTogether = 16;  // by then the taps' cost is small
  while (s.together < kMostTogether && s.together < s.channels &&
         x.shape[0] * s.positions * tiles(s.channels, 2 * s.together) >= kFillingThreads)
    s.together *= 2;
  return yes();
}

// Positions are computed as the reference does, in f64, for those between two pixels must fall as there.
constexpr const char* kTaps = R"(
__device__ __forceinline__ double reflected(double x, double low, double high) {
  const double range = high - low;
  if (!(range > 0)) return 0;
  if (x >= low && x <= high) return x;
  const double beyond = x < low ? low - x : x - high, turns = floor(beyond / range), rest = beyond - turns * range;
  return (turns - 2 * floor(turns / 2) == 0) == (x < low) ? low + rest : high - rest;
}
// The pixel that index i means, -1 for none.
__device__ __forceinline__ int pixel(double i, int size, double low, double high) {
  if (kZeros) return i >= 0 && i <= size - 1 ? (int)i : -1;
  if (kReflects) i = trunc(reflected(i, low, high));
  return (int)fmin(fmax(i, 0.0), (double)(size - 1));
}
struct Taps {
  int at[kTaps];
  W weight[kTaps];
};
__device__ __forceinline__ Taps taps_of(double v, int size) {
  const double low = kCorners ? 0 : -0.5, high = size - (kCorners ? 1 : 0.5);
  double x = kCorners ? (v + 1) / 2 * (size - 1) : ((v + 1) * size - 1) / 2;
  if (kRounds) x = (float)x;
  constexpr double kFar = 1e9;  // positions beyond, and what is no number, are somewhere outside
  x = x != x ? -kFar : fmin(fmax(x, -kFar), kFar);
  if (kTaps == 1) x = rint(x);
  if (x < low || x > high) {
    if (kClamps) x = fmin(fmax(x, 0.0), (double)(size - 1));
    else if (kReflects) x = reflected(x, low, high);
  }
  Taps taps;
  const double base = floor(x);
  const W part = (W)(x - base);
  if (kTaps == 1) {
    taps.at[0] = pixel(trunc(x), size, low, high);
    return taps;
  }
#pragma unroll
  for (int t = 0; t < kTaps; ++t) {
    const int j = kTaps == 2 ? t : t - 1;
    const W d = j > 0 ? j - part : part - j, a = (W)-0.75;
    taps.at[t] = pixel(base + j, size, low, high);
    taps.weight[t] = kTaps == 2 ? 1 - d
                     : d <= 1   ? ((a + 2) * d - (a + 3)) * d * d + 1
                                : ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
  }
  return taps;
}
extern "C" __global__ void __launch_bounds__(256) grid_sample(const X* __restrict__ x, const G* __restrict__ grid,
    X* __restrict__ y) {
  begin();
  const int i = blockIdx.x * 256 + threadIdx.x;
  if (i >= kThreads) return;
  const int p = i % kPositions, first = i / kPositions % kGroups * kTogether, n = i / kPositions / kGroups;
  const G* const point = grid + ((long long)n * kPositions + p) * kDims;
)";

// A loop over the taps of each dimension, those of the last innermost.
std::string loops(const Sampling& s, const Shape& image) {
  const std::string taps = std::to_string(s.taps);
  int64_t most = 1;
  for (int64_t d = 0; d < s.dims; ++d) most *= s.taps;
  constexpr int64_t kMostUnrolled = 64;
  std::string text, indent = "    ", at, weight;
  for (int64_t d = 0; d < s.dims; ++d) {
    const std::string k = std::to_string(d), t = "t" + k, here = "at" + k;
    if (most <= kMostUnrolled) text += "#pragma unroll\n";
    text += indent + "for (int " + t + " = 0; " + t + " < " + taps + "; ++" + t + ") {\n";
    indent += "  ";
    text += indent + "if (d" + k + ".at[" + t + "] < 0) continue;\n";
    at = (d ? "(" + at + ") * " + std::to_string(image[static_cast<size_t>(d)]) + " + " : "") + "d" + k + ".at[" + t +
         "]";
    weight += (d ? " * d" : "d") + k + ".weight[" + t + "]";
  }
  text +=
      indent + (s.taps == 1 ? "made = from[" + at + "];\n" : "made += " + weight + " * (W)wide(from[" + at + "]);\n");
  for (int64_t d = 0; d < s.dims; ++d) {
    indent.resize(indent.size() - 2);
    text += indent + "}\n";
  }
  return text;
}

Result<Job> sample(const Problem& p) {
  VIVACE_ASSIGN(const Sampling s, supported<sampling_of>(p));
  const TensorInfo& x = p.inputs[0];
  const Shape image(x.shape.begin() + 2, x.shape.end());
  const int64_t groups = tiles(s.channels, s.together), threads = x.shape[0] * groups * s.positions;
  if (threads == 0) return Job();
  Source source;
  source.add(prelude()).add(element_helpers());
  source.add(std::string("using X = ") + (s.taps == 1 ? unsigned_name(element_bytes(x)) : type_name(x.type)) +
             ";\nusing G = " + type_name(p.inputs[1].type) +
             ";\nusing W = " + (x.type == DType::f64 ? "double" : "float") + ";\n");
  source.constant("kThreads", threads).constant("kPositions", s.positions).constant("kPixels", s.pixels);
  source.constant("kChannels", s.channels).constant("kTogether", s.together).constant("kGroups", groups);
  source.constant("kDims", s.dims).constant("kTaps", s.taps);
  source.constant("kCorners", p.attributes().integer("align_corners") != 0);
  source.constant("kRounds", p.inputs[1].type != DType::f64).constant("kZeros", s.padding == "zeros");
  // Of a cubic sample the pixels are clamped, not the position.
  source.constant("kReflects", s.padding == "reflection").constant("kClamps", s.padding == "border" && s.taps != 4);
  source.add(kTaps);
  for (int64_t d = 0; d < s.dims; ++d)
    source.add("  const Taps d" + std::to_string(d) + " = taps_of((double)wide(point[" +
               std::to_string(s.dims - 1 - d) + "]), " + std::to_string(image[static_cast<size_t>(d)]) + ");\n");
  source.add("  for (int c = first; c < first + kTogether && c < kChannels; ++c) {\n");
  source.add("    const X* const from = x + ((long long)n * kChannels + c) * kPixels;\n");
  source.add(s.taps == 1 ? "    X made{};\n" : "    W made = 0;\n").add(loops(s, image));
  source.add("    y[((long long)n * kChannels + c) * kPositions + p] = ");
  source.add(s.taps == 1 ? "made;\n  }\n}\n" : "narrow<X>(made);\n  }\n}\n");
  Launch launch;
  launch.name = "grid_sample";
  launch.source = source.text();
  launch.waits = true;
  launch.grid[0] = blocks_for(threads, launch.block);
  launch.arguments = {input(0), input(1), output()};
  return job_of_one(std::move(launch));
}

constexpr const char* kAffine = R"(
extern "C" __global__ void __launch_bounds__(256) affine_grid(const X* __restrict__ theta, X* __restrict__ y) {
  begin();
  const int i = blockIdx.x * 256 + threadIdx.x;
  if (i >= kThreads) return;
  const int r = i % kDims, n = i / kDims / kPoints;
  const X* const line = theta + (n * kDims + r) * (kDims + 1);
  int rest = i / kDims % kPoints;
  double sum = wide(line[kDims]);
#pragma unroll
  for (int d = kDims - 1; d >= 0; --d) {
    const int size = kSizes[d], index = rest % size;
    rest /= size;
    const double at = kCorners ? (size > 1 ? 2.0 * index / (size - 1) - 1 : 0) : (2.0 * index + 1) / size - 1;
    sum += wide(line[kDims - 1 - d]) * at;
  }
  y[i] = narrow<X>(sum);
}
)";

Result<Job> affine(const Problem& p) {
  const TensorInfo& y = p.outputs[0];
  const Shape image(y.shape.begin() + 1, y.shape.end() - 1);
  const int64_t threads = elements(y.shape);
  if (threads == 0) return Job();
  Source source;
  source.add(prelude()).add(element_helpers()).add(std::string("using X = ") + type_name(y.type) + ";\n");
  source.constant("kThreads", threads).constant("kDims", y.shape.back()).constant("kPoints", elements(image));
  source.constant("kCorners", p.attributes().integer("align_corners") != 0).array("kSizes", image);
  Launch launch;
  launch.name = "affine_grid";
  launch.source = source.add(kAffine).text();
  launch.waits = true;
  launch.grid[0] = blocks_for(threads, launch.block);
  launch.arguments = {input(0), output()};
  return job_of_one(std::move(launch));
}

Verdict supports(const Problem& p, const Device&) {
  if (p.node->op == "GridSample") {
    Sampling s;
    return sampling_of(p, s);
  }
  const TensorInfo &theta = p.inputs[0], &y = p.outputs[0];
  if (!is_float_kind(theta.type) || theta.channel_block || y.channel_block) return no("row-major floats only");
  if (elements(y.shape) > kMostElements) return no("more than 2^31 elements");
  return yes();
}

Result<Job> generate(const Problem& p, const std::string&, const Device&) {
  return p.node->op == "GridSample" ? sample(p) : affine(p);
}

}  // namespace

extern const Tactic grid_tactic{
    .name = "cuda_grid",
    .version = 1,
    .operators = {"GridSample", "AffineGrid"},
    .supports = supports,
    .estimate = estimate_bytes<200>,
    .generate = generate,
};

}  // namespace vivace::cuda
