// DFT and STFT. Sums are f64 whatever the elements' type, by fast transforms.
#include <algorithm>

#include "ops/fft.h"
#include "ops/kernel.h"

namespace vivace::ops {

namespace {

constexpr int64_t kLongest = int64_t{1} << 26;  // of a transform, whose tables are a few times as long

// A scalar input's value where it is known now: a number or a symbol; `otherwise` where it is omitted.
Result<ir::Dim> scalar(const Inference& in, size_t i, const char* what, const ir::Dim& otherwise) {
  if (!in.has(i)) return otherwise;
  VIVACE_TRY(require_type(in, i, {DType::i32, DType::i64}));
  const auto known = in.known(i);
  if (!known) return ir::Dim();
  if (known->size() != 1) return in.error(std::string(what) + " must be one number");
  return (*known)[0];
}

Result<ir::Dim> length(const Inference& in, size_t i, const char* what, const ir::Dim& otherwise,
                       int64_t most = kLongest) {
  VIVACE_ASSIGN(ir::Dim n, scalar(in, i, what, otherwise));
  if (n.known() && (n.value() < 1 || n.value() > most))
    return in.error(std::string(what) + " is " + std::to_string(n.value()) + "; it must be 1 to " +
                    std::to_string(most));
  return n;
}

Status check_parts(const Inference& in, const ir::Dim& parts) {
  if (!parts.known() || parts.is(1) || parts.is(2)) return {};
  return in.error("the last dimension of its input must hold a real part, or a real and an imaginary one");
}

ir::Dim half(const ir::Dim& length) { return floor_div(length, 2) + ir::Dim(1); }

// A signal inside a tensor, its elements `stride` apart, of one part or two.
template <class T>
struct Signal {
  T* data;
  int64_t stride, parts;

  Complex get(int64_t i) const {
    const T* at = data + i * stride;
    return {static_cast<double>(static_cast<Wide<T>>(at[0])),
            parts == 2 ? static_cast<double>(static_cast<Wide<T>>(at[1])) : 0.0};
  }
  void set(int64_t i, Complex value) const {
    T* at = data + i * stride;
    at[0] = static_cast<T>(static_cast<Wide<T>>(value.re));
    if (parts == 2) at[1] = static_cast<T>(static_cast<Wide<T>>(value.im));
  }
};

// Runs f(i, data, scratch) for each of `count` transforms, data holding one.
void for_transforms(ThreadPool* pool, const Fft& fft, int64_t count,
                    FunctionRef<void(int64_t i, Complex* data, Complex* scratch)> f) {
  parallel_for(pool, count, std::max<int64_t>(1, 4096 / fft.length()), [&](int64_t begin, int64_t end) {
    std::vector<Complex> data(static_cast<size_t>(fft.length())), scratch(static_cast<size_t>(fft.scratch()));
    for (int64_t i = begin; i < end; ++i) f(i, data.data(), scratch.data());
  });
}

}  // namespace

// Inputs: signals [..., n, ..., 1 or 2], length, axis. Forward and one-sided: the first half of what a real signal
// gives; backward and one-sided: the real signal that such a half comes from.
Status infer_dft(Inference& in) {
  VIVACE_TRY(require_rank(in, 0, 2, kMaxRank));
  VIVACE_TRY(require_type(in, 2, {DType::i32, DType::i64}));
  const bool inverse = in.attributes.integer("inverse") != 0, onesided = in.attributes.integer("onesided") != 0;
  if (!in.dims(0)) return in.set_unknown_rank(0, in.dtype(0)), Status();
  ir::Dims out = *in.dims(0);
  VIVACE_TRY(check_parts(in, out.back()));
  if (onesided && out.back().is(inverse ? 1 : 2))
    return in.error(inverse ? "a one-sided inverse transform takes a complex spectrum"
                            : "a one-sided transform takes a real signal");
  out.back() = inverse && onesided ? 1 : 2;
  VIVACE_ASSIGN(const ir::Dim axis, scalar(in, 2, "axis", -2));
  if (!axis.known()) {  // any but the last
    std::fill(out.begin(), out.end() - 1, ir::Dim());
    return in.set(0, in.dtype(0), std::move(out)), Status();
  }
  VIVACE_ASSIGN(const int at, checked_axis(in, axis.value(), in.rank(0)));
  if (at == in.rank(0) - 1) return in.error("axis is the last one, which holds the parts of each element");
  ir::Dim& n = out[static_cast<size_t>(at)];
  VIVACE_ASSIGN(const ir::Dim size,
                length(in, 1, "dft_length", inverse && onesided ? ir::Dim(2) * (n - ir::Dim(1)) : n));
  n = onesided && !inverse ? half(size) : size;
  in.set(0, in.dtype(0), std::move(out));
  return {};
}

Status reference_dft(Call& call) {
  VIVACE_TRY(size_outputs(call));
  const TensorView &x = call.input(0), &y = call.output();
  const bool inverse = call.attributes.integer("inverse") != 0, onesided = call.attributes.integer("onesided") != 0;
  const int axis = normalized_axis(call.has(2) ? to_int64(call.input(2))[0] : -2, x.rank());
  const AxisSplit from = split_at(x.shape, axis), to = split_at(y.shape, axis);
  const int64_t inner = from.inner / x.shape.back();
  const int64_t length = inverse || !onesided ? to.size : call.has(1) ? to_int64(call.input(1))[0] : from.size;
  const int64_t given = std::min(from.size, inverse && onesided ? length / 2 + 1 : length);  // zeros fill up the rest
  const Fft fft(length);
  return for_floats(call, x.type, [&]<class T>() {
    for_transforms(call.pool, fft, from.outer * inner, [&](int64_t line, Complex* data, Complex* scratch) {
      const int64_t o = line / inner, i = line % inner;
      const Signal<const T> in{x.as<const T>() + o * from.size * from.inner + i * x.shape.back(), from.inner,
                               x.shape.back()};
      const Signal<T> out{y.as<T>() + o * to.size * to.inner + i * y.shape.back(), to.inner, y.shape.back()};
      std::fill_n(data, length, Complex{});
      for (int64_t k = 0; k < given; ++k) data[k] = in.get(k);
      if (inverse && onesided)
        for (int64_t k = 1; k < (length + 1) / 2; ++k) data[length - k] = {data[k].re, -data[k].im};
      inverse ? fft.backward(data, scratch) : fft.forward(data, scratch);
      const double share = inverse ? 1.0 / static_cast<double>(length) : 1.0;
      for (int64_t k = 0; k < to.size; ++k) out.set(k, {data[k].re * share, data[k].im * share});
    });
  });
}

// Inputs: signals [batch, n, 1 or 2] or [batch, n], step of frames, window, length of a frame's transform.
Status infer_stft(Inference& in) {
  VIVACE_TRY(require_rank(in, 0, 2, 3));
  VIVACE_TRY(require_rank(in, 2, 1, 1));
  VIVACE_TRY(require_same_type(in, 2, 0));
  if (in.rank(0) == 3) VIVACE_TRY(check_parts(in, in.dims(0)->back()));
  const ir::Dim signal = in.dims(0) ? (*in.dims(0))[1] : ir::Dim();
  VIVACE_ASSIGN(const ir::Dim step, length(in, 1, "frame_step", ir::Dim(), INT64_MAX));
  const ir::Dim window = !in.has(2) ? signal : in.dims(2) ? (*in.dims(2))[0] : ir::Dim();
  VIVACE_ASSIGN(const ir::Dim frame, length(in, 3, "frame_length", window));
  if (frame.known() && signal.known() && frame.value() > signal.value())
    return in.error("a frame of " + std::to_string(frame.value()) + " elements is longer than its signal of " +
                    std::to_string(signal.value()));
  const ir::Dim frames = step.known() ? floor_div(signal - frame, step) + ir::Dim(1) : ir::Dim();
  const ir::Dim bins = in.attributes.integer("onesided", 1) != 0 ? half(frame) : frame;
  in.set(0, in.dtype(0), {in.dims(0) ? in.dims(0)->front() : ir::Dim(), frames, bins, 2});
  return {};
}

Status reference_stft(Call& call) {
  VIVACE_TRY(size_outputs(call));
  const TensorView &x = call.input(0), &y = call.output();
  const int64_t n = x.shape[1], parts = x.rank() == 3 ? x.shape[2] : 1, step = to_int64(call.input(1))[0];
  const int64_t frames = y.shape[1], bins = y.shape[2];
  const int64_t length = call.has(3) ? to_int64(call.input(3))[0] : call.has(2) ? call.input(2).count() : n;
  const int64_t given = call.has(2) ? std::min(length, call.input(2).count()) : length;  // zeros fill up the rest
  const Fft fft(length);
  return for_floats(call, x.type, [&]<class T>() {
    const T* window = call.has(2) ? call.input(2).as<T>() : nullptr;
    for_transforms(call.pool, fft, x.shape[0] * frames, [&](int64_t line, Complex* data, Complex* scratch) {
      const Signal<const T> in{x.as<const T>() + (line / frames * n + line % frames * step) * parts, parts, parts};
      const Signal<T> out{y.as<T>() + line * bins * 2, 2, 2};
      std::fill_n(data, length, Complex{});
      for (int64_t k = 0; k < given; ++k) {
        const double weight = window ? static_cast<double>(static_cast<Wide<T>>(window[k])) : 1.0;
        const Complex value = in.get(k);
        data[k] = {value.re * weight, value.im * weight};
      }
      fft.forward(data, scratch);
      for (int64_t k = 0; k < bins; ++k) out.set(k, data[k]);
    });
  });
}

}  // namespace vivace::ops
