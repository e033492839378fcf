// DeformConv: a product of the weights and samples between pixels, which blocks take as they need them.
#include "backends/cuda/rows/elementwise.h"
#include "backends/cuda/rows/sets.h"
#include "backends/cuda/rows/tile_product.h"
#include "ops/infer.h"

namespace vivace::cuda {

namespace {

struct Deformed {
  Shape image, out;
  ops::Window window;
};

Verdict deformed_of(const Problem& p, Deformed& d) {
  const TensorInfo &x = p.inputs[0], &w = p.inputs[1], &y = p.outputs[0];
  if (!is_float(x.type) || !type_name(x.type)) return no("floats only");
  for (const std::vector<TensorInfo>* all : {&p.inputs, &p.outputs})
    for (const TensorInfo& t : *all) {
      if (t.present() && (t.channel_block || t.type != x.type)) return no("row-major tensors of one type only");
      if (t.present() && elements(t.shape) > kMostElements) return no("more than 2^31 elements");
    }
  d.image.assign(x.shape.begin() + 2, x.shape.end());
  d.out.assign(y.shape.begin() + 2, y.shape.end());
  Result<ops::Window> window = ops::window_of(*p.node, ir::to_dims(d.image), Shape(w.shape.begin() + 2, w.shape.end()));
  if (!window.ok()) return no(window.status().message());
  d.window = *std::move(window);
  if (elements(w.shape) == 0) return no("no weights");
  return yes();
}

// What tap `k` of a group's channels sees at a position. Of each dimension the two neighbours that there are count.
constexpr const char* kSeen = R"(
__device__ __forceinline__ W seen(const X* __restrict__ x, const X* __restrict__ offsets, const X* __restrict__ mask,
                                  int batch, int group, int k, int position) {
  const int channel = group * kChannels + k / kTaps, tap = k % kTaps;
  const long long moved = (long long)(batch * kOffsetGroups + channel / kShared) * kTaps + tap;
  int low[kDims], rest = position, step = tap;
  W part[kDims];
#pragma unroll
  for (int d = kDims - 1; d >= 0; --d) {
    const int place = rest % kOut[d] * kStrides[d] + step % kKernel[d] * kDilations[d] - kPads[d];
    rest /= kOut[d];
    step /= kKernel[d];
    const W at = place + (W)wide(offsets[(moved * kDims + d) * kPositions + position]);
    if (!(at > -1 && at < kImage[d])) return 0;
    low[d] = (int)floor(at);
    part[d] = at - low[d];
  }
  const X* const from = x + ((long long)batch * kAllChannels + channel) * kPixels;
  W sum = 0;
#pragma unroll
  for (int corner = 0; corner < 1 << kDims; ++corner) {
    W weight = 1;
    int pixel = 0;
    bool there = true;
#pragma unroll
    for (int d = 0; d < kDims; ++d) {
      const int high = corner >> d & 1, at = low[d] + high;
      there = there && at >= 0 && at < kImage[d] && (!high || part[d] > 0);
      weight *= high ? part[d] : 1 - part[d];
      pixel = pixel * kImage[d] + at;
    }
    if (there) sum += weight * (W)wide(from[pixel]);
  }
  return kMasked ? sum * (W)wide(mask[moved * kPositions + position]) : sum;
}
)";

Result<Job> generate(const Problem& p, const std::string&, const Device&) {
  VIVACE_ASSIGN(const Deformed d, supported<deformed_of>(p));
  const Shape &x = p.inputs[0].shape, &w = p.inputs[1].shape, &y = p.outputs[0].shape;
  if (elements(y) == 0) return Job();
  const int64_t groups = p.attributes().integer("group", 1), offset_groups = p.attributes().integer("offset_group", 1);
  const int64_t taps = elements(d.window.kernel), features = w[0] / groups;
  const size_t dims = d.image.size();
  Source source;
  source.add(prelude())
      .add(element_helpers())
      .add(std::string("using X = ") + type_name(p.inputs[0].type) +
           ";\nusing W = " + (p.inputs[0].type == DType::f64 ? "double" : "float") + ";\n");
  source.constant("kDims", static_cast<int64_t>(dims)).constant("kTaps", taps).constant("kGroups", groups);
  source.constant("kChannels", w[1]).constant("kAllChannels", x[1]).constant("kFeatures", features);
  source.constant("kOffsetGroups", offset_groups).constant("kShared", x[1] / offset_groups);
  source.constant("kPositions", elements(d.out)).constant("kPixels", elements(d.image)).constant("kMasked", p.has(4));
  source.array("kImage", d.image).array("kOut", d.out).array("kKernel", d.window.kernel);
  source.array("kStrides", d.window.strides).array("kDilations", d.window.dilations);
  source.array("kPads", {d.window.pads.begin(), d.window.pads.begin() + static_cast<std::ptrdiff_t>(dims)});
  TileProduct product{.batch = x[0] * groups, .m = features, .n = elements(d.out), .k = w[1] * taps};
  product.a = "(W)wide(w[(long long)(batch % kGroups * kFeatures + m) * kK + k])";
  product.b = "seen(x, offsets, mask, batch / kGroups, batch % kGroups, k, n)";
  product.give = "y[((long long)batch * kFeatures + m) * kPositions + n] = narrow<X>(sum" +
                 std::string(p.has(3) ? " + (W)wide(bias[batch % kGroups * kFeatures + m])" : "") + ");";
  product.parameters =
      "const X* __restrict__ x, const X* __restrict__ w, const X* __restrict__ offsets, const X* __restrict__ bias, "
      "const X* __restrict__ mask,\n    X* __restrict__ y";
  Launch launch = tile_product("deform_conv", product, source.add(kSeen));
  // What is left out is not read.
  launch.arguments = {input(0), input(1), input(2), input(p.has(3) ? 3 : 0), input(p.has(4) ? 4 : 0), output()};
  return job_of_one(std::move(launch));
}

}  // namespace

extern const Tactic deform_conv_tactic{
    .name = "cuda_deform_conv",
    .version = 1,
    .operators = {"DeformConv"},
    .supports = supports_job<Deformed, deformed_of>,
    .estimate = estimate_flops<10>,
    .generate = generate,
};

}  // namespace vivace::cuda
