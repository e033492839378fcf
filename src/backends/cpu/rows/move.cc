// Transpositions, slices, splits, broadcasts, repetitions, gathers: data moved, nothing computed.
#include "backends/cpu/kernels/move.h"

#include <cstring>

#include "backends/cpu/move_plan.h"
#include "backends/cpu/pointwise_plan.h"
#include "backends/cpu/rows/jobs.h"

namespace vivace::cpu {

namespace {

int element_bytes(const Problem& p) { return bits_of(p.inputs[0].type) % 8 ? 0 : bits_of(p.inputs[0].type) / 8; }

Verdict slice(const Problem& p, std::vector<StridedCopy>& copies) {
  const Shape& in = p.inputs[0].shape;
  Shape strides = strides_of(in);
  for (size_t i = 1; i < p.inputs.size(); ++i)
    if (p.has(i) && !p.inputs[i].constant) return no("where it begins is known only while running");
  const std::vector<int64_t> starts = to_int64(*p.inputs[1].constant);
  int64_t begin = 0;
  for (size_t i = 0; i < starts.size(); ++i) {
    const int64_t named = p.has(3) ? to_int64(*p.inputs[3].constant)[i] : static_cast<int64_t>(i);
    const int64_t step = p.has(4) ? to_int64(*p.inputs[4].constant)[i] : 1;
    const auto axis = static_cast<size_t>(ops::normalized_axis(named, static_cast<int>(in.size())));
    const int64_t size = in[axis], start = starts[i] < 0 ? starts[i] + size : starts[i];
    begin += std::clamp<int64_t>(start, 0, step > 0 ? size : std::max<int64_t>(size - 1, 0)) * strides[axis];
    strides[axis] *= step;
  }
  copies.push_back({p.outputs[0].shape, strides, begin});
  return yes();
}

}  // namespace

Verdict strided_copies(const Problem& p, std::vector<StridedCopy>& copies) {
  if (element_bytes(p) == 0 || p.inputs[0].type == DType::string) return no("whole bytes only");
  if (!all_row_major(p)) return no("row-major only");
  const Shape& in = p.inputs[0].shape;
  const Shape strides = strides_of(in);
  const std::string& op = p.node->op;
  if (op == "Slice") return slice(p, copies);
  if (op == "Expand") {
    copies.push_back({p.outputs[0].shape, broadcast_strides(in, p.outputs[0].shape), 0});
    return yes();
  }
  if (op == "Transpose") {
    std::vector<int64_t> order = p.attributes().integers("perm");
    if (order.empty())
      for (size_t i = in.size(); i-- > 0;) order.push_back(static_cast<int64_t>(i));
    Shape from;
    for (const int64_t axis : order) from.push_back(strides[static_cast<size_t>(axis)]);
    copies.push_back({p.outputs[0].shape, from, 0});
    return yes();
  }
  if (op == "Tile") {
    if (!p.inputs[1].constant) return no("the repeats are known only while running");
    const std::vector<int64_t> repeats = to_int64(*p.inputs[1].constant);
    StridedCopy tile;
    for (size_t d = 0; d < in.size(); ++d) {
      tile.dims.insert(tile.dims.end(), {repeats[d], in[d]});
      tile.from.insert(tile.from.end(), {0, strides[d]});
    }
    copies.push_back(std::move(tile));
    return yes();
  }
  if (op == "DepthToSpace" || op == "SpaceToDepth") {
    const int64_t block = p.attributes().integer("blocksize"), width = in[3], plane = in[2] * width;
    const Shape& out = p.outputs[0].shape;
    if (op == "SpaceToDepth") {
      copies.push_back(
          {{in[0], block, block, in[1], out[2], out[3]}, {in[1] * plane, width, 1, plane, block * width, block}, 0});
      return yes();
    }
    const bool depth_first = p.attributes().text("mode", "DCR") == "DCR";
    const int64_t step = depth_first ? out[1] * plane : plane, channel = depth_first ? plane : block * block * plane;
    copies.push_back(
        {{in[0], out[1], in[2], block, width, block}, {in[1] * plane, channel, width, block * step, 1, step}, 0});
    return yes();
  }
  const auto axis =
      static_cast<size_t>(ops::normalized_axis(p.attributes().integer("axis"), static_cast<int>(in.size())));
  int64_t begin = 0;
  for (const TensorInfo& part : p.outputs) {  // Split
    copies.push_back({part.shape, strides, begin * strides[axis]});
    begin += part.shape[axis];
  }
  return yes();
}

namespace {

// A strided copy from input 0 to each output.
struct Copies {
  std::vector<CopyPlan> plans;
  std::vector<int64_t> begins;  // elements of the input before each
};

Verdict copies_of(const Problem& p, Copies& copies) {
  std::vector<StridedCopy> parts;
  if (const Verdict verdict = strided_copies(p, parts); !verdict) return verdict;
  for (const StridedCopy& part : parts) {
    Result<CopyPlan> plan = plan_copy(part.dims, part.from, strides_of(part.dims), element_bytes(p));
    if (!plan.ok()) return no(plan.status().message());
    copies.plans.push_back(*plan);
    copies.begins.push_back(part.begin);
  }
  return yes();
}

Result<Bound> copy_bind(const Problem& p, const std::string&, const std::vector<Tensor>&, const Machine& machine) {
  VIVACE_ASSIGN(Copies made, job_of(p, copies_of));
  const auto copies = std::make_shared<const Copies>(std::move(made));
  Bound bound;
  bound.run = [copies, run = move_kernels(machine.isa).copy, bytes = element_bytes(p)](const Launch& launch) {
    for (size_t i = 0; i < copies->plans.size(); ++i)
      if (launch.outputs[i])
        run(copies->plans[i], static_cast<const std::byte*>(launch.inputs[0]) + copies->begins[i] * bytes,
            launch.outputs[i], launch.pool);
    return Status();
  };
  return bound;
}

Verdict gather_supports(const Problem& p, const Machine&) {
  if (element_bytes(p) == 0 || p.inputs[0].type == DType::string) return no("whole bytes only");
  if (p.inputs[1].type != DType::i64 && p.inputs[1].type != DType::i32) return no("indices are neither i32 nor i64");
  if (!all_row_major(p)) return no("row-major only");
  return yes();
}

Result<Bound> gather_bind(const Problem& p, const std::string&, const std::vector<Tensor>&, const Machine& machine) {
  const Shape& in = p.inputs[0].shape;
  const ops::AxisSplit split =
      ops::split_at(in, ops::normalized_axis(p.attributes().integer("axis"), static_cast<int>(in.size())));
  Bound bound;
  bound.run = [split, run = move_kernels(machine.isa).gather, index_bytes = bits_of(p.inputs[1].type) / 8,
               node = p.node, count = elements(p.inputs[1].shape),
               row = split.inner * element_bytes(p)](const Launch& launch) {
    if (run(launch.inputs[0], launch.inputs[1], index_bytes, launch.outputs[0], split.outer, split.size, count, row,
            launch.pool))
      return Status();
    return Status(Code::invalid_argument, node->describe() + ": an index is outside the " + std::to_string(split.size) +
                                              " entries of the axis");
  };
  return bound;
}

}  // namespace

extern const Tactic copy_tactic{
    .name = "copy",
    .version = 1,
    .operators = {"Transpose", "Slice", "Split", "Expand", "Tile", "DepthToSpace", "SpaceToDepth"},
    .supports = supports_job<copies_of>,
    .estimate = estimate_bytes<200>,
    .bind = copy_bind,
};
extern const Tactic gather_tactic{
    .name = "gather",
    .version = 1,
    .operators = {"Gather"},
    .supports = gather_supports,
    .estimate = estimate_bytes<200>,
    .bind = gather_bind,
};

}  // namespace vivace::cpu
