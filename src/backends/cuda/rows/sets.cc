#include "backends/cuda/rows/sets.h"

#include <algorithm>

#include "backends/cuda/source.h"

namespace vivace::cuda {

std::string Dims::offset(const std::string& i) const { return strided_offset(i, sizes, strides); }

Sets sets_of(const Shape& shape, const std::vector<bool>& reduced, int width) {
  Sets sets;
  int64_t stride = 1;
  bool before = false;
  for (size_t i = shape.size(); i-- > 0; stride *= shape[i]) {
    if (shape[i] == 1) continue;
    Dims& dims = reduced[i] ? sets.reduced : sets.kept;
    if (stride == 1) sets.columns = !reduced[i];
    if (stride != 1 && before == reduced[i]) {
      dims.sizes.front() *= shape[i];
    } else {
      dims.sizes.insert(dims.sizes.begin(), shape[i]);
      dims.strides.insert(dims.strides.begin(), stride);
    }
    before = reduced[i];
  }
  sets.width = width;
  const Dims& inner = sets.columns ? sets.kept : sets.reduced;
  while (inner.sizes.empty() ? sets.width > 1 : inner.sizes.back() % sets.width != 0) sets.width /= 2;
  return sets;
}

int64_t power_above(int64_t n) {
  int64_t power = 1;
  while (power < n) power *= 2;
  return power;
}

ColumnThreads column_threads(int64_t groups, int64_t size, int64_t bytes_of_group) {
  const int64_t least = std::max<int64_t>(1, 32 / bytes_of_group);
  int64_t columns = std::min<int64_t>(32, power_above(groups));
  while (columns > least && groups / columns < kFillingBlocks) columns /= 2;
  const int64_t most = groups / columns < kFillingBlocks / 2 ? 1024 : 256;  // few blocks have more rows each
  return {static_cast<int>(columns), static_cast<int>(std::clamp<int64_t>(columns * power_above(size), 32, most))};
}

}  // namespace vivace::cuda
