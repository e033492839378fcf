// Attributes of nodes.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "base/tensor.h"

namespace vivace::ir {

class Graph;

using Attribute = std::variant<int64_t, float, std::string, std::vector<int64_t>, std::vector<float>,
                               std::vector<std::string>, Tensor, std::shared_ptr<Graph>>;

/// Named attributes in alphabetical order. The getters give the fallback where the attribute is absent or of another
/// kind: readers of model files check kinds against the operator's schema.
class Attributes : public std::map<std::string, Attribute, std::less<>> {
 public:
  using map::map;
  bool has(std::string_view name) const { return find(name) != end(); }
  template <class T>
  const T* get(std::string_view name) const {
    const auto at = find(name);
    return at == end() ? nullptr : std::get_if<T>(&at->second);
  }
  int64_t integer(std::string_view name, int64_t fallback = 0) const { return value(name, fallback); }
  float real(std::string_view name, float fallback = 0) const { return value(name, fallback); }
  std::string text(std::string_view name, std::string fallback = {}) const { return value(name, std::move(fallback)); }
  std::vector<int64_t> integers(std::string_view name, std::vector<int64_t> fallback = {}) const {
    return value(name, std::move(fallback));
  }
  std::vector<float> reals(std::string_view name) const { return value(name, std::vector<float>()); }
  std::vector<std::string> texts(std::string_view name) const { return value(name, std::vector<std::string>()); }

 private:
  template <class T>
  T value(std::string_view name, T fallback) const {
    const T* found = get<T>(name);
    return found ? *found : std::move(fallback);
  }
};

}  // namespace vivace::ir
