#include "backends/cpu/kernels/pointwise.h"

#include <math.h>

#include "backends/cpu/kernels/launch.h"
#include "backends/cpu/kernels/simd_math.h"

namespace vivace::cpu::VIVACE_ISA {

namespace {

using Plan = PointwisePlan;
using Op = PointwiseOp;

struct Sources {
  const float* p[3];
};

// to[i] = f(a[i], b[i], c[i]); N operands. Tails are masked: nothing beyond n is touched.
template <int N, class F>
inline void sweep(const Sources& from, float* to, int64_t n, F f) {
  const auto step = [&](int64_t i, auto get, auto put) {
    if constexpr (N == 1) put(to + i, f(get(from.p[0] + i)));
    if constexpr (N == 2) put(to + i, f(get(from.p[0] + i), get(from.p[1] + i)));
    if constexpr (N == 3) put(to + i, f(get(from.p[0] + i), get(from.p[1] + i), get(from.p[2] + i)));
  };
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes)
    step(
        i, [](const float* p) { return load(p); }, [](float* p, Vec v) { store(p, v); });
  if (const int rest = static_cast<int>(n - i))
    step(
        i, [=](const float* p) { return load_first(p, rest); }, [=](float* p, Vec v) { store_first(p, v, rest); });
}

inline Vec truth(VecI mask) { return from_bits(mask & 0x3f800000); }
inline VecI is_true(Vec x) { return x != 0.f; }

Vec each_lane(Vec x, float (*f)(float)) {
  for (int i = 0; i < kLanes; ++i) x[i] = f(x[i]);
  return x;
}
inline bool any(VecI mask) {
  int32_t all = 0;
  for (int i = 0; i < kLanes; ++i) all |= mask[i];
  return all != 0;
}
// Large arguments need a long reduction and are rare: the C library does them.
inline Vec sin(Vec x) { return any(~(abs(x) < kSinLimit)) ? each_lane(x, sinf) : sin_of_quarter(x, 0); }
inline Vec cos(Vec x) { return any(~(abs(x) < kSinLimit)) ? each_lane(x, cosf) : sin_of_quarter(x, 1); }

void fill(float* to, float value, int64_t n) {
  const Vec v = splat(value);
  sweep<1>({{to}}, to, n, [=](Vec) { return v; });
}

void run_step(const Plan::Step& s, const Sources& from, float* to, int64_t n) {
  const float alpha = s.alpha, beta = s.beta;
  const auto one = [&](auto f) { sweep<1>(from, to, n, f); };
  const auto two = [&](auto f) { sweep<2>(from, to, n, f); };
  const auto three = [&](auto f) { sweep<3>(from, to, n, f); };
  const auto activation = [&]<Activation A>() { one([=](Vec x) { return activate<A>(x, alpha, beta); }); };
  switch (s.op) {
    case Op::constant: return fill(to, alpha, n);
    case Op::add: return two([](Vec a, Vec b) { return a + b; });
    case Op::sub: return two([](Vec a, Vec b) { return a - b; });
    case Op::mul: return two([](Vec a, Vec b) { return a * b; });
    case Op::div: return two([](Vec a, Vec b) { return a / b; });
    case Op::max: return two([](Vec a, Vec b) { return ((a > b) | (a != a)) ? a : b; });
    case Op::min: return two([](Vec a, Vec b) { return ((a < b) | (a != a)) ? a : b; });
    case Op::less: return two([](Vec a, Vec b) { return truth(a < b); });
    case Op::less_equal: return two([](Vec a, Vec b) { return truth(a <= b); });
    case Op::greater: return two([](Vec a, Vec b) { return truth(a > b); });
    case Op::greater_equal: return two([](Vec a, Vec b) { return truth(a >= b); });
    case Op::equal: return two([](Vec a, Vec b) { return truth(a == b); });
    case Op::not_equal: return two([](Vec a, Vec b) { return truth(a != b); });
    case Op::logical_and: return two([](Vec a, Vec b) { return truth(is_true(a) & is_true(b)); });
    case Op::logical_or: return two([](Vec a, Vec b) { return truth(is_true(a) | is_true(b)); });
    case Op::logical_not: return one([](Vec a) { return truth(a == 0.f); });
    case Op::fma: return three([](Vec a, Vec b, Vec c) { return a * b + c; });
    case Op::where: return three([](Vec a, Vec b, Vec c) { return is_true(a) ? b : c; });
    case Op::pow:
      return two([](Vec a, Vec b) {
        for (int i = 0; i < kLanes; ++i) a[i] = powf(a[i], b[i]);
        return a;
      });
    case Op::neg: return one([](Vec a) { return -a; });
    case Op::abs: return one([](Vec a) { return abs(a); });
    case Op::sign: return one([](Vec a) { return a > 0.f ? splat(1) : a < 0.f ? splat(-1) : a; });
    case Op::reciprocal: return one([](Vec a) { return 1.f / a; });
    case Op::sqrt: return one([](Vec a) { return sqrt(a); });
    case Op::rsqrt: return one([](Vec a) { return 1.f / sqrt(a); });
    case Op::square: return one([](Vec a) { return a * a; });
    case Op::floor: return one([](Vec a) { return floor(a); });
    case Op::ceil: return one([](Vec a) { return ceil(a); });
    case Op::round: return one([](Vec a) { return round(a); });
    case Op::exp: return one([](Vec a) { return exp(a); });
    case Op::log: return one([](Vec a) { return log(a); });
    case Op::sin: return one([](Vec a) { return sin(a); });
    case Op::cos: return one([](Vec a) { return cos(a); });
    case Op::erf: return one([](Vec a) { return erf(a); });
    case Op::elu: return one([=](Vec a) { return a < 0.f ? exp_minus_1_below(a) * alpha : a; });
    case Op::selu: return one([=](Vec a) { return (a < 0.f ? exp_minus_1_below(a) * alpha : a) * beta; });
    case Op::softplus: return one([](Vec a) { return softplus(a); });
    case Op::softsign: return one([](Vec a) { return a / (1.f + abs(a)); });
    case Op::mish: return one([](Vec a) { return mish(a); });
    case Op::tanh: return activation.template operator()<Activation::tanh>();
    case Op::sigmoid: return activation.template operator()<Activation::sigmoid>();
    case Op::relu: return activation.template operator()<Activation::relu>();
    case Op::clip: return activation.template operator()<Activation::clip>();
    case Op::leaky_relu: return activation.template operator()<Activation::leaky_relu>();
    case Op::hard_sigmoid: return activation.template operator()<Activation::hard_sigmoid>();
    case Op::hard_swish: return activation.template operator()<Activation::hard_swish>();
    case Op::silu: return activation.template operator()<Activation::silu>();
    case Op::gelu: return activation.template operator()<Activation::gelu>();
    case Op::gelu_tanh: return activation.template operator()<Activation::gelu_tanh>();
  }
}

// One row piece of an operand with any stride.
inline void copy_strided(const float* from, int64_t stride, float* to, int64_t n) {
  if (stride == 1) return sweep<1>({{from}}, to, n, [](Vec v) { return v; });
  if (stride == 0) return fill(to, *from, n);
  for (int64_t i = 0; i < n; ++i) to[i] = from[i * stride];
}

// Walks the rows of the result in order, with the offset of each operand's row.
class Rows {
 public:
  Rows(const Plan& plan, int64_t row) : plan_(plan) {
    for (int d = plan.rank - 2; d >= 0; --d) index_[d] = row % plan.dims[d], row /= plan.dims[d];
    for (int i = 0; i < plan.inputs; ++i) {
      offset_[i] = 0;
      for (int d = 0; d < plan.rank - 1; ++d) offset_[i] += index_[d] * plan.input[i].strides[d];
    }
  }
  void next(int64_t rows = 1) {
    const int over = plan_.rank - 2;
    for (int64_t step; rows > 0 && over >= 0; rows -= step) {
      step = smaller(rows, plan_.dims[over] - index_[over]);
      move(over, step);
      for (int d = over; index_[d] == plan_.dims[d]; --d) {
        move(d, -plan_.dims[d]);
        if (d == 0) break;
        move(d - 1, 1);
      }
    }
  }
  int64_t offset(int input) const { return offset_[input]; }
  /// Rows until the dimension over rows ends.
  int64_t left() const { return plan_.rank > 1 ? plan_.dims[plan_.rank - 2] - index_[plan_.rank - 2] : 1; }
  /// How many rows from here on an operand with this stride over rows has at the same place.
  int64_t repeats(int input) const {
    return plan_.rank > 1 && plan_.input[input].strides[plan_.rank - 2] == 0 ? left() : 1;
  }

 private:
  void move(int dim, int64_t by) {
    index_[dim] += by;
    for (int i = 0; i < plan_.inputs; ++i) offset_[i] += plan_.input[i].strides[dim] * by;
  }

  const Plan& plan_;
  int64_t index_[kPointwiseRank];
  int64_t offset_[kPointwiseInputs];
};

class Task {
 public:
  Task(const Plan& plan, const float* const* inputs, float* result, float* scratch)
      : plan_(plan), inputs_(inputs), result_(result), scratch_(scratch), slot_floats_(slot_floats(plan)) {
    // Blocks that end where an operand's repetitions do cost less than filling its slot row by row.
    const int over = plan.rank - 2;
    for (int i = 0; i < plan.inputs; ++i)
      ends_with_repeats_ |= plan.input[i].kind == Plan::Input::Kind::expanded && over >= 0 &&
                            plan.input[i].strides[over] == 0 && plan.dims[over] * plan.row >= kLongRepeat;
  }

  static int64_t slot_floats(const Plan& plan) { return round_up(plan.block, 16); }

  // Elements [begin, end) of the result; begin is the start of a block.
  void run(int64_t begin, int64_t end) {
    const int64_t row = plan_.row;
    for (int i = 0; i < plan_.inputs; ++i) {
      const Plan::Input& input = plan_.input[i];
      if (input.kind != Plan::Input::Kind::fixed) continue;
      const int64_t stride = input.strides[plan_.rank - 1];
      if (stride == 0)
        fill(slot(input.slot), inputs_[i][0], plan_.block);
      else
        for (int64_t at = 0; at < plan_.block; at += row) copy_strided(inputs_[i], stride, slot(input.slot) + at, row);
      at_[i] = slot(input.slot);
    }
    for (int s = 0; s < plan_.steps; ++s)
      if (constant(plan_.step[s])) fill(slot(plan_.step[s].to), plan_.step[s].alpha, plan_.block);
    Rows rows(plan_, begin / row);
    for (int64_t at = begin, n; at < end; at += n) {
      if (plan_.block < row) {
        const int64_t column = at % row;
        n = smaller(smaller(plan_.block, row - column), end - at);
        place_row(rows, at, column, n);
        if (column + n == row) rows.next();
      } else {
        n = smaller(plan_.block, end - at);
        if (ends_with_repeats_) n = smaller(n, rows.left() * row);
        place_rows(rows, at, n);
      }
      for (int s = 0; s < plan_.steps; ++s)
        if (!constant(plan_.step[s])) compute(plan_.step[s], at, n);
    }
  }

 private:
  float* slot(int16_t index) { return scratch_ + index * slot_floats_; }
  static bool constant(const Plan::Step& s) { return s.op == Op::constant && s.to != Plan::kResult; }

  void compute(const Plan::Step& s, int64_t at, int64_t n) {
    Sources from;
    for (int k = 0; k < 3; ++k) from.p[k] = s.from[k] < 0 ? at_[-1 - s.from[k]] : slot(s.from[k]);
    run_step(s, from, s.to == Plan::kResult ? result_ + at : slot(s.to), n);
  }
  // A piece of one row.
  void place_row(const Rows& rows, int64_t at, int64_t column, int64_t n) {
    for (int i = 0; i < plan_.inputs; ++i) {
      const Plan::Input& input = plan_.input[i];
      if (input.kind == Plan::Input::Kind::whole) at_[i] = inputs_[i] + at;
      if (input.kind != Plan::Input::Kind::expanded) continue;
      const int64_t stride = input.strides[plan_.rank - 1];
      const float* from = inputs_[i] + rows.offset(i) + column * stride;
      at_[i] = from;
      if (stride != 1) copy_strided(from, stride, slot(input.slot), n), at_[i] = slot(input.slot);
    }
  }
  // Whole rows.
  void place_rows(Rows& rows, int64_t at, int64_t n) {
    if (n == plan_.row) {
      place_row(rows, at, 0, n);
      return rows.next();
    }
    int walked[kPointwiseInputs], count = 0;
    for (int i = 0; i < plan_.inputs; ++i) {
      if (plan_.input[i].kind == Plan::Input::Kind::whole) at_[i] = inputs_[i] + at;
      if (plan_.input[i].kind != Plan::Input::Kind::expanded) continue;
      at_[i] = slot(plan_.input[i].slot);
      const float* from = inputs_[i] + rows.offset(i);
      if (rows.repeats(i) * plan_.row < n) {
        walked[count++] = i, held_floats_[i] = 0;
      } else if (held_[i] != from || held_floats_[i] < n) {  // else the slot holds it from the block before
        repeat_row(from, plan_.input[i].strides[plan_.rank - 1], slot(plan_.input[i].slot), n);
        held_[i] = from, held_floats_[i] = n;
      }
    }
    if (count == 0) return rows.next(n / plan_.row);
    for (int64_t done = 0; done < n; done += plan_.row, rows.next())
      for (int w = 0; w < count; ++w) {
        const Plan::Input& input = plan_.input[walked[w]];
        copy_strided(inputs_[walked[w]] + rows.offset(walked[w]), input.strides[plan_.rank - 1],
                     slot(input.slot) + done, plan_.row);
      }
  }

  // n floats of one row again and again.
  void repeat_row(const float* from, int64_t stride, float* to, int64_t n) {
    copy_strided(from, stride, to, plan_.row);
    for (int64_t done = plan_.row, more; done < n; done += more) {
      more = smaller(done, n - done);
      copy_strided(to, 1, to + done, more);
    }
  }

  static constexpr int64_t kLongRepeat = 256;  // floats

  const Plan& plan_;
  const float* const* inputs_;
  float* result_;
  float* scratch_;
  int64_t slot_floats_;
  const float* at_[kPointwiseInputs] = {};
  const float* held_[kPointwiseInputs] = {};  // the one row that fills an expanded slot so far, where it is one
  int64_t held_floats_[kPointwiseInputs] = {};
  bool ends_with_repeats_ = false;
};

int64_t scratch_size(const Plan& plan, int threads) { return threads * plan.slots * Task::slot_floats(plan); }

void run(const Plan& plan, const float* const* inputs, float* result, float* scratch, ThreadPool& pool) {
  if (plan.elements == 0) return;
  // Tasks of some 20 us or more that start with a block: at a row where rows are short, anywhere else.
  constexpr int64_t kMaxTasks = 64;
  const int64_t unit = plan.block < plan.row ? plan.row : plan.block;
  const int64_t units = ceil_div(plan.elements, unit);
  const int64_t worth = static_cast<int64_t>(plan.nanoseconds / kWorthThreads);
  const int64_t wanted = larger<int64_t>(1, smaller(kMaxTasks, worth));
  const auto range = [&](int64_t begin, int64_t end, int worker) {
    Task(plan, inputs, result, scratch + worker * plan.slots * Task::slot_floats(plan)).run(begin, end);
  };
  if (units < wanted && plan.block < plan.row) {  // few long rows: cut them, at multiples of the block
    const int64_t pieces = smaller(ceil_div(wanted, units), ceil_div(plan.row, plan.block));
    const int64_t piece = round_up(ceil_div(plan.row, pieces), plan.block);
    const int64_t per_row = ceil_div(plan.row, piece);
    return launch(&pool, units * per_row, plan.nanoseconds, [&](int64_t task, int worker) {
      const int64_t begin = task / per_row * plan.row + task % per_row * piece;
      range(begin, smaller(begin + piece, (task / per_row + 1) * plan.row), worker);
    });
  }
  const int64_t tasks = smaller(units, wanted);
  launch(&pool, tasks, plan.nanoseconds, [&](int64_t task, int worker) {
    const auto [first, count] = part(units, tasks, task);
    range(first * unit, smaller((first + count) * unit, plan.elements), worker);
  });
}

}  // namespace

const PointwiseKernels& pointwise_kernels() {
  static constexpr PointwiseKernels table{.scratch_size = scratch_size, .run = run};
  return table;
}

}  // namespace vivace::cpu::VIVACE_ISA
