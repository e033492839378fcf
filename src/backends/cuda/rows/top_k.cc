// TopK: elements as items whose order is total (the value, then its place), sorted in shared memory.
//
// A line that fits is sorted at once. A longer one is cut into chunks, of which each keeps its first k: where k is
// small the chunks' choices are lines of a next round, else sorted runs are merged, each element finding its rank by
// itself.
#include "backends/cuda/rows/elementwise.h"
#include "backends/cuda/rows/sets.h"

namespace vivace::cuda {

namespace {

// One kernel. Of each line it reads `size` items and writes, of each of `parts` parts, the first `kept` in order.
struct Round {
  bool merges = false;  // its input is `runs` runs of `pitch` sorted items
  int64_t size = 0, chunk = 0, parts = 1, kept = 0, groups = 1, runs = 0, pitch = 0;
};
struct Selection {
  ops::AxisSplit split{};
  int64_t k = 0, item_bytes = 8;
  std::vector<Round> rounds;
};

bool is_wide(DType type) { return bits_of(type) == 64; }

Round sorting(int64_t lines, int64_t size, int64_t k, int64_t item_bytes) {
  constexpr int64_t kMostBytes = 32 << 10, kSeveral = 256;
  const int64_t most = kMostBytes / item_bytes;
  Round round;
  round.size = size;
  round.chunk = size <= most ? power_above(size) : most / 2;
  round.parts = tiles(size, round.chunk);
  round.kept = std::min(k, round.chunk);
  if (round.parts == 1) round.groups = std::max<int64_t>(1, kSeveral / round.chunk);
  while (round.groups > 1 && lines / round.groups < kFillingBlocks) round.groups /= 2;
  return round;
}

Verdict selection_of(const Problem& p, Selection& s) {
  const TensorInfo &x = p.inputs[0], &y = p.outputs[0];
  if ((!is_float(x.type) && !is_integer(x.type)) || !type_name(x.type) || x.channel_block || y.channel_block)
    return no("row-major numbers only");
  if (elements(x.shape) > kMostElements / 8) return no("more than 2^28 elements");
  const int axis = ops::normalized_axis(p.attributes().integer("axis", -1), static_cast<int>(x.shape.size()));
  if (axis < 0) return no("the axis is out of range");
  s.split = ops::split_at(x.shape, axis);
  s.k = y.shape[static_cast<size_t>(axis)];
  if (s.k > s.split.size) return no("more elements are asked for than there are");
  s.item_bytes = is_wide(x.type) ? 16 : 8;
  if (elements(y.shape) == 0) return yes();
  constexpr int64_t kWorthwhile = 4;  // by so much a further round of sorting shortens a line
  const int64_t lines = s.split.outer * s.split.inner;
  Round round = sorting(lines, s.split.size, s.k, s.item_bytes);
  for (; round.parts > 1 && round.kept * kWorthwhile <= round.chunk;
       round = sorting(lines, round.parts * round.kept, s.k, s.item_bytes))
    s.rounds.push_back(round);
  s.rounds.push_back(round);
  while (round.parts > 1) {
    Round next{.merges = true, .runs = round.parts, .pitch = round.kept};
    next.parts = (round.parts + 1) / 2;
    next.kept = std::min(s.k, 2 * round.kept);
    s.rounds.push_back(round = next);
  }
  return yes();
}

// Ascending keys are the order asked for: NaN is above every number, zeros are equal.
std::string item_text(DType type, bool largest, bool wide) {
  std::string bits = wide ? "(Key)v" : "(Key)(int)v";
  const std::string sign = wide ? "0x8000000000000000ull" : "0x80000000u";
  if (is_float(type)) {
    bits = wide ? "(Key)__double_as_longlong(v + 0.0)" : "__float_as_uint(wide(v) + 0.0f)";
    bits = "wide(v) != wide(v) ? ~Key(0) : " + bits + " & " + sign + " ? ~" + bits + " : " + bits + " | " + sign;
  } else if (type_name(type)[0] != 'u') {
    bits += " ^ " + sign;
  } else if (!wide) {
    bits = "(Key)v";
  }
  const std::string key = std::string("using Key = ") + (wide ? "unsigned long long" : "unsigned") +
                          ";\n__device__ __forceinline__ Key key_of(X v) {\n  const Key key = " + bits +
                          ";\n  return " + (largest ? "~" : "") + "key;\n}\n";
  return key + (wide ? R"(struct alignas(16) Item { Key key; int at; };
__device__ __forceinline__ Item item_of(Key key, int at) { return {key, at}; }
__device__ __forceinline__ Item none() { return {~0ull, 0x7fffffff}; }
__device__ __forceinline__ int place_of(Item item) { return item.at; }
__device__ __forceinline__ bool before(Item a, Item b) { return a.key == b.key ? a.at < b.at : a.key < b.key; }
)"
                     : R"(using Item = unsigned long long;
__device__ __forceinline__ Item item_of(Key key, int at) { return (Item)key << 32 | (unsigned)at; }
__device__ __forceinline__ Item none() { return ~0ull; }
__device__ __forceinline__ int place_of(Item item) { return (int)(unsigned)item; }
__device__ __forceinline__ bool before(Item a, Item b) { return a < b; }
)");
}

constexpr const char* kCommon = R"(
__device__ __forceinline__ int start_of(int line, int size) {
  return line / kInner * size * kInner + line % kInner;
}
// Item `rank` of a set's first ones, which are a part of a line.
__device__ __forceinline__ void give(const X* x, X* values, long long* places, Item* to, int set, int rank, Item item) {
  if (kLast) {
    const int at = place_of(item), there = start_of(set, kKept) + rank * kInner;
    values[there] = x[start_of(set, kLine) + at * kInner];
    if (kPlaces) places[there] = at;
  } else {
    to[(long long)set * kKept + rank] = item;
  }
}
)";

// A block sorts kGroups sets, by a network whose last stages all rise (Batcher 1968). Pairs that are up to a warp's
// threads apart lie in the 64 items that one warp has in hand, so that it waits for nobody else.
constexpr const char* kSort = R"(
extern "C" __global__ void __launch_bounds__(kThreads) top_k(const X* x, const Item* from, Item* to, X* values,
    long long* places) {
  __shared__ Item items[kItems];
  begin();
  const int first = blockIdx.x * kGroups;
  // Neighbours in memory are of one set, or of as many sets.
  for (int i = threadIdx.x; i < kItems; i += kThreads) {
    const int group = kInner > 1 ? i % kGroups : i / kChunk, at = kInner > 1 ? i / kGroups : i % kChunk;
    const int line = (first + group) / kParts, in_line = (first + group) % kParts * kChunk + at;
    Item item = none();
    if (line < kLines && in_line < kSize)
      item = kFirst ? item_of(key_of(x[start_of(line, kLine) + in_line * kInner]), in_line)
                    : from[(long long)line * kSize + in_line];
    items[group * kChunk + at] = item;
  }
  __syncthreads();
  for (int size = 2; size <= kChunk; size *= 2)
    for (int step = size / 2; step > 0; step /= 2) {
      for (int i = threadIdx.x; i < kItems / 2; i += kThreads) {
        const int low = i / step * step * 2 + i % step;
        const bool falls = size < kChunk && (low & size) != 0;
        const Item a = items[low], b = items[low + step];
        if (before(b, a) != falls) {
          items[low] = b;
          items[low + step] = a;
        }
      }
      if (step > 32 || (step == 1 && size > 32)) __syncthreads();
      else __syncwarp();
    }
  __syncthreads();
  for (int i = threadIdx.x; i < kGroups * kKept; i += kThreads) {
    const int group = kInner > 1 ? i % kGroups : i / kKept, rank = kInner > 1 ? i / kGroups : i % kKept;
    if (first + group < kLines * kParts)
      give(x, values, places, to, first + group, rank, items[group * kChunk + rank]);
  }
}
)";

// Two runs make one; the last may lack a partner.
constexpr const char* kMerge = R"(
extern "C" __global__ void __launch_bounds__(256) top_k(const X* x, const Item* from, Item* to, X* values,
    long long* places) {
  begin();
  const int i = blockIdx.x * 256 + threadIdx.x;
  if (i >= kItems) return;
  const int at = i % kPitch, run = i / kPitch % (2 * kParts), line = i / kPitch / (2 * kParts);
  const Item* const runs = from + (long long)line * kRuns * kPitch;
  Item item = none();
  int low = 0, high = (run ^ 1) < kRuns ? kPitch : 0;
  if (run < kRuns) {
    item = runs[run * kPitch + at];
    // How many of the other run go before it; of equal ones those of the first run do.
    const Item* const other = runs + (run ^ 1) * kPitch;
    while (low < high) {
      const int middle = (low + high) / 2;
      if (run % 2 ? !before(item, other[middle]) : before(other[middle], item)) low = middle + 1;
      else high = middle;
    }
  } else {
    low = kPitch;
  }
  if (at + low < kKept) give(x, values, places, to, line * kParts + run / 2, at + low, item);
}
)";

Result<Job> generate(const Problem& p, const std::string&, const Device&) {
  VIVACE_ASSIGN(const Selection s, supported<selection_of>(p));
  const DType type = p.inputs[0].type;
  const bool places = p.outputs.size() > 1 && p.outputs[1].present() && !p.node->output(1)->unused();
  const int64_t lines = s.split.outer * s.split.inner;
  size_t room[2] = {0, 0};  // rounds write into one and read from the other
  for (size_t i = 0; i + 1 < s.rounds.size(); ++i) {
    const Round& round = s.rounds[i];
    room[i % 2] = std::max(room[i % 2], static_cast<size_t>(lines * round.parts * round.kept * s.item_bytes));
  }
  const Argument rooms[] = {workspace(), workspace((room[0] + 15) / 16 * 16)};
  Job job;
  job.workspace = rooms[1].offset + room[1];
  for (size_t i = 0; i < s.rounds.size(); ++i) {
    const Round& round = s.rounds[i];
    const bool last = i + 1 == s.rounds.size();
    const int64_t items = round.merges ? lines * 2 * round.parts * round.pitch : round.groups * round.chunk;
    Source source;
    source.add(prelude()).add(element_helpers()).add(std::string("using X = ") + type_name(type) + ";\n");
    source.add(item_text(type, p.attributes().integer("largest", 1) != 0, is_wide(type)));
    source.constant("kLines", lines).constant("kLine", s.split.size).constant("kInner", s.split.inner);
    source.constant("kParts", round.parts).constant("kKept", round.kept).constant("kItems", items);
    source.constant("kLast", last).constant("kPlaces", places);
    Launch launch;
    launch.name = "top_k";
    launch.waits = true;
    if (round.merges) {
      source.constant("kRuns", round.runs).constant("kPitch", round.pitch);
      launch.grid[0] = blocks_for(items, launch.block);
    } else {
      launch.block = static_cast<unsigned>(std::clamp<int64_t>(items / 2, 32, 1024));
      launch.grid[0] = tiles(lines * round.parts, round.groups);
      source.constant("kFirst", i == 0).constant("kSize", round.size).constant("kChunk", round.chunk);
      source.constant("kGroups", round.groups).constant("kThreads", launch.block);
    }
    launch.source = source.add(kCommon).add(round.merges ? kMerge : kSort).text();
    launch.arguments = {input(0), rooms[(i + 1) % 2], rooms[i % 2], output(), output(places ? 1 : 0)};
    job.launches.push_back(std::move(launch));
  }
  return job;
}

}  // namespace

extern const Tactic top_k_tactic{
    .name = "cuda_top_k",
    .version = 2,
    .operators = {"TopK"},
    .supports = supports_job<Selection, selection_of>,
    .estimate = estimate_bytes<300>,
    .generate = generate,
};

}  // namespace vivace::cuda
