// LRN: each element over a power of the sum of squares of its neighbours across channels; one thread an element.
#include "backends/cuda/lower.h"
#include "backends/cuda/rows/elementwise.h"
#include "backends/cuda/rows/sets.h"

namespace vivace::cuda {

namespace {

Verdict supports(const Problem& p, const Device&) {
  const TensorInfo &x = p.inputs[0], &y = p.outputs[0];
  if (!is_float(x.type)) return no("floats only");
  if (!x.channel_block != !y.channel_block || x.channel_block % kChannelUnit || y.channel_block % kChannelUnit)
    return no("a layout without a kernel");
  for (const TensorInfo* t : {&x, &y})
    if (static_cast<int64_t>(t->bytes()) * 8 / bits_of(t->type) > kMostElements) return no("more than 2^31 elements");
  return yes();
}

constexpr const char* kText = R"(
extern "C" __global__ void __launch_bounds__(256) lrn(const X* x, Y* y) {
  begin();
  const int i = blockIdx.x * 256 + threadIdx.x;
  if (i >= kElements) return;
  const int channel = kLast ? i % kLanes : i / kPixels % kChannels;
  const X* const from = x + (kLast ? i / kLanes * kPitchIn + channel : i);
  Y* const to = y + (kLast ? i / kLanes * kPitchOut + channel : i);
  if (channel >= kChannels) {
    *to = Y{};
    return;
  }
  constexpr int step = kLast ? 1 : kPixels;
  const int first = channel < kBefore ? -channel : -kBefore;
  const int last = kChannels - 1 - channel < kAfter ? kChannels - 1 - channel : kAfter;
  W sum = 0;
  for (int c = first; c <= last; ++c) {
    const W v = wide(from[c * step]);
    sum += v * v;
  }
  *to = narrow<Y>(wide(*from) / pow(BIAS + ALPHA * sum, (W)BETA));
}
)";

Result<Job> generate(const Problem& p, const std::string&, const Device&) {
  const TensorInfo &x = p.inputs[0], &y = p.outputs[0];
  const int64_t channels = x.shape[1], pixels = elements(std::span(x.shape).subspan(2));
  const int64_t lanes = (channels + kChannelUnit - 1) / kChannelUnit * kChannelUnit;
  const int64_t size = p.attributes().integer("size"), before = std::min((size - 1) / 2, channels);
  const int64_t count = x.channel_block ? x.shape[0] * pixels * lanes : elements(x.shape);
  Launch launch;
  launch.name = "lrn";
  launch.waits = true;
  launch.grid[0] = blocks_for(count, launch.block);
  launch.arguments = {input(0), output()};
  Source source;
  source.add(prelude()).add(element_helpers());
  source.add(std::string("using X = ") + type_name(x.type) +
             ";\nusing Y = X;\nusing W = " + (x.type == DType::f64 ? "double" : "float") + ";\n");
  source.constant("kElements", count).constant("kLast", x.channel_block != 0).constant("kLanes", lanes);
  source.constant("kPixels", pixels).constant("kChannels", channels).constant("kPitchIn", x.channel_block);
  source.constant("kPitchOut", y.channel_block).constant("kBefore", before);
  source.constant("kAfter", std::min(size - 1 - (size - 1) / 2, channels));
  source.real("ALPHA", p.attributes().real("alpha", 1e-4f) / static_cast<float>(size));
  source.real("BETA", p.attributes().real("beta", 0.75f)).real("BIAS", p.attributes().real("bias", 1));
  launch.source = source.add(kText).text();
  return job_of_one(std::move(launch));
}

}  // namespace

extern const Tactic lrn_tactic{
    .name = "cuda_lrn",
    .version = 1,
    .operators = {"LRN"},
    .supports = supports,
    .estimate = estimate_bytes<150>,
    .generate = generate,
};

}  // namespace vivace::cuda
