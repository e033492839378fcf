// Writes the text of kernels.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace vivace::cuda {

/// Text with a prologue of named constants, which the hand-written rest of a kernel refers to.
class Source {
 public:
  Source& constant(std::string_view name, int64_t value);
  Source& real(std::string_view name, float value);
  Source& array(std::string_view name,
                const std::vector<int64_t>& values);  // at least one element, at run time indexable
  Source& add(std::string_view text) {
    text_ += text;
    return *this;
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

/// A float literal that is exactly `value`; infinities and NaN by their bits.
std::string literal(float value);

/// `offset` as an expression: the dot product of an index, decomposed from the variable `linear` over `dims`, with
/// `strides`. Dimensions of stride 0 and size 1 vanish.
std::string strided_offset(const std::string& linear, const std::vector<int64_t>& dims,
                           const std::vector<int64_t>& strides);

}  // namespace vivace::cuda
