// ScatterElements, ScatterND, TensorScatter: the data with some elements replaced by updates or combined with them. Of
// several updates of one place the last wins, and sums go up in the order of the updates: results never depend on which
// thread comes first.
#include <bit>
#include <numeric>
#include <utility>

#include "backends/cuda/rows/elementwise.h"
#include "backends/cuda/rows/move.h"

namespace vivace::cuda {

namespace {

constexpr int64_t kMostSorted = int64_t{1} << 24;  // updates
constexpr int64_t kTile = 1024;                    // updates that a block sorts in shared memory

// Update `item` of `items`, `inner` elements side by side, belongs at place `place(item)` of `places`.
struct Scatter {
  int64_t items = 0, inner = 1, places = 1;
  std::string place;      // text of the function
  std::string reduction;  // empty: none
};

Verdict scatter_of(const Problem& p, Scatter& s) {
  if (const Verdict verdict = all_movable(p); !verdict) return verdict;
  const TensorInfo &x = p.inputs[0], &index = p.inputs[1];
  if (index.type != DType::i64 && index.type != DType::i32) return no("indices are neither i32 nor i64");
  if (x.shape.empty() || index.shape.empty()) return no("a scalar");
  s.reduction = p.attributes().text("reduction", "none");
  if (s.reduction == "none") s.reduction.clear();
  Source source;
  source.add(std::string("using Index = ") + (index.type == DType::i64 ? "long long" : "int") + ";\n");
  if (p.node->op == "ScatterElements") {
    const int axis = ops::normalized_axis(p.attributes().integer("axis"), static_cast<int>(x.shape.size()));
    if (axis < 0) return no("the axis is out of range");
    Shape strides = strides_of(x.shape);
    const int64_t step = std::exchange(strides[static_cast<size_t>(axis)], 0);
    s.items = elements(index.shape);
    s.places = elements(x.shape);
    source.array("kSizes", {x.shape[static_cast<size_t>(axis)]}).array("kSteps", {step}).constant("kDepth", 1);
    source.add("#define START (" + strided_offset("item", index.shape, strides) + ")\n");
  } else {
    const auto depth = static_cast<size_t>(index.shape.back());
    if (depth < 1 || depth > x.shape.size()) return no("index tuples that do not fit the data");
    const std::span<const int64_t> whole(x.shape);
    s.inner = elements(whole.subspan(depth));
    s.places = elements(whole.first(depth));
    s.items = elements(index.shape) / index.shape.back();
    source.array("kSizes", {x.shape.begin(), x.shape.begin() + index.shape.back()});
    source.array("kSteps", strides_of(Shape(x.shape.begin(), x.shape.begin() + index.shape.back())));
    source.constant("kDepth", index.shape.back()).add("#define START 0\n");
  }
  source.add(R"(
// Where an update belongs; -1, and the fault is set, where there is no such place.
__device__ __forceinline__ int place(const Index* indices, int item, unsigned* fault) {
  int at = START;
  for (int d = 0; d < kDepth; ++d) {
    Index i = indices[(long long)item * kDepth + d];
    if (i < 0) i += kSizes[d];
    if (i < 0 || i >= kSizes[d]) {
      *fault = 1;
      return -1;
    }
    at += (int)i * kSteps[d];
  }
  return at;
}
)");
  s.place = source.text();
  if (s.reduction.empty()) return yes();
  if (!is_float(x.type) && !is_integer(x.type)) return no("a reduction of what are no numbers");
  if (s.items > kMostSorted) return no("more than 2^24 updates to be combined");
  return yes();
}

std::string one_for_each(const char* name, const std::string& parameters, const std::string& body) {
  return std::string("extern \"C\" __global__ void __launch_bounds__(256) ") + name + "(" + parameters +
         ") {\n  begin();\n  const int i = blockIdx.x * 256 + threadIdx.x;\n" + body + "}\n";
}

// The last update of each place is found first; then each element comes from there or from the data.
void replace(const Problem& p, const Scatter& s, Job& job) {
  const int bytes = element_bytes(p.inputs[0]);
  const int64_t unit = std::gcd(int64_t{16} / bytes, s.inner), inner = s.inner / unit;
  Source clear, mark, merge;
  clear.add(prelude()).constant("kPlaces", s.places);
  clear.add(one_for_each("clear", "int* last", "  if (i < kPlaces) last[i] = -1;\n"));
  mark.add(prelude()).constant("kItems", s.items).add(s.place);
  mark.add(one_for_each("mark", "const Index* __restrict__ indices, int* last, unsigned* fault",
                        "  if (i >= kItems) return;\n  const int at = place(indices, i, fault);\n  if (at >= 0) "
                        "atomicMax(last + at, i);\n"));
  merge.add(prelude()).add(std::string("using T = ") + unsigned_name(bytes * static_cast<int>(unit)) + ";\n");
  merge.constant("kInner", inner).constant("kCount", s.places * inner);
  merge.add(one_for_each("merge",
                         "const T* __restrict__ x, const T* __restrict__ updates, const int* __restrict__ last, T* y",
                         "  if (i >= kCount) return;\n  const int from = last[i / kInner];\n  y[i] = from < 0 ? x[i] : "
                         "updates[from * kInner + i % kInner];\n"));
  job.workspace = static_cast<size_t>(s.places) * sizeof(int);
  job.launches.push_back(launch_of("clear", clear.text(), s.places, {workspace()}));
  if (s.items > 0) job.launches.push_back(launch_of("mark", mark.text(), s.items, {input(1), workspace(), fault()}));
  job.launches.push_back(
      launch_of("merge", merge.text(), s.places * inner, {input(0), input(2), workspace(), output()}));
}

// A bitonic sort of keys (place, update): tiles in shared memory, steps between tiles one kernel each. `run` and `step`
// are numbers, passed as distances of addresses.
constexpr const char* kSort = R"(
using Key = unsigned long long;
__device__ __forceinline__ void order(Key& a, Key& b, bool up) {
  if ((a > b) == up) {
    const Key c = a;
    a = b;
    b = c;
  }
}
)";
constexpr const char* kSortTiles = R"(
extern "C" __global__ void __launch_bounds__(256) sort_tiles(Key* keys, const char* most, const char* least) {
  begin();
  __shared__ Key tile[kTile];
  const int first = blockIdx.x * kTile;
  const long long from = least - (const char*)keys, to = most - (const char*)keys;
  for (int i = threadIdx.x; i < kTile; i += 256) tile[i] = keys[first + i];
  for (long long run = from; run <= to; run *= 2)
    for (int step = run / 2 < kTile / 2 ? (int)(run / 2) : kTile / 2; step > 0; step /= 2) {
      __syncthreads();
      for (int i = threadIdx.x; i < kTile / 2; i += 256) {
        const int a = i / step * step * 2 + i % step;
        order(tile[a], tile[a + step], ((first + a) & run) == 0);
      }
    }
  __syncthreads();
  for (int i = threadIdx.x; i < kTile; i += 256) keys[first + i] = tile[i];
}
)";
constexpr const char* kSortStep = R"(
extern "C" __global__ void __launch_bounds__(256) sort_step(Key* keys, const char* run_end, const char* step_end) {
  begin();
  const long long run = run_end - (const char*)keys, step = step_end - (const char*)keys;
  const long long i = blockIdx.x * 256 + threadIdx.x, a = i / step * step * 2 + i % step;
  Key low = keys[a], high = keys[a + step];
  order(low, high, (a & run) == 0);
  keys[a] = low;
  keys[a + step] = high;
}
)";

void sort(int64_t count, Job& job) {
  const auto number = [](int64_t value) { return workspace(static_cast<size_t>(value)); };
  const auto tiles = [&](int64_t most, int64_t least) {
    const std::string source = Source().add(prelude()).constant("kTile", kTile).add(kSort).add(kSortTiles).text();
    job.launches.push_back(launch_of("sort_tiles", source, 256, {workspace(), number(most), number(least)}));
    job.launches.back().grid[0] = static_cast<unsigned>(count / kTile);
  };
  tiles(kTile, 2);
  for (int64_t run = 2 * kTile; run <= count; run *= 2) {
    for (int64_t step = run / 2; step >= kTile; step /= 2)
      job.launches.push_back(launch_of("sort_step", Source().add(prelude()).add(kSort).add(kSortStep).text(), count / 2,
                                       {workspace(), number(run), number(step)}));
    tiles(run, run);
  }
}

// Reductions that the operators have, as those of the reference: integers wrap around, 16-bit floats are rounded after
// every step, and what is not a number stays.
const char* join_text(const std::string& reduction, bool integer) {
  if (reduction == "add") return integer ? "(W)((unsigned long long)a + (unsigned long long)b)" : "a + b";
  if (reduction == "mul") return integer ? "(W)((unsigned long long)a * (unsigned long long)b)" : "a * b";
  return reduction == "max" ? "b > a || b != b ? b : a" : "b < a || b != b ? b : a";
}

void combine(const Problem& p, const Scatter& s, Job& job) {
  const DType type = p.inputs[0].type;
  const auto count = std::max(kTile, static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(s.items))));
  const int64_t elements_of_x = s.places * s.inner;
  Source keys, copy, fold;
  keys.add(prelude()).constant("kItems", s.items).constant("kCount", count).add(s.place);
  keys.add(one_for_each("make_keys", "const Index* __restrict__ indices, unsigned long long* keys, unsigned* fault",
                        "  if (i >= kCount) return;\n  const int at = i < kItems ? place(indices, i, fault) : -1;\n  "
                        "keys[i] = at < 0 ? ~0ull : (unsigned long long)at << 32 | (unsigned)i;\n"));
  copy.add(prelude()).add(std::string("using T = ") + type_name(type) + ";\n").constant("kCount", elements_of_x);
  copy.add(one_for_each("copy", "const T* __restrict__ x, T* y", "  if (i < kCount) y[i] = x[i];\n"));
  fold.add(prelude()).add(element_helpers());
  fold.add(std::string("using T = ") + type_name(type) + ";\n").constant("kInner", s.inner);
  fold.constant("kItems", s.items);
  fold.add("using W = decltype(wide(T{}));\n__device__ __forceinline__ W join(W a, W b) { return " +
           std::string(join_text(s.reduction, is_integer(type))) + "; }\n");
  // A thread for each element of a place's first update takes all updates of that place.
  fold.add(R"(
extern "C" __global__ void __launch_bounds__(256) fold(const unsigned long long* __restrict__ keys,
    const T* __restrict__ updates, T* y) {
  begin();
  const long long i = blockIdx.x * 256ll + threadIdx.x;
  int k = (int)(i / kInner);
  const int j = (int)(i % kInner);
  if (k >= kItems) return;
  const unsigned long long key = keys[k];
  if (key == ~0ull || (k > 0 && keys[k - 1] >> 32 == key >> 32)) return;
  T* const to = y + (long long)(key >> 32) * kInner + j;
  T value = *to;
#pragma unroll 4
  for (; k < kItems && keys[k] >> 32 == key >> 32; ++k)
    value = narrow<T>(join(wide(value), wide(updates[(long long)(unsigned)keys[k] * kInner + j])));
  *to = value;
}
)");
  job.workspace = static_cast<size_t>(count) * sizeof(uint64_t);
  job.launches.push_back(launch_of("copy", copy.text(), elements_of_x, {input(0), output()}));
  if (s.items == 0) return;
  job.launches.push_back(launch_of("make_keys", keys.text(), count, {input(1), workspace(), fault()}));
  sort(count, job);
  job.launches.push_back(launch_of("fold", fold.text(), s.items * s.inner, {workspace(), input(2), output()}));
}

Result<Job> generate(const Problem& p, const std::string&, const Device&) {
  VIVACE_ASSIGN(const Scatter s, supported<scatter_of>(p));
  Job job;
  if (s.places * s.inner == 0) return job;
  job.fault = "an index is outside the entries of its axis";
  if (s.reduction.empty())
    replace(p, s, job);
  else
    combine(p, s, job);
  return job;
}

// TensorScatter: `part` entries of a cache's axis are new, from an entry on that each of the batch may have its own.
Verdict supports_cache(const Problem& p, const Device&) { return all_movable(p); }

Result<Job> generate_cache(const Problem& p, const std::string&, const Device&) {
  const Shape &cache = p.inputs[0].shape, &update = p.inputs[1].shape;
  const int axis = ops::normalized_axis(p.attributes().integer("axis", -2), static_cast<int>(cache.size()));
  const ops::AxisSplit whole = ops::split_at(cache, axis), part = ops::split_at(update, axis);
  const int bytes = element_bytes(p.inputs[0]);
  const int64_t unit = std::gcd(int64_t{16} / bytes, whole.inner), count = elements(cache) / unit;
  if (count == 0) return Job();
  Source source;
  source.add(prelude()).add(std::string("using T = ") + unsigned_name(bytes * static_cast<int>(unit)) + ";\n");
  source.constant("kCount", count).constant("kInner", whole.inner / unit).constant("kSize", whole.size);
  source.constant("kPart", elements(update) ? part.size : 0).constant("kPerBatch", whole.outer / cache[0]);
  source.constant("kStarts", p.has(2)).constant("kCircular", p.attributes().text("mode", "linear") == "circular");
  source.add(one_for_each("update",
                          "const T* __restrict__ x, const T* __restrict__ updates, const long long* __restrict__ "
                          "starts, T* y, unsigned* fault",
                          R"(  if (i >= kCount) return;
  const int outer = i / kInner / kSize, entry = i / kInner % kSize;
  const long long start = kStarts ? starts[outer / kPerBatch] : 0;
  if (kPart > 0 && (start < 0 || (!kCircular && start > kSize - kPart))) {
    *fault = 1;
    return;
  }
  int step = entry - (int)(start % kSize);
  if (step < 0) step += kSize;
  y[i] = step < kPart ? updates[(outer * kPart + step) * kInner + i % kInner] : x[i];
)"));
  Job job = job_of_one(
      launch_of("update", source.text(), count, {input(0), input(1), input(p.has(2) ? 2 : 0), output(), fault()}));
  job.fault = "a write index is outside the cache";
  return job;
}

}  // namespace

extern const Tactic scatter_tactic{
    .name = "cuda_scatter",
    .version = 1,
    .operators = {"ScatterElements", "ScatterND"},
    .supports = supports_job<Scatter, scatter_of>,
    .estimate = estimate_bytes<300>,
    .generate = generate,
};
extern const Tactic tensor_scatter_tactic{
    .name = "cuda_tensor_scatter",
    .version = 1,
    .operators = {"TensorScatter"},
    .supports = supports_cache,
    .estimate = estimate_bytes,
    .generate = generate_cache,
};

}  // namespace vivace::cuda
