#include "ops/patches.h"

namespace vivace::ops {

Result<ir::Dims> window_outputs(const ir::Node& node, const ir::Dims& in_spatial, std::vector<int64_t> kernel,
                                bool ceil_mode) {
  // A window of more taps than this is no network's; it would only keep the machine busy.
  constexpr int64_t kMostTaps = int64_t{1} << 28;
  VIVACE_ASSIGN(const Window w, window_of(node, in_spatial, std::move(kernel)));
  const std::optional<int64_t> taps = checked_elements(w.kernel);
  if (!taps || *taps > kMostTaps)
    return Status(Code::unsupported, node.describe() + ": a window of " + to_string(w.kernel) + " is too large");
  const bool same = node.attributes.text("auto_pad").starts_with("SAME");
  const size_t n = in_spatial.size();
  ir::Dims out;
  for (size_t i = 0; i < n; ++i) {
    if (same)
      out.push_back(ir::ceil_div(in_spatial[i], w.strides[i]));
    else
      out.push_back(
          window_output(in_spatial[i], w.kernel[i], w.strides[i], w.pads[i], w.pads[n + i], w.dilations[i], ceil_mode));
    if (out.back().known() ? out.back().value() < 0 : in_spatial[i].known())
      return Status(Code::invalid_model, node.describe() + ": the window does not fit the padded input");
  }
  return out;
}

}  // namespace vivace::ops
