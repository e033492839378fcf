// Stands in for cuBLASLt: three algorithms, of which the second cannot run, all of them three loops. Descriptors are
// what the calls made of them, so a call in the wrong order or with a wrong number gives wrong results or an error.
#include <cmath>
#include <cstring>
#include <map>

#include "base/dtype.h"
#include "vendor/fakes/fakes.h"

using vivace::BFloat16;
using vivace::Float16;

namespace {

constexpr int kInvalid = 7, kUnsupported = 15;

struct Description {
  int compute, scale;
  std::map<int, uint64_t> attributes;
  uint64_t of(int attribute) const {
    const auto at = attributes.find(attribute);
    return at == attributes.end() ? 0 : at->second;
  }
};
struct Layout {
  int type;
  uint64_t rows, columns;
  int64_t pitch;
  std::map<int, int64_t> attributes;
  int64_t batch() const { return attributes.contains(5) ? attributes.at(5) : 1; }
  int64_t step() const { return attributes.contains(6) ? attributes.at(6) : 0; }
};
struct Preference {
  std::map<int, uint64_t> attributes;
};
struct Result {
  uint64_t algorithm[8];
  size_t workspace;
  int state;
  float waves;
  int reserved[4];
};

FakeCounts counts;
float alpha_of(const void* p) { return *static_cast<const float*>(p); }

template <class T>
uint64_t number(const void* value, size_t bytes) {
  uint64_t made = 0;
  std::memcpy(&made, value, bytes);
  return made;
}

// The layouts fit the product, and every algorithm may be sure of what it was promised.
bool fits(const Description& d, const Layout& a, const Layout& b, const Layout& c) {
  const bool ta = d.of(3) == 1, tb = d.of(4) == 1;
  const uint64_t rows = ta ? a.columns : a.rows, sum = ta ? a.rows : a.columns, columns = tb ? b.rows : b.columns;
  if (rows != c.rows || columns != c.columns || sum != (tb ? b.columns : b.rows)) return false;
  for (const Layout* layout : {&a, &b, &c})
    if (layout->pitch < static_cast<int64_t>(layout->rows) || layout->batch() != c.batch()) return false;
  return d.compute == 68 && d.scale == 0 && d.of(7) != 0;
}

template <class T>
void multiply(const Description& d, float alpha, const T* a, const Layout& la, const T* b, const Layout& lb, float beta,
              const T* c, T* out, const Layout& lc) {
  const auto sum = static_cast<int64_t>(d.of(3) ? la.rows : la.columns);
  const auto* bias = reinterpret_cast<const T*>(d.of(8));
  const uint64_t epilogue = d.of(7);
  for (int64_t i = 0; i < lc.batch(); ++i)
    for (int64_t column = 0; column < static_cast<int64_t>(lc.columns); ++column)
      for (int64_t row = 0; row < static_cast<int64_t>(lc.rows); ++row) {
        double total = 0;
        for (int64_t k = 0; k < sum; ++k)
          total += static_cast<double>(
                       static_cast<float>(a[i * la.step() + (d.of(3) ? row * la.pitch + k : k * la.pitch + row)])) *
                   static_cast<double>(static_cast<float>(
                       b[i * lb.step() + (d.of(4) ? k * lb.pitch + column : column * lb.pitch + k)]));
        const int64_t at = i * lc.step() + column * lc.pitch + row;
        double x = alpha * total + (beta != 0 ? beta * static_cast<double>(static_cast<float>(c[at])) : 0);
        if (epilogue & 4) x += static_cast<double>(static_cast<float>(bias[row]));
        if (epilogue & 2) x = std::fmax(x, 0);
        if (epilogue & 32) x = 0.5 * x * (1 + std::tanh(0.79788456 * (x + 0.044715 * x * x * x)));
        out[at] = static_cast<T>(static_cast<float>(x));
      }
}

}  // namespace

FAKE FakeCounts* fake_cublaslt() { return &counts; }
FAKE int cublasLtCreate(void** handle) { return *handle = new char, ++counts.handles, 0; }
FAKE int cublasLtDestroy(void* handle) { return delete static_cast<char*>(handle), --counts.handles, 0; }
FAKE size_t cublasLtGetVersion() { return 130102; }
FAKE const char* cublasLtGetStatusString(int status) { return status == kUnsupported ? "not supported" : "invalid"; }
FAKE int cublasLtMatmulDescCreate(Description** made, int compute, int scale) {
  return *made = new Description{compute, scale, {}}, ++counts.descriptors, 0;
}
FAKE int cublasLtMatmulDescDestroy(Description* d) { return delete d, --counts.descriptors, 0; }
FAKE int cublasLtMatmulDescSetAttribute(Description* d, int attribute, const void* value, size_t bytes) {
  if (bytes != (attribute == 8 ? 8 : 4)) return kInvalid;
  std::memcpy(&(d->attributes[attribute] = 0), value, bytes);
  return 0;
}
FAKE int cublasLtMatrixLayoutCreate(Layout** made, int type, uint64_t rows, uint64_t columns, int64_t pitch) {
  return *made = new Layout{type, rows, columns, pitch, {}}, ++counts.descriptors, 0;
}
FAKE int cublasLtMatrixLayoutDestroy(Layout* layout) { return delete layout, --counts.descriptors, 0; }
FAKE int cublasLtMatrixLayoutSetAttribute(Layout* layout, int attribute, const void* value, size_t bytes) {
  if (bytes != (attribute == 5 ? 4 : 8)) return kInvalid;
  std::memcpy(&(layout->attributes[attribute] = 0), value, bytes);
  return 0;
}
FAKE int cublasLtMatmulPreferenceCreate(Preference** made) { return *made = new Preference, ++counts.descriptors, 0; }
FAKE int cublasLtMatmulPreferenceDestroy(Preference* p) { return delete p, --counts.descriptors, 0; }
FAKE int cublasLtMatmulPreferenceSetAttribute(Preference* p, int attribute, const void* value, size_t bytes) {
  if (bytes != (attribute == 1 ? 8 : 4)) return kInvalid;
  std::memcpy(&(p->attributes[attribute] = 0), value, bytes);
  return 0;
}
FAKE int cublasLtMatmulAlgoGetHeuristic(void*, Description* d, Layout* a, Layout* b, Layout* c, Layout* to,
                                        Preference* p, int most, Result* results, int* count) {
  if (!fits(*d, *a, *b, *to) || c != to) return kInvalid;
  // Buffers are aligned to 16 bytes and no better.
  for (int i = 5; i <= 8; ++i)
    if (p->attributes[i] != 16) return kInvalid;
  if ((d->of(7) & 4) && d->of(8) % 16) return kInvalid;
  if (d->of(3) == 0 && to->rows == 13) return kUnsupported;
  *count = 0;
  for (; *count < most && *count < 3; ++*count) {
    Result& r = results[*count];
    r = {};
    r.algorithm[0] = static_cast<uint64_t>(*count) + 1;
    r.workspace = static_cast<size_t>(*count) * 1000;
    r.state = *count == 1 ? kUnsupported : 0;
  }
  return 0;
}
FAKE int cublasLtMatmul(void*, Description* d, const void* alpha, const void* a, Layout* la, const void* b, Layout* lb,
                        const void* beta, const void* c, Layout* lc, void* out, Layout* lout, const uint64_t* algorithm,
                        void* workspace, size_t workspace_bytes, void* stream) {
  if (!fits(*d, *la, *lb, *lout) || lc != lout || (algorithm[0] != 1 && algorithm[0] != 3)) return kInvalid;
  if (workspace_bytes != (algorithm[0] - 1) * 1000 || reinterpret_cast<uintptr_t>(workspace) % 256) return kInvalid;
  std::memset(workspace, 0x55, workspace_bytes);
  ++counts.runs;
  counts.stream = stream;
  counts.last = static_cast<int>(algorithm[0]);
  const auto run = [&]<class T>(T) {
    multiply(*d, alpha_of(alpha), static_cast<const T*>(a), *la, static_cast<const T*>(b), *lb, alpha_of(beta),
             static_cast<const T*>(c), static_cast<T*>(out), *lout);
  };
  lout->type == 0 ? run(float()) : lout->type == 2 ? run(Float16()) : run(BFloat16());
  return 0;
}
