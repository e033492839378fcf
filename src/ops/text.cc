// StringNormalizer, StringSplit, StringConcat, RegexFullMatch.
#include <algorithm>
#include <unordered_set>

#include "ops/kernel.h"
#include "ops/prepared.h"
#include "ops/regex.h"

namespace vivace::ops {

namespace {

std::string with_case(const std::string& text, const std::string& action) {
  if (action == "NONE") return text;
  std::string made;
  size_t length = 0;
  for (size_t at = 0; at < text.size(); at += length) {
    const char32_t c = decode_utf8(std::string_view(text).substr(at), length);
    constexpr char32_t kNoCharacter = 0xFFFD;
    if (c == kNoCharacter)
      made.append(text, at, length);
    else
      append_utf8(made, action == "LOWER" ? to_lower(c) : to_upper(c));
  }
  return made;
}

}  // namespace

// --- StringNormalizer: drops stop words and changes the case of the others

Status infer_string_normalizer(Inference& in) {
  VIVACE_TRY(require_type(in, 0, {DType::string}));
  VIVACE_TRY(require_rank(in, 0, 1, 2));
  const std::string action = in.attributes.text("case_change_action", "NONE");
  if (action != "NONE" && action != "LOWER" && action != "UPPER")
    return in.error("unknown case_change_action '" + action + "'");
  if (!in.dims(0)) return in.set_unknown_rank(0, DType::string), Status();
  if (in.rank(0) == 2 && in.dims(0)->front().known() && !in.dims(0)->front().is(1))
    return in.error("a matrix of strings must have one row");
  in.set(0, DType::string, in.rank(0) == 2 ? ir::Dims{1, ir::Dim()} : ir::Dims{ir::Dim()});
  return {};
}

Status reference_string_normalizer(Call& call) {
  const TensorView& x = call.input(0);
  if (x.rank() == 2 && x.shape[0] != 1) return call.error("a matrix of strings must have one row");
  const std::string action = call.attributes.text("case_change_action", "NONE");
  // Where case does not matter, words are compared after the change; in lower case where there is none.
  const bool exact = call.attributes.integer("is_case_sensitive") != 0;
  const std::string compared = exact ? "NONE" : action == "UPPER" ? "UPPER" : "LOWER";
  std::unordered_set<std::string> stop;
  for (const std::string& word : call.attributes.texts("stopwords")) stop.insert(with_case(word, compared));
  std::vector<std::string> kept;
  for (const std::string& word : x.span<const std::string>())
    if (stop.empty() || !stop.contains(with_case(word, compared))) kept.push_back(with_case(word, action));
  if (kept.empty()) kept.emplace_back();
  const auto count = static_cast<int64_t>(kept.size());
  VIVACE_TRY(make_output(call, 0, DType::string, x.rank() == 2 ? Shape{1, count} : Shape{count}));
  std::move(kept.begin(), kept.end(), call.output().as<std::string>());
  return {};
}

// --- StringSplit

Status infer_string_split(Inference& in) {
  VIVACE_TRY(require_type(in, 0, {DType::string}));
  if (in.attributes.integer("maxsplit", 0) < 0) return in.error("maxsplit is negative");
  in.set(1, DType::i64, ir::Dims());
  if (!in.dims(0)) {
    in.set_unknown_rank(0, DType::string);
    in.set_unknown_rank(1, DType::i64);
    return {};
  }
  ir::Dims out = *in.dims(0);
  in.set(1, DType::i64, out);
  out.emplace_back();
  in.set(0, DType::string, std::move(out));
  return {};
}

namespace {

constexpr std::string_view kSpace = " \t\n\r\f\v";

// Between runs of white space, of which none stands at either end of the result.
std::vector<std::string_view> split_at_space(std::string_view text, size_t most) {
  std::vector<std::string_view> parts;
  while (true) {
    const size_t begin = text.find_first_not_of(kSpace);
    if (begin == text.npos) return parts;
    text.remove_prefix(begin);
    if (parts.size() == most) break;
    const size_t end = std::min(text.find_first_of(kSpace), text.size());
    parts.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
  parts.push_back(text.substr(0, text.find_last_not_of(kSpace) + 1));
  return parts;
}

std::vector<std::string_view> split_at_text(std::string_view text, const std::string& delimiter, size_t most) {
  std::vector<std::string_view> parts;
  while (parts.size() < most) {
    const size_t end = text.find(delimiter);
    if (end == text.npos) break;
    parts.push_back(text.substr(0, end));
    text.remove_prefix(end + delimiter.size());
  }
  parts.push_back(text);
  return parts;
}

}  // namespace

Status reference_string_split(Call& call) {
  const TensorView& x = call.input(0);
  const std::string delimiter = call.attributes.text("delimiter");
  const size_t most =
      call.attributes.has("maxsplit") ? static_cast<size_t>(call.attributes.integer("maxsplit")) : SIZE_MAX;
  std::vector<std::vector<std::string_view>> parts;
  size_t widest = 0;
  for (const std::string& text : x.span<const std::string>()) {
    parts.push_back(delimiter.empty() ? split_at_space(text, most) : split_at_text(text, delimiter, most));
    widest = std::max(widest, parts.back().size());
  }
  if (call.wants(1) || call.outputs.size() > 1) {
    VIVACE_TRY(make_output(call, 1, DType::i64, x.shape));
    for (size_t i = 0; i < parts.size(); ++i) call.output(1).as<int64_t>()[i] = static_cast<int64_t>(parts[i].size());
  }
  Shape shape = x.shape;
  shape.push_back(static_cast<int64_t>(widest));
  VIVACE_TRY(make_output(call, 0, DType::string, shape));
  for (size_t i = 0; i < parts.size(); ++i)
    for (size_t k = 0; k < widest; ++k)
      call.output().as<std::string>()[i * widest + k] = k < parts[i].size() ? parts[i][k] : std::string_view();
  return {};
}

// --- StringConcat

Status infer_string_concat(Inference& in) {
  VIVACE_TRY(require_type(in, 0, {DType::string}));
  VIVACE_TRY(require_type(in, 1, {DType::string}));
  return infer_broadcast(in);
}

Status reference_string_concat(Call& call) {
  const TensorView &a = call.input(0), &b = call.input(1), &y = call.output();
  BroadcastWalk walk(y.shape, {a.shape, b.shape});
  for (int64_t i = 0; i < walk.count(); ++i, walk.advance())
    y.as<std::string>()[i] = a.as<std::string>()[walk.offsets()[0]] + b.as<std::string>()[walk.offsets()[1]];
  return {};
}

// --- RegexFullMatch

namespace {
Result<Regex> make_regex(const ir::Node& node) { return Regex::compile(node.attributes.text("pattern")); }
}  // namespace

Status infer_regex_full_match(Inference& in) {
  VIVACE_TRY(require_type(in, 0, {DType::string}));
  if (!in.attributes.has("pattern")) return in.error("it has no pattern");
  VIVACE_TRY(prepared<Regex>(in.node, make_regex).status());
  VIVACE_TRY(infer_same_as_first(in));
  in.outputs[0].dtype = DType::boolean;
  return {};
}

Status reference_regex_full_match(Call& call) {
  VIVACE_ASSIGN(const std::shared_ptr<const Regex> regex, prepared<Regex>(call.node, make_regex));
  const TensorView& x = call.input(0);
  parallel_for(call.pool, x.count(), 64, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) call.output().as<bool>()[i] = regex->full_match(x.as<std::string>()[i]);
  });
  return {};
}

}  // namespace vivace::ops
