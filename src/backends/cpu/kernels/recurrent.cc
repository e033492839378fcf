// A block is a vector of hidden units: the weights of all its gates lie together, [depth][gate][unit], so that the
// gates' sums meet in registers and the cell follows at once. A step is one stage of such blocks (two where a GRU
// resets before its product); every thread has the same blocks in all steps, whose weights stay in its cache as far as
// they fit.
#include "backends/cpu/kernels/recurrent.h"

#include <utility>

#include "backends/cpu/kernels/launch.h"
#include "backends/cpu/kernels/simd_math.h"
#include "base/stages.h"

namespace vivace::cpu::VIVACE_ISA {

namespace {

constexpr double kFlopsPerNs = 50, kBytesPerNs = 30;  // for the choice of threads only
constexpr double kWorthThread = 1000;                 // ns of a stage
constexpr int64_t kLines = 64 / sizeof(float);        // floats of a line of the cache
constexpr int64_t kBlockTiles = 4;                    // of rows, in one block

// Rows of a tile of G gates: the sums fill three quarters of the registers.
template <int G>
constexpr int kTileRows = G == 1 ? 8 : (kLanes == 16 ? 24 : 12) / G;

// sums[row][gate][unit] = h times a block of weights, which the processor prefetches best by itself.
template <int R, int G>
void multiply(const float* h, int64_t h_row, const float* w, int64_t depth, float* sums) {
  // Where rows are few, several sums for each result hide the latency of additions.
  constexpr int kChains = R * G >= 8 ? 1 : R * G >= 3 ? 2 : R * G == 2 ? 4 : 8;
  Vec sum[kChains][R][G];
#pragma GCC unroll 8
  for (int c = 0; c < kChains; ++c)
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
      for (int g = 0; g < G; ++g) sum[c][r][g] = Vec{};
  const auto step = [&](Vec(&to)[R][G], int64_t k) __attribute__((always_inline)) {
    Vec weight[G];
#pragma GCC unroll 4
    for (int g = 0; g < G; ++g) weight[g] = load(w + (k * G + g) * kLanes);
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      const Vec x = splat(h[r * h_row + k]);
#pragma GCC unroll 4
      for (int g = 0; g < G; ++g) to[r][g] += x * weight[g];
    }
  };
  int64_t k = 0;
  for (; k + kChains <= depth; k += kChains)
#pragma GCC unroll 8
    for (int c = 0; c < kChains; ++c) step(sum[c], k + c);
  for (; k < depth; ++k) step(sum[0], k);
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
    for (int g = 0; g < G; ++g) {
      Vec all = sum[0][r][g];
#pragma GCC unroll 8
      for (int c = 1; c < kChains; ++c) all += sum[c][r][g];
      store(sums + (r * G + g) * kLanes, all);
    }
}

template <int G, class Rows>
struct MultiplyTable;
template <int G, int... R>
struct MultiplyTable<G, std::integer_sequence<int, R...>> {
  static constexpr void (*rows[])(const float*, int64_t, const float*, int64_t, float*) = {multiply<R + 1, G>...};
};
template <int G>
using Multiply = MultiplyTable<G, std::make_integer_sequence<int, kTileRows<G>>>;

// Gates whose sums one stage of a cell makes; a reset before the product needs a second stage.
constexpr int stages_of(RecurrentCell cell) { return cell == RecurrentCell::gru_reset ? 2 : 1; }
constexpr int stage_gates(RecurrentCell cell, int stage) {
  return cell == RecurrentCell::gru_reset ? 2 - stage : gates_of(cell);
}

int64_t unit_blocks(int64_t hidden) { return ceil_div(hidden, kLanes); }
int64_t packed_gates(int64_t hidden, int gates) { return unit_blocks(hidden) * hidden * gates * kLanes; }
int64_t packed_size(RecurrentCell cell, int64_t hidden) { return packed_gates(hidden, gates_of(cell)); }

void pack(RecurrentCell cell, const float* r, int64_t hidden, float* packed) {
  for (int stage = 0; stage < stages_of(cell); ++stage) {
    const int gates = stage_gates(cell, stage);
    for (int64_t first = 0; first < hidden; first += kLanes)
      for (int64_t k = 0; k < hidden; ++k)
        for (int g = 0; g < gates; ++g, packed += kLanes)
          for (int64_t i = 0; i < kLanes; ++i)
            packed[i] = first + i < hidden ? r[(g * hidden + first + i) * hidden + k] : 0;
    r += gates * hidden * hidden;
  }
}

// What one direction keeps from step to step. Floats from the start.
struct Room {
  int64_t h[2], c, z, reset, size;
};
Room room_of(const RecurrentProblem& p) {
  Room room{};
  const auto take = [&](bool need) {
    return std::exchange(room.size, room.size + (need ? round_up(p.batch * p.hidden, kLines) : 0));
  };
  room.h[0] = take(true), room.h[1] = take(true);
  room.c = take(p.cell == RecurrentCell::lstm);
  room.z = take(p.cell == RecurrentCell::gru_reset);
  room.reset = take(p.cell == RecurrentCell::gru_reset);
  return room;
}
int64_t scratch_size(const RecurrentProblem& p) { return p.directions * room_of(p).size; }

// One step of one direction.
struct Step {
  const float* gates;  // of the first row and gate
  int64_t gates_row;
  const float *before, *bias, *peephole;  // h', and what RecurrentData has for this direction
  float *h, *c, *z, *reset;
  int64_t hidden;
};

// The cell of `lanes` units from `unit` on, of one row; sums: the state's share of the gates of this stage.
template <RecurrentCell kCell, int kStage>
void cell(const Step& s, int64_t row, int64_t unit, int lanes, const float* sums) {
  const int64_t at = row * s.hidden + unit;
  const auto input = [&](int g) { return load_first(s.gates + row * s.gates_row + g * s.hidden + unit, lanes); };
  const auto state = [&](int g) { return load(sums + g * kLanes); };
  const auto gate = [&](int g) { return input(g) + state(g); };
  const auto before = [&] { return load_first(s.before + at, lanes); };
  const auto update = [&](Vec z, Vec n) { store_first(s.h + at, (1.f - z) * n + z * before(), lanes); };
  if constexpr (kCell == RecurrentCell::lstm) {
    const auto peep = [&](int g, Vec c) {
      return s.peephole ? load_first(s.peephole + g * s.hidden + unit, lanes) * c : Vec{};
    };
    const Vec was = load_first(s.c + at, lanes);
    const Vec in = sigmoid(gate(0) + peep(0, was)), forget = sigmoid(gate(2) + peep(2, was));
    const Vec c = forget * was + in * tanh(gate(3));
    store_first(s.c + at, c, lanes);
    store_first(s.h + at, sigmoid(gate(1) + peep(1, c)) * tanh(c), lanes);
  } else if constexpr (kCell == RecurrentCell::gru) {
    const Vec share = s.bias ? state(2) + load_first(s.bias + unit, lanes) : state(2);
    update(sigmoid(gate(0)), tanh(input(2) + sigmoid(gate(1)) * share));
  } else if constexpr (kCell == RecurrentCell::gru_reset && kStage == 0) {
    store_first(s.z + at, sigmoid(gate(0)), lanes);
    store_first(s.reset + at, sigmoid(gate(1)) * before(), lanes);
  } else if constexpr (kCell == RecurrentCell::gru_reset) {
    update(load_first(s.z + at, lanes), tanh(input(2) + state(0)));
  } else {
    constexpr Activation kActivation = kCell == RecurrentCell::relu ? Activation::relu : Activation::tanh;
    store_first(s.h + at, activate<kActivation>(gate(0), 0, 0), lanes);
  }
}

// One block of units for some rows.
template <RecurrentCell kCell, int kStage>
void block(const Step& s, const float* weights, int64_t index, int64_t row, int64_t rows) {
  constexpr int G = stage_gates(kCell, kStage);
  alignas(64) float sums[kTileRows<G> * G * kLanes];
  const int64_t unit = index * kLanes, size = s.hidden * G * kLanes, tiles = ceil_div(rows, kTileRows<G>);
  const int lanes = static_cast<int>(smaller<int64_t>(kLanes, s.hidden - unit));
  const float *w = weights + index * size, *h = kStage ? s.reset : s.before;
  for (int64_t t = 0; t < tiles; ++t) {
    const auto [first, count] = part(rows, tiles, t);
    Multiply<G>::rows[count - 1](h + (row + first) * s.hidden, s.hidden, w, s.hidden, sums);
    for (int64_t r = 0; r < count; ++r) cell<kCell, kStage>(s, row + first + r, unit, lanes, sums + r * G * kLanes);
  }
}

template <RecurrentCell kCell>
void run_cell(const RecurrentProblem& p, const RecurrentData& data, ThreadPool& pool) {
  constexpr int kGates = gates_of(kCell), kStages = stages_of(kCell);
  const Room room = room_of(p);
  const int64_t state = p.batch * p.hidden, packed = packed_size(kCell, p.hidden);
  const auto memory = [&](int64_t d) { return data.scratch + d * room.size; };
  const auto cells = [&](int64_t d) { return data.last_c ? data.last_c + d * state : memory(d) + room.c; };
  const auto start = [&](float* to, const float* from, int64_t d) {
    for (int64_t i = 0; i < state; ++i) to[i] = from ? from[d * state + i] : 0;
  };
  for (int64_t d = 0; d < p.directions; ++d) {
    start(memory(d) + room.h[1], data.h, d);
    if (kCell == RecurrentCell::lstm) start(cells(d), data.c, d);
  }
  const auto time_of = [&](int64_t d, int64_t i) {
    return (p.directions == 2 ? d == 1 : p.first_reversed) ? p.steps - 1 - i : i;
  };
  const auto h_after = [&](int64_t d, int64_t i) {
    return data.y && i >= 0 ? data.y + (time_of(d, i) * p.directions + d) * state : memory(d) + room.h[i & 1];
  };

  const int64_t tiles = ceil_div(p.batch, kTileRows<stage_gates(kCell, 0)>), groups = ceil_div(tiles, kBlockTiles);
  const Stages work{
      .lines = p.directions, .stages = p.steps * kStages, .blocks = unit_blocks(p.hidden) * groups, .period = kStages};
  const double size = static_cast<double>(p.hidden) * p.hidden * kGates / kStages;
  const double time = p.directions * larger(size * p.batch * 2 / kFlopsPerNs, size * 4 / kBytesPerNs);
  const int threads = static_cast<int>(smaller(64., 1 + time / kWorthThread));
  run_stages(pool, threads, work, [&](int64_t d, int64_t stage, int64_t index) {
    const int64_t i = stage / kStages;
    const Step s{.gates = data.gates + (time_of(d, i) * p.batch * p.directions + d) * kGates * p.hidden,
                 .gates_row = p.directions * kGates * p.hidden,
                 .before = h_after(d, i - 1),
                 .bias = data.state_bias ? data.state_bias + d * p.hidden : nullptr,
                 .peephole = data.peephole ? data.peephole + d * 3 * p.hidden : nullptr,
                 .h = h_after(d, i),
                 .c = cells(d),
                 .z = memory(d) + room.z,
                 .reset = memory(d) + room.reset,
                 .hidden = p.hidden};
    const auto [row, rows] = part(p.batch, groups, index % groups);
    const float* weights = data.weights + d * packed;
    if (kStages == 1 || stage % kStages == 0)
      block<kCell, 0>(s, weights, index / groups, row, rows);
    else
      block<kCell, kStages - 1>(s, weights + packed_gates(p.hidden, stage_gates(kCell, 0)), index / groups, row, rows);
  });
  for (int64_t d = 0; data.last_h && d < p.directions; ++d)
    std::memcpy(data.last_h + d * state, h_after(d, p.steps - 1), static_cast<size_t>(state) * sizeof(float));
}

void run(const RecurrentProblem& p, const RecurrentData& data, ThreadPool& pool) {
  switch (p.cell) {
    case RecurrentCell::lstm: return run_cell<RecurrentCell::lstm>(p, data, pool);
    case RecurrentCell::gru: return run_cell<RecurrentCell::gru>(p, data, pool);
    case RecurrentCell::gru_reset: return run_cell<RecurrentCell::gru_reset>(p, data, pool);
    case RecurrentCell::tanh: return run_cell<RecurrentCell::tanh>(p, data, pool);
    case RecurrentCell::relu: return run_cell<RecurrentCell::relu>(p, data, pool);
  }
}

}  // namespace

const RecurrentKernels& recurrent_kernels() {
  static constexpr RecurrentKernels table{
      .packed_size = packed_size, .pack = pack, .scratch_size = scratch_size, .run = run};
  return table;
}

}  // namespace vivace::cpu::VIVACE_ISA
