// Arithmetic on symbolic dimensions.
#include "ir/dim.h"

#include <gtest/gtest.h>

namespace vivace::ir {
namespace {

TEST(Dim, SumsWithNumbersComeTogether) {
  const Dim h = Dim::symbol("h"), w = Dim::symbol("w");
  EXPECT_EQ((h + 3 - 2).to_string(), "(h+1)");
  EXPECT_EQ((h - 1).to_string(), "(h-1)");
  EXPECT_TRUE((Dim(1) + (h - 1)).same(h));
  EXPECT_TRUE((h - 3 + 2).same(h - 1));
  EXPECT_TRUE((h * w + 5 - 5).same(w * h));
  EXPECT_EQ((floor_div(h - 1, 2) + 1 + 1).to_string(), "(((h-1)/2)+2)");
  EXPECT_TRUE(((h + w) - 1 + 1).same(w + h));
  EXPECT_TRUE((h - w).same(h - w));
  EXPECT_EQ((h - h).to_string(), "0");
}

TEST(Dim, NeverOverflows) {
  const Dim h = Dim::symbol("h");
  EXPECT_FALSE((h + INT64_MAX + INT64_MAX).known());
  EXPECT_FALSE((h - INT64_MIN).known());
  EXPECT_EQ((Dim(INT64_MAX) + Dim(1)).to_string(), "?");
}

}  // namespace
}  // namespace vivace::ir
