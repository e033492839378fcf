#include "backends/cuda/source.h"

#include <array>
#include <bit>
#include <cmath>
#include <cstdio>

namespace vivace::cuda {

namespace {
std::string number(int64_t value) { return std::to_string(value) + (std::abs(value) > INT32_MAX ? "ll" : ""); }
}  // namespace

std::string literal(float value) {
  std::array<char, 48> text{};
  if (std::isfinite(value))
    std::snprintf(text.data(), text.size(), "%af", static_cast<double>(value));
  else
    std::snprintf(text.data(), text.size(), "__uint_as_float(0x%08xu)", std::bit_cast<uint32_t>(value));
  return text.data();
}

Source& Source::constant(std::string_view name, int64_t value) {
  const bool wide = std::abs(value) > INT32_MAX;
  text_ +=
      std::string("constexpr ") + (wide ? "long long " : "int ") + std::string(name) + " = " + number(value) + ";\n";
  return *this;
}

Source& Source::real(std::string_view name, float value) {
  text_ += "#define " + std::string(name) + " " + literal(value) + "\n";
  return *this;
}

Source& Source::array(std::string_view name, const std::vector<int64_t>& values) {
  text_ += "__device__ constexpr int " + std::string(name) + "[] = {";
  for (size_t i = 0; i < values.size(); ++i) text_ += (i ? ", " : "") + number(values[i]);
  text_ += "};\n";
  return *this;
}

std::string strided_offset(const std::string& linear, const std::vector<int64_t>& dims,
                           const std::vector<int64_t>& strides) {
  // Neighbours that one stride covers are one dimension: fewer divisions.
  std::vector<int64_t> d, s;
  for (size_t i = 0; i < dims.size(); ++i) {
    if (dims[i] == 1) continue;
    if (!d.empty() && s.back() == strides[i] * dims[i]) {
      d.back() *= dims[i];
      s.back() = strides[i];
    } else {
      d.push_back(dims[i]);
      s.push_back(strides[i]);
    }
  }
  std::string text;
  int64_t inner = 1;
  for (size_t i = d.size(); i-- > 0; inner *= d[i]) {
    if (s[i] == 0) continue;
    std::string index = inner == 1 ? linear : linear + " / " + number(inner);
    if (i > 0) index = index + " % " + number(d[i]);
    text += (text.empty() ? "" : " + ") + (s[i] == 1 ? "(" + index + ")" : "(" + index + ") * " + number(s[i]));
  }
  return text.empty() ? "0" : text;
}

}  // namespace vivace::cuda
