// MaxPool, AveragePool and LpPool over one to three dimensions: a thread for each output, with channels last for up to
// eight neighbouring channels of one, which are loaded at once. Sums and maxima are in f32.
#include "backends/cuda/lower.h"
#include "backends/cuda/rows/rows.h"

namespace vivace::cuda {

namespace {

bool wants_indices(const Problem& p) {
  return p.outputs.size() > 1 && p.outputs[1].present() && !p.node->output(1)->unused();
}

Verdict supports(const Problem& p, const Device&) {
  const TensorInfo &x = p.inputs[0], &y = p.outputs[0];
  if (x.type != DType::f32 && x.type != DType::f16 && x.type != DType::bf16) return no("f32, f16 and bf16 only");
  if (x.shape.size() < 3 || x.shape.size() > 5) return no("one to three dimensions only");
  if (!x.channel_block != !y.channel_block) return no("input and output are laid out differently");
  if (x.channel_block % kChannelUnit || y.channel_block % kChannelUnit) return no("pixels are not multiples of 8");
  if (x.channel_block && wants_indices(p)) return no("indices are asked for, with channels last");
  if (x.bytes() > INT32_MAX || y.bytes() > INT32_MAX) return no("more than 2^31 bytes");
  const Shape image(x.shape.begin() + 2, x.shape.end());
  const Result<ops::Window> window =
      ops::window_of(*p.node, ir::to_dims(image), p.attributes().integers("kernel_shape"));
  return window.ok() ? yes() : no(window.status().message());
}

constexpr const char* kPool = R"( {
  begin();
  const int i = blockIdx.x * 128 + threadIdx.x;
  if (i >= kOutputs) return;
  const int lane = i % kVectors, position = i / kVectors;
  const int w0 = position % kOutW * kStrideW - kPadW, h0 = position / kOutW % kOutH * kStrideH - kPadH;
  const int d0 = position / (kOutW * kOutH) % kOutD * kStrideD - kPadD;
  const int image = position / (kOutW * kOutH * kOutD);
  const Item* const from = (const Item*)x + (long long)image * (kInD * kInH * kInW) * kStepIn + lane;
  float all[kLanes];
  int seen = 0, best = -1;
  for (int j = 0; j < kLanes; ++j) all[j] = kMax ? -__uint_as_float(0x7f800000u) : 0.0f;
  for (int kd = 0; kd < kKernelD; ++kd)
    for (int kh = 0; kh < kKernelH; ++kh)
      for (int kw = 0; kw < kKernelW; ++kw) {
        const int d = d0 + kd * kDilationD, h = h0 + kh * kDilationH, w = w0 + kw * kDilationW;
        if (kWithPadding && d < kInD + kEndD && h < kInH + kEndH && w < kInW + kEndW) ++seen;
        if (d < 0 || d >= kInD || h < 0 || h >= kInH || w < 0 || w >= kInW) continue;
        if (!kWithPadding) ++seen;
        const int at = (d * kInH + h) * kInW + w;
        const Item item = from[(long long)at * kStepIn];
        for (int j = 0; j < kLanes; ++j) {
          const float v = to_float(item.v[j]);
          if (kMax && (best < 0 || v > all[0])) best = at;
          if (kMax) all[j] = v != v || all[j] != all[j] ? v + all[j] : fmaxf(all[j], v);
          else all[j] += TERM(v);
        }
      }
  Item made;
  for (int j = 0; j < kLanes; ++j) {
    const float v = kMax ? all[j] : FINISH(all[j]);
    made.v[j] = from_float<T>(kChannels % kLanes && lane * kLanes + j >= kChannels ? 0.0f : v);
  }
  ((Item*)y)[(long long)position * kStepOut + lane] = made;
)";

// Indices count through all of x, the spatial dimensions column-major where the node says so.
constexpr const char* kWriteIndex = R"(
  const int d = best / (kInH * kInW), h = best / kInW % kInH, w = best % kInW;
  const long long inside = kColumnMajor ? d + kInD * (h + (long long)kInH * w) : best;
  indices[i] = best < 0 ? -1 : (long long)image * (kInD * kInH * kInW) + inside;
)";

Result<Job> generate(const Problem& p, const std::string&, const Device& device) {
  const TensorInfo &x = p.inputs[0], &y = p.outputs[0];
  const Shape image(x.shape.begin() + 2, x.shape.end());
  VIVACE_ASSIGN(const ops::Window window,
                ops::window_of(*p.node, ir::to_dims(image), p.attributes().integers("kernel_shape")));
  const int64_t positions = elements(y.shape) / std::max<int64_t>(1, y.shape[1]);
  const int64_t filled = tiles(y.shape[1], kChannelUnit) * kChannelUnit;
  // Fewer channels a thread where there are too few outputs to fill the GPU.
  int64_t lanes = x.channel_block ? kChannelUnit : 1;
  while (lanes > 2 && positions * filled / lanes < int64_t{device.multiprocessors} * 256) lanes /= 2;
  const int64_t vectors = x.channel_block ? filled / lanes : 1;
  const int64_t outputs = x.channel_block ? positions * vectors : elements(y.shape);
  Source source;
  source.add(prelude()).add(std::string("using T = ") + type_name(x.type) + ";\n");
  source.constant("kLanes", lanes).add("using Item = Vector<T, kLanes>;\n");
  source.constant("kOutputs", outputs).constant("kVectors", vectors);
  source.constant("kChannels", x.channel_block ? x.shape[1] : 1);
  source.constant("kStepIn", x.channel_block ? x.channel_block / lanes : 1);
  source.constant("kStepOut", y.channel_block ? y.channel_block / lanes : 1);
  const size_t rank = image.size();
  for (size_t i = 0; i < 3; ++i) {
    const std::string d(1, "DHW"[i]);
    const bool is_there = i + rank >= 3;
    const size_t at = i + rank - 3;
    const auto number = [&](const char* name, const std::vector<int64_t>& values, size_t begin, int64_t otherwise) {
      source.constant(name + d, is_there ? values[begin + at] : otherwise);
    };
    number("kIn", image, 0, 1);
    number("kOut", y.shape, 2, 1);
    number("kKernel", window.kernel, 0, 1);
    number("kStride", window.strides, 0, 1);
    number("kDilation", window.dilations, 0, 1);
    number("kPad", window.pads, 0, 0);
    number("kEnd", window.pads, rank, 0);
  }
  source.constant("kMax", p.node->op == "MaxPool");
  source.constant("kWithPadding", p.node->op == "AveragePool" && p.attributes().integer("count_include_pad") != 0);
  const int64_t power = p.attributes().integer("p", 2);
  const char *term = "v", *finish = "v / (seen > 1 ? seen : 1)";
  if (p.node->op == "LpPool") {
    source.real("kP", static_cast<float>(power));
    term = power == 1 ? "fabsf(v)" : power == 2 ? "v * v" : "powf(fabsf(v), kP)";
    finish = power == 1 ? "v" : power == 2 ? "sqrtf(v)" : "powf(v, 1 / kP)";
  }
  source.add("#define TERM(v) (" + std::string(term) + ")\n#define FINISH(v) (" + finish + ")\n");
  const bool indices = wants_indices(p);
  source.add("extern \"C\" __global__ void __launch_bounds__(128) pool(const T* __restrict__ x, T* __restrict__ y");
  source.add(indices ? ", long long* __restrict__ indices)" : ")");
  source.add(kPool);
  if (indices) source.constant("kColumnMajor", p.attributes().integer("storage_order")).add(kWriteIndex);
  Launch launch;
  launch.name = "pool";
  launch.source = source.add("}\n").text();
  launch.block = 128;
  launch.grid[0] = blocks_for(outputs, launch.block);
  launch.waits = true;
  launch.arguments = {input(0), output()};
  if (indices) launch.arguments.push_back(output(1));
  return job_of_one(std::move(launch));
}

}  // namespace

// GlobalAveragePool is a reduction.
extern const Tactic pool_tactic{
    .name = "cuda_pool",
    .version = 2,
    .operators = {"MaxPool", "AveragePool", "LpPool"},
    .supports = supports,
    .estimate = estimate_bytes<150>,
    .generate = generate,
};

}  // namespace vivace::cuda
