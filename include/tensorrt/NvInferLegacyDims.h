// Dims with a fixed number of dimensions.
// An interface of Vivace's own making that speaks TensorRT's names; see docs/tensorrt.md.
#pragma once

#include <type_traits>
#include <utility>

#include "NvInferRuntimeBase.h"

namespace nvinfer1 {

namespace detail {
/// The type of Dims::d.
using Extent = std::remove_reference<decltype(std::declval<Dims&>().d[0])>::type;
}  // namespace detail

/// Two dimensions.
class Dims2 : public Dims {
 public:
  Dims2() : Dims2(0, 0) {}
  Dims2(detail::Extent d0, detail::Extent d1) {
    nbDims = 2;
    for (auto& size : d) size = 0;
    d[0] = d0;
    d[1] = d1;
  }
};

/// Height and width.
class DimsHW : public Dims2 {
 public:
  DimsHW() = default;
  DimsHW(detail::Extent height, detail::Extent width) : Dims2(height, width) {}
  detail::Extent& h() { return d[0]; }
  detail::Extent h() const { return d[0]; }
  detail::Extent& w() { return d[1]; }
  detail::Extent w() const { return d[1]; }
};

/// Three dimensions.
class Dims3 : public Dims2 {
 public:
  Dims3() : Dims3(0, 0, 0) {}
  Dims3(detail::Extent d0, detail::Extent d1, detail::Extent d2) : Dims2(d0, d1) {
    nbDims = 3;
    d[2] = d2;
  }
};

/// Four dimensions.
class Dims4 : public Dims3 {
 public:
  Dims4() : Dims4(0, 0, 0, 0) {}
  Dims4(detail::Extent d0, detail::Extent d1, detail::Extent d2, detail::Extent d3) : Dims3(d0, d1, d2) {
    nbDims = 4;
    d[3] = d3;
  }
};

/// Channels, height and width (generation 7).
class DimsCHW : public Dims3 {
 public:
  DimsCHW() = default;
  DimsCHW(detail::Extent channels, detail::Extent height, detail::Extent width) : Dims3(channels, height, width) {}
  detail::Extent& c() { return d[0]; }
  detail::Extent c() const { return d[0]; }
  detail::Extent& h() { return d[1]; }
  detail::Extent h() const { return d[1]; }
  detail::Extent& w() { return d[2]; }
  detail::Extent w() const { return d[2]; }
};

/// Batch, channels, height and width (generation 7).
class DimsNCHW : public Dims4 {
 public:
  DimsNCHW() = default;
  DimsNCHW(detail::Extent batchSize, detail::Extent channels, detail::Extent height, detail::Extent width)
      : Dims4(batchSize, channels, height, width) {}
  detail::Extent& n() { return d[0]; }
  detail::Extent n() const { return d[0]; }
  detail::Extent& c() { return d[1]; }
  detail::Extent c() const { return d[1]; }
  detail::Extent& h() { return d[2]; }
  detail::Extent h() const { return d[2]; }
  detail::Extent& w() { return d[3]; }
  detail::Extent w() const { return d[3]; }
};

namespace detail {
/// The first two dimensions, for getters of the two-dimensional past.
inline DimsHW height_width(Dims const& dims) { return DimsHW(dims.d[0], dims.d[1]); }
}  // namespace detail

}  // namespace nvinfer1
