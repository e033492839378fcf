// Deformable convolution of images in f32: what each tap sees, sampled by blocks of positions, then a matrix product.
#include "backends/cpu/kernels/sample.h"
#include "backends/cpu/rows/jobs.h"
#include "backends/cpu/rows/samples.h"

namespace vivace::cpu {

namespace {

constexpr int64_t kPositions = 128;  // of a task

struct Job {
  int64_t batch, channels, height, width, features, groups, offset_groups, rows, columns, kernel_h, kernel_w;
  std::vector<int64_t> strides, dilations, pads;
  bool bias, mask;

  int64_t taps() const { return kernel_h * kernel_w; }
  int64_t positions() const { return rows * columns; }
  int64_t terms() const { return channels / groups * taps(); }  // of one feature
};

Verdict deformed_of(const Problem& p, Job& job) {
  if (!all_row_major(p)) return no("row-major only");
  for (size_t i = 0; i < p.inputs.size(); ++i)
    if (p.has(i) && p.inputs[i].type != DType::f32) return no("f32 only");
  const Shape &x = p.inputs[0].shape, &w = p.inputs[1].shape, &y = p.outputs[0].shape;
  if (x.size() != 4) return no("images only");
  const auto window = ops::window_of(*p.node, {ir::Dim(x[2]), ir::Dim(x[3])}, {w[2], w[3]});
  if (!window.ok()) return no(window.status().message());
  if (elements(x) * elements(w) * elements(y) == 0) return no("nothing to convolve");
  if (x[2] * x[3] > INT32_MAX) return no("an image beyond 2^31 pixels");
  job = {x[0],
         x[1],
         x[2],
         x[3],
         w[0],
         p.attributes().integer("group", 1),
         p.attributes().integer("offset_group", 1),
         y[2],
         y[3],
         w[2],
         w[3],
         window->strides,
         window->dilations,
         window->pads,
         p.has(3),
         p.has(4)};
  if (job.channels % job.offset_groups != 0 || job.channels / job.groups != w[1]) return no("groups do not fit");
  return yes();
}

GemmProblem product_of_block(const Job& job, int64_t count) {
  GemmProblem g;
  g.m = job.features / job.groups, g.n = count, g.k = job.terms();
  g.a_row = g.k, g.c_row = job.positions();
  g.b_row = kPositions, g.b_column = 1;
  return g;
}

struct Room {
  int64_t seen, indices, weights, scratch, size;  // floats of one thread
};
Room room_of(const Job& job, const GemmKernels& gemm) {
  Room room{};
  const auto take = [&](int64_t floats) { return std::exchange(room.size, room.size + (floats + 15) / 16 * 16); };
  room.seen = take(job.channels * job.taps() * kPositions);
  room.indices = take(4 * kPositions);
  room.weights = take(4 * kPositions);
  const int64_t last = job.positions() % kPositions;  // its plan differs
  room.scratch = take(std::max(gemm.scratch_size(product_of_block(job, kPositions), 1),
                               gemm.scratch_size(product_of_block(job, last), 1)));
  return room;
}

void run_block(const Job& job, const Room& room, const SampleKernels& samples, const GemmKernels& gemm,
               const Launch& launch, int64_t image, int64_t first, int64_t count, float* memory) {
  const auto in = [&](size_t i) { return static_cast<const float*>(launch.inputs[i]); };
  const int64_t taps = job.taps(), positions = job.positions(), pixels = job.height * job.width;
  const int64_t shared = job.channels / job.offset_groups;
  const Taps table{reinterpret_cast<int32_t*>(memory + room.indices), memory + room.weights, kPositions};
  float* seen = memory + room.seen;
  for (int64_t group = 0; group < job.offset_groups; ++group)
    for (int64_t tap = 0; tap < taps; ++tap) {
      const int64_t row = (image * job.offset_groups + group) * taps + tap;
      const float *dy = in(2) + 2 * row * positions + first, *dx = dy + positions;
      const float* share = job.mask ? in(4) + row * positions + first : nullptr;
      for (int64_t i = 0; i < count; ++i) {
        const int64_t oy = (first + i) / job.columns, ox = (first + i) % job.columns;
        const int64_t y = oy * job.strides[0] + tap / job.kernel_w * job.dilations[0] - job.pads[0];
        const int64_t x = ox * job.strides[1] + tap % job.kernel_w * job.dilations[1] - job.pads[1];
        set_linear_taps(table, i, static_cast<double>(y) + static_cast<double>(dy[i]),
                        static_cast<double>(x) + static_cast<double>(dx[i]), job.height, job.width,
                        share ? static_cast<double>(share[i]) : 1);
      }
      samples.gather(in(0) + (image * job.channels + group * shared) * pixels, pixels, shared, table.indices,
                     table.weights, 4, count, kPositions, seen + (group * shared * taps + tap) * kPositions,
                     taps * kPositions);
    }
  ThreadPool alone(1);
  const int64_t features = job.features / job.groups;
  for (int64_t group = 0; group < job.groups; ++group) {
    float* y = static_cast<float*>(launch.outputs[0]) + (image * job.features + group * features) * positions + first;
    gemm.run(product_of_block(job, count), in(1) + group * features * job.terms(),
             seen + group * job.terms() * kPositions, nullptr, nullptr, y, memory + room.scratch, alone);
    for (int64_t f = 0; job.bias && f < features; ++f)
      for (int64_t i = 0; i < count; ++i) y[f * positions + i] += in(3)[group * features + f];
  }
}

Result<Bound> bind(const Problem& p, const std::string&, const std::vector<Tensor>&, const Machine& machine) {
  VIVACE_ASSIGN(const Job job, job_of(p, deformed_of));
  const GemmKernels& gemm = gemm_kernels(machine.isa);
  const Room room = room_of(job, gemm);
  Bound bound;
  bound.workspace = static_cast<size_t>(room.size * machine.threads) * sizeof(float);
  bound.run = [job, room, &gemm, &samples = sample_kernels(machine.isa)](const Launch& launch) {
    const int64_t blocks = (job.positions() + kPositions - 1) / kPositions;
    launch.pool.run(job.batch * blocks, [&](int64_t task, int thread) {
      const int64_t first = task % blocks * kPositions;
      run_block(job, room, samples, gemm, launch, task / blocks, first, std::min(kPositions, job.positions() - first),
                static_cast<float*>(launch.workspace) + thread * room.size);
    });
    return Status();
  };
  return bound;
}

double estimate(const Problem& p, const std::string&, const Machine& machine) {
  return roofline_seconds(4 * flops_of(p), 8 * bytes_of(p), 0.3, machine);
}

}  // namespace

extern const Tactic deform_conv_tactic{
    .name = "deform_conv",
    .version = 1,
    .operators = {"DeformConv"},
    .supports = supports_job<deformed_of>,
    .estimate = estimate,
    .bind = bind,
};

}  // namespace vivace::cpu
