// Maximum and average pooling of images in f32, row-major and blocked.
#include <limits>

#include "backends/cpu/rows/conv.h"
#include "backends/cpu/rows/jobs.h"

namespace vivace::cpu {

namespace {

bool is_global(const Problem& p) { return p.node->op.starts_with("Global"); }

}  // namespace

Verdict pooling_of(const Problem& p, PoolShape& shape) {
  if (p.inputs[0].type != DType::f32 || p.inputs[0].shape.size() != 4) return no("f32 images only");
  if (p.outputs.size() > 1 && p.outputs[1].present() && !p.node->output(1)->unused())
    return no("indices are asked for");
  if (p.inputs[0].channel_block != p.outputs[0].channel_block) return no("input and output are laid out differently");
  const Shape &x = p.inputs[0].shape, &y = p.outputs[0].shape;
  for (const int64_t d : x)
    if (d > std::numeric_limits<int>::max()) return no("a dimension is beyond 2^31");
  const std::vector<int64_t> kernel =
      is_global(p) ? std::vector<int64_t>{x[2], x[3]} : p.attributes().integers("kernel_shape");
  const Result<ops::Window> window = ops::window_of(*p.node, {ir::Dim(x[2]), ir::Dim(x[3])}, kernel);
  if (!window.ok()) return no(window.status().message());
  ConvShape& s = shape.window;
  s = window_shape(x, y, *window);
  shape.pad_bottom = static_cast<int>(window->pads[2]);
  shape.pad_right = static_cast<int>(window->pads[3]);
  const bool padded = p.attributes().integer("count_include_pad") != 0;
  shape.pooling = p.node->op == "MaxPool" ? Pooling::max : padded ? Pooling::average_with_padding : Pooling::average;
  const auto touches = [](int in, int out, int kernel, int stride, int pad, int dilation) {
    return pad <= (kernel - 1) * dilation && (out - 1) * stride - pad < in;
  };
  if (!touches(s.in_h, s.out_h, s.kernel_h, s.stride_h, s.pad_top, s.dilation_h) ||
      !touches(s.in_w, s.out_w, s.kernel_w, s.stride_w, s.pad_left, s.dilation_w))
    return no("a window lies outside the image");
  return yes();
}

namespace {

Verdict supports(const Problem& p, const Machine& machine) {
  PoolShape shape;
  if (p.inputs[0].channel_block && p.inputs[0].channel_block != machine.channel_block())
    return no("blocks of another machine");
  return pooling_of(p, shape);
}

Result<Bound> bind(const Problem& p, const std::string&, const std::vector<Tensor>&, const Machine& machine) {
  VIVACE_ASSIGN(const PoolShape shape, job_of(p, pooling_of));
  const ConvKernels& kernels = conv_kernels(machine.isa);
  const bool blocked = p.inputs[0].channel_block != 0;
  Bound bound;
  // A mean over whole images has a quicker kernel; its output is row-major, which is the same where blocks are full.
  if (is_global(p) && (!blocked || shape.window.in_channels % machine.channel_block() == 0)) {
    bound.run = [run = blocked ? kernels.global_average_blocked : kernels.global_average_plain,
                 s = shape.window](const Launch& launch) {
      run(s.batch, s.in_channels, int64_t{s.in_h} * s.in_w, static_cast<const float*>(launch.inputs[0]),
          static_cast<float*>(launch.outputs[0]), launch.pool);
      return Status();
    };
    return bound;
  }
  bound.run = [run = blocked ? kernels.pool_blocked : kernels.pool_plain, shape](const Launch& launch) {
    run(shape, static_cast<const float*>(launch.inputs[0]), static_cast<float*>(launch.outputs[0]), launch.pool);
    return Status();
  };
  return bound;
}

}  // namespace

extern const Tactic pool_tactic{
    .name = "pool",
    .version = 1,
    .operators = {"MaxPool", "AveragePool", "GlobalAveragePool"},
    .supports = supports,
    .estimate = estimate_bytes,
    .bind = bind,
};

}  // namespace vivace::cpu
