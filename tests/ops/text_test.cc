// Operators on strings.
#include "ops/op_test.h"
#include "ops/regex.h"

namespace vivace::ops {
namespace {

TEST(Text, Operators) {
  check_ops({
      "StringSplit{delimiter=',',maxsplit=1}(string[2]{'a,b,c',''}) -> string[2,2]{'a','b,c', '',''}; i64[2]{2,1}",
      "StringSplit{delimiter=','}(string[]{''}) -> string[1]{''}; i64[]{1}",
      "StringSplit(string[]{''}) -> string[0]; i64[]{0}",
      "StringSplit(string[1]{' a  b '}) -> string[1,2]{'a','b'}; i64[1]{2}",
      "StringSplit{maxsplit=-1}(string[1]) -> error: maxsplit is negative",
      "StringSplit(f32[1]) -> error: input 0 has type f32",
      "StringConcat(string[2,1]{'a','b'}; string[2]{'x',''}) -> string[2,2]{'ax','a','bx','b'}",
      "StringConcat(string[2]; string[3]) -> error: broadcast",
      "StringNormalizer{stopwords=['b'],case_change_action='UPPER'}(string[3]{'a','B','c'}) -> string[2]{'A','C'}",
      "StringNormalizer{stopwords=['a'],is_case_sensitive=1}(string[1,1]{'a'}) -> string[1,1]{''}",
      "StringNormalizer{case_change_action='LOWER'}(string[1]{'\xC3\x84\xCE\x94\xFF'}) -> "
      "string[1]{'\xC3\xA4\xCE\xB4\xFF'}",
      "StringNormalizer(string[2,2]) -> error: one row",
      "StringNormalizer{case_change_action='TITLE'}(string[2]) -> error: unknown case_change_action",
      "RegexFullMatch{pattern='a+b'}(string[3]{'aab','aabc',''}) -> bool[3]{1,0,0}",
      "RegexFullMatch{pattern='(a'}(string[1]) -> error: missing )",
      "RegexFullMatch(string[1]) -> error: it has no pattern",
  });
}

TEST(Text, Tokenizer) {
  const std::string name = "com.microsoft.Tokenizer";
  check_ops({
      name + "{separators=[' ',','],pad_value='#',mincharnum=2}(string[2]{'ab c,de','fgh'}) -> "
             "string[2,2]{'ab','de','fgh','#'}",
      name + "{separators=[''],pad_value='#',mark=1}(string[1,2]{'a\xC3\xA4','b'}) -> "
             "string[1,2,4]{'\x02','a','\xC3\xA4','\x03', '\x02','b','#','\x03'}",
      name + "{tokenexp='[a-z]+[0-9]?',pad_value='#'}(string[1]{'ab12 c!d3'}) -> string[1,3]{'ab1','c','d3'}",
      name + "{separators=[' ']}(string[2]{'',' '}) -> string[2,0]",
      name + "(string[1]) -> error: either separators or tokenexp",
      name + "{separators=['a*']}(string[1]) -> error: matches where there is nothing",
      name + "{tokenexp='('}(string[1]) -> error: missing )",
  });
}

// Of the pool, [1], [2], [1,2] and [2,1], in that order.
std::string tfidf(const std::string& attributes) {
  return "TfIdfVectorizer{ngram_counts=[0,2],ngram_indexes=[0,1,2,3],pool_int64s=[1,2,1,2,2,1]," + attributes + "}";
}

TEST(Text, TfIdf) {
  const std::string all = "min_gram_length=1,max_gram_length=2,", x = "(i64[4]{1,2,1,1})";
  check_ops({
      tfidf(all + "mode='TF',max_skip_count=0") + x + " -> f32[4]{3,1,1,1}",
      tfidf(all + "mode='TF',max_skip_count=9223372036854775807") + x + " -> f32[4]{3,1,1,2}",
      tfidf(all + "mode='IDF',max_skip_count=0,weights=[0.5,2.0,3.0,4.0]") + x + " -> f32[4]{0.5,2,3,4}",
      tfidf(all + "mode='TFIDF',max_skip_count=0,weights=[0.5,2.0,3.0,4.0]") + x + " -> f32[4]{1.5,2,3,4}",
      tfidf("min_gram_length=2,max_gram_length=2,mode='TF',max_skip_count=0") + "(i32[2,2]{1,2,2,2})" +
          " -> f32[2,4]{0,0,1,0, 0,0,0,0}",
      tfidf(all + "mode='TF',max_skip_count=0") + "(i64[0]) -> f32[4]{0,0,0,0}",
      tfidf(all + "mode='NO',max_skip_count=0") + x + " -> error: unknown mode",
      tfidf(all + "mode='IDF',max_skip_count=0,weights=[0.5]") + x + " -> error: weights has 1 elements for 4 n-grams",
      tfidf(all + "mode='TF',max_skip_count=-1") + x + " -> error: max_skip_count is negative",
      tfidf("min_gram_length=1,max_gram_length=3,mode='TF',max_skip_count=0") + x + " -> error: 1 to 2",
      tfidf(all + "mode='TF',max_skip_count=0") + "(string[1]) -> error: input 0 has type string",
      "TfIdfVectorizer{ngram_counts=[0,3],ngram_indexes=[0,1,2,3],pool_int64s=[1,2,3,4],mode='TF',min_gram_length=1,"
      "max_gram_length=2}" +
          x + " -> error: whole n-grams",
      "TfIdfVectorizer{ngram_counts=[0],ngram_indexes=[9223372036854775807],pool_int64s=[1],mode='TF',"
      "min_gram_length=1,max_gram_length=1}" +
          x + " -> error: ngram_indexes holds",
  });
}

TEST(Regex, MatchesWholeStrings) {
  const struct {
    std::string pattern;
    std::vector<std::string> yes, no;
  } kCases[] = {
      {"", {""}, {"a"}},
      {"a|bc*|", {"a", "b", "bccc", ""}, {"ab", "c"}},
      {"(?:ab){2,3}x?", {"abab", "abababx"}, {"ab", "abababab"}},
      {"a{,2}", {"a{,2}"}, {"aa"}},
      {"x{0}y{2}?", {"yy"}, {"xyy", "y"}},
      {"(?i)stra\xC3\x9F"
       "e\xC3\x84",
       {"STRA\xC3\x9F"
        "E\xC3\xA4"},
       {"strasse\xC3\x84"}},
      {"(?i:A)b(?-i:c)", {"abc", "Abc"}, {"aBc", "abC"}},
      {"[^a-c\\d]+", {"xyz", "\n", "\xE2\x82\xAC"}, {"xa", "5", ""}},
      {"[]a-]+[\\]^]", {"]-a^", "a]"}, {"b^"}},
      {"[[:alpha:]_][[:^digit:]]", {"_x", "Z "}, {"_1", "1x"}},
      {".", {"a", "\xE2\x82\xAC"}, {"\n", ""}},
      {"(?s).", {"\n"}, {""}},
      {"^a$|(?m)^a$\n^b$", {"a", "a\nb"}, {"a\n"}},
      {"\\bab\\b \\Bcd", {}, {"ab cd"}},
      {"ab\\b cd\\B.", {"ab cde"}, {"ab cd "}},
      {"\\Aa\\z", {"a"}, {"b"}},
      {"\\x41\\x{1F600}\\101\\n\\t\\.\\0",
       {std::string("A\xF0\x9F\x98\x80"
                    "A\n\t.\0",
                    10)},
       {""}},
      {"\\Qa.b*\\E+", {"a.b*", "a.b**"}, {"axb*"}},
      {"\\p{Lu}\\pL*\\P{N}",
       {"\xC3\x84\xC3\xA4!"},
       {"\xC3\xA4!",
        "\xC3\x84"
        "5"}},
      {"(?P<name>a)(?<other>b)", {"ab"}, {"a"}},
      {"(a*)*b", {"b", "aab"}, {"a"}},
      {"(|a)+", {"", "aaa"}, {"b"}},
      {"\xFF.", {}, {"a"}},
  };
  for (const auto& [pattern, yes, no] : kCases) {
    const Result<Regex> regex = Regex::compile(pattern);
    ASSERT_TRUE(regex.ok()) << regex.status().message();
    for (const std::string& text : yes) EXPECT_TRUE(regex->full_match(text)) << pattern << " for '" << text << "'";
    for (const std::string& text : no) EXPECT_FALSE(regex->full_match(text)) << pattern << " for '" << text << "'";
  }
}

TEST(Regex, RefusesWhatRe2Refuses) {
  for (const auto& [pattern, what] :
       std::vector<std::pair<std::string, std::string>>{{"(", "missing )"},
                                                        {")", "unexpected )"},
                                                        {"[a", "missing ]"},
                                                        {"*a", "nothing to repeat"},
                                                        {"a**", "repetition of a repetition"},
                                                        {"a{2}{3}", "repetition of a repetition"},
                                                        {"a{1001}", "bad repetition"},
                                                        {"a{3,2}", "bad repetition"},
                                                        {"[b-a]", "bad range"},
                                                        {"(?=a)", "look-around"},
                                                        {"(?<!a)", "look-around"},
                                                        {"(a)\\1", "back references"},
                                                        {"\\9", "back references"},
                                                        {"\\y", "unknown escape"},
                                                        {"\\", "too early"},
                                                        {"(?P<>a)", "bad name"},
                                                        {"(?z)a", "unknown flag"},
                                                        {"[[:nope:]]", "unknown class"},
                                                        {"\\x{110000}", "bad \\x"},
                                                        {"\\pX", "general categories"},
                                                        {"\\p{Greek}", "general categories"},
                                                        {"((a{1000}){1000}){1000}", "too large"},
                                                        {std::string(100000, '('), "nested too deeply"}}) {
    const Result<Regex> regex = Regex::compile(pattern);
    ASSERT_FALSE(regex.ok()) << pattern.substr(0, 40);
    EXPECT_NE(regex.status().message().find(what), std::string::npos) << regex.status().message();
  }
}

// Backtracking would take 2^30 steps here.
TEST(Regex, TakesTimeLinearInTheText) {
  const Result<Regex> regex = Regex::compile("(a?){30}(a|aa)+b");
  ASSERT_TRUE(regex.ok());
  EXPECT_FALSE(regex->full_match(std::string(3000, 'a')));
}

}  // namespace
}  // namespace vivace::ops
