#include "ir/dim.h"

#include <algorithm>

namespace vivace::ir {

namespace {
Dim expression(const Dim& a, const char* op, const Dim& b) {
  if ((!a.known() && a.symbol().empty()) || (!b.known() && b.symbol().empty())) return {};
  if (a.symbol().size() + b.symbol().size() > 200) return {};  // no use to anybody
  return Dim::symbol("(" + a.to_string() + op + b.to_string() + ")");
}
// Commutative expressions put the symbol first, symbols in order.
bool in_order(const Dim& a, const Dim& b) {
  if (a.known() != b.known()) return b.known();
  return a.symbol() <= b.symbol();
}

// A sum "(x+3)" or "(x-3)" taken apart; {s, 0} for anything else.
std::pair<Dim, int64_t> split_sum(const Dim& s) {
  const std::string& text = s.symbol();
  const size_t sign = text.find_last_of("+-");
  if (text.empty() || text[0] != '(' || sign == std::string::npos || sign + 18 < text.size()) return {s, 0};
  const std::string digits = text.substr(sign + 1, text.size() - sign - 2), inner = text.substr(1, sign - 1);
  if (digits.empty() || digits.find_first_not_of("0123456789") != std::string::npos) return {s, 0};
  if (std::count(inner.begin(), inner.end(), '(') != std::count(inner.begin(), inner.end(), ')')) return {s, 0};
  return {Dim::symbol(inner), (text[sign] == '-' ? -1 : 1) * std::stoll(digits)};
}
Dim plus_number(const Dim& a, int64_t number) {
  if (a.symbol().empty() || number == INT64_MIN) return {};
  const auto [rest, before] = split_sum(a);
  int64_t sum = 0;
  if (__builtin_add_overflow(before, number, &sum) || sum == INT64_MIN) return {};
  if (sum == 0) return rest;
  return sum < 0 ? expression(rest, "-", Dim(-sum)) : expression(rest, "+", Dim(sum));
}
int64_t floored(int64_t a, int64_t b) { return a / b - (a % b != 0 && (a < 0) != (b < 0)); }
}  // namespace

Dim Dim::symbol(std::string name) {
  Dim d;
  d.symbol_ = std::move(name);
  return d;
}

bool Dim::same(const Dim& other) const {
  if (known() || other.known()) return value_ == other.value_;
  return !symbol_.empty() && symbol_ == other.symbol_;
}

std::string Dim::to_string() const { return known() ? std::to_string(*value_) : symbol_.empty() ? "?" : symbol_; }

Dim operator+(const Dim& a, const Dim& b) {
  int64_t sum = 0;
  if (a.known() && b.known()) return __builtin_add_overflow(a.value(), b.value(), &sum) ? Dim() : Dim(sum);
  if (a.is(0)) return b;
  if (b.is(0)) return a;
  if (b.known()) return plus_number(a, b.value());
  if (a.known()) return plus_number(b, a.value());
  return in_order(a, b) ? expression(a, "+", b) : expression(b, "+", a);
}

Dim operator-(const Dim& a, const Dim& b) {
  int64_t difference = 0;
  if (a.known() && b.known()) return __builtin_sub_overflow(a.value(), b.value(), &difference) ? Dim() : Dim(difference);
  if (b.is(0)) return a;
  if (a.same(b)) return 0;
  if (b.known() && b.value() != INT64_MIN) return plus_number(a, -b.value());
  return expression(a, "-", b);
}

Dim operator*(const Dim& a, const Dim& b) {
  int64_t result = 0;
  if (a.known() && b.known()) return __builtin_mul_overflow(a.value(), b.value(), &result) ? Dim() : Dim(result);
  if (a.is(0) || b.is(0)) return 0;
  if (a.is(1)) return b;
  if (b.is(1)) return a;
  return in_order(a, b) ? expression(a, "*", b) : expression(b, "*", a);
}

Dim floor_div(const Dim& a, const Dim& b) {
  if (b.is(0)) return {};
  if (b.is(-1)) return Dim(0) - a;  // the one quotient of numbers that may overflow
  if (a.known() && b.known()) return floored(a.value(), b.value());
  if (b.is(1)) return a;
  if (a.same(b)) return 1;
  // (x*k)/k is x.
  const std::string tail = "*" + b.to_string() + ")";
  const std::string& s = a.symbol();
  if (b.known() && s.size() > tail.size() && s.ends_with(tail)) {
    const std::string inner = s.substr(1, s.size() - tail.size() - 1);
    if (std::count(inner.begin(), inner.end(), '(') == std::count(inner.begin(), inner.end(), ')') &&
        inner.find_first_of("+-*/") == std::string::npos)
      return Dim::symbol(inner);
  }
  return expression(a, "/", b);
}

Dim ceil_div(const Dim& a, const Dim& b) {
  if (a.known() && b.known() && b.value() > 0) return -floored(-a.value(), b.value());
  return floor_div(a + b - Dim(1), b);
}

Dim product(const Dims& dims) {
  Dim all = 1;
  for (const Dim& d : dims) all = all * d;
  return all;
}

Dims to_dims(const Shape& shape) { return Dims(shape.begin(), shape.end()); }

std::optional<Shape> to_shape(const Dims& dims) {
  Shape shape;
  for (const Dim& d : dims) {
    if (!d.known()) return std::nullopt;
    shape.push_back(d.value());
  }
  return shape;
}

std::optional<Dims> broadcast(const Dims& a, const Dims& b) {
  Dims out(std::max(a.size(), b.size()));
  for (size_t i = 0; i < out.size(); ++i) {
    const Dim x = i < a.size() ? a[a.size() - 1 - i] : Dim(1), y = i < b.size() ? b[b.size() - 1 - i] : Dim(1);
    Dim& to = out[out.size() - 1 - i];
    if (x.is(1)) to = y;
    else if (y.is(1) || x.same(y)) to = x;
    else if (x.known() && y.known()) return std::nullopt;
    else to = x.known() ? x : y.known() ? y : Dim();
  }
  return out;
}

std::string to_string(const Dims& dims) {
  std::string text;
  for (size_t i = 0; i < dims.size(); ++i) text += (i ? "," : "") + dims[i].to_string();
  return text;
}

}  // namespace vivace::ir
