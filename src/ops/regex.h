// Regular expressions of RE2's syntax, matched against whole strings in time linear in the text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace vivace::ops {

/// Compiled by Thompson's construction and run as a set of states, as Pike's virtual machine does: no pattern makes
/// matching exponential, which is why there are no back references and no look-around.
class Regex {
 public:
  /// invalid_model for what is not RE2's syntax; unsupported for scripts in \p{...}.
  static Result<Regex> compile(std::string_view pattern);
  /// Whether the whole text, in UTF-8, matches. Bytes that are no UTF-8 count as U+FFFD each.
  bool full_match(std::string_view text) const;
  /// Where the longest match that begins at byte `from` ends; npos where there is none.
  size_t longest_match(std::string_view text, size_t from) const;

  struct Range {
    char32_t first, last;
  };
  enum class Op : uint8_t { one_of, split, jump, begin_text, end_text, begin_line, end_line, boundary, no_boundary };
  /// Steps are relative, so that a piece of a program can be repeated by copying it.
  struct Instruction {
    Op op;
    int32_t first = 0;   // one_of: the number of the set; split, jump: a step
    int32_t second = 0;  // split: the other step
  };

 private:
  std::vector<Instruction> program_;  // its end is the match
  std::vector<std::vector<Range>> sets_;
};

/// The next character of the text, which is not empty, and its length in bytes; U+FFFD for a byte that starts none.
char32_t decode_utf8(std::string_view text, size_t& length);
void append_utf8(std::string& to, char32_t c);
/// Simple case mappings of Unicode, as far as the C library knows them; of ASCII at least.
char32_t to_lower(char32_t c);
char32_t to_upper(char32_t c);

}  // namespace vivace::ops
