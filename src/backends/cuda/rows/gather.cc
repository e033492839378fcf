// Gather, GatherElements, GatherND: elements of the first input found by those of the second.
#include <numeric>

#include "backends/cuda/rows/move.h"

namespace vivace::cuda {

namespace {

Verdict supports(const Problem& p, const Device&) {
  if (p.inputs[1].type != DType::i64 && p.inputs[1].type != DType::i32) return no("indices are neither i32 nor i64");
  if (p.inputs[0].shape.empty()) return no("a scalar");
  if (p.node->op == "GatherND" && p.inputs[1].shape.empty()) return no("indices are a scalar");
  return all_movable(p);
}

constexpr const char* kNormalize = R"(
// The index counted from the front; sets `wrong` where there is no such element.
__device__ __forceinline__ int normalized(Index at, int size, bool& wrong) {
  if (at < 0) at += size;
  wrong = wrong || at < 0 || at >= size;
  return wrong ? 0 : (int)at;
}
)";

constexpr const char* kGather = R"(
  const int at = normalized(indices[i / kInner % kCount], kSize, wrong);
  const int from = (i / kInner / kCount * kSize + at) * kInner + i % kInner;
)";
constexpr const char* kElements = R"(
  const int at = normalized(indices[i], kSize, wrong);
  const int from = (OTHERS) + at * kStep;
)";
constexpr const char* kTuples = R"(
  const int tuple = i / kInner;
  int from = tuple / kPerBatch * kBatch + i % kInner;
  for (int d = 0; d < kDepth; ++d)
    from += normalized(indices[tuple * kDepth + d], kSizes[d], wrong) * kStrides[d];
)";

Result<Job> generate(const Problem& p, const std::string&, const Device&) {
  const Shape &x = p.inputs[0].shape, &index = p.inputs[1].shape, &y = p.outputs[0].shape;
  const int bytes = element_bytes(p.inputs[0]);
  const auto rank = static_cast<int>(x.size());
  Source source;
  const char* body = kGather;
  int64_t unit = 1;  // elements that move together
  if (p.node->op == "Gather") {
    const ops::AxisSplit split = ops::split_at(x, ops::normalized_axis(p.attributes().integer("axis"), rank));
    unit = std::gcd(int64_t{16} / bytes, split.inner);
    source.constant("kInner", split.inner / unit).constant("kSize", split.size).constant("kCount", elements(index));
  } else if (p.node->op == "GatherElements") {
    const auto axis = static_cast<size_t>(ops::normalized_axis(p.attributes().integer("axis"), rank));
    Shape strides = strides_of(x);
    source.constant("kSize", x[axis]).constant("kStep", strides[axis]);
    strides[axis] = 0;
    source.add("#define OTHERS " + strided_offset("i", y, strides) + "\n");
    body = kElements;
  } else {
    const auto batch = static_cast<size_t>(p.attributes().integer("batch_dims"));
    const auto depth = static_cast<size_t>(index.back());
    const int64_t inner = elements(std::span(x).subspan(batch + depth));
    const int64_t batches = elements(std::span(x).first(batch)),
                  tuples = elements(index) / std::max<int64_t>(1, index.back());
    unit = std::gcd(int64_t{16} / bytes, inner);
    const Shape strides = strides_of(x);
    std::vector<int64_t> sizes, steps;
    for (size_t d = 0; d < depth; ++d) {
      sizes.push_back(x[batch + d]);
      steps.push_back(strides[batch + d] / unit);
    }
    source.constant("kInner", inner / unit).constant("kDepth", index.back()).array("kSizes", sizes);
    source.array("kStrides", steps).constant("kBatch", elements(std::span(x).subspan(batch)) / unit);
    source.constant("kPerBatch", std::max<int64_t>(1, tuples / std::max<int64_t>(1, batches)));
    body = kTuples;
  }
  const int64_t count = elements(y) / unit;
  if (count == 0) return Job();
  Source whole;
  whole.add(prelude()).add(std::string("using T = ") + unsigned_name(bytes * static_cast<int>(unit)) +
                           ";\nusing Index = " + (p.inputs[1].type == DType::i64 ? "long long" : "int") + ";\n");
  whole.constant("kThreads", count).add(source.text()).add(kNormalize);
  whole.add(
      "extern \"C\" __global__ void __launch_bounds__(256) gather(const T* __restrict__ x, const Index* "
      "__restrict__ indices,\n    T* __restrict__ y, unsigned* fault) {\n  begin();\n  const int i = blockIdx.x * "
      "256 + threadIdx.x;\n  if (i >= kThreads) return;\n  bool wrong = false;");
  whole.add(body).add("  if (wrong) {\n    *fault = 1;\n    return;\n  }\n  y[i] = x[from];\n}\n");
  Launch launch;
  launch.name = "gather";
  launch.source = whole.text();
  launch.waits = true;
  launch.grid[0] = blocks_for(count, launch.block);
  launch.arguments = {input(0), input(1), output(), fault()};
  Job job = job_of_one(std::move(launch));
  job.fault = "an index is outside the entries of its axis";
  return job;
}

}  // namespace

extern const Tactic gather_tactic{
    .name = "cuda_gather",
    .version = 2,
    .operators = {"Gather", "GatherElements", "GatherND"},
    .reads_once = true,
    .supports = supports,
    .estimate = estimate_bytes,
    .generate = generate,
};

}  // namespace vivace::cuda
