// Pieces shared by the reference kernels of operators that compute.
#pragma once

#include <concepts>

#include "ops/kernel.h"

namespace vivace::ops {

/// Copies numbers into a tensor of another numeric type and as many elements, each converted as C++ converts.
Status convert(const TensorView& from, const TensorView& to);

/// The elements of a numeric tensor as type W: the tensor's own memory where it has that type, else a copy.
template <class W>
class Reader {
 public:
  Reader() = default;
  static Result<Reader> of(const TensorView& view) {
    Reader reader;
    reader.count_ = view.type == DType::undefined ? 0 : view.count();
    if (view.type == dtype_of<W> || view.type == DType::undefined) {
      reader.data_ = view.as<const W>();
      return reader;
    }
    VIVACE_ASSIGN(reader.copy_, Tensor::allocate(dtype_of<W>, view.shape));
    VIVACE_TRY(convert(view, reader.copy_));
    reader.data_ = reader.copy_.template as<const W>();
    return reader;
  }
  const W* data() const { return data_; }  // nullptr for an omitted input
  int64_t count() const { return count_; }
  W operator[](int64_t i) const { return data_[i]; }

 private:
  const W* data_ = nullptr;
  int64_t count_ = 0;
  Tensor copy_;
};

/// Memory of type W for the elements of an output; store() converts them to the output's own type where it differs.
template <class W>
class Writer {
 public:
  static Result<Writer> of(const TensorView& view) {
    Writer writer;
    writer.target_ = writer.made_ = view;
    if (view.type != dtype_of<W> && view.type != DType::undefined) {
      VIVACE_ASSIGN(writer.copy_, Tensor::allocate(dtype_of<W>, view.shape));
      writer.made_ = writer.copy_.view();
    }
    return writer;
  }
  W* data() const { return made_.as<W>(); }  // nullptr for an output nobody wants
  Status store() const {
    return made_.data == target_.data ? Status() : convert(made_, target_);
  }  // nothing without an output

 private:
  TensorView target_, made_;
  Tensor copy_;
};

/// Calls f.template operator()<W>() with the type that floats are computed in: double for f64, float for the others.
template <class F>
Status compute_in(const Call& call, DType type, F&& f) {
  if (type == DType::f64) return f.template operator()<double>();
  if (is_float(type)) return f.template operator()<float>();
  return call.error(std::string("it does not take type ") + to_string(type));
}

/// Runs the tasks on the pool where there is one. Results must not depend on which thread runs a task.
inline void in_parallel(ThreadPool* pool, int64_t tasks, FunctionRef<void(int64_t task)> body) {
  if (pool && tasks > 1) return pool->run(tasks, [&](int64_t task, int) { body(task); });
  for (int64_t task = 0; task < tasks; ++task) body(task);
}

/// Makes output i where inference could not know its shape; the output as it is otherwise.
Status ensure_output(Call& call, size_t i, DType type, const Shape& shape);

/// Copies the value to output i, which is made where it must be. Elements of lists are shared.
Status give_output(Call& call, size_t i, const TensorView& value);
/// The value in memory of its own; elements of lists are shared.
Result<Tensor> owned_copy(const TensorView& value);
/// Likewise, where it does not own its memory already.
Result<Tensor> owned(const Tensor& value);

/// Inputs `which`, where present and typed, must have the type of input `as`.
Status same_types(const Inference& in, std::initializer_list<size_t> which, size_t as = 0);
/// Input i must be a vector of `size` elements, so far as that is known.
Status is_vector(const Inference& in, size_t i, const ir::Dim& size);
/// Both known and different.
inline bool clash(const ir::Dim& a, const ir::Dim& b) { return a.known() && b.known() && a.value() != b.value(); }

}  // namespace vivace::ops
