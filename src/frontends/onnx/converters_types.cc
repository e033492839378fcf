// Element types that the standard allows where no kernel takes them: the nearest type that kernels take.
#include "frontends/onnx/converters.h"
#include "ops/small_types.h"

namespace vivace::onnx {

namespace {

ir::Value* cast(Step& s, ir::Value* x, DType to) { return s.add("Cast", {x}, {{"to", static_cast<int64_t>(to)}}); }

// The operator on numbers, whose result is true where it is not 0.
void through_numbers(Step& s, DType numbers) {
  s.inputs[0] = cast(s, s.inputs[0], numbers);
  s.emit();
  s.results = {cast(s, s.results[0], DType::boolean)};
}

}  // namespace

// A mask of integers is added to the scores like one of floats.
void attention_integer_mask(Step& s) {
  if (s.input(3) && is_integer(s.dtype(3))) s.inputs[3] = cast(s, s.inputs[3], DType::f32);
}

void col2im_bool(Step& s) {
  if (s.dtype(0) == DType::boolean) through_numbers(s, DType::i32);
}

void resize_bool(Step& s) {
  if (s.dtype(0) == DType::boolean && s.attributes.text("mode", "nearest") != "nearest") through_numbers(s, DType::f32);
}

// Small floats are multiplied as the floats they mean. Scales are one number, or one for each row of A and of the result
// and for each column of B.
void qlinear_matmul_floats(Step& s) {
  bool small = false;
  for (const size_t i : {0, 3, 7}) small = small || ops::is_small_float(s.dtype(i));
  if (!small) return;
  if (s.inputs.size() != 8 || s.rank(0) < 1 || s.rank(3) < 1)
    return s.fail(s.error("it takes 8 inputs, the matrices of known rank"));
  const auto along = [&](size_t matrix, size_t scale, int64_t axis) {
    if (s.rank(scale) > 1) s.fail(s.unsupported("scales of more than one dimension for small floats"));
    const bool one = s.rank(scale) == 1 && (*s.input(scale)->type.dims)[0].is(1);
    if (one)
      for (const size_t i : {scale, scale + 1})
        s.inputs[i] = s.add("Reshape", {s.inputs[i], s.graph.add_constant(Tensor::of(std::vector<int64_t>()))});
    return ir::Attributes{{"axis", s.rank(matrix) < 2 ? int64_t{0} : axis}};
  };
  const ir::Attributes rows = along(0, 1, -2), columns = along(3, 4, -1), made = along(0, 6, -2);
  if (!s.status.ok()) return;
  ir::Value* a = s.add("DequantizeLinear", {s.inputs[0], s.inputs[1], s.inputs[2]}, rows);
  ir::Value* b = s.add("DequantizeLinear", {s.inputs[3], s.inputs[4], s.inputs[5]}, columns);
  ir::Value* product = s.add("MatMul", {cast(s, a, DType::f32), cast(s, b, DType::f32)});
  s.results = {s.add("QuantizeLinear", {product, cast(s, s.inputs[6], DType::f32), s.inputs[7]}, made)};
}

}  // namespace vivace::onnx
