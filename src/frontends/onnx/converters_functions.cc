// Operators that the standard defines by others, where nothing would be gained by kernels of their own.
#include <numbers>

#include "frontends/onnx/converters.h"

namespace vivace::onnx {

namespace {

// a0 + a1 cos(2 pi i / n) + a2 cos(4 pi i / n), n one less where the window is not a period.
void cosine_window(Step& s, double a0, double a1, double a2) {
  const int64_t type = s.attributes.integer("output_datatype", static_cast<int64_t>(DType::f32));
  const DType inner = type == static_cast<int64_t>(DType::f64) ? DType::f64 : DType::f32;
  const bool periodic = s.attributes.integer("periodic", 1) != 0;
  const auto cast = [&](ir::Value* x, int64_t to) { return s.add("Cast", {x}, {{"to", to}}); };
  const auto times = [&](ir::Value* x, double factor) { return s.add("Mul", {x, s.scalar(inner, factor)}); };
  const DType counted = s.dtype(0);
  if (counted != DType::i32 && counted != DType::i64) return s.fail(s.error("the size must be i32 or i64"));
  ir::Value* places = cast(s.add("Range", {s.scalar(counted, 0), s.input(0), s.scalar(counted, 1)}), static_cast<int64_t>(inner));
  ir::Value* period = cast(s.input(0), static_cast<int64_t>(inner));
  if (!periodic) period = s.add("Sub", {period, s.scalar(inner, 1)});
  ir::Value* angle = s.add("Div", {times(places, 2 * std::numbers::pi), period});
  ir::Value* sum = s.add("Add", {times(s.add("Cos", {angle}), a1), s.scalar(inner, a0)});
  if (a2 != 0) sum = s.add("Add", {times(s.add("Cos", {times(angle, 2)}), a2), sum});
  s.results = {cast(sum, type)};
}

// -weight[label] * x[n, label, ...], summed up as `reduction` says. What has the label `ignore_index` does not count.
ir::Value* likelihood_loss(Step& s, ir::Value* x, ir::Value* labels, ir::Value* weight) {
  const std::string reduction = s.attributes.text("reduction", "mean");
  const DType type = s.dtype(0);
  ir::Value* counts = nullptr;  // which elements do
  if (s.attributes.has("ignore_index")) {
    ir::Value* ignored = s.scalar(s.dtype(1), static_cast<double>(s.attributes.integer("ignore_index")));
    counts = s.add("Not", {s.add("Equal", {labels, ignored})});
    labels = s.add("Where", {counts, labels, s.scalar(s.dtype(1), 0)});
  }
  ir::Value* chosen = s.add("GatherElements", {x, s.add("Unsqueeze", {labels, s.constant({1})})}, {{"axis", int64_t{1}}});
  ir::Value* loss = s.add("Neg", {s.add("Squeeze", {chosen, s.constant({1})})});
  ir::Value* shares = nullptr;
  if (weight) {
    shares = s.add("Gather", {weight, labels});
    loss = s.add("Mul", {loss, shares});
  }
  if (counts) {
    ir::Value* zero = s.scalar(type, 0);
    loss = s.add("Where", {counts, loss, zero});
    shares = s.add("Where", {counts, shares ? shares : s.scalar(type, 1), zero});
  }
  if (reduction == "none") return loss;
  const ir::Attributes to_one = {{"keepdims", int64_t{0}}};
  if (reduction == "mean" && !shares) return s.add("ReduceMean", {loss}, to_one);
  ir::Value* total = s.add("ReduceSum", {loss}, to_one);
  if (reduction == "sum") return total;
  if (reduction != "mean") s.fail(s.error("unknown reduction '" + reduction + "'"));
  return s.add("Div", {total, s.add("ReduceSum", {shares}, to_one)});
}

}  // namespace

void hann_window(Step& s) { cosine_window(s, 0.5, -0.5, 0); }
void hamming_window(Step& s) { cosine_window(s, 25.0 / 46, -21.0 / 46, 0); }
void blackman_window(Step& s) { cosine_window(s, 0.42, -0.5, 0.08); }

void negative_log_likelihood_loss(Step& s) {
  s.results = {likelihood_loss(s, s.input(0), s.input(1), s.input(2))};
}

void softmax_cross_entropy_loss(Step& s) {
  ir::Value* logarithms = s.add("LogSoftmax", {s.input(0)}, {{"axis", int64_t{1}}});
  s.results = {likelihood_loss(s, logarithms, s.input(1), s.input(2))};
  if (s.outputs > 1) s.results.push_back(logarithms);
}

}  // namespace vivace::onnx
