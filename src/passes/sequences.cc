// Sequences and optionals whose elements are known when the graph is: whoever takes one out takes the value that was
// put in. What is left of them runs on the CPU whatever the target, and its elements have no known shapes.
#include <algorithm>
#include <map>
#include <numeric>

#include "ops/infer.h"
#include "passes/constants.h"
#include "passes/rules.h"

namespace vivace::passes {

namespace {

using Values = std::vector<ir::Value*>;

constexpr int64_t kMostParts = 256;  // of a tensor that is split

// The place that a constant says, from the end where it is negative, 0 to `last`; `fallback` without an input.
std::optional<int64_t> place_of(const ir::Value* position, int64_t size, int64_t last, int64_t fallback) {
  if (!position) return fallback;
  const std::optional<std::vector<int64_t>> at = constant_ints(position);
  if (!at || at->size() != 1 || at->front() < -size || at->front() > last) return std::nullopt;
  return at->front() < 0 ? at->front() + size : at->front();
}

// The values in a sequence, followed through what inserts and erases at constant places.
std::optional<Values> elements_of(const ir::Value* sequence) {
  std::vector<const ir::Node*> edits;  // the last one first
  const ir::Node* node = sequence ? sequence->producer() : nullptr;
  for (; node && (node->op == "SequenceInsert" || node->op == "SequenceErase");
       node = node->input(0) ? node->input(0)->producer() : nullptr)
    edits.push_back(node);
  if (!node || (node->op != "SequenceConstruct" && node->op != "SequenceEmpty")) return std::nullopt;
  Values elements = node->inputs();
  for (; !edits.empty(); edits.pop_back()) {
    const ir::Node& edit = *edits.back();
    const bool inserts = edit.op == "SequenceInsert";
    const auto size = static_cast<int64_t>(elements.size()), last = inserts ? size : size - 1;
    const std::optional<int64_t> at = place_of(edit.input(inserts ? 2 : 1), size, last, last);
    if (!at || *at < 0) return std::nullopt;
    if (inserts)
      elements.insert(elements.begin() + *at, edit.input(1));
    else
      elements.erase(elements.begin() + *at);
  }
  return elements;
}

// Whether `with` can be what `old` is, by their types.
bool replace_by(const Match& m, Rewriter& to, ir::Value* with) {
  const ir::Type &was = m.root()->type, &is = with->type;
  return ir::narrowed_type(is, was) && was.kind == is.kind && to.replace(m.root(), with);
}

// Certainly equal dimensions but the one along `axis`; -1: all of them.
bool concatenate(const Values& parts, int axis) {
  return std::all_of(parts.begin(), parts.end(), [&](const ir::Value* part) {
    const ir::Type &first = parts[0]->type, &type = part->type;
    if (!first.dims || !type.dims || type.dims->size() != first.dims->size() || type.dtype != first.dtype) return false;
    for (size_t i = 0; i < type.dims->size(); ++i)
      if (static_cast<int>(i) != axis && !(*type.dims)[i].same((*first.dims)[i])) return false;
    return true;
  });
}

bool takes_known_places(const ir::Use& use) {
  static const std::map<std::string_view, size_t> kPositions = {
      {"SequenceAt", 1}, {"SequenceErase", 1}, {"SequenceInsert", 2}, {"SequenceLength", 1}, {"ConcatFromSequence", 1}};
  const auto position = kPositions.find(use.node->op);
  if (position == kPositions.end() || use.index != 0) return false;
  const ir::Value* at = use.node->input(position->second);
  return !at || at->is_constant();
}

// Sizes of what SplitToSequence makes of an axis of `size`; empty where they are not known, make no sense or are many.
std::vector<int64_t> parts_of(const ir::Node& node, int64_t size) {
  std::vector<int64_t> sizes;
  if (const ir::Value* split = node.input(1)) {
    const std::optional<std::vector<int64_t>> said = constant_ints(split);
    if (!said || split->type.rank() < 0) return {};
    sizes = *said;
    if (split->type.rank() == 1)
      return std::all_of(sizes.begin(), sizes.end(), [&](int64_t n) { return n >= 0 && n <= size; }) &&
                     static_cast<int64_t>(sizes.size()) <= kMostParts &&
                     std::accumulate(sizes.begin(), sizes.end(), int64_t{0}) == size
                 ? sizes
                 : std::vector<int64_t>();
  }
  const int64_t each = node.input(1) ? sizes.at(0) : 1;
  if (each <= 0 || size / each >= kMostParts) return {};
  sizes.assign(static_cast<size_t>(size / each), each);
  if (size % each) sizes.push_back(size % each);
  return sizes;
}

bool build_split(const Match& m, Rewriter& to) {
  const ir::Node& node = *m.root_node();
  ir::Value* x = node.input(0);
  const int axis = ops::normalized_axis(node.attributes.integer("axis"), x->type.rank());
  if (axis < 0) return false;
  const std::vector<int64_t> sizes = parts_of(node, dim_of(x, axis).value_or(0));
  if (sizes.empty()) return false;
  Values parts = to.add_node("Split", {x, to.ints(sizes)}, static_cast<int>(sizes.size()), {{"axis", axis}})->outputs();
  if (!node.input(1) && node.attributes.integer("keepdims", 1) == 0)
    for (ir::Value*& part : parts) part = to.add("Squeeze", {part, to.ints({axis})});
  return to.replace(m.root(), to.add("SequenceConstruct", parts));
}

}  // namespace

const Rule resolve_split_to_sequence{
    .name = "resolve_split_to_sequence",
    .purpose = "a sequence of parts, each taken out at a constant place, is a Split",
    .pattern = op("SplitToSequence").where([](const ir::Node& node) {
      const std::vector<ir::Use>& uses = node.output()->uses();
      return node.output()->output_count() == 0 && std::all_of(uses.begin(), uses.end(), takes_known_places);
    }),
    .build = build_split,
};

const Rule resolve_sequence_at{
    .name = "resolve_sequence_at",
    .purpose = "the element at a constant place of a sequence is what was put there",
    .pattern = op("SequenceAt"),
    .build =
        [](const Match& m, Rewriter& to) {
          const std::optional<Values> elements = elements_of(m.root_node()->input(0));
          if (!elements || !m.root_node()->input(1)) return false;
          const auto size = static_cast<int64_t>(elements->size());
          const std::optional<int64_t> at = place_of(m.root_node()->input(1), size, size - 1, 0);
          return at && replace_by(m, to, (*elements)[static_cast<size_t>(*at)]);
        },
};

const Rule resolve_sequence_length{
    .name = "resolve_sequence_length",
    .purpose = "the number of elements of a sequence that the graph puts together is a constant",
    .pattern = op("SequenceLength"),
    .build =
        [](const Match& m, Rewriter& to) {
          const std::optional<Values> elements = elements_of(m.root_node()->input(0));
          return elements && to.replace(m.root(), to.constant(Tensor::scalar(static_cast<int64_t>(elements->size()))));
        },
};

const Rule resolve_concat_from_sequence{
    .name = "resolve_concat_from_sequence",
    .purpose = "a concatenation of a sequence that the graph puts together is one of its elements",
    .pattern = op("ConcatFromSequence"),
    .build =
        [](const Match& m, Rewriter& to) {
          std::optional<Values> parts = elements_of(m.root_node()->input(0));
          if (!parts || parts->empty()) return false;
          const bool stacks = m.root_node()->attributes.integer("new_axis") != 0;
          const int rank = parts->front()->type.rank() + stacks;
          const int axis = ops::normalized_axis(m.root_node()->attributes.integer("axis"), rank);
          if (axis < 0 || !concatenate(*parts, stacks ? -1 : axis)) return false;
          if (stacks)
            for (ir::Value*& part : *parts) part = to.add("Unsqueeze", {part, to.ints({axis})});
          return replace_by(m, to, to.add("Concat", *parts, {{"axis", axis}}));
        },
};

const Rule resolve_optional{
    .name = "resolve_optional",
    .purpose = "whether an optional that the graph makes has an element, and which",
    .pattern = op("OptionalHasElement|OptionalGetElement"),
    .build =
        [](const Match& m, Rewriter& to) {
          ir::Value* x = m.root_node()->input(0);
          const ir::Node* made = x ? x->producer() : nullptr;
          const bool makes = made && made->op == "Optional";
          if (x && !makes && (!x->type.known() || x->type.kind == ir::Kind::optional)) return false;
          if (makes) x = made->input(0);
          if (m.root_node()->op == "OptionalHasElement")
            return to.replace(m.root(), to.constant(Tensor::scalar(x != nullptr)));
          return x && replace_by(m, to, x);
        },
};

}  // namespace vivace::passes
