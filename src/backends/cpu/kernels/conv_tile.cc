#include "backends/cpu/kernels/conv_tile.h"

#include <utility>

namespace vivace::cpu::VIVACE_ISA {

namespace {
struct Row {
  TileFunction rows[tile_rows(1)];
};
template <int NB, int S, bool kHalf, int... R>
constexpr Row tiles_of(std::integer_sequence<int, R...>) {
  return {{conv_tile<R + 1, NB, S, kHalf>...}};
}
template <int NB, int S, bool kHalf>
constexpr Row kTiles = tiles_of<NB, S, kHalf && kHalves>(std::make_integer_sequence<int, tile_rows(NB)>{});

template <int S>
const Row& row_of(int blocks, bool half) {
  if (half) return blocks == 1 ? kTiles<1, S, true> : kTiles<2, S, true>;
  return blocks == 1 ? kTiles<1, S, false> : kTiles<2, S, false>;
}
}  // namespace

TileFunction conv_tile_function(int rows, int blocks, bool half, int stride) {
  return (stride == 2 ? row_of<2>(blocks, half) : row_of<1>(blocks, half)).rows[rows - 1];
}

}  // namespace vivace::cpu::VIVACE_ISA
