// Resize of images in f32: every mode whose samples can be tabulated per row and column.
#include "ops/resize.h"

#include "backends/cpu/rows/jobs.h"

namespace vivace::cpu {

namespace {

ResizeAxis view(const SampledAxis& axis) {
  return {axis.in, axis.out, axis.taps, axis.indices.data(), axis.weights.data()};
}

SampledAxis axis_of(const ops::ResizeTaps& taps, int64_t in) {
  SampledAxis axis;
  axis.in = in;
  axis.out = static_cast<int64_t>(taps.at.size());
  for (const auto& here : taps.at) axis.taps = std::max(axis.taps, static_cast<int>(here.size()));
  const auto out = static_cast<size_t>(axis.out);
  axis.indices.assign(out * static_cast<size_t>(axis.taps), 0);
  axis.weights.assign(axis.indices.size(), 0);
  for (size_t i = 0; i < out; ++i)
    for (size_t t = 0; t < taps.at[i].size(); ++t) {
      axis.indices[t * out + i] = static_cast<int32_t>(taps.at[i][t].first);
      axis.weights[t * out + i] = static_cast<float>(taps.at[i][t].second);
    }
  return axis;
}

}  // namespace

Verdict resized_image(const Problem& p, ResizedImage& image) {
  const Shape& in = p.inputs[0].shape;
  if (p.inputs[0].type != DType::f32 || p.inputs[0].channel_block || p.outputs[0].channel_block)
    return no("row-major f32 only");
  if (in.size() < 2 || in.back() > INT32_MAX || in[in.size() - 2] > INT32_MAX) return no("images only");
  TensorView parameters[4];
  for (size_t i = 1; i < 4; ++i) {
    if (!p.has(i)) continue;
    if (elements(p.inputs[i].shape) > 0 && !p.inputs[i].constant) return no("the sizes are known only while running");
    if (p.inputs[i].constant) parameters[i] = p.inputs[i].constant->view();
  }
  const auto taps = ops::resize_taps(*p.node, in, parameters[1], parameters[2], parameters[3]);
  if (!taps.ok()) return no(taps.status().message());
  const size_t rank = in.size();
  for (size_t d = 0; d < rank; ++d) {
    if (d + 2 < rank && !(*taps)[d].identity) return no("more than rows and columns change");
    for (const auto& here : (*taps)[d].at)
      if (here.empty()) return no("it extrapolates");
  }
  image.planes = elements(std::span(in).first(rank - 2));
  image.nearest = p.attributes().text("mode", "nearest") == "nearest";
  image.rows = axis_of((*taps)[rank - 2], in[rank - 2]);
  image.columns = axis_of((*taps)[rank - 1], in[rank - 1]);
  return yes();
}

namespace {

double estimate(const Problem& p, const std::string&, const Machine& machine) {
  return roofline_seconds(8 * flops_of(p), 2 * bytes_of(p), 0.2, machine);
}

Result<Bound> bind(const Problem& p, const std::string&, const std::vector<Tensor>&, const Machine& machine) {
  VIVACE_ASSIGN(ResizedImage made, job_of(p, resized_image));
  const auto image = std::make_shared<const ResizedImage>(std::move(made));
  const MoveKernels& kernels = move_kernels(machine.isa);
  Bound bound;
  bound.workspace = image->nearest ? 0 : static_cast<size_t>(image->columns.in * machine.threads) * sizeof(float);
  bound.run = [image, &kernels](const Launch& launch) {
    const auto* x = static_cast<const float*>(launch.inputs[0]);
    auto* y = static_cast<float*>(launch.outputs[0]);
    if (image->nearest)
      kernels.resize_nearest(x, y, image->planes, image->rows.in, image->columns.in, image->rows.out,
                             image->columns.out, image->rows.indices.data(), image->columns.indices.data(),
                             launch.pool);
    else
      kernels.resize(x, y, image->planes, view(image->rows), view(image->columns),
                     static_cast<float*>(launch.workspace), launch.pool);
    return Status();
  };
  return bound;
}

}  // namespace

extern const Tactic resize_tactic{
    .name = "resize",
    .version = 1,
    .operators = {"Resize"},
    .supports = supports_job<resized_image>,
    .estimate = estimate,
    .bind = bind,
};

}  // namespace vivace::cpu
