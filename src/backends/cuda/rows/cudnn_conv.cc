// Convolutions of images by NVIDIA's cuDNN: channels last in 16 bits, row-major in f32.
#include <algorithm>
#include <cstring>

#include "backends/cuda/lower.h"
#include "backends/cuda/rows/rows.h"
#include "backends/cuda/vendor_cudnn.h"
#include "ops/conv.h"

namespace vivace::cuda {

namespace {

using Image = DnnConvolution::Image;

struct Conv {
  DnnConvolution convolution;
  int64_t channels = 0, outputs = 0;  // of the weights as they are: per group, and in all

  bool channels_last() const { return convolution.type != DType::f32; }
};

// An image as it is in memory, of `channels` channels.
Image image_of(const TensorInfo& info, int64_t channels) {
  const int64_t h = info.shape[2], w = info.shape[3];
  if (!info.channel_block) return {{info.shape[0], channels, h, w}, {channels * h * w, h * w, w, 1}};
  const int64_t pitch = info.channel_block;
  return {{info.shape[0], channels, h, w}, {h * w * pitch, 1, w * pitch, pitch}};
}

Verdict activation_of(const Problem& p, DnnConvolution& c) {
  using A = DnnConvolution::Activation;
  const cpu::Epilogue epilogue = cpu::epilogue_of(p.attributes());
  c.z_last = p.has(3) && epilogue.residual_last;
  switch (epilogue.activation) {
    case cpu::Activation::none: c.activation = A::none; break;
    case cpu::Activation::relu: c.activation = A::relu; break;
    case cpu::Activation::clip: c.activation = A::relu, c.lower = epilogue.alpha, c.upper = epilogue.beta; break;
    case cpu::Activation::leaky_relu: c.activation = A::relu, c.slope = epilogue.alpha; break;
    case cpu::Activation::sigmoid: c.activation = A::sigmoid; break;
    case cpu::Activation::silu: c.activation = A::silu; break;
    case cpu::Activation::tanh: c.activation = A::tanh; break;
    case cpu::Activation::gelu: c.activation = A::gelu; break;
    case cpu::Activation::gelu_tanh: c.activation = A::gelu_tanh; break;
    default: return no("cuDNN has no such activation");
  }
  return yes();
}

// What the activation makes of zero.
bool keeps_zero(const DnnConvolution& c) {
  return c.activation != DnnConvolution::Activation::sigmoid && c.lower <= 0 && c.upper >= 0;
}

Verdict conv_of(const Problem& p, Conv& conv) {
  DnnConvolution& c = conv.convolution;
  const TensorInfo &x = p.inputs[0], &w = p.inputs[1], &y = p.outputs[0];
  c.type = y.type;
  const bool last = conv.channels_last();
  if (c.type != DType::f32 && c.type != DType::f16 && c.type != DType::bf16) return no("f32, f16 and bf16 only");
  if (y.shape.size() != 4) return no("images only");
  if (elements(x.shape) < 1 || elements(y.shape) < 1 || elements(w.shape) < 1) return no("nothing to compute");
  if (w.type != c.type || !w.constant) return no("constant weights of the output's type only");
  if (p.has(2) && (!p.inputs[2].constant || p.inputs[2].type != c.type)) return no("the bias is not constant");
  for (const TensorInfo* t : {&x, &y})
    if (t->type != c.type || (t->channel_block != 0) != last)
      return no("channels-last images of 16 bits and row-major ones of f32 only");
  if (p.has(3) &&
      (p.inputs[3].type != c.type || (p.inputs[3].channel_block != 0) != last || p.inputs[3].shape != y.shape))
    return no("a residual in another layout");
  for (const TensorInfo* t : {&x, &w, &y})
    if (t->bytes() > INT32_MAX) return no("more than 2^31 bytes");
  const int64_t groups = p.attributes().integer("group", 1);
  conv.channels = w.shape[1], conv.outputs = w.shape[0];
  // Tensor cores take eight channels at once. Those past the last one are zeros in every image and here in the weights.
  const auto filled = [&](int64_t channels) {
    return last && groups == 1 ? (channels + kChannelUnit - 1) / kChannelUnit * kChannelUnit : channels;
  };
  if (last && groups > 1 && (x.shape[1] % kChannelUnit || conv.outputs % kChannelUnit))
    return no("groups of channels that no eight fill");
  const int64_t channels = filled(x.shape[1]), outputs = filled(conv.outputs);
  if (Verdict verdict = activation_of(p, c); !verdict) return verdict;
  if (outputs != conv.outputs && !keeps_zero(c)) return no("the activation makes something of zero");
  const Result<ops::Window> window =
      ops::window_of(*p.node, {ir::Dim(x.shape[2]), ir::Dim(x.shape[3])}, {w.shape[2], w.shape[3]});
  if (!window.ok()) return no(window.status().message());
  c.x = image_of(x, channels);
  c.y = image_of(y, outputs);
  if (p.has(3)) c.z = image_of(p.inputs[3], outputs);
  TensorInfo weights{c.type, {outputs, groups > 1 ? conv.channels : channels, w.shape[2], w.shape[3]}, 0, nullptr};
  if (last) weights.channel_block = static_cast<int>(weights.shape[1]);
  c.w = image_of(weights, weights.shape[1]);
  for (size_t i = 0; i < 2; ++i) {
    c.strides[i] = window->strides[i], c.dilations[i] = window->dilations[i];
    c.pads_before[i] = window->pads[i], c.pads_after[i] = window->pads[i + 2];
    if (c.pads_before[i] < 0 || c.pads_after[i] < 0) return no("pads of less than nothing");
  }
  return yes();
}

Verdict conv_supports(const Problem& p, const Device& device) {
  Conv conv;
  if (Verdict verdict = conv_of(p, conv); !verdict) return verdict;
  if (device.ordinal < 0) return no("a library works on a GPU that is here only");
  if (const Result<std::string> version = cudnn_version(); !version.ok()) return no(version.status().message());
  const auto plan = dnn_plan(conv.convolution, device.ordinal);
  return plan.ok() ? yes() : no(plan.status().message());
}

Result<std::shared_ptr<DnnPlan>> plan_of(const Problem& p, const Device& device) {
  VIVACE_ASSIGN(const Conv conv, supported<conv_of>(p));
  return dnn_plan(conv.convolution, device.ordinal);
}

std::vector<std::string> conv_configurations(const Problem& p, const Device& device) {
  const auto plan = plan_of(p, device);
  return plan.ok() ? algorithm_names(algorithms(**plan)) : std::vector<std::string>{};
}

// The weights where their strides say, and a bias for every channel.
Result<std::vector<Tensor>> conv_prepare(const Problem& p, const std::string&, const Device&) {
  VIVACE_ASSIGN(const Conv conv, supported<conv_of>(p));
  const Image& w = conv.convolution.w;
  VIVACE_ASSIGN(Tensor weights, Tensor::allocate(conv.convolution.type, Shape(w.dims.begin(), w.dims.end())));
  VIVACE_ASSIGN(Tensor bias, Tensor::allocate(conv.convolution.type, {w.dims[0]}));
  std::memset(weights.data(), 0, weights.bytes());
  std::memset(bias.data(), 0, bias.bytes());
  if (p.has(2)) std::memcpy(bias.data(), p.inputs[2].constant->data(), p.inputs[2].constant->bytes());
  const auto size = static_cast<int64_t>(byte_size(conv.convolution.type, 1));
  const auto* from = p.inputs[1].constant->as<const std::byte>();
  auto* to = weights.as<std::byte>();
  for (int64_t k = 0; k < conv.outputs; ++k)
    for (int64_t c = 0; c < conv.channels; ++c)
      for (int64_t h = 0; h < w.dims[2]; ++h)
        for (int64_t x = 0; x < w.dims[3]; ++x, from += size)
          std::memcpy(to + (k * w.strides[0] + c * w.strides[1] + h * w.strides[2] + x * w.strides[3]) * size, from,
                      static_cast<size_t>(size));
  return std::vector<Tensor>{std::move(weights), std::move(bias)};
}

Result<Job> conv_generate(const Problem& p, const std::string& configuration, const Device& device) {
  VIVACE_ASSIGN(const std::shared_ptr<DnnPlan> plan, plan_of(p, device));
  VIVACE_ASSIGN(const size_t algorithm, algorithm_of(configuration, algorithms(*plan)));
  Launch launch;
  launch.name = "cudnnBackendExecute";
  launch.call = dnn_call(plan, algorithm);
  launch.arguments = {input(0), packed(0), packed(1), output(), workspace()};
  if (p.has(3)) launch.arguments.push_back(input(3));
  Job job = job_of_one(std::move(launch));
  job.workspace = workspace(*plan, algorithm) + kLibraryAlignment;
  return job;
}

}  // namespace

extern const Tactic cudnn_conv_tactic{
    .name = "cudnn_conv",
    .version = 1,
    .operators = {"Conv", "vivace.FusedConv"},
    .library = "cudnn",
    .supports = conv_supports,
    .configurations = conv_configurations,
    .estimate = estimate_flops<400>,
    .prepare = conv_prepare,
    .generate = conv_generate,
};

}  // namespace vivace::cuda
