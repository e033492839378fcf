#include "ir/lexer.h"

#include <algorithm>
#include <charconv>

namespace vivace::ir {

void Lexer::skip_space() {
  while (at_ < text_.size()) {
    const char c = text_[at_];
    if (c == '#')
      at_ = std::min(text_.find('\n', at_), text_.size());
    else if (c == ' ' || c == '\t' || c == '\n' || c == '\r')
      ++at_;
    else
      return;
  }
}

bool Lexer::accept(std::string_view sign) {
  skip_space();
  if (text_.substr(at_, sign.size()) != sign) return false;
  const size_t end = at_ + sign.size();
  if (is_word(sign.back()) && end < text_.size() && is_word(text_[end])) return false;
  at_ = end;
  return true;
}

Status Lexer::expect(std::string_view sign) {
  return accept(sign) ? Status() : error("'" + std::string(sign) + "' is expected here");
}

std::string Lexer::word() {
  skip_space();
  const size_t begin = at_;
  while (at_ < text_.size() && is_word(text_[at_])) ++at_;
  return std::string(text_.substr(begin, at_ - begin));
}

bool Lexer::peek_word(std::string_view wanted) {
  const size_t before = at_;
  const bool found = accept(wanted);
  at_ = before;
  return found;
}

Result<std::string> Lexer::text() {
  if (!accept("\"")) return error("a quoted text is expected here");
  std::string out;
  while (at_ < text_.size() && text_[at_] != '"') {
    char c = text_[at_++];
    if (c == '\\' && at_ < text_.size()) c = text_[at_++] == 'n' ? '\n' : text_[at_ - 1];
    out += c;
  }
  if (at_ == text_.size()) return error("the quoted text does not end");
  ++at_;
  return out;
}

Result<std::string> Lexer::number() {
  skip_space();
  const size_t begin = at_;
  while (at_ < text_.size() && (is_word(text_[at_]) || text_[at_] == '-' || text_[at_] == '+')) ++at_;
  if (at_ == begin) return error("a number is expected here");
  return std::string(text_.substr(begin, at_ - begin));
}

namespace {
template <class T>
bool read(const std::string& text, T& value) {
  const char* end = text.data() + text.size();
  const auto [stop, problem] = std::from_chars(text.data(), end, value);
  return problem == std::errc() && stop == end;
}
}  // namespace

Result<int64_t> Lexer::integer() {
  VIVACE_ASSIGN(const std::string text, number());
  int64_t value = 0;
  uint64_t bits = 0;
  if (read(text, value)) return value;
  if (read(text, bits)) return static_cast<int64_t>(bits);  // the upper half of u64
  return error("'" + text + "' is not an integer");
}

Result<double> Lexer::real() {
  VIVACE_ASSIGN(const std::string text, number());
  double value = 0;
  if (!read(text, value)) return error("'" + text + "' is not a number");
  return value;
}

std::string Lexer::until(std::string_view stops) {
  const size_t begin = at_;
  for (int depth = 0; at_ < text_.size(); ++at_) {
    const char c = text_[at_];
    if (depth == 0 && stops.find(c) != std::string_view::npos) break;
    if (c == '(') ++depth;
    if (c == ')') --depth;
  }
  return std::string(text_.substr(begin, at_ - begin));
}

Status Lexer::error(const std::string& what) const {
  const std::string_view before = text_.substr(0, at_);
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const size_t start = before.rfind('\n') + 1;  // npos + 1 is 0
  return {Code::invalid_argument,
          "line " + std::to_string(line) + ", column " + std::to_string(at_ - start + 1) + ": " + what};
}

}  // namespace vivace::ir
