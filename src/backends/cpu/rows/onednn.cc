// Convolutions by oneDNN, on the same blocked tensors as our own: a rival in the same tuner.
#include "backends/cpu/onednn.h"

#include <cstring>
#include <memory>

#include "backends/cpu/rows/conv.h"

namespace vivace::cpu {

namespace {

using onednn::Handle;
using onednn::Library;

// Objects of the library, destroyed with it.
class Objects {
 public:
  explicit Objects(const Library& library) : library_(library) {}
  Objects(const Objects&) = delete;
  Objects& operator=(const Objects&) = delete;
  ~Objects() {
    for (auto at = owned_.rbegin(); at != owned_.rend(); ++at) (void)at->second(at->first);
  }
  Handle keep(Handle object, int (*destroy)(Handle)) {
    owned_.emplace_back(object, destroy);
    return object;
  }
  Handle descriptor(const std::vector<int64_t>& dims, int tag) {
    Handle made = nullptr;
    return library_.memory_desc_create_with_tag(&made, static_cast<int>(dims.size()), dims.data(), onednn::kF32, tag) ==
                   0
               ? keep(made, library_.memory_desc_destroy)
               : nullptr;
  }
  Handle dense(const std::vector<int64_t>& dims) {
    Handle made = nullptr;
    const Shape strides = strides_of(dims);
    return library_.memory_desc_create_with_strides(&made, static_cast<int>(dims.size()), dims.data(), onednn::kF32,
                                                    strides.data()) == 0
               ? keep(made, library_.memory_desc_destroy)
               : nullptr;
  }

 private:
  const Library& library_;
  std::vector<std::pair<Handle, int (*)(Handle)>> owned_;
};

struct Primitive {
  explicit Primitive(const Library& l) : library(l), objects(l) {}
  const Library& library;
  Objects objects;
  Handle primitive = nullptr;
  Handle source = nullptr, destination = nullptr, bias = nullptr;
  const void* weights = nullptr;
  const void* scratchpad = nullptr;
  size_t workspace = 0;
  Tensor packed;  // the weights in the primitive's own order
  bool residual = false;
};

// The post-operation of an activation; false where oneDNN has none like it.
bool append(const Library& library, Handle ops, const Epilogue& e) {
  const auto add = [&](int algorithm, float alpha = 0, float beta = 0) {
    return library.post_ops_append_eltwise(ops, algorithm, alpha, beta) == 0;
  };
  switch (e.activation) {
    case Activation::none: return true;
    case Activation::relu: return add(onednn::kRelu);
    case Activation::clip: return add(onednn::kClip, e.alpha, e.beta);
    case Activation::leaky_relu: return add(onednn::kRelu, e.alpha);
    case Activation::hard_sigmoid: return add(onednn::kHardSigmoid, e.alpha, e.beta);
    case Activation::hard_swish: return add(onednn::kHardSwish, 1.0f / 6, 0.5f);
    case Activation::sigmoid: return add(onednn::kLogistic);
    case Activation::silu: return add(onednn::kSwish, 1);
    case Activation::tanh: return add(onednn::kTanh);
    case Activation::gelu: return add(onednn::kGeluErf);
    case Activation::gelu_tanh: return add(onednn::kGeluTanh);
  }
  return false;
}

Handle attributes_of(Primitive& made, const Epilogue& e, bool residual) {
  const Library& library = made.library;
  Handle attributes = nullptr, ops = nullptr;
  if (library.primitive_attr_create(&attributes) != 0) return nullptr;
  made.objects.keep(attributes, library.primitive_attr_destroy);
  if (library.post_ops_create(&ops) != 0) return nullptr;
  made.objects.keep(ops, library.post_ops_destroy);
  const bool sum_first = residual && !e.residual_last, sum_last = residual && e.residual_last;
  if (sum_first && library.post_ops_append_sum(ops, 1, 0, onednn::kF32) != 0) return nullptr;
  if (!append(library, ops, e)) return nullptr;
  if (sum_last && library.post_ops_append_sum(ops, 1, 0, onednn::kF32) != 0) return nullptr;
  if (library.primitive_attr_set_post_ops(attributes, ops) != 0) return nullptr;
  return library.primitive_attr_set_scratchpad_mode(attributes, onednn::kUserScratchpad) == 0 ? attributes : nullptr;
}

// Brings OIHW (or GOIHW) weights into the order the primitive chose.
Status pack(Primitive& made, Handle plain, const void* from) {
  const Library& library = made.library;
  VIVACE_ASSIGN(made.packed, packed_buffer((library.memory_desc_get_size(made.weights) + 3) / 4));
  Objects objects(library);
  Handle desc = nullptr, reorder = nullptr, stream = nullptr, source = nullptr, target = nullptr;
  const auto failed = Status(Code::internal, "oneDNN cannot reorder the weights");
  if (library.reorder_primitive_desc_create(&desc, plain, library.engine, made.weights, library.engine, nullptr) != 0)
    return failed;
  objects.keep(desc, library.primitive_desc_destroy);
  if (library.primitive_create(&reorder, desc) != 0) return failed;
  objects.keep(reorder, library.primitive_destroy);
  if (library.stream_create(&stream, library.engine, onednn::kInOrder) != 0) return failed;
  objects.keep(stream, library.stream_destroy);
  if (library.memory_create(&source, plain, library.engine, const_cast<void*>(from)) != 0) return failed;
  objects.keep(source, library.memory_destroy);
  if (library.memory_create(&target, made.weights, library.engine, made.packed.data()) != 0) return failed;
  objects.keep(target, library.memory_destroy);
  const onednn::Argument arguments[] = {{onednn::kSource, source}, {onednn::kDestination, target}};
  if (library.primitive_execute(reorder, stream, 2, arguments) != 0 || library.stream_wait(stream) != 0) return failed;
  return {};
}

Result<std::shared_ptr<Primitive>> make_primitive(const Problem& p, const Machine& machine, bool with_weights) {
  const Library* library = onednn::library();
  const auto failed = Status(Code::unsupported, "oneDNN has no such convolution");
  ConvShape s;
  if (!library || !blocked_convolution(p, machine, s)) return failed;
  auto made = std::make_shared<Primitive>(*library);
  const int blocks = machine.channel_block() == 16 ? onednn::kBlocked16 : onednn::kBlocked8;
  const std::vector<int64_t> in{s.batch, s.in_channels, s.in_h, s.in_w}, out{s.batch, s.out_channels, s.out_h, s.out_w};
  std::vector<int64_t> weights{s.out_channels, s.in_channels / s.groups, s.kernel_h, s.kernel_w};
  if (s.groups > 1) {
    weights[0] /= s.groups;
    weights.insert(weights.begin(), s.groups);
  }
  made->source = p.inputs[0].channel_block ? made->objects.descriptor(in, blocks) : made->objects.dense(in);
  made->destination = made->objects.descriptor(out, blocks);
  const Handle any = made->objects.descriptor(weights, onednn::kAnyFormat), plain = made->objects.dense(weights);
  made->bias = p.has(2) ? made->objects.dense({s.out_channels}) : nullptr;
  made->residual = p.has(3);
  const Handle attributes = attributes_of(*made, epilogue_of(p.attributes()), made->residual);
  if (!made->source || !made->destination || !any || !plain || !attributes) return failed;
  const auto end_pad = [](int o, int in_size, int kernel, int stride, int pad, int dilation) {
    return int64_t{o - 1} * stride + int64_t{kernel - 1} * dilation + 1 - in_size - pad;
  };
  const int64_t strides[] = {s.stride_h, s.stride_w}, dilations[] = {s.dilation_h - 1, s.dilation_w - 1},
                begins[] = {s.pad_top, s.pad_left};
  const int64_t ends[] = {end_pad(s.out_h, s.in_h, s.kernel_h, s.stride_h, s.pad_top, s.dilation_h),
                          end_pad(s.out_w, s.in_w, s.kernel_w, s.stride_w, s.pad_left, s.dilation_w)};
  if (library->set_threads) library->set_threads(machine.threads);
  Handle desc = nullptr;
  if (library->convolution_forward_primitive_desc_create(
          &desc, library->engine, onednn::kForwardInference, onednn::kConvolutionDirect, made->source, any, made->bias,
          made->destination, strides, dilations, begins, ends, attributes) != 0)
    return failed;
  made->objects.keep(desc, library->primitive_desc_destroy);
  made->weights = library->primitive_desc_query_md(desc, onednn::kWeightsDesc, 0);
  made->scratchpad = library->primitive_desc_query_md(desc, onednn::kScratchpadDesc, 0);
  made->workspace = made->scratchpad ? library->memory_desc_get_size(made->scratchpad) : 0;
  if (library->primitive_create(&made->primitive, desc) != 0) return failed;
  made->objects.keep(made->primitive, library->primitive_destroy);
  if (with_weights) VIVACE_TRY(pack(*made, plain, p.inputs[1].constant->data()));
  return made;
}

Verdict supports(const Problem& p, const Machine& machine) {
  std::string reason;
  if (!onednn::library(&reason)) return no(reason);
  if (machine.isa == Isa::generic) return no("oneDNN's blocks start at 8 channels");
  ConvShape shape;
  if (Verdict verdict = blocked_convolution(p, machine, shape); !verdict) return verdict;
  if (elements(p.outputs[0].shape) == 0 || elements(p.inputs[0].shape) == 0) return no("nothing to do");
  if (shape.groups > 1 && (shape.in_channels % machine.channel_block() || shape.out_channels % machine.channel_block()))
    return no("groups whose channels do not fill blocks");
  const auto made = make_primitive(p, machine, false);
  return made.ok() ? yes() : no(made.status().message());
}

double estimate(const Problem& p, const std::string&, const Machine& machine) {
  return roofline_seconds(flops_of(p), bytes_of(p), 0.74, machine);
}

// Weights are brought into the library's order here, not in the plan: another version may have another order.
Result<Bound> bind(const Problem& p, const std::string&, const std::vector<Tensor>&, const Machine& machine) {
  VIVACE_ASSIGN(const std::shared_ptr<Primitive> made, make_primitive(p, machine, true));
  Bound bound;
  bound.workspace = made->workspace;
  bound.run = [made, bias = made->bias ? p.inputs[2].constant->data() : nullptr,
               bytes = p.outputs[0].bytes()](const Launch& launch) {
    const Library& library = made->library;
    if (made->residual && launch.inputs[3] != launch.outputs[0])
      std::memcpy(launch.outputs[0], launch.inputs[3], bytes);
    if (library.set_threads) library.set_threads(launch.pool.size());
    Objects objects(library);
    onednn::Argument arguments[5];
    int count = 0;
    bool ok = true;
    const auto pass = [&](int id, const void* desc, void* data) {
      Handle memory = nullptr;
      ok = ok && library.memory_create(&memory, desc, library.engine, data) == 0;
      if (ok) arguments[count++] = {id, objects.keep(memory, library.memory_destroy)};
    };
    pass(onednn::kSource, made->source, launch.inputs[0]);
    pass(onednn::kWeights, made->weights, made->packed.data());
    pass(onednn::kDestination, made->destination, launch.outputs[0]);
    if (made->bias) pass(onednn::kBias, made->bias, const_cast<void*>(bias));
    if (made->workspace > 0) pass(onednn::kScratchpad, made->scratchpad, launch.workspace);
    Handle stream = nullptr;
    ok = ok && library.stream_create(&stream, library.engine, onednn::kInOrder) == 0;
    if (ok) objects.keep(stream, library.stream_destroy);
    ok = ok && library.primitive_execute(made->primitive, stream, count, arguments) == 0 &&
         library.stream_wait(stream) == 0;
    return ok ? Status() : Status(Code::internal, "oneDNN failed to run a convolution");
  };
  return bound;
}

}  // namespace

extern const Tactic onednn_conv_tactic{
    .name = "onednn_conv",
    .version = 1,
    .operators = {"Conv", "vivace.FusedConv"},
    .supports = supports,
    .estimate = estimate,
    .bind = bind,
};

}  // namespace vivace::cpu
