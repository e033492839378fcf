// What is known of a value before it exists.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/dtype.h"
#include "ir/dim.h"

namespace vivace::ir {

enum class Kind : uint8_t { tensor, sequence, optional, map };

struct Type {
  Kind kind = Kind::tensor;
  DType dtype = DType::undefined;       // element type of a tensor; key type of a map
  std::optional<Dims> dims;             // empty where not even the rank is known
  int channel_block = 0;                // c of the blocked layout N,C/c,H,W,c that a backend chose; 0: row-major
  std::shared_ptr<const Type> element;  // of a sequence, optional or map

  static Type tensor(DType dtype, Dims dims) { return {Kind::tensor, dtype, std::move(dims), 0, nullptr}; }
  static Type tensor_of_any_rank(DType dtype) { return {Kind::tensor, dtype, std::nullopt, 0, nullptr}; }

  int rank() const { return dims ? static_cast<int>(dims->size()) : -1; }
  /// Empty unless every dimension is known.
  std::optional<Shape> shape() const { return dims ? to_shape(*dims) : std::nullopt; }
  std::string to_string() const;  // "f32[1,3,h,w]"; "f32[*]" for any rank; "f32[1,64,56,56]/16" for a blocked layout
};

}  // namespace vivace::ir
