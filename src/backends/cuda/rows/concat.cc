// Concat and Split: one kernel for all parts. Row-major, and channels last where each part begins at a multiple of
// eight channels, both are rows of units as wide as all parts allow (up to 16 bytes) that go to or come from the parts
// in turn. Other channels are moved one by one, eight of the result by a thread.
#include <numeric>

#include "backends/cuda/lower.h"
#include "backends/cuda/rows/move.h"

namespace vivace::cuda {

namespace {

constexpr size_t kMostParts = 64;

struct Part {
  int64_t begin, length, pitch;  // in units of the whole's row; in its own memory
  int index;                     // which input or output of the node
};
struct Parts {
  bool split = false, channels = false;
  int64_t rows = 0, pitch = 0;  // of the whole
  int unit = 0;                 // bytes; for channels that are not aligned: of an element
  bool by_element = false;
  std::vector<Part> list;
};

int64_t eights(int64_t channels) { return tiles(channels, kChannelUnit); }

Verdict parts_of(const Problem& p, Parts& parts) {
  parts.split = p.node->op == "Split";
  const TensorInfo& whole = parts.split ? p.inputs[0] : p.outputs[0];
  const std::vector<TensorInfo>& all = parts.split ? p.outputs : p.inputs;
  if (whole.type == DType::string || bits_of(whole.type) % 8) return no("whole bytes only");
  if (whole.bytes() > INT32_MAX) return no("more than 2^31 bytes");
  const auto rank = static_cast<int>(whole.shape.size());
  const int axis = ops::normalized_axis(p.attributes().integer("axis"), rank);
  if (axis < 0) return no("no axis");
  parts.channels = whole.channel_block != 0;
  const int bytes = bits_of(whole.type) / 8;
  if (parts.channels && (axis != 1 || (bytes != 2 && bytes != 4) || whole.channel_block % kChannelUnit))
    return no("channels last are concatenated and split by channels of 16 or 32 bits");
  const int64_t inner = parts.channels ? 1 : elements(std::span(whole.shape).subspan(static_cast<size_t>(axis) + 1));
  int64_t begin = 0, unit = 16;
  for (size_t i = 0; i < all.size(); ++i) {
    if (!all[i].present()) return no("a part is left out");
    if (!all[i].channel_block == parts.channels || all[i].channel_block % kChannelUnit)
      return no("the parts are laid out differently");
    const int64_t length = all[i].shape[static_cast<size_t>(axis)] * inner;
    const bool used = !parts.split || !p.node->output(i)->unused();
    if (used && length > 0)
      parts.list.push_back({begin, length, parts.channels ? all[i].channel_block : length, static_cast<int>(i)});
    if (parts.channels && length % kChannelUnit && i + 1 < all.size()) parts.by_element = true;
    unit = std::gcd(unit, length * bytes);
    begin += length;
  }
  if (parts.list.size() > kMostParts) return no("more than 64 parts");
  if (parts.list.empty()) return yes();
  parts.rows = elements(whole.shape) / begin;
  parts.pitch = parts.channels ? whole.channel_block : begin;
  parts.unit = parts.by_element ? bytes : parts.channels ? 16 : static_cast<int>(unit);
  if (parts.by_element) return yes();
  const int64_t per_unit = parts.unit / bytes;
  parts.pitch /= per_unit;
  for (Part& part : parts.list) {
    part.begin /= per_unit;
    if (parts.channels) part.length = eights(part.length) * kChannelUnit;
    part.length /= per_unit;
    part.pitch /= per_unit;
  }
  return yes();
}

Verdict supports(const Problem& p, const Device&) {
  Parts parts;
  return parts_of(p, parts);
}

std::string text(int64_t number) { return std::to_string(number); }

// `if (begin <= u < end) { body }` for one part after the other.
std::string branch(int64_t begin, int64_t end, const std::string& body) {
  return "  if (u >= " + text(begin) + " && u < " + text(end) + ") {\n    " + body + "\n  }\n";
}

// A unit of the whole's rows a thread; u counts them in a row.
std::string by_unit(const Parts& parts, Source& source, int64_t& units) {
  source.add(parts.unit == 16 ? "using T = uint4;\n" : "using T = " + std::string(unsigned_name(parts.unit)) + ";\n");
  source.constant("kPitch", parts.pitch);
  std::string moves;
  for (const Part& part : parts.list) {
    const int64_t end = part.begin + part.length;
    const std::string own = "p" + text(part.index) + "[row * " + text(part.pitch) + " + u - " + text(part.begin) + "]";
    const std::string whole = "whole[row * kPitch + u]";
    moves += branch(part.begin, end, (parts.split ? own + " = " + whole : whole + " = " + own) + ";");
    units = std::max(units, end);
  }
  return moves;
}

// Eight channels of the result a thread: of the whole, or of one of the parts, whose vectors u counts through.
std::string by_element(const Parts& parts, Source& source, int64_t& units) {
  source.add(eight_of(parts.unit));
  source.constant("kPitch", parts.pitch);
  std::string moves;
  if (parts.split) {
    for (const Part& part : parts.list) {
      const int64_t vectors = eights(part.length);
      moves += branch(units, units + vectors,
                      "const int c = (u - " + text(units) +
                          ") * 8;\n    Eight v;\n"
                          "    for (int j = 0; j < 8; ++j) v.v[j] = c + j < " +
                          text(part.length) + " ? whole[row * kPitch + " + text(part.begin) +
                          " + c + j] : T{0};\n    ((Eight*)p" + text(part.index) + ")[row * " + text(part.pitch / 8) +
                          " + u - " + text(units) + "] = v;");
      units += vectors;
    }
    return moves;
  }
  moves = "  Eight v;\n  for (int j = 0; j < 8; ++j) {\n    const int c = u * 8 + j;\n    T e{0};\n";
  int64_t end = 0;
  for (const Part& part : parts.list) {
    end = part.begin + part.length;
    moves += "    if (c >= " + text(part.begin) + " && c < " + text(end) + ") e = p" + text(part.index) + "[row * " +
             text(part.pitch) + " + c - " + text(part.begin) + "];\n";
  }
  units = eights(end);
  return moves + "    v.v[j] = e;\n  }\n  ((Eight*)whole)[row * (kPitch / 8) + u] = v;\n";
}

Result<Job> generate(const Problem& p, const std::string&, const Device&) {
  VIVACE_ASSIGN(const Parts parts, supported<parts_of>(p));
  if (parts.list.empty() || parts.rows == 0) return Job();
  Source source;
  source.add(prelude());
  int64_t units = 0;
  const std::string moves = (parts.by_element ? by_element : by_unit)(parts, source, units);
  source.constant("kUnits", units).constant("kThreads", parts.rows * units);
  std::string parameters = parts.split ? "const T* __restrict__ whole" : "T* __restrict__ whole";
  for (const Part& part : parts.list)
    parameters += std::string(parts.split ? ", T*" : ", const T*") + " __restrict__ p" + text(part.index);
  source.add("extern \"C\" __global__ void __launch_bounds__(256) concat(" + parameters +
             ") {\n  begin();\n  const int i = blockIdx.x * 256 + threadIdx.x;\n  if (i >= kThreads) return;\n"
             "  const long long row = i / kUnits;\n  const int u = i % kUnits;\n" +
             moves + "}\n");
  Launch launch;
  launch.name = "concat";
  launch.source = source.text();
  launch.waits = true;
  launch.grid[0] = blocks_for(parts.rows * units, launch.block);
  launch.arguments = {parts.split ? input(0) : output()};
  for (const Part& part : parts.list) launch.arguments.push_back(parts.split ? output(part.index) : input(part.index));
  return job_of_one(std::move(launch));
}

}  // namespace

extern const Tactic concat_tactic{
    .name = "cuda_concat",
    .version = 2,
    .operators = {"Concat", "Split"},
    .supports = supports,
    .estimate = estimate_bytes,
    .generate = generate,
};

}  // namespace vivace::cuda
