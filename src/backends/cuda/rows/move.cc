// Transpositions, slices, broadcasts, gathers: data moved, nothing computed.
#include "backends/cuda/rows/move.h"

namespace vivace::cuda {

const char* unsigned_name(int bytes) {
  switch (bytes) {
    case 1: return "unsigned char";
    case 2: return "unsigned short";
    case 4: return "unsigned";
    case 8: return "unsigned long long";
    case 16: return "uint4";
    default: return nullptr;
  }
}

int element_bytes(const TensorInfo& t) {
  return t.type == DType::string || bits_of(t.type) % 8 ? 0 : bits_of(t.type) / 8;
}

Verdict movable(const TensorInfo& t) {
  if (t.channel_block) return no("row-major only");
  if (!unsigned_name(element_bytes(t))) return no("elements of 1, 2, 4, 8 or 16 bytes only");
  if (elements(t.shape) > INT32_MAX) return no("more than 2^31 elements");
  return yes();
}

Verdict all_movable(const Problem& p) {
  for (const std::vector<TensorInfo>* all : {&p.inputs, &p.outputs})
    for (const TensorInfo& t : *all)
      if (t.present())
        if (Verdict verdict = movable(t); !verdict) return verdict;
  return yes();
}

namespace {

// One thread per element; `from` and `to` are expressions of i.
Launch copy_kernel(int64_t count, int bytes, const std::string& from, const std::string& to) {
  Launch launch;
  launch.name = "copy";
  Source source;
  source.constant("kElements", count);
  source.add(std::string("using T = ") + unsigned_name(bytes) + ";\n");
  source.add(
      "extern \"C\" __global__ void __launch_bounds__(256) copy(const T* __restrict__ x, T* __restrict__ y) {\n"
      "  const int i = blockIdx.x * 256 + threadIdx.x;\n  if (i < kElements) y[" +
      to + "] = x[" + from + "];\n}\n");
  launch.source = source.text();
  launch.grid[0] = blocks_for(count, launch.block);
  return launch;
}

Verdict copy_supports(const Problem& p, const Device&) {
  if (const Verdict verdict = movable(p.inputs[0]); !verdict) return verdict;
  if (const Verdict verdict = movable(p.outputs[0]); !verdict) return verdict;
  std::vector<cpu::StridedCopy> copies;
  return cpu::strided_copies(p, copies);
}

Result<Job> copy_generate(const Problem& p, const std::string&, const Device&) {
  std::vector<cpu::StridedCopy> copies;
  if (const Verdict verdict = cpu::strided_copies(p, copies); !verdict)
    return Status(Code::internal, p.node->describe() + ": " + verdict.reason);
  const int bytes = element_bytes(p.inputs[0]);
  Job job;
  for (size_t i = 0; i < copies.size(); ++i) {
    if (p.node->output(i)->unused() || elements(copies[i].dims) == 0) continue;
    Launch launch =
        copy_kernel(elements(copies[i].dims), bytes, strided_offset("i", copies[i].dims, copies[i].from), "i");
    launch.arguments = {input(0, static_cast<size_t>(copies[i].begin * bytes)), output(static_cast<int>(i))};
    job.launches.push_back(std::move(launch));
  }
  return job;
}

Verdict gather_supports(const Problem& p, const Device&) {
  if (p.inputs[1].type != DType::i64 && p.inputs[1].type != DType::i32) return no("indices are neither i32 nor i64");
  if (const Verdict verdict = movable(p.inputs[0]); !verdict) return verdict;
  return movable(p.outputs[0]);
}

Result<Job> gather_generate(const Problem& p, const std::string&, const Device&) {
  const Shape& in = p.inputs[0].shape;
  const ops::AxisSplit split =
      ops::split_at(in, ops::normalized_axis(p.attributes().integer("axis"), static_cast<int>(in.size())));
  Launch launch;
  launch.name = "gather";
  Source source;
  source.constant("kElements", elements(p.outputs[0].shape)).constant("kInner", split.inner);
  source.constant("kSize", split.size).constant("kCount", elements(p.inputs[1].shape));
  source.add(std::string("using T = ") + unsigned_name(element_bytes(p.inputs[0])) +
             ";\nusing Index = " + (p.inputs[1].type == DType::i64 ? "long long" : "int") + ";\n");
  source.add(R"(
extern "C" __global__ void __launch_bounds__(256) gather(const T* __restrict__ x, const Index* __restrict__ indices,
    T* __restrict__ y, unsigned* fault) {
  const int i = blockIdx.x * 256 + threadIdx.x;
  if (i >= kElements) return;
  Index at = indices[i / kInner % kCount];
  if (at < 0) at += kSize;
  if (at < 0 || at >= kSize) {
    *fault = 1;
    return;
  }
  y[i] = x[((long long)(i / kInner / kCount) * kSize + at) * kInner + i % kInner];
}
)");
  launch.source = source.text();
  launch.grid[0] = blocks_for(elements(p.outputs[0].shape), launch.block);
  launch.arguments = {input(0), input(1), output(), fault()};
  Job job = job_of_one(std::move(launch));
  job.fault = "an index is outside the " + std::to_string(split.size) + " entries of the axis";
  return job;
}

}  // namespace

extern const Tactic gather_tactic{
    .name = "cuda_gather",
    .version = 1,
    .operators = {"Gather"},
    .supports = gather_supports,
    .estimate = estimate_bytes,
    .generate = gather_generate,
};
extern const Tactic copy_tactic{
    .name = "cuda_copy",
    .version = 1,
    .operators = {"Transpose", "Slice", "Expand"},
    .supports = copy_supports,
    .estimate = estimate_bytes,
    .generate = copy_generate,
};
}  // namespace vivace::cuda
