// DFT and STFT: a thread sums a bin of a transform, term by term, with sines and cosines from a table of its length.
// Sums are f32, f64 for its elements. Long transforms want a fast algorithm and run on the CPU, which has one.
#include <cmath>
#include <numbers>

#include "backends/cuda/rows/elementwise.h"
#include "backends/cuda/rows/sets.h"
#include "ops/infer.h"

namespace vivace::cuda {

namespace {

constexpr int64_t kLongest = 8192;

// A transform of one line of the input, whose elements have one part or two.
struct Transform {
  int64_t lines = 0, inner = 1;                     // lines that begin next to each other
  int64_t in_outer = 0, in_inner = 0, in_step = 0;  // elements between groups of `inner` lines, lines, their elements
  int64_t out_outer = 0, out_inner = 0, out_step = 0;
  int64_t in_parts = 1, out_parts = 2;
  int64_t length = 1, given = 0, bins = 0;  // elements beyond those given are zeros
  bool inverse = false, half = false;       // the input is the first half of a real signal's spectrum
};

Verdict dft_of(const Problem& p, Transform& t) {
  const Shape &x = p.inputs[0].shape, &y = p.outputs[0].shape;
  const bool onesided = p.attributes().integer("onesided") != 0;
  for (const size_t i : {size_t{1}, size_t{2}})
    if (p.has(i) && !p.inputs[i].constant) return no("its length or axis is not constant");
  const auto rank = static_cast<int>(x.size());
  const int axis = ops::normalized_axis(p.has(2) ? to_int64(*p.inputs[2].constant)[0] : -2, rank);
  if (axis < 0 || axis >= rank - 1) return no("an axis out of range");
  const ops::AxisSplit from = ops::split_at(x, axis), to = ops::split_at(y, axis);
  t.inverse = p.attributes().integer("inverse") != 0;
  t.half = t.inverse && onesided;
  t.in_parts = x.back(), t.out_parts = y.back();
  t.length = t.inverse || !onesided ? to.size : p.has(1) ? to_int64(*p.inputs[1].constant)[0] : from.size;
  t.given = std::min(from.size, t.half ? t.length / 2 + 1 : t.length);
  t.bins = to.size;
  t.inner = from.inner / t.in_parts;
  t.lines = from.outer * t.inner;
  t.in_outer = from.size * from.inner, t.in_inner = t.in_parts, t.in_step = from.inner;
  t.out_outer = to.size * to.inner, t.out_inner = t.out_parts, t.out_step = to.inner;
  return yes();
}

Verdict stft_of(const Problem& p, Transform& t) {
  const Shape &x = p.inputs[0].shape, &y = p.outputs[0].shape;
  if (!p.inputs[1].constant || (p.has(3) && !p.inputs[3].constant)) return no("its frames are not constant");
  const int64_t step = to_int64(*p.inputs[1].constant)[0], window = p.has(2) ? p.inputs[2].shape[0] : INT64_MAX;
  t.in_parts = x.size() == 3 ? x[2] : 1;
  t.length = p.has(3) ? to_int64(*p.inputs[3].constant)[0] : p.has(2) ? window : x[1];
  t.given = std::min(t.length, window);
  t.bins = y[2];
  t.inner = y[1];
  t.lines = y[0] * y[1];
  t.in_outer = x[1] * t.in_parts, t.in_inner = step * t.in_parts, t.in_step = t.in_parts;
  t.out_outer = y[1] * y[2] * 2, t.out_inner = y[2] * 2, t.out_step = 2;
  return yes();
}

bool is_stft(const Problem& p) { return p.node->op == "STFT"; }

Verdict transform_of(const Problem& p, Transform& t) {
  if (!is_float(p.inputs[0].type)) return no("floats only");
  if (p.inputs[0].channel_block || p.outputs[0].channel_block) return no("row-major tensors only");
  if (elements(p.inputs[0].shape) > kMostElements || elements(p.outputs[0].shape) > kMostElements)
    return no("more than 2^31 elements");
  if (elements(p.outputs[0].shape) == 0) return no("nothing to compute");
  if (Verdict verdict = is_stft(p) ? stft_of(p, t) : dft_of(p, t); !verdict) return verdict;
  if (t.length < 1 || t.length > kLongest) return no("longer than " + std::to_string(kLongest));
  return yes();
}

// Cosine and sine of each part of the circle.
template <class S>
Result<Tensor> table_of(DType type, int64_t length) {
  VIVACE_ASSIGN(Tensor table, Tensor::allocate(type, {length, 2}));
  for (int64_t i = 0; i < length; ++i) {
    const double angle = 2 * std::numbers::pi * static_cast<double>(i) / static_cast<double>(length);
    table.as<S>()[2 * i] = static_cast<S>(std::cos(angle));
    table.as<S>()[2 * i + 1] = static_cast<S>(std::sin(angle));
  }
  return table;
}

Result<std::vector<Tensor>> prepare(const Problem& p, const std::string&, const Device&) {
  VIVACE_ASSIGN(const Transform t, supported<transform_of>(p));
  VIVACE_ASSIGN(Tensor table, p.inputs[0].type == DType::f64 ? table_of<double>(DType::f64, t.length)
                                                             : table_of<float>(DType::f32, t.length));
  return std::vector<Tensor>{std::move(table)};
}

constexpr const char* kTransform = R"(
extern "C" __global__ void __launch_bounds__(256) transform(const T* x, const Wave* __restrict__ table,
    const T* window, T* y) {
  begin();
  const int i = blockIdx.x * 256 + threadIdx.x;
  if (i >= kLines * kBins) return;
  const int k = i % kBins, line = i / kBins;
  const T* const from = x + line / kInner * kInOuter + line % kInner * kInInner;
  S re = 0, im = 0;
  for (int j = 0, at = 0; j < kGiven; ++j) {
    const S c = table[at].v[0], sine = table[at].v[1];
    S a = wide(from[j * kInStep]), b = kInParts == 2 ? wide(from[j * kInStep + kInParts - 1]) : S(0);
    if (kWindow) {
      const S weight = wide(window[j]);
      a *= weight, b *= weight;
    }
    // The other half of the spectrum is this one's mirror: of both the real part is left.
    if (kHalf && j > 0 && 2 * j != kLength) a *= 2, b *= 2;
    const S s = kInverse ? -sine : sine;
    re += a * c + b * s;
    im += b * c - a * s;
    at += k;
    if (at >= kLength) at -= kLength;
  }
  constexpr S kShare = kInverse ? S(1) / kLength : S(1);
  T* const to = y + line / kInner * kOutOuter + line % kInner * kOutInner + k * kOutStep;
  to[0] = narrow<T>(re * kShare);
  if (kOutParts == 2) to[kOutParts - 1] = narrow<T>(im * kShare);
}
)";

Result<Job> generate(const Problem& p, const std::string&, const Device&) {
  VIVACE_ASSIGN(const Transform t, supported<transform_of>(p));
  Source s;
  const DType type = p.inputs[0].type;
  s.add(prelude()).add(element_helpers()).add(std::string("using T = ") + type_name(type) + ";\n");
  s.add(std::string("using S = ") + (type == DType::f64 ? "double" : "float") + ";\nusing Wave = Vector<S, 2>;\n");
  s.constant("kLines", t.lines).constant("kInner", t.inner).constant("kBins", t.bins);
  s.constant("kInOuter", t.in_outer).constant("kInInner", t.in_inner).constant("kInStep", t.in_step);
  s.constant("kOutOuter", t.out_outer).constant("kOutInner", t.out_inner).constant("kOutStep", t.out_step);
  s.constant("kInParts", t.in_parts).constant("kOutParts", t.out_parts);
  s.constant("kLength", t.length).constant("kGiven", t.given);
  s.constant("kInverse", t.inverse).constant("kHalf", t.half);
  const bool window = is_stft(p) && p.has(2);
  s.constant("kWindow", window);
  return job_of_one(launch_of("transform", s.add(kTransform).text(), t.lines * t.bins,
                              {input(0), packed(0), input(window ? 2 : 0), output()}));
}

double estimate(const Problem& p, const std::string&, const Device& device) {
  Transform t;
  if (!transform_of(p, t)) return 1;
  return roofline_seconds(8.0 * static_cast<double>(t.lines * t.bins) * static_cast<double>(t.given), cpu::bytes_of(p),
                          0.2, device);
}

}  // namespace

extern const Tactic fourier_tactic{
    .name = "cuda_fourier",
    .version = 1,
    .operators = {"DFT", "STFT"},
    .supports = supports_job<Transform, transform_of>,
    .estimate = estimate,
    .prepare = prepare,
    .generate = generate,
};

}  // namespace vivace::cuda
