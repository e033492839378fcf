// Softmax and normalizations of row-major tensors: sums of each set in f32 (f64 for f64), then a function of each
// element.
//
// Where a set's elements are neighbours a team of threads keeps them in registers, if they fit (rows); where neighbours
// are of different sets, threads share the elements of each and read them again (columns).
#include "backends/cpu/pointwise_plan.h"
#include "backends/cuda/rows/elementwise.h"
#include "backends/cuda/rows/sets.h"

namespace vivace::cuda {

namespace {

// Two passes and a function. `v` is element `i` of its set; a pass joins `p` and `q`, from `start` on, and ends as
// `finish` has it.
struct Pass {
  const char *start, *term, *join, *finish;
};
struct Family {
  std::string_view op;
  Pass a, b;
  const char* map;  // of v, a, b, i, and of s and c, the scale and the bias
};

constexpr Pass kNone = {nullptr, "", "", ""};
constexpr Pass kGreatest = {"-(W)__uint_as_float(0x7f800000u)", "v", "q > p || q != q ? q : p", "a"};
constexpr Pass kMean = {"W(0)", "v", "p + q", "a / kSize"};
constexpr Pass kVariance = {"W(0)", "(v - a) * (v - a)", "p + q", "1 / sqrt(b / kSize + EPSILON)"};
constexpr Family kFamilies[] = {
    {"Softmax", kGreatest, {"W(0)", "exp(v - a)", "p + q", "1 / b"}, "exp(v - a) * b"},
    {"LogSoftmax", kGreatest, {"W(0)", "exp(v - a)", "p + q", "log(b)"}, "v - a - b"},
    {"Hardmax", kGreatest, {"W(kSize)", "v == a ? W(i) : W(kSize)", "p < q ? p : q", "b"}, "W(i) == b ? W(1) : W(0)"},
    {"LayerNormalization", kMean, kVariance, "(v - a) * b * s + c"},
    {"RMSNormalization", kNone, {"W(0)", "v * v", "p + q", "1 / sqrt(b / kSize + EPSILON)"}, "v * b * s"},
    {"InstanceNormalization", kMean, kVariance, "(v - a) * b * s + c"},
    {"GroupNormalization", kMean, kVariance, "(v - a) * b * s + c"},
    {"MeanVarianceNormalization",
     kMean,
     {"W(0)", "(v - a) * (v - a)", "p + q", "1 / (sqrt(b / kSize) + W(1e-9))"},
     "(v - a) * b"},
    {"LpNormalization", kNone, {"W(0)", "v * v", "p + q", "sqrt(b)"}, "b == 0 ? W(0) : v / b"},
    {"LpNormalization 1", kNone, {"W(0)", "fabs(v)", "p + q", "b"}, "b == 0 ? W(0) : v / b"},
};

struct Plan {
  const Family* family = nullptr;
  Sets sets;
  int team = 32, block = 128, held = 1;
  bool keeps = false;
  // Scale and bias: which inputs, and where element `at` of x finds its own; empty: at its place in the set.
  std::vector<size_t> operands;
  std::vector<std::string> places;
};

// Registers that a thread spends on elements of its row.
constexpr int64_t kHeldBytes = 128;

void choose_threads(Plan& plan, int bytes, int wide_bytes) {
  const int64_t count = plan.sets.kept.count(), size = plan.sets.reduced.count(), width = plan.sets.width;
  if (plan.sets.columns) {
    const ColumnThreads threads = column_threads(count / width, size, width * bytes);
    plan.team = threads.columns, plan.block = threads.block;
    return;
  }
  // As few threads as can hold a row; where there are few rows, each thread has less to do.
  const int64_t loads = size / width, few = count * 64 < kFillingThreads ? 2 : 1;
  const int64_t each = std::max<int64_t>(1, kHeldBytes / wide_bytes / width / few);
  const int64_t team = std::min<int64_t>(1024, power_above((loads + each - 1) / each));
  plan.team = static_cast<int>(std::max(team, std::min<int64_t>(32, power_above(loads))));
  plan.block = plan.team > 32 ? plan.team : 128;
  plan.held = static_cast<int>((loads + plan.team - 1) / plan.team);
  plan.keeps = plan.held * width * wide_bytes <= kHeldBytes;
  if (!plan.keeps) plan.held = 1;
}

// The sets of an operator, in `shape`, which may be another one of as many elements.
Verdict sets_in(const Problem& p, Shape& shape, std::vector<bool>& reduced) {
  const std::string& op = p.node->op;
  shape = p.inputs[0].shape;
  reduced.assign(shape.size(), false);
  if (op == "InstanceNormalization" || op == "GroupNormalization") {
    if (shape.size() < 2) return no("no channels");
    const int64_t groups =
        op == "InstanceNormalization" ? std::max<int64_t>(1, shape[1]) : p.attributes().integer("num_groups", 1);
    shape = {shape[0] * groups, elements(std::span(shape).subspan(1)) / groups};
    reduced = {false, true};
    return yes();
  }
  if (op == "MeanVarianceNormalization") {
    for (const int64_t a : p.attributes().integers("axes", {0, 2, 3})) {
      const int axis = ops::normalized_axis(a, static_cast<int>(shape.size()));
      if (axis < 0) return no("an axis is out of range");
      reduced[static_cast<size_t>(axis)] = true;
    }
    return yes();
  }
  const int axis = ops::normalized_axis(p.attributes().integer("axis", -1), static_cast<int>(shape.size()));
  if (axis < 0) return no("a scalar");
  const bool tail = op == "LayerNormalization" || op == "RMSNormalization";
  for (auto i = static_cast<size_t>(axis); i < shape.size() && (tail || i == static_cast<size_t>(axis)); ++i)
    reduced[i] = true;
  return yes();
}

Verdict plan_of(const Problem& p, Plan& plan) {
  const std::string& op = p.node->op;
  const TensorInfo& x = p.inputs[0];
  if (!is_float(x.type)) return no("floats only");
  for (const TensorInfo& t : p.inputs)
    if (t.present() && (!is_float(t.type) || t.channel_block)) return no("row-major floats only");
  if (p.outputs[0].channel_block) return no("row-major only");
  for (size_t i = 1; i < p.outputs.size(); ++i)
    if (p.outputs[i].present() && !p.node->output(i)->unused()) return no("more than the first output is asked for");
  if (elements(x.shape) > kMostElements) return no("more than 2^31 elements");
  const bool absolute = op == "LpNormalization" && p.attributes().integer("p", 2) == 1;
  for (const Family& family : kFamilies)
    if (family.op == (absolute ? "LpNormalization 1" : op)) plan.family = &family;
  if (!plan.family) return no("not a normalization");
  Shape shape;
  std::vector<bool> reduced;
  if (const Verdict verdict = sets_in(p, shape, reduced); !verdict) return verdict;
  const int bytes = bits_of(x.type) / 8;
  plan.sets = sets_of(shape, reduced, 16 / bytes);
  if (op == "Hardmax" && plan.sets.reduced.count() > 1 << 24) return no("more than 2^24 elements of a line");
  const bool by_channel = op == "InstanceNormalization" || op == "GroupNormalization";
  for (size_t i = 1; i < p.inputs.size() && (by_channel || op == "LayerNormalization" || op == "RMSNormalization");
       ++i) {
    if (!p.has(i)) continue;
    Shape as = p.inputs[i].shape;
    if (by_channel) as.resize(x.shape.size() - 1, 1);
    while (as.size() > x.shape.size()) {
      if (as.front() != 1) return no("a scale of more dimensions");
      as.erase(as.begin());
    }
    plan.operands.push_back(i);
    // A scale of the set's own dimensions is read like the set.
    const std::vector<int64_t> strides = cpu::broadcast_strides(as, x.shape);
    const bool whole = !by_channel && elements(as) == plan.sets.reduced.count();
    plan.places.push_back(whole ? "" : strided_offset("at", x.shape, strides));
  }
  choose_threads(plan, bytes, x.type == DType::f64 ? 8 : 4);
  return yes();
}

constexpr const char* kRows = R"(
struct Held { W v[kHeld][kWidth]; };
__device__ __forceinline__ void read(const X* from, bool at_once, W (&v)[kWidth]) {
  const Vector<X, kWidth> x = load<kWidth>(from, at_once);
  for (int k = 0; k < kWidth; ++k) v[k] = wide(x.v[k]);
}
template <class F>
__device__ __forceinline__ void each(Held& held, const X* from, bool at_once, F f) {
  const int t = threadIdx.x % kTeam;
  if constexpr (kKeeps) {
#pragma unroll
    for (int h = 0; h < kHeld; ++h)
      if (t + h * kTeam < kLoads) f((t + h * kTeam) * kWidth, held.v[h]);
  } else {
#pragma unroll 2
    for (int u = t; u < kLoads; u += kTeam) {
      W v[kWidth];
      read(from + reduced(u * kWidth), at_once, v);
      f(u * kWidth, v);
    }
  }
}
template <class F>
__device__ __forceinline__ W over_set(W p, F join) {
#pragma unroll
  for (int mask = kTeam < 32 ? kTeam / 2 : 16; mask > 0; mask /= 2) p = join(p, __shfl_xor_sync(0xffffffffu, p, mask));
  if constexpr (kTeam > 32) {
    constexpr int kWarps = (kTeam + 31) / 32;
    __shared__ W partial[kWarps];
    __syncthreads();
    if (threadIdx.x % 32 == 0) partial[threadIdx.x / 32] = p;
    __syncthreads();
    p = partial[0];
    for (int w = 1; w < kWarps; ++w) p = join(p, partial[w]);
  }
  return p;
}
extern "C" __global__ void __launch_bounds__(kBlock) normalize(PARAMETERS) {
  begin();
  const int set = blockIdx.x * (kBlock / kTeam) + threadIdx.x / kTeam;
  const int base = kept(set < kSets ? set : 0);
  const X* const from = x + base;
  const bool at_once = aligned<kWidth>(x), store_at_once = aligned<kWidth>(y);
  Held held;
  if constexpr (kKeeps) {
#pragma unroll
    for (int h = 0; h < kHeld; ++h) {
      const int u = threadIdx.x % kTeam + h * kTeam;
      if (u < kLoads) read(from + reduced(u * kWidth), at_once, held.v[h]);
    }
  }
  W a = 0, b = 0;
  FIRST
  {
    W sum = START_B;
    each(held, from, at_once, [&](int at, const W (&x)[kWidth]) {
      for (int k = 0; k < kWidth; ++k) sum = join_b(sum, term_b(x[k], a, at + k));
    });
    b = finish_b(over_set(sum, [](W p, W q) { return join_b(p, q); }));
  }
  if (set >= kSets) return;
  each(held, from, at_once, [&](int first, const W (&v)[kWidth]) {
    const int start = base + reduced(first);
    AFFINE
    Vector<Y, kWidth> r;
    for (int k = 0; k < kWidth; ++k) r.v[k] = narrow<Y>(map(v[k], a, b, first + k, VALUES));
    store<kWidth>(y + start, r, store_at_once);
  });
}
)";
constexpr const char* kFirstOfRows = R"({
    W sum = START_A;
    each(held, from, at_once, [&](int at, const W (&x)[kWidth]) {
      for (int k = 0; k < kWidth; ++k) sum = join_a(sum, term_a(x[k]));
    });
    a = finish_a(over_set(sum, [](W p, W q) { return join_a(p, q); }));
  })";

constexpr const char* kColumns = R"(
template <class F>
__device__ __forceinline__ void over_sets(W (&r)[kWidth], F join) {
#pragma unroll
  for (int mask = kTeam; mask < 32; mask *= 2)
    for (int k = 0; k < kWidth; ++k) r[k] = join(r[k], __shfl_xor_sync(0xffffffffu, r[k], mask));
  __shared__ W partial[kBlock / 32][kTeam * kWidth];
  const int at = threadIdx.x % kTeam * kWidth;
  __syncthreads();
  if (threadIdx.x % 32 < kTeam)
    for (int k = 0; k < kWidth; ++k) partial[threadIdx.x / 32][at + k] = r[k];
  __syncthreads();
  for (int k = 0; k < kWidth; ++k) {
    r[k] = partial[0][at + k];
    for (int w = 1; w < kBlock / 32; ++w) r[k] = join(r[k], partial[w][at + k]);
  }
}
extern "C" __global__ void __launch_bounds__(kBlock) normalize(PARAMETERS) {
  begin();
  constexpr int kRows = kBlock / kTeam;
  const int row = threadIdx.x / kTeam, set = (blockIdx.x * kTeam + threadIdx.x % kTeam) * kWidth;
  const int base = kept(set < kSets ? set : 0);
  const bool at_once = aligned<kWidth>(x), store_at_once = aligned<kWidth>(y);
  W a[kWidth] = {}, b[kWidth];
  FIRST
  for (int k = 0; k < kWidth; ++k) b[k] = START_B;
#pragma unroll 4
  for (int i = row; i < kSize; i += kRows) {
    const Vector<X, kWidth> v = load<kWidth>(x + base + reduced(i), at_once);
    for (int k = 0; k < kWidth; ++k) b[k] = join_b(b[k], term_b(wide(v.v[k]), a[k], i));
  }
  over_sets(b, [](W p, W q) { return join_b(p, q); });
  for (int k = 0; k < kWidth; ++k) b[k] = finish_b(b[k]);
  if (set >= kSets) return;
#pragma unroll 4
  for (int i = row; i < kSize; i += kRows) {
    const int at = base + reduced(i);
    const Vector<X, kWidth> v = load<kWidth>(x + at, at_once);
    Vector<Y, kWidth> r;
    for (int k = 0; k < kWidth; ++k) r.v[k] = narrow<Y>(map(wide(v.v[k]), a[k], b[k], i, W(1), W(0)));
    store<kWidth>(y + at, r, store_at_once);
  }
}
)";
constexpr const char* kFirstOfColumns = R"(for (int k = 0; k < kWidth; ++k) a[k] = START_A;
#pragma unroll 4
  for (int i = row; i < kSize; i += kRows) {
    const Vector<X, kWidth> v = load<kWidth>(x + base + reduced(i), at_once);
    for (int k = 0; k < kWidth; ++k) a[k] = join_a(a[k], term_a(wide(v.v[k])));
  }
  over_sets(a, [](W p, W q) { return join_a(p, q); });
  for (int k = 0; k < kWidth; ++k) a[k] = finish_a(a[k]);)";

void replace(std::string& text, std::string_view name, std::string_view by) {
  for (size_t at = text.find(name); at != text.npos; at = text.find(name, at + by.size()))
    text.replace(at, name.size(), by);
}

Result<Job> generate(const Problem& p, const std::string&, const Device&) {
  VIVACE_ASSIGN(const Plan plan, supported<plan_of>(p));
  const Family& f = *plan.family;
  const Sets& sets = plan.sets;
  const int64_t count = sets.kept.count(), size = sets.reduced.count();
  Launch launch;
  launch.name = "normalize";
  launch.waits = true;
  launch.block = static_cast<unsigned>(plan.block);
  launch.grid[0] =
      sets.columns ? tiles(count / sets.width, plan.team) : tiles(count, std::max(1, plan.block / plan.team));
  launch.arguments.push_back(input(0));

  Source source;
  source.add(prelude()).add(element_helpers());
  source.add(std::string("using W = ") + (p.inputs[0].type == DType::f64 ? "double" : "float") +
             ";\nusing X = " + type_name(p.inputs[0].type) + ";\nusing Y = " + type_name(p.outputs[0].type) + ";\n");
  source.constant("kSets", count).constant("kSize", size).constant("kLoads", size / sets.width);
  source.constant("kWidth", sets.width).constant("kTeam", plan.team).constant("kBlock", plan.block);
  source.constant("kHeld", plan.held).constant("kKeeps", plan.keeps);
  source.real("EPSILON", p.attributes().real("epsilon", 1e-5f));
  const std::string open = "__device__ __forceinline__ ";
  source.add(open + "int kept(int i) { return " + sets.kept.offset("i") + "; }\n");
  source.add(open + "int reduced(int i) { return " + sets.reduced.offset("i") + "; }\n");
  if (f.a.start) {
    source.add("#define START_A " + std::string(f.a.start) + "\n");
    source.add(open + "W term_a(W v) { return " + f.a.term + "; }\n");
    source.add(open + "W join_a(W p, W q) { return " + f.a.join + "; }\n");
    source.add(open + "W finish_a(W a) { return " + f.a.finish + "; }\n");
  }
  source.add("#define START_B " + std::string(f.b.start) + "\n");
  source.add(open + "W term_b(W v, W a, int i) { return " + f.b.term + "; }\n");
  source.add(open + "W join_b(W p, W q) { return " + f.b.join + "; }\n");
  source.add(open + "W finish_b(W b) { return " + f.b.finish + "; }\n");
  source.add(open + "W map(W v, W a, W b, int i, W s, W c) { return " + f.map + "; }\n");

  std::string parameters = "const X* x, ", affine, values[2] = {"W(1)", "W(0)"};
  for (size_t j = 0; j < plan.operands.size(); ++j) {
    const std::string n = std::to_string(j), type = type_name(p.inputs[plan.operands[j]].type);
    parameters += "const " + type + "* p" + n + ", ";
    launch.arguments.push_back(input(static_cast<int>(plan.operands[j])));
    std::string& value = values[plan.operands[j] - 1];
    if (plan.places[j].empty()) {
      affine += "const Vector<" + type + ", kWidth> s" + n + " = load<kWidth>(p" + n + " + first, aligned<kWidth>(p" +
                n + "));\n    ";
      value = "wide(s" + n + ".v[k])";
    } else {
      source.add(open + "int place" + n + "(int at) { return " + plan.places[j] + "; }\n");
      value = "wide(p" + n + "[place" + n + "(start + k)])";
    }
  }
  std::string text = sets.columns ? kColumns : kRows;
  replace(text, "FIRST", !f.a.start ? "" : sets.columns ? kFirstOfColumns : kFirstOfRows);
  replace(text, "AFFINE", affine);
  replace(text, "VALUES", values[0] + ", " + values[1]);
  replace(text, "PARAMETERS", parameters + "Y* y");
  launch.arguments.push_back(output());
  launch.source = source.add(text).text();
  return job_of_one(std::move(launch));
}

Tactic row(std::string_view name, std::vector<std::string_view> operators) {
  return {.name = name,
          .version = 3,
          .operators = std::move(operators),
          .supports = supports_job<Plan, plan_of>,
          .estimate = estimate_bytes<120>,
          .generate = generate};
}

}  // namespace

extern const Tactic softmax_tactic = row("cuda_softmax", {"Softmax", "LogSoftmax", "Hardmax"});
extern const Tactic layer_norm_tactic = row("cuda_layer_norm", {"LayerNormalization", "RMSNormalization"});
extern const Tactic group_norm_tactic = row(
    "cuda_group_norm", {"InstanceNormalization", "GroupNormalization", "MeanVarianceNormalization", "LpNormalization"});

}  // namespace vivace::cuda
