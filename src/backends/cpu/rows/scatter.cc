// ScatterND and GatherElements of whole bytes: blocks copied or added, elements picked by their index along an axis.
#include <atomic>
#include <cstring>

#include "backends/cpu/rows/rows.h"

namespace vivace::cpu {

namespace {

constexpr int64_t kPieceBytes = 256 << 10;

struct Scatter {
  int64_t bytes = 0;              // of the data
  int64_t tuples = 0, block = 0;  // elements of a block
  int element_bytes = 0;
  bool add = false;
  std::vector<int64_t> sizes, strides;  // of the dimensions that a tuple names, in elements
};

Verdict scatter_of(const Problem& p, Scatter& scatter) {
  const TensorInfo &x = p.inputs[0], &indices = p.inputs[1];
  if (!all_row_major(p)) return no("row-major only");
  const int bits = bits_of(x.type);
  if (x.type == DType::string || bits % 8 || bits > 64) return no("elements of 1, 2, 4 or 8 bytes only");
  if (indices.type != DType::i64) return no("indices are not i64");
  const std::string reduction = p.attributes().text("reduction", "none");
  if (reduction != "none" && (reduction != "add" || x.type != DType::f32)) return no("another reduction");
  if (indices.shape.empty() || indices.shape.back() > static_cast<int64_t>(x.shape.size())) return no("no tuples");
  const auto named = static_cast<size_t>(indices.shape.back());
  scatter.add = reduction == "add";
  scatter.element_bytes = bits / 8;
  scatter.bytes = static_cast<int64_t>(x.bytes());
  scatter.block = elements(std::span(x.shape).subspan(named));
  scatter.tuples = elements(std::span(indices.shape).first(indices.shape.size() - 1));
  const Shape strides = strides_of(x.shape);
  scatter.sizes.assign(x.shape.begin(), x.shape.begin() + static_cast<ptrdiff_t>(named));
  scatter.strides.assign(strides.begin(), strides.begin() + static_cast<ptrdiff_t>(named));
  return elements(p.inputs[2].shape) == scatter.tuples * scatter.block ? yes() : no("updates of another size");
}

Status run_scatter(const Scatter& s, const ir::Node& node, const Launch& launch) {
  auto* y = static_cast<std::byte*>(launch.outputs[0]);
  const auto* x = static_cast<const std::byte*>(launch.inputs[0]);
  const auto* indices = static_cast<const int64_t*>(launch.inputs[1]);
  const auto* updates = static_cast<const std::byte*>(launch.inputs[2]);
  const auto copy = [&](int64_t piece, int) {
    const int64_t first = piece * kPieceBytes;
    std::memcpy(y + first, x + first, static_cast<size_t>(std::min(kPieceBytes, s.bytes - first)));
  };
  if (x != y) launch.pool.run((s.bytes + kPieceBytes - 1) / kPieceBytes, copy);
  const size_t named = s.sizes.size();
  const auto block = static_cast<size_t>(s.block * s.element_bytes);
  for (int64_t t = 0; t < s.tuples; ++t) {
    int64_t at = 0;
    for (size_t d = 0; d < named; ++d) {
      int64_t index = indices[static_cast<size_t>(t) * named + d];
      if (index < -s.sizes[d] || index >= s.sizes[d])
        return {Code::invalid_argument, node.describe() + ": index " + std::to_string(index) + " is out of range for " +
                                            std::to_string(s.sizes[d]) + " elements"};
      if (index < 0) index += s.sizes[d];
      at += index * s.strides[d];
    }
    std::byte* to = y + at * s.element_bytes;
    const std::byte* from = updates + static_cast<size_t>(t) * block;
    if (s.add) {
      auto* sums = reinterpret_cast<float*>(to);
      const auto* terms = reinterpret_cast<const float*>(from);
      for (int64_t i = 0; i < s.block; ++i) sums[i] += terms[i];
    } else {
      std::memcpy(to, from, block);
    }
  }
  return {};
}

Result<Bound> scatter_bind(const Problem& p, const std::string&, const std::vector<Tensor>&, const Machine&) {
  VIVACE_ASSIGN(Scatter scatter, job_of(p, scatter_of));
  Bound bound;
  bound.run = [scatter = std::move(scatter), node = p.node](const Launch& launch) {
    return run_scatter(scatter, *node, launch);
  };
  return bound;
}

// GatherElements where data and indices differ along the axis only.
struct Pick {
  int64_t outer = 1, size = 0, count = 0, inner = 1;
  int element_bytes = 0;
};

Verdict pick_of(const Problem& p, Pick& pick) {
  const TensorInfo &x = p.inputs[0], &indices = p.inputs[1];
  if (!all_row_major(p)) return no("row-major only");
  const int bits = bits_of(x.type);
  if (x.type == DType::string || (bits != 32 && bits != 64)) return no("elements of 4 or 8 bytes only");
  if (indices.type != DType::i64) return no("indices are not i64");
  const int axis = ops::normalized_axis(p.attributes().integer("axis"), static_cast<int>(x.shape.size()));
  if (axis < 0) return no("the axis is out of range");
  for (size_t d = 0; d < x.shape.size(); ++d)
    if (static_cast<int>(d) != axis && x.shape[d] != indices.shape[d]) return no("indices cover a part of the data");
  const ops::AxisSplit split = ops::split_at(x.shape, axis);
  pick = {split.outer, split.size, indices.shape[static_cast<size_t>(axis)], split.inner, bits / 8};
  return elements(indices.shape) > 0 ? yes() : no("nothing to gather");
}

template <class T>
bool pick_row(const Pick& p, const T* x, const int64_t* indices, T* y) {
  for (int64_t i = 0; i < p.inner; ++i) {
    int64_t index = indices[i];
    if (index < 0) index += p.size;
    if (index < 0 || index >= p.size) return false;
    y[i] = x[index * p.inner + i];
  }
  return true;
}

Result<Bound> pick_bind(const Problem& p, const std::string&, const std::vector<Tensor>&, const Machine&) {
  VIVACE_ASSIGN(const Pick pick, job_of(p, pick_of));
  Bound bound;
  bound.run = [pick, node = p.node](const Launch& launch) {
    const auto* indices = static_cast<const int64_t*>(launch.inputs[1]);
    const int64_t rows = pick.outer * pick.count, per_task = std::max<int64_t>(1, (8 << 10) / pick.inner);
    std::atomic<bool> fits{true};
    const auto rows_of = [&](int64_t task, int) {
      for (int64_t r = task * per_task; r < std::min(rows, (task + 1) * per_task); ++r) {
        const int64_t from = r / pick.count * pick.size * pick.inner, at = r * pick.inner;
        const bool good = pick.element_bytes == 4
                              ? pick_row(pick, static_cast<const uint32_t*>(launch.inputs[0]) + from, indices + at,
                                         static_cast<uint32_t*>(launch.outputs[0]) + at)
                              : pick_row(pick, static_cast<const uint64_t*>(launch.inputs[0]) + from, indices + at,
                                         static_cast<uint64_t*>(launch.outputs[0]) + at);
        if (!good) fits.store(false, std::memory_order_relaxed);
      }
    };
    const int64_t tasks = (rows + per_task - 1) / per_task;
    constexpr int64_t kWorthThreads = 4;
    if (tasks >= kWorthThreads) {
      launch.pool.run(tasks, rows_of);
    } else {
      for (int64_t task = 0; task < tasks; ++task) rows_of(task, 0);
    }
    if (fits) return Status();
    return Status(Code::invalid_argument,
                  node->describe() + ": an index is outside the " + std::to_string(pick.size) + " entries of the axis");
  };
  return bound;
}

}  // namespace

extern const Tactic scatter_tactic{
    .name = "scatter",
    .version = 1,
    .operators = {"ScatterND"},
    .supports = supports_job<scatter_of>,
    .estimate = estimate_bytes<>,
    .bind = scatter_bind,
};
extern const Tactic gather_elements_tactic{
    .name = "gather_elements",
    .version = 1,
    .operators = {"GatherElements"},
    .supports = supports_job<pick_of>,
    .estimate = estimate_bytes<200>,
    .bind = pick_bind,
};

}  // namespace vivace::cpu
