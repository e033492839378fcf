// What reference kernels share: dispatch over element types, loops over strided operands, copies of elements of any
// type, and the checks of secondary inputs.
#pragma once

#include <initializer_list>

#include "ops/infer.h"

namespace vivace::ops {

/// Ranks beyond this are refused: no model has them, and shapes read from files must not grow without bound.
constexpr int kMaxRank = 64;

/// invalid_model unless the type of input i is one of these; an absent input or an unknown type passes.
Status require_type(const Inference& in, size_t i, std::initializer_list<DType> types);
/// invalid_model unless inputs i and j have the same element type, so far as both are known.
Status require_same_type(const Inference& in, size_t i, size_t j);
/// invalid_model unless input i has one of these ranks, so far as it is known.
Status require_rank(const Inference& in, size_t i, int min_rank, int max_rank);
/// The axis in [0, rank), or invalid_model.
Result<int> checked_axis(const Inference& in, int64_t axis, int rank);
/// The dimension, unknown where it is a number that elements of `type` cannot hold.
ir::Dim fitting(DType type, const ir::Dim& d);
/// unsupported: the kernel has no code for elements of this type.
Status no_kernel_for(const Call& call, DType type);

/// For outputs whose shapes follow from the values of inputs (Reshape, Slice): runs the operator's inference on these
/// values, so its checks need no repeating, and makes the outputs, or checks those already made. An error where the
/// shapes do not follow.
Status size_outputs(Call& call);
/// Makes output i, or checks the one already made.
Status make_output(Call& call, size_t i, DType type, const Shape& shape);

template <class F>
Status for_floats(const Call& call, DType type, F&& f) {
  return visit_dtype<float, double, Float16, BFloat16>(type, f) ? Status() : no_kernel_for(call, type);
}
template <class F>
Status for_integers(const Call& call, DType type, F&& f) {
  return visit_dtype<int64_t, int32_t, int16_t, int8_t, uint64_t, uint32_t, uint16_t, uint8_t>(type, f)
             ? Status()
             : no_kernel_for(call, type);
}
template <class F>
Status for_numbers(const Call& call, DType type, F&& f) {
  return is_integer(type) ? for_integers(call, type, f) : for_floats(call, type, f);
}

/// Runs f(begin, end) over [0, count) in parts of `grain` or more, on the pool where there is one.
void parallel_for(ThreadPool* pool, int64_t count, int64_t grain, FunctionRef<void(int64_t begin, int64_t end)> f);

/// A nest of loops over several operands at once, each with a stride (in elements, 0 or negative too) per dimension.
/// Dimensions of size 1 are dropped and neighbours merged where every operand allows it; the innermost is the row.
class StridedLoop {
 public:
  StridedLoop(const Shape& shape, const std::vector<Shape>& strides);
  /// Operand 0 is the dense output, the inputs follow, broadcast to it; their row strides are 0 or 1.
  static StridedLoop broadcast(const Shape& out, const std::vector<Shape>& inputs);

  int64_t row_stride(size_t operand) const { return row_strides_[operand]; }
  /// Calls f(offset of each operand, length) for whole rows or parts of long ones, from several threads where there
  /// is a pool; in row-major order where there is none.
  void run(ThreadPool* pool, FunctionRef<void(const int64_t* offsets, int64_t n)> f) const;

 private:
  Shape shape_;                 // merged, without the row
  std::vector<Shape> strides_;  // of each operand, without the row
  std::vector<int64_t> row_strides_;
  int64_t row_ = 1, rows_ = 1;
};

/// Strides of `shape` as seen from a shape of `rank` dimensions it is broadcast to: 0 where it has one element.
Shape broadcast_strides(const Shape& shape, size_t rank);

/// A place in a tensor: elements are counted, so that packed types work too.
struct Place {
  const TensorView& tensor;
  int64_t offset;
};
/// Copies `count` elements that lie side by side. Both tensors have the same element type.
void copy_elements(Place to, Place from, int64_t count);
/// Copies elements of any type over `shape`, with strides in elements; a source stride of 0 repeats.
void copy_strided(const Shape& shape, Place to, const Shape& to_strides, Place from, const Shape& from_strides,
                  ThreadPool* pool);

// Indices, shared by gathers and scatters.
/// As i64 in [0, size); an error where one is out of [-size, size).
Result<std::vector<int64_t>> normalized_indices(const Call& call, const TensorView& indices, int64_t size);
/// Where the blocks start that the tuples in the last dimension of `indices` name, after `batch_dims` common
/// dimensions.
Result<std::vector<int64_t>> tuple_offsets(const Call& call, const TensorView& data, const TensorView& indices,
                                           int64_t batch_dims);
/// Input 1 holds indices of the rank of input 0, no larger than it but along the attribute axis.
Status require_elementwise_indices(const Inference& in);

/// Calls f.template operator()<T>() for a C++ type that elements of `type` can be moved as: an unsigned integer as
/// wide, a pair of them, std::string or Tensor. False for types packed in less than a byte.
struct Pair64 {
  uint64_t low, high;
};
template <class F>
bool visit_storage(DType type, F&& f) {
  if (type == DType::string) return f.template operator()<std::string>(), true;
  if (type == DType::list) return f.template operator()<Tensor>(), true;
  switch (bits_of(type)) {
    case 8: return f.template operator()<uint8_t>(), true;
    case 16: return f.template operator()<uint16_t>(), true;
    case 32: return f.template operator()<uint32_t>(), true;
    case 64: return f.template operator()<uint64_t>(), true;
    case 128: return f.template operator()<Pair64>(), true;
    default: return false;
  }
}

}  // namespace vivace::ops
