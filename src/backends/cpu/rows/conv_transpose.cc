// Transposed convolution of images in f32: one matrix product makes what every pixel adds to every tap, then rows of it
// are added up where they belong.
#include "backends/cpu/kernels/sample.h"
#include "backends/cpu/rows/jobs.h"
#include "ops/conv.h"

namespace vivace::cpu {

namespace {

struct Job {
  int64_t batch, channels, in_h, in_w, features, groups, out_h, out_w, kernel_h, kernel_w;
  std::vector<int64_t> strides, dilations, pads;
  bool bias;

  int64_t taps() const { return kernel_h * kernel_w; }
  int64_t patch() const { return features / groups * taps(); }  // rows of a group's product
  int64_t pixels() const { return in_h * in_w; }
};

Verdict transposed_of(const Problem& p, Job& job) {
  if (!all_row_major(p)) return no("row-major only");
  for (size_t i = 0; i < p.inputs.size(); ++i)
    if (p.has(i) && p.inputs[i].type != DType::f32) return no("f32 only");
  if (!p.inputs[1].constant) return no("the weights are not constant");
  const Shape &x = p.inputs[0].shape, &w = p.inputs[1].shape, &y = p.outputs[0].shape;
  if (x.size() != 4) return no("images only");
  const auto window = ops::transposed_window(*p.node, {ir::Dim(x[2]), ir::Dim(x[3])}, {w[2], w[3]});
  if (!window.ok()) return no(window.status().message());
  if (elements(x) * elements(w) * elements(y) == 0) return no("nothing to convolve");
  job = {x[0],
         x[1],
         x[2],
         x[3],
         y[1],
         p.attributes().integer("group", 1),
         y[2],
         y[3],
         w[2],
         w[3],
         window->strides,
         window->dilations,
         window->pads,
         p.has(2)};
  return yes();
}

// Weights as [group][feature and tap][channel of the group].
Result<std::vector<Tensor>> prepare(const Problem& p, const std::string&, const Machine&) {
  VIVACE_ASSIGN(const Job job, job_of(p, transposed_of));
  const int64_t channels = job.channels / job.groups, rows = job.patch();
  VIVACE_ASSIGN(Tensor packed, packed_buffer(static_cast<size_t>(job.channels * rows)));
  const auto* w = p.inputs[1].constant->as<const float>();
  for (int64_t g = 0; g < job.groups; ++g)
    for (int64_t c = 0; c < channels; ++c)
      for (int64_t r = 0; r < rows; ++r)
        packed.as<float>()[(g * rows + r) * channels + c] = w[(g * channels + c) * rows + r];
  return std::vector<Tensor>{std::move(packed)};
}

GemmProblem product_of_group(const Job& job) {
  GemmProblem g;
  g.m = job.patch(), g.n = job.pixels(), g.k = job.channels / job.groups;
  g.a_row = g.k, g.c_row = g.n;
  g.b_row = g.n, g.b_column = 1;
  return g;
}

// The first and one past the last index i with 0 <= i * stride + offset < size, of n.
std::pair<int64_t, int64_t> inside(int64_t n, int64_t stride, int64_t offset, int64_t size) {
  const int64_t first = offset >= 0 ? 0 : (-offset + stride - 1) / stride;
  const int64_t last = offset >= size ? 0 : (size - 1 - offset) / stride + 1;
  return {std::min(first, n), std::max(std::min(last, n), std::min(first, n))};
}

// One plane of the output from its feature's rows of the product.
void add_up(const Job& job, const SampleKernels& kernels, const float* product, float bias, float* y) {
  std::fill_n(y, job.out_h * job.out_w, bias);
  for (int64_t tap = 0; tap < job.taps(); ++tap) {
    const int64_t top = tap / job.kernel_w * job.dilations[0] - job.pads[0];
    const int64_t left = tap % job.kernel_w * job.dilations[1] - job.pads[1];
    const auto [row, last_row] = inside(job.in_h, job.strides[0], top, job.out_h);
    const auto [column, last_column] = inside(job.in_w, job.strides[1], left, job.out_w);
    for (int64_t r = row; r < last_row; ++r)
      kernels.add_strided(product + (tap * job.in_h + r) * job.in_w + column, last_column - column,
                          y + (r * job.strides[0] + top) * job.out_w + column * job.strides[1] + left, job.strides[1]);
  }
}

Result<Bound> bind(const Problem& p, const std::string&, const std::vector<Tensor>& packed, const Machine& machine) {
  VIVACE_ASSIGN(const Job job, job_of(p, transposed_of));
  if (packed.size() != 1 || packed[0].count() != job.channels * job.patch())
    return Status(Code::corrupt_file, p.node->describe() + ": its packed weights have the wrong size");
  const GemmKernels& gemm = gemm_kernels(machine.isa);
  const GemmProblem product = product_of_group(job);
  const int64_t room = (job.patch() * job.pixels() + 15) / 16 * 16;
  Bound bound;
  bound.workspace = static_cast<size_t>(room + gemm.scratch_size(product, machine.threads)) * sizeof(float);
  bound.run = [job, product, room, &gemm, &samples = sample_kernels(machine.isa),
               weights = packed[0]](const Launch& launch) {
    auto* memory = static_cast<float*>(launch.workspace);
    const auto* bias = job.bias ? static_cast<const float*>(launch.inputs[2]) : nullptr;
    const int64_t features = job.features / job.groups, plane = job.out_h * job.out_w;
    for (int64_t i = 0; i < job.batch * job.groups; ++i) {
      const int64_t group = i % job.groups;
      gemm.run(product, weights.as<const float>() + group * product.m * product.k,
               static_cast<const float*>(launch.inputs[0]) + i * product.k * product.n, nullptr, nullptr, memory,
               memory + room, launch.pool);
      launch.pool.run(features, [&](int64_t f, int) {
        add_up(job, samples, memory + f * job.taps() * job.pixels(), bias ? bias[group * features + f] : 0,
               static_cast<float*>(launch.outputs[0]) + (i * features + f) * plane);
      });
    }
    return Status();
  };
  return bound;
}

double estimate(const Problem& p, const std::string&, const Machine& machine) {
  return roofline_seconds(flops_of(p), 4 * bytes_of(p), 0.5, machine);
}

}  // namespace

extern const Tactic conv_transpose_tactic{
    .name = "conv_transpose",
    .version = 1,
    .operators = {"ConvTranspose"},
    .supports = supports_job<transposed_of>,
    .estimate = estimate,
    .prepare = prepare,
    .bind = bind,
    .packs = [](const Problem&, size_t input) { return input == 1; },
};

}  // namespace vivace::cpu
