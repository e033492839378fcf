#include "tensorrt/formats.h"

#include <algorithm>
#include <bit>
#include <numeric>

#include "ops/operator.h"

namespace vivace::tensorrt {

using nvinfer1::TensorFormat;

namespace {

struct Layout {
  TensorFormat format;
  const char* name;
  int vector;    // channels beside one another
  size_t space;  // dimensions after the channels
  bool last;     // channels, or their vectors, come after those
};
// Without a DLA its formats are these.
constexpr Layout kLayouts[] = {
    {TensorFormat::kCHW2, "kCHW2", 2, 2, false},        {TensorFormat::kHWC8, "kHWC8", 8, 2, true},
    {TensorFormat::kCHW4, "kCHW4", 4, 2, false},        {TensorFormat::kCHW16, "kCHW16", 16, 2, false},
    {TensorFormat::kCHW32, "kCHW32", 32, 2, false},     {TensorFormat::kDHWC8, "kDHWC8", 8, 3, true},
    {TensorFormat::kCDHW32, "kCDHW32", 32, 3, false},   {TensorFormat::kHWC, "kHWC", 1, 2, true},
    {TensorFormat::kDLA_HWC4, "kDLA_HWC4", 4, 2, true}, {TensorFormat::kHWC16, "kHWC16", 16, 2, true},
    {TensorFormat::kDHWC, "kDHWC", 1, 3, true},
};

uint32_t bit(TensorFormat format) { return 1U << static_cast<uint32_t>(format); }

const Layout* layout_of(TensorFormat format) {
  const auto found =
      std::find_if(std::begin(kLayouts), std::end(kLayouts), [&](const Layout& row) { return row.format == format; });
  return found == std::end(kLayouts) ? nullptr : found;
}

// Adds nodes before another; the first error sticks.
struct Nodes {
  ir::Graph& graph;
  std::string name;
  ir::Node* before = nullptr;
  Status status{};

  ir::Value* add(const char* op, std::vector<ir::Value*> inputs, ir::Attributes attributes = {}) {
    if (!status.ok()) return nullptr;
    ir::Node* const node = graph.add_node(op, std::move(inputs), 1, std::move(attributes), name, before);
    node->output()->name = name;
    status = ops::infer_node(*node);
    return status.ok() ? node->output() : nullptr;
  }
  ir::Value* ints(const std::vector<int64_t>& values) { return graph.add_constant(Tensor::of(values), name); }
  ir::Value* join(std::vector<ir::Value*> parts) { return add("Concat", std::move(parts), {{"axis", int64_t{0}}}); }
  ir::Value* pick(ir::Value* shape, const std::vector<int64_t>& which) { return add("Gather", {shape, ints(which)}); }
};

std::vector<int64_t> counted(size_t first, size_t count) {
  std::vector<int64_t> made(count);
  std::iota(made.begin(), made.end(), static_cast<int64_t>(first));
  return made;
}

// The dimensions split as memory has them, [.., c / v, space, v] or [.., space, c], and where the channels are.
struct Split {
  std::vector<int64_t> to_memory;  // the order of memory, of dimensions with vectors split: [.., c / v, v, space]
  ir::Value *apart, *memory;       // shapes: with vectors split, and as memory has it
};

Split split(Nodes& nodes, ir::Value* value, const Layout& layout) {
  const auto rank = static_cast<size_t>(value->type.rank());
  const size_t channel = rank - layout.space - 1;
  ir::Value* const shape = nodes.add("Shape", {value});
  Split made;
  made.to_memory = counted(0, channel);
  const auto append = [&](const std::vector<int64_t>& more) {
    made.to_memory.insert(made.to_memory.end(), more.begin(), more.end());
  };
  if (layout.last) {
    append(counted(channel + 1, layout.space));
    append({static_cast<int64_t>(channel)});
    made.apart = shape;
    made.memory = nodes.pick(shape, made.to_memory);
    return made;
  }
  append({static_cast<int64_t>(channel)});
  append(counted(channel + 2, layout.space));
  append({static_cast<int64_t>(channel) + 1});
  const int64_t vectors = (*value->type.dims)[channel].value() / layout.vector;
  std::vector<ir::Value*> parts{nodes.ints({vectors, layout.vector}),
                                nodes.pick(shape, counted(channel + 1, layout.space))};
  if (channel > 0) parts.insert(parts.begin(), nodes.pick(shape, counted(0, channel)));
  made.apart = nodes.join(parts);
  made.memory = nodes.status.ok() ? nodes.pick(made.apart, made.to_memory) : nullptr;
  return made;
}

std::vector<int64_t> inverse(const std::vector<int64_t>& order) {
  std::vector<int64_t> made(order.size());
  for (size_t i = 0; i < order.size(); ++i) made[static_cast<size_t>(order[i])] = static_cast<int64_t>(i);
  return made;
}

}  // namespace

Result<TensorFormat> choose_format(nvinfer1::TensorFormats allowed, const ir::Dims& dims, const std::string& what) {
  if (allowed == 0 || (allowed & (bit(TensorFormat::kLINEAR) | bit(TensorFormat::kDLA_LINEAR))))
    return TensorFormat::kLINEAR;
  std::string names;
  for (const Layout& row : kLayouts) {
    if (!(allowed & bit(row.format))) continue;
    names += (names.empty() ? "" : ", ") + std::string(row.name);
    if (dims.size() <= row.space) continue;
    const ir::Dim& channels = dims[dims.size() - row.space - 1];
    if (channels.known() && channels.value() % row.vector == 0) return row.format;
  }
  return Status(Code::invalid_argument,
                what + " [" + ir::to_string(dims) + "] allows only " + (names.empty() ? "no format there is" : names) +
                    "; vectors need a known number of channels that they divide: allow kLINEAR or kHWC too, or pad the "
                    "channels");
}

Status take_in(ir::Graph& graph, ir::Value* input, TensorFormat format) {
  const Layout* const layout = layout_of(format);
  if (!layout || graph.nodes().empty()) return {};
  const std::vector<ir::Use> uses = input->uses();
  Nodes nodes{graph, input->name + " as rows", graph.nodes().front().get()};
  const Split shapes = split(nodes, input, *layout);
  ir::Value* made = nodes.add("Reshape", {input, shapes.memory});
  made = nodes.add("Transpose", {made}, {{"perm", inverse(shapes.to_memory)}});
  if (!layout->last && nodes.status.ok()) made = nodes.add("Reshape", {made, nodes.add("Shape", {input})});
  VIVACE_TRY(nodes.status);
  made->type.dims = input->type.dims;
  for (const ir::Use& use : uses) graph.set_input(use.node, static_cast<size_t>(use.index), made);
  return {};
}

Result<ir::Value*> bring_out(ir::Graph& graph, ir::Value* value, TensorFormat format) {
  const Layout* const layout = layout_of(format);
  if (!layout) return value;
  Nodes nodes{graph, value->name + " as bound"};
  const Split shapes = split(nodes, value, *layout);
  ir::Value* made = layout->last ? value : nodes.add("Reshape", {value, shapes.apart});
  made = nodes.add("Transpose", {made}, {{"perm", shapes.to_memory}});
  made = nodes.add("Reshape", {made, nodes.add("Shape", {value})});
  VIVACE_TRY(nodes.status);
  made->type.dims = value->type.dims;
  return made;
}

TensorFormat single_format(nvinfer1::TensorFormats mask) {
  return mask ? static_cast<TensorFormat>(std::countr_zero(mask)) : TensorFormat::kLINEAR;
}

int32_t components_of(TensorFormat format) {
  const Layout* const layout = layout_of(format);
  return layout ? layout->vector : 1;
}

int32_t vectorized_dim(TensorFormat format, int32_t rank) {
  const Layout* const layout = layout_of(format);
  return layout && layout->vector > 1 ? rank - static_cast<int32_t>(layout->space) - 1 : -1;
}

nvinfer1::Dims strides_of(nvinfer1::Dims dims, TensorFormat format) {
  const Layout* const layout = layout_of(format);
  std::vector<int32_t> order;  // from the outermost to the innermost
  const int32_t channel = layout ? dims.nbDims - static_cast<int32_t>(layout->space) - 1 : -1;
  for (int32_t i = 0; i < dims.nbDims; ++i)
    if (!layout || !layout->last || i != channel) order.push_back(i);
  if (layout && layout->last) order.push_back(channel);
  decltype(+dims.d[0]) stride = 1;
  for (auto at = order.rbegin(); at != order.rend(); ++at) {
    const auto size = *at == channel && dims.d[*at] > 0 ? dims.d[*at] / layout->vector : dims.d[*at];
    dims.d[*at] = stride;
    stride = size < 0 || stride < 0 ? -1 : stride * size;
  }
  return dims;
}

}  // namespace vivace::tensorrt
