// Concatenation by copying runs of memory; where it can be a view, no row is asked.
#include <cstring>

#include "backends/cpu/rows/rows.h"

namespace vivace::cpu {

namespace {

struct Copy {
  int64_t outer = 1;
  std::vector<size_t> bytes;  // of each part, per outer index
};

Verdict copy_of(const Problem& p, Copy& copy) {
  const TensorInfo& out = p.outputs[0];
  if (bits_of(out.type) % 8 || out.type == DType::string || out.type == DType::undefined) return no("whole bytes only");
  const int axis = ops::normalized_axis(p.attributes().integer("axis"), static_cast<int>(out.shape.size()));
  if (axis < 0) return no("the axis is out of range");
  copy.outer = elements(std::span(out.shape).first(static_cast<size_t>(axis)));
  for (const TensorInfo& part : p.inputs) {
    if (part.channel_block != out.channel_block) return no("parts are laid out differently");
    if (out.channel_block && (axis != 1 || part.shape[1] % out.channel_block))
      return no("a part has blocks that are not full");
    copy.bytes.push_back(byte_size(part.type, elements(std::span(part.shape).subspan(static_cast<size_t>(axis)))));
  }
  return yes();
}

Result<Bound> bind(const Problem& p, const std::string&, const std::vector<Tensor>&, const Machine&) {
  VIVACE_ASSIGN(const Copy copy, job_of(p, copy_of));
  size_t row = 0;
  std::vector<size_t> begins;
  for (const size_t bytes : copy.bytes) {
    begins.push_back(row);
    row += bytes;
  }
  Bound bound;
  bound.run = [copy, begins, row](const Launch& launch) {
    const auto parts = static_cast<int64_t>(copy.bytes.size());
    auto* to = static_cast<std::byte*>(launch.outputs[0]);
    const auto one = [&](int64_t task, int) {
      const auto part = static_cast<size_t>(task % parts);
      const auto outer = static_cast<size_t>(task / parts);
      if (copy.bytes[part] > 0)
        std::memcpy(to + outer * row + begins[part],
                    static_cast<const std::byte*>(launch.inputs[part]) + outer * copy.bytes[part], copy.bytes[part]);
    };
    constexpr size_t kWorthThreads = 256 << 10;
    if (row * static_cast<size_t>(copy.outer) >= kWorthThreads) {
      launch.pool.run(copy.outer * parts, one);
    } else {
      for (int64_t task = 0; task < copy.outer * parts; ++task) one(task, 0);
    }
    return Status();
  };
  return bound;
}

}  // namespace

extern const Tactic concat_tactic{
    .name = "concat",
    .version = 1,
    .operators = {"Concat"},
    .supports = supports_job<copy_of>,
    .estimate = estimate_bytes,
    .bind = bind,
};

}  // namespace vivace::cpu
