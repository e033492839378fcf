// The vendor's libraries beside our rows, in reports.
#include <fmt/format.h>

#include "builder/report.h"

namespace vivace::builder {

namespace {

constexpr double kEqual = 1.02;  // what two measurements of one kernel may differ by

}  // namespace

std::string_view winner(const Comparison& comparison) {
  if (!comparison.compared()) return "ours";
  const double ratio = comparison.vendor.seconds / comparison.ours.seconds;
  return ratio > kEqual ? "ours" : ratio < 1 / kEqual ? "vendor" : "equal";
}

ComparisonTotals totals(const Report& report) {
  ComparisonTotals sums;
  for (const LayerReport& layer : report.layers) {
    if (!layer.comparison) continue;
    const Comparison& c = *layer.comparison;
    if (!c.compared()) {
      ++sums.refused;
      continue;
    }
    ++(winner(c) == "ours" ? sums.ours : winner(c) == "vendor" ? sums.vendor : sums.equal);
    sums.our_seconds += c.ours.seconds;
    sums.vendor_seconds += c.vendor.seconds;
  }
  return sums;
}

std::string summary(const ComparisonTotals& t) {
  std::string text = fmt::format(
      "ours are faster in {} layers, the vendor's in {}, equal within 2 % in {}; in all {:.1f} us beside {:.1f} us",
      t.ours, t.vendor, t.equal, t.our_seconds * 1e6, t.vendor_seconds * 1e6);
  if (t.our_seconds > 0) text += fmt::format(" ({:.2f}x)", t.vendor_seconds / t.our_seconds);
  if (t.refused > 0) text += fmt::format("; {} layers the vendor's libraries do not run", t.refused);
  return text;
}

}  // namespace vivace::builder
