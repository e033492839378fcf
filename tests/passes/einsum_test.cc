// Einsum as other operators.
#include "passes/rewriting.h"
#include "passes/rules.h"

namespace vivace::passes {
namespace {

struct Case {
  const char *inputs, *equation, *after;
};
std::string before(const Case& c) {
  std::string names;
  for (const char name : {'x', 'z', 'w'})
    if (std::string(c.inputs).find(std::string("%") + name) != std::string::npos)
      names += (names.empty() ? "%" : ", %") + std::string(1, name);
  return std::string("graph (") + c.inputs + ") { %y = Einsum(" + names + ") {equation=\"" + c.equation +
         "\"} return %y }";
}

TEST(Einsum, IsWhatItComputes) {
  const Case cases[] = {
      {"%x: f32[2,3]", "ij->ji", "%y = Transpose(%x) {perm=[1,0]}"},
      {"%x: f32[2,3,4]", "bij->jb",
       "%s = ReduceSum(%x, const i64[1] {1}) {keepdims=0} %y = Transpose(%s) {perm=[1,0]}"},
      {"%x: f32[b,2,q,3], %z: f32[b,2,k,3]", "bhqd,bhkd->bhqk",
       "%t = Transpose(%z) {perm=[0,1,3,2]} %y = MatMul(%x, %t)"},
      {"%x: f32[b,4,5], %z: f32[5,2,3]", "bqd,dhk->bqhk",
       "%r = Reshape(%z, const i64[2] {5, 6}) %m = MatMul(%x, %r) %y = Reshape(%m, const i64[4] {0, 4, 2, 3})"},
      {"%x: f32[2,3,5], %z: f32[4,3,2]", "bki,jkb->bji", "%t = Transpose(%z) {perm=[2,0,1]} %y = MatMul(%t, %x)"},
      {"%x: f32[2,3], %z: f32[2,5]", "bi,bj->bij",
       "%r = Reshape(%x, const i64[3] {2, 3, 1}) %s = Reshape(%z, const i64[3] {2, 1, 5}) %y = Mul(%r, %s)"},
      {"%x: f32[7], %z: f32[7]", "i,i->", "%m = Mul(%x, %z) %y = ReduceSum(%m, const i64[1] {0}) {keepdims=0}"},
      {"%x: f32[2,3], %z: f32[3], %w: f32[2,4]", "ij,j,ik->k",
       "%r = Reshape(%z, const i64[2] {3, 1}) %m = MatMul(%x, %r) %a = Reshape(%m, const i64[1] {2}) %b = Reshape(%a, "
       "const i64[2] {1, 2}) %p = MatMul(%b, %w) %y = Reshape(%p, const i64[1] {4})"},
  };
  for (const Case& c : cases)
    expect_rewrite(einsum_to_products, before(c),
                   std::string("graph (") + c.inputs + ") { " + c.after + " return %y }");
}

TEST(Einsum, ThatStays) {
  const Case cases[] = {
      {"%x: f32[3,3]", "ii->i", ""},                          // a diagonal
      {"%x: i32[2,3], %z: i32[3,4]", "ij,jk->ik", ""},        // integers
      {"%x: f32[1,3], %z: f32[2,3]", "bi,bi->b", ""},         // one size for another
      {"%x: f32[b,c,2], %z: f32[c,2,d]", "bci,cid->bd", ""},  // no shape says what c times 2 is
  };
  for (const Case& c : cases) expect_no_rewrite(einsum_to_products, before(c));
}

}  // namespace
}  // namespace vivace::passes
