// Two-dimensional f32 convolutions on blocked channels: one row for each kernel of kernels/conv.h.
#include "backends/cpu/rows/conv.h"

#include <cmath>
#include <limits>
#include <numeric>

namespace vivace::cpu {

ConvShape window_shape(const Shape& x, const Shape& y, const ops::Window& window) {
  const auto as_int = [](int64_t v) { return static_cast<int>(v); };
  ConvShape shape;
  shape.batch = as_int(x[0]);
  shape.in_channels = as_int(x[1]);
  shape.out_channels = as_int(y[1]);
  shape.in_h = as_int(x[2]);
  shape.in_w = as_int(x[3]);
  shape.out_h = as_int(y[2]);
  shape.out_w = as_int(y[3]);
  shape.kernel_h = as_int(window.kernel[0]);
  shape.kernel_w = as_int(window.kernel[1]);
  shape.stride_h = as_int(window.strides[0]);
  shape.stride_w = as_int(window.strides[1]);
  shape.pad_top = as_int(window.pads[0]);
  shape.pad_left = as_int(window.pads[1]);
  shape.dilation_h = as_int(window.dilations[0]);
  shape.dilation_w = as_int(window.dilations[1]);
  return shape;
}

namespace {
constexpr std::string_view kScaled = "vivace.ScaledConv";
}

Verdict blocked_convolution(const Problem& p, const Machine& machine, ConvShape& shape) {
  if (p.inputs[0].type != DType::f32 || p.outputs[0].type != DType::f32) return no("f32 only");
  if (p.inputs[0].shape.size() != 4) return no("two spatial dimensions only");
  if (!p.inputs[1].constant) return no("the weights are not constant");
  if (p.has(2) && !p.inputs[2].constant) return no("the bias is not constant");
  if (p.outputs[0].channel_block != machine.channel_block()) return no("writes channels in blocks");
  if (p.has(3) && p.inputs[3].channel_block != machine.channel_block()) return no("adds a residual in blocks");
  const Shape &x = p.inputs[0].shape, &w = p.inputs[1].shape, &y = p.outputs[0].shape;
  const Result<ops::Window> window = ops::window_of(*p.node, {ir::Dim(x[2]), ir::Dim(x[3])}, {w[2], w[3]});
  if (!window.ok()) return no(window.status().message());
  for (const Shape* s : {&x, &w, &y})
    for (const int64_t d : *s)
      if (d > std::numeric_limits<int>::max()) return no("a dimension is beyond 2^31");
  shape = window_shape(x, y, *window);
  shape.groups = static_cast<int>(p.attributes().integer("group", 1));
  shape.scaled = p.node->op == kScaled;
  if (shape.scaled && !(p.inputs[4].constant && p.inputs[5].constant)) return no("the factors are not constant");
  return yes();
}

std::vector<std::string> configuration_numbers(int count) {
  std::vector<std::string> list;
  for (int i = 0; i < count; ++i) list.push_back(std::to_string(i));
  return list;
}

Result<int> configuration_number(const Problem& p, const std::string& configuration, int count) {
  const int number = std::atoi(configuration.c_str());
  if (number >= 0 && number < count) return number;
  return Status(Code::corrupt_file, p.node->describe() + ": unknown configuration '" + configuration + "'");
}

Status check_packed(const Problem& p, const std::vector<Tensor>& packed, size_t floats) {
  if (packed.size() == 1 && packed[0].type() == DType::f32 && packed[0].count() == static_cast<int64_t>(floats))
    return {};
  return {Code::corrupt_file, p.node->describe() + ": its packed weights have the wrong size"};
}

namespace {

// One of the kernels of the machine's table, chosen at compile time so that a row is plain function pointers.
template <ConvKernel ConvKernels::*kKernel>
struct Row {
  static const ConvKernel& kernel(const Machine& machine) { return conv_kernels(machine.isa).*kKernel; }

  static Verdict supports(const Problem& p, const Machine& machine) {
    ConvShape shape;
    if (Verdict verdict = blocked_convolution(p, machine, shape); !verdict) return verdict;
    const int wanted = kernel(machine).plain_input ? 0 : machine.channel_block();
    if (p.inputs[0].channel_block != wanted) return no(wanted ? "reads channels in blocks" : "reads a row-major input");
    const char* refusal = kernel(machine).refuses(shape);
    return refusal ? no(refusal) : yes();
  }
  static std::vector<std::string> configurations(const Problem&, const Machine& machine) {
    return configuration_numbers(kernel(machine).configurations);
  }
  static Result<std::vector<Tensor>> prepare(const Problem& p, const std::string&, const Machine& machine) {
    ConvShape shape;
    if (const Verdict verdict = blocked_convolution(p, machine, shape); !verdict)
      return Status(Code::internal, p.node->describe() + ": " + verdict.reason);
    VIVACE_ASSIGN(Tensor packed, packed_buffer(kernel(machine).packed_floats(shape)));
    kernel(machine).pack(shape, p.inputs[1].constant->as<const float>(), packed.as<float>());
    if (shape.scaled) {
      const size_t room = factor_floats(shape, machine.channel_block());
      float* to = packed.as<float>() + packed.count() - 2 * static_cast<int64_t>(room);
      std::fill_n(to, 2 * room, 0.0f);
      for (const size_t i : {size_t{4}, size_t{5}}) {
        std::copy_n(p.inputs[i].constant->as<const float>(), shape.in_channels, to);
        to += room;
      }
    }
    return std::vector<Tensor>{std::move(packed)};
  }
  static Result<Bound> bind(const Problem& p, const std::string& configuration, const std::vector<Tensor>& packed,
                            const Machine& machine) {
    ConvShape shape;
    if (const Verdict verdict = blocked_convolution(p, machine, shape); !verdict)
      return Status(Code::internal, p.node->describe() + ": " + verdict.reason);
    VIVACE_TRY(check_packed(p, packed, kernel(machine).packed_floats(shape)));
    VIVACE_ASSIGN(const int variant, configuration_number(p, configuration, kernel(machine).configurations));
    Bound bound;
    bound.workspace = kernel(machine).scratch_bytes(shape, variant, machine.threads);
    Epilogue epilogue = epilogue_of(p.attributes());
    epilogue.bias = p.has(2) ? p.inputs[2].constant->as<const float>() : nullptr;
    bound.run = [run = kernel(machine).run, shape, variant, epilogue, weights = packed[0],
                 residual = p.has(3)](const Launch& launch) {
      Epilogue e = epilogue;
      if (residual) e.residual = static_cast<const float*>(launch.inputs[3]);
      run(shape, variant, static_cast<const float*>(launch.inputs[0]), weights.as<const float>(),
          static_cast<float*>(launch.outputs[0]), e, launch.workspace, launch.pool);
      return Status();
    };
    return bound;
  }
};

// `work` is the share of the direct form's multiplications, `efficiency` of the machine's peak that they reach.
template <int kWorkPercent, int kEfficiencyPercent>
double estimate(const Problem& p, const std::string& configuration, const Machine& machine) {
  // Variants differ by little: in doubt the first.
  return roofline_seconds(flops_of(p) * kWorkPercent / 100, bytes_of(p), kEfficiencyPercent / 100.0, machine) *
         (1 + 0.001 * std::atoi(configuration.c_str()));
}

// The direct kernel fills up the channels of every group to whole blocks.
double estimate_direct(const Problem& p, const std::string& configuration, const Machine& machine) {
  const double block = machine.channel_block(), groups = static_cast<double>(p.attributes().integer("group", 1));
  const double in = static_cast<double>(p.inputs[1].shape[1]), out = static_cast<double>(p.inputs[1].shape[0]) / groups;
  const double padded = groups > 1 ? std::ceil(in / block) * block / in * std::ceil(out / block) * block / out : 1;
  return estimate<100, 75>(p, configuration, machine) * padded;
}

// The Winograd kernels merge groups until they fill blocks.
template <int kWorkPercent, int kEfficiencyPercent>
double estimate_winograd(const Problem& p, const std::string& configuration, const Machine& machine) {
  const bool groups = p.attributes().integer("group", 1) > 1;
  const int64_t block = machine.channel_block(), in = p.inputs[1].shape[1];
  const double merged = groups ? static_cast<double>(block) / static_cast<double>(std::gcd(block, in)) : 1;
  return estimate<kWorkPercent, kEfficiencyPercent>(p, configuration, machine) * merged;
}

bool is_packed(const Problem&, size_t input) { return input == 1 || input > 3; }

template <ConvKernel ConvKernels::*kKernel>
Tactic row(std::string_view name, int version, double (*estimate)(const Problem&, const std::string&, const Machine&)) {
  using R = Row<kKernel>;
  std::vector<std::string_view> operators = {"Conv", "vivace.FusedConv"};
  if (kKernel == &ConvKernels::direct) operators.push_back(kScaled);
  return {.name = name,
          .version = version,
          .operators = std::move(operators),
          .supports = R::supports,
          .configurations = R::configurations,
          .estimate = estimate,
          .prepare = R::prepare,
          .bind = R::bind,
          .packs = is_packed};
}

}  // namespace

// Winograd does 4/9 (F(2,3)) and 1/4 (F(4,3)) of the multiplications, and transforms.
extern const Tactic conv_winograd4_tactic =
    row<&ConvKernels::winograd4>("conv_winograd4", 2, estimate_winograd<25, 50>);
extern const Tactic conv_winograd2_tactic =
    row<&ConvKernels::winograd2>("conv_winograd2", 2, estimate_winograd<44, 55>);
extern const Tactic conv_depthwise_tactic = row<&ConvKernels::depthwise>("conv_depthwise", 1, estimate<100, 30>);
extern const Tactic conv_grouped_tactic = row<&ConvKernels::grouped>("conv_grouped", 1, estimate<100, 30>);
extern const Tactic conv_stem_tactic = row<&ConvKernels::stem>("conv_stem", 1, estimate<100, 60>);
extern const Tactic conv_direct_tactic = row<&ConvKernels::direct>("conv_direct", 1, estimate_direct);

}  // namespace vivace::cpu
