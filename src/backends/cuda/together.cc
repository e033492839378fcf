#include "backends/cuda/together.h"

#include <algorithm>
#include <optional>
#include <set>

namespace vivace::cuda {

namespace {

constexpr unsigned kWarp = 32;

Status refused(const std::string& why) { return {Code::unsupported, why}; }

// Up to the parenthesis that closes the one before `from`.
size_t closing(const std::string& text, size_t from) {
  int open = 1;
  for (; from < text.size(); ++from) {
    open += (text[from] == '(') - (text[from] == ')');
    if (open == 0) return from;
  }
  return std::string::npos;
}

// Between commas that stand in no parentheses or brackets.
std::vector<std::string> parts_of(const std::string& text) {
  std::vector<std::string> parts(1);
  int depth = 0;
  for (const char c : text) {
    depth += (c == '(' || c == '<' || c == '[') - (c == ')' || c == '>' || c == ']');
    if (c == ',' && depth == 0)
      parts.emplace_back();
    else
      parts.back() += c;
  }
  return parts;
}

// A kernel's text, taken apart.
struct Text {
  std::string before, after;            // its head
  std::string blocks;                   // of a multiprocessor, as its bounds ask for; empty: they do not
  std::vector<std::string> parameters;  // as they are declared
  std::set<std::string> macros;         // that it defines
};

std::optional<Text> take_apart(const Launch& launch) {
  const std::string head = "extern \"C\" __global__ void __launch_bounds__(", name = " " + launch.name + "(";
  const std::string& text = launch.source;
  const size_t begin = text.find(head);
  if (begin == std::string::npos || text.find("__global__", begin + head.size()) != std::string::npos) return {};
  if (text.find("setmaxnreg") != std::string::npos) return {};  // counts on the registers of its own launch
  const size_t bounds = begin + head.size(), bounds_end = closing(text, bounds);
  if (bounds_end == std::string::npos || text.compare(bounds_end + 1, name.size(), name) != 0) return {};
  const size_t from = bounds_end + 1 + name.size(), to = closing(text, from);
  if (to == std::string::npos) return {};
  Text kernel;
  kernel.before = text.substr(0, begin);
  kernel.after = text.substr(from);
  kernel.parameters = parts_of(text.substr(from, to - from));
  if (kernel.parameters.size() != launch.arguments.size()) return {};
  const std::vector<std::string> limits = parts_of(text.substr(bounds, bounds_end - bounds));
  if (limits.size() > 1) kernel.blocks = limits[1];
  constexpr std::string_view kDefine = "#define ";
  for (size_t at = text.find(kDefine); at != std::string::npos; at = text.find(kDefine, at)) {
    at += kDefine.size();
    kernel.macros.insert(text.substr(at, text.find_first_of(" (\n", at) - at));
  }
  return kernel;
}

constexpr std::string_view kIndices = R"(
struct GridIndex { unsigned x, y, z; };
__device__ __forceinline__ unsigned block() { return blockIdx.x; }
template <unsigned begin, unsigned x, unsigned y> __device__ __forceinline__ GridIndex own_block() {
  const unsigned i = block() - begin;
  return {i % x, i / x % y, i / (x * y)};
}
struct Anything {
  const void* address;
  template <class T> __device__ __forceinline__ operator T*() const { return (T*)address; }
};
)";

std::string list(std::initializer_list<unsigned> numbers) {
  std::string text;
  for (const unsigned n : numbers) text += (text.empty() ? "" : ", ") + std::to_string(n);
  return text;
}

}  // namespace

Result<Launch> together(std::span<const Launch* const> launches) {
  Launch all;
  all.name = "together";
  all.block = 0;
  all.waits = true;
  for (const Launch* launch : launches) {
    if (!launch->waits) return refused("a kernel that cannot start early");
    if (launch->cluster > 1 && all.cluster > 1 && launch->cluster != all.cluster)
      return refused("clusters of different sizes");
    all.cluster = std::max(all.cluster, launch->cluster);
    all.block = std::max(all.block, launch->block);
    all.shared_bytes = std::max(all.shared_bytes, launch->shared_bytes);
  }
  std::string parameters, calls, bounds;
  uint64_t blocks = 0;
  int next = 0;
  all.source = kIndices;
  for (size_t i = 0; i < launches.size(); ++i) {
    const Launch& launch = *launches[i];
    if (launch.block != all.block && launch.block % kWarp) return refused("blocks of parts of warps");
    const std::optional<Text> kernel = take_apart(launch);
    if (!kernel) return refused("a text whose kernel is not found");
    const std::string space = "part" + std::to_string(i);
    const uint64_t own = uint64_t{launch.grid[0]} * launch.grid[1] * launch.grid[2];
    const uint64_t end = blocks + (own + all.cluster - 1) / all.cluster * all.cluster;
    if (end > INT32_MAX) return refused("more blocks than a grid takes");

    const auto begin = static_cast<unsigned>(blocks);
    all.source += "namespace " + space + " {\n#define blockIdx own_block<" +
                  list({begin, launch.grid[0], launch.grid[1]}) + ">()\n#define gridDim GridIndex{" +
                  list({launch.grid[0], launch.grid[1], launch.grid[2]}) + "}\n#define blockDim GridIndex{" +
                  list({launch.block, 1, 1}) + "}\n" + kernel->before +
                  "constexpr int kLeastBlocks = " + (kernel->blocks.empty() ? "1" : kernel->blocks) +
                  ";\n__device__ __forceinline__ void run_part(" + kernel->after + "\n";
    for (const char* name : {"blockIdx", "gridDim", "blockDim"}) all.source += std::string("#undef ") + name + "\n";
    for (const std::string& name : kernel->macros) all.source += "#undef " + name + "\n";
    all.source += "}\n";

    std::string arguments;
    for (const std::string& declared : kernel->parameters) {
      const bool only_read =
          declared.find("const") != std::string::npos && declared.find("__restrict__") != std::string::npos;
      const std::string name = "a" + std::to_string(next++);
      parameters +=
          (parameters.empty() ? "" : ", ") + std::string(only_read ? "const void* __restrict__ " : "void* ") + name;
      arguments += (arguments.empty() ? "" : ", ") + ("Anything{" + name + "}");
    }
    // Blocks that only fill up clusters do nothing.
    std::string when = i + 1 < launches.size() ? "block() < " + std::to_string(end) : "";
    std::string does = space + "::run_part(" + arguments + ")";
    if (launch.block < all.block) does = "if (threadIdx.x < " + std::to_string(launch.block) + ") " + does;
    if (blocks + own < end) does = "if (block() < " + std::to_string(blocks + own) + ") " + does;
    calls +=
        (calls.empty() ? "  " : " else ") + (when.empty() ? "" : "if (" + when + ") ") + "{\n    " + does + ";\n  }";
    bounds = i == 0 ? space + "::kLeastBlocks"
                    : "(" + bounds + " < " + space + "::kLeastBlocks ? " + bounds + " : " + space + "::kLeastBlocks)";
    blocks = end;
  }
  all.grid[0] = static_cast<unsigned>(blocks);
  all.source += "extern \"C\" __global__ void __launch_bounds__(" + std::to_string(all.block) + ", " + bounds + ") " +
                all.name + "(" + parameters + ") {\n" + calls + "\n}\n";
  return all;
}

}  // namespace vivace::cuda
