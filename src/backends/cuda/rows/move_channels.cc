// vivace.MoveChannels with channels last: eight channels of an output's pixel a thread, gathered one by one.
#include "backends/cuda/lower.h"
#include "backends/cuda/rows/move.h"

namespace vivace::cuda {

namespace {

Verdict supports(const Problem& p, const Device&) {
  for (const std::vector<TensorInfo>* all : {&p.inputs, &p.outputs})
    for (const TensorInfo& t : *all) {
      if (!t.channel_block || t.channel_block % kChannelUnit || (element_bytes(t) != 2 && element_bytes(t) != 4))
        return no("channels last of 16 or 32 bits only");
      if (t.bytes() > INT32_MAX) return no("more than 2^31 bytes");
    }
  return yes();
}

std::string text(int64_t number) { return std::to_string(number); }

// Where channel c of the outputs comes from, as an expression: a shuffle between groups, or a table.
std::string source_of(const std::vector<int64_t>& from, Source& source) {
  const auto all = static_cast<int64_t>(from.size());
  const int64_t each = all > 1 ? from[1] : 0, groups = each > 0 ? all / each : 0;
  bool is_shuffle = groups > 0;
  for (int64_t c = 0; c < all && is_shuffle; ++c)
    is_shuffle = from[static_cast<size_t>(c)] == c % groups * each + c / groups;
  if (is_shuffle) return "c % " + text(groups) + " * " + text(each) + " + c / " + text(groups);
  source.array("kFrom", from);
  return "kFrom[c]";
}

Result<Job> generate(const Problem& p, const std::string&, const Device&) {
  const Shape& first = p.inputs[0].shape;
  const int64_t pixels = first[0] * elements(std::span(first).subspan(2));
  Source source;
  source.add(prelude()).add(eight_of(element_bytes(p.inputs[0])));
  const std::string from = source_of(p.attributes().integers("from"), source);
  Launch launch;
  std::string parameters, pick, moves;
  int64_t begin = 0;
  for (size_t i = 0; i < p.inputs.size(); ++i) {
    const std::string x = "x" + text(static_cast<int64_t>(i));
    parameters += (i ? ", const T* __restrict__ " : "const T* __restrict__ ") + x;
    const std::string element = x + "[row * " + text(p.inputs[i].channel_block) + " + f - " + text(begin) + "]";
    begin += p.inputs[i].shape[1];
    pick += i + 1 < p.inputs.size() ? "f < " + text(begin) + " ? " + element + " : " : element;
    launch.arguments.push_back(input(static_cast<int>(i)));
  }
  int64_t units = 0;
  begin = 0;
  for (size_t k = 0; k < p.outputs.size(); ++k) {
    const int64_t channels = p.outputs[k].shape[1], vectors = tiles(channels, kChannelUnit);
    if (!p.node->output(k)->unused() && channels > 0) {
      const std::string y = "y" + text(static_cast<int64_t>(k));
      parameters += ", T* __restrict__ " + y;
      launch.arguments.push_back(output(static_cast<int>(k)));
      moves += "  if (u >= " + text(units) + " && u < " + text(units + vectors) +
               ") {\n    Eight v;\n    for (int j = 0; j < 8; ++j) {\n      const int own = (u - " + text(units) +
               ") * 8 + j;\n      v.v[j] = own < " + text(channels) + " ? moved(own + " + text(begin) +
               ") : T{0};\n    }\n    ((Eight*)" + y + ")[row * " + text(p.outputs[k].channel_block / kChannelUnit) +
               " + u - " + text(units) + "] = v;\n  }\n";
      units += vectors;
    }
    begin += channels;
  }
  if (units * pixels == 0) return Job();
  source.constant("kUnits", units).constant("kThreads", units * pixels);
  source.add("extern \"C\" __global__ void __launch_bounds__(256) move_channels(" + parameters +
             ") {\n  begin();\n  const int i = blockIdx.x * 256 + threadIdx.x;\n  if (i >= kThreads) return;\n"
             "  const long long row = i / kUnits;\n  const int u = i % kUnits;\n"
             "  const auto moved = [&](int c) {\n    const int f = " +
             from + ";\n    return " + pick + ";\n  };\n" + moves + "}\n");
  launch.name = "move_channels";
  launch.source = source.text();
  launch.waits = true;
  launch.grid[0] = blocks_for(units * pixels, launch.block);
  return job_of_one(std::move(launch));
}

}  // namespace

extern const Tactic move_channels_tactic{
    .name = "cuda_move_channels",
    .version = 1,
    .operators = {"vivace.MoveChannels"},
    .supports = supports,
    .estimate = estimate_bytes,
    .generate = generate,
};

}  // namespace vivace::cuda
