// Pad, Slice, DepthToSpace and SpaceToDepth of images with channels last: a thread for eight channels of a pixel of the
// result, which it finds as eight channels of a pixel of the input, or one by one.
#include "backends/cuda/lower.h"
#include "backends/cuda/rows/move.h"

namespace vivace::cuda {

namespace {

struct MoveLast {
  std::string source;     // text of int source(n, h, w, c): an element of the input, or -1 for the padding
  bool together = false;  // eight channels are eight neighbours of the input
  bool value = false;     // what is padded with comes from input 2
};

std::string text(int64_t number) { return std::to_string(number); }

// Where index `name` of an axis padded by `lead` reads, as Pad's mode says.
std::string padded_index(const std::string& mode, const std::string& name, int64_t lead, int64_t size) {
  const std::string n = text(size), period = text(2 * (size - 1));
  const std::string moved = "  " + name + " -= " + text(lead) + ";\n  ";
  if (mode == "edge") return moved + name + " = min(max(" + name + ", 0), " + n + " - 1);\n";
  if (mode == "wrap") return moved + name + " = (" + name + " % " + n + " + " + n + ") % " + n + ";\n";
  if (mode == "reflect" && size == 1) return "  " + name + " = 0;\n";
  if (mode == "reflect")
    return moved + name + " = (" + name + " % " + period + " + " + period + ") % " + period + ";\n  if (" + name +
           " >= " + n + ") " + name + " = " + period + " - " + name + ";\n";
  return moved + "if (" + name + " < 0 || " + name + " >= " + n + ") return -1;\n";
}

Verdict pad_of(const Problem& p, MoveLast& move) {
  for (const size_t i : {size_t{1}, size_t{3}})
    if (p.has(i) && !p.inputs[i].constant) return no("how it pads is known only while running");
  const Shape& x = p.inputs[0].shape;
  const std::string mode = p.attributes().text("mode", "constant");
  const std::vector<int64_t> pads = to_int64(*p.inputs[1].constant);
  constexpr const char* kNames[] = {"n", "c", "h", "w"};
  move.together = true;
  for (size_t i = 0; i < pads.size() / 2; ++i) {
    const int64_t named = p.has(3) ? to_int64(*p.inputs[3].constant)[i] : static_cast<int64_t>(i);
    const auto axis = static_cast<size_t>(ops::normalized_axis(named, 4));
    if (pads[i] == 0 && pads[i + pads.size() / 2] == 0) continue;
    if (x[axis] == 0) return no("there is nothing to pad with");
    move.source += padded_index(mode, kNames[axis], pads[i], x[axis]);
    move.together = move.together && axis != 1;
  }
  move.value = mode == "constant" && p.has(2);
  if (move.value && p.inputs[2].type != p.inputs[0].type) return no("a value of another type");
  // Lanes past the last channel are zeros, whatever the others are filled with.
  if (move.value && p.outputs[0].shape[1] % kChannelUnit) move.together = false;
  return yes();
}

Verdict slice_of(const Problem& p, MoveLast& move) {
  Problem plain = p;
  plain.inputs[0].channel_block = plain.outputs[0].channel_block = 0;
  std::vector<cpu::StridedCopy> copies;
  if (Verdict verdict = cpu::strided_copies(plain, copies); !verdict) return verdict;
  if (copies[0].dims != p.outputs[0].shape) return no("dimensions merged");
  const Shape &x = p.inputs[0].shape, strides = strides_of(x);
  constexpr const char* kNames[] = {"n", "c", "h", "w"};
  int64_t begin = copies[0].begin;
  for (size_t d = 0; d < 4; ++d) {
    const int64_t first = begin / strides[d], step = copies[0].from[d] / strides[d];
    begin %= strides[d];
    move.source += std::string("  ") + kNames[d] + " = " + text(first) + " + " + kNames[d] + " * " + text(step) + ";\n";
    if (d == 1) move.together = first == 0 && (step == 1 || x[1] == 1) && x[1] == p.outputs[0].shape[1];
  }
  return yes();
}

Verdict block_of(const Problem& p, MoveLast& move) {
  const std::string block = text(p.attributes().integer("blocksize"));
  const int64_t in = p.inputs[0].shape[1], out = p.outputs[0].shape[1];
  if (p.node->op == "SpaceToDepth") {
    move.source = "  const int place = c / " + text(in) + ";\n  c %= " + text(in) + ";\n  h = h * " + block +
                  " + place / " + block + ";\n  w = w * " + block + " + place % " + block + ";\n";
    move.together = in % kChannelUnit == 0;
    return yes();
  }
  const std::string place = "(h % " + block + " * " + block + " + w % " + block + ")";
  const bool depth_first = p.attributes().text("mode", "DCR") == "DCR";
  move.source = (depth_first ? "  c += " + place + " * " + text(out) + ";\n"
                             : "  c = c * " + block + " * " + block + " + " + place + ";\n") +
                "  h /= " + block + ";\n  w /= " + block + ";\n";
  move.together = (depth_first && out % kChannelUnit == 0) || block == "1";
  return yes();
}

Verdict move_of(const Problem& p, MoveLast& move) {
  const TensorInfo &x = p.inputs[0], &y = p.outputs[0];
  if (!x.channel_block || !y.channel_block) return no("channels last only");
  for (const TensorInfo* t : {&x, &y}) {
    if (t->shape.size() != 4 || element_bytes(*t) != 2 || t->channel_block % kChannelUnit)
      return no("channels last are of 16 bits, in pixels of a multiple of 8");
    if (t->bytes() > INT32_MAX) return no("more than 2^31 bytes");
  }
  if (elements(x.shape) == 0 || elements(y.shape) == 0) return no("nothing to move");
  if (p.node->op == "Pad") return pad_of(p, move);
  return p.node->op == "Slice" ? slice_of(p, move) : block_of(p, move);
}

constexpr const char* kMove = R"(
  begin();
  const int i = blockIdx.x * 256 + threadIdx.x;
  if (i >= kThreads) return;
  const int c = i % kVectors * 8, pixel = i / kVectors, w = pixel % kOutW, h = pixel / kOutW % kOutH;
  const int n = pixel / (kOutW * kOutH);
  Eight made;
  if (kTogether) {
    const int from = source(n, h, w, c);
    for (int j = 0; j < 8; ++j) made.v[j] = PADDING;
    if (from >= 0) made = ((const Eight*)x)[from / 8];
  } else {
    for (int j = 0; j < 8; ++j) {
      const int from = c + j < kChannels ? source(n, h, w, c + j) : 0;
      made.v[j] = c + j >= kChannels ? T{0} : from >= 0 ? x[from] : PADDING;
    }
  }
  ((Eight*)y)[((long long)pixel * kPitch + c) / 8] = made;
}
)";

Result<Job> generate(const Problem& p, const std::string&, const Device&) {
  VIVACE_ASSIGN(const MoveLast move, supported<move_of>(p));
  const TensorInfo &x = p.inputs[0], &y = p.outputs[0];
  const int64_t vectors = tiles(y.shape[1], kChannelUnit), count = y.shape[0] * y.shape[2] * y.shape[3] * vectors;
  Source s;
  s.add(prelude()).add("using T = unsigned short;\nusing Eight = Vector<T, 8>;\n");
  s.constant("kInH", x.shape[2]).constant("kInW", x.shape[3]).constant("kInPitch", x.channel_block);
  s.constant("kOutH", y.shape[2]).constant("kOutW", y.shape[3]).constant("kPitch", y.channel_block);
  s.constant("kChannels", y.shape[1]).constant("kVectors", vectors).constant("kThreads", count);
  s.constant("kTogether", move.together);
  s.add(std::string("#define PADDING ") + (move.value ? "*value" : "T{0}") + "\n");
  s.add("__device__ __forceinline__ int source(int n, int h, int w, int c) {\n" + move.source +
        "  return ((n * kInH + h) * kInW + w) * kInPitch + c;\n}\n");
  s.add("extern \"C\" __global__ void __launch_bounds__(256) move(const T* __restrict__ x, T* __restrict__ y" +
        std::string(move.value ? ", const T* __restrict__ value" : "") + ") {");
  Launch launch;
  launch.name = "move";
  launch.waits = true;
  launch.source = s.add(kMove).text();
  launch.grid[0] = blocks_for(count, launch.block);
  launch.arguments = {input(0), output()};
  if (move.value) launch.arguments.push_back(input(2));
  return job_of_one(std::move(launch));
}

}  // namespace

extern const Tactic move_last_tactic{
    .name = "cuda_move_last",
    .version = 1,
    .operators = {"Slice", "Pad", "DepthToSpace", "SpaceToDepth"},
    .supports = supports_job<MoveLast, move_of>,
    .estimate = estimate_bytes,
    .generate = generate,
};

}  // namespace vivace::cuda
