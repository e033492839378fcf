// Einsum: products of tensors summed over labelled axes; Det.
#include "ops/einsum.h"

#include <algorithm>
#include <cmath>

#include "ops/kernel.h"

namespace vivace::ops {

namespace {

using Label = EinsumAxes::Label;
constexpr Label kEllipsis = 0;
Label ellipsis_axis(int from_last) { return 256 + from_last; }

struct Equation {
  std::vector<std::vector<Label>> inputs;  // kEllipsis where one stands
  std::vector<Label> output;
};

Result<Equation> parse_equation(const Inference& in) {
  const std::string text = in.attributes.text("equation");
  const auto bad = [&](const std::string& what) { return in.error("equation '" + text.substr(0, 100) + "': " + what); };
  Equation e;
  e.inputs.emplace_back();
  std::vector<Label>* term = &e.inputs.back();
  bool explicit_output = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == ' ') continue;
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) {
      term->push_back(c);
    } else if (text.compare(i, 3, "...") == 0) {
      if (std::find(term->begin(), term->end(), kEllipsis) != term->end()) return bad("a term has two ellipses");
      term->push_back(kEllipsis);
      i += 2;
    } else if (c == ',' && !explicit_output) {
      term = &e.inputs.emplace_back();
    } else if (text.compare(i, 2, "->") == 0 && !explicit_output) {
      explicit_output = true;
      term = &e.output;
      ++i;
    } else {
      return bad(std::string("unexpected '") + c + "'");
    }
    if (term->size() > kMaxRank) return bad("a term has too many labels");
  }
  if (e.inputs.size() != in.input_count())
    return bad(std::to_string(e.inputs.size()) + " terms for " + std::to_string(in.input_count()) + " inputs");
  std::map<Label, int> counts;
  for (const auto& labels : e.inputs)
    for (const Label label : labels) ++counts[label];
  if (!explicit_output)  // the ellipsis, then the labels that stand once, in alphabetical order
    for (const auto& [label, count] : counts)
      if (label == kEllipsis || count == 1) e.output.push_back(label);
  for (const Label label : e.output) {
    if (counts.find(label) == counts.end()) return bad("the output has a label that no input has");
    if (std::count(e.output.begin(), e.output.end(), label) > 1) return bad("the output repeats a label");
  }
  return e;
}

// A term with its ellipsis written out for a tensor of `rank`; empty where they do not fit.
std::optional<std::vector<Label>> spelled_out(const std::vector<Label>& term, int rank) {
  const auto at = std::find(term.begin(), term.end(), kEllipsis);
  if (at == term.end()) return static_cast<int>(term.size()) == rank ? std::optional(term) : std::nullopt;
  const int extra = rank - static_cast<int>(term.size()) + 1;
  if (extra < 0) return std::nullopt;
  std::vector<Label> labels(term.begin(), at);
  for (int i = extra; i-- > 0;) labels.push_back(ellipsis_axis(i));
  labels.insert(labels.end(), at + 1, term.end());
  return labels;
}

}  // namespace

Result<std::optional<EinsumAxes>> einsum_axes(const Inference& in) {
  VIVACE_ASSIGN(const Equation e, parse_equation(in));
  EinsumAxes axes;
  int ellipsis_rank = 0;
  for (size_t i = 0; i < in.input_count(); ++i) {
    if (!in.dims(i)) return std::optional<EinsumAxes>();
    const auto labels = spelled_out(e.inputs[i], in.rank(i));
    if (!labels) return in.error("the equation does not fit the rank of input " + std::to_string(i));
    for (size_t d = 0; d < labels->size(); ++d) {
      const Label label = (*labels)[d];
      const ir::Dim& size = (*in.dims(i))[d];
      if (label >= ellipsis_axis(0)) ellipsis_rank = std::max(ellipsis_rank, label - ellipsis_axis(0) + 1);
      ir::Dim& known = axes.sizes.emplace(label, size).first->second;
      if (known.same(size) || size.is(1)) continue;
      if (known.is(1))
        known = size;
      else if (known.known() && size.known())
        return in.error("the inputs give one label the sizes " + known.to_string() + " and " + size.to_string());
      else if (!known.known())
        known = size.known() ? size : ir::Dim();
    }
    axes.inputs.push_back(*labels);
  }
  for (const Label label : e.output) {
    if (label != kEllipsis)
      axes.output.push_back(label);
    else
      for (int i = ellipsis_rank; i-- > 0;) axes.output.push_back(ellipsis_axis(i));
  }
  return std::optional(std::move(axes));
}

std::vector<Label> EinsumAxes::kept(size_t operands) const {
  if (operands == inputs.size()) return output;
  const auto has = [&](size_t begin, size_t end, Label label) {
    return std::any_of(inputs.begin() + static_cast<std::ptrdiff_t>(begin),
                       inputs.begin() + static_cast<std::ptrdiff_t>(end), [&](const std::vector<Label>& labels) {
                         return std::find(labels.begin(), labels.end(), label) != labels.end();
                       });
  };
  std::vector<Label> keep;
  for (const auto& [label, size] : sizes)
    if (has(0, operands, label) &&
        (std::find(output.begin(), output.end(), label) != output.end() || has(operands, inputs.size(), label)))
      keep.push_back(label);
  return keep;
}

Status infer_einsum(Inference& in) {
  for (size_t i = 1; i < in.input_count(); ++i) {
    if (!in.has(i)) return in.error("input " + std::to_string(i) + " is left out");
    VIVACE_TRY(require_same_type(in, 0, i));
  }
  VIVACE_ASSIGN(const auto axes, einsum_axes(in));
  if (!axes) return in.set_unknown_rank(0, in.dtype(0)), Status();
  ir::Dims out;
  for (const Label label : axes->output) out.push_back(axes->sizes.at(label));
  in.set(0, in.dtype(0), std::move(out));
  return {};
}

namespace {

// Elements in f64 (or u64: integers wrap around) and where each label goes; repeated labels run along the diagonal.
template <class R>
struct Operand {
  std::map<Label, int64_t> strides;
  Tensor data;
};

template <class T, class R>
Result<Operand<R>> load(const TensorView& x, const std::vector<Label>& labels) {
  Operand<R> operand;
  VIVACE_ASSIGN(operand.data, Tensor::allocate(dtype_of<R>, x.shape));
  for (int64_t i = 0; i < x.count(); ++i)
    operand.data.template as<R>()[i] = static_cast<R>(static_cast<Wide<T>>(x.as<T>()[i]));
  const Shape strides = broadcast_strides(x.shape, x.shape.size());
  for (size_t d = 0; d < labels.size(); ++d) operand.strides[labels[d]] += strides[d];
  return operand;
}

// a * b summed over every label of theirs that `keep` lacks; the result has the labels of `keep` in order.
template <class R>
Result<Operand<R>> multiply(const Operand<R>& a, const Operand<R>& b, const std::vector<Label>& keep,
                            const std::map<Label, ir::Dim>& sizes) {
  Operand<R> c;
  Shape shape;
  for (const Label label : keep) shape.push_back(sizes.at(label).value());
  VIVACE_ASSIGN(c.data, Tensor::allocate(dtype_of<R>, shape));
  const Shape dense = strides_of(shape);
  for (size_t i = 0; i < keep.size(); ++i) c.strides[keep[i]] = dense[i];

  // Summed labels go before the last one kept, so that rows of the result are added to.
  std::vector<Label> order = keep;
  for (const auto* operand : {&a, &b})
    for (const auto& [label, stride] : operand->strides)
      if (std::find(order.begin(), order.end(), label) == order.end())
        order.insert(order.end() - (keep.empty() ? 0 : 1), label);
  Shape loop_shape;
  std::vector<Shape> strides(3);
  for (const Label label : order) {
    loop_shape.push_back(sizes.at(label).value());
    const Operand<R>* operands[] = {&c, &a, &b};
    for (size_t k = 0; k < 3; ++k) {
      const auto at = operands[k]->strides.find(label);
      strides[k].push_back(at == operands[k]->strides.end() ? 0 : at->second);
    }
  }
  const StridedLoop loop(loop_shape, strides);
  const int64_t sc = loop.row_stride(0), sa = loop.row_stride(1), sb = loop.row_stride(2);
  loop.run(nullptr, [&](const int64_t* offsets, int64_t n) {
    R* to = c.data.template as<R>() + offsets[0];
    const R *x = a.data.template as<R>() + offsets[1], *y = b.data.template as<R>() + offsets[2];
    if (sc == 1 && sa == 0 && sb == 1)
      for (int64_t i = 0; i < n; ++i) to[i] += *x * y[i];
    else
      for (int64_t i = 0; i < n; ++i) to[i * sc] += x[i * sa] * y[i * sb];
  });
  return c;
}

template <class T>
Status einsum(Call& call, const EinsumAxes& axes) {
  using R = std::conditional_t<std::is_integral_v<T>, uint64_t, double>;
  Operand<R> product{{}, Tensor::scalar(R(1))};
  for (size_t i = 0; i < call.input_count(); ++i) {
    VIVACE_ASSIGN(const auto next, (load<T, R>(call.input(i), axes.inputs[i])));
    VIVACE_ASSIGN(product, multiply(product, next, axes.kept(i + 1), axes.sizes));
  }
  for (int64_t i = 0; i < call.output().count(); ++i)
    call.output().as<T>()[i] = static_cast<T>(static_cast<Wide<T>>(product.data.template as<R>()[i]));
  return {};
}

}  // namespace

// Left to right, two operands at a time.
Status reference_einsum(Call& call) {
  Inference in(call.node);
  for (size_t i = 0; i < call.input_count(); ++i)
    in.types[i] = ir::Type::tensor(call.input(i).type, ir::to_dims(call.input(i).shape));
  VIVACE_ASSIGN(const auto axes, einsum_axes(in));
  Status status;
  VIVACE_TRY(for_numbers(call, call.output().type, [&]<class T>() { status = einsum<T>(call, *axes); }));
  return status;
}

// --- Det

Status infer_det(Inference& in) {
  VIVACE_TRY(require_rank(in, 0, 2, kMaxRank));
  if (!in.dims(0)) return in.set_unknown_rank(0, in.dtype(0)), Status();
  ir::Dims out = *in.dims(0);
  const ir::Dim rows = out.back();
  out.pop_back();
  if (rows.known() && out.back().known() && !rows.same(out.back())) return in.error("the matrices are not square");
  out.pop_back();
  in.set(0, in.dtype(0), std::move(out));
  return {};
}

// Gaussian elimination with the greatest element of each column as its pivot, in f64.
Status reference_det(Call& call) {
  const TensorView &x = call.input(0), &y = call.output();
  const int64_t n = x.shape.back();
  return for_floats(call, x.type, [&]<class T>() {
    std::vector<double> m(static_cast<size_t>(n * n));
    for (int64_t b = 0; b < y.count(); ++b) {
      for (size_t i = 0; i < m.size(); ++i)
        m[i] = static_cast<double>(static_cast<Wide<T>>(x.as<T>()[b * n * n + static_cast<int64_t>(i)]));
      double det = 1;
      for (int64_t column = 0; column < n; ++column) {
        int64_t pivot = column;
        for (int64_t row = column + 1; row < n; ++row)
          if (std::abs(m[static_cast<size_t>(row * n + column)]) > std::abs(m[static_cast<size_t>(pivot * n + column)]))
            pivot = row;
        double* const top = &m[static_cast<size_t>(column * n)];
        if (pivot != column) {
          std::swap_ranges(top, top + n, &m[static_cast<size_t>(pivot * n)]);
          det = -det;
        }
        det *= top[column];
        if (det == 0) break;
        for (int64_t row = column + 1; row < n; ++row) {
          double* const line = &m[static_cast<size_t>(row * n)];
          const double factor = line[column] / top[column];
          for (int64_t i = column; i < n; ++i) line[i] -= factor * top[i];
        }
      }
      y.as<T>()[b] = static_cast<T>(static_cast<Wide<T>>(det));
    }
  });
}

}  // namespace vivace::ops
