// Einsum in other operators' terms: transpositions, products of matrices or of elements, sums. What later passes know
// of these (attention, transposed operands, epilogues) they then know of it. Products of more than two operands are
// rounded one after the other.
#include "ops/einsum.h"

#include <algorithm>

#include "passes/rules.h"

namespace vivace::passes {

namespace {

using Label = ops::EinsumAxes::Label;
using Labels = std::vector<Label>;

bool has(const Labels& labels, Label label) { return std::find(labels.begin(), labels.end(), label) != labels.end(); }

// Those of `labels`, in order, that are in the one list and not in the other.
Labels only(const Labels& labels, const Labels& in, const Labels& not_in) {
  Labels some;
  for (const Label label : labels)
    if (has(in, label) && !has(not_in, label)) some.push_back(label);
  return some;
}

template <class T>
std::vector<T> operator+(std::vector<T> a, const std::vector<T>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

// A value and what its axes are; nullptr: it cannot be written.
struct Operand {
  ir::Value* value = nullptr;
  Labels labels;
};

class Writer {
 public:
  Writer(const ops::EinsumAxes& axes, Rewriter& to) : axes_(axes), to_(to) {}

  ir::Value* transposed(const Operand& x, const Labels& order) {
    if (x.labels == order || !x.value) return x.value;
    std::vector<int64_t> perm;
    for (const Label label : order)
      perm.push_back(std::find(x.labels.begin(), x.labels.end(), label) - x.labels.begin());
    return to_.add("Transpose", {x.value}, {{"perm", perm}});
  }

  // Summed over all axes that are not kept.
  Operand summed(const Operand& x, const Labels& keep) {
    std::vector<int64_t> over;
    for (size_t d = 0; d < x.labels.size(); ++d)
      if (!has(keep, x.labels[d])) over.push_back(static_cast<int64_t>(d));
    if (over.empty() || !x.value) return x;
    return {to_.add("ReduceSum", {x.value, to_.ints(over)}, {{"keepdims", int64_t{0}}}), only(x.labels, keep, {})};
  }

  // The axes of a * b that `keep` names, in an order of its own.
  Operand product(Operand a, Operand b, const Labels& keep) {
    a = summed(a, keep + b.labels);
    b = summed(b, keep + a.labels);
    Labels batch = only(keep, a.labels, {}), m = only(keep, a.labels, b.labels), n = only(keep, b.labels, a.labels);
    batch = only(batch, b.labels, {});
    const Labels k = only(a.labels, b.labels, keep);
    if (k.empty() || (m.empty() && n.empty())) return by_element(a, b, batch, m, n, k, keep);
    const auto place = [&](Label label) { return std::find(keep.begin(), keep.end(), label); };
    if (!m.empty() && !n.empty() && place(n[0]) < place(m[0])) {
      std::swap(a, b);
      std::swap(m, n);
    }
    // Rows of one matrix may have any number of axes, where there is but one matrix to multiply them with.
    const bool rows_apart = batch.empty() && !m.empty();
    const ir::Dims left = dims_of(batch) + (rows_apart ? dims_of(m) : one(m)) + one(k);
    const ir::Dims right = dims_of(batch) + one(k) + one(n);
    ir::Value* x = reshaped(transposed(a, batch + m + k), left);
    ir::Value* y = reshaped(transposed(b, batch + k + n), right);
    if (!x || !y) return {};
    return {reshaped(to_.add("MatMul", {x, y}), dims_of(batch + m + n)), batch + m + n};
  }

 private:
  ir::Dims dims_of(const Labels& labels) const {
    ir::Dims dims;
    for (const Label label : labels) dims.push_back(axes_.sizes.at(label));
    return dims;
  }
  ir::Dims one(const Labels& labels) const { return {ir::product(dims_of(labels))}; }
  ir::Value* reshaped(ir::Value* x, const ir::Dims& dims) { return x ? to_.reshape(x, dims) : nullptr; }

  Operand by_element(const Operand& a, const Operand& b, const Labels& batch, const Labels& m, const Labels& n,
                     const Labels& k, const Labels& keep) {
    const Labels all = only(keep, batch + m + n, {}) + k;
    const auto spread = [&](const Operand& x) {
      ir::Dims dims;
      for (const Label label : all) dims.push_back(has(x.labels, label) ? axes_.sizes.at(label) : ir::Dim(1));
      return reshaped(transposed(x, only(all, x.labels, {})), dims);
    };
    ir::Value *x = spread(a), *y = spread(b);
    if (!x || !y) return {};
    return summed({to_.add("Mul", {x, y}), all}, keep);
  }

  const ops::EinsumAxes& axes_;
  Rewriter& to_;
};

// Each label once in an operand, and with one size wherever it stands.
bool is_plain(const ops::EinsumAxes& axes, const ir::Node& node) {
  for (size_t i = 0; i < axes.inputs.size(); ++i) {
    const Labels& labels = axes.inputs[i];
    for (size_t d = 0; d < labels.size(); ++d)
      if (std::count(labels.begin(), labels.end(), labels[d]) > 1 ||
          !axes.sizes.at(labels[d]).same((*node.input(i)->type.dims)[d]))
        return false;
  }
  return true;
}

}  // namespace

const Rule einsum_to_products{
    .name = "einsum_to_products",
    .purpose = "Einsum as transpositions, products of matrices or elements, and sums",
    .pattern = op("Einsum").floating(),
    .build =
        [](const Match& m, Rewriter& to) {
          const ir::Node& node = *m.root_node();
          ops::Inference in(node);
          for (size_t i = 0; i < node.inputs().size(); ++i) in.types[i] = node.input(i)->type;
          const auto axes = ops::einsum_axes(in);
          if (!axes.ok() || !axes->has_value() || !is_plain(**axes, node)) return false;
          Writer writer(**axes, to);
          Operand all{node.input(0), (*axes)->inputs[0]};
          for (size_t i = 1; i < node.inputs().size(); ++i)
            all = writer.product(all, {node.input(i), (*axes)->inputs[i]}, (*axes)->kept(i + 1));
          if (node.inputs().size() == 1) all = writer.summed(all, (*axes)->output);
          ir::Value* made = writer.transposed(all, (*axes)->output);
          return made && to.replace(m.root(), made);
        },
};

}  // namespace vivace::passes
