#include "ops/regex.h"

#include <algorithm>
#include <map>
#include <optional>

#include "ops/unicode_categories.h"

namespace vivace::ops {

namespace {

using Instruction = Regex::Instruction;
using Op = Regex::Op;
using Range = Regex::Range;
using Ranges = std::vector<Range>;
using Piece = std::vector<Instruction>;

constexpr char32_t kLast = 0x10FFFF;
constexpr size_t kMostInstructions = 200'000;  // repetitions of repetitions grow without bound
constexpr int kDeepest = 500;                  // nested groups
constexpr int kMostRepeats = 1000;             // as in RE2

struct Named {
  std::string_view name;
  Ranges ranges;
};
const std::vector<Named>& posix_classes() {
  static const std::vector<Named> all = {{"alnum", {{'0', '9'}, {'A', 'Z'}, {'a', 'z'}}},
                                         {"alpha", {{'A', 'Z'}, {'a', 'z'}}},
                                         {"ascii", {{0, 0x7F}}},
                                         {"blank", {{'\t', '\t'}, {' ', ' '}}},
                                         {"cntrl", {{0, 0x1F}, {0x7F, 0x7F}}},
                                         {"digit", {{'0', '9'}}},
                                         {"graph", {{'!', '~'}}},
                                         {"lower", {{'a', 'z'}}},
                                         {"print", {{' ', '~'}}},
                                         {"punct", {{'!', '/'}, {':', '@'}, {'[', '`'}, {'{', '~'}}},
                                         {"space", {{'\t', '\r'}, {' ', ' '}}},
                                         {"upper", {{'A', 'Z'}}},
                                         {"word", {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}}},
                                         {"xdigit", {{'0', '9'}, {'A', 'F'}, {'a', 'f'}}}};
  return all;
}

// Sorted, without overlaps.
Ranges tidy(Ranges ranges) {
  std::sort(ranges.begin(), ranges.end(), [](Range a, Range b) { return a.first < b.first; });
  Ranges merged;
  for (const Range r : ranges)
    if (!merged.empty() && r.first <= merged.back().last + 1)
      merged.back().last = std::max(merged.back().last, r.last);
    else
      merged.push_back(r);
  return merged;
}

Ranges complement(const Ranges& ranges) {
  Ranges rest;
  char32_t next = 0;
  for (const Range r : tidy(ranges)) {
    if (r.first > next) rest.push_back({next, r.first - 1});
    next = r.last + 1;
  }
  if (next <= kLast) rest.push_back({next, kLast});
  return rest;
}

bool contains(const Ranges& tidied, char32_t c) {
  const auto at = std::upper_bound(tidied.begin(), tidied.end(), c, [](char32_t v, Range r) { return v < r.first; });
  return at != tidied.begin() && c <= std::prev(at)->last;
}

// Characters of which there are two cases, and the other one.
const std::vector<std::pair<char32_t, char32_t>>& case_pairs() {
  static const auto pairs = [] {
    constexpr char32_t kLastCased = 0x1E943;
    std::vector<std::pair<char32_t, char32_t>> list;
    for (char32_t c = 0; c <= kLastCased; ++c)
      for (const char32_t other : {to_lower(c), to_upper(c)})
        if (other != c) list.push_back({c, other}), list.push_back({other, c});
    return list;
  }();
  return pairs;
}

Ranges both_cases(const Ranges& ranges) {
  const Ranges tidied = tidy(ranges);
  Ranges all = tidied;
  for (const auto& [c, other] : case_pairs())
    if (contains(tidied, c)) all.push_back({other, other});
  return tidy(std::move(all));
}

struct Flags {
  bool ignore_case = false, multi_line = false, dot_is_any = false;
};

// Recursive descent; a failure is kept, and ends everything.
class Parser {
 public:
  explicit Parser(std::string_view pattern) : text_(pattern) {}

  Piece parse() {
    Piece all = alternation(0);
    if (!at_end()) fail("unexpected )");
    return all;
  }
  const Status& status() const { return status_; }
  std::vector<Ranges> sets;

 private:
  bool at_end() const { return at_ >= text_.size() || !status_.ok(); }
  std::string_view rest() const { return text_.substr(at_); }
  bool at(std::string_view token) const { return !at_end() && rest().starts_with(token); }
  bool take(std::string_view token) {
    if (!at(token)) return false;
    at_ += token.size();
    return true;
  }
  void fail(const std::string& what, Code code = Code::invalid_model) {
    if (status_.ok())
      status_ = Status(
          code, "pattern '" + std::string(text_.substr(0, 200)) + "', character " + std::to_string(at_) + ": " + what);
  }
  char32_t next() {
    size_t length = 0;
    if (at_end()) return fail("it ends too early"), 0;
    const char32_t c = decode_utf8(rest(), length);
    at_ += length;
    return c;
  }

  void append(Piece& to, const Piece& piece) {
    if (to.size() + piece.size() > kMostInstructions)
      fail("too large: its repetitions make more than " + std::to_string(kMostInstructions) + " steps");
    else
      to.insert(to.end(), piece.begin(), piece.end());
  }
  static int32_t length(const Piece& piece) { return static_cast<int32_t>(piece.size()); }

  Piece of_set(Ranges ranges) {
    sets.push_back(flags_.ignore_case ? both_cases(ranges) : tidy(std::move(ranges)));
    return {{Op::one_of, static_cast<int32_t>(sets.size()) - 1}};
  }

  Piece either(const Piece& a, const Piece& b) {  // split a; jump; b
    Piece all{{Op::split, 1, length(a) + 2}};
    append(all, a);
    all.push_back({Op::jump, length(b) + 1});
    append(all, b);
    return all;
  }
  Piece optional(const Piece& a) {
    Piece all{{Op::split, 1, length(a) + 1}};
    append(all, a);
    return all;
  }
  Piece any_number(const Piece& a) {
    Piece all{{Op::split, 1, length(a) + 2}};
    append(all, a);
    all.push_back({Op::jump, -length(a) - 1});
    return all;
  }
  Piece repeated(const Piece& a, int least, int most) {  // most -1: any number
    Piece all;
    for (int i = 0; i < least && status_.ok(); ++i) append(all, a);
    if (most < 0) {
      append(all, any_number(a));
      return all;
    }
    // Each of the rest may be left out with all that follow.
    const int left = most - least;
    for (int i = 0; i < left && status_.ok(); ++i) {
      const int64_t skip = static_cast<int64_t>(left - i) * (length(a) + 1);
      if (skip > static_cast<int64_t>(kMostInstructions)) fail("too large");
      all.push_back({Op::split, 1, static_cast<int32_t>(skip)});
      append(all, a);
    }
    return all;
  }

  Piece alternation(int depth) {
    if (depth > kDeepest) fail("groups are nested too deeply");
    std::vector<Piece> branches{sequence(depth)};
    while (take("|")) branches.push_back(sequence(depth));
    Piece all = std::move(branches.back());  // from the last: each is copied a few times only
    for (size_t i = branches.size() - 1; i-- > 0 && status_.ok();) all = either(branches[i], all);
    return all;
  }

  Piece sequence(int depth) {
    Piece all;
    while (!at_end() && (quoting_ || (!at("|") && !at(")")))) append(all, repetition(depth));
    return all;
  }

  // What {n}, {n,} or {n,m} says; nothing where the brace is an ordinary character.
  std::optional<std::pair<int, int>> counts() {
    const size_t begin = at_;
    const auto number = [&]() -> std::optional<int> {
      int value = 0;
      const size_t first = at_;
      for (; at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9'; ++at_)
        value = std::min(value * 10 + (text_[at_] - '0'), kMostRepeats + 1);
      return at_ > first ? std::optional(value) : std::nullopt;
    };
    if (take("{"))
      if (const std::optional<int> least = number()) {
        std::optional<int> most = least;
        if (take(",")) most = number();
        if (take("}")) return std::pair(*least, most.value_or(-1));
      }
    at_ = begin;
    return std::nullopt;
  }

  Piece repetition(int depth) {
    Piece piece = atom(depth);
    bool repeated_already = false;
    while (!at_end() && !quoting_) {
      Piece more;
      if (take("*")) {
        more = any_number(piece);
      } else if (take("+")) {
        more = repeated(piece, 1, -1);
      } else if (take("?")) {
        more = optional(piece);
      } else if (const auto range = counts()) {
        const auto [least, most] = *range;
        if (least > kMostRepeats || most > kMostRepeats || (most >= 0 && most < least)) fail("bad repetition");
        if (status_.ok()) more = repeated(piece, least, most);
      } else {
        break;
      }
      if (repeated_already) fail("a repetition of a repetition; put the inner one in (?:...)");
      take("?");  // as few as possible: the same whole strings match
      repeated_already = true;
      piece = std::move(more);
    }
    return piece;
  }

  Piece atom(int depth) {
    if (quoting_ || take("\\Q")) return quotation();
    if (take("(")) return group(depth);
    if (take("[")) return of_set(bracket());
    if (take(".")) return {of_set_as_is(flags_.dot_is_any ? Ranges{{0, kLast}} : complement({{'\n', '\n'}}))};
    if (take("^")) return {{flags_.multi_line ? Op::begin_line : Op::begin_text}};
    if (take("$")) return {{flags_.multi_line ? Op::end_line : Op::end_text}};
    if (at("*") || at("+") || at("?")) return fail("nothing to repeat"), Piece();
    if (at("\\")) {
      constexpr std::pair<std::string_view, Op> kAssertions[] = {
          {"\\A", Op::begin_text}, {"\\z", Op::end_text}, {"\\b", Op::boundary}, {"\\B", Op::no_boundary}};
      for (const auto& [token, op] : kAssertions)
        if (take(token)) return {{op}};
      if (take("\\C")) return {of_set_as_is({{0, kLast}})};
      ++at_;
      return of_set(escape());
    }
    const char32_t c = next();
    return of_set({{c, c}});
  }

  Instruction of_set_as_is(Ranges ranges) {
    sets.push_back(std::move(ranges));
    return {Op::one_of, static_cast<int32_t>(sets.size()) - 1};
  }

  // One character between \Q and \E, which a repetition after \E is of.
  Piece quotation() {
    quoting_ = !take("\\E");
    if (!quoting_ || at_end()) return {};
    const char32_t c = next();
    quoting_ = !take("\\E");
    return of_set({{c, c}});
  }

  Piece group(int depth) {
    const Flags outer = flags_;
    if (take("?P<") || (at("?<") && !at("?<=") && !at("?<!") && take("?<"))) {
      const size_t end = text_.find('>', at_);
      const auto is_word = [](char c) { return contains(posix_classes()[12].ranges, static_cast<unsigned char>(c)); };
      const std::string_view name = end == text_.npos ? std::string_view() : text_.substr(at_, end - at_);
      if (name.empty() || !std::all_of(name.begin(), name.end(), is_word)) return fail("bad name of a group"), Piece();
      at_ = end + 1;
    } else if (take("?")) {
      if (at("=") || at("!") || at("<")) return fail("look-around is not in RE2's syntax"), Piece();
      if (!read_flags()) return {};  // (?i): for what follows, up to the end of the group around it
    }
    Piece inside = alternation(depth + 1);
    if (!take(")")) fail("missing )");
    flags_ = outer;
    return inside;
  }

  // After "(?": flags up to ':' (true) or ')' (false).
  bool read_flags() {
    bool value = true, any = false;
    for (;;) {
      if (take(":")) return true;
      if (any && take(")")) return false;
      if (take("-")) {
        if (!value) fail("bad flags");
        value = false;
        any = false;
        continue;
      }
      if (take("i"))
        flags_.ignore_case = value;
      else if (take("m"))
        flags_.multi_line = value;
      else if (take("s"))
        flags_.dot_is_any = value;
      else if (!take("U"))
        return fail("unknown flag of a group"), false;  // U: which of equal matches; all the same
      any = true;
    }
  }

  // After '\': the characters that an escape stands for.
  Ranges escape() {
    const char32_t c = next();
    const auto named = [&](std::string_view name, bool inverted) {
      for (const Named& n : posix_classes())
        if (n.name == name) return inverted ? complement(n.ranges) : n.ranges;
      return Ranges();
    };
    switch (c) {
      case 'd':
      case 'D': return named("digit", c == 'D');
      case 'w':
      case 'W': return named("word", c == 'W');
      case 's':
      case 'S': {
        const Ranges perl = {{'\t', '\n'}, {'\f', '\r'}, {' ', ' '}};  // without the vertical tab
        return c == 'S' ? complement(perl) : perl;
      }
      case 'p':
      case 'P': return category(c == 'P');
      case 'a': return {{'\a', '\a'}};
      case 'f': return {{'\f', '\f'}};
      case 'n': return {{'\n', '\n'}};
      case 'r': return {{'\r', '\r'}};
      case 't': return {{'\t', '\t'}};
      case 'v': return {{'\v', '\v'}};
      case 'x': return hexadecimal();
      default: break;
    }
    if (c >= '0' && c <= '7') return octal(c);
    const bool word = contains(posix_classes()[12].ranges, c);
    if (c >= 0x80 || (word && c != '_')) {
      fail(c >= '8' && c <= '9' ? "back references are not in RE2's syntax" : "unknown escape");
      return {};
    }
    return {{c, c}};
  }

  Ranges octal(char32_t first) {
    const auto digit = [&] { return !at_end() && text_[at_] >= '0' && text_[at_] <= '7'; };
    if (first != '0' && !digit()) return fail("back references are not in RE2's syntax"), Ranges();
    char32_t value = first - '0';
    for (int i = 0; i < 2 && digit(); ++i) value = value * 8 + static_cast<char32_t>(text_[at_++] - '0');
    return {{value, value}};
  }

  Ranges hexadecimal() {
    const auto digit = [&]() -> int {
      if (at_end()) return -1;
      const char c = static_cast<char>(to_lower(static_cast<unsigned char>(text_[at_])));
      return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
    };
    const bool braces = take("{");
    char32_t value = 0;
    int digits = 0;
    for (int d; (braces || digits < 2) && (d = digit()) >= 0 && value <= kLast; ++digits, ++at_)
      value = value * 16 + static_cast<char32_t>(d);
    if (digits == 0 || (!braces && digits != 2) || value > kLast || (braces && !take("}")))
      return fail("bad \\x escape"), Ranges();
    return {{value, value}};
  }

  // After \p or \P: a letter, or a name in braces.
  Ranges category(bool inverted) {
    std::string name;
    if (take("{")) {
      if (take("^")) inverted = !inverted;
      while (!at_end() && !at("}")) name.push_back(text_[at_++]);
      take("}");
    } else {
      append_utf8(name, next());
    }
    Ranges ranges = ranges_of_category(name);
    if (name == "Any") ranges = {{0, kLast}};
    if (ranges.empty())
      fail("\\p{" + name + "}: only general categories of Unicode, such as L or Nd, are known", Code::unsupported);
    return inverted ? complement(ranges) : ranges;
  }

  // After '[': up to ']'.
  Ranges bracket() {
    const bool inverted = take("^");
    Ranges all;
    for (bool first = true; first || !at("]"); first = false) {
      if (at_end()) return fail("missing ]"), Ranges();
      if (take("[:")) {
        append_posix(all);
        continue;
      }
      Ranges low = bracket_item();
      if (low.size() == 1 && low[0].first == low[0].last && at("-") && !at("-]")) {
        take("-");
        const Ranges high = bracket_item();
        if (high.size() != 1 || high[0].first != high[0].last || high[0].first < low[0].first)
          return fail("bad range of characters"), Ranges();
        low[0].last = high[0].first;
      }
      all.insert(all.end(), low.begin(), low.end());
    }
    take("]");
    // Case counts before the complement is taken: (?i)[^a] is neither a nor A.
    if (flags_.ignore_case) all = both_cases(all);
    return inverted ? complement(all) : all;
  }

  Ranges bracket_item() {
    if (take("\\")) return escape();
    const char32_t c = next();
    return {{c, c}};
  }

  void append_posix(Ranges& all) {
    const bool inverted = take("^");
    for (const Named& n : posix_classes())
      if (take(std::string(n.name) + ":]")) {
        const Ranges ranges = inverted ? complement(n.ranges) : n.ranges;
        all.insert(all.end(), ranges.begin(), ranges.end());
        return;
      }
    fail("unknown class of characters");
  }

  std::string_view text_;
  size_t at_ = 0;
  bool quoting_ = false;  // after \Q
  Flags flags_;
  Status status_;
};

bool is_word(char32_t c) { return c < 0x80 && contains(posix_classes()[12].ranges, c); }

// What surrounds a place between two characters; -1: nothing.
struct Between {
  int64_t before, after;
  bool holds(Op op) const {
    const bool word_before = before >= 0 && is_word(static_cast<char32_t>(before)),
               word_after = after >= 0 && is_word(static_cast<char32_t>(after));
    switch (op) {
      case Op::begin_text: return before < 0;
      case Op::end_text: return after < 0;
      case Op::begin_line: return before < 0 || before == '\n';
      case Op::end_line: return after < 0 || after == '\n';
      case Op::boundary: return word_before != word_after;
      case Op::no_boundary: return word_before == word_after;
      default: return false;
    }
  }
};

}  // namespace

Result<Regex> Regex::compile(std::string_view pattern) {
  Parser parser(pattern);
  Regex made;
  made.program_ = parser.parse();
  VIVACE_TRY(parser.status());
  made.sets_ = std::move(parser.sets);
  return made;
}

bool Regex::full_match(std::string_view text) const { return longest_match(text, 0) == text.size(); }

size_t Regex::longest_match(std::string_view text, size_t from) const {
  const auto end = static_cast<int32_t>(program_.size());
  std::vector<int32_t> states, next, stack;
  std::vector<size_t> seen(program_.size() + 1, 0);  // the step at which a place was last entered
  size_t step = 0;
  // Follows steps that consume nothing.
  const auto enter = [&](std::vector<int32_t>& to, int32_t place, const Between& where) {
    stack.push_back(place);
    while (!stack.empty()) {
      const int32_t at = stack.back();
      stack.pop_back();
      size_t& last = seen[static_cast<size_t>(at)];
      if (last == step) continue;
      last = step;
      if (at == end) {
        to.push_back(at);
        continue;
      }
      const Instruction& i = program_[static_cast<size_t>(at)];
      if (i.op == Op::one_of) {
        to.push_back(at);
      } else if (i.op == Op::jump) {
        stack.push_back(at + i.first);
      } else if (i.op == Op::split) {
        stack.push_back(at + i.first);
        stack.push_back(at + i.second);
      } else if (where.holds(i.op)) {
        stack.push_back(at + 1);
      }
    }
  };
  const auto peek = [&](size_t place, size_t& bytes) -> int64_t {
    return place < text.size() ? static_cast<int64_t>(decode_utf8(text.substr(place), bytes)) : -1;
  };
  const auto before = [&]() -> int64_t {
    size_t place = from, bytes = 0;
    if (place == 0) return -1;
    do --place;
    while (place > 0 && from - place < 4 && (static_cast<unsigned char>(text[place]) & 0xC0) == 0x80);
    return peek(place, bytes);
  };
  size_t length = 0, at = from, found = std::string_view::npos;
  int64_t c = peek(at, length);
  ++step;
  enter(states, 0, {before(), c});
  while (!states.empty()) {
    if (std::find(states.begin(), states.end(), end) != states.end()) found = at;
    if (c < 0) break;
    at += length;
    const int64_t after = peek(at, length);
    ++step;
    next.clear();
    for (const int32_t state : states)
      if (state != end &&
          contains(sets_[static_cast<size_t>(program_[static_cast<size_t>(state)].first)], static_cast<char32_t>(c)))
        enter(next, state + 1, {c, after});
    states.swap(next);
    c = after;
  }
  return found;
}

}  // namespace vivace::ops
