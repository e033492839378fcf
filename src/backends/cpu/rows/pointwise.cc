// Pointwise operators and their fused chains in f32, on row-major and on blocked tensors.
#include <cstring>

#include "backends/cpu/pointwise_plan.h"
#include "backends/cpu/rows/rows.h"
#include "ops/pointwise_nodes.h"

namespace vivace::cpu {

namespace {

using Strides = std::vector<int64_t>;

int64_t blocks_of(int64_t channels, int64_t block) { return (channels + block - 1) / block; }

// A constant with one number per channel, as [C,1,1] or [1,C,1,1].
bool is_per_channel(const TensorInfo& in, const Shape& out) {
  const size_t rank = in.shape.size();
  return in.constant && in.constant->count() != 1 && (rank == 3 || rank == 4) && in.shape[rank - 3] == out[1] &&
         in.constant->count() == out[1];
}

struct Plan {
  PointwisePlan plan;
  std::vector<int> packed;  // by input: which packed constant stands for it, or -1
};

// Blocked tensors are [N, C/c, H*W, c] to the kernel.
Verdict blocked_operands(const Problem& p, int inputs, Shape& dims, std::vector<Strides>& strides,
                         std::vector<int>& packed) {
  const Shape& out = p.outputs[0].shape;
  const int64_t c = p.outputs[0].channel_block, blocks = blocks_of(out[1], c);
  dims = {out[0], blocks, out[2] * out[3], c};
  int constants = 0;
  for (int i = 0; i < inputs; ++i) {
    const TensorInfo& in = p.inputs[static_cast<size_t>(i)];
    packed.push_back(-1);
    if (in.constant && in.constant->count() == 1) {
      strides.push_back({0, 0, 0, 0});
    } else if (is_per_channel(in, out)) {
      strides.push_back({0, c, 0, 1});
      packed.back() = constants++;
    } else if (in.channel_block != c) {
      return no("an operand is row-major");
    } else if (in.shape == out) {
      strides.push_back(strides_of(dims));
    } else if (in.shape.size() == 4 && in.shape[0] == out[0] && in.shape[1] == out[1] && in.shape[2] == 1 &&
               in.shape[3] == 1) {
      strides.push_back({blocks * c, c, 0, 1});
    } else {
      return no("an operand broadcasts in a way that blocks do not allow");
    }
  }
  return yes();
}

Verdict make_plan(const Problem& p, Plan& made) {
  const auto program = ops::pointwise_program_of(*p.node);
  if (!program) return no("not a pointwise operator on floats with known parameters");
  if (p.outputs[0].type != DType::f32) return no("f32 only");
  Shape dims = p.outputs[0].shape;
  std::vector<Strides> strides;
  if (p.outputs[0].channel_block) {
    if (Verdict verdict = blocked_operands(p, program->inputs, dims, strides, made.packed); !verdict) return verdict;
  } else {
    for (int i = 0; i < program->inputs; ++i) {
      if (p.inputs[static_cast<size_t>(i)].channel_block) return no("an operand is in blocks");
      strides.push_back(broadcast_strides(p.inputs[static_cast<size_t>(i)].shape, dims));
      made.packed.push_back(-1);
    }
  }
  Result<PointwisePlan> plan = plan_pointwise(*program, dims, strides);
  if (!plan.ok()) return no(plan.status().message());
  made.plan = *plan;
  return yes();
}

// Constants with one number per channel, padded to whole blocks with zeros.
Result<std::vector<Tensor>> prepare(const Problem& p, const std::string&, const Machine&) {
  std::vector<Tensor> packed;
  const auto program = ops::pointwise_program_of(*p.node);
  if (!p.outputs[0].channel_block || !program) return packed;
  for (int i = 0; i < program->inputs; ++i) {
    const TensorInfo& in = p.inputs[static_cast<size_t>(i)];
    if (!is_per_channel(in, p.outputs[0].shape)) continue;
    const int64_t c = p.outputs[0].channel_block;
    VIVACE_ASSIGN(Tensor padded, packed_buffer(static_cast<size_t>(blocks_of(in.constant->count(), c) * c)));
    std::memcpy(padded.data(), in.constant->data(), in.constant->bytes());
    packed.push_back(std::move(padded));
  }
  return packed;
}

bool packs(const Problem& p, size_t input) {
  return p.outputs[0].channel_block && is_per_channel(p.inputs[input], p.outputs[0].shape);
}

// The lanes past the last channel are zero in every blocked tensor.
void clear_padding(float* y, int64_t batch, int64_t channels, int64_t pixels, int64_t c) {
  const int64_t used = channels % c, blocks = blocks_of(channels, c);
  for (int64_t n = 0; n < batch; ++n) {
    float* last = y + (n * blocks + blocks - 1) * pixels * c;
    for (int64_t i = 0; i < pixels; ++i) std::fill(last + i * c + used, last + (i + 1) * c, 0.0f);
  }
}

Result<Bound> bind(const Problem& p, const std::string&, const std::vector<Tensor>& packed, const Machine& machine) {
  VIVACE_ASSIGN(Plan plan, job_of(p, make_plan));
  const auto made = std::make_shared<const Plan>(std::move(plan));
  for (const int i : made->packed)
    if (i >= static_cast<int>(packed.size()))
      return Status(Code::corrupt_file, p.node->describe() + ": its packed constants are missing");
  const PointwiseKernels& kernels = pointwise_kernels(machine.isa);
  const Shape& out = p.outputs[0].shape;
  const int64_t c = p.outputs[0].channel_block;
  const bool padded = c && out[1] % c;
  Bound bound;
  bound.workspace = static_cast<size_t>(kernels.scratch_size(made->plan, machine.threads)) * sizeof(float);
  bound.run = [made, packed, run = kernels.run, padded, c, batch = out.empty() ? 1 : out[0],
               channels = out.size() > 1 ? out[1] : 1, pixels = padded ? out[2] * out[3] : 0](const Launch& launch) {
    const float* inputs[kPointwiseInputs];
    for (size_t i = 0; i < made->packed.size(); ++i)
      inputs[i] = made->packed[i] >= 0 ? packed[static_cast<size_t>(made->packed[i])].as<const float>()
                                       : static_cast<const float*>(launch.inputs[i]);
    auto* y = static_cast<float*>(launch.outputs[0]);
    run(made->plan, inputs, y, static_cast<float*>(launch.workspace), launch.pool);
    if (padded) clear_padding(y, batch, channels, pixels, c);
    return Status();
  };
  return bound;
}

}  // namespace

extern const Tactic pointwise_tactic{
    .name = "pointwise",
    .version = 1,
    .operators = {},
    .supports = supports_job<make_plan>,
    .estimate = estimate_bytes,
    .prepare = prepare,
    .bind = bind,
    .packs = packs,
};

}  // namespace vivace::cpu
