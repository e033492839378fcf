// Attention from its pieces: softmax(q k^T * scale + mask) v over heads, as the standard's operator Attention with
// inputs [batch, heads, sequence, size].
//
// Scales of q, k and their product come together in one factor, computed in f64. A causal mask that adds a number of at
// most -10000 becomes a true mask: the same as long as scores lie within 10000 - 88 of each other, beyond which e^x
// is 0 in f32 either way.
#include <algorithm>

#include "passes/constants.h"
#include "passes/rules.h"

namespace vivace::passes {

namespace {

constexpr double kMasked = -10000;

struct Scaled {
  ir::Value* value;
  double scale;
};

// Takes scalar factors off.
Scaled unscaled(ir::Value* value) {
  double scale = 1;
  for (;;) {
    const ir::Node* node = value->producer();
    if (!node || (node->op != "Mul" && node->op != "Div")) return {value, scale};
    const bool second = node->input(1)->is_constant();
    if (!second && node->op == "Div") return {value, scale};
    ir::Value* x = node->input(second ? 0 : 1);
    const std::optional<double> factor = splat_of(node->input(second ? 1 : 0));
    if (!factor || *factor == 0 || !same_type(x, value)) return {value, scale};
    scale = node->op == "Mul" ? scale * *factor : scale / *factor;
    value = x;
  }
}

struct Scores {
  ir::Node* product = nullptr;
  double scale = 1;
  ir::Value* mask = nullptr;
  bool mask_selects_hidden = false;  // Where(mask, hidden, scores)
};

bool is_product(const ir::Value* value) {
  const ir::Node* node = value->producer();
  return node && node->op == "MatMul" && value->single_use() && value->type.rank() >= 3 && value->type.rank() <= 4;
}

std::optional<Scores> scores_of(ir::Value* value) {
  Scores found;
  const ir::Node* node = value->producer();
  if (node && node->op == "Add") {
    for (size_t i = 0; i < 2 && !found.mask; ++i)
      if (is_product(unscaled(node->input(i)).value) && same_type(node->input(i), value)) {
        found.mask = node->input(1 - i);
        value = node->input(i);
      }
  } else if (node && node->op == "Where") {
    const auto hidden = [&](size_t i) {
      const std::optional<double> splat = splat_of(node->input(i));
      return splat && *splat <= kMasked;
    };
    const size_t kept = hidden(2) ? 1 : hidden(1) ? 2 : 0;
    if (kept == 0 || !same_type(node->input(kept), value)) return std::nullopt;
    found.mask = node->input(0);
    found.mask_selects_hidden = kept == 2;
    value = node->input(kept);
  }
  const Scaled product = unscaled(value);
  if (!is_product(product.value)) return std::nullopt;
  found.product = product.value->producer();
  found.scale = product.scale;
  return found;
}

// The mask adds to the scores without making them larger, and has the rank that Attention takes.
bool mask_fits(const ir::Value* mask, const ir::Value* scores) {
  const auto &m = mask->type.dims, &s = scores->type.dims;
  if (!m || m->size() < 2 || m->size() > s->size()) return false;
  for (size_t i = 0; i < m->size(); ++i) {
    const ir::Dim& d = (*m)[m->size() - 1 - i];
    if (!d.is(1) && !d.same((*s)[s->size() - 1 - i])) return false;
  }
  return true;
}

std::vector<int64_t> swap_last_two(int rank) {
  std::vector<int64_t> perm;
  for (int i = 0; i < rank; ++i) perm.push_back(i);
  std::swap(perm[perm.size() - 1], perm[perm.size() - 2]);
  return perm;
}

}  // namespace

const Rule recognise_attention{
    .name = "recognise_attention",
    .purpose = "softmax(q k^T * scale + mask) v is Attention",
    .pattern = op("MatMul", op("Softmax", any("scores")).single_use().named("softmax"), any("v").floating()),
    .build =
        [](const Match& m, Rewriter& to) {
          const int64_t axis = m.node("softmax")->attributes.integer("axis", -1);
          const int rank = m.root()->type.rank();
          if (rank < 3 || rank > 4 || (axis != -1 && axis != rank - 1) || m["v"]->type.rank() != rank) return false;
          const std::optional<Scores> scores = scores_of(m["scores"]);
          if (!scores || scores->product->output()->type.rank() != rank) return false;
          const Scaled q = unscaled(scores->product->input(0)), transposed = unscaled(scores->product->input(1));
          const auto &qd = q.value->type.dims, &kd = transposed.value->type.dims, &vd = m["v"]->type.dims;
          if (!qd || !kd || !vd || static_cast<int>(qd->size()) != rank || static_cast<int>(kd->size()) != rank)
            return false;
          for (int i = 0; i < rank - 2; ++i) {
            const auto d = static_cast<size_t>(i);
            if (!(*qd)[d].same((*kd)[d]) || !(*qd)[d].same((*vd)[d])) return false;
          }
          if (scores->mask && (rank != 4 || !mask_fits(scores->mask, m["scores"]))) return false;
          ir::Value* k = to.add("Transpose", {transposed.value}, {{"perm", swap_last_two(rank)}});
          std::vector<ir::Value*> inputs = {q.value, k, m["v"]};
          if (rank == 3)  // [batch * heads, sequence, size]: one batch of so many heads
            for (ir::Value*& input : inputs) input = to.add("Unsqueeze", {input, to.ints({0})});
          if (scores->mask)
            inputs.push_back(scores->mask_selects_hidden ? to.add("Not", {scores->mask}) : scores->mask);
          ir::Value* y =
              to.add("Attention", inputs, {{"scale", static_cast<float>(scores->scale * q.scale * transposed.scale)}});
          if (rank == 3) y = to.add("Squeeze", {y, to.ints({0})});
          return to.replace(m.root(), y);
        },
};

namespace {

bool square(const ir::Value* mask) {
  const auto& dims = mask->type.dims;
  if (!dims || dims->size() < 2 || !(*dims)[dims->size() - 1].same((*dims)[dims->size() - 2])) return false;
  return std::all_of(dims->begin(), dims->end() - 2, [](const ir::Dim& d) { return d.is(1); });
}

// 0 (true) on and below the diagonal, at most -10000 (false) above it.
bool is_causal(const ir::Value* mask) {
  if (!square(mask)) return false;
  if (mask->is_constant()) {
    const Tensor& t = mask->constant();
    const int64_t n = t.shape().back();
    const bool boolean = t.type() == DType::boolean;
    const std::vector<double> values = boolean ? std::vector<double>() : to_double(t);
    for (int64_t i = 0; i < t.count(); ++i) {
      const bool seen = i % n <= i / n;
      if (boolean ? t.as<bool>()[i] != seen
                  : values.empty() ||
                        (seen ? values[static_cast<size_t>(i)] != 0 : !(values[static_cast<size_t>(i)] <= kMasked)))
        return false;
    }
    return true;
  }
  const ir::Node* node = mask->producer();
  if (!node) return false;
  if (node->op == "Cast" && mask->type.dtype == DType::boolean) {  // a triangle of ones
    const ir::Node* lower = node->input(0)->producer();
    return lower && lower->op == "Trilu" && !lower->attributes.integer("upper", 1) &&
           filled_with(lower->input(0)) == 1.0 && (!lower->input(1) || splat_of(lower->input(1)) == 0.0);
  }
  if (node->op == "Trilu") {
    const std::optional<double> fill = filled_with(node->input(0));
    return node->attributes.integer("upper", 1) && fill && *fill <= kMasked && node->input(1) &&
           splat_of(node->input(1)) == 1.0;
  }
  if (node->op == "Where") {
    const std::optional<double> yes = filled_with(node->input(1)), no = filled_with(node->input(2));
    return yes == 0.0 && no && *no <= kMasked && is_causal(node->input(0));
  }
  return false;
}

}  // namespace

const Rule recognise_causal_attention{
    .name = "recognise_causal_attention",
    .purpose = "a mask that hides what comes later is Attention's is_causal",
    .pattern = op("Attention", any("q"), any("k"), any("v"), any("mask")).attribute("is_causal", 0, 0),
    .build =
        [](const Match& m, Rewriter& to) {
          const auto &q = m["q"]->type.dims, &k = m["k"]->type.dims;
          if (!q || !k || q->size() != 4 || k->size() != 4 || !(*q)[2].same((*k)[2]) || !is_causal(m["mask"]))
            return false;
          ir::Attributes attributes = m.root_node()->attributes;
          attributes["is_causal"] = int64_t{1};
          return to.replace(m.root(), to.add("Attention", {m["q"], m["k"], m["v"]}, attributes));
        },
};

}  // namespace vivace::passes
