// Movement, shapes, constants.
#include <algorithm>
#include <limits>
#include <numeric>

#include "tensorrt/layers/layers.h"
#include "tensorrt/network.h"

namespace vivace::tensorrt {

using namespace nvinfer1;

namespace {

Permutation identity() {
  Permutation same{};
  std::iota(std::begin(same.order), std::end(same.order), 0);
  return same;
}

// The order of all dimensions: those of the client, after the batch.
std::vector<int64_t> whole_order(Build& b, const Permutation& order, int rank) {
  std::vector<int64_t> made;
  if (b.batch()) made.push_back(0);
  std::vector<bool> used(static_cast<size_t>(rank));
  for (int i = 0; i < rank - b.batch(); ++i) {
    const int from = order.order[i] + b.batch();
    if (from < b.batch() || from >= rank || used[static_cast<size_t>(from)]) {
      b.fail("its transposition is no permutation of " + std::to_string(rank - b.batch()) + " dimensions");
      return made;
    }
    used[static_cast<size_t>(from)] = true;
    made.push_back(from);
  }
  return made;
}

}  // namespace

Permutation ShuffleLayer::getFirstTranspose() const noexcept { return first.value_or(identity()); }
Permutation ShuffleLayer::getSecondTranspose() const noexcept { return second.value_or(identity()); }

void ShuffleLayer::emit(Build& b) {
  ir::Value* x = b.in();
  if (first && b.ok()) x = b.transpose(x, whole_order(b, *first, b.rank(x)));
  const bool exact = !zero_is_placeholder && !b.batch();
  if (b.has(1)) {
    ir::Value* to = b.i64(b.in(1));
    if (b.batch()) to = b.add("Concat", {b.ints({0}), to}, {{"axis", int64_t{0}}});
    x = b.add("Reshape", {x, to}, {{"allowzero", int64_t{exact}}});
  } else if (reshape.nbDims >= 0) {
    std::vector<int64_t> to = to_vector(reshape);
    if (b.batch()) to.insert(to.begin(), 0);
    // -1 beside a real 0 is only allowed where it can be worked out.
    const bool has_zero = std::find(to.begin(), to.end(), 0) != to.end();
    x = b.add("Reshape", {x, b.ints(to)}, {{"allowzero", int64_t{exact && has_zero}}});
  }
  if (second && b.ok()) x = b.transpose(x, whole_order(b, *second, b.rank(x)));
  b.out(x == b.in() ? b.add("Identity", {x}) : x);
}

// What lies outside is padded first; starts move by the padding in front.
ir::Value* SliceLayer::padded(Build& b, ir::Value* x, std::vector<int64_t>& starts, const std::vector<int64_t>& sizes,
                              const std::vector<int64_t>& strides, const std::vector<int64_t>& over) {
  const ir::Dims dims = b.dims(x);
  std::vector<int64_t> before, after;
  bool outside = false;
  for (size_t i = 0; b.ok() && i < starts.size(); ++i) {
    const ir::Dim& dim = dims[static_cast<size_t>(over[i])];
    const int64_t last = starts[i] + (sizes[i] - 1) * strides[i];
    const int64_t low = std::min(starts[i], last), high = std::max(starts[i], last);
    before.push_back(std::max<int64_t>(0, -low));
    after.push_back(0);
    if (dim.known())
      after.back() = std::max<int64_t>(0, high - dim.value() + 1);
    else if (low != 0 || strides[i] != 1)
      b.fail("a slice that reaches outside needs known dimensions");
    starts[i] += before.back();
    outside |= before.back() || after.back();
  }
  if (!b.ok() || !outside) return x;
  before.insert(before.end(), after.begin(), after.end());
  const char* how = mode == SampleMode::kWRAP      ? "wrap"
                    : mode == SampleMode::kCLAMP   ? "edge"
                    : mode == SampleMode::kREFLECT ? "reflect"
                                                   : "constant";
  ir::Value* const fill = mode == SampleMode::kFILL && b.has(4) ? b.cast_like(b.in(4), x) : nullptr;
  return b.add("Pad", {x, b.ints(before), fill, b.ints(over)}, {{"mode", std::string(how)}});
}

void SliceLayer::emit(Build& b) {
  ir::Value* x = b.in();
  const int rank = b.rank(x);
  if (!b.ok()) return;
  // Start, size, stride: an input where there is one, the parameter otherwise.
  const Dims* const fixed[] = {&start, &size, &stride};
  bool dynamic = b.has(5);
  for (size_t i = 1; i < 4; ++i) dynamic |= b.has(i);
  std::vector<int64_t> over = axes.nbDims > 0 ? to_vector(axes) : std::vector<int64_t>();
  if (over.empty()) {
    over.resize(static_cast<size_t>(rank - b.batch()));
    std::iota(over.begin(), over.end(), b.batch());
  } else {
    for (int64_t& axis : over) axis = axis < 0 ? axis + rank : axis + b.batch();
  }
  // A stride of 0 repeats an element; an input may hold one.
  const auto strided = [this](auto test) { return std::any_of(stride.d, stride.d + std::max(0, stride.nbDims), test); };
  const bool repeats =
      static_cast<int>(over.size()) == rank && !b.has(5) && (b.has(3) || strided([](auto step) { return step == 0; }));
  if (!dynamic && !repeats) {
    std::vector<int64_t> starts = to_vector(start);
    const std::vector<int64_t> sizes = to_vector(size), strides = to_vector(stride);
    if (starts.size() != over.size() || sizes.size() != over.size() || strides.size() != over.size())
      return b.fail("start, size and stride need " + std::to_string(over.size()) + " elements");
    if (mode != SampleMode::kSTRICT_BOUNDS) x = padded(b, x, starts, sizes, strides, over);
    if (!b.ok()) return;
    std::vector<int64_t> ends;
    for (size_t i = 0; i < starts.size(); ++i) {
      const int64_t end = starts[i] + sizes[i] * strides[i];
      const ir::Dim dim = (*x->type.dims)[static_cast<size_t>(over[i])];
      const int64_t last = end - strides[i];
      if (sizes[i] > 0 && strides[i] != 0 && dim.known() &&
          (starts[i] < 0 || last < 0 || starts[i] >= dim.value() || last >= dim.value()))
        return b.fail("elements " + std::to_string(starts[i]) + " to " + std::to_string(last) + " of dimension " +
                      std::to_string(over[i] - b.batch()) + " reach outside of its " + dim.to_string());
      if (sizes[i] < 0 || strides[i] == 0) return b.fail("a size is negative, or a stride is 0");
      ends.push_back(end < 0 ? std::numeric_limits<int64_t>::min() : end);
    }
    return b.out(b.add("Slice", {x, b.ints(starts), b.ints(ends), b.ints(over), b.ints(strides)}));
  }
  if (mode != SampleMode::kSTRICT_BOUNDS && mode != SampleMode::kCLAMP)
    return b.fail("a slice with bounds computed at run time stays inside");
  ir::Value* own[3];
  for (size_t i = 0; i < 3; ++i) {
    if (b.has(i + 1))
      own[i] = b.i64(b.in(i + 1));
    else if (fixed[i]->nbDims >= 0)
      own[i] = b.ints(to_vector(*fixed[i]));
    else
      return b.fail("start, size and stride are each a parameter or an input");
  }
  ir::Value* count = own[1];
  if (repeats) {
    ir::Value* const once = b.add("Equal", {own[2], b.integer(0)});
    count = b.add("Where", {once, b.integer(1), count});
    own[2] = b.add("Where", {once, b.integer(1), own[2]});
  }
  ir::Value* end = b.add("Add", {own[0], b.add("Mul", {count, own[2]})});
  const bool forward = !b.has(3) && !strided([](auto step) { return step < 0; });
  if (!forward && b.ok())
    end = b.add("Where", {b.add("Less", {end, b.integer(0)}), b.integer(std::numeric_limits<int64_t>::min()), end});
  ir::Value* const taken = b.add("Slice", {x, own[0], end, b.has(5) ? b.i64(b.in(5)) : b.ints(over), own[2]});
  b.out(repeats ? b.add("Expand", {taken, own[1]}) : taken);
}

void ShapeLayer::emit(Build& b) {
  ir::Value* const shape = b.add("Shape", {b.in()}, {{"start", static_cast<int64_t>(b.batch())}});
  b.out(b.cast(shape, VIVACE_TENSORRT_MAJOR < 10 ? DType::i32 : DType::i64));
}

void SqueezeLayer::emit(Build& b) { b.out(b.add("Squeeze", {b.in(0), b.i64(b.in(1))})); }
void UnsqueezeLayer::emit(Build& b) { b.out(b.add("Unsqueeze", {b.in(0), b.i64(b.in(1))})); }

void AssertionLayer::emit(Build& b) {
  ir::Value* const held = b.in();
  if (!b.ok() || !held->is_constant() || held->constant().type() != DType::boolean) return;
  const auto all = held->constant().span<bool>();
  if (!std::all_of(all.begin(), all.end(), [](bool one) { return one; })) b.fail("does not hold: " + message);
}

void ConstantLayer::emit(Build& b) {
  Shape shape = to_vector(dims);
  if (b.batch()) shape.insert(shape.begin(), 1);
  if (weights.count == 0) {
    Result<vivace::Tensor> empty = vivace::Tensor::allocate(to_dtype(weights.type), shape);
    if (!empty.ok()) return b.fail(empty.status());
    return b.out(b.constant(std::move(*empty)));
  }
  b.out(b.weights(weights, std::move(shape), nullptr, "weights"));
}

// ---- Fill ----

// alpha + sum over dimensions k of beta[k] * index[k].
ir::Value* FillLayer::linspace(Build& b, ir::Value* shape) {
  const DType type = to_dtype(to);
  const auto number = [&](double value) {
    return type == DType::i64 || type == DType::i32
               ? b.cast(b.integer(static_cast<int64_t>(value)), type)
               : b.cast(b.constant(vivace::Tensor::scalar(static_cast<float>(value))), type);
  };
  const ir::Dims dims = b.dims(shape);
  if (!b.ok()) return nullptr;
  const int64_t rank = dims.empty() || !dims[0].known() ? 1 : dims[0].value();
  ir::Value* const first = b.has(1) ? b.cast(b.in(1), type) : number(alpha);
  ir::Value* sum = nullptr;
  for (int64_t k = 0; b.ok() && k < rank; ++k) {
    ir::Value* const length = b.add("Squeeze", {b.add("Gather", {shape, b.ints({k})})});
    ir::Value* index = b.cast(b.add("Range", {b.integer(0), length, b.integer(1)}), type);
    ir::Value* step = number(beta);
    if (b.has(2)) {
      step = b.cast(b.in(2), type);
      if (b.ok() && b.rank(step) > 0) step = b.add("Squeeze", {b.add("Gather", {step, b.ints({k})})});
    } else if (k + 1 < rank) {
      step = number(0);  // a single beta is that of the last dimension
    }
    std::vector<int64_t> column(static_cast<size_t>(rank - k), 1);
    column[0] = -1;
    index = b.reshape(b.add("Mul", {index, step}), column);
    sum = sum ? b.add("Add", {sum, index}) : index;
  }
  return b.add("Add", {sum, first});
}

// Numbers from a fixed seed, made while building: every run of the engine sees the same.
ir::Value* FillLayer::random(Build& b, ir::Value* shape) {
  const auto* known = shape && shape->known ? &*shape->known : nullptr;
  const std::optional<Shape> sizes = known ? to_shape(*known) : std::nullopt;
  if (b.ok() && !sizes) b.fail("random numbers need dimensions that are known while building");
  if (b.ok() && (b.has(1) || b.has(2))) b.fail("the bounds of random numbers must be parameters");
  if (!b.ok()) return nullptr;
  Result<vivace::Tensor> made = vivace::Tensor::allocate(DType::f32, *sizes);
  if (!made.ok()) return b.fail(made.status()), nullptr;
  uint64_t state = 0x9e3779b97f4a7c15U;
  const auto uniform = [&] {  // in [0, 1), from a multiplicative congruential generator's high bits
    state = state * 6364136223846793005U + 1442695040888963407U;
    return static_cast<double>(state >> 11) * 0x1p-53;
  };
  for (float& value : made->span<float>()) {
    if (operation == FillOperation::kRANDOM_UNIFORM) {
      value = static_cast<float>(alpha + (beta - alpha) * uniform());
    } else {  // the sum of 12 uniform numbers has variance 1 and is close to normal
      double sum = -6;
      for (int i = 0; i < 12; ++i) sum += uniform();
      value = static_cast<float>(alpha + beta * sum);
    }
  }
  return b.cast(b.constant(std::move(*made)), to_dtype(to));
}

void FillLayer::emit(Build& b) {
  ir::Value* shape = b.has(0) ? b.i64(b.in(0)) : b.ints(to_vector(dims));
  if (b.ok() && shape->is_constant() && !shape->known) {
    const std::vector<int64_t> sizes = to_int64(shape->constant());
    shape->known = ir::Dims(sizes.begin(), sizes.end());
  }
  b.out(operation == FillOperation::kLINSPACE ? linspace(b, shape) : random(b, shape));
}

}  // namespace vivace::tensorrt
