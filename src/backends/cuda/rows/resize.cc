// Resize of images by tables of taps: a thread for each output element, with channels last for eight channels of one.
#include "backends/cuda/lower.h"
#include "backends/cuda/rows/move.h"

namespace vivace::cuda {

namespace {

// The samples, whatever the type and layout of the image.
Verdict image_of(const Problem& p, cpu::ResizedImage& image) {
  Problem plain = p;
  for (TensorInfo* t : {&plain.inputs[0], &plain.outputs[0]}) {
    t->type = DType::f32;
    t->channel_block = 0;
  }
  return cpu::resized_image(plain, image);
}

bool is_float_kind(DType type) { return type == DType::f32 || type == DType::f16 || type == DType::bf16; }

Verdict job_of(const Problem& p, cpu::ResizedImage& image) {
  const TensorInfo &x = p.inputs[0], &y = p.outputs[0];
  if (!x.channel_block != !y.channel_block) return no("input and output are laid out differently");
  if (x.channel_block && (x.shape.size() != 4 || !is_float_kind(x.type) || x.channel_block % kChannelUnit ||
                          y.channel_block % kChannelUnit))
    return no("channels last are of f32, f16 or bf16, in pixels of a multiple of 8");
  if (x.bytes() > INT32_MAX || y.bytes() > INT32_MAX) return no("more than 2^31 bytes");
  if (const Verdict verdict = image_of(p, image); !verdict) return verdict;
  if (image.nearest ? !x.channel_block && !movable(x) : !is_float_kind(x.type)) return no("a type it does not know");
  return yes();
}

Result<std::vector<Tensor>> prepare(const Problem& p, const std::string&, const Device&) {
  VIVACE_ASSIGN(const cpu::ResizedImage image, supported<job_of>(p));
  return std::vector<Tensor>{Tensor::of<int32_t>(image.rows.indices), Tensor::of<float>(image.rows.weights),
                             Tensor::of<int32_t>(image.columns.indices), Tensor::of<float>(image.columns.weights)};
}

constexpr const char* kResize = R"(
extern "C" __global__ void __launch_bounds__(256) resize(const T* __restrict__ x, const int* __restrict__ rows,
    const float* __restrict__ row_weights, const int* __restrict__ columns, const float* __restrict__ column_weights,
    T* __restrict__ y) {
  begin();
  const int i = blockIdx.x * 256 + threadIdx.x;
  if (i >= kOutputs) return;
  const int lane = i % kVectors, position = i / kVectors;
  const int column = position % kOutW, row = position / kOutW % kOutH;
  const Item* const image = (const Item*)x + (long long)(position / (kOutW * kOutH)) * (kInH * kInW) * kStepIn + lane;
  Item made;
  if (kNearest) {
    made = image[(long long)(rows[row] * kInW + columns[column]) * kStepIn];
  } else {
    float sum[kLanes];
    for (int j = 0; j < kLanes; ++j) sum[j] = 0;
    for (int r = 0; r < kTapsH; ++r) {
      const Item* const line = image + (long long)rows[r * kOutH + row] * kInW * kStepIn;
      float part[kLanes];
      for (int j = 0; j < kLanes; ++j) part[j] = 0;
      for (int c = 0; c < kTapsW; ++c) {
        const float weight = column_weights[c * kOutW + column];
        const Item item = line[(long long)columns[c * kOutW + column] * kStepIn];
        for (int j = 0; j < kLanes; ++j) part[j] += weight * to_float(item.v[j]);
      }
      for (int j = 0; j < kLanes; ++j) sum[j] += row_weights[r * kOutH + row] * part[j];
    }
    for (int j = 0; j < kLanes; ++j) made.v[j] = from_float<T>(sum[j]);
  }
  ((Item*)y)[(long long)position * kStepOut + lane] = made;
}
)";

Result<Job> generate(const Problem& p, const std::string&, const Device&) {
  VIVACE_ASSIGN(const cpu::ResizedImage image, supported<job_of>(p));
  const TensorInfo &x = p.inputs[0], &y = p.outputs[0];
  const int64_t lanes = x.channel_block ? 16 / element_bytes(x) : 1;
  const int64_t vectors = x.channel_block ? tiles(x.shape[1], kChannelUnit) * (kChannelUnit / lanes) : 1;
  const int64_t positions = elements(y.shape) / (x.channel_block ? std::max<int64_t>(1, y.shape[1]) : 1);
  Source source;
  source.add(prelude());
  source.add(std::string("using T = ") + (is_float_kind(x.type) ? type_name(x.type) : unsigned_name(element_bytes(x))) +
             ";\n");
  source.constant("kLanes", lanes).add("using Item = Vector<T, kLanes>;\n");
  source.constant("kOutputs", positions * vectors).constant("kVectors", vectors);
  source.constant("kStepIn", x.channel_block ? x.channel_block / lanes : 1);
  source.constant("kStepOut", y.channel_block ? y.channel_block / lanes : 1).constant("kNearest", image.nearest);
  source.constant("kInH", image.rows.in).constant("kOutH", image.rows.out).constant("kTapsH", image.rows.taps);
  source.constant("kInW", image.columns.in).constant("kOutW", image.columns.out).constant("kTapsW", image.columns.taps);
  Launch launch;
  launch.name = "resize";
  launch.source = source.add(kResize).text();
  launch.grid[0] = blocks_for(positions * vectors, launch.block);
  launch.waits = true;
  launch.arguments = {input(0), packed(0), packed(1), packed(2), packed(3), output()};
  return job_of_one(std::move(launch));
}

}  // namespace

extern const Tactic resize_tactic{
    .name = "cuda_resize",
    .version = 2,
    .operators = {"Resize"},
    .supports = supports_job<cpu::ResizedImage, job_of>,
    .estimate = estimate_bytes<150>,
    .prepare = prepare,
    .generate = generate,
};

}  // namespace vivace::cuda
