#include "backends/cpu/pointwise_plan.h"

#include <algorithm>

namespace vivace::cpu {

namespace {

using Plan = PointwisePlan;

// Scratch in L1: blocks shrink with the number of slots.
constexpr int64_t kScratchFloats = 6144, kMaxBlock = 1024, kMinBlock = 64;

Status unsupported(const std::string& what) { return {Code::unsupported, "the pointwise kernel takes " + what}; }

// Drops dimensions of 1 and merges neighbours that every operand walks as one.
Status merge_dims(std::span<const int64_t> dims, const std::vector<std::vector<int64_t>>& strides, Plan& plan) {
  std::vector<size_t> kept;
  std::vector<int64_t> size;
  for (size_t d = 0; d < dims.size(); ++d) {
    if (dims[d] == 1) continue;
    const bool merge = !kept.empty() && std::all_of(strides.begin(), strides.end(),
                                                    [&](const auto& s) { return s[kept.back()] == s[d] * dims[d]; });
    if (merge)
      kept.back() = d, size.back() *= dims[d];
    else
      kept.push_back(d), size.push_back(dims[d]);
  }
  if (kept.size() > kPointwiseRank)
    return unsupported("at most " + std::to_string(kPointwiseRank) + " dimensions that do not merge");
  plan.rank = static_cast<int>(kept.size());
  std::copy(size.begin(), size.end(), plan.dims);
  for (int i = 0; i < plan.inputs; ++i)
    for (size_t d = 0; d < kept.size(); ++d) plan.input[i].strides[d] = strides[static_cast<size_t>(i)][kept[d]];
  if (plan.rank == 0) {
    plan.rank = 1, plan.dims[0] = 1;
    for (int i = 0; i < plan.inputs; ++i) plan.input[i].strides[0] = 0;
  }
  plan.row = plan.dims[plan.rank - 1];
  return {};
}

// pow with these exponents is exact, or better, by other means.
void simplify_power(const PointwiseProgram& program, PointwiseInstruction& i) {
  if (i.op != PointwiseOp::pow || i.operand[1] < program.inputs) return;
  const PointwiseInstruction& by = program.instructions[static_cast<size_t>(i.operand[1] - program.inputs)];
  if (by.op != PointwiseOp::constant) return;
  const auto become = [&](PointwiseOp op) { i.op = op, i.operand[1] = -1; };
  if (by.alpha == 2)
    become(PointwiseOp::square);
  else if (by.alpha == 0.5f)
    become(PointwiseOp::sqrt);
  else if (by.alpha == -0.5f)
    become(PointwiseOp::rsqrt);
  else if (by.alpha == -1)
    become(PointwiseOp::reciprocal);
}

double nanoseconds_of(PointwiseOp op) {
  switch (op) {
    case PointwiseOp::pow: return 15;
    case PointwiseOp::sin:
    case PointwiseOp::cos:
    case PointwiseOp::exp:
    case PointwiseOp::log:
    case PointwiseOp::tanh:
    case PointwiseOp::erf:
    case PointwiseOp::sigmoid:
    case PointwiseOp::elu:
    case PointwiseOp::selu:
    case PointwiseOp::silu:
    case PointwiseOp::gelu:
    case PointwiseOp::gelu_tanh:
    case PointwiseOp::softplus:
    case PointwiseOp::mish: return 0.6;
    default: return 0.06;
  }
}

// A slot for each value from its definition to its last use.
void assign_slots(const PointwiseProgram& program, Plan& plan) {
  const int count = static_cast<int>(program.instructions.size());
  std::vector<PointwiseInstruction> code = program.instructions;
  for (PointwiseInstruction& i : code) simplify_power(program, i);
  std::vector<int> last_use(static_cast<size_t>(program.inputs + count), -1);
  for (int n = 0; n < count; ++n)
    for (const int operand : code[static_cast<size_t>(n)].operand)
      if (operand >= 0) last_use[static_cast<size_t>(operand)] = n;

  std::vector<int16_t> where(last_use.size());
  const auto fresh = [&] { return static_cast<int16_t>(plan.slots++); };
  for (int i = 0; i < program.inputs; ++i) {  // blocks of inputs live as long as the run
    Plan::Input& input = plan.input[i];
    where[static_cast<size_t>(i)] = static_cast<int16_t>(-1 - i);
    input.slot = input.kind == Plan::Input::Kind::whole ? Plan::kResult : fresh();
  }
  std::vector<int16_t> free;
  for (int n = 0; n < count; ++n) {
    const PointwiseInstruction& i = code[static_cast<size_t>(n)];
    const int value = program.inputs + n;
    const bool last = n + 1 == count, is_constant = i.op == PointwiseOp::constant;
    if (!last && last_use[static_cast<size_t>(value)] < 0) continue;  // nobody uses it
    Plan::Step& step = plan.step[plan.steps++];
    step = {.op = i.op, .to = Plan::kResult, .from = {0, 0, 0}, .alpha = i.alpha, .beta = i.beta};
    for (int k = 0; k < info(i.op).operands; ++k) {
      const int operand = i.operand[k];
      if (operand < 0) continue;
      step.from[k] = where[static_cast<size_t>(operand)];
      const bool temporary =
          operand >= program.inputs && code[static_cast<size_t>(operand - program.inputs)].op != PointwiseOp::constant;
      if (temporary && last_use[static_cast<size_t>(operand)] == n &&
          std::find(free.begin(), free.end(), step.from[k]) == free.end())
        free.push_back(step.from[k]);
    }
    plan.nanoseconds += nanoseconds_of(i.op);
    if (last) break;
    if (is_constant || free.empty())
      step.to = fresh();
    else
      step.to = free.back(), free.pop_back();
    where[static_cast<size_t>(value)] = step.to;
  }
}

}  // namespace

std::vector<int64_t> broadcast_strides(std::span<const int64_t> shape, std::span<const int64_t> result) {
  std::vector<int64_t> strides(result.size(), 0);
  int64_t stride = 1;
  for (size_t d = 0; d < shape.size(); ++d) {
    const int64_t size = shape[shape.size() - 1 - d];
    if (size != 1) strides[result.size() - 1 - d] = stride;
    stride *= size;
  }
  return strides;
}

Result<PointwisePlan> plan_pointwise(const PointwiseProgram& program, std::span<const int64_t> dims,
                                     const std::vector<std::vector<int64_t>>& strides) {
  VIVACE_TRY(verify(program));
  if (program.inputs > kPointwiseInputs)
    return unsupported("at most " + std::to_string(kPointwiseInputs) + " inputs, not " +
                       std::to_string(program.inputs));
  if (program.instructions.size() > kPointwiseSteps)
    return unsupported("at most " + std::to_string(kPointwiseSteps) + " instructions, not " +
                       std::to_string(program.instructions.size()));
  if (strides.size() != static_cast<size_t>(program.inputs) ||
      std::any_of(strides.begin(), strides.end(), [&](const auto& s) { return s.size() != dims.size(); }))
    return Status(Code::invalid_argument, "a pointwise program needs one stride per input and dimension");

  Plan plan{};
  plan.inputs = program.inputs;
  plan.elements = 1;
  for (const int64_t size : dims) plan.elements *= size;
  if (plan.elements == 0) return plan;
  std::vector<std::vector<int64_t>> operands = strides;
  operands.push_back(broadcast_strides(dims, dims));  // the result
  VIVACE_TRY(merge_dims(dims, operands, plan));
  for (int i = 0; i < plan.inputs; ++i) {
    Plan::Input& input = plan.input[i];
    int64_t contiguous = 1;
    bool whole = true, outer_repeats = true;
    for (int d = plan.rank - 1; d >= 0; --d) {
      whole = whole && input.strides[d] == contiguous;
      outer_repeats = outer_repeats && (d == plan.rank - 1 || input.strides[d] == 0);
      contiguous *= plan.dims[d];
    }
    const bool scalar = outer_repeats && input.strides[plan.rank - 1] == 0;
    const bool short_row = outer_repeats && plan.row <= kMinBlock * 4;
    input.kind = whole && plan.elements > 1 ? Plan::Input::Kind::whole
                 : scalar || short_row      ? Plan::Input::Kind::fixed
                                            : Plan::Input::Kind::expanded;
  }
  assign_slots(program, plan);
  plan.nanoseconds = (plan.nanoseconds + 0.1 * (1 + plan.inputs)) * static_cast<double>(plan.elements);
  // Rows that are long are cut; short ones are taken several at a time.
  const int64_t fit = std::clamp(kScratchFloats / std::max(1, plan.slots), 4 * kMinBlock, kMaxBlock);
  plan.block = plan.row <= fit ? fit / plan.row * plan.row : fit;
  return plan;
}

}  // namespace vivace::cpu
