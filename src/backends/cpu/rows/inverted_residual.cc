// A depthwise convolution with 1x1 convolutions around it in one kernel, for images so large that what lies between
// the convolutions would leave the cache.
#include "backends/cpu/rows/conv.h"
#include "ops/conv.h"

namespace vivace::cpu {

namespace {

// Inputs of the operator: the image, and for each part its weights and bias; a residual.
constexpr size_t kWeights[kInvertedParts] = {2, 1, 3}, kBiases[kInvertedParts] = {5, 4, 6}, kResidual = 7;

struct Inverted {
  InvertedShape shape;
  Epilogue epilogues[kInvertedParts];
};

const ConvKernel& kernel_of(int part, const Machine& machine) {
  const ConvKernels& kernels = conv_kernels(machine.isa);
  return part == kFiltering ? kernels.depthwise : kernels.direct;
}

Verdict inverted_of(const Problem& p, const Machine& machine, Inverted& v) {
  std::vector<ir::Type> types;
  std::vector<bool> present;
  for (const TensorInfo& input : p.inputs) {
    present.push_back(input.present());
    types.push_back(ir::Type::tensor(input.type, ir::to_dims(input.shape)));
  }
  const auto graph = ops::inverted_residual_parts(*p.node, types, present);
  if (!graph.ok()) return no(graph.status().message());
  v.shape.has[kExpanding] = p.has(kWeights[kExpanding]), v.shape.has[kProjecting] = p.has(kWeights[kProjecting]);
  TensorInfo image = p.inputs[0];
  auto node = (*graph)->nodes().begin();
  for (int i = 0; i < kInvertedParts; ++i) {
    if (!v.shape.has[i]) continue;
    if (image.channel_block != machine.channel_block()) return no("reads channels in blocks");
    const auto input = [&](size_t k) { return p.has(k) ? p.inputs[k] : TensorInfo(); };
    Problem part{node->get(), {image, input(kWeights[i]), input(kBiases[i])}, {}};
    if (part.node->input(3)) part.inputs.push_back(input(kResidual));
    image = {image.type, *part.node->output()->type.shape(), machine.channel_block(), nullptr};
    part.outputs = {image};
    if (++node == (*graph)->nodes().end()) part.outputs = p.outputs;
    if (const Verdict verdict = blocked_convolution(part, machine, v.shape.parts[i]); !verdict) return verdict;
    if (const char* refusal = kernel_of(i, machine).refuses(v.shape.parts[i])) return no(refusal);
    v.epilogues[i] = epilogue_of(part.attributes());
    if (part.has(2)) v.epilogues[i].bias = part.inputs[2].constant->as<const float>();
  }
  for (const int i : {kExpanding, kProjecting})
    if (v.shape.has[i] && (v.shape.parts[i].groups > 1 || !is_pixelwise(v.shape.parts[i])))
      return no("the others take single pixels only");
  const ConvShape& s = v.shape.parts[kFiltering];
  return s.dilation_h == 1 && s.dilation_w == 1 ? yes() : no("no dilation");
}

Verdict supports(const Problem& p, const Machine& machine) {
  Inverted v;
  return inverted_of(p, machine, v);
}

Result<Inverted> supported(const Problem& p, const Machine& machine) {
  Inverted v;
  const Verdict verdict = inverted_of(p, machine, v);
  if (!verdict) return Status(Code::internal, p.node->describe() + ": " + verdict.reason);
  return v;
}

std::vector<std::string> configurations(const Problem&, const Machine& machine) {
  return configuration_numbers(conv_kernels(machine.isa).inverted.configurations);
}

double estimate(const Problem& p, const std::string& configuration, const Machine& machine) {
  constexpr double kEfficiency = 0.5;
  Inverted v;
  if (!inverted_of(p, machine, v)) return 1;
  double flops = 0;
  for (int i = 0; i < kInvertedParts; ++i) {
    const ConvShape& s = v.shape.parts[i];
    if (v.shape.has[i])
      flops += 2. * s.batch * s.out_channels * s.out_h * s.out_w * s.in_channels / s.groups * s.kernel_h * s.kernel_w;
  }
  return roofline_seconds(flops, bytes_of(p), kEfficiency, machine) * (1 + 0.001 * std::atoi(configuration.c_str()));
}

// Where each part's weights begin; then how many floats there are.
std::array<size_t, kInvertedParts + 1> offsets_of(const Inverted& v, const Machine& machine) {
  std::array<size_t, kInvertedParts + 1> offsets{};
  for (int i = 0; i < kInvertedParts; ++i)
    offsets[i + 1] = offsets[i] + (v.shape.has[i] ? kernel_of(i, machine).packed_floats(v.shape.parts[i]) : 0);
  return offsets;
}

Result<std::vector<Tensor>> prepare(const Problem& p, const std::string&, const Machine& machine) {
  VIVACE_ASSIGN(const Inverted v, supported(p, machine));
  const auto offsets = offsets_of(v, machine);
  VIVACE_ASSIGN(Tensor packed, packed_buffer(offsets.back()));
  for (int i = 0; i < kInvertedParts; ++i)
    if (v.shape.has[i])
      kernel_of(i, machine)
          .pack(v.shape.parts[i], p.inputs[kWeights[i]].constant->as<const float>(), packed.as<float>() + offsets[i]);
  return std::vector<Tensor>{std::move(packed)};
}

Result<Bound> bind(const Problem& p, const std::string& configuration, const std::vector<Tensor>& packed,
                   const Machine& machine) {
  VIVACE_ASSIGN(const Inverted v, supported(p, machine));
  const InvertedKernel& kernel = conv_kernels(machine.isa).inverted;
  const auto offsets = offsets_of(v, machine);
  VIVACE_TRY(check_packed(p, packed, offsets.back()));
  VIVACE_ASSIGN(const int variant, configuration_number(p, configuration, kernel.configurations));
  Bound bound;
  bound.workspace = kernel.scratch_bytes(v.shape, variant, machine.threads);
  bound.run = [run = kernel.run, v, variant, offsets, weights = packed[0],
               last = v.shape.has[kProjecting] ? kProjecting : kFiltering,
               residual = p.has(kResidual)](const Launch& launch) {
    Epilogue epilogues[kInvertedParts];
    std::copy(std::begin(v.epilogues), std::end(v.epilogues), epilogues);
    if (residual) epilogues[last].residual = static_cast<const float*>(launch.inputs[kResidual]);
    const float* const parts[kInvertedParts] = {weights.as<const float>() + offsets[kExpanding],
                                                weights.as<const float>() + offsets[kFiltering],
                                                weights.as<const float>() + offsets[kProjecting]};
    run(v.shape, variant, static_cast<const float*>(launch.inputs[0]), parts, static_cast<float*>(launch.outputs[0]),
        epilogues, launch.workspace, launch.pool);
    return Status();
  };
  return bound;
}

bool is_weights(const Problem&, size_t input) {
  return std::find(std::begin(kWeights), std::end(kWeights), input) != std::end(kWeights);
}

}  // namespace

extern const Tactic inverted_residual_tactic{
    .name = "inverted_residual",
    .version = 1,
    .operators = {"vivace.InvertedResidual"},
    .supports = supports,
    .configurations = configurations,
    .estimate = estimate,
    .prepare = prepare,
    .bind = bind,
    .packs = is_weights,
};

}  // namespace vivace::cpu
