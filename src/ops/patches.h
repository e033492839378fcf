// Windows that slide over an image of any number of dimensions: what convolution and pooling have in common.
#pragma once

#include <algorithm>
#include <vector>

#include "ops/infer.h"

namespace vivace::ops {

/// Window position o (of `out`) and kernel position k meet the image at o * stride + k * dilation - pad, per dimension.
struct Patches {
  Shape image, out, kernel;
  std::vector<int64_t> strides, dilations, pads;  // pads: begins; ends follow from `out`

  Patches(Shape image_size, Shape out_size, const Window& w)
      : image(std::move(image_size)),
        out(std::move(out_size)),
        kernel(w.kernel),
        strides(w.strides),
        dilations(w.dilations),
        pads(w.pads.begin(), w.pads.begin() + static_cast<int64_t>(image.size())) {}

  int64_t positions() const { return elements(out); }
  int64_t taps() const { return elements(kernel); }

  /// Visits where tap `tap` (row-major in the kernel) of window positions [begin, end) falls inside the image:
  /// f(position, offset, step, count) says that positions position + i meet image elements offset + i * step, i <
  /// count.
  template <class F>
  void walk(int64_t tap, int64_t begin, int64_t end, F&& f) const {
    if (begin >= end) return;
    const size_t last = image.size() - 1;
    Shape shift(image.size()), index(image.size());
    for (size_t d = image.size(); d-- > 0; tap /= kernel[d]) shift[d] = tap % kernel[d] * dilations[d] - pads[d];
    for (int64_t d = static_cast<int64_t>(last), rest = begin; d >= 0; --d) {
      index[static_cast<size_t>(d)] = rest % out[static_cast<size_t>(d)];
      rest /= out[static_cast<size_t>(d)];
    }
    // Positions along the last dimension that fall inside.
    const int64_t stride = strides[last];
    const int64_t low = shift[last] >= 0 ? 0 : (-shift[last] + stride - 1) / stride;
    const int64_t high = image[last] <= shift[last] ? 0 : (image[last] - 1 - shift[last]) / stride + 1;
    for (int64_t position = begin; position < end;) {
      const int64_t length = std::min(out[last] - index[last], end - position);
      int64_t offset = 0;
      bool inside = true;
      for (size_t d = 0; d < last && inside; ++d) {
        const int64_t at = index[d] * strides[d] + shift[d];
        inside = at >= 0 && at < image[d];
        offset = (offset + at) * image[d + 1];
      }
      const int64_t from = std::max(index[last], low), to = std::min(index[last] + length, high);
      if (inside && from < to)
        f(position + from - index[last], offset + from * stride + shift[last], stride, to - from);
      position += length;
      index[last] = 0;
      for (size_t d = last; d-- > 0 && ++index[d] == out[d];) index[d] = 0;
    }
  }

  /// row[i] = what tap `tap` sees at position begin + i, 0 outside the image.
  template <class T>
  void gather(const T* from, int64_t tap, int64_t begin, int64_t end, T* row) const {
    std::fill_n(row, end - begin, T(0));
    walk(tap, begin, end, [&](int64_t position, int64_t offset, int64_t step, int64_t count) {
      for (int64_t i = 0; i < count; ++i) row[position - begin + i] = from[offset + i * step];
    });
  }
  /// The transpose of gather: adds row[i] where tap `tap` sees the image from position begin + i.
  template <class T>
  void scatter_add(const T* row, int64_t tap, int64_t begin, int64_t end, T* to) const {
    walk(tap, begin, end, [&](int64_t position, int64_t offset, int64_t step, int64_t count) {
      for (int64_t i = 0; i < count; ++i) to[offset + i * step] += row[position - begin + i];
    });
  }
};

/// Output dimensions of windows over the spatial dimensions `in_spatial`, auto_pad and ceil_mode considered; an error
/// where the window does not fit the tensor's rank or its numbers make no sense.
Result<ir::Dims> window_outputs(const ir::Node& node, const ir::Dims& in_spatial, std::vector<int64_t> kernel,
                                bool ceil_mode);

}  // namespace vivace::ops
