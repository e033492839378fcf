// Dense row-major tensors in host memory: a view that owns nothing, and an owner.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "base/dtype.h"
#include "base/shape.h"
#include "base/status.h"

namespace vivace {

/// Memory of tensors starts at a multiple of this, so that kernels may use aligned vectors.
constexpr size_t kAlignment = 64;

struct TensorView {
  DType type = DType::undefined;
  Shape shape;
  void* data = nullptr;

  int64_t count() const { return elements(shape); }
  size_t bytes() const { return byte_size(type, count()); }
  int rank() const { return static_cast<int>(shape.size()); }
  template <class T>
  T* as() const {
    return static_cast<T*>(data);
  }
  template <class T>
  std::span<T> span() const {
    return {static_cast<T*>(data), static_cast<size_t>(count())};
  }
};

/// Owns its memory, or shares it with whoever else holds `owner` (another tensor, a mapped file).
class Tensor {
 public:
  Tensor() = default;
  /// Zeroed memory (empty strings, invalid tensors); out_of_memory or invalid_argument where the shape cannot be held.
  static Result<Tensor> allocate(DType type, Shape shape);
  /// Shares memory that `owner` keeps alive.
  static Tensor wrap(DType type, Shape shape, void* data, std::shared_ptr<void> owner);
  /// A value other than a tensor, of type DType::list and rank 1: the elements of a sequence; of an optional, one or
  /// none; keys and values of a map. Which of them it is, static types (ir::Type) say.
  static Tensor list(std::vector<Tensor> elements);
  /// A rank-1 tensor, or one of the shape given, with the values copied in.
  template <class T>
  static Tensor of(std::span<const T> values, Shape shape);
  template <class T>
  static Tensor of(const std::vector<T>& values) {
    return of<T>(std::span<const T>(values), {static_cast<int64_t>(values.size())});
  }
  template <class T>
  static Tensor scalar(T value) {
    return of<T>(std::span<const T>(&value, 1), {});
  }

  bool valid() const { return view_.type != DType::undefined; }
  DType type() const { return view_.type; }
  const Shape& shape() const { return view_.shape; }
  int64_t count() const { return view_.count(); }
  size_t bytes() const { return view_.bytes(); }
  void* data() const { return view_.data; }
  template <class T>
  T* as() const {
    return view_.as<T>();
  }
  template <class T>
  std::span<T> span() const {
    return view_.span<T>();
  }
  const TensorView& view() const { return view_; }
  operator const TensorView&() const { return view_; }
  const std::shared_ptr<void>& owner() const { return owner_; }
  /// The same memory under another shape of as many elements.
  Tensor reshaped(Shape shape) const;

 private:
  TensorView view_;
  std::shared_ptr<void> owner_;
};

template <class T>
Tensor Tensor::of(std::span<const T> values, Shape shape) {
  Result<Tensor> made = allocate(dtype_of<T>, std::move(shape));
  if (!made.ok()) return {};
  std::copy(values.begin(), values.end(), made->as<T>());
  return std::move(made).value();
}

/// Values of an integer tensor (i32, i64, or any other integer type) widened to i64.
std::vector<int64_t> to_int64(const TensorView& view);
/// Values of a float tensor (f32, f64, f16, bf16) widened to f64.
std::vector<double> to_double(const TensorView& view);

}  // namespace vivace
