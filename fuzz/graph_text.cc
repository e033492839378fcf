// Graphs from hostile text: what parses prints, and what was printed parses to the same; inference gets through all of
// it.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "ir/text.h"
#include "ops/infer.h"
#include "ops/operator.h"

namespace {

constexpr int64_t kMostElements = 1 << 16;

[[noreturn]] void fail(const char* what, const std::string& text) {
  std::fprintf(stderr, "%s:\n%s\n", what, text.c_str());
  std::abort();
}

// A text may ask for constants as large as memory, which is no defect: those whose brackets multiply to many elements
// are left out.
bool asks_for_much(std::string_view text) {
  int64_t product = 1, number = 0, sum = 0;
  bool inside = false, digits = false;
  for (const char c : text) {
    if (c == '[') {
      inside = true;
      product = 1;
      number = 0;
      digits = false;
    } else if (inside && c >= '0' && c <= '9') {
      digits = true;
      number = std::min(kMostElements, number * 10 + (c - '0'));
    } else if (inside && (c == ',' || c == ']')) {
      if (digits) product = std::min(kMostElements, product * number);
      digits = false;
      number = 0;
      if (c == ']') {
        sum += product;
        inside = false;
      }
    }
  }
  return sum >= kMostElements;
}

const std::vector<std::string>& words() {
  static const std::vector<std::string> all = [] {
    std::vector<std::string> made = {"graph",
                                     "return",
                                     "as",
                                     "const",
                                     "splat(1)",
                                     "random(7)",
                                     "{",
                                     "}",
                                     "(",
                                     ")",
                                     "[",
                                     "]",
                                     "%",
                                     "%x",
                                     "%y",
                                     "_",
                                     ",",
                                     "=",
                                     ":",
                                     "~1",
                                     "f32",
                                     "f16",
                                     "bf16",
                                     "f64",
                                     "i64",
                                     "i32",
                                     "i8",
                                     "u8",
                                     "i4",
                                     "u4",
                                     "bool",
                                     "string",
                                     "f8e4m3fn",
                                     "f4e2m1",
                                     "seq(f32[*])",
                                     "optional(f32[?])",
                                     "map(i64, f32[])",
                                     "[]",
                                     "[*]",
                                     "[?]",
                                     "[n,3]",
                                     "ints[]",
                                     "floats[]",
                                     "texts[]",
                                     "inf",
                                     "nan",
                                     "-1",
                                     "0",
                                     "1",
                                     "2",
                                     "3",
                                     "9223372036854775807",
                                     "-9223372036854775808",
                                     "1e-5",
                                     "0.5",
                                     "\"constant\"",
                                     "\"SAME_UPPER\"",
                                     "\"ij,jk->ik\"",
                                     "\"linear\"",
                                     "axis=",
                                     "axes=",
                                     "to=",
                                     "perm=",
                                     "kernel_shape=",
                                     "pads=",
                                     "strides=",
                                     "dilations=",
                                     "group=",
                                     "keepdims=",
                                     "equation=",
                                     "mode=",
                                     "hidden_size=",
                                     "direction=",
                                     "body=",
                                     "then_branch=",
                                     "else_branch=",
                                     "value=",
                                     "block_size=",
                                     "num_outputs=",
                                     "start=",
                                     "end=",
                                     "blocksize=",
                                     "p=",
                                     "size="};
    for (const auto& row : vivace::ops::all_operators()) made.emplace_back(row.name);
    return made;
  }();
  return all;
}

}  // namespace

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);

// Half the time a word, number or sign becomes another, or is dropped or said twice.
extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size, unsigned seed) {
  std::mt19937 random(seed);
  if (size == 0 || random() % 2 == 0) return LLVMFuzzerMutate(data, size, max_size);
  std::string text(reinterpret_cast<const char*>(data), size);
  const auto of_word = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '.'; };
  for (unsigned n = 1 + random() % 3; n > 0 && !text.empty(); --n) {
    size_t first = random() % text.size(), last = first + 1;
    while (first > 0 && of_word(text[first - 1]) && of_word(text[first])) --first;
    while (last < text.size() && of_word(text[last]) && of_word(text[last - 1])) ++last;
    const std::string old = text.substr(first, last - first);
    const std::string& word = words()[random() % words().size()];
    switch (random() % 4) {
      case 0: text.replace(first, last - first, ""); break;
      case 1: text.insert(first, old + " "); break;
      case 2: text.insert(first, " " + word + " "); break;
      default: text.replace(first, last - first, word); break;
    }
  }
  if (text.size() > max_size) return LLVMFuzzerMutate(data, size, max_size);
  std::memcpy(data, text.data(), text.size());
  return text.size();
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace vivace;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (asks_for_much(text)) return 0;
  const auto graph = ir::parse(text);
  if (!graph.ok()) {
    if (graph.status().code() == Code::internal) fail("a defect", graph.status().message());
    return 0;
  }
  const ir::PrintOptions all{.max_elements = kMostElements};
  const std::string printed = ir::print(**graph, all);
  const auto again = ir::parse(printed);
  if (!again.ok()) fail(again.status().message().c_str(), printed);
  // Values without names have numbers that count constants which nothing uses, and which are not printed.
  const ir::PrintOptions unnamed{.max_elements = kMostElements, .names = false};
  if (ir::print(**again, unnamed) != ir::print(**graph, unnamed)) fail("another graph", printed);
  const std::string twice = ir::print(**again, all);
  const auto once_more = ir::parse(twice);
  if (!once_more.ok() || ir::print(**once_more, all) != twice) fail(printed.c_str(), twice);
  if (!ir::verify(**graph).ok()) return 0;
  // An operator may refuse its inputs, with any reason but a defect.
  const Status inferred = ops::infer_graph(**graph);
  if (inferred.code() == Code::internal) fail("a defect", inferred.message());
  if (inferred.ok() && !ops::infer_graph(**graph).ok()) fail("types inferred once are not inferred again", printed);
  return 0;
}
