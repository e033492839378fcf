// Transpositions, slices, splits, broadcasts, concatenations, gathers: data moved, nothing computed.
#include "backends/cuda/rows/rows.h"

namespace vivace::cuda {

namespace {

int element_bytes(const TensorInfo& t) { return bits_of(t.type) % 8 ? 0 : bits_of(t.type) / 8; }

const char* type_of_bytes(int bytes) {
  switch (bytes) {
    case 1: return "unsigned char";
    case 2: return "unsigned short";
    case 4: return "unsigned";
    case 8: return "unsigned long long";
    default: return nullptr;
  }
}

// One thread per element; `from` and `to` are expressions of i.
Launch copy_kernel(int64_t count, int bytes, const std::string& from, const std::string& to) {
  Launch launch;
  launch.name = "copy";
  Source source;
  source.constant("kElements", count);
  source.add(std::string("using T = ") + type_of_bytes(bytes) + ";\n");
  source.add(
      "extern \"C\" __global__ void __launch_bounds__(256) copy(const T* __restrict__ x, T* __restrict__ y) {\n"
      "  const int i = blockIdx.x * 256 + threadIdx.x;\n  if (i < kElements) y[" +
      to + "] = x[" + from + "];\n}\n");
  launch.source = source.text();
  launch.grid[0] = blocks_for(count, launch.block);
  return launch;
}

Verdict movable(const TensorInfo& t) {
  if (t.type == DType::string || !type_of_bytes(element_bytes(t))) return no("elements of 1, 2, 4 or 8 bytes only");
  if (elements(t.shape) > INT32_MAX) return no("more than 2^31 elements");
  return yes();
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

Verdict concat_supports(const Problem& p, const Device&) {
  for (const TensorInfo& part : p.inputs)
    if (!part.present()) return no("a part is left out");
  return movable(p.outputs[0]);
}

Result<Job> concat_generate(const Problem& p, const std::string&, const Device&) {
  const TensorInfo& out = p.outputs[0];
  const auto axis =
      static_cast<size_t>(ops::normalized_axis(p.attributes().integer("axis"), static_cast<int>(out.shape.size())));
  const int64_t row = elements(std::span(out.shape).subspan(axis));
  const auto bytes = static_cast<size_t>(element_bytes(out));
  Job job;
  int64_t begin = 0;
  for (size_t i = 0; i < p.inputs.size(); ++i) {
    const int64_t length = elements(std::span(p.inputs[i].shape).subspan(axis)), count = elements(p.inputs[i].shape);
    if (count == 0) continue;
    Launch launch =
        copy_kernel(count, static_cast<int>(bytes), "i", strided_offset("i", {count / length, length}, {row, 1}));
    launch.arguments = {input(static_cast<int>(i)), output(0, static_cast<size_t>(begin) * bytes)};
    job.launches.push_back(std::move(launch));
    begin += length;
  }
  return job;
}

}  // namespace

extern const Tactic copy_tactic{
    .name = "cuda_copy",
    .version = 1,
    .operators = {"Transpose", "Slice", "Split", "Expand"},
    .supports = copy_supports,
    .estimate = estimate_bytes,
    .generate = copy_generate,
};
extern const Tactic concat_tactic{
    .name = "cuda_concat",
    .version = 1,
    .operators = {"Concat"},
    .supports = concat_supports,
    .estimate = estimate_bytes,
    .generate = concat_generate,
};

}  // namespace vivace::cuda
