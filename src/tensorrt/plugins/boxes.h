// Boxes, as plugins of detectors have them.
#pragma once

#include <algorithm>

namespace vivace::tensorrt::plugins {

/// Two corners; which coordinate comes first does not matter.
struct Box {
  float x1, y1, x2, y2;
};

/// Within the image, whose sides are 1.
inline Box clipped(Box box) {
  const auto clip = [](float x) { return std::clamp(x, 0.0F, 1.0F); };
  return {clip(box.x1), clip(box.y1), clip(box.x2), clip(box.y2)};
}

inline void write_box(const Box& box, float* to) { to[0] = box.x1, to[1] = box.y1, to[2] = box.x2, to[3] = box.y2; }

}  // namespace vivace::tensorrt::plugins
