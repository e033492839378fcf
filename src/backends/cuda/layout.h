// Where the elements of a tensor are in its memory: row-major, or with channels last (lower.h).
#pragma once

#include "backends/cuda/tactic.h"

namespace vivace::cuda {

class Layout {
 public:
  explicit Layout(const TensorInfo& info);
  /// Elements that the memory holds, lanes past the last channel among them.
  size_t places() const { return static_cast<size_t>(places_); }
  /// Of element i in row-major order.
  size_t place(size_t i) const;
  /// Which element is at this place; kPad: a lane that is zero, kOther: one that belongs to somebody else.
  int64_t element(size_t place) const;
  static constexpr int64_t kPad = -1, kOther = -2;

  /// Writes elements and zero lanes; leaves the others alone.
  void scatter(const Tensor& row_major, std::byte* memory) const;
  Result<Tensor> gather(const std::byte* memory) const;
  bool pads_are_zero(const std::byte* memory) const;

 private:
  DType type_;
  Shape shape_;
  int64_t places_ = 0, channels_ = 1, pixels_ = 1, block_ = 0;
};

}  // namespace vivace::cuda
