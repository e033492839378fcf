// Attention on [batch, sequence, heads * size], which needs no transposes.
//
// Models make q, k and v of [batch, heads, sequence, size] by reshaping, transposing and slicing the result of a matrix
// product. Such a chain of views is followed over the *atoms* of the source's dimensions: pieces of one dimension with
// a size and a stride, which views only reorder, split and drop.
#include <algorithm>

#include "passes/constants.h"
#include "passes/rules.h"

namespace vivace::passes {

namespace {

struct Atom {
  size_t axis;     // of the source
  int64_t stride;  // within that dimension
  ir::Dim size;
};
using Atoms = std::vector<Atom>;

// A value as a view of another: the atoms of each of its dimensions (none for one of size 1), and where it starts.
struct View {
  ir::Value* source = nullptr;
  std::vector<Atoms> dims;
  int64_t offset = 0;  // along the source's last dimension
};

View whole(ir::Value* source) {
  View view{source, {}, 0};
  for (size_t i = 0; i < source->type.dims->size(); ++i) {
    const ir::Dim& d = (*source->type.dims)[i];
    view.dims.push_back(d.is(1) ? Atoms{} : Atoms{{i, 1, d}});
  }
  return view;
}

// Deals the atoms out to the dimensions of a reshaped value, splitting them where a dimension takes the outer part.
bool regroup(View& view, const ir::Dims& dims) {
  Atoms rest;
  for (auto at = view.dims.rbegin(); at != view.dims.rend(); ++at) rest.insert(rest.end(), at->rbegin(), at->rend());
  std::vector<Atoms> out;
  for (const ir::Dim& d : dims) {
    Atoms& to = out.emplace_back();
    if (d.is(1)) continue;
    ir::Dim taken = 1;
    while (!taken.same(d)) {
      if (rest.empty()) return false;
      Atom atom = rest.back();
      rest.pop_back();
      if (d.known()) {
        if (!atom.size.known() || d.value() == 0 || d.value() % taken.value() != 0) return false;
        const int64_t need = d.value() / taken.value(), size = atom.size.value();
        if (size > need) {
          if (size % need != 0) return false;
          rest.push_back({atom.axis, atom.stride, size / need});
          atom = {atom.axis, atom.stride * (size / need), need};
        }
      }
      taken = taken * atom.size;
      to.push_back(atom);
    }
  }
  view.dims = std::move(out);
  return rest.empty();
}

// Keeps `count` of dimension `axis` from `begin` on; only of the source's last dimension.
bool slice(View& view, int axis, int64_t begin, int64_t count) {
  if (axis < 0 || static_cast<size_t>(axis) >= view.dims.size()) return false;
  Atoms& atoms = view.dims[static_cast<size_t>(axis)];
  if (atoms.size() != 1 || !atoms[0].size.known() || begin < 0 || count < 1 || begin > atoms[0].size.value() - count ||
      atoms[0].axis + 1 != view.source->type.dims->size())
    return false;
  view.offset += begin * atoms[0].stride;
  atoms[0].size = count;
  if (count == 1) atoms.clear();
  return true;
}

// The view of `value` as its producer makes it from the view of its first input.
bool advance(View& view, const ir::Node& node, const ir::Value& value) {
  if (!value.type.dims) return false;
  if (node.op == "Transpose") {
    const std::vector<int64_t> perm = permutation_of(node);
    std::vector<Atoms> moved;
    for (const int64_t axis : perm) moved.push_back(view.dims[static_cast<size_t>(axis)]);
    view.dims = std::move(moved);
    return true;
  }
  if (node.op == "Reshape" || node.op == "Squeeze" || node.op == "Unsqueeze" || node.op == "Flatten")
    return regroup(view, *value.type.dims);
  const int rank = node.input(0)->type.rank();
  const auto normal = [&](int64_t axis) { return static_cast<int>(axis < 0 ? axis + rank : axis); };
  if (node.op == "Gather") {
    const std::optional<std::vector<int64_t>> index = constant_ints(node.input(1));
    const int axis = normal(node.attributes.integer("axis", 0));
    const std::optional<int64_t> size = dim_of(node.input(0), axis);
    if (!index || index->size() != 1 || !size) return false;
    if (!slice(view, axis, (*index)[0] < 0 ? (*index)[0] + *size : (*index)[0], 1)) return false;
    if (node.input(1)->type.rank() == 0) view.dims.erase(view.dims.begin() + axis);
    return true;
  }
  if (node.op == "Split") {
    const int axis = normal(node.attributes.integer("axis", 0));
    int64_t begin = 0;
    for (const ir::Value* output : node.outputs()) {
      const std::optional<int64_t> size = dim_of(output, axis);
      if (!size) return false;
      if (output == &value) return slice(view, axis, begin, *size);
      begin += *size;
    }
  }
  if (node.op == "Slice") {
    const auto starts = constant_ints(node.input(1)), axes = constant_ints(node.input(3));
    const std::optional<double> step = splat_of(node.input(4));
    if (!starts || starts->size() != 1 || !axes || axes->size() != 1 || (node.input(4) && step != 1.0)) return false;
    const int axis = normal((*axes)[0]);
    const std::optional<int64_t> size = dim_of(node.input(0), axis), count = dim_of(&value, axis);
    if (!size || !count) return false;
    return slice(view, axis, (*starts)[0] < 0 ? (*starts)[0] + *size : (*starts)[0], *count);
  }
  return false;
}

bool is_view(const ir::Node& node) {
  static const std::vector<std::string> names = {"Transpose", "Reshape", "Squeeze", "Unsqueeze",
                                                 "Flatten",   "Gather",  "Split",   "Slice"};
  return std::find(names.begin(), names.end(), node.op) != names.end();
}

// What [batch, heads, sequence, size] is cut out of.
struct Heads {
  ir::Value* source = nullptr;
  int64_t offset = 0, width = 0;  // along the last dimension: heads * size elements
  int64_t heads = 0;
};

std::optional<Heads> heads_of(const View& view, const ir::Dims& dims) {
  const size_t last = view.source->type.dims->size() - 1;
  if (!dims[1].known() || !dims[3].known() || dims[3].value() < 2) return std::nullopt;
  const int64_t heads = dims[1].value(), size = dims[3].value();
  const auto is = [&](const Atoms& atoms, int64_t stride, int64_t count) {
    if (count == 1) return atoms.empty();
    return atoms.size() == 1 && atoms[0].axis == last && atoms[0].stride == stride && atoms[0].size.is(count);
  };
  if (!is(view.dims[1], size, heads) || !is(view.dims[3], 1, size)) return std::nullopt;
  // The other dimensions of the source, whole and in order, are batch and sequence.
  Atoms rest = view.dims[0];
  rest.insert(rest.end(), view.dims[2].begin(), view.dims[2].end());
  size_t next = 0;
  for (size_t axis = 0; axis < last; ++axis) {
    const ir::Dim& d = (*view.source->type.dims)[axis];
    if (d.is(1)) continue;
    if (next == rest.size() || rest[next].axis != axis || !rest[next].size.same(d)) return std::nullopt;
    ++next;
  }
  if (next != rest.size()) return std::nullopt;
  return Heads{view.source, view.offset, heads * size, heads};
}

constexpr size_t kLongestChain = 32;  // of views; models have a dozen

std::optional<Heads> find_heads(ir::Value* value) {
  std::vector<ir::Value*> chain = {value};  // from `value` back to where the views begin
  while (chain.size() < kLongestChain && chain.back()->producer() && is_view(*chain.back()->producer()))
    chain.push_back(chain.back()->producer()->input(0));
  for (size_t begin = chain.size(); begin-- > 1;) {
    if (!chain[begin]->type.dims || chain[begin]->type.dims->size() < 2) continue;
    View view = whole(chain[begin]);
    bool followed = true;
    for (size_t i = begin; followed && i-- > 0;) followed = advance(view, *chain[i]->producer(), *chain[i]);
    if (!followed) continue;
    if (std::optional<Heads> heads = heads_of(view, *value->type.dims)) return heads;
  }
  return std::nullopt;
}

// The values [batch, sequence, heads * size]; a Split where they share one source between them, Slices otherwise.
std::vector<ir::Value*> cut(Rewriter& to, const std::vector<Heads>& parts, const std::vector<ir::Dims>& dims) {
  std::vector<ir::Value*> sources, out;
  for (size_t i = 0; i < parts.size(); ++i) {
    ir::Value* source = parts[i].source;
    const ir::Dim width = source->type.dims->back();
    const auto same = std::find_if(parts.begin(), parts.begin() + static_cast<long>(i),
                                   [&](const Heads& h) { return h.source == source; });
    const bool known = same != parts.begin() + static_cast<long>(i) &&
                       same_dims(dims[i], dims[static_cast<size_t>(same - parts.begin())]);
    sources.push_back(known ? sources[static_cast<size_t>(same - parts.begin())]
                            : to.reshape(source, {dims[i][0], dims[i][1], width}));
    if (!sources.back()) return {};
  }
  bool tiles = true;
  int64_t covered = 0;
  for (size_t i = 0; i < parts.size(); ++i) {
    tiles = tiles && sources[i] == sources[0] && parts[i].offset == covered;
    covered += parts[i].width;
  }
  if (tiles && sources[0]->type.dims->back().is(covered)) {
    std::vector<int64_t> widths;
    for (const Heads& part : parts) widths.push_back(part.width);
    const ir::Node* split =
        to.add_node("Split", {sources[0], to.ints(widths)}, static_cast<int>(parts.size()), {{"axis", int64_t{2}}});
    return split->outputs();
  }
  for (size_t i = 0; i < parts.size(); ++i) {
    const bool all = sources[i]->type.dims->back().is(parts[i].width);
    out.push_back(all ? sources[i]
                      : to.add("Slice", {sources[i], to.ints({parts[i].offset}),
                                         to.ints({parts[i].offset + parts[i].width}), to.ints({2})}));
  }
  return out;
}

}  // namespace

const Rule attention_without_transposes{
    .name = "attention_without_transposes",
    .purpose =
        "Attention whose heads are reshaped and transposed there and back works on [batch, sequence, heads * size]",
    .pattern = op("Transpose", op("Attention").single_use().named("attention")),
    .build =
        [](const Match& m, Rewriter& to) {
          const ir::Node& attention = *m.node("attention");
          const std::vector<int64_t> perm = permutation_of(*m.root_node());
          const auto& y = m["attention"]->type.dims;
          if (!y || y->size() != 4 || attention.input(4) || attention.input(5)) return false;
          // The output: batch, sequence, heads, size in this order but for dimensions of size 1.
          std::vector<int64_t> moved;
          for (const int64_t axis : perm)
            if (!(*y)[static_cast<size_t>(axis)].is(1)) moved.push_back(axis == 1 ? 2 : axis == 2 ? 1 : axis);
          if (!std::is_sorted(moved.begin(), moved.end()) || !m.root()->type.dims) return false;
          std::vector<Heads> parts;
          std::vector<ir::Dims> dims;
          for (size_t i = 0; i < 3; ++i) {
            const auto& d = attention.input(i)->type.dims;
            if (!d || d->size() != 4) return false;
            const std::optional<Heads> heads = find_heads(attention.input(i));
            if (!heads) return false;
            parts.push_back(*heads);
            dims.push_back({(*d)[0], (*d)[2]});
          }
          std::vector<ir::Value*> inputs = cut(to, parts, dims);
          if (inputs.empty()) return false;
          if (attention.input(3)) inputs.push_back(attention.input(3));
          ir::Attributes attributes = attention.attributes;
          attributes["q_num_heads"] = parts[0].heads;
          attributes["kv_num_heads"] = parts[1].heads;
          ir::Value* result = to.add("Attention", inputs, attributes);
          ir::Value* shaped = to.reshape(result, *m.root()->type.dims);
          return shaped && to.replace(m.root(), shaped);
        },
};

}  // namespace vivace::passes
