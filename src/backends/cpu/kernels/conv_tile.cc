#include "backends/cpu/kernels/conv_tile.h"

#include <utility>

namespace vivace::cpu::VIVACE_ISA {

namespace {
struct Row {
  TileFunction rows[tile_rows(1)];
};
template <int NB, int S, int... R>
constexpr Row tiles_of(std::integer_sequence<int, R...>) {
  return {{conv_tile<R + 1, NB, S>...}};
}
template <int NB, int S>
constexpr Row kTiles = tiles_of<NB, S>(std::make_integer_sequence<int, tile_rows(NB)>{});
}  // namespace

TileFunction conv_tile_function(int rows, int blocks, int stride) {
  const Row& row = stride == 2 ? (blocks == 1 ? kTiles<1, 2> : kTiles<2, 2>) : (blocks == 1 ? kTiles<1, 1> : kTiles<2, 1>);
  return row.rows[rows - 1];
}

}  // namespace vivace::cpu::VIVACE_ISA
