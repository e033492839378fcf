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
  DType dtype = DType::undefined;       // element type of a tensor; DType::list of all other kinds
  std::optional<Dims> dims;             // empty where not even the rank is known
  int channel_block = 0;                // c of the blocked layout N,C/c,H,W,c that a backend chose; 0: row-major
  std::shared_ptr<const Type> element;  // of a sequence, optional or map; may be unknown
  DType key = DType::undefined;         // of a map

  static Type tensor(DType dtype, Dims dims) { return {Kind::tensor, dtype, std::move(dims), 0, nullptr}; }
  static Type tensor_of_any_rank(DType dtype) { return {Kind::tensor, dtype, std::nullopt, 0, nullptr}; }
  static Type sequence(Type element) { return of(Kind::sequence, std::move(element)); }
  static Type optional(Type element) { return of(Kind::optional, std::move(element)); }
  static Type map(DType key, Type value) { return of(Kind::map, std::move(value), key); }
  static Type of(Kind kind, Type element, DType key = DType::undefined) {
    return {kind, DType::list, std::nullopt, 0, std::make_shared<const Type>(std::move(element)), key};
  }
  static Type of_unknown(Kind kind) { return {kind, DType::list, std::nullopt, 0, nullptr}; }  // elements

  /// Whether values are lists at run time (Tensor::list); their dimensions are never known.
  bool is_list() const { return kind != Kind::tensor; }
  /// Whether anything is known.
  bool known() const { return is_list() || dtype != DType::undefined || dims; }

  int rank() const { return dims ? static_cast<int>(dims->size()) : -1; }
  /// Empty unless every dimension is known.
  std::optional<Shape> shape() const { return dims ? to_shape(*dims) : std::nullopt; }
  /// "f32[1,3,h,w]"; "f32[*]" for any rank; "f32[1,64,56,56]/16" for a blocked layout; "seq(f32[*])",
  /// "optional(seq(i64[]))", "map(i64, f32[*])"; "seq(?)" where nothing is known of the elements.
  std::string to_string() const;
};

/// Types nest no deeper than this; readers of files refuse what does.
constexpr int kMaxTypeDepth = 32;

/// What is certain of a value that may be of either type: unknown dimensions where they differ. Empty where no value
/// can be of both kinds or element types.
std::optional<Type> common_type(const Type& a, const Type& b);
/// What is known of a value by both types together. Empty where they contradict each other.
std::optional<Type> narrowed_type(const Type& inferred, const Type& declared);
/// The same kind, element types and dimensions, those that are unknown included.
bool same_type(const Type& a, const Type& b);

}  // namespace vivace::ir
