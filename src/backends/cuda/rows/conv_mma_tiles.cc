#include <algorithm>
#include <cmath>
#include <cstdio>

#include "backends/cuda/rows/conv_mma.h"

namespace vivace::cuda {

namespace {

int64_t in_channels(const ImageConv& c) { return c.in_blocks() * 8 * c.units(); }
int64_t out_channels(const ImageConv& c) { return c.out_blocks() * 8; }
int64_t pixels(const ImageConv& c) { return c.batch * c.out_h * c.out_w; }
int64_t chunks_of(int64_t depth) { return (depth + ConvTile::kChunk - 1) / ConvTile::kChunk; }

constexpr struct {
  int m, n, warps_m, warps_n, warps_k;
  bool warp_groups = false;
} kShapes[] = {
    {16, 16, 1, 1, 4},          {16, 16, 1, 1, 8},         {16, 32, 1, 1, 4},          {16, 32, 1, 2, 2},
    {16, 64, 1, 2, 2},          {16, 64, 1, 2, 4},         {16, 64, 1, 4, 1},          {16, 128, 1, 4, 1},
    {32, 16, 1, 1, 4},          {32, 16, 1, 1, 8},         {32, 32, 1, 1, 4},          {32, 32, 1, 1, 8},
    {32, 32, 1, 2, 2},          {32, 32, 2, 2, 1},         {32, 64, 1, 2, 2},          {32, 64, 1, 2, 4},
    {32, 64, 1, 2, 8},          {32, 64, 2, 2, 1},         {64, 16, 2, 1, 2},          {64, 16, 4, 1, 1},
    {64, 32, 2, 1, 2},          {64, 32, 2, 1, 4},         {64, 32, 2, 1, 8},          {64, 32, 2, 2, 1},
    {64, 64, 2, 2, 1},          {64, 64, 2, 2, 2},         {64, 64, 2, 2, 4},          {112, 32, 1, 2, 2},
    {112, 64, 1, 2, 2},         {112, 64, 1, 4, 2},        {128, 16, 4, 1, 1},         {128, 32, 4, 1, 1},
    {128, 32, 4, 1, 2},         {128, 64, 4, 2, 1},        {64, 128, 2, 4, 1},         {128, 128, 4, 2, 1},
    {256, 64, 4, 2, 1},         {128, 256, 2, 4, 1},       {64, 16, 4, 1, 2, true},    {64, 32, 4, 1, 1, true},
    {64, 32, 4, 1, 2, true},    {64, 32, 4, 1, 4, true},   {64, 64, 4, 1, 1, true},    {64, 64, 4, 1, 2, true},
    {64, 64, 4, 1, 4, true},    {64, 96, 4, 1, 1, true},   {64, 128, 4, 1, 1, true},   {64, 128, 4, 1, 2, true},
    {64, 256, 4, 1, 1, true},   {128, 32, 8, 1, 1, true},  {128, 64, 8, 1, 1, true},   {128, 64, 8, 1, 2, true},
    {128, 96, 8, 1, 1, true},   {128, 128, 8, 1, 1, true}, {128, 192, 8, 1, 1, true},  {128, 256, 8, 1, 1, true},
    {192, 128, 12, 1, 1, true}, {256, 64, 16, 1, 1, true}, {256, 128, 16, 1, 1, true},
};

constexpr int kClusters[] = {1, 2, 4, 8, 16};

// Shapes of at most m pixels that waste few of the image's and of the tile's.
std::vector<std::pair<int, int>> patches(const ImageConv& c, int m) {
  std::vector<std::pair<int, int>> all;
  for (const int64_t parts : {1, 2, 3, 4, 5, 6, 7, 8, 14, 16, 28}) {
    const int64_t w = (c.out_w + parts - 1) / parts;
    if (w > m || (parts > 1 && w < 7)) continue;
    const int64_t h = std::min(c.out_h, m / w);
    const auto covered = static_cast<double>(tiles(c.out_h, h) * tiles(c.out_w, w) * int64_t{m});
    if (static_cast<double>(c.out_h * c.out_w) < 0.7 * covered) continue;
    all.emplace_back(static_cast<int>(h), static_cast<int>(w));
  }
  return all;
}

}  // namespace

std::string ConvTile::text() const {
  char made[96];
  std::snprintf(made, sizeof(made), "%dx%d warps %dx%dx%d cluster %d group %d stages %d", m, n, warps_m, warps_n,
                warps_k, cluster, group, stages);
  std::string all = made;
  if (tile_h) all += " patch " + std::to_string(tile_h) + "x" + std::to_string(tile_w);
  return all + (warp_groups ? " warp groups" : "");
}

bool ConvTile::parse(const std::string& text, ConvTile& t) {
  t.warp_groups = text.ends_with(" warp groups");
  if (std::sscanf(text.c_str(), "%dx%d warps %dx%dx%d cluster %d group %d stages %d", &t.m, &t.n, &t.warps_m,
                  &t.warps_n, &t.warps_k, &t.cluster, &t.group, &t.stages) != 8)
    return false;
  const bool known = std::any_of(std::begin(kShapes), std::end(kShapes), [&](const auto& s) {
    return s.m == t.m && s.n == t.n && s.warps_m == t.warps_m && s.warps_n == t.warps_n && s.warps_k == t.warps_k &&
           s.warp_groups == t.warp_groups;
  });
  constexpr int kMostGroup = 1 << 16, kMostStages = 16;
  if (!known || t.group < 1 || t.group > kMostGroup || t.stages < 1 || t.stages > kMostStages ||
      std::find(std::begin(kClusters), std::end(kClusters), t.cluster) == std::end(kClusters))
    return false;
  const size_t at = text.find(" patch ");
  if (at == std::string::npos) return true;
  return std::sscanf(text.c_str() + at, " patch %dx%d", &t.tile_h, &t.tile_w) == 2 && t.tile_h > 0 && t.tile_w > 0 &&
         int64_t{t.tile_h} * t.tile_w <= t.m;
}

int64_t ConvTile::chunks(const ImageConv& c) const {
  return chunks_of(patch() ? in_channels(c) : c.taps() * in_channels(c));
}

int64_t ConvTile::steps(const ImageConv& c) const {
  const int64_t share = (chunks(c) + cluster - 1) / cluster;
  return (share + group - 1) / group;
}

int ConvTile::ahead(const ImageConv& c) const {
  if (patch() && warp_groups) return stages;
  return once(c) ? stages : stages - (warp_groups ? 2 : 1);
}

int64_t ConvTile::image_rows(const ImageConv& c) const {
  if (!patch()) return m;
  const int64_t h = (tile_h - 1) * c.stride_h + (c.kernel_h - 1) * c.dilation_h + 1;
  const int64_t w = (tile_w - 1) * c.stride_w + (c.kernel_w - 1) * c.dilation_w + 1;
  return (h * w + 7) / 8 * 8;
}

int64_t ConvTile::ring_at() const {
  // A cluster's sums of the tile's 16-byte items, each block's share rounded up.
  const int64_t items = m * n / 8, own = (items + cluster - 1) / cluster;
  return (received_at() + (cluster > 1 ? own * cluster * 32 : 0) + 1023) / 1024 * 1024;
}

int64_t ConvTile::factors_at(const ImageConv& c) const {
  // By warp groups a patch comes with a ring of single taps.
  const int64_t ring = patch() && warp_groups ? (2 * image_rows(c) + int64_t{stages} * n) * 128
                                              : stages * group * (image_rows(c) + weight_rows(c)) * 128;
  return ring_at() + std::max(ring, int64_t{warps_k} * m * (n + 4) * 4);
}

int64_t ConvTile::shared_bytes(const ImageConv& c) const {
  constexpr int64_t kFactors = 2 * kChunk * 2;  // bytes of a chunk's
  return factors_at(c) + (c.prologue ? (chunks(c) + cluster - 1) / cluster * kFactors : 0);
}

int64_t ConvTile::tiles_m(const ImageConv& c) const {
  return patch() ? c.batch * tiles(c.out_h, tile_h) * tiles(c.out_w, tile_w) : tiles(pixels(c), m);
}

bool ConvTile::fits(const ImageConv& c, const Device& device) const {
  return shared_bytes(c) <= static_cast<int64_t>(device.shared_bytes) && (cluster == 1 || device.major >= 9) &&
         (!warp_groups || device.major == 9) && (!patch() || !warp_groups || warps_k == 1) &&
         (!patch() || (group == 1 && !c.prologue)) && chunks(c) >= cluster && tiles_m(c) <= 65535 && ahead(c) > 0;
}

int ConvTile::beside(const ImageConv& c, const Device& device) const {
  // A thread's sums and addresses, without which a product of warp groups does not compile, and fragments of two taps.
  constexpr int kRegisters = 65536, kOthers = 26, kFragments = 32;
  const bool has_room = shared_bytes(c) * 2 < static_cast<int64_t>(device.shared_bytes) && threads() <= 512;
  const int each = kRegisters / (2 * threads()) / 8 * 8;
  const int needed =
      m * n * warps_k / threads() + kOthers + (warp_groups && (patch() || c.units() > 1) ? kFragments : 0);
  return has_room && needed <= each ? 2 : 1;
}

int64_t ConvTile::blocks(const ImageConv& c) const { return tiles_m(c) * tiles(out_channels(c), n) * cluster; }

// Cycles of a block, fitted to 5,485 measured tiles of 25 layers on an H100: the best of a layer is among the first
// sixteen by this estimate within some 5%. A block loads its share at a part of L2's speed, multiplies at the speed of
// its warps or of the multiprocessor's tensor cores, adds up and stores; blocks run in waves, as many beside each other
// as shared memory and threads let.
double ConvTile::estimate(const ImageConv& c, const Device& device) const {
  constexpr double kImageBytes = 34.5, kWeightBytes = 51.4;  // a cycle, of a multiprocessor
  constexpr double kWarpPart = 8.1, kWarpLoad = 5.5;         // of a product of 16 x 8 x 16, of its operands
  constexpr double kWarps = 1202, kGroups = 2151;            // products a cycle
  constexpr double kGroupStart = 1.2, kGroupColumn = 0.135;
  constexpr double kPatch = 1.5;  // addresses of their rows are worked out
  constexpr double kPatchGroups = 844, kPatchGroupStart = 145, kPatchGroupColumn = 0.87, kPairOfTaps = 60;
  constexpr double kStep = 154, kStore = 5.6, kPart = 4.2, kCluster = 1189, kBlockOfCluster = 40, kPush = 22.4;
  constexpr double kStart = 3112, kWave = 1300, kLoadsAtOnce = 0.62, kLeftOver = 0.23, kClock = 1.755e9;
  const bool by_pairs = patch() && warp_groups;
  const double warps = warps_m * warps_n * warps_k, tile = m * n;
  const auto beside =
      static_cast<double>(std::clamp<int64_t>(static_cast<int64_t>(device.shared_bytes) / shared_bytes(c), 1,
                                              std::max<int64_t>(1, std::min(16, static_cast<int>(64 / warps)))));
  const double each = std::ceil(static_cast<double>(blocks(c)) / device.multiprocessors);
  const double waves = std::ceil(each / beside), together = std::min(each, beside);
  const int64_t of_block = (chunks(c) + cluster - 1) / cluster;
  const auto share = static_cast<double>(of_block);
  const double multiplied = share * static_cast<double>(patch() ? c.kernel_h * c.kernel_w : 1);  // of products
  const double loads =
      together * share * 128 *
      (static_cast<double>(image_rows(c)) / kImageBytes + static_cast<double>(weight_rows(c)) / kWeightBytes);
  const double rate = by_pairs ? kPatchGroups : warp_groups ? kGroups : kWarps;
  const double all = together * multiplied * kChunk * tile / rate;
  const double rows = static_cast<double>(m) / warps_m / 16, columns = static_cast<double>(n) / warps_n;
  const double part = by_pairs      ? (kPatchGroupStart + n * kPatchGroupColumn) / 4
                      : warp_groups ? kGroupStart + n * kGroupColumn
                                    : rows * columns / 8 * kWarpPart + (rows + columns / 16) * kWarpLoad;
  const double one = multiplied * 4 / warps_k * part;
  const double products = std::max(all, one) * (patch() && !warp_groups ? kPatch : 1);
  const double starts = by_pairs ? multiplied / 2 * kPairOfTaps : static_cast<double>(steps(c)) * kStep;
  const double sums = tile / threads() * (kStore / cluster + kPart * warps_k);
  const double meeting = cluster > 1 ? kCluster + kBlockOfCluster * cluster + tile / threads() * kPush : 0;
  const double work = once(c) && !by_pairs ? loads * kLoadsAtOnce + products
                                           : std::max(loads, products) + kLeftOver * std::min(loads, products);
  return (kStart + waves * (work + starts + sums + meeting) + (waves - 1) * kWave) / kClock;
}

std::vector<ConvTile> tiles_for(const ImageConv& c, const Device& device) {
  std::vector<std::pair<double, ConvTile>> all;
  const auto add = [&](const ConvTile& t) { all.emplace_back(t.estimate(c, device), t); };
  const bool sees_patches = c.kernel_h * c.kernel_w > 1;
  for (const auto& shape : kShapes) {
    if (shape.n > 16 && shape.n >= 2 * out_channels(c)) continue;
    if (shape.m > 16 && shape.m >= 2 * pixels(c)) continue;
    for (const int cluster : kClusters) {
      ConvTile t{shape.m, shape.n, shape.warps_m, shape.warps_n, shape.warps_k, cluster, 1, 1, shape.warp_groups};
      if (cluster > 1 && t.blocks(c) > 3 * device.multiprocessors) continue;
      const int64_t share = (t.chunks(c) + cluster - 1) / cluster;
      if (cluster > 1 && share * 2 < t.warps_k) continue;
      // Everything at once where it fits, in up to four steps; a ring otherwise.
      t.group = static_cast<int>((share + 3) / 4);
      t.stages = std::max(2, static_cast<int>((share + t.group - 1) / t.group));
      if (t.fits(c, device)) add(t);
      for (const auto& [group, stages] : {std::pair{1, 4}, {2, 3}, {1, 6}, {2, 4}}) {
        t.group = group, t.stages = stages;
        if (t.steps(c) > stages && t.fits(c, device)) add(t);
      }
      if (!sees_patches || (shape.warp_groups && shape.warps_k > 1)) continue;
      t.group = 1;
      for (const auto& [h, w] : patches(c, shape.m)) {
        t.tile_h = h, t.tile_w = w;
        for (const int stages : {1, 2, 3, 4, 6, 8}) {
          // As many stages as there are steps, or a ring of fewer; of an even number of taps.
          t.stages = stages;
          if (shape.warp_groups ? stages < 4 || stages % 2 : stages > t.steps(c) || (stages == 1 && t.steps(c) > 1))
            continue;
          if (t.fits(c, device)) add(t);
        }
      }
    }
  }
  std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  constexpr size_t kMost = 256;
  std::vector<ConvTile> best;
  for (size_t i = 0; i < all.size() && i < kMost; ++i) best.push_back(all[i].second);
  return best;
}

}  // namespace vivace::cuda
