// Convolutions of row-major tensors, sums in f32: an implicit matrix product over tiles in shared memory, and one
// thread per element where the groups are thin.
#include "ops/conv.h"

#include "backends/cuda/rows/rows.h"

namespace vivace::cuda {

namespace {

struct Conv {
  int64_t batch = 1, in_channels = 1, out_channels = 1, groups = 1;
  // Three spatial dimensions always; missing ones have size 1.
  std::vector<int64_t> in, out, kernel, strides, dilations, pads;
};

Verdict conv_of(const Problem& p, Conv& c) {
  const DType type = p.outputs[0].type;
  if (type != DType::f32 && type != DType::f16 && type != DType::bf16) return no("f32, f16 and bf16 only");
  for (const std::vector<TensorInfo>* tensors : {&p.inputs, &p.outputs})
    for (const TensorInfo& t : *tensors)
      if (t.present() && (t.type != type || t.channel_block)) return no("row-major tensors of one type only");
  const Shape &x = p.inputs[0].shape, &w = p.inputs[1].shape, &y = p.outputs[0].shape;
  if (x.size() < 3 || x.size() > 5) return no("one to three spatial dimensions only");
  for (const Shape* s : {&x, &w, &y})
    if (elements(*s) > INT32_MAX) return no("more than 2^31 elements");
  ir::Dims spatial;
  for (size_t i = 2; i < x.size(); ++i) spatial.emplace_back(x[i]);
  const std::vector<int64_t> kernel(w.begin() + 2, w.end());
  const Result<ops::Window> window = p.node->op == "ConvTranspose" ? ops::transposed_window(*p.node, spatial, kernel)
                                                                   : ops::window_of(*p.node, spatial, kernel);
  if (!window.ok()) return no(window.status().message());
  c.batch = x[0];
  c.in_channels = x[1];
  c.out_channels = y[1];
  c.groups = p.attributes().integer("group", 1);
  const auto three = [](std::vector<int64_t> v, int64_t missing) {
    v.insert(v.begin(), 3 - v.size(), missing);
    return v;
  };
  c.in = three({x.begin() + 2, x.end()}, 1);
  c.out = three({y.begin() + 2, y.end()}, 1);
  c.kernel = three(window->kernel, 1);
  c.strides = three(window->strides, 1);
  c.dilations = three(window->dilations, 1);
  c.pads = three({window->pads.begin(), window->pads.begin() + static_cast<int64_t>(x.size()) - 2}, 0);
  return yes();
}

Result<Conv> job_of(const Problem& p) { return supported<conv_of>(p); }

void declare(Source& s, const Problem& p, const Conv& c) {
  constexpr const char* kAxes[] = {"D", "H", "W"};
  s.add(prelude()).add(std::string("using T = ") + type_name(p.outputs[0].type) + ";\n");
  s.constant("kBatch", c.batch).constant("kInChannels", c.in_channels / c.groups);
  s.constant("kOutChannels", c.out_channels / c.groups).constant("kGroups", c.groups);
  for (size_t i = 0; i < 3; ++i) {
    const std::string axis = kAxes[i];
    s.constant("kIn" + axis, c.in[i]).constant("kOut" + axis, c.out[i]).constant("kKernel" + axis, c.kernel[i]);
    s.constant("kStride" + axis, c.strides[i]).constant("kDilation" + axis, c.dilations[i]);
    s.constant("kPad" + axis, c.pads[i]);
  }
  s.add(
      "constexpr int kTaps = kKernelD * kKernelH * kKernelW, kPixels = kOutD * kOutH * kOutW;\n"
      "constexpr int kImage = kInD * kInH * kInW;\n");
}

// `bias` and `residual` are parameters always; a constant says whether they are read.
std::vector<Argument> conv_arguments(const Problem& p, Source& s) {
  s.constant("kBias", p.has(2)).constant("kResidual", p.has(3));
  return {input(0), input(1), input(p.has(2) ? 2 : 0), input(p.has(3) ? 3 : 0), output()};
}

constexpr const char* kDirect = R"(
extern "C" __global__ void __launch_bounds__(256) conv(const T* x, const T* w, const T* bias,
    const T* residual, T* y) {
  begin();
  const int i = blockIdx.x * 256 + threadIdx.x;
  if (i >= kBatch * kGroups * kOutChannels * kPixels) return;
  const int pixel = i % kPixels, channel = i / kPixels % (kGroups * kOutChannels);
  const int n = i / kPixels / (kGroups * kOutChannels), group = channel / kOutChannels;
  const int d0 = pixel / (kOutH * kOutW) * kStrideD - kPadD;
  const int h0 = pixel / kOutW % kOutH * kStrideH - kPadH;
  const int w0 = pixel % kOutW * kStrideW - kPadW;
  const T* const image = x + (long long)(n * kGroups + group) * kInChannels * kImage;
  const T* const weights = w + (long long)channel * kInChannels * kTaps;
  float sum = 0;
  for (int c = 0; c < kInChannels; ++c)
    for (int kd = 0; kd < kKernelD; ++kd)
      for (int kh = 0; kh < kKernelH; ++kh)
        for (int kw = 0; kw < kKernelW; ++kw) {
          const int id = d0 + kd * kDilationD, ih = h0 + kh * kDilationH, iw = w0 + kw * kDilationW;
          if (id >= 0 && id < kInD && ih >= 0 && ih < kInH && iw >= 0 && iw < kInW)
            sum += to_float(image[c * kImage + (id * kInH + ih) * kInW + iw]) *
                   to_float(weights[c * kTaps + (kd * kKernelH + kh) * kKernelW + kw]);
        }
  y[i] = from_float<T>(
      finish(sum, kBias ? to_float(bias[channel]) : 0.0f, kResidual ? to_float(residual[i]) : 0.0f));
}
)";

// Each element gathers what the taps scatter to it. Weights are [C, M / group, taps].
constexpr const char* kTransposed = R"(
extern "C" __global__ void __launch_bounds__(256) conv(const T* x, const T* w, const T* bias,
    const T* residual, T* y) {
  begin();
  const int i = blockIdx.x * 256 + threadIdx.x;
  if (i >= kBatch * kGroups * kOutChannels * kPixels) return;
  const int pixel = i % kPixels, channel = i / kPixels % (kGroups * kOutChannels);
  const int n = i / kPixels / (kGroups * kOutChannels), group = channel / kOutChannels;
  const int d0 = pixel / (kOutH * kOutW) + kPadD, h0 = pixel / kOutW % kOutH + kPadH, w0 = pixel % kOutW + kPadW;
  const T* const image = x + (long long)(n * kGroups + group) * kInChannels * kImage;
  const T* const weights = w + ((long long)group * kInChannels * kOutChannels + channel % kOutChannels) * kTaps;
  float sum = 0;
  for (int kd = 0; kd < kKernelD; ++kd)
    for (int kh = 0; kh < kKernelH; ++kh)
      for (int kw = 0; kw < kKernelW; ++kw) {
        const int d = d0 - kd * kDilationD, h = h0 - kh * kDilationH, v = w0 - kw * kDilationW;
        if (d < 0 || h < 0 || v < 0 || d % kStrideD || h % kStrideH || v % kStrideW) continue;
        const int id = d / kStrideD, ih = h / kStrideH, iw = v / kStrideW;
        if (id >= kInD || ih >= kInH || iw >= kInW) continue;
        const int from = (id * kInH + ih) * kInW + iw, tap = (kd * kKernelH + kh) * kKernelW + kw;
        for (int c = 0; c < kInChannels; ++c)
          sum += to_float(image[c * kImage + from]) * to_float(weights[c * kOutChannels * kTaps + tap]);
      }
  y[i] = from_float<T>(
      finish(sum, kBias ? to_float(bias[channel]) : 0.0f, kResidual ? to_float(residual[i]) : 0.0f));
}
)";

// What tiles of 16 x kTile of both factors add to the kR x kR sums of a thread.
constexpr const char* kProducts = R"(
constexpr int kStep = 16, kR = kTile / 16;
typedef float Factor[kStep][kTile + 4];
__device__ __forceinline__ void add_products(float (&sums)[kR][kR], const Factor& a, const Factor& b, int tx, int ty) {
#pragma unroll
  for (int k = 0; k < kStep; ++k) {
    float u[kR], v[kR];
#pragma unroll
    for (int j = 0; j < kR; ++j) u[j] = a[k][ty * kR + j], v[j] = b[k][tx + 16 * j];
#pragma unroll
    for (int i = 0; i < kR; ++i)
#pragma unroll
      for (int j = 0; j < kR; ++j) sums[i][j] += u[i] * v[j];
  }
}
)";

// Rows of the product are output channels, columns pixels of one image, so that stores and loads run along pixels.
// Each thread sums a kR x kR square; the next tile is loaded into registers while the last one is multiplied.
constexpr const char* kImplicit = R"(
constexpr int kDepth = kInChannels * kTaps;
extern "C" __global__ void __launch_bounds__(256) conv(const T* x, const T* w, const T* bias,
    const T* residual, T* y) {
  begin();
  __shared__ Factor a, b;
  const int t = threadIdx.x, tx = t % 16, ty = t / 16;
  const int pixel0 = blockIdx.x * kTile, row0 = blockIdx.y * kTile;
  const int n = blockIdx.z / kGroups, group = blockIdx.z % kGroups;
  const T* const image = x + (long long)(n * kGroups + group) * kInChannels * kImage;
  const T* const weights = w + (long long)group * kOutChannels * kDepth;
  // What this thread loads: of a, column t % kStep of rows t / kStep + 16 j; of b, pixel t % kTile.
  constexpr int kColumns = kTile < 256 ? kTile : 256, kRows = 256 / kColumns, kLoads = kStep / kRows;
  const int pixel = pixel0 + t % kColumns;
  const bool here = pixel < kPixels;
  const int d0 = pixel / (kOutH * kOutW) * kStrideD - kPadD;
  const int h0 = pixel / kOutW % kOutH * kStrideH - kPadH;
  const int w0 = pixel % kOutW * kStrideW - kPadW;
  float sums[kR][kR] = {}, next_a[kR], next_b[kLoads];
  const auto load = [&](int depth0) {
#pragma unroll
    for (int j = 0; j < kR; ++j) {
      const int row = row0 + t / kStep + 16 * j, depth = depth0 + t % kStep;
      next_a[j] = row < kOutChannels && depth < kDepth ? to_float(weights[(long long)row * kDepth + depth]) : 0.0f;
    }
#pragma unroll
    for (int j = 0; j < kLoads; ++j) {
      const int depth = depth0 + t / kColumns + kRows * j;
      const int c = depth / kTaps, tap = depth % kTaps;
      const int id = d0 + tap / (kKernelH * kKernelW) * kDilationD;
      const int ih = h0 + tap / kKernelW % kKernelH * kDilationH, iw = w0 + tap % kKernelW * kDilationW;
      const bool inside = here && depth < kDepth && id >= 0 && id < kInD && ih >= 0 && ih < kInH && iw >= 0 && iw < kInW;
      next_b[j] = inside ? to_float(image[c * kImage + (id * kInH + ih) * kInW + iw]) : 0.0f;
    }
  };
  load(0);
  for (int depth0 = 0; depth0 < kDepth; depth0 += kStep) {
#pragma unroll
    for (int j = 0; j < kR; ++j) a[t % kStep][t / kStep + 16 * j] = next_a[j];
#pragma unroll
    for (int j = 0; j < kLoads; ++j) b[t / kColumns + kRows * j][t % kColumns] = next_b[j];
    __syncthreads();
    if (depth0 + kStep < kDepth) load(depth0 + kStep);
    add_products(sums, a, b, tx, ty);
    __syncthreads();
  }
#pragma unroll
  for (int i = 0; i < kR; ++i) {
    const int row = row0 + ty * kR + i, channel = group * kOutChannels + row;
    if (row >= kOutChannels) continue;
#pragma unroll
    for (int j = 0; j < kR; ++j) {
      const int at = pixel0 + tx + 16 * j;
      if (at >= kPixels) continue;
      const long long o = ((long long)n * kGroups * kOutChannels + channel) * kPixels + at;
      y[o] = from_float<T>(
          finish(sums[i][j], kBias ? to_float(bias[channel]) : 0.0f, kResidual ? to_float(residual[o]) : 0.0f));
    }
  }
}
)";

// A transposed convolution whose taps lie apart: rows of the product are output channels and taps, columns pixels of
// the input.
constexpr const char* kApart = R"(
constexpr int kHeight = kOutChannels * kTaps;
extern "C" __global__ void __launch_bounds__(256) conv(const T* x, const T* w, const T* bias, const T* residual, T* y) {
  begin();
  __shared__ Factor a, b;
  const int t = threadIdx.x, tx = t % 16, ty = t / 16;
  const int pixel0 = blockIdx.x * kTile, row0 = blockIdx.y * kTile;
  const int n = blockIdx.z / kGroups, group = blockIdx.z % kGroups;
  const T* const image = x + (long long)(n * kGroups + group) * kInChannels * kImage;
  const T* const weights = w + (long long)group * kInChannels * kHeight;
  constexpr int kRows = 256 / kTile, kLoads = kStep / kRows;
  const int pixel = pixel0 + t % kTile, row = row0 + t % kTile;
  float sums[kR][kR] = {}, next_a[kLoads], next_b[kLoads];
  const auto load = [&](int depth0) {
#pragma unroll
    for (int j = 0; j < kLoads; ++j) {
      const int c = depth0 + t / kTile + kRows * j;
      next_a[j] = c < kInChannels && row < kHeight ? to_float(weights[(long long)c * kHeight + row]) : 0.0f;
      next_b[j] = c < kInChannels && pixel < kImage ? to_float(image[(long long)c * kImage + pixel]) : 0.0f;
    }
  };
  load(0);
  for (int depth0 = 0; depth0 < kInChannels; depth0 += kStep) {
#pragma unroll
    for (int j = 0; j < kLoads; ++j) {
      a[t / kTile + kRows * j][t % kTile] = next_a[j];
      b[t / kTile + kRows * j][t % kTile] = next_b[j];
    }
    __syncthreads();
    if (depth0 + kStep < kInChannels) load(depth0 + kStep);
    add_products(sums, a, b, tx, ty);
    __syncthreads();
  }
#pragma unroll
  for (int i = 0; i < kR; ++i) {
    const int at = row0 + ty * kR + i, channel = group * kOutChannels + at / kTaps, tap = at % kTaps;
    if (at >= kHeight) continue;
    const int kd = tap / (kKernelH * kKernelW), kh = tap / kKernelW % kKernelH, kw = tap % kKernelW;
#pragma unroll
    for (int j = 0; j < kR; ++j) {
      const int from = pixel0 + tx + 16 * j;
      if (from >= kImage) continue;
      const int d = from / (kInH * kInW), h = from / kInW % kInH, v = from % kInW;
      const long long plane = (long long)(n * kGroups * kOutChannels + channel) * kOutD + d * kKernelD + kd;
      const long long o = (plane * kOutH + h * kKernelH + kh) * kOutW + v * kKernelW + kw;
      y[o] = from_float<T>(
          finish(sums[i][j], kBias ? to_float(bias[channel]) : 0.0f, kResidual ? to_float(residual[o]) : 0.0f));
    }
  }
}
)";

Result<Job> direct_generate(const Problem& p, const std::string&, const Device&) {
  VIVACE_ASSIGN(const Conv c, job_of(p));
  Launch launch;
  launch.name = "conv";
  launch.waits = true;
  Source source;
  declare(source, p, c);
  launch.arguments = conv_arguments(p, source);
  const bool transposed = p.node->op == "ConvTranspose";
  launch.source =
      source.add(finish_function(p.attributes(), p.outputs[0].type)).add(transposed ? kTransposed : kDirect).text();
  launch.grid[0] = blocks_for(elements(p.outputs[0].shape), launch.block);
  return job_of_one(std::move(launch));
}

std::vector<std::string> implicit_configurations(const Problem&, const Device&) { return {"64", "32", "128"}; }

Result<Job> implicit_generate(const Problem& p, const std::string& configuration, const Device&) {
  VIVACE_ASSIGN(const Conv c, job_of(p));
  const bool apart = p.node->op == "ConvTranspose";
  const int tile = std::atoi(configuration.c_str());
  if (tile != 32 && tile != 64 && tile != 128)
    return Status(Code::corrupt_file, p.node->describe() + ": unknown configuration '" + configuration + "'");
  Launch launch;
  launch.name = "conv";
  launch.waits = true;
  Source source;
  declare(source, p, c);
  source.constant("kTile", tile);
  launch.arguments = conv_arguments(p, source);
  launch.source = source.add(finish_function(p.attributes(), p.outputs[0].type))
                      .add(kProducts)
                      .add(apart ? kApart : kImplicit)
                      .text();
  launch.grid[0] = tiles(elements(apart ? c.in : c.out), tile);
  launch.grid[1] = tiles(c.out_channels / c.groups * (apart ? elements(c.kernel) : 1), tile);
  launch.grid[2] = static_cast<unsigned>(c.batch * c.groups);
  return job_of_one(std::move(launch));
}

// Tiles are filled up, and all multiprocessors should have one.
double implicit_estimate(const Problem& p, const std::string& configuration, const Device& device) {
  Conv c;
  if (!conv_of(p, c)) return 1;
  const bool apart = p.node->op == "ConvTranspose";
  const int64_t tile = std::atoi(configuration.c_str()), taps = elements(c.kernel);
  const double blocks = static_cast<double>(tiles(elements(apart ? c.in : c.out), tile)) *
                        tiles(c.out_channels / c.groups * (apart ? taps : 1), tile) *
                        static_cast<double>(c.batch * c.groups);
  const int64_t depth = c.in_channels / c.groups * (apart ? 1 : taps);
  const double waves = std::max(1.0, blocks / device.multiprocessors);
  // Small tiles load more for each product.
  const double efficiency = tile == 128 ? 0.6 : tile == 64 ? 0.5 : 0.3;
  const double per_block = 2.0 * static_cast<double>(tile * tile * depth);
  return roofline_seconds(per_block * waves * device.multiprocessors, cpu::bytes_of(p), efficiency, device);
}

double direct_estimate(const Problem& p, const std::string&, const Device& device) {
  return roofline_seconds(cpu::flops_of(p), 4 * cpu::bytes_of(p), 0.08, device);
}

Verdict implicit_supports(const Problem& p, const Device&) {
  Conv c;
  if (Verdict verdict = conv_of(p, c); !verdict) return verdict;
  if (c.batch * c.groups > 65535) return no("more groups and images than a grid takes");
  return yes();
}

Verdict apart_supports(const Problem& p, const Device& device) {
  Conv c;
  if (Verdict verdict = conv_of(p, c); !verdict) return verdict;
  for (size_t i = 0; i < 3; ++i)
    if (c.kernel[i] != c.strides[i] || c.pads[i] || c.out[i] != c.in[i] * c.strides[i] ||
        (c.dilations[i] > 1 && c.kernel[i] > 1))
      return no("taps that overlap or leave gaps");
  return implicit_supports(p, device);
}

// Each output gathers all taps, most of which are not there.
double transposed_estimate(const Problem& p, const std::string&, const Device& device) {
  Conv c;
  if (!conv_of(p, c)) return 1;
  const int64_t of_group = c.in_channels / c.groups;
  const double taps = static_cast<double>(elements(c.kernel)), channels = static_cast<double>(of_group);
  const double sums = static_cast<double>(elements(p.outputs[0].shape));
  const double strides = static_cast<double>(elements(c.strides));
  return roofline_seconds(2 * sums * taps * (channels / strides + 8), 4 * cpu::bytes_of(p), 0.06, device);
}

}  // namespace

extern const Tactic conv_implicit_tactic{
    .name = "cuda_conv_implicit",
    .version = 4,
    .operators = {"Conv", "vivace.FusedConv"},
    .supports = implicit_supports,
    .configurations = implicit_configurations,
    .estimate = implicit_estimate,
    .generate = implicit_generate,
};
extern const Tactic conv_direct_tactic{
    .name = "cuda_conv_direct",
    .version = 3,
    .operators = {"Conv", "vivace.FusedConv"},
    .supports = supports_job<Conv, conv_of>,
    .estimate = direct_estimate,
    .generate = direct_generate,
};

extern const Tactic conv_apart_tactic{
    .name = "cuda_conv_transposed_apart",
    .version = 2,
    .operators = {"ConvTranspose"},
    .supports = apart_supports,
    .configurations = implicit_configurations,
    .estimate = implicit_estimate,
    .generate = implicit_generate,
};

extern const Tactic conv_transposed_tactic{
    .name = "cuda_conv_transposed",
    .version = 3,
    .operators = {"ConvTranspose"},
    .supports = supports_job<Conv, conv_of>,
    .estimate = transposed_estimate,
    .generate = direct_generate,
};

}  // namespace vivace::cuda
