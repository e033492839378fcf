// RotaryEmbedding in f32: pairs of numbers of each row turned by the angles of its position.
#include "backends/cpu/kernels/norm.h"
#include "backends/cpu/rows/rows.h"

namespace vivace::cpu {

namespace {

struct Job {
  int64_t batch = 1, heads = 1, length = 0, size = 0, half = 0, cache = 0;
  bool heads_last = false;  // [batch, length, heads * size]
  bool positions = false;

  int64_t row(int64_t b, int64_t head, int64_t s) const {
    return ((heads_last ? (b * length + s) * heads + head : (b * heads + head) * length + s)) * size;
  }
};

Verdict rotation_of(const Problem& p, Job& job) {
  if (!all_row_major(p)) return no("row-major only");
  for (size_t i = 0; i < 3; ++i)
    if (p.inputs[i].type != DType::f32) return no("f32 only");
  if (p.attributes().integer("interleaved") != 0) return no("pairs lie side by side");
  const Shape& x = p.inputs[0].shape;
  const int64_t heads = p.attributes().integer("num_heads"), rotary = p.attributes().integer("rotary_embedding_dim");
  job.heads_last = x.size() == 3;
  if (job.heads_last && (heads <= 0 || x[2] % heads != 0)) return no("the number of heads is not given");
  if (job.heads_last)
    job = {x[0], heads, x[1], x[2] / heads, 0, 0, true, false};
  else if (x.size() == 4)
    job = {x[0], x[1], x[2], x[3], 0, 0, false, false};
  else
    return no("neither three nor four dimensions");
  job.half = (rotary > 0 ? rotary : job.size) / 2;
  job.positions = p.has(3);
  if (job.positions && p.inputs[3].type != DType::i64) return no("positions are not i64");
  const Shape& cosines = p.inputs[1].shape;
  if (cosines.back() != job.half || p.inputs[2].shape != cosines) return no("another number of angles");
  job.cache = cosines[0];
  return elements(x) > 0 ? yes() : no("nothing to turn");
}

Result<Bound> bind(const Problem& p, const std::string&, const std::vector<Tensor>&, const Machine& machine) {
  VIVACE_ASSIGN(const Job job, job_of(p, rotation_of));
  Bound bound;
  bound.run = [job, node = p.node, run = norm_kernels(machine.isa).rotate](const Launch& launch) {
    const auto in = [&](size_t i) { return static_cast<const float*>(launch.inputs[i]); };
    const auto* positions = job.positions ? static_cast<const int64_t*>(launch.inputs[3]) : nullptr;
    for (int64_t i = 0; positions && i < job.batch * job.length; ++i)
      if (positions[i] < 0 || positions[i] >= job.cache)
        return Status(Code::invalid_argument,
                      node->describe() + ": position " + std::to_string(positions[i]) + " is beyond the cache");
    const int64_t rows = job.batch * job.heads * job.length, per_task = std::max<int64_t>(1, (8 << 10) / job.size);
    auto* y = static_cast<float*>(launch.outputs[0]);
    const int64_t tasks = (rows + per_task - 1) / per_task;
    const auto turn = [&](int64_t task, int) {
      for (int64_t r = task * per_task; r < std::min(rows, (task + 1) * per_task); ++r) {
        const int64_t s = r % job.length, head = r / job.length % job.heads, b = r / job.length / job.heads;
        const int64_t place = b * job.length + s, at = job.row(b, head, s);
        const int64_t angle = (positions ? positions[place] : place) * job.half;
        run(in(0) + at, in(1) + angle, in(2) + angle, y + at, job.half, job.size);
      }
    };
    constexpr int64_t kWorthThreads = 8;
    if (tasks >= kWorthThreads) {
      launch.pool.run(tasks, turn);
    } else {
      for (int64_t task = 0; task < tasks; ++task) turn(task, 0);
    }
    return Status();
  };
  return bound;
}

}  // namespace

extern const Tactic rotary_tactic{
    .name = "rotary",
    .version = 1,
    .operators = {"RotaryEmbedding"},
    .supports = supports_job<rotation_of>,
    .estimate = estimate_bytes<>,
    .bind = bind,
};

}  // namespace vivace::cpu
