#include "backends/cpu/placement.h"

#include <algorithm>
#include <climits>

namespace vivace::cpu {

namespace {

size_t index(const ir::Value* v) { return static_cast<size_t>(v->id()); }

size_t bytes_of_type(const ir::Type& type) {
  TensorInfo info;
  info.type = type.dtype;
  info.shape = *type.shape();
  info.channel_block = type.channel_block;
  return info.bytes();
}

// Of an image whose channels take one block, which then is the distance between pixels (GPUs): how many bytes lie
// between pixels, and how many of them are its own. 0 for all others.
struct Pitch {
  int64_t bytes = 0, own = 0;
};
Pitch pitch_of(const ir::Type& type) {
  const Shape shape = *type.shape();
  if (!type.channel_block || shape.size() < 2 || shape[1] > type.channel_block) return {};
  const int64_t unit = bits_of(type.dtype) / 8;
  constexpr int64_t kUnit = 8;  // the channels that kernels write are filled up to a multiple of it
  return {type.channel_block * unit, (shape[1] + kUnit - 1) / kUnit * kUnit * unit};
}

// Bytes from the start of a tensor to element `begin` of `axis`, where the part from there on is contiguous: all
// dimensions before the axis are 1, or it is one of channels in a pixel. Empty where it is not.
std::optional<size_t> contiguous_offset(const ir::Type& type, int axis, int64_t begin, int64_t size) {
  const Shape shape = *type.shape();
  if (axis == 1 && pitch_of(type).bytes) return byte_size(type.dtype, begin);
  for (int i = 0; i < axis; ++i)
    if (shape[static_cast<size_t>(i)] != 1) return std::nullopt;
  if (type.channel_block && (axis != 1 || begin % type.channel_block || size % type.channel_block)) return std::nullopt;
  const int64_t inner = elements(std::span(shape).subspan(static_cast<size_t>(axis) + 1));
  if (bits_of(type.dtype) % 8 || type.dtype == DType::string) return std::nullopt;
  return byte_size(type.dtype, begin * inner);
}

// Groups of values whose addresses are fixed relative to each other.
class Groups {
 public:
  Groups(const ir::Graph& graph, const ConcreteGraph& at, size_t alignment)
      : at_(at), alignment_(static_cast<int64_t>(alignment)), of_(static_cast<size_t>(graph.value_id_limit())) {
    for (const ir::Value* v : graph.values()) {
      const ir::Type* type = at.type(v);
      if (!type || are_objects(type->dtype)) continue;
      Member& member = of_[index(v)];
      member.group = static_cast<int>(groups_.size());
      Group group;
      group.members.push_back(v);
      // Whatever a kernel writes must not be overwritten by another value of the group.
      group.fixed = v->is_input() || at.value(v);
      group.written.push_back(written(v));
      groups_.push_back(std::move(group));
    }
  }

  bool has(const ir::Value* v) const { return of_[index(v)].group >= 0; }
  int group(const ir::Value* v) const { return of_[index(v)].group; }
  int64_t offset(const ir::Value* v) const { return of_[index(v)].offset; }
  const std::vector<const ir::Value*>& members(int group) const { return groups_[static_cast<size_t>(group)].members; }
  int count() const { return static_cast<int>(groups_.size()); }

  /// Puts `view`, which no kernel writes, at `offset` bytes into `whole`.
  bool join_view(const ir::Value* view, const ir::Value* whole, int64_t offset) {
    return join_views({{view, offset}}, whole);
  }
  /// Likewise several of them, all or none.
  bool join_views(const std::vector<std::pair<const ir::Value*, int64_t>>& views, const ir::Value* whole) {
    if (!has(whole)) return false;
    for (const auto& [view, offset] : views)
      if (!has(view)) return false;
    for (const auto& [view, offset] : views)
      std::erase_if(groups_[static_cast<size_t>(group(view))].written,
                    [view = view](const Written& w) { return w.value == view; });
    const auto shift_of = [&](const auto& v) { return this->offset(whole) + v.second - this->offset(v.first); };
    bool fit = true;
    for (size_t i = 0; i < views.size() && fit; ++i) {
      fit = group(views[i].first) == group(whole) ? shift_of(views[i]) == 0
                                                  : can_merge(group(whole), group(views[i].first), shift_of(views[i]));
      for (size_t k = 0; k < i && fit; ++k)
        fit = group(views[k].first) != group(views[i].first) || shift_of(views[k]) == shift_of(views[i]);
    }
    for (const auto& v : views) {
      if (!fit) {
        Written again = written(v.first);
        again.offset = this->offset(v.first);
        groups_[static_cast<size_t>(group(v.first))].written.push_back(again);
      } else if (group(v.first) != group(whole)) {
        merge(group(whole), group(v.first), shift_of(v));
      }
    }
    return fit;
  }

  /// Puts all `parts` into `whole`, one behind the other; all or none.
  bool join_concatenation(const ir::Value* whole, const std::vector<std::pair<const ir::Value*, int64_t>>& parts) {
    if (!has(whole)) return false;
    for (const auto& [part, offset] : parts)
      if (!has(part)) return false;
    // In place already, one behind the other (a shorter concatenation of the same features)?
    const auto& [first, first_offset] = parts[0];
    const bool lined_up = std::all_of(parts.begin(), parts.end(), [&, f = first, fo = first_offset](const auto& p) {
      return group(p.first) == group(f) && offset(p.first) - offset(f) == p.second - fo;
    });
    if (lined_up && parts.size() > 1) return join_view(whole, first, -first_offset);
    // Otherwise each part must be free to move: alone but for views of itself, and written by a kernel.
    for (size_t i = 0; i < parts.size(); ++i) {
      if (groups_[static_cast<size_t>(group(parts[i].first))].fixed || group(parts[i].first) == group(whole))
        return false;
      for (size_t j = 0; j < i; ++j)
        if (group(parts[i].first) == group(parts[j].first)) return false;
    }
    if (groups_[static_cast<size_t>(group(whole))].fixed) return false;
    Group& all = groups_[static_cast<size_t>(group(whole))];
    const std::vector<Written> before = all.written;
    std::erase_if(all.written, [&](const Written& w) { return w.value == whole; });
    for (const auto& [part, offset] : parts)
      if (!fits(all, groups_[static_cast<size_t>(group(part))], this->offset(whole) + offset - this->offset(part))) {
        all.written = before;
        return false;
      }
    for (const auto& [part, offset] : parts)
      merge(group(whole), group(part), this->offset(whole) + offset - this->offset(part));
    return true;
  }

 private:
  struct Written {
    const ir::Value* value;
    int64_t offset, bytes;
    Pitch pitch;
  };
  Written written(const ir::Value* v) const {
    const ir::Type& type = *at_.type(v);
    return {v, 0, static_cast<int64_t>(bytes_of_type(type)), pitch_of(type)};
  }
  static bool overlap(const Written& a, const Written& b, int64_t shift) {
    const int64_t distance = b.offset + shift - a.offset;
    if (distance >= a.bytes || -distance >= b.bytes) return false;
    if (!a.pitch.bytes || a.pitch.bytes != b.pitch.bytes) return true;
    // Channels of the same pixels, beside each other.
    const int64_t between = (distance % a.pitch.bytes + a.pitch.bytes) % a.pitch.bytes;
    return between < a.pitch.own || between + b.pitch.own > a.pitch.bytes;
  }
  struct Member {
    int group = -1;
    int64_t offset = 0;
  };
  struct Group {
    std::vector<const ir::Value*> members;
    std::vector<Written> written;
    bool fixed = false;  // its memory is the user's or a constant: nothing may be written there
  };

  bool fits(const Group& into, const Group& from, int64_t shift) const {
    if (shift % alignment_ != 0) return false;
    for (const Written& a : into.written)
      for (const Written& b : from.written)
        if (overlap(a, b, shift)) return false;
    return true;
  }
  bool can_merge(int into, int from, int64_t shift) const {
    const Group& a = groups_[static_cast<size_t>(into)];
    const Group& b = groups_[static_cast<size_t>(from)];
    return !(a.fixed && !b.written.empty()) && !b.fixed && fits(a, b, shift);
  }
  void merge(int into, int from, int64_t shift) {
    Group& a = groups_[static_cast<size_t>(into)];
    Group& b = groups_[static_cast<size_t>(from)];
    for (const ir::Value* v : b.members) {
      of_[index(v)].group = into;
      of_[index(v)].offset += shift;
      a.members.push_back(v);
    }
    for (Written w : b.written) {
      w.offset += shift;
      a.written.push_back(w);
    }
    b = {};
  }

  const ConcreteGraph& at_;
  int64_t alignment_;
  std::vector<Member> of_;
  std::vector<Group> groups_;
};

bool join_concat(const ir::Node& node, const ConcreteGraph& at, Groups& groups) {
  const ir::Type& type = *at.type(node.output());
  const auto rank = static_cast<int64_t>(type.rank());
  int64_t axis = node.attributes.integer("axis");
  if (axis < 0) axis += rank;
  std::vector<std::pair<const ir::Value*, int64_t>> parts;
  int64_t begin = 0;
  for (const ir::Value* part : node.inputs()) {
    const int64_t size = (*at.type(part)->shape())[static_cast<size_t>(axis)];
    const auto offset = contiguous_offset(type, static_cast<int>(axis), begin, size);
    if (!offset || at.type(part)->channel_block != type.channel_block) return false;
    parts.emplace_back(part, static_cast<int64_t>(*offset));
    begin += size;
  }
  return groups.join_concatenation(node.output(), parts);
}

bool join_split(const ir::Node& node, const ConcreteGraph& at, Groups& groups) {
  const ir::Type& type = *at.type(node.input(0));
  int64_t axis = node.attributes.integer("axis");
  if (axis < 0) axis += type.rank();
  int64_t begin = 0;
  std::vector<std::pair<const ir::Value*, int64_t>> parts;
  for (const ir::Value* part : node.outputs()) {
    const int64_t size = (*at.type(part)->shape())[static_cast<size_t>(axis)];
    const auto offset = contiguous_offset(type, static_cast<int>(axis), begin, size);
    if (!offset || part->is_input() || at.type(part)->channel_block != type.channel_block) return false;
    parts.emplace_back(part, static_cast<int64_t>(*offset));
    begin += size;
  }
  return groups.join_views(parts, node.input(0));
}

bool join_slice(const ir::Node& node, const ConcreteGraph& at, Groups& groups) {
  const ir::Type& in = *at.type(node.input(0));
  const ir::Type& out = *at.type(node.output());
  const Shape from = *in.shape(), to = *out.shape();
  if (in.channel_block != out.channel_block) return false;
  int changed = -1;
  for (size_t i = 0; i < from.size(); ++i)
    if (from[i] != to[i]) {
      if (changed >= 0) return false;
      changed = static_cast<int>(i);
    }
  const Tensor* starts = at.value(node.input(1));
  const Tensor* axes = node.input(3) ? at.value(node.input(3)) : nullptr;
  const Tensor* steps = node.input(4) ? at.value(node.input(4)) : nullptr;
  if (!starts || (node.input(3) && !axes) || (node.input(4) && !steps)) return false;
  if (steps)
    for (const int64_t step : to_int64(*steps))
      if (step != 1) return false;
  if (changed < 0) return groups.join_view(node.output(), node.input(0), 0);
  const std::vector<int64_t> begins = to_int64(*starts);
  std::vector<int64_t> on = axes ? to_int64(*axes) : std::vector<int64_t>();
  int64_t begin = 0;
  for (size_t i = 0; i < begins.size(); ++i) {
    int64_t axis = axes ? on[i] : static_cast<int64_t>(i);
    if (axis < 0) axis += in.rank();
    if (axis != changed) continue;
    const int64_t size = from[static_cast<size_t>(axis)];
    begin = std::clamp<int64_t>(begins[i] < 0 ? begins[i] + size : begins[i], 0, size);
  }
  const auto offset = contiguous_offset(in, changed, begin, to[static_cast<size_t>(changed)]);
  return offset && groups.join_view(node.output(), node.input(0), static_cast<int64_t>(*offset));
}

// Rearranging channels into blocks changes nothing where each pixel stands alone and no block is partly filled.
bool is_free_reorder(const ir::Node& node, const ConcreteGraph& at) {
  const ir::Type &in = *at.type(node.input(0)), &out = *at.type(node.output());
  const Shape shape = *out.shape();
  const int block = std::max(in.channel_block, out.channel_block);
  if (in.dtype != out.dtype) return false;
  return in.channel_block == out.channel_block ||
         (shape.size() >= 2 && shape[1] % block == 0 && elements(std::span(shape).subspan(2)) == 1);
}

// An image with its channels last is what a Transpose that moves them last makes of it, and the other way around.
bool is_free_transpose(const ir::Node& node, const ConcreteGraph& at) {
  const ir::Type &in = *at.type(node.input(0)), &out = *at.type(node.output());
  const std::vector<int64_t> perm = node.attributes.integers("perm");
  const auto full = [](const ir::Type& type) { return type.channel_block == (*type.shape())[1]; };
  if (in.channel_block && !out.channel_block) return perm == std::vector<int64_t>{0, 2, 3, 1} && full(in);
  return !in.channel_block && out.channel_block && perm == std::vector<int64_t>{0, 3, 1, 2} && full(out);
}

bool join(const ir::Node& node, const ConcreteGraph& at, Groups& groups) {
  if (is_alias(node)) return groups.join_view(node.output(), node.input(0), 0);
  if (node.op == "vivace.Reorder")
    return is_free_reorder(node, at) && groups.join_view(node.output(), node.input(0), 0);
  if (node.op == "Transpose") return is_free_transpose(node, at) && groups.join_view(node.output(), node.input(0), 0);
  if (node.op == "Split") return join_split(node, at, groups);
  if (node.op == "Slice") return join_slice(node, at, groups);
  return false;
}

}  // namespace

Placement place_values(const ir::Graph& graph, const ConcreteGraph& at, const std::vector<size_t>& workspace_bytes,
                       size_t alignment, const std::vector<Moment>& moments) {
  const std::vector<ir::Node*> nodes = graph.node_list();
  Placement placement;
  placement.places.resize(static_cast<size_t>(graph.value_id_limit()));
  placement.is_view.assign(nodes.size(), false);
  Groups groups(graph, at, alignment);
  const auto runs = [&](size_t i) { return at.concrete(*nodes[i]) && !at.settled(*nodes[i]); };
  // Long concatenations first (they come last), so that shorter ones of the same parts find them in line.
  for (size_t i = nodes.size(); i-- > 0;)
    if (nodes[i]->op == "Concat" && runs(i)) placement.is_view[i] = join_concat(*nodes[i], at, groups);
  for (size_t i = 0; i < nodes.size(); ++i)
    if (runs(i) && nodes[i]->op != "Concat") placement.is_view[i] = join(*nodes[i], at, groups);

  // Lifetimes, by group, in steps (node order).
  const int steps = static_cast<int>(nodes.size());
  std::vector<std::pair<int, int>> while_running;  // of each node
  for (int i = 0; i < steps; ++i) while_running.emplace_back(i, i);
  for (const Moment& moment : moments)
    for (size_t i = moment.first; i <= moment.last; ++i)
      while_running[i] = {static_cast<int>(moment.first), static_cast<int>(moment.last)};
  std::vector<ArenaRequest> requests(static_cast<size_t>(groups.count()));
  std::vector<int64_t> lowest(requests.size(), 0), highest(requests.size(), 0);
  for (auto& request : requests) request.first = INT_MAX, request.last = -1;
  const auto touch = [&](const ir::Value* v, const std::pair<int, int>& when) {
    if (!v || !groups.has(v)) return;
    ArenaRequest& request = requests[static_cast<size_t>(groups.group(v))];
    request.first = std::min(request.first, when.first);
    request.last = std::max(request.last, when.second);
  };
  for (size_t i = 0; i < nodes.size(); ++i) {
    if (at.settled(*nodes[i])) continue;
    for (const ir::Value* v : nodes[i]->inputs()) touch(v, while_running[i]);
    for (const ir::Value* v : nodes[i]->outputs()) touch(v, while_running[i]);
  }
  for (const ir::Value* v : graph.outputs()) touch(v, {steps, steps});

  // What each group's memory is: the user's input or output, a constant, or the arena.
  std::vector<Place> bases(requests.size());
  for (int g = 0; g < groups.count(); ++g) {
    const auto i = static_cast<size_t>(g);
    for (const ir::Value* v : groups.members(g)) {
      lowest[i] = std::min(lowest[i], groups.offset(v));
      highest[i] = std::max(highest[i], groups.offset(v) + static_cast<int64_t>(bytes_of_type(*at.type(v))));
      if (at.value(v)) bases[i] = {Base::constant, v->id(), 0};
    }
  }
  for (size_t k = 0; k < graph.inputs().size(); ++k)
    if (const ir::Value* v = graph.inputs()[k]; groups.has(v))
      bases[static_cast<size_t>(groups.group(v))] = {Base::input, static_cast<int>(k), 0};
  for (size_t k = 0; k < graph.outputs().size(); ++k) {
    const ir::Value* v = graph.outputs()[k];
    if (!groups.has(v)) continue;
    const auto g = static_cast<size_t>(groups.group(v));
    const bool whole = lowest[g] == groups.offset(v) &&
                       highest[g] - lowest[g] == static_cast<int64_t>(bytes_of_type(*at.type(v))) &&
                       !at.type(v)->channel_block;
    if (bases[g].base == Base::none && whole)
      bases[g] = {Base::output, static_cast<int>(k), 0};
    else
      placement.output_copies.emplace_back(static_cast<int>(k), v);
  }

  std::vector<ArenaRequest> wanted;
  std::vector<size_t> wanting;
  for (size_t g = 0; g < requests.size(); ++g) {
    if (bases[g].base != Base::none || requests[g].last < 0) continue;
    requests[g].bytes = static_cast<size_t>(highest[g] - lowest[g]);
    wanted.push_back(requests[g]);
    wanting.push_back(g);
  }
  for (size_t i = 0; i < nodes.size(); ++i)
    if (workspace_bytes[i] > 0) wanted.push_back({workspace_bytes[i], while_running[i].first, while_running[i].second});
  const ArenaPlan arena = plan_arena(wanted);
  for (size_t i = 0; i < wanting.size(); ++i) bases[wanting[i]] = {Base::arena, 0, arena.offsets[i]};
  placement.workspaces.assign(nodes.size(), 0);
  for (size_t i = 0, next = wanting.size(); i < nodes.size(); ++i)
    if (workspace_bytes[i] > 0) placement.workspaces[i] = arena.offsets[next++];
  placement.arena_bytes = arena.bytes;
  placement.largest_live = arena.largest_live;
  placement.live = arena.live;

  for (const ir::Value* v : graph.values()) {
    Place& place = placement.places[index(v)];
    if (!groups.has(v)) {
      place = at.value(v) ? Place{Base::constant, v->id(), 0} : Place{Base::run, v->id(), 0};
      continue;
    }
    const auto g = static_cast<size_t>(groups.group(v));
    place = bases[g];
    if (place.base == Base::none) continue;  // nobody needs it
    if (place.base == Base::constant)
      place.offset = static_cast<size_t>(groups.offset(v));
    else
      place.offset += static_cast<size_t>(groups.offset(v) - lowest[g]);
  }
  return placement;
}

}  // namespace vivace::cpu
