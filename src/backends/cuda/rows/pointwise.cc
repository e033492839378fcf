// Pointwise operators and their fused chains: one thread per few neighbours, which are loaded and stored at once where
// the layouts allow it.
#include <numeric>

#include "backends/cpu/pointwise_plan.h"
#include "backends/cuda/lower.h"
#include "backends/cuda/rows/elementwise.h"

namespace vivace::cuda {

namespace {

constexpr int64_t kFewThreads = 1 << 15;          // some for each multiprocessor of a large GPU
constexpr int64_t kMost = INT32_MAX - (1 << 16);  // indices of the last block's threads are numbers too

int bytes_of_type(std::string_view type) {
  for (int i = 1; i < kDTypeCount; ++i)
    if (const char* name = type_name(static_cast<DType>(i)); name && type == name)
      return bits_of(static_cast<DType>(i)) / 8;
  return 0;
}

// How neighbours of the result find an operand's elements; `offset` is an expression.
struct Access {
  enum Kind {
    neighbours,  // side by side from `offset` on
    one,         // all take the one at `offset`
    channels,    // side by side from channel `lane` on, as far as there are channels
    each         // element k is at the offset that the text has for `i + k`
  } kind;
  std::string offset;
};

// How an operand of such strides runs along the result, whose last dimensions it covers with one stride.
struct Run {
  int64_t length = 1, stride = 0;
  bool whole = true;   // all of the result
  int64_t others = 0;  // a divisor of all other strides
};
Run run_of(const Shape& dims, const std::vector<int64_t>& strides) {
  Run run;
  for (size_t i = dims.size(); i-- > 0;) {
    if (dims[i] == 1) continue;
    if (run.whole && run.length == 1) run.stride = strides[i];
    if (run.whole && strides[i] == run.stride * run.length) {
      run.length *= dims[i];
    } else {
      run.whole = false;
      run.others = std::gcd(run.others, strides[i]);
    }
  }
  return run;
}

Access row_major_access(const Shape& shape, const Shape& dims, int width) {
  const std::vector<int64_t> strides = cpu::broadcast_strides(shape, dims);
  const Run run = run_of(dims, strides);
  const bool even = run.whole || run.length % width == 0;
  if (run.stride == 0 && even) return {Access::one, strided_offset("i", dims, strides)};
  if (run.stride == 1 && even && run.others % width == 0)
    return {Access::neighbours, strided_offset("i", dims, strides)};
  return {Access::each, strided_offset("(i + k)", dims, strides)};
}

bool is_blocked_image(const TensorInfo& t) {
  return t.shape.size() >= 2 && t.channel_block % kChannelUnit == 0 && t.channel_block >= t.shape[1];
}

// The pixels of an image: all dimensions but the channels.
Shape pixels_of(const Shape& shape) {
  Shape pixels = shape;
  pixels.erase(pixels.begin() + 1);
  return pixels;
}

// Threads run over units of channels, pixel by pixel: `pixel` and `lane`.
Verdict channels_last_access(const TensorInfo& t, const Shape& shape, const TensorInfo& out, Access& access) {
  if (t.channel_block) {
    if (!is_blocked_image(t) || t.shape.size() != out.shape.size()) return no("a layout without a kernel");
    std::vector<int64_t> strides = cpu::broadcast_strides(pixels_of(t.shape), pixels_of(out.shape));
    for (int64_t& stride : strides) stride *= t.channel_block;
    const std::string pixel = strided_offset("pixel", pixels_of(out.shape), strides);
    if (t.shape[1] == out.shape[1])
      access = {Access::neighbours, pixel + " + lane"};
    else
      access = {Access::one, pixel};
    return yes();
  }
  if (elements(shape) == 1) {
    access = {Access::one, "0"};
    return yes();
  }
  const size_t rank = out.shape.size(), leading = rank - shape.size();
  for (size_t i = 0; i < shape.size(); ++i)
    if (shape[i] != (i + leading == 1 ? out.shape[1] : 1)) return no("a row-major operand");
  access = {Access::channels, "lane"};
  return yes();
}

struct Plan {
  Elementwise what;
  std::vector<Access> accesses;
  bool channels_last = false;
  int width = 1;      // neighbours of a thread
  int64_t count = 0;  // of threads with work
};

Verdict plan_of(const Problem& p, Plan& plan) {
  if (Verdict verdict = elementwise_of(p, plan.what); !verdict) return verdict;
  const TensorInfo& out = p.outputs[0];
  if (out.shape.size() > 60) return no("too many dimensions");
  plan.channels_last = out.channel_block != 0;
  if (plan.channels_last) {
    if (!is_blocked_image(out)) return no("a layout without a kernel");
    plan.width = kChannelUnit;
    const int64_t pixels = elements(pixels_of(out.shape));
    plan.count = pixels * ((out.shape[1] + kChannelUnit - 1) / kChannelUnit);
    if (pixels * out.channel_block > kMost) return no("more than 2^31 elements");
  } else {
    int largest = bytes_of_type(plan.what.result);
    for (const std::string& type : plan.what.types) largest = std::max(largest, bytes_of_type(type));
    plan.width = 16 / largest;
    const int64_t total = elements(out.shape);
    if (total > kMost) return no("more than 2^31 elements");
    // Few elements are spread over more threads, the innermost dimension is filled if it can be.
    while (plan.width > 2 && total / plan.width < kFewThreads / 2) plan.width /= 2;
    plan.count = (total + plan.width - 1) / plan.width;
  }
  for (size_t j = 0; j < plan.what.operands.size(); ++j) {
    const TensorInfo& in = p.inputs[plan.what.operands[j]];
    const Shape& shape = plan.what.shapes[j];
    if (elements(in.shape) > kMost || static_cast<int64_t>(in.bytes()) / (bits_of(in.type) / 8) > kMost)
      return no("more than 2^31 elements");
    Access access;
    if (plan.channels_last) {
      if (Verdict verdict = channels_last_access(in, shape, out, access); !verdict) return verdict;
    } else if (in.channel_block) {
      return no("an operand with channels last");
    } else {
      access = row_major_access(shape, out.shape, plan.width);
    }
    plan.accesses.push_back(access);
  }
  return yes();
}

// The function part<n>: n neighbours, from `i` on or from `lane` on of `pixel`.
std::string part_text(const Plan& plan, const std::string& parameters, const std::string& store_offset) {
  const Elementwise& what = plan.what;
  std::string loads, arguments;
  for (size_t j = 0; j < what.types.size(); ++j) {
    const std::string &type = what.types[j], n = std::to_string(j), p = "p" + n, x = "x" + n;
    const std::string& offset = plan.accesses[j].offset;
    std::string argument = x + ".v[k]";
    switch (plan.accesses[j].kind) {
      case Access::neighbours:
        loads += "  const Vector<" + type + ", n> " + x + " = load<n>(" + p + " + " + offset + ");\n";
        break;
      case Access::one:
        loads += "  const " + type + " " + x + " = " + p + "[" + offset + "];\n";
        argument = x;
        break;
      case Access::channels:
        loads += "  Vector<" + type + ", n> " + x + ";\n  if (kChannels % n == 0 && aligned<n>(" + p + ")) " + x +
                 " = load<n>(" + p + " + lane);\n  else\n    for (int k = 0; k < n; ++k) " + x +
                 ".v[k] = lane + k < kChannels ? " + p + "[lane + k] : " + type + "{};\n";
        break;
      case Access::each: argument = p + "[" + offset + "]"; break;
    }
    arguments += (j ? ", " : "") + argument;
  }
  if (!what.fault.empty()) arguments += ", fault";
  std::string value = "apply(" + arguments + ")";
  if (plan.channels_last) value = "lane + k < kChannels ? " + value + " : " + what.result + "{}";
  return "template <int n>\n__device__ __forceinline__ void part(int " +
         std::string(plan.channels_last ? "pixel, int lane" : "i") + ", " + parameters + ") {\n" + loads + "  Vector<" +
         what.result + ", n> r;\n#pragma unroll\n  for (int k = 0; k < n; ++k) r.v[k] = " + value +
         ";\n  store<n>(y + " + store_offset + ", r);\n}\n";
}

Result<Job> generate(const Problem& p, const std::string&, const Device&) {
  VIVACE_ASSIGN(const Plan plan, supported<plan_of>(p));
  const Elementwise& what = plan.what;
  const TensorInfo& out = p.outputs[0];
  Launch launch;
  launch.name = "pointwise";
  launch.waits = true;
  launch.block = plan.count < kFewThreads ? 64 : 256;
  launch.grid[0] = blocks_for(plan.count, launch.block);
  std::string parameters, names, check;
  for (size_t j = 0; j < what.operands.size(); ++j) {
    const std::string name = "p" + std::to_string(j);
    parameters += "const " + what.types[j] + "* " + name + ", ";
    names += name + ", ";
    if (plan.accesses[j].kind == Access::neighbours) check += "aligned<kWidth>(" + name + ") && ";
    launch.arguments.push_back(input(static_cast<int>(what.operands[j])));
  }
  parameters += what.result + "* y";
  names += "y";
  launch.arguments.push_back(output());
  if (!what.fault.empty()) {
    parameters += ", unsigned* fault";
    names += ", fault";
    launch.arguments.push_back(fault());
  }
  Source source;
  source.add(prelude()).add(element_helpers()).add(what.function);
  source.constant("kWidth", plan.width).constant("kCount", plan.count).constant("kBlock", launch.block);
  if (plan.channels_last) {
    source.constant("kChannels", out.shape[1]).constant("kUnits", (out.shape[1] + kChannelUnit - 1) / kChannelUnit);
    source.constant("kPitch", out.channel_block);
  } else {
    source.constant("kElements", elements(out.shape));
  }
  source.add(part_text(plan, parameters, plan.channels_last ? "pixel * kPitch + lane" : "i"));
  source.add("extern \"C\" __global__ void __launch_bounds__(kBlock) pointwise(" + parameters + ") {\n  begin();\n");
  if (plan.channels_last)
    source.add(
        "  const int i = blockIdx.x * kBlock + threadIdx.x;\n  if (i < kCount) part<kWidth>(i / kUnits, i % kUnits * "
        "kWidth, " +
        names + ");\n}\n");
  else
    source.add("  const int i = (blockIdx.x * kBlock + threadIdx.x) * kWidth;\n  if (" + check +
               "aligned<kWidth>(y) && i + kWidth <= kElements) part<kWidth>(i, " + names +
               ");\n  else\n    for (int k = i; k < kElements && k < i + kWidth; ++k) part<1>(k, " + names + ");\n}\n");
  launch.source = source.text();
  Job job = job_of_one(std::move(launch));
  job.fault = what.fault;
  return job;
}

}  // namespace

extern const Tactic pointwise_tactic{
    .name = "cuda_pointwise",
    .version = 2,
    .operators = elementwise_operators(),
    .reads_once = true,
    .supports = supports_job<Plan, plan_of>,
    .estimate = estimate_bytes,
    .generate = generate,
};

}  // namespace vivace::cuda
