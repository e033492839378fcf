#include <algorithm>

#include "backends/cuda/rows/attention.h"

namespace vivace::cuda {

namespace {

// The problem as if Q, K and V were tensors of their own; what is left of the sources is their strides.
Verdict taken_apart(const Problem& p, DType type, AttentionJob& job) {
  const std::vector<int64_t> sources = p.attributes().integers("sources"), begins = p.attributes().integers("begins"),
                             sizes = p.attributes().integers("sizes");
  size_t used = 0;
  Problem apart{p.node, {}, p.outputs};
  for (size_t i = 0; i < 3; ++i) {
    const auto source = static_cast<size_t>(sources[i]);
    used = std::max(used, source + 1);
    if (p.inputs[source].channel_block) return no("row-major only");
    TensorInfo part = p.inputs[source];
    part.constant = nullptr;
    part.shape[2] = sizes[i];
    apart.inputs.push_back(std::move(part));
    job.parts[i] = {static_cast<int>(source), begins[i]};
  }
  if (p.has(used)) {
    apart.inputs.push_back(p.inputs[used]);
    job.mask_input = static_cast<int>(used);
  }
  if (Verdict verdict = cpu::typed_attention_of(apart, type, job); !verdict) return verdict;
  cpu::AttentionProblem::Strides* const strides[] = {&job.q, &job.k, &job.v};
  for (size_t i = 0; i < 3; ++i) {
    const Shape& whole = p.inputs[static_cast<size_t>(sources[i])].shape;
    strides[i]->row = whole[2], strides[i]->batch = whole[1] * whole[2];
  }
  return yes();
}

}  // namespace

Verdict attention_job(const Problem& p, DType type, AttentionJob& job) {
  if (p.node->op == "vivace.PackedAttention") return taken_apart(p, type, job);
  for (int i = 0; i < 3; ++i) job.parts[i] = {i, 0};
  if (p.has(3)) job.mask_input = 3;
  return cpu::typed_attention_of(p, type, job);
}

const char* mask_type(const Problem& p, const AttentionJob& job) {
  return type_name(p.inputs[static_cast<size_t>(std::max(job.mask_input, 0))].type);
}

std::vector<Argument> attention_arguments(const Problem& p, const AttentionJob& job) {
  std::vector<Argument> arguments;
  for (const AttentionJob::Part& part : job.parts)
    arguments.push_back(input(part.input, byte_size(p.outputs[0].type, part.begin)));
  arguments.push_back(job.mask_input < 0 ? arguments[0] : input(job.mask_input));
  arguments.push_back(output());
  return arguments;
}

}  // namespace vivace::cuda
