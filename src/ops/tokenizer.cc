// com.microsoft's Tokenizer, without which vectorizers of text cannot be exported: strings become rows of tokens, which
// are characters, what stands between separators, or what a regular expression finds.
#include <algorithm>
#include <optional>

#include "ops/kernel.h"
#include "ops/prepared.h"
#include "ops/regex.h"

namespace vivace::ops {

namespace {

using Pieces = std::vector<std::string_view>;

struct Tokens {
  std::vector<Regex> separators;  // none, and no expression either: every character is a token
  std::optional<Regex> token;
  size_t shortest = 1;  // in characters
  bool mark = false;    // whether rows begin and end with the characters that say so
  std::string pad;
};

Result<Tokens> make_tokens(const ir::Node& node) {
  Tokens made;
  const std::vector<std::string> separators = node.attributes.texts("separators");
  const std::string expression = node.attributes.text("tokenexp");
  if (separators.empty() == expression.empty())
    return Status(Code::invalid_model, "either separators or tokenexp must say what tokens are");
  if (!expression.empty()) {
    VIVACE_ASSIGN(made.token, Regex::compile(expression));
  }
  for (const std::string& separator : separators) {
    if (separator.empty() && separators.size() == 1) break;
    VIVACE_ASSIGN(Regex regex, Regex::compile(separator));
    if (separator.empty() || regex.full_match(""))
      return Status(Code::invalid_model, "the separator '" + separator + "' matches where there is nothing");
    made.separators.push_back(std::move(regex));
  }
  made.shortest = static_cast<size_t>(std::max<int64_t>(node.attributes.integer("mincharnum", 1), 1));
  made.mark = node.attributes.integer("mark") != 0;
  made.pad = node.attributes.text("pad_value");
  return made;
}

size_t next_character(std::string_view text, size_t at) {
  size_t length = 0;
  decode_utf8(text.substr(at), length);
  return at + length;
}

size_t characters(std::string_view text) {
  size_t count = 0;
  for (size_t at = 0; at < text.size(); at = next_character(text, at)) ++count;
  return count;
}

// Calls f(begin, end) for each of the longest matches from left to right that are not empty.
template <class F>
void for_each_match(const Regex& regex, std::string_view text, F f) {
  for (size_t at = 0; at < text.size();) {
    const size_t end = regex.longest_match(text, at);
    if (end == std::string_view::npos || end == at) {
      at = next_character(text, at);
      continue;
    }
    f(at, end);
    at = end;
  }
}

Pieces tokens_of(const Tokens& tokens, std::string_view text) {
  Pieces pieces;
  const auto add = [&](Pieces& to, std::string_view piece) {
    if (!piece.empty() && characters(piece) >= tokens.shortest) to.push_back(piece);
  };
  if (tokens.token) {
    for_each_match(*tokens.token, text,
                   [&](size_t begin, size_t end) { add(pieces, text.substr(begin, end - begin)); });
    return pieces;
  }
  if (tokens.separators.empty()) {
    for (size_t at = 0, end = 0; at < text.size(); at = end) {
      end = next_character(text, at);
      pieces.push_back(text.substr(at, end - at));
    }
    return pieces;
  }
  pieces.push_back(text);
  for (const Regex& separator : tokens.separators) {
    Pieces smaller;
    for (const std::string_view piece : pieces) {
      size_t rest = 0;
      for_each_match(separator, piece, [&](size_t begin, size_t end) {
        add(smaller, piece.substr(rest, begin - rest));
        rest = end;
      });
      add(smaller, piece.substr(rest));
    }
    pieces = std::move(smaller);
  }
  return pieces;
}

}  // namespace

Status infer_tokenizer(Inference& in) {
  VIVACE_TRY(require_type(in, 0, {DType::string}));
  VIVACE_TRY(require_rank(in, 0, 1, 2));
  VIVACE_TRY(prepared<Tokens>(in.node, make_tokens).status());
  if (!in.dims(0)) return in.set_unknown_rank(0, DType::string), Status();
  ir::Dims out = *in.dims(0);
  out.emplace_back();
  in.set(0, DType::string, std::move(out));
  return {};
}

Status reference_tokenizer(Call& call) {
  VIVACE_ASSIGN(const std::shared_ptr<const Tokens> tokens, prepared<Tokens>(call.node, make_tokens));
  const TensorView& x = call.input(0);
  std::vector<Pieces> rows(static_cast<size_t>(x.count()));
  parallel_for(call.pool, x.count(), 16, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) rows[static_cast<size_t>(i)] = tokens_of(*tokens, x.as<std::string>()[i]);
  });
  size_t widest = 0;
  for (const Pieces& row : rows) widest = std::max(widest, row.size());
  if (tokens->mark && widest > 0) widest += 2;
  Shape shape = x.shape;
  shape.push_back(static_cast<int64_t>(widest));
  VIVACE_TRY(make_output(call, 0, DType::string, shape));
  if (widest == 0) return {};
  constexpr const char *kBegin = "\x02", *kEnd = "\x03";
  auto* to = call.output().as<std::string>();
  for (const Pieces& row : rows) {
    std::string* const end = to + widest - (tokens->mark ? 1 : 0);
    if (tokens->mark) *to++ = kBegin;
    to = std::copy(row.begin(), row.end(), to);
    std::fill(to, end, tokens->pad);
    to = end;
    if (tokens->mark) *to++ = kEnd;
  }
  return {};
}

}  // namespace vivace::ops
