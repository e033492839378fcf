// Writes the text of kernels.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/dtype.h"

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

/// What every kernel's text may begin with, for NVRTC has no headers:
/// - `half`, `bfloat`: two bytes of storage; to_float(x) of any type, from_float<T>(float).
/// - `Vector<T, n>`: n elements that are loaded and stored at once, aligned to their size; `.v[i]`.
/// - `wait()`: all before this kernel is done and seen; `allow_next()`: the next kernel may start. begin() is both. The
///   next one is allowed after wait() only: a kernel that starts while the one before the last still reads would find
///   what that one read in its multiprocessor's cache, where the last has written something else in its place.
/// Everything a kernel reads that another kernel wrote, and everything it writes, comes after wait().
std::string_view prelude();

/// The name of a type in kernels: "float", "half", "bfloat", "long long", "unsigned char", ...; nullptr: not there.
const char* type_name(DType type);

/// A float literal that is exactly `value`; infinities and NaN by their bits.
std::string literal(float value);

/// `offset` as an expression: the dot product of an index, decomposed from the variable `linear` over `dims`, with
/// `strides`. Dimensions of stride 0 and size 1 vanish.
std::string strided_offset(const std::string& linear, const std::vector<int64_t>& dims,
                           const std::vector<int64_t>& strides);

}  // namespace vivace::cuda
