// Reductions over any axes, positions of maxima, pooling of whole images.
//
// Where the elements summed together are neighbours, a team of threads reads them (rows); where the results are, each
// thread reads neighbours of several results, and threads share the elements of each (columns). Channels-last images
// are columns. Few results of many elements are summed in parts first.
#include "backends/cuda/lower.h"
#include "backends/cuda/rows/elementwise.h"
#include "backends/cuda/rows/sets.h"

namespace vivace::cuda {

namespace {

// How elements are joined, as text: R is what a thread keeps, W what an element is computed as.
struct Joining {
  std::string r = {}, start = {}, term = {}, join = {}, finish = {};
  std::string types = {};  // declarations before
  std::string across = "__shfl_xor_sync(0xffffffffu, r, mask)";
};

std::string lowest(DType type, bool greatest) {
  if (is_float(type)) return std::string(greatest ? "" : "-") + "__uint_as_float(0x7f800000u)";
  const int bits = bits_of(type);
  switch (type) {
    case DType::boolean: return greatest ? "1" : "0";
    case DType::u8:
    case DType::u16:
    case DType::u32:
    case DType::u64: return greatest ? (bits == 64 ? "~0ull" : std::to_string((1ull << bits) - 1) + "u") : "0u";
    default:
      if (bits == 64) return greatest ? "0x7fffffffffffffffll" : "(-0x7fffffffffffffffll - 1)";
      return std::to_string(greatest ? (1ll << (bits - 1)) - 1 : -(1ll << (bits - 1))) + "ll";
  }
}

const char* wide_type(DType type) { return type == DType::f16 || type == DType::bf16 ? "float" : type_name(type); }

// A position that wins: greater, not a number before all, the first of equals or the last.
Joining position_of(DType type, bool greatest, bool last) {
  Joining j{.r = "R", .start = "{W(0), -1}", .term = "{v, at}", .finish = "(long long)r.at"};
  j.types = "struct R { W v; int at; };\n";
  j.across = "{(W)__shfl_xor_sync(0xffffffffu, r.v, mask), __shfl_xor_sync(0xffffffffu, r.at, mask)}";
  const std::string nan =
      is_float(type) ? "a.v != a.v && b.v != b.v ? tie : a.v != a.v || b.v != b.v ? a.v != a.v : " : "";
  j.join = "a.at < 0 ? b : b.at < 0 ? a : first_wins(a, b) ? a : b";
  j.types += std::string("__device__ __forceinline__ bool first_wins(R a, R b) {\n  const bool tie = a.at ") +
             (last ? ">" : "<") + " b.at;\n  return " + nan + "a.v == b.v ? tie : a.v " + (greatest ? ">" : "<") +
             " b.v;\n}\n";
  return j;
}

Verdict joining_of(const Problem& p, Joining& j) {
  const std::string& op = p.node->op;
  const DType type = p.inputs[0].type;
  const bool real = is_float(type), flag = type == DType::boolean;
  if (!real && !is_integer(type) && !flag) return no("a type without a kernel");
  if (op.starts_with("Arg")) {
    if (flag) return no("booleans have no order here");
    j = position_of(type, op == "ArgMax", p.attributes().integer("select_last_index") != 0);
    return yes();
  }
  if (op == "ReduceMax" || op == "GlobalMaxPool" || op == "ReduceMin") {
    const bool greatest = op != "ReduceMin";
    j = {.r = real ? "W" : bits_of(type) < 32 ? "int" : "W", .start = "(R)" + lowest(type, !greatest), .term = "v"};
    j.join = std::string("a ") + (greatest ? ">" : "<") + " b || a != a ? a : b";
    j.finish = "r";
    return yes();
  }
  if (flag) return no("booleans are not summed");
  j = {.r = real ? "W" : "unsigned long long", .start = "R(0)", .term = "(R)v", .join = "a + b", .finish = "r"};
  const std::string square = "(R)v * (R)v", magnitude = real ? "fabs(v)" : "v < 0 ? R(0) - (R)v : (R)v";
  if (op == "ReduceSum") return yes();
  if (op == "ReduceMean" || op == "GlobalAveragePool") {
    j.finish = real                                         ? "r / (W)kCount"
               : bits_of(type) && type_name(type)[0] == 'u' ? "r / kCount"
                                                            : "(long long)r / kCount";
  } else if (op == "ReduceProd") {
    j.start = "R(1)", j.join = "a * b";
  } else if (op == "ReduceSumSquare") {
    j.term = square;
  } else if (op == "ReduceL1") {
    j.term = magnitude;
  } else if (op == "ReduceL2") {
    j.term = square, j.finish = real ? "sqrt(r)" : "sqrt((double)r)";
  } else if (op == "GlobalLpPool") {
    const int64_t power = p.attributes().integer("p", 2);
    if (!real) return no("floats only");
    j.term = power == 1 ? magnitude : power == 2 ? square : "pow(fabs(v), (W)kPower)";
    j.finish = power == 1 ? "r" : power == 2 ? "sqrt(r)" : "pow(r, 1 / (W)kPower)";
  } else if (op == "ReduceLogSum" && real) {
    j.finish = "log(r)";
  } else if (op == "ReduceLogSumExp" && real) {
    // The sum is relative to the greatest element so far.
    j.r = "R", j.start = "{-(W)__uint_as_float(0x7f800000u), W(0)}";
    j.types = "struct R { W top, sum; };\n";
    j.term = "{v, v == -(W)__uint_as_float(0x7f800000u) ? W(0) : W(1)}";
    j.join =
        "a.top == b.top ? R{a.top, a.sum + b.sum} : b.top > a.top ? R{b.top, b.sum + a.sum * exp(a.top - b.top)} : "
        "R{a.top, a.sum + b.sum * exp(b.top - a.top)}";
    j.across = "{__shfl_xor_sync(0xffffffffu, r.top, mask), __shfl_xor_sync(0xffffffffu, r.sum, mask)}";
    j.finish = "r.sum == 0 ? r.top : r.top + log(r.sum)";
  } else {
    return no("a reduction without a kernel for this type");
  }
  return yes();
}

struct Plan {
  Joining joining;
  Sets sets;
  bool channels_last = false;
  int team = 1, block = 128;    // rows: threads of a result; columns: of `team` columns
  int64_t parts = 1, part = 0;  // the elements, in so many parts of so many loads
};

Verdict reduced_axes(const Problem& p, std::vector<bool>& reduced) {
  const size_t rank = p.inputs[0].shape.size();
  reduced.assign(rank, false);
  std::vector<int64_t> axes;
  if (p.node->op.starts_with("Global")) {
    std::fill(reduced.begin() + static_cast<std::ptrdiff_t>(std::min<size_t>(2, rank)), reduced.end(), true);
    return yes();
  }
  if (p.node->op.starts_with("Arg")) {
    axes = {p.attributes().integer("axis")};
  } else if (p.has(1)) {
    if (!p.inputs[1].constant) return no("the axes are not constant");
    axes = to_int64(*p.inputs[1].constant);
  }
  if (axes.empty() && p.attributes().integer("noop_with_empty_axes") == 0) reduced.assign(rank, true);
  for (const int64_t axis : axes) {
    const int at = ops::normalized_axis(axis, static_cast<int>(rank));
    if (at < 0) return no("an axis is out of range");
    reduced[static_cast<size_t>(at)] = true;
  }
  return yes();
}

int bytes_of_r(const Plan& plan, DType type) {
  const int wide = type == DType::f16 || type == DType::bf16 ? 4 : bits_of(type) / 8;
  if (plan.joining.r == "R") return wide == 8 ? 16 : 8;
  return plan.joining.r == "W" ? wide : plan.joining.r == "int" ? 4 : 8;
}

// Threads for elements of so many bytes each.
void choose_threads(Plan& plan, int bytes) {
  const Sets& sets = plan.sets;
  const int64_t results = sets.kept.count(), size = sets.reduced.count();
  int64_t blocks = 0, work = 0, loads = 0;  // of a block, in bytes; of a result
  if (sets.columns) {
    const int64_t groups = results / sets.width;
    const ColumnThreads threads = column_threads(groups, size, sets.width * bytes);
    plan.team = threads.columns, plan.block = threads.block;
    blocks = tiles(groups, plan.team), loads = size, work = size * plan.team * sets.width * bytes;
  } else {
    loads = size / sets.width;
    int64_t team = std::clamp<int64_t>(power_above((loads + 3) / 4), std::min<int64_t>(32, power_above(loads)), 512);
    while (team < 1024 && team < power_above(loads) && results * team < kFillingThreads) team *= 2;
    plan.team = static_cast<int>(team);
    plan.block = team > 32 ? plan.team : 128;  // one team of several warps, or several smaller ones
    blocks = tiles(results, plan.block / plan.team), work = size * bytes * (plan.block / plan.team);
  }
  constexpr int64_t kLongWork = 128 << 10, kPartWork = 32 << 10;
  if (work > kLongWork && blocks < kFillingBlocks / 2)
    plan.parts = std::min((work + kPartWork - 1) / kPartWork, 2 * kFillingBlocks / std::max<int64_t>(1, blocks));
  plan.part = (loads + plan.parts - 1) / plan.parts;
}

Verdict plan_of(const Problem& p, Plan& plan) {
  const TensorInfo &x = p.inputs[0], &y = p.outputs[0];
  if (const Verdict verdict = joining_of(p, plan.joining); !verdict) return verdict;
  std::vector<bool> reduced;
  if (const Verdict verdict = reduced_axes(p, reduced); !verdict) return verdict;
  if (static_cast<int64_t>(x.bytes()) / (bits_of(x.type) / 8) > kMostElements) return no("more than 2^31 elements");
  const int bytes = bits_of(x.type) / 8;
  if (x.channel_block) {
    plan.channels_last = plan.sets.columns = true;
    plan.sets.width = kChannelUnit;
    std::vector<bool> spatial(x.shape.size(), true);
    for (size_t i = 0; i < 2 && i < spatial.size(); ++i) spatial[i] = false;
    if (spatial.size() < 3 || reduced != spatial || x.channel_block % kChannelUnit || x.channel_block < x.shape[1])
      return no("channels last, but not reduced over all pixels");
    if (y.channel_block % kChannelUnit || (y.channel_block && y.channel_block < x.shape[1]))
      return no("a layout without a kernel");
    const int64_t pixels = elements(std::span(x.shape).subspan(2));
    const int64_t lanes = (x.shape[1] + kChannelUnit - 1) / kChannelUnit * kChannelUnit;
    plan.sets.kept = {{x.shape[0], lanes}, {pixels * x.channel_block, 1}};
    plan.sets.reduced = {{pixels}, {x.channel_block}};
  } else {
    if (y.channel_block) return no("a layout without a kernel");
    plan.sets = sets_of(x.shape, reduced, std::min(16 / bytes, 64 / bytes_of_r(plan, x.type)));
  }
  if (plan.sets.reduced.count() == 0 && !is_float(x.type)) return no("nothing to reduce");
  if (plan.sets.reduced.count() == 0 && p.node->op.starts_with("Arg")) return no("nothing to reduce");
  choose_threads(plan, bytes);
  return yes();
}

constexpr const char* kRows = R"(
extern "C" __global__ void __launch_bounds__(kBlock) reduce(const X* x, Y* y) {
  begin();
  const int o = blockIdx.x * (kBlock / kTeam) + threadIdx.x / kTeam, t = threadIdx.x % kTeam;
  const int last = (blockIdx.y + 1) * kPart < kLoads ? (blockIdx.y + 1) * kPart : kLoads;
  const bool at_once = kAligned || aligned<kWidth>(x);
  R r = start();
  if (o < kResults) {
    const X* const from = x + kept(o);
#pragma unroll 4
    for (int u = blockIdx.y * kPart + t; u < last; u += kTeam) {
      const Vector<X, kWidth> v = load<kWidth>(from + reduced(u * kWidth), at_once);
      for (int k = 0; k < kWidth; ++k) r = join(r, TERM(v.v[k], u * kWidth + k));
    }
  }
  for (int mask = kTeam < 32 ? kTeam / 2 : 16; mask > 0; mask /= 2) r = join(r, across(r, mask));
  if constexpr (kTeam > 32) {
    constexpr int kWarps = (kTeam + 31) / 32;
    __shared__ R partial[kWarps];
    if (threadIdx.x % 32 == 0) partial[threadIdx.x / 32] = r;
    __syncthreads();
    if (threadIdx.x >= 32) return;
    r = threadIdx.x < kWarps ? partial[threadIdx.x] : start();
    for (int mask = 16; mask > 0; mask /= 2) r = join(r, across(r, mask));
  }
  if (t == 0 && o < kResults) put(y, o, r);
}
)";

constexpr const char* kColumns = R"(
extern "C" __global__ void __launch_bounds__(kBlock) reduce(const X* x, Y* y) {
  begin();
  constexpr int kRows = kBlock / kTeam, kElements = kTeam * kWidth;
  const int column = threadIdx.x % kTeam, row = threadIdx.x / kTeam, o = (blockIdx.x * kTeam + column) * kWidth;
  const int last = (blockIdx.y + 1) * kPart < kLoads ? (blockIdx.y + 1) * kPart : kLoads;
  const bool at_once = kAligned || aligned<kWidth>(x);
  R r[kWidth];
  for (int k = 0; k < kWidth; ++k) r[k] = start();
  if (o < kResults) {
    const X* const from = x + kept(o);
#pragma unroll 4
    for (int u = blockIdx.y * kPart + row; u < last; u += kRows) {
      const Vector<X, kWidth> v = load<kWidth>(from + reduced(u), at_once);
      for (int k = 0; k < kWidth; ++k) r[k] = join(r[k], TERM(v.v[k], u));
    }
  }
#pragma unroll
  for (int mask = kTeam; mask < 32; mask *= 2)
    for (int k = 0; k < kWidth; ++k) r[k] = join(r[k], across(r[k], mask));
  __shared__ R partial[kBlock / 32][kElements];
  if (threadIdx.x % 32 < kTeam)
    for (int k = 0; k < kWidth; ++k) partial[threadIdx.x / 32][column * kWidth + k] = r[k];
  __syncthreads();
  for (int i = threadIdx.x; i < kElements && blockIdx.x * kElements + i < kResults; i += kBlock) {
    R all = partial[0][i];
    for (int w = 1; w < kBlock / 32; ++w) all = join(all, partial[w][i]);
    put(y, blockIdx.x * kElements + i, all);
  }
}
)";

// One kernel: of elements of type `x`, or of parts, to results, or to parts.
Launch kernel_of(const Problem& p, const Plan& plan, const std::string& x, bool parts_in, bool parts_out) {
  const TensorInfo &in = p.inputs[0], &out = p.outputs[0];
  const int64_t results = plan.sets.kept.count(), size = plan.sets.reduced.count();
  const int64_t loads = plan.sets.columns ? size : size / plan.sets.width;
  Source source;
  source.add(prelude()).add(element_helpers());
  source.add(std::string("using W = ") + wide_type(in.type) + ";\n" + plan.joining.types);
  if (plan.joining.r != "R") source.add("using R = " + plan.joining.r + ";\n");
  source.add("using X = " + x + ";\nusing Y = " + (parts_out ? "R" : type_name(out.type)) + ";\n");
  source.constant("kResults", results).constant("kLoads", loads).constant("kPart", plan.part);
  source.constant("kWidth", plan.sets.width).constant("kTeam", plan.team).constant("kBlock", plan.block);
  source.constant("kCount", elements(in.shape) / std::max<int64_t>(1, elements(out.shape)));
  source.constant("kAligned", plan.channels_last && !parts_in);
  source.constant("kPower", p.attributes().integer("p", 2));
  const std::string open = "__device__ __forceinline__ ";
  const Joining& j = plan.joining;
  source.add(open + "R start() { return " + j.start + "; }\n");
  source.add(open + "R term(W v, int at) { return " + j.term + "; }\n");
  source.add(open + "R join(R a, R b) { return " + j.join + "; }\n");
  source.add(open + "R across(R r, int mask) { return " + j.across + "; }\n");
  source.add(open + "int kept(int i) { return " + plan.sets.kept.offset("i") + "; }\n");
  source.add(open + "int reduced(int i) { return " + plan.sets.reduced.offset("i") + "; }\n");
  source.add(parts_in ? "#define TERM(v, at) v\n" : "#define TERM(v, at) term(wide(v), at)\n");
  const std::string value = "narrow<Y>(" + j.finish + ")";
  source.add(open + "void put(Y* y, int o, R r) {\n");
  if (parts_out) {
    source.add("  y[blockIdx.y * kResults + o] = r;\n}\n");
  } else if (plan.channels_last) {
    const std::string lanes = std::to_string(plan.sets.kept.sizes[1]), channels = std::to_string(in.shape[1]);
    source.add("  const int n = o / " + lanes + ", lane = o % " + lanes + ";\n");
    if (out.channel_block)
      source.add("  y[n * " + std::to_string(out.channel_block) + " + lane] = lane < " + channels + " ? " + value +
                 " : Y{};\n}\n");
    else
      source.add("  if (lane < " + channels + ") y[n * " + channels + " + lane] = " + value + ";\n}\n");
  } else {
    source.add("  y[o] = " + value + ";\n}\n");
  }
  Launch launch;
  launch.name = "reduce";
  launch.waits = true;
  launch.block = static_cast<unsigned>(plan.block);
  launch.grid[0] =
      plan.sets.columns ? tiles(results / plan.sets.width, plan.team) : tiles(results, plan.block / plan.team);
  launch.grid[1] = static_cast<unsigned>(plan.parts);
  launch.source = source.add(plan.sets.columns ? kColumns : kRows).text();
  launch.arguments = {parts_in ? workspace() : input(0), parts_out ? workspace() : output()};
  return launch;
}

Result<Job> generate(const Problem& p, const std::string&, const Device&) {
  VIVACE_ASSIGN(const Plan plan, supported<plan_of>(p));
  const std::string x = type_name(p.inputs[0].type);
  if (plan.parts == 1) return job_of_one(kernel_of(p, plan, x, false, false));
  Job job;
  job.launches.push_back(kernel_of(p, plan, x, false, true));
  const int bytes = bytes_of_r(plan, p.inputs[0].type);
  job.workspace = static_cast<size_t>(plan.parts * plan.sets.kept.count() * bytes);
  Plan second = plan;
  const int64_t results = plan.sets.kept.count();
  second.sets.kept =
      plan.channels_last ? Dims{plan.sets.kept.sizes, {plan.sets.kept.sizes[1], 1}} : Dims{{results}, {1}};
  second.sets.reduced = {{plan.parts}, {results}};
  second.sets.columns = true;
  second.sets.width = 1;
  second.parts = 1;
  choose_threads(second, bytes);
  job.launches.push_back(kernel_of(p, second, "R", true, false));
  return job;
}

}  // namespace

extern const Tactic reduce_tactic{
    .name = "cuda_reduce",
    .version = 4,
    .operators = {"ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceSumSquare", "ReduceL1",
                  "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ArgMax", "ArgMin", "GlobalAveragePool",
                  "GlobalMaxPool", "GlobalLpPool"},
    .supports = supports_job<Plan, plan_of>,
    .estimate = estimate_bytes<150>,
    .generate = generate,
};

}  // namespace vivace::cuda
