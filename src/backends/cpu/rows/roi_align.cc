// RoiAlign by means in f32: the taps of all bins of a region once, then all channels by them.
#include "backends/cpu/kernels/sample.h"
#include "backends/cpu/rows/rows.h"
#include "backends/cpu/rows/samples.h"

namespace vivace::cpu {

namespace {

constexpr int64_t kMostSamples = 4;  // along a bin

struct Job {
  int64_t batch = 0, channels = 0, height = 0, width = 0, regions = 0, rows = 0, columns = 0, samples = 0;
  double scale = 1, offset = 0;
  bool half_pixel = true;

  int64_t bins() const { return rows * columns; }
  int taps() const { return static_cast<int>(4 * samples * samples); }
};

Verdict alignment_of(const Problem& p, Job& job) {
  if (!all_row_major(p) || p.inputs[0].type != DType::f32 || p.inputs[1].type != DType::f32)
    return no("row-major f32 only");
  if (p.attributes().text("mode", "avg") != "avg") return no("maxima");
  const Shape &x = p.inputs[0].shape, &y = p.outputs[0].shape;
  if (elements(x) * elements(y) == 0) return no("nothing to sample");
  if (x[2] * x[3] > INT32_MAX) return no("an image beyond 2^31 pixels");
  job.samples = p.attributes().integer("sampling_ratio");
  if (job.samples < 1 || job.samples > kMostSamples) return no("the number of samples follows from the region");
  job.half_pixel = p.attributes().text("coordinate_transformation_mode", "half_pixel") == "half_pixel";
  job.batch = x[0], job.channels = x[1], job.height = x[2], job.width = x[3];
  job.regions = y[0], job.rows = y[2], job.columns = y[3];
  job.scale = static_cast<double>(p.attributes().real("spatial_scale", 1));
  job.offset = job.half_pixel ? 0.5 : 0;
  return yes();
}

// The samples of one axis of a region.
struct Axis {
  double begin, bin;
  int64_t samples, size;
  // NaN where a sample is outside of the image; a pixel beyond it still belongs to it.
  double at(int64_t b, int64_t s) const {
    const double x =
        begin + static_cast<double>(b) * bin + (static_cast<double>(s) + 0.5) * bin / static_cast<double>(samples);
    return x >= -1 && x <= static_cast<double>(size) ? std::clamp(x, 0.0, static_cast<double>(size - 1)) : NAN;
  }
};

void set_taps(const Job& job, const Taps& all, const float* region) {
  const auto axis = [&](size_t i, int64_t bins, int64_t size) {
    const double begin = static_cast<double>(region[i]) * job.scale - job.offset;
    const double length = static_cast<double>(region[i + 2]) * job.scale - job.offset - begin;
    return Axis{begin, (job.half_pixel ? length : std::max(length, 1.0)) / static_cast<double>(bins), job.samples,
                size};
  };
  const Axis across = axis(0, job.columns, job.width), down = axis(1, job.rows, job.height);
  const double share = 1 / static_cast<double>(job.samples * job.samples);
  for (int64_t bin = 0; bin < job.bins(); ++bin)
    for (int64_t s = 0; s < job.samples * job.samples; ++s) {
      const int64_t first = 4 * s * all.stride;
      const double y = down.at(bin / job.columns, s / job.samples), x = across.at(bin % job.columns, s % job.samples);
      set_linear_taps({all.indices + first, all.weights + first, all.stride}, bin, y, x, job.height, job.width, share);
    }
}

Result<Bound> bind(const Problem& p, const std::string&, const std::vector<Tensor>&, const Machine& machine) {
  VIVACE_ASSIGN(const Job job, job_of(p, alignment_of));
  const int64_t table = (job.taps() * job.bins() + 15) / 16 * 16;
  Bound bound;
  bound.workspace = static_cast<size_t>(2 * table * machine.threads) * sizeof(float);
  bound.run = [job, table, node = p.node, run = sample_kernels(machine.isa).gather](const Launch& launch) {
    const auto* images = static_cast<const int64_t*>(launch.inputs[2]);
    for (int64_t i = 0; i < job.regions; ++i)
      if (images[i] < 0 || images[i] >= job.batch)
        return Status(Code::invalid_argument,
                      node->describe() + ": batch index " + std::to_string(images[i]) + " is out of range");
    const int64_t pixels = job.height * job.width;
    launch.pool.run(job.regions, [&](int64_t i, int thread) {
      float* memory = static_cast<float*>(launch.workspace) + thread * 2 * table;
      const Taps taps{reinterpret_cast<int32_t*>(memory + table), memory, job.bins()};
      set_taps(job, taps, static_cast<const float*>(launch.inputs[1]) + 4 * i);
      run(static_cast<const float*>(launch.inputs[0]) + images[i] * job.channels * pixels, pixels, job.channels,
          taps.indices, taps.weights, job.taps(), job.bins(), job.bins(),
          static_cast<float*>(launch.outputs[0]) + i * job.channels * job.bins(), job.bins());
    });
    return Status();
  };
  return bound;
}

double estimate(const Problem& p, const std::string&, const Machine& machine) {
  return roofline_seconds(32 * flops_of(p), 2 * bytes_of(p), 0.1, machine);
}

}  // namespace

extern const Tactic roi_align_tactic{
    .name = "roi_align",
    .version = 1,
    .operators = {"RoiAlign"},
    .supports = supports_job<alignment_of>,
    .estimate = estimate,
    .bind = bind,
};

}  // namespace vivace::cpu
