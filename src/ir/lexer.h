// Reads the words, numbers and signs of a text, and says where it went wrong. Used by the parsers of text forms.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"

namespace vivace::ir {

/// Characters of a plain name.
constexpr bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '/';
}

class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}

  bool at_end() { return (skip_space(), at_ == text_.size()); }
  char peek() { return at_end() ? '\0' : text_[at_]; }
  /// Takes a sign or a whole word if it comes next.
  bool accept(std::string_view sign);
  Status expect(std::string_view sign);
  /// A plain word; empty where none comes next.
  std::string word();
  bool peek_word(std::string_view word);
  /// A quoted string.
  Result<std::string> text();
  /// A number as written ("-3", "1e-5", "inf", "nan"); the parsers of its kinds follow.
  Result<std::string> number();
  Result<int64_t> integer();
  Result<double> real();
  /// Raw text up to (not with) the first of `stops` outside of parentheses.
  std::string until(std::string_view stops);
  Status error(const std::string& what) const;

 private:
  void skip_space();

  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace vivace::ir
