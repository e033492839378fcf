// vivace.Reorder: images between row-major and channels last, of another type too where it says `to`. Tiles of pixels
// times channels are turned in shared memory, so that both sides move neighbours: the row-major side along pixels, the
// other in 16 bytes, eight channels of a pixel.
#include <bit>

#include "backends/cuda/lower.h"
#include "backends/cuda/rows/rows.h"

namespace vivace::cuda {

namespace {

bool is_of_image(DType type) { return type == DType::f32 || type == DType::f16 || type == DType::bf16; }

// Between channels last and a row-major tensor that has them last by its shape.
Verdict transpose_supports(const Problem& p) {
  const TensorInfo &x = p.inputs[0], &y = p.outputs[0];
  const TensorInfo& image = x.channel_block ? x : y;
  const std::vector<int64_t> perm = p.attributes().integers("perm");
  if (!x.channel_block == !y.channel_block) return no("both are laid out alike");
  if (perm != (x.channel_block ? std::vector<int64_t>{0, 2, 3, 1} : std::vector<int64_t>{0, 3, 1, 2}))
    return no("it does not move the channels last or back");
  if (!is_of_image(x.type) || image.shape[1] % kChannelUnit || image.channel_block % kChannelUnit)
    return no("channels last are f32, f16 or bf16, here a multiple of 8 of them");
  return image.bytes() > INT32_MAX ? no("more than 2^31 bytes") : yes();
}

Verdict supports(const Problem& p, const Device&) {
  if (p.node->op == "Transpose") return transpose_supports(p);
  const TensorInfo &x = p.inputs[0], &y = p.outputs[0];
  if (x.shape.size() < 3) return no("not an image");
  for (const TensorInfo* t : {&x, &y}) {
    if (!is_of_image(t->type)) return no("types other than f32, f16 and bf16");
    if (t->channel_block % kChannelUnit) return no("pixels are not multiples of 8");
    if (t->bytes() > INT32_MAX) return no("more than 2^31 bytes");
  }
  if (!x.channel_block && !y.channel_block) return no("both are row-major");
  if (x.channel_block && y.channel_block && x.type != y.type) return no("another type of the same layout");
  if (x.shape[0] > 65535) return no("more than 65535 images");
  return yes();
}

constexpr const char* kFunctions = R"(
template <class A, class B> struct Conversion {
  static __device__ __forceinline__ A of(B x) { return from_float<A>(to_float(x)); }
};
template <class A> struct Conversion<A, A> {
  static __device__ __forceinline__ A of(A x) { return x; }
};
using Eight = Vector<Last, 8>;
)";

constexpr const char* kToLast = R"(
extern "C" __global__ void __launch_bounds__(256) reorder(const Plain* __restrict__ x, Last* __restrict__ y) {
  __shared__ Last tile[kTileC][kTileP + 1];
  begin();
  const int p0 = blockIdx.x * kTileP, c0 = blockIdx.y * kTileC;
  const Plain* const from = x + (long long)blockIdx.z * kChannels * kPixels;
  Last* const to = y + (long long)blockIdx.z * kPixels * kPitch;
#pragma unroll 4
  for (int i = threadIdx.x; i < kTileC * kTileP; i += 256) {
    const int c = c0 + i / kTileP, p = p0 + i % kTileP;
    Last v = from_float<Last>(0.0f);
    if (c < kChannels && p < kPixels) v = Conversion<Last, Plain>::of(from[(long long)c * kPixels + p]);
    tile[i / kTileP][i % kTileP] = v;
  }
  __syncthreads();
  for (int i = threadIdx.x; i < kTileC / 8 * kTileP; i += 256) {
    const int c = i % (kTileC / 8) * 8, p = i / (kTileC / 8);
    if (c0 + c >= kChannels || p0 + p >= kPixels) continue;
    Eight v;
    for (int j = 0; j < 8; ++j) v.v[j] = tile[c + j][p];
    ((Eight*)to)[((long long)(p0 + p) * kPitch + c0 + c) / 8] = v;
  }
}
)";

constexpr const char* kToPlain = R"(
extern "C" __global__ void __launch_bounds__(256) reorder(const Last* __restrict__ x, Plain* __restrict__ y) {
  __shared__ Last tile[kTileC][kTileP + 1];
  begin();
  const int p0 = blockIdx.x * kTileP, c0 = blockIdx.y * kTileC;
  const Last* const from = x + (long long)blockIdx.z * kPixels * kPitch;
  Plain* const to = y + (long long)blockIdx.z * kChannels * kPixels;
  for (int i = threadIdx.x; i < kTileC / 8 * kTileP; i += 256) {
    const int c = i % (kTileC / 8) * 8, p = i / (kTileC / 8);
    if (c0 + c >= kChannels || p0 + p >= kPixels) continue;
    const Eight v = ((const Eight*)from)[((long long)(p0 + p) * kPitch + c0 + c) / 8];
    for (int j = 0; j < 8; ++j) tile[c + j][p] = v.v[j];
  }
  __syncthreads();
#pragma unroll 4
  for (int i = threadIdx.x; i < kTileC * kTileP; i += 256) {
    const int c = c0 + i / kTileP, p = p0 + i % kTileP;
    if (c < kChannels && p < kPixels)
      to[(long long)c * kPixels + p] = Conversion<Plain, Last>::of(tile[i / kTileP][i % kTileP]);
  }
}
)";

// From one distance between pixels to another.
constexpr const char* kToPitch = R"(
extern "C" __global__ void __launch_bounds__(256) reorder(const Last* __restrict__ x, Last* __restrict__ y) {
  begin();
  const int i = blockIdx.x * 256 + threadIdx.x;
  if (i >= kPixels * kVectors) return;
  const long long pixel = i / kVectors;
  const int vector = i % kVectors;
  ((Eight*)y)[pixel * (kPitch / 8) + vector] = ((const Eight*)x)[pixel * (kPitchIn / 8) + vector];
}
)";

Result<Job> generate(const Problem& p, const std::string&, const Device&) {
  const TensorInfo &x = p.inputs[0], &y = p.outputs[0];
  const int64_t images = x.shape[0], channels = x.shape[1], pixels = elements(std::span(x.shape).subspan(2));
  const bool to_last = y.channel_block != 0;
  Launch launch;
  launch.name = "reorder";
  launch.waits = true;
  launch.arguments = {input(0), output()};
  Source source;
  source.add(prelude());
  source.add(std::string("using Last = ") + type_name((to_last ? y : x).type) + ";\n");
  if ((to_last ? y : x).type == DType::f32)  // nothing is aligned to more
    source.add("template <> struct alignas(16) Vector<float, 8> { float v[8]; };\n");
  if (p.node->op == "Transpose" || (x.channel_block && y.channel_block)) {
    const Shape& image = x.channel_block ? x.shape : y.shape;
    const int64_t vectors = tiles(image[1], kChannelUnit), all = image[0] * elements(std::span(image).subspan(2));
    source.add(kFunctions).constant("kPixels", all).constant("kVectors", vectors);
    source.constant("kPitchIn", x.channel_block ? x.channel_block : image[1]);
    source.constant("kPitch", y.channel_block ? y.channel_block : image[1]);
    launch.source = source.add(kToPitch).text();
    launch.grid[0] = blocks_for(all * vectors, launch.block);
    return job_of_one(std::move(launch));
  }
  // 2048 elements a tile: up to 64 channels, as many pixels as there are, then more channels where those are few.
  constexpr int64_t kTile = 2048, kWide = 64;
  const auto power = [](int64_t n) { return static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(n))); };
  const int64_t filled = std::max<int64_t>(power(channels), kChannelUnit);
  const int64_t tile_p = std::min(kTile / std::min(filled, kWide), power(pixels));
  const int64_t tile_c = std::min(kTile / tile_p, filled);
  source.add(std::string("using Plain = ") + type_name((to_last ? x : y).type) + ";\n").add(kFunctions);
  source.constant("kChannels", channels).constant("kPixels", pixels);
  source.constant("kPitch", (to_last ? y : x).channel_block).constant("kTileC", tile_c).constant("kTileP", tile_p);
  launch.source = source.add(to_last ? kToLast : kToPlain).text();
  launch.grid[0] = tiles(pixels, tile_p);
  launch.grid[1] = tiles(channels, tile_c);
  launch.grid[2] = static_cast<unsigned>(images);
  return job_of_one(std::move(launch));
}

}  // namespace

extern const Tactic reorder_tactic{
    .name = "cuda_reorder",
    .version = 1,
    .operators = {"vivace.Reorder", "Transpose"},
    .reads_once = true,
    .supports = supports,
    .estimate = estimate_bytes,
    .generate = generate,
};

}  // namespace vivace::cuda
