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
  source.add(std::string("using T = ") + type_of_bytes(element_bytes(p.inputs[0])) +
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

Result<std::vector<Tensor>> resize_prepare(const Problem& p, const std::string&, const Device&) {
  cpu::ResizedImage image;
  if (const Verdict verdict = cpu::resized_image(p, image); !verdict)
    return Status(Code::internal, p.node->describe() + ": " + verdict.reason);
  return std::vector<Tensor>{Tensor::of<int32_t>(image.rows.indices), Tensor::of<float>(image.rows.weights),
                             Tensor::of<int32_t>(image.columns.indices), Tensor::of<float>(image.columns.weights)};
}

Verdict resize_supports(const Problem& p, const Device&) {
  cpu::ResizedImage image;
  if (const Verdict verdict = movable(p.outputs[0]); !verdict) return verdict;
  return cpu::resized_image(p, image);
}

Result<Job> resize_generate(const Problem& p, const std::string&, const Device&) {
  cpu::ResizedImage image;
  if (const Verdict verdict = cpu::resized_image(p, image); !verdict)
    return Status(Code::internal, p.node->describe() + ": " + verdict.reason);
  Launch launch;
  launch.name = "resize";
  Source source;
  source.constant("kElements", elements(p.outputs[0].shape)).constant("kNearest", image.nearest);
  source.constant("kInH", image.rows.in).constant("kOutH", image.rows.out).constant("kTapsH", image.rows.taps);
  source.constant("kInW", image.columns.in).constant("kOutW", image.columns.out).constant("kTapsW", image.columns.taps);
  source.add(R"(
extern "C" __global__ void __launch_bounds__(256) resize(const float* __restrict__ x, const int* __restrict__ rows,
    const float* __restrict__ row_weights, const int* __restrict__ columns, const float* __restrict__ column_weights,
    float* __restrict__ y) {
  const int i = blockIdx.x * 256 + threadIdx.x;
  if (i >= kElements) return;
  const int column = i % kOutW, row = i / kOutW % kOutH;
  const float* const image = x + (long long)(i / (kOutW * kOutH)) * (kInH * kInW);
  if (kNearest) {
    y[i] = image[rows[row] * kInW + columns[column]];
    return;
  }
  float sum = 0;
  for (int r = 0; r < kTapsH; ++r) {
    const float* const line = image + rows[r * kOutH + row] * kInW;
    float part = 0;
    for (int c = 0; c < kTapsW; ++c) part += column_weights[c * kOutW + column] * line[columns[c * kOutW + column]];
    sum += row_weights[r * kOutH + row] * part;
  }
  y[i] = sum;
}
)");
  launch.source = source.text();
  launch.grid[0] = blocks_for(elements(p.outputs[0].shape), launch.block);
  launch.arguments = {input(0), packed(0), packed(1), packed(2), packed(3), output()};
  return job_of_one(std::move(launch));
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
extern const Tactic resize_tactic{
    .name = "cuda_resize",
    .version = 1,
    .operators = {"Resize"},
    .supports = resize_supports,
    .estimate = estimate_bytes<150>,
    .prepare = resize_prepare,
    .generate = resize_generate,
};
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
