// Attention without a cache, in f32: softmax(scale Q K^T + mask) V in blocks that stay in the cache.
#include <cmath>

#include "backends/cpu/rows/jobs.h"

namespace vivace::cpu {

namespace {

// [B, heads, S, D] or [B, S, heads * D].
AttentionProblem::Strides strides_of_heads(const Shape& shape, int64_t heads, int64_t& rows, int64_t& depth) {
  if (shape.size() == 4) {
    rows = shape[2];
    depth = shape[3];
    return {shape[1] * rows * depth, rows * depth, depth};
  }
  rows = shape[1];
  depth = shape[2] / heads;
  return {rows * shape[2], depth, shape[2]};
}

}  // namespace

Verdict typed_attention_of(const Problem& p, DType type, AttentionProblem& a) {
  if (!all_row_major(p)) return no("row-major only");
  for (size_t i = 0; i < 3; ++i)
    if (p.inputs[i].type != type) return no(std::string(to_string(type)) + " only");
  if (p.has(4) || p.has(5)) return no("past keys and values");
  if (p.has(6)) return no("valid lengths");
  if (p.attributes().real("softcap") != 0) return no("softcap");
  for (size_t i = 1; i < p.outputs.size(); ++i)
    if (p.outputs[i].present() && !p.node->output(i)->unused()) return no("more than the first output is asked for");
  const Shape& q = p.inputs[0].shape;
  const bool flat = q.size() == 3;
  a.batch = q[0];
  a.heads = flat ? p.attributes().integer("q_num_heads") : q[1];
  a.kv_heads = flat ? p.attributes().integer("kv_num_heads") : p.inputs[1].shape[1];
  if (a.heads <= 0 || a.kv_heads <= 0) return no("no heads");
  a.q = strides_of_heads(q, a.heads, a.queries, a.depth);
  a.k = strides_of_heads(p.inputs[1].shape, a.kv_heads, a.keys, a.depth);
  a.v = strides_of_heads(p.inputs[2].shape, a.kv_heads, a.keys, a.values);
  int64_t rows = 0, values = 0;
  a.out = strides_of_heads(p.outputs[0].shape, a.heads, rows, values);
  a.scale = p.attributes().real("scale", 1 / std::sqrt(static_cast<float>(a.depth)));
  a.causal = p.attributes().integer("is_causal") != 0;
  if (!p.has(3)) return yes();
  const DType masked = p.inputs[3].type;
  if (masked != type && masked != DType::f32 && masked != DType::boolean) return no("a mask of another type");
  // Its dimensions broadcast to [batch, heads, queries, keys].
  const Shape& mask = p.inputs[3].shape;
  const Shape dense = strides_of(mask), full{a.batch, a.heads, a.queries, a.keys};
  int64_t* strides[] = {&a.mask.batch, &a.mask.head, &a.mask.query, &a.mask.key};
  for (size_t i = 0; i < mask.size(); ++i) {
    const size_t axis = 4 - mask.size() + i;
    if (mask[i] != 1 && mask[i] != full[axis]) return no("the mask is shorter than the keys");
    *strides[axis] = mask[i] == 1 ? 0 : dense[i];
  }
  return yes();
}

Verdict attention_of(const Problem& p, AttentionProblem& a) {
  if (p.has(3) && p.inputs[3].type != DType::f32) return no("the mask is not f32");
  return typed_attention_of(p, DType::f32, a);
}

namespace {

double estimate(const Problem& p, const std::string&, const Machine& machine) {
  AttentionProblem a;
  if (!attention_of(p, a)) return 1;
  const auto work =
      2.0 * static_cast<double>(a.batch * a.heads * a.queries) * static_cast<double>(a.keys * (a.depth + a.values));
  return roofline_seconds(work, bytes_of(p), 0.4, machine);
}

Result<Bound> bind(const Problem& p, const std::string&, const std::vector<Tensor>&, const Machine& machine) {
  VIVACE_ASSIGN(const AttentionProblem a, job_of(p, attention_of));
  const AttentionKernels& kernels = attention_kernels(machine.isa);
  Bound bound;
  bound.workspace = static_cast<size_t>(kernels.scratch_size(a, machine.threads)) * sizeof(float);
  bound.run = [a, run = kernels.run, masked = p.has(3)](const Launch& launch) {
    const auto in = [&](size_t i) { return static_cast<const float*>(launch.inputs[i]); };
    run(a, in(0), in(1), in(2), masked ? in(3) : nullptr, static_cast<float*>(launch.outputs[0]),
        static_cast<float*>(launch.workspace), launch.pool);
    return Status();
  };
  return bound;
}

}  // namespace

extern const Tactic attention_tactic{
    .name = "attention",
    .version = 1,
    .operators = {"Attention"},
    .supports = supports_job<attention_of>,
    .estimate = estimate,
    .bind = bind,
};

}  // namespace vivace::cpu
