// ArgMax and ArgMin, TopK, CumSum along one axis, f32.
#include "backends/cpu/kernels/search.h"

#include <cmath>

#include "backends/cpu/rows/rows.h"

namespace vivace::cpu {

namespace {

Verdict axis_of(const Problem& p, int64_t axis, ops::AxisSplit& split) {
  if (p.inputs[0].type != DType::f32 || !all_row_major(p)) return no("row-major f32 only");
  const Shape& x = p.inputs[0].shape;
  const int at = ops::normalized_axis(axis, static_cast<int>(x.size()));
  if (at < 0) return no("the axis is out of range");
  split = ops::split_at(x, at);
  if (split.outer * split.size * split.inner == 0) return no("nothing to search");
  if (split.size > INT32_MAX) return no("the axis is longer than 2^31");
  return yes();
}

Verdict arg_split(const Problem& p, ops::AxisSplit& split) { return axis_of(p, p.attributes().integer("axis"), split); }

Result<Bound> arg_bind(const Problem& p, const std::string&, const std::vector<Tensor>&, const Machine& machine) {
  VIVACE_ASSIGN(const ops::AxisSplit split, job_of(p, arg_split));
  Bound bound;
  bound.run = [split, run = search_kernels(machine.isa).arg, greatest = p.node->op == "ArgMax",
               last = p.attributes().integer("select_last_index") != 0](const Launch& launch) {
    run(static_cast<const float*>(launch.inputs[0]), static_cast<int64_t*>(launch.outputs[0]), split.outer, split.size,
        split.inner, greatest, last, launch.pool);
    return Status();
  };
  return bound;
}

// TopK of contiguous lines: a buffer of candidates beyond the k-th best so far, cut to k whenever it is full.

struct Best {
  int64_t lines = 1, n = 0, k = 0;
  bool largest = true;
};

Verdict best_of(const Problem& p, Best& best) {
  ops::AxisSplit split{};
  if (Verdict verdict = axis_of(p, p.attributes().integer("axis", -1), split); !verdict) return verdict;
  if (split.inner != 1) return no("the axis is not the last one");
  best = {split.outer, split.size, elements(p.outputs[0].shape) / split.outer,
          p.attributes().integer("largest", 1) != 0};
  if (best.k <= 0 || best.k > best.n) return no("K does not fit the axis");
  return yes();
}

class TopLine {
 public:
  TopLine(const Best& best, const SearchKernels& kernels, const float* x) : best_(best), kernels_(kernels), x_(x) {}

  // Better ones first; NaN is greater than all numbers; of equals the first.
  auto before() const {
    return [x = x_, largest = best_.largest](int64_t a, int64_t b) {
      const float va = x[a], vb = x[b];
      const bool na = std::isnan(va), nb = std::isnan(vb);
      const bool greater = na || nb ? na && !nb : va > vb, less = na || nb ? nb && !na : va < vb;
      if (greater || less) return largest ? greater : less;
      return a < b;
    };
  }

  void run(float* values, int64_t* places) {
    const int64_t k = best_.k, room = std::max<int64_t>(2 * k, 256);
    std::vector<int64_t> found(static_cast<size_t>(std::min(room, best_.n) + 16));
    int64_t at = k, count = k;
    for (int64_t i = 0; i < k; ++i) found[static_cast<size_t>(i)] = i;
    if (count < best_.n) {
      std::nth_element(found.begin(), found.begin() + k - 1, found.begin() + count, before());
      while (at < best_.n) {
        const float bound = x_[found[static_cast<size_t>(k - 1)]];
        if (std::isnan(bound) && best_.largest) break;  // none can be greater
        const int64_t free = static_cast<int64_t>(found.size()) - k;
        count = k + kernels_.beyond(x_, at, best_.n, bound, best_.largest, found.data() + k, free, &at);
        std::nth_element(found.begin(), found.begin() + k - 1, found.begin() + count, before());
      }
    }
    std::sort(found.begin(), found.begin() + k, before());
    for (int64_t i = 0; i < k; ++i) {
      const int64_t place = found[static_cast<size_t>(i)];
      values[i] = x_[place];
      if (places) places[i] = place;
    }
  }

 private:
  const Best& best_;
  const SearchKernels& kernels_;
  const float* x_;
};

Result<Bound> top_bind(const Problem& p, const std::string&, const std::vector<Tensor>&, const Machine& machine) {
  VIVACE_ASSIGN(const Best best, job_of(p, best_of));
  Bound bound;
  bound.run = [best, &kernels = search_kernels(machine.isa), outputs = p.outputs.size()](const Launch& launch) {
    const auto* x = static_cast<const float*>(launch.inputs[0]);
    auto* values = static_cast<float*>(launch.outputs[0]);
    auto* places = outputs > 1 ? static_cast<int64_t*>(launch.outputs[1]) : nullptr;
    const auto line = [&](int64_t i, int) {
      TopLine(best, kernels, x + i * best.n).run(values + i * best.k, places ? places + i * best.k : nullptr);
    };
    constexpr int64_t kWorthThreads = 16 << 10;
    if (best.lines * best.n > kWorthThreads) {
      launch.pool.run(best.lines, line);
    } else {
      for (int64_t i = 0; i < best.lines; ++i) line(i, 0);
    }
    return Status();
  };
  return bound;
}

Verdict sum_split(const Problem& p, ops::AxisSplit& split) {
  if (!p.inputs[1].constant || p.inputs[1].constant->count() != 1) return no("the axis is not constant");
  return axis_of(p, to_int64(*p.inputs[1].constant)[0], split);
}

Result<Bound> sum_bind(const Problem& p, const std::string&, const std::vector<Tensor>&, const Machine& machine) {
  VIVACE_ASSIGN(const ops::AxisSplit split, job_of(p, sum_split));
  Bound bound;
  bound.run = [split, run = search_kernels(machine.isa).running_sum,
               exclusive = p.attributes().integer("exclusive") != 0,
               reverse = p.attributes().integer("reverse") != 0](const Launch& launch) {
    run(static_cast<const float*>(launch.inputs[0]), static_cast<float*>(launch.outputs[0]), split.outer, split.size,
        split.inner, exclusive, reverse, launch.pool);
    return Status();
  };
  return bound;
}

}  // namespace

extern const Tactic arg_tactic{
    .name = "arg",
    .version = 1,
    .operators = {"ArgMax", "ArgMin"},
    .supports = supports_job<arg_split>,
    .estimate = estimate_bytes<150>,
    .bind = arg_bind,
};
extern const Tactic top_k_tactic{
    .name = "top_k",
    .version = 1,
    .operators = {"TopK"},
    .supports = supports_job<best_of>,
    .estimate = estimate_bytes<200>,
    .bind = top_bind,
};
extern const Tactic running_sum_tactic{
    .name = "running_sum",
    .version = 1,
    .operators = {"CumSum"},
    .supports = supports_job<sum_split>,
    .estimate = estimate_bytes<150>,
    .bind = sum_bind,
};

}  // namespace vivace::cpu
