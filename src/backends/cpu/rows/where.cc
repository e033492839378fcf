// Where on elements of four bytes: rows of the output, along which each operand is one element or moves on.
#include "backends/cpu/kernels/move.h"
#include "backends/cpu/rows/rows.h"
#include "ops/kernel.h"

namespace vivace::cpu {

namespace {

struct Job {
  Shape dims;
  Shape strides[3];  // of condition, a, b
  int64_t row = 1, steps[3] = {0, 0, 0};
};

Verdict selection_of(const Problem& p, Job& job) {
  if (!all_row_major(p)) return no("row-major only");
  if (p.outputs[0].type == DType::string || bits_of(p.outputs[0].type) != 32) return no("elements of four bytes only");
  if (elements(p.outputs[0].shape) == 0) return no("nothing to select");
  job.dims = p.outputs[0].shape;
  for (size_t i = 0; i < 3; ++i) {
    Shape strides = strides_of(p.inputs[i].shape);
    const Shape& shape = p.inputs[i].shape;
    for (size_t d = 0; d < shape.size(); ++d)
      if (shape[d] == 1) strides[d] = 0;
    strides.insert(strides.begin(), job.dims.size() - shape.size(), 0);
    job.strides[i] = std::move(strides);
  }
  // The row: as many last dimensions as every operand goes through evenly.
  bool first = true;
  while (!job.dims.empty()) {
    const int64_t size = job.dims.back();
    const bool fits = std::all_of(std::begin(job.strides), std::end(job.strides), [&](const Shape& s) {
      const auto i = &s - job.strides;
      return first ? s.back() <= 1 : size == 1 || s.back() == job.steps[i] * job.row;
    });
    if (!fits) break;
    for (size_t i = 0; i < 3; ++i) {
      if (first && size > 1) job.steps[i] = job.strides[i].back();
      job.strides[i].pop_back();
    }
    first = first && size == 1;
    job.row *= size;
    job.dims.pop_back();
  }
  return yes();
}

Result<Bound> bind(const Problem& p, const std::string&, const std::vector<Tensor>&, const Machine& machine) {
  VIVACE_ASSIGN(Job made, job_of(p, selection_of));
  Bound bound;
  bound.run = [job = std::move(made), run = move_kernels(machine.isa).select_row](const Launch& launch) {
    const int64_t rows = elements(job.dims), per_task = std::max<int64_t>(1, (16 << 10) / job.row);
    const int64_t tasks = (rows + per_task - 1) / per_task;
    const auto select = [&](int64_t task, int) {
      for (int64_t r = task * per_task; r < std::min(rows, (task + 1) * per_task); ++r) {
        int64_t at[3] = {0, 0, 0}, index = r;
        for (size_t d = job.dims.size(); d-- > 0; index /= job.dims[d])
          for (size_t i = 0; i < 3; ++i) at[i] += index % job.dims[d] * job.strides[i][d];
        run(static_cast<const uint8_t*>(launch.inputs[0]) + at[0], job.steps[0],
            static_cast<const uint32_t*>(launch.inputs[1]) + at[1], job.steps[1],
            static_cast<const uint32_t*>(launch.inputs[2]) + at[2], job.steps[2],
            static_cast<uint32_t*>(launch.outputs[0]) + r * job.row, job.row);
      }
    };
    constexpr int64_t kWorthThreads = 8;
    if (tasks >= kWorthThreads) {
      launch.pool.run(tasks, select);
    } else {
      for (int64_t task = 0; task < tasks; ++task) select(task, 0);
    }
    return Status();
  };
  return bound;
}

}  // namespace

extern const Tactic where_tactic{
    .name = "where",
    .version = 1,
    .operators = {"Where"},
    .supports = supports_job<selection_of>,
    .estimate = estimate_bytes<>,
    .bind = bind,
};

}  // namespace vivace::cpu
