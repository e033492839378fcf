// Transpose, Slice, Expand, Tile, Pad, DepthToSpace, SpaceToDepth: each element of the result is one of the input (or
// the padding), found along each axis by itself.
#include "backends/cuda/rows/move.h"

#include <numeric>

namespace vivace::cuda {

const char* unsigned_name(int bytes) {
  switch (bytes) {
    case 1: return "unsigned char";
    case 2: return "unsigned short";
    case 4: return "unsigned";
    case 8: return "unsigned long long";
    case 16: return "uint4";
    default: return nullptr;
  }
}

int element_bytes(const TensorInfo& t) {
  return t.type == DType::string || bits_of(t.type) % 8 ? 0 : bits_of(t.type) / 8;
}

std::string eight_of(int bytes) {
  return "struct alignas(" + std::to_string(bytes) + ") T { " + unsigned_name(bytes) +
         " bits; };\nstruct alignas(16) Eight { T v[8]; };\n";
}

Verdict movable(const TensorInfo& t) {
  if (t.channel_block) return no("row-major only");
  if (!unsigned_name(element_bytes(t))) return no("elements of 1, 2, 4, 8 or 16 bytes only");
  if (elements(t.shape) > INT32_MAX) return no("more than 2^31 elements");
  return yes();
}

Verdict all_movable(const Problem& p) {
  for (const std::vector<TensorInfo>* all : {&p.inputs, &p.outputs})
    for (const TensorInfo& t : *all)
      if (t.present())
        if (Verdict verdict = movable(t); !verdict) return verdict;
  return yes();
}

namespace {

// An axis of the result: index i is `stride` times source(i) into the input.
struct Axis {
  enum class Kind { straight, repeated, constant, edge, reflect, wrap };
  int64_t size, stride;
  Kind kind = Kind::straight;  // source(i): i, or i - lead within `extent` of the input, as Pad's modes say
  int64_t extent = 0, lead = 0;
};
struct Move {
  std::vector<Axis> axes;
  int64_t begin = 0;
  bool pads = false;
};

Verdict pad_of(const Problem& p, Move& move) {
  for (const size_t i : {size_t{1}, size_t{3}})
    if (p.has(i) && !p.inputs[i].constant) return no("how it pads is known only while running");
  const Shape &x = p.inputs[0].shape, &y = p.outputs[0].shape;
  const Shape strides = strides_of(x);
  const std::string mode = p.attributes().text("mode", "constant");
  const Axis::Kind kind = mode == "edge"      ? Axis::Kind::edge
                          : mode == "reflect" ? Axis::Kind::reflect
                          : mode == "wrap"    ? Axis::Kind::wrap
                                              : Axis::Kind::constant;
  for (size_t d = 0; d < x.size(); ++d) move.axes.push_back({y[d], strides[d]});
  const std::vector<int64_t> pads = to_int64(*p.inputs[1].constant);
  for (size_t i = 0; i < pads.size() / 2; ++i) {
    const int64_t named = p.has(3) ? to_int64(*p.inputs[3].constant)[i] : static_cast<int64_t>(i);
    Axis& axis = move.axes[static_cast<size_t>(ops::normalized_axis(named, static_cast<int>(x.size())))];
    if (pads[i] == 0 && pads[i + pads.size() / 2] == 0) continue;
    const size_t d = static_cast<size_t>(&axis - move.axes.data());
    axis = {y[d], strides[d], kind, x[d], pads[i]};
    if (x[d] == 0 && kind != Axis::Kind::constant) return no("there is nothing to pad with");
  }
  move.pads = kind == Axis::Kind::constant;
  return yes();
}

Verdict move_of(const Problem& p, Move& move) {
  if (const Verdict verdict = movable(p.inputs[0]); !verdict) return verdict;
  if (const Verdict verdict = movable(p.outputs[0]); !verdict) return verdict;
  const Shape &x = p.inputs[0].shape, &y = p.outputs[0].shape;
  const std::string& op = p.node->op;
  if (op == "Pad") return pad_of(p, move);
  if (op == "Tile") {
    const Shape strides = strides_of(x);
    for (size_t d = 0; d < x.size(); ++d)
      move.axes.push_back({y[d], strides[d], y[d] == x[d] ? Axis::Kind::straight : Axis::Kind::repeated, x[d]});
    return yes();
  }
  if (op == "DepthToSpace" || op == "SpaceToDepth") {
    const int64_t block = p.attributes().integer("blocksize"), plane = x[2] * x[3], image = x[1] * plane;
    if (op == "SpaceToDepth") {
      move.axes = {{x[0], image}, {block, x[3]}, {block, 1}, {x[1], plane}, {y[2], block * x[3]}, {y[3], block}};
      return yes();
    }
    const bool depth_first = p.attributes().text("mode", "DCR") == "DCR";
    const int64_t step = depth_first ? y[1] * plane : plane;  // between columns of a block
    move.axes = {{x[0], image}, {y[1], depth_first ? plane : block * block * plane},
                 {x[2], x[3]},  {block, block * step},
                 {x[3], 1},     {block, step}};
    return yes();
  }
  std::vector<cpu::StridedCopy> copies;
  if (const Verdict verdict = cpu::strided_copies(p, copies); !verdict) return verdict;
  move.begin = copies[0].begin;
  for (size_t d = 0; d < copies[0].dims.size(); ++d) move.axes.push_back({copies[0].dims[d], copies[0].from[d]});
  return yes();
}

// Neighbours that one stride covers become one axis; those of one element vanish.
void merge(Move& move) {
  std::vector<Axis> merged;
  for (const Axis& axis : move.axes) {
    const bool straight = axis.kind == Axis::Kind::straight;
    if (straight && axis.size == 1) continue;
    if (straight && !merged.empty() && merged.back().kind == Axis::Kind::straight &&
        merged.back().stride == axis.stride * axis.size) {
      merged.back().size *= axis.size;
      merged.back().stride = axis.stride;
    } else {
      merged.push_back(axis);
    }
  }
  move.axes = std::move(merged);
}

// Elements that move together where the last axis is straight: returns their bytes.
int widen(Move& move, int bytes) {
  if (move.axes.empty() || move.axes.back().kind != Axis::Kind::straight || move.axes.back().stride != 1) return bytes;
  int64_t unit = std::gcd(std::gcd(int64_t{16} / bytes, move.axes.back().size), move.begin);
  for (size_t i = 0; i + 1 < move.axes.size(); ++i) unit = std::gcd(unit, move.axes[i].stride);
  if (unit <= 1) return bytes;
  move.begin /= unit;
  for (Axis& axis : move.axes) axis.stride /= unit;
  move.axes.back().size /= unit;
  move.axes.back().stride = 1;
  return bytes * static_cast<int>(unit);
}

std::string text(int64_t number) { return std::to_string(number); }

// One thread per unit of the result.
std::string by_element(const Move& move, Source& source, int64_t& count) {
  std::string body;
  count = 1;
  for (size_t k = move.axes.size(); k-- > 0; count *= move.axes[k].size) {
    const Axis& axis = move.axes[k];
    std::string line =
        "  {\n    int at = i / " + text(count) + " % " + text(axis.size) + " - " + text(axis.lead) + ";\n";
    const std::string n = text(axis.extent), period = text(2 * (axis.extent - 1));
    switch (axis.kind) {
      case Axis::Kind::straight: break;
      case Axis::Kind::repeated: line += "    at %= " + n + ";\n"; break;
      case Axis::Kind::constant: line += "    inside = inside && at >= 0 && at < " + n + ";\n"; break;
      case Axis::Kind::edge: line += "    at = at < 0 ? 0 : at >= " + n + " ? " + n + " - 1 : at;\n"; break;
      case Axis::Kind::wrap: line += "    at = (at % " + n + " + " + n + ") % " + n + ";\n"; break;
      case Axis::Kind::reflect:
        line += axis.extent == 1 ? "    at = 0;\n"
                                 : "    at = (at % " + period + " + " + period + ") % " + period +
                                       ";\n    if (at >= " + n + ") at = " + period + " - at;\n";
        break;
    }
    body += line + "    from += at * " + text(axis.stride) + ";\n  }\n";
  }
  source.constant("kElements", count).constant("kBegin", move.begin);
  return "  const int i = blockIdx.x * 256 + threadIdx.x;\n  if (i >= kElements) return;\n  int from = kBegin;\n"
         "  bool inside = true;\n" +
         body + "  y[i] = inside ? x[from] : PADDING;\n";
}

// The axis whose neighbours are neighbours in the input, where it is not the last and both are long: these two are
// turned through shared memory. -1: there is none.
int turned(const Move& move) {
  if (move.axes.size() < 2 || move.axes.back().size < 8 || move.axes.back().stride == 1) return -1;
  int found = -1;
  for (size_t k = 0; k < move.axes.size(); ++k) {
    if (move.axes[k].kind != Axis::Kind::straight) return -1;
    if (move.axes[k].stride == 1 && move.axes[k].size >= 8) found = static_cast<int>(k);
  }
  return found;
}

constexpr const char* kTurn = R"(
  __shared__ T tile[32][33];
  const int tx = threadIdx.x % 32, ty = threadIdx.x / 32, block = blockIdx.x;
  const int a0 = block % kTilesA * 32, b0 = block / kTilesA % kTilesB * 32, other = block / (kTilesA * kTilesB);
  const T* const from = x + kBegin + (FROM);
  T* const to = y + (TO);
  for (int r = ty; r < 32; r += 8)
    if (a0 + r < kSizeA && b0 + tx < kSizeB) tile[r][tx] = from[(long long)(a0 + r) * kStrideA + b0 + tx];
  __syncthreads();
  for (int r = ty; r < 32; r += 8)
    if (b0 + r < kSizeB && a0 + tx < kSizeA) to[(long long)(b0 + r) * kStrideB + a0 + tx] = tile[tx][r];
)";

std::string by_tiles(const Move& move, size_t turn, Source& source, int64_t& blocks) {
  Shape dims, from, to;
  int64_t stride = 1, stride_b = 1;
  for (size_t k = move.axes.size(); k-- > 0; stride *= move.axes[k].size) {
    if (k == turn) stride_b = stride;
    if (k == turn || k + 1 == move.axes.size()) continue;
    dims.insert(dims.begin(), move.axes[k].size);
    from.insert(from.begin(), move.axes[k].stride);
    to.insert(to.begin(), stride);
  }
  const Axis &a = move.axes.back(), &b = move.axes[turn];
  source.constant("kSizeA", a.size).constant("kStrideA", a.stride).constant("kTilesA", tiles(a.size, 32));
  source.constant("kSizeB", b.size).constant("kStrideB", stride_b).constant("kTilesB", tiles(b.size, 32));
  source.constant("kBegin", move.begin);
  source.add("#define FROM " + strided_offset("other", dims, from) + "\n#define TO " +
             strided_offset("other", dims, to) + "\n");
  blocks = int64_t{tiles(a.size, 32)} * tiles(b.size, 32) * elements(dims);
  return kTurn;
}

Result<Job> generate(const Problem& p, const std::string&, const Device&) {
  VIVACE_ASSIGN(Move move, supported<move_of>(p));
  if (elements(p.outputs[0].shape) == 0) return Job();
  merge(move);
  const bool value = move.pads && p.has(2);
  const int bytes = value ? element_bytes(p.inputs[0]) : widen(move, element_bytes(p.inputs[0]));
  Source source;
  source.add(prelude()).add(std::string("using T = ") + unsigned_name(bytes) + ";\n");
  source.add(std::string("#define PADDING ") + (value ? "*value" : "T{}") + "\n");
  int64_t count = 0;
  const int turn = turned(move);
  const std::string body =
      turn >= 0 ? by_tiles(move, static_cast<size_t>(turn), source, count) : by_element(move, source, count);
  source.add("extern \"C\" __global__ void __launch_bounds__(256) copy(const T* __restrict__ x, T* __restrict__ y" +
             std::string(value ? ", const T* __restrict__ value" : "") + ") {\n  begin();\n" + body + "}\n");
  Launch launch;
  launch.name = "copy";
  launch.source = source.text();
  launch.waits = true;
  launch.grid[0] = turn >= 0 ? static_cast<unsigned>(count) : blocks_for(count, launch.block);
  launch.arguments = {input(0), output()};
  if (value) launch.arguments.push_back(input(2));
  return job_of_one(std::move(launch));
}

}  // namespace

extern const Tactic copy_tactic{
    .name = "cuda_copy",
    .version = 2,
    .operators = {"Transpose", "Slice", "Expand", "Tile", "Pad", "DepthToSpace", "SpaceToDepth"},
    .supports = supports_job<Move, move_of>,
    .estimate = estimate_bytes,
    .generate = generate,
};

}  // namespace vivace::cuda
