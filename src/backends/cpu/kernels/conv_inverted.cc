// Inverted residuals (Sandler et al. 2018): a 1x1 convolution to many channels, a depthwise one, and a 1x1 convolution
// to few, of which the first or the last may be missing. The image of many channels is the largest by far; here a
// thread makes some rows of it at a time, in a ring that stays in its cache, and is done with them before it makes
// more.
//
// Threads share bands of output rows. A step makes some of them: for each panel of the many channels the rows that the
// ring lacks, then the depthwise rows, which find the newest where they were just written; then the last convolution.
#include "backends/cpu/kernels/conv_parts.h"
#include "backends/cpu/kernels/conv_table.h"
#include "backends/cpu/kernels/conv_tile.h"
#include "base/threads.h"

namespace vivace::cpu::VIVACE_ISA {

namespace {

struct Plan {
  int bands, step;  // of an image; output rows of a step
  int ring;         // rows of the image before the depthwise convolution that there is room for
  size_t ring_floats, filtered_floats;
};

Plan plan_of(const InvertedShape& shape, int configuration, int threads) {
  const ConvShape& s = shape.parts[kFiltering];
  constexpr int kLeastRows = 4;   // of a band: kernel_h - stride_h of those that it makes, its neighbour makes too
  constexpr int kManyImages = 4;  // for each thread
  const int64_t channels = blocks_of(s.out_channels) * kLanes;
  const auto ring_of = [&](int rows) { return min(s.in_h, (rows - 1) * s.stride_h + s.kernel_h); };
  const auto ring_floats = [&](int rows) { return shape.has[kExpanding] ? channels * ring_of(rows) * s.in_w : 0; };
  const auto filtered_floats = [&](int rows) { return shape.has[kProjecting] ? channels * rows * s.out_w : 0; };
  Plan p{};
  p.bands = 1;
  const int most_bands = s.batch >= kManyImages * threads ? 1 : max(1, s.out_h / kLeastRows);
  while (p.bands < most_bands && s.batch * p.bands % threads != 0) ++p.bands;
  const int64_t room = (configuration + 1) * (128 << 10) / sizeof(float);  // beside weights in any second-level cache
  p.step = 1;
  while (p.step < s.out_h && ring_floats(p.step + 1) + filtered_floats(p.step + 1) <= room) ++p.step;
  p.ring = ring_of(p.step);
  p.ring_floats = static_cast<size_t>(ring_floats(p.step));
  p.filtered_floats = static_cast<size_t>(filtered_floats(p.step));
  return p;
}

size_t scratch_bytes(const InvertedShape& shape, int configuration, int threads) {
  const Plan p = plan_of(shape, configuration, threads);
  return (p.ring_floats + p.filtered_floats) * static_cast<size_t>(threads) * sizeof(float);
}

struct Work {
  Plan plan;
  ConvShape shapes[kInvertedParts];  // 1x1 ones see their images as rows: the first the whole, the last that of a step
  bool expands, projects;
  Finish finish[kInvertedParts];
  const float* const (&packed)[kInvertedParts];
  const float* input;
  float* output;
};

PanelRun panels(const Work& w, InvertedPart part, const float* input, float* output, ptrdiff_t plane) {
  const ConvShape& s = w.shapes[part];
  return {&s, &w.finish[part], false, input, w.packed[part], panel_floats(s), output, 0, plane, 0, 0};
}

// Output rows [first, last) of an image.
void run_band(const Work& w, int image, int first, int last, float* ring, float* filtered) {
  const ConvShape& s = w.shapes[kFiltering];
  const ConvShape& in = w.shapes[w.expands ? kExpanding : kFiltering];
  const ConvShape& out = w.shapes[w.projects ? kProjecting : kFiltering];
  const int blocks = blocks_of(s.out_channels);
  const ptrdiff_t in_row = static_cast<ptrdiff_t>(s.in_w) * kLanes, out_row = static_cast<ptrdiff_t>(s.out_w) * kLanes;
  const float* input = w.input + static_cast<ptrdiff_t>(image) * blocks_of(in.in_channels) * in_plane(s);
  const ptrdiff_t image_at = static_cast<ptrdiff_t>(image) * blocks_of(out.out_channels) * out_plane(s);
  DepthwiseRun depthwise(s, w.finish[kFiltering]);
  if (w.expands) depthwise.rows = w.plan.ring;
  const ptrdiff_t ring_plane = depthwise.rows * in_row;
  const ptrdiff_t plane = w.projects ? w.plan.step * out_row : out_plane(s);
  PanelRun expand = panels(w, kExpanding, input, ring, ring_plane);
  PanelRun project = panels(w, kProjecting, filtered, w.output, out_plane(s));
  int made = 0;  // rows before the depthwise convolution, up to here
  for (int y = first; y < last; y += w.plan.step) {
    const int end = min(last, y + w.plan.step);
    made = max(made, y * s.stride_h - s.pad_top);
    const int need = clamp((end - 1) * s.stride_h - s.pad_top + s.kernel_h, made, s.in_h);
    for (int block = 0; block < blocks; block += kTileBlocks) {
      for (int from = made, to; w.expands && from < need; from = to) {
        const int at = from % w.plan.ring;
        to = min(need, from + w.plan.ring - at);
        expand.at = at * in_row, expand.first = from * s.in_w, expand.last = to * s.in_w;
        run_panel(expand, block / kTileBlocks, reinterpret_cast<const char*>(expand.packed), 0);
      }
      for (int b = block; b < min(blocks, block + kTileBlocks); ++b) {
        float room[kLanes];
        const float* bias = bias_of(*w.finish[kFiltering].epilogue, s.out_channels, b, 1, room);
        for (int i = y; i < end; ++i)
          depthwise.row((w.expands ? ring : input) + b * ring_plane, w.packed[kFiltering], b, bias,
                        w.projects ? filtered : w.output,
                        b * plane + (w.projects ? (i - y) * out_row : image_at + i * out_row), i);
      }
    }
    made = need;
    project.at = image_at + y * out_row, project.last = (end - y) * s.out_w;
    for (int p = 0; w.projects && p < panels_of(out); ++p)
      run_panel(project, p, reinterpret_cast<const char*>(project.packed), 0);
  }
}

void run(const InvertedShape& shape, int configuration, const float* input,
         const float* const (&packed)[kInvertedParts], float* output, const Epilogue (&epilogues)[kInvertedParts],
         void* scratch, ThreadPool& threads) {
  const ConvShape& s = shape.parts[kFiltering];
  if (s.batch == 0 || s.out_h == 0 || s.out_w == 0) return;
  Work w{plan_of(shape, configuration, threads.size()),
         {flattened(shape.parts[kExpanding]), s, shape.parts[kProjecting]},
         shape.has[kExpanding],
         shape.has[kProjecting],
         {},
         packed,
         input,
         output};
  w.shapes[kProjecting].in_h = w.shapes[kProjecting].out_h = 1;
  w.shapes[kProjecting].in_w = w.shapes[kProjecting].out_w = w.plan.step * s.out_w;
  for (int i = 0; i < kInvertedParts; ++i) w.finish[i] = plan_finish(epilogues[i], shape.parts[i].out_channels);
  const Plan& p = w.plan;
  threads.run(static_cast<int64_t>(s.batch) * p.bands, [&](int64_t task, int thread) {
    float* ring = static_cast<float*>(scratch) + static_cast<size_t>(thread) * (p.ring_floats + p.filtered_floats);
    const int band = static_cast<int>(task % p.bands);
    run_band(w, static_cast<int>(task / p.bands), part(s.out_h, p.bands, band), part(s.out_h, p.bands, band + 1), ring,
             ring + p.ring_floats);
  });
}

}  // namespace

const InvertedKernel kInverted{2, scratch_bytes, run};

}  // namespace vivace::cpu::VIVACE_ISA
