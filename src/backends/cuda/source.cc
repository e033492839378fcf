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

std::string_view prelude() {
  return R"(
struct half { unsigned short bits; };
struct bfloat { unsigned short bits; };
template <class T, int n> struct alignas(sizeof(T) * n) Vector { T v[n]; };
__device__ __forceinline__ float to_float(half x) {
  float f;
  asm("cvt.f32.f16 %0, %1;" : "=f"(f) : "h"(x.bits));
  return f;
}
__device__ __forceinline__ float to_float(bfloat x) { return __uint_as_float((unsigned)x.bits << 16); }
template <class T> __device__ __forceinline__ float to_float(T x) { return (float)x; }
template <class T> __device__ __forceinline__ T from_float(float f) { return (T)f; }
template <> __device__ __forceinline__ half from_float<half>(float f) {
  half x;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(x.bits) : "f"(f));
  return x;
}
template <> __device__ __forceinline__ bfloat from_float<bfloat>(float f) {
  bfloat x;
  asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(x.bits) : "f"(f));
  return x;
}
#if __CUDA_ARCH__ >= 900
__device__ __forceinline__ void allow_next() { asm volatile("griddepcontrol.launch_dependents;"); }
__device__ __forceinline__ void wait() { asm volatile("griddepcontrol.wait;" ::: "memory"); }
#else
__device__ __forceinline__ void allow_next() {}
__device__ __forceinline__ void wait() {}
#endif
__device__ __forceinline__ void begin() { wait(); allow_next(); }
)";
}

const char* type_name(DType type) {
  switch (type) {
    case DType::f32: return "float";
    case DType::f64: return "double";
    case DType::f16: return "half";
    case DType::bf16: return "bfloat";
    case DType::i8: return "signed char";
    case DType::i16: return "short";
    case DType::i32: return "int";
    case DType::i64: return "long long";
    case DType::u8: return "unsigned char";
    case DType::u16: return "unsigned short";
    case DType::u32: return "unsigned";
    case DType::u64: return "unsigned long long";
    case DType::boolean: return "bool";
    default: return nullptr;
  }
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
