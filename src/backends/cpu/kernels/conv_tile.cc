#include "backends/cpu/kernels/conv_tile.h"

#include <utility>

namespace vivace::cpu::VIVACE_ISA {

namespace {
struct Row {
  TileFunction rows[kTileRows];
};
template <int NB, int S, int... R>
constexpr Row tiles_of(std::integer_sequence<int, R...>) {
  return {{conv_tile<R + 1, NB, S>...}};
}
using Rows = std::make_integer_sequence<int, kTileRows>;
constexpr Row kTiles[2][kTileBlocks] = {{tiles_of<1, 1>(Rows{}), tiles_of<2, 1>(Rows{})},
                                        {tiles_of<1, 2>(Rows{}), tiles_of<2, 2>(Rows{})}};
}  // namespace

TileFunction conv_tile_function(int rows, int blocks, int stride) {
  return kTiles[stride == 2][blocks - 1].rows[rows - 1];
}

}  // namespace vivace::cpu::VIVACE_ISA
