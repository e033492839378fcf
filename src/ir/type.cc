#include "ir/type.h"

namespace vivace::ir {

std::string Type::to_string() const {
  const std::string inner = element ? element->to_string() : "?";
  switch (kind) {
    case Kind::sequence: return "seq(" + inner + ")";
    case Kind::optional: return "optional(" + inner + ")";
    case Kind::map: return std::string("map(") + vivace::to_string(key) + ", " + inner + ")";
    case Kind::tensor: break;
  }
  std::string text = std::string(vivace::to_string(dtype)) + "[" + (dims ? ir::to_string(*dims) : "*") + "]";
  if (channel_block) text += "/" + std::to_string(channel_block);
  return text;
}

namespace {

// The type with no dimension known, inside of it neither.
Type of_any_shape(Type type) {
  type.dims = std::nullopt;
  if (type.element) type.element = std::make_shared<const Type>(of_any_shape(*type.element));
  return type;
}

// Kinds, keys and elements; `merge` merges the latter, `alone` one whose other is unknown.
template <class Merge, class Alone>
std::optional<Type> merge_lists(const Type& a, const Type& b, Merge&& merge, Alone&& alone) {
  if (a.kind != b.kind) return std::nullopt;
  if (a.key != b.key && a.key != DType::undefined && b.key != DType::undefined) return std::nullopt;
  Type merged = a;
  if (merged.key == DType::undefined) merged.key = b.key;
  std::optional<Type> element;
  if (a.element && b.element)
    element = merge(*a.element, *b.element);
  else if (a.element || b.element)
    element = alone(a.element ? *a.element : *b.element);
  else
    return merged;
  if (!element) return std::nullopt;
  merged.element = std::make_shared<const Type>(*element);
  return merged;
}

bool element_types_clash(const Type& a, const Type& b) {
  return a.dtype != b.dtype && a.dtype != DType::undefined && b.dtype != DType::undefined;
}

}  // namespace

std::optional<Type> common_type(const Type& a, const Type& b) {
  if (a.is_list() || b.is_list()) {
    if (!a.known() || !b.known()) return of_any_shape(a.known() ? a : b);
    return merge_lists(a, b, common_type, of_any_shape);
  }
  if (element_types_clash(a, b)) return std::nullopt;
  Type merged = a;
  if (merged.dtype == DType::undefined) merged.dtype = b.dtype;
  if (!a.dims || !b.dims || a.dims->size() != b.dims->size()) {
    merged.dims = std::nullopt;
    return merged;
  }
  for (size_t i = 0; i < a.dims->size(); ++i)
    if (!(*a.dims)[i].same((*b.dims)[i])) (*merged.dims)[i] = Dim();
  return merged;
}

std::optional<Type> narrowed_type(const Type& inferred, const Type& declared) {
  if (!inferred.known()) return declared;
  if (!declared.known()) return inferred;
  if (inferred.is_list() || declared.is_list())
    return merge_lists(inferred, declared, narrowed_type, [](const Type& known) { return known; });
  if (element_types_clash(inferred, declared)) return std::nullopt;
  Type merged = inferred;
  if (merged.dtype == DType::undefined) merged.dtype = declared.dtype;
  if (!declared.dims) return merged;
  if (!merged.dims) {
    merged.dims = declared.dims;
    return merged;
  }
  if (merged.dims->size() != declared.dims->size()) return std::nullopt;
  for (size_t i = 0; i < declared.dims->size(); ++i) {
    Dim& d = (*merged.dims)[i];
    const Dim& said = (*declared.dims)[i];
    if (d.known() && said.known() && !d.same(said)) return std::nullopt;
    if (!d.known() && (said.known() || d.symbol().empty())) d = said;
  }
  return merged;
}

bool same_type(const Type& a, const Type& b) {
  if (a.kind != b.kind || a.dtype != b.dtype || a.key != b.key || !a.element != !b.element) return false;
  if (a.element && !same_type(*a.element, *b.element)) return false;
  if (a.dims.has_value() != b.dims.has_value()) return false;
  if (!a.dims) return true;
  if (a.dims->size() != b.dims->size()) return false;
  for (size_t i = 0; i < a.dims->size(); ++i) {
    const Dim &x = (*a.dims)[i], &y = (*b.dims)[i];
    if (!x.same(y) && (x.known() || y.known() || !x.symbol().empty() || !y.symbol().empty())) return false;
  }
  return true;
}

}  // namespace vivace::ir
