// Softmax, LogSoftmax, Hardmax over one axis.
#include <algorithm>
#include <cmath>
#include <limits>

#include "ops/kernel.h"

namespace vivace::ops {

Status infer_softmax(Inference& in) {
  if (in.dims(0)) VIVACE_TRY(checked_axis(in, in.attributes.integer("axis", -1), in.rank(0)).status());
  return infer_same_as_first(in);
}

namespace {
// Calls f(x, y, size, stride) for every line along the axis.
template <class T, class F>
void for_each_line(const Call& call, F f) {
  const TensorView& x = call.input(0);
  const AxisSplit split = split_at(x.shape, normalized_axis(call.attributes.integer("axis", -1), x.rank()));
  if (split.size == 0) return;
  parallel_for(call.pool, split.outer * split.inner, std::max<int64_t>(1, 4096 / split.size),
               [&](int64_t begin, int64_t end) {
                 for (int64_t line = begin; line < end; ++line) {
                   const int64_t offset = line / split.inner * split.size * split.inner + line % split.inner;
                   f(x.as<T>() + offset, call.output().as<T>() + offset, split.size, split.inner);
                 }
               });
}
}  // namespace

// The maximum is subtracted first; sums are kept in f64.
Status reference_softmax(Call& call) {
  const bool log = call.node.op == "LogSoftmax";
  return for_floats(call, call.input(0).type, [&]<class T>() {
    using W = Wide<T>;
    for_each_line<T>(call, [log](const T* x, T* y, int64_t size, int64_t stride) {
      W top = static_cast<W>(x[0]);
      for (int64_t i = 1; i < size; ++i) top = std::max(top, static_cast<W>(x[i * stride]));
      double sum = 0;
      for (int64_t i = 0; i < size; ++i) sum += static_cast<double>(std::exp(static_cast<W>(x[i * stride]) - top));
      const W scale = static_cast<W>(log ? std::log(sum) : 1 / sum);
      for (int64_t i = 0; i < size; ++i) {
        const W shifted = static_cast<W>(x[i * stride]) - top;
        y[i * stride] = static_cast<T>(log ? shifted - scale : std::exp(shifted) * scale);
      }
    });
  });
}

// 1 at the first maximum, 0 elsewhere.
Status reference_hardmax(Call& call) {
  return for_floats(call, call.input(0).type, [&]<class T>() {
    for_each_line<T>(call, [](const T* x, T* y, int64_t size, int64_t stride) {
      int64_t best = 0;
      for (int64_t i = 1; i < size; ++i)
        if (static_cast<Wide<T>>(x[i * stride]) > static_cast<Wide<T>>(x[best * stride])) best = i;
      for (int64_t i = 0; i < size; ++i) y[i * stride] = static_cast<T>(i == best ? 1.0f : 0.0f);
    });
  });
}

}  // namespace vivace::ops
