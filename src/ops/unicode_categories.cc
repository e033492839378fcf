#include "ops/unicode_categories.h"

namespace vivace::ops {

namespace {
struct Run {
  char32_t first;  // up to the next run's
  char category[2];
};
constexpr Run kRuns[] = {
#include "ops/unicode_categories.inc"
};
}  // namespace

std::vector<Regex::Range> ranges_of_category(std::string_view name) {
  std::vector<Regex::Range> ranges;
  for (size_t i = 0; i < std::size(kRuns); ++i) {
    const std::string_view category(kRuns[i].category, 2);
    if (name.empty() || (name != category && name != category.substr(0, 1))) continue;
    const char32_t end = i + 1 < std::size(kRuns) ? kRuns[i + 1].first : 0x110000;
    ranges.push_back({kRuns[i].first, end - 1});
  }
  return ranges;
}

}  // namespace vivace::ops
