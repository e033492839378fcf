// OneHot, EyeLike, Trilu, ReverseSequence, CenterCropPad, Range, ConstantOfShape, BitCast: each element of the result
// follows from its place, and from at most one element of the input.
#include <cstring>
#include <numeric>

#include "backends/cuda/rows/elementwise.h"
#include "backends/cuda/rows/move.h"
#include "backends/cuda/rows/sets.h"

namespace vivace::cuda {

namespace {

// What a thread does for element `i` of `count`.
struct Fill {
  int64_t count = 0;
  Source source = {};  // constants and types, T that of an element of the result
  std::string parameters = {}, body = {};
  std::vector<Argument> arguments = {};
  std::string fault = {};

  void type(const char* name, std::string_view is) { source.add("using ").add(name).add(" = ").add(is).add(";\n"); }
  void parameter(const std::string& text, Argument argument) {
    parameters += text + ", ";
    arguments.push_back(argument);
  }
};

Verdict one_hot(const Problem& p, Fill& f) {
  const TensorInfo &indices = p.inputs[0], &y = p.outputs[0];
  if (!type_name(indices.type) || indices.channel_block) return no("indices that are no row-major numbers");
  const auto split = ops::split_at(
      y.shape, ops::normalized_axis(p.attributes().integer("axis", -1), static_cast<int>(y.shape.size())));
  f.type("T", unsigned_name(element_bytes(y)));
  f.type("Index", type_name(indices.type));
  f.source.constant("kDepth", split.size).constant("kInner", split.inner);
  f.parameter("const Index* __restrict__ indices", input(0));
  f.parameter("const T* __restrict__ values", input(2));
  // A number that no i64 holds is no index either.
  const char* cut = is_float(indices.type) ? "v > -9e18f && v < 9e18f ? (long long)v : -1 - kDepth" : "(long long)v";
  f.body = std::string("  const auto v = wide(indices[i / (kDepth * kInner) * kInner + i % kInner]);\n") +
           "  const long long index = " + cut +
           ";\n  y[i] = values[(index < 0 ? index + kDepth : index) == i / kInner % kDepth];\n";
  return yes();
}

Verdict eye_like(const Problem& p, Fill& f) {
  const TensorInfo& y = p.outputs[0];
  if (!type_name(y.type)) return no("a type without a kernel");
  f.type("T", type_name(y.type));
  const int64_t rows = y.shape[0], columns = y.shape[1];
  f.source.constant("kColumns", columns).constant("kK", std::clamp(p.attributes().integer("k"), -rows, columns));
  f.body = "  y[i] = i % kColumns - i / kColumns == kK ? narrow<T>(1.0f) : T{};\n";
  return yes();
}

Verdict trilu(const Problem& p, Fill& f) {
  const TensorInfo& y = p.outputs[0];
  if (const Verdict verdict = movable(p.inputs[0]); !verdict) return verdict;
  const int64_t rows = y.shape[y.shape.size() - 2], columns = y.shape.back();
  f.type("T", unsigned_name(element_bytes(y)));
  f.source.constant("kRows", rows).constant("kColumns", columns);
  f.parameter("const T* __restrict__ x", input(0));
  std::string k = "0";
  if (p.has(1) && elements(p.inputs[1].shape) == 1) {
    k = "max(-(long long)kRows, min((long long)kColumns, *k))";
    if (p.inputs[1].constant)
      k = std::to_string(std::clamp(to_int64(*p.inputs[1].constant)[0], -rows, columns));
    else
      f.parameter("const long long* __restrict__ k", input(1));
  }
  const bool upper = p.attributes().integer("upper", 1) != 0;
  f.body = "  const long long beyond = i % kColumns - i / kColumns % kRows - (" + k + ");\n  y[i] = beyond " +
           (upper ? ">=" : "<=") + " 0 ? x[i] : T{};\n";
  return yes();
}

Verdict reverse_sequence(const Problem& p, Fill& f) {
  const TensorInfo& x = p.inputs[0];
  if (const Verdict verdict = movable(x); !verdict) return verdict;
  const auto batch = static_cast<size_t>(p.attributes().integer("batch_axis", 1)), time = 1 - batch;
  const int bytes = element_bytes(x);
  Shape strides = strides_of(x.shape);
  const int64_t unit = std::gcd(int64_t{16} / bytes, strides[1]);  // elements that move together
  f.type("T", unsigned_name(bytes * static_cast<int>(unit)));
  f.count /= unit;
  f.source.constant("kSteps", x.shape[time]).constant("kStep", strides[time] / unit);
  f.source.constant("kBatch", x.shape[batch]).constant("kSequence", strides[batch] / unit);
  f.parameter("const T* __restrict__ x", input(0));
  f.parameter("const long long* __restrict__ lengths", input(1));
  f.body = R"(  const int t = i / kStep % kSteps;
  const long long length = lengths[i / kSequence % kBatch];
  if (length < 0 || length > kSteps) {
    *fault = 1;
    return;
  }
  y[i] = x[t < length ? i + ((int)length - 1 - 2 * t) * kStep : i];
)";
  f.fault = "the length of a sequence is negative, or beyond the axis of time";
  return yes();
}

Verdict center_crop_pad(const Problem& p, Fill& f) {
  const TensorInfo &x = p.inputs[0], &y = p.outputs[0];
  if (const Verdict verdict = movable(x); !verdict) return verdict;
  f.type("T", unsigned_name(element_bytes(x)));
  f.parameter("const T* __restrict__ x", input(0));
  f.body = "  bool inside = true;\n  int from = 0;\n";
  const Shape x_strides = strides_of(x.shape), y_strides = strides_of(y.shape);
  for (size_t d = 0, first = 0; d < x.shape.size(); first = ++d) {
    // Axes that stay as they are go together.
    while (x.shape[d] == y.shape[d] && d + 1 < x.shape.size() && x.shape[d + 1] == y.shape[d + 1]) ++d;
    const int64_t size = elements(std::span(y.shape).subspan(first, d + 1 - first));
    const int64_t shared = std::min(size, elements(std::span(x.shape).subspan(first, d + 1 - first)));
    const std::string lead = std::to_string((size - shared) / 2);
    const std::string cut = std::to_string((x.shape[d] - std::min(x.shape[d], y.shape[d])) / 2);
    f.body += "  {\n    const int at = i / " + std::to_string(y_strides[d]) + " % " + std::to_string(size) + " - " +
              lead + ";\n    inside = inside && at >= 0 && at < " + std::to_string(shared) + ";\n    from += (at + " +
              cut + ") * " + std::to_string(x_strides[d]) + ";\n  }\n";
  }
  f.body += "  y[i] = inside ? x[from] : T{};\n";
  return yes();
}

Verdict range(const Problem& p, Fill& f) {
  const DType type = p.outputs[0].type;
  if ((!is_float(type) && !is_integer(type)) || !type_name(type)) return no("a type without a kernel");
  f.type("T", type_name(type));
  f.type("W", is_float(type) ? "double" : "unsigned long long");
  f.type("N", type == DType::f64 ? "double" : is_float(type) ? "float" : type_name(type));
  f.parameter("const T* __restrict__ start", input(0));
  f.parameter("const T* __restrict__ step", input(2));
  f.body = "  y[i] = narrow<T>((N)((W)wide(*start) + (W)i * (W)wide(*step)));\n";
  return yes();
}

Verdict constant_of_shape(const Problem& p, Fill& f) {
  const TensorInfo& y = p.outputs[0];
  if (element_bytes(y) > 8) return no("elements of up to 8 bytes only");
  f.type("T", unsigned_name(element_bytes(y)));
  uint64_t bits = 0;
  if (const auto* value = p.attributes().get<Tensor>("value")) std::memcpy(&bits, value->data(), value->bytes());
  f.body = "  y[i] = (T)" + std::to_string(bits) + "ull;\n";
  return yes();
}

Verdict bit_cast(const Problem& p, Fill& f) {
  const TensorInfo &x = p.inputs[0], &y = p.outputs[0];
  if (x.channel_block) return no("row-major only");
  const int unit = std::gcd(16, static_cast<int>(y.bytes() % 16));
  f.count = static_cast<int64_t>(y.bytes()) / unit;
  f.type("T", unsigned_name(unit));
  f.parameter("const T* __restrict__ x", input(0));
  f.body = "  y[i] = x[i];\n";
  return yes();
}

constexpr struct {
  std::string_view op;
  Verdict (*write)(const Problem&, Fill&);
} kFills[] = {
    {"OneHot", one_hot},
    {"EyeLike", eye_like},
    {"Trilu", trilu},
    {"ReverseSequence", reverse_sequence},
    {"CenterCropPad", center_crop_pad},
    {"Range", range},
    {"ConstantOfShape", constant_of_shape},
    {"BitCast", bit_cast},
};

Verdict fill_of(const Problem& p, Fill& f) {
  const TensorInfo& y = p.outputs[0];
  f.count = elements(y.shape);
  if (y.channel_block) return no("row-major only");
  if (f.count > kMostElements) return no("more than 2^31 elements");
  if (p.node->op != "BitCast" && !unsigned_name(element_bytes(y))) return no("elements of 1, 2, 4, 8 or 16 bytes only");
  for (const auto& row : kFills)
    if (row.op == p.node->op) return row.write(p, f);
  return no("another operator");
}

Result<Job> generate(const Problem& p, const std::string&, const Device&) {
  VIVACE_ASSIGN(Fill f, supported<fill_of>(p));
  if (f.count == 0) return Job();
  Source source;
  source.add(prelude()).add(element_helpers()).add(f.source.text()).constant("kElements", f.count);
  source.add("extern \"C\" __global__ void __launch_bounds__(256) fill(" + f.parameters + "T* __restrict__ y" +
             (f.fault.empty() ? "" : ", unsigned* fault") +
             ") {\n  begin();\n  const int i = blockIdx.x * 256 + threadIdx.x;\n  if (i >= kElements) return;\n");
  Launch launch;
  launch.name = "fill";
  launch.source = source.add(f.body).add("}\n").text();
  launch.waits = true;
  launch.grid[0] = blocks_for(f.count, launch.block);
  launch.arguments = std::move(f.arguments);
  launch.arguments.push_back(output());
  if (!f.fault.empty()) launch.arguments.push_back(fault());
  Job job = job_of_one(std::move(launch));
  job.fault = std::move(f.fault);
  return job;
}

}  // namespace

extern const Tactic fill_tactic{
    .name = "cuda_fill",
    .version = 1,
    .operators = {"OneHot", "EyeLike", "Trilu", "ReverseSequence", "CenterCropPad", "Range", "ConstantOfShape",
                  "BitCast"},
    .supports = supports_job<Fill, fill_of>,
    .estimate = estimate_bytes,
    .generate = generate,
};

}  // namespace vivace::cuda
