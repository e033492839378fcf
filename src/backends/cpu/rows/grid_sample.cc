// GridSample of images in f32: the taps of a block of positions once, then all channels by them.
#include "backends/cpu/kernels/sample.h"
#include "backends/cpu/rows/rows.h"
#include "backends/cpu/rows/samples.h"

namespace vivace::cpu {

namespace {

constexpr int64_t kPoints = 256;  // of a task
constexpr int kMostTaps = 16;

// One dimension of the image.
struct Axis {
  int64_t size = 1;
  enum { zeros, border, reflection } padding = zeros;
  double low = 0, high = 0;  // borders that positions are reflected at

  double reflected(double x) const {
    const double range = high - low;
    if (!(range > 0)) return 0;
    if (x >= low && x <= high) return x;
    const double beyond = x < low ? low - x : x - high, turns = std::floor(beyond / range),
                 rest = beyond - turns * range;
    const bool from_low = (std::fmod(turns, 2) == 0) == (x < low);
    return from_low ? low + rest : high - rest;
  }
  int64_t pixel(double i) const {  // -1: none
    const auto last = static_cast<double>(size - 1);
    if (padding == zeros) return i >= 0 && i <= last ? static_cast<int64_t>(i) : -1;
    if (padding == reflection) i = std::trunc(reflected(i));
    return static_cast<int64_t>(std::clamp(i, 0.0, last));
  }
};

struct Job {
  int64_t batch = 1, channels = 1, points = 0;
  Axis rows, columns;
  bool corners = false;
  enum { nearest, linear, cubic } mode = linear;

  int along() const { return mode == nearest ? 1 : mode == linear ? 2 : 4; }
};

Verdict sampling_of(const Problem& p, Job& job) {
  if (!all_row_major(p) || p.inputs[0].type != DType::f32 || p.inputs[1].type != DType::f32)
    return no("row-major f32 only");
  const Shape& x = p.inputs[0].shape;
  if (x.size() != 4) return no("images only");
  if (elements(x) * elements(p.outputs[0].shape) == 0) return no("nothing to sample");
  if (x[2] * x[3] > INT32_MAX) return no("an image beyond 2^31 pixels");
  const std::string mode = p.attributes().text("mode", "linear"),
                    padding = p.attributes().text("padding_mode", "zeros");
  job.mode = mode == "nearest" ? Job::nearest : mode == "cubic" ? Job::cubic : Job::linear;
  job.corners = p.attributes().integer("align_corners") != 0;
  job.batch = x[0], job.channels = x[1];
  job.points = elements(std::span(p.outputs[0].shape).subspan(2));
  const auto axis = [&](int64_t size) {
    return Axis{size,
                padding == "border"       ? Axis::border
                : padding == "reflection" ? Axis::reflection
                                          : Axis::zeros,
                job.corners ? 0 : -0.5, static_cast<double>(size) - (job.corners ? 1 : 0.5)};
  };
  job.rows = axis(x[2]), job.columns = axis(x[3]);
  return yes();
}

// Pixels and weights of a position along an axis; -1 where there is none.
struct Along {
  int64_t at[4];
  double weights[4];
};
Along along_of(const Job& job, const Axis& axis, float coordinate) {
  const double v = static_cast<double>(coordinate) + 1, size = static_cast<double>(axis.size);
  // In f32, so that ties between pixels fall as they do elsewhere.
  double x = static_cast<float>(job.corners ? v / 2 * (size - 1) : (v * size - 1) / 2);
  constexpr double kFar = 1e9;  // positions that are no number, or beyond arithmetic, are somewhere outside
  x = std::isnan(x) ? -kFar : std::clamp(x, -kFar, kFar);
  if (job.mode == Job::nearest) x = std::nearbyint(x);
  if (x < axis.low || x > axis.high) {  // of a cubic sample the pixels are clamped, not the position
    if (axis.padding == Axis::border && job.mode != Job::cubic) x = std::clamp(x, 0.0, size - 1);
    if (axis.padding == Axis::reflection) x = axis.reflected(x);
  }
  Along along{};
  if (job.mode == Job::nearest) {
    along.at[0] = axis.pixel(std::trunc(x));
    along.weights[0] = 1;
    return along;
  }
  const double base = std::floor(x), part = x - base;
  for (int j = 0; j < job.along(); ++j) {
    const double step = job.mode == Job::cubic ? j - 1 : j, d = std::abs(part - step), a = -0.75;
    along.at[j] = axis.pixel(base + step);
    along.weights[j] = job.mode == Job::linear ? 1 - d
                       : d <= 1                ? ((a + 2) * d - (a + 3)) * d * d + 1
                                               : ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
  }
  return along;
}

void set_taps(const Job& job, const Taps& taps, int64_t point, const float* grid) {
  const Along columns = along_of(job, job.columns, grid[0]), rows = along_of(job, job.rows, grid[1]);
  const int n = job.along();
  for (int i = 0; i < n; ++i)
    for (int j = 0; j < n; ++j) {
      const bool there = rows.at[i] >= 0 && columns.at[j] >= 0;
      taps.set(i * n + j, point, there ? rows.at[i] * job.columns.size + columns.at[j] : 0,
               there ? rows.weights[i] * columns.weights[j] : 0);
    }
}

Result<Bound> bind(const Problem& p, const std::string&, const std::vector<Tensor>&, const Machine& machine) {
  VIVACE_ASSIGN(const Job job, job_of(p, sampling_of));
  constexpr int64_t kTable = kMostTaps * kPoints;
  Bound bound;
  bound.workspace = static_cast<size_t>(2 * kTable * machine.threads) * sizeof(float);
  bound.run = [job, run = sample_kernels(machine.isa).gather](const Launch& launch) {
    const int64_t blocks = (job.points + kPoints - 1) / kPoints, pixels = job.rows.size * job.columns.size;
    launch.pool.run(job.batch * blocks, [&](int64_t task, int thread) {
      float* memory = static_cast<float*>(launch.workspace) + thread * 2 * kTable;
      const Taps taps{reinterpret_cast<int32_t*>(memory + kTable), memory, kPoints};
      const int64_t image = task / blocks, first = task % blocks * kPoints;
      const int64_t count = std::min(kPoints, job.points - first);
      const float* grid = static_cast<const float*>(launch.inputs[1]) + (image * job.points + first) * 2;
      for (int64_t i = 0; i < count; ++i) set_taps(job, taps, i, grid + 2 * i);
      run(static_cast<const float*>(launch.inputs[0]) + image * job.channels * pixels, pixels, job.channels,
          taps.indices, taps.weights, job.along() * job.along(), count, kPoints,
          static_cast<float*>(launch.outputs[0]) + image * job.channels * job.points + first, job.points);
    });
    return Status();
  };
  return bound;
}

double estimate(const Problem& p, const std::string&, const Machine& machine) {
  return roofline_seconds(32 * flops_of(p), 2 * bytes_of(p), 0.1, machine);
}

}  // namespace

extern const Tactic grid_sample_tactic{
    .name = "grid_sample",
    .version = 1,
    .operators = {"GridSample"},
    .supports = supports_job<sampling_of>,
    .estimate = estimate,
    .bind = bind,
};

}  // namespace vivace::cpu
