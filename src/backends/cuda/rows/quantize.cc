// QuantizeLinear and DequantizeLinear with scales of blocks, with codes of 2 or 4 bits, and with small floats as codes
// or scales (the others are pointwise operators); DynamicQuantizeLinear.
#include "backends/cuda/rows/elementwise.h"
#include "ops/small_types.h"

namespace vivace::cuda {

namespace {

// A float of 4 or 8 bits as ops/small_types.h means it: the code of the largest number, of infinity and of what is no
// number (-1: it has none), and whether the code of -0 is the latter.
struct SmallFloat {
  DType type;
  int mantissa, bias, largest, infinity, nan;
  bool one_zero;
};
constexpr SmallFloat kSmallFloats[] = {
    {DType::f8e4m3fn, 3, 7, 0x7e, -1, 0x7f, false},  {DType::f8e4m3fnuz, 3, 8, 0x7f, -1, 0x80, true},
    {DType::f8e5m2, 2, 15, 0x7b, 0x7c, 0x7e, false}, {DType::f8e5m2fnuz, 2, 16, 0x7f, -1, 0x80, true},
    {DType::f4e2m1, 1, 1, 0x7, -1, -1, false},
};
const SmallFloat* small_float(DType type) {
  for (const SmallFloat& f : kSmallFloats)
    if (f.type == type) return &f;
  return nullptr;
}
std::string template_arguments(const SmallFloat& f) {
  const int sign = f.type == DType::f4e2m1 ? 0x8 : 0x80;
  std::string text = "<";
  for (const int v : {f.mantissa, f.bias, f.largest, f.infinity, f.nan, static_cast<int>(f.one_zero), sign})
    text += (text.size() > 1 ? ", " : "") + std::to_string(v);
  return text + ">";
}

// Numbers of a small float's step are whole after a multiplication with a power of two, which is exact.
constexpr const char* kSmallFloatFunctions = R"(
__device__ __forceinline__ float two_to(int n) { return __uint_as_float((unsigned)(n + 127) << 23); }
template <int kMantissa, int kBias, int kLargest, int kInfinity, int kNan, int kOneZero, int kSign>
__device__ __forceinline__ float decoded(int bits) {
  const int code = bits & (kSign - 1), exponent = code >> kMantissa, fraction = code & ((1 << kMantissa) - 1);
  const float nan = __uint_as_float(0x7fc00000u);
  if (kOneZero && bits == kNan) return nan;
  float x = exponent == 0 ? (float)fraction * two_to(1 - kBias - kMantissa)
                          : (float)(fraction + (1 << kMantissa)) * two_to(exponent - kBias - kMantissa);
  if (code > kLargest) x = code == kInfinity ? __uint_as_float(0x7f800000u) : nan;
  return bits & kSign ? -x : x;
}
template <int kMantissa, int kBias, int kLargest, int kInfinity, int kNan, int kOneZero, int kSign>
__device__ __forceinline__ int encoded(float value) {
  const unsigned bits = __float_as_uint(value), magnitude = bits & 0x7fffffffu;
  const int sign = bits >> 31 ? kSign : 0;
  const int nan = kNan < 0 ? 0 : kOneZero ? kNan : kNan | sign;
  if (magnitude > 0x7f800000u) return nan;
  const int exponent = max((int)(magnitude >> 23) - 127, 1 - kBias);
  int code = kLargest + 1;
  if (magnitude < 0x7f800000u)
    code = (exponent - 1 + kBias << kMantissa) + (int)rintf(__uint_as_float(magnitude) * two_to(kMantissa - exponent));
  if (code > kLargest) {
    if (kSaturate || (kInfinity < 0 && kNan < 0)) code = kLargest;
    else if (kInfinity >= 0) code = kInfinity;
    else return nan;
  }
  return code == 0 && kOneZero ? 0 : code | sign;
}
)";

bool readable(DType type) {
  return small_float(type) || type == DType::f8e8m0 || ops::integer_range(type).high != 0 || is_float(type);
}

// `N name(p, i)`: the number that element i is.
std::string reader(const char* name, DType type) {
  const std::string head = std::string("__device__ __forceinline__ N ") + name + "(const unsigned char* p, int i) {\n";
  if (type == DType::f8e8m0)
    return head +
           "  return __uint_as_float(p[i] == 255 ? 0x7fc00000u : p[i] == 0 ? 0x00400000u : (unsigned)p[i] << 23);\n}\n";
  if (type_name(type))
    return head + "  return (N)" + (type == DType::f16 || type == DType::bf16 ? "to_float" : "") + "(((const " +
           type_name(type) + "*)p)[i]);\n}\n";
  const int bits = bits_of(type), per_byte = 8 / bits;
  std::string code = "p[i]";
  if (per_byte > 1)
    code = "(p[i / " + std::to_string(per_byte) + "] >> i % " + std::to_string(per_byte) + " * " +
           std::to_string(bits) + " & " + std::to_string((1 << bits) - 1) + ")";
  if (const SmallFloat* f = small_float(type))
    return head + "  return decoded" + template_arguments(*f) + "(" + code + ");\n}\n";
  const bool with_sign = ops::integer_range(type).low < 0;
  return head + "  const int code = " + code + ";\n  return (N)(" +
         (with_sign ? "code - (code >> " + std::to_string(bits - 1) + " << " + std::to_string(bits) + ")" : "code") +
         ");\n}\n";
}

// Which element of the scale belongs to element i.
std::string scale_index(const Problem& p) {
  const Shape &x = p.inputs[0].shape, &s = p.inputs[1].shape;
  const int64_t block = p.attributes().integer("block_size");
  if (s.empty() || (s.size() == 1 && s[0] == 1 && block == 0)) return "0";
  const int axis =
      x.size() == 1 ? 0 : ops::normalized_axis(p.attributes().integer("axis", 1), static_cast<int>(x.size()));
  const ops::AxisSplit split = ops::split_at(x, axis);
  const std::string inner = std::to_string(split.inner), index = "i / " + inner + " % " + std::to_string(split.size);
  if (block == 0) return index;
  return "(i / " + inner + " / " + std::to_string(split.size) + " * " + std::to_string(s[static_cast<size_t>(axis)]) +
         " + (" + index + ") / " + std::to_string(block) + ") * " + inner + " + i % " + inner;
}

Verdict supports(const Problem& p, const Device&) {
  for (const std::vector<TensorInfo>* all : {&p.inputs, &p.outputs})
    for (const TensorInfo& t : *all) {
      if (t.channel_block || elements(t.shape) > INT32_MAX) return no("row-major, fewer than 2^31 elements only");
      if (t.present() && (!readable(t.type) || t.type == DType::f64)) return no("a type without a kernel");
    }
  const int rank = static_cast<int>(p.inputs[0].shape.size());
  if (rank > 1 && ops::normalized_axis(p.attributes().integer("axis", 1), rank) < 0 && elements(p.inputs[1].shape) != 1)
    return no("the axis is out of range");
  if (p.has(2) && elements(p.inputs[2].shape) != elements(p.inputs[1].shape)) return no("more zero points than scales");
  return yes();
}

Result<Job> generate(const Problem& p, const std::string&, const Device&) {
  const DType x = p.inputs[0].type, y = p.outputs[0].type;
  const bool encodes = p.node->op == "QuantizeLinear";
  const int64_t count = elements(p.outputs[0].shape);
  if (count == 0) return Job();
  const int bits = bits_of(y), per_thread = std::max(1, 8 / bits);
  Source s;
  s.add(prelude()).add(element_helpers()).constant("kCount", count).constant("kEach", per_thread);
  s.constant("kSaturate", p.attributes().integer("saturate", 1) != 0);
  // Differences of i32 need more bits than f32 has.
  s.add(std::string("using N = ") + (x == DType::i32 && !encodes ? "double" : "float") + ";\n")
      .add(kSmallFloatFunctions);
  s.add(reader("value_at", x)).add(reader("scale_at", p.inputs[1].type));
  if (p.has(2)) s.add(reader("zero_at", p.inputs[2].type));
  const std::string zero = p.has(2) ? "zero_at(zeros, at)" : "N(0)";
  std::string body, unit = bits <= 8 ? "unsigned char" : "unsigned short";
  if (encodes) {
    const int64_t named = p.attributes().integer("precision");
    const DType precision = named ? static_cast<DType>(named) : p.inputs[1].type;
    const bool rounds = precision == DType::f16 || precision == DType::bf16;
    s.add(std::string("__device__ __forceinline__ float rounded(float v) { return ") +
          (rounds ? "to_float(from_float<" + std::string(type_name(precision)) + ">(v))" : std::string("v")) + "; }\n");
    body = "    const float q = rounded(rounded(value_at(x, i)) / scale_at(scales, at)), zero = " + zero + ";\n";
    if (const SmallFloat* f = small_float(y)) {
      body += "    const int code = encoded" + template_arguments(*f) + "(zero == 0 ? q : q + zero);\n";
    } else {
      const ops::IntegerRange range = ops::integer_range(y);
      s.real("kLow", static_cast<float>(range.low)).real("kHigh", static_cast<float>(range.high));
      body +=
          "    const float whole = rintf(q) + zero;\n    const int code = (int)(whole > kLow ? fminf(whole, kHigh) : "
          "kLow);\n";
    }
    body += bits >= 8 ? "    made = (unsigned)code;\n"
                      : "    made |= ((unsigned)code & " + std::to_string((1 << bits) - 1) + "u) << k * " +
                            std::to_string(bits) + ";\n";
    body += "  }\n  y[thread] = (Y)made;\n}\n";
  } else {
    unit = type_name(y);
    body = "    y[i] = narrow<Y>((float)(value_at(x, i) - " + zero + ") * (float)scale_at(scales, at));\n  }\n}\n";
  }
  s.add("using Y = " + unit + ";\n");
  s.add(
      "extern \"C\" __global__ void __launch_bounds__(256) quantize(const unsigned char* __restrict__ x, const "
      "unsigned "
      "char* __restrict__ scales,\n    const unsigned char* __restrict__ zeros, Y* y) {\n  begin();\n  const int "
      "thread = "
      "blockIdx.x * 256 + threadIdx.x;\n  if (thread >= (kCount + kEach - 1) / kEach) return;\n  unsigned made = 0;\n  "
      "for (int k = 0; k < kEach && thread * kEach + k < kCount; ++k) {\n    const int i = thread * kEach + k, at = ");
  s.add(scale_index(p)).add(";\n").add(body);
  Launch launch;
  launch.name = "quantize";
  launch.source = s.text();
  launch.waits = true;
  launch.grid[0] = blocks_for((count + per_thread - 1) / per_thread, launch.block);
  launch.arguments = {input(0), input(1), input(p.has(2) ? 2 : 0), output()};
  return job_of_one(std::move(launch));
}

// --- DynamicQuantizeLinear: the range of each block's part, then all of it again in every block.

constexpr int64_t kMostBlocks = 128;

constexpr const char* kRange = R"(
__device__ __forceinline__ void over_block(float& low, float& high) {
  __shared__ float lows[8], highs[8];
  for (int step = 16; step > 0; step /= 2) {
    low = fminf(low, __shfl_xor_sync(0xffffffffu, low, step));
    high = fmaxf(high, __shfl_xor_sync(0xffffffffu, high, step));
  }
  if (threadIdx.x % 32 == 0) {
    lows[threadIdx.x / 32] = low;
    highs[threadIdx.x / 32] = high;
  }
  __syncthreads();
  for (int i = 0; i < 8; ++i) {
    low = fminf(low, lows[i]);
    high = fmaxf(high, highs[i]);
  }
}
)";
constexpr const char* kRanges = R"(
extern "C" __global__ void __launch_bounds__(256) ranges(const float* __restrict__ x, float* parts) {
  begin();
  float low = 0, high = 0;
  for (long long i = blockIdx.x * 256ll + threadIdx.x; i < kCount; i += kBlocks * 256) {
    low = fminf(low, x[i]);
    high = fmaxf(high, x[i]);
  }
  over_block(low, high);
  if (threadIdx.x == 0) {
    parts[2 * blockIdx.x] = low;
    parts[2 * blockIdx.x + 1] = high;
  }
}
)";
constexpr const char* kDynamic = R"(
extern "C" __global__ void __launch_bounds__(256) quantize(const float* __restrict__ x, const float* __restrict__ parts,
    unsigned char* y, float* y_scale, unsigned char* y_zero) {
  begin();
  float low = 0, high = 0;
  if (threadIdx.x < kBlocks) {
    low = parts[2 * threadIdx.x];
    high = parts[2 * threadIdx.x + 1];
  }
  over_block(low, high);
  const float scale = low == high ? 1 : (high - low) / 255, start = -low / scale;
  const float zero = rintf(start < 0 ? 0 : start > 255 ? 255 : start);
  for (long long i = blockIdx.x * 1024ll + threadIdx.x; i < kCount && i < (blockIdx.x + 1) * 1024ll; i += 256) {
    const float v = rintf(x[i] / scale) + zero;
    y[i] = (unsigned char)(v > 0 ? fminf(v, 255) : 0);
  }
  if (blockIdx.x > 0 || threadIdx.x > 0) return;
  if (kScale) *y_scale = scale;
  if (kZero) *y_zero = (unsigned char)(zero > 0 ? zero : 0);
}
)";

Verdict supports_dynamic(const Problem& p, const Device&) {
  if (!all_f32({p.node, p.inputs, {}}) || p.outputs[0].channel_block) return no("row-major f32 only");
  return yes();
}

Result<Job> generate_dynamic(const Problem& p, const std::string&, const Device&) {
  const int64_t count = elements(p.inputs[0].shape);
  const int64_t blocks = std::clamp<int64_t>((count + 1023) / 1024, 1, kMostBlocks);
  const auto asked = [&](size_t i) { return asked_for(p, i); };
  Source s;
  s.add(prelude()).constant("kCount", count).constant("kBlocks", blocks).add(kRange);
  Job job;
  job.workspace = static_cast<size_t>(2 * blocks) * sizeof(float);
  Launch ranges;
  ranges.name = "ranges";
  ranges.source = Source(s).add(kRanges).text();
  ranges.waits = true;
  ranges.grid[0] = static_cast<unsigned>(blocks);
  ranges.arguments = {input(0), workspace()};
  Launch quantize;
  quantize.name = "quantize";
  quantize.source = Source(s).constant("kScale", asked(1)).constant("kZero", asked(2)).add(kDynamic).text();
  quantize.waits = true;
  quantize.grid[0] = std::max(1U, tiles(count, 1024));
  quantize.arguments = {input(0), workspace(), output(), asked(1) ? output(1) : workspace(),
                        asked(2) ? output(2) : workspace()};
  job.launches = {std::move(ranges), std::move(quantize)};
  return job;
}

}  // namespace

extern const Tactic quantize_tactic{
    .name = "cuda_quantize",
    .version = 1,
    .operators = {"QuantizeLinear", "DequantizeLinear"},
    .supports = supports,
    .estimate = estimate_bytes<200>,
    .generate = generate,
};
extern const Tactic dynamic_quant_tactic{
    .name = "cuda_dynamic_quantize",
    .version = 1,
    .operators = {"DynamicQuantizeLinear"},
    .supports = supports_dynamic,
    .estimate = estimate_bytes<200>,
    .generate = generate_dynamic,
};

}  // namespace vivace::cuda
