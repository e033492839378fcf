#include "passes/fuse_blocks.h"

#include "passes/rules.h"

namespace vivace::passes {

namespace {

bool stays_apart(const Rewriter& to, const ir::Value* output) {
  return to.context.options.disabled.contains(output->name);
}

// Beyond these a kernel of its own for each layer has enough to do.
constexpr int64_t kLeastChannels = 8, kMostChannels = 4096, kMostHidden = 512;

// A convolution of single pixels: a matrix times a vector for each. A layer adds nothing to it but a bias.
bool is_pixelwise(const ir::Node& node) {
  const ir::Attributes& a = node.attributes;
  const Shape& w = node.input(1)->constant().shape();
  const auto ones = [](const std::vector<int64_t>& list, int64_t value) {
    return std::all_of(list.begin(), list.end(), [=](int64_t v) { return v == value; });
  };
  return w.size() == 4 && w[2] == 1 && w[3] == 1 && a.integer("group", 1) == 1 && ones(a.integers("pads"), 0) &&
         ones(a.integers("strides"), 1);
}
bool is_layer(const ir::Node& node) { return is_pixelwise(node) && !node.input(3); }

bool is_product(const ir::Node& node) {
  if (node.op == "Mul") return true;
  const std::string program = node.attributes.text("program");
  return node.inputs().size() == 2 && (program == "mul x0 x1" || program == "mul x1 x0");
}

// In [0, 1], so that the product stays in the image's range.
bool is_gate(const ir::Node& node) {
  const std::string activation = node.attributes.text("activation", "none");
  return is_layer(node) && (activation == "sigmoid" || activation == "hard_sigmoid");
}

bool is_image_of(const ir::Value& x) {
  if (x.type.rank() != 4) return false;
  const ir::Dims& dims = *x.type.dims;
  return dims[1].known() && dims[1].value() >= kLeastChannels && dims[1].value() <= kMostChannels &&
         std::all_of(dims.begin(), dims.end(), [](const ir::Dim& d) { return d.known() || !d.symbol().empty(); });
}

Pattern layer(Pattern from, const char* weights, const char* bias) {
  return op("vivace.FusedConv", std::move(from), constant(weights), optional(constant(bias)));
}

bool is_depthwise(const ir::Node& node) {
  const ir::Attributes& a = node.attributes;
  if (!node.input(1)->is_constant() || a.text("auto_pad", "NOTSET") != "NOTSET" || node.input(3)) return false;
  const Shape& w = node.input(1)->constant().shape();
  const auto at_most = [&](const char* name, int64_t most) {
    const std::vector<int64_t> list = a.integers(name);
    return std::all_of(list.begin(), list.end(), [=](int64_t v) { return v <= most; });
  };
  constexpr int64_t kLeastMany = 16, kMostKernel = 7;
  return w.size() == 4 && w[1] == 1 && w[0] == a.integer("group", 1) && w[0] >= kLeastMany && w[2] <= kMostKernel &&
         w[3] <= kMostKernel && at_most("dilations", 1) && at_most("strides", 2) && is_image_of(*node.input(0));
}

// Of few channels, so that it reads them row-major; its activation keeps the order of what it is given.
bool is_first_convolution(const ir::Node& node) {
  constexpr int64_t kMostFirstChannels = 4;
  const std::string activation = node.attributes.text("activation", "none");
  return node.input(1)->type.rank() == 4 && node.input(1)->constant().shape()[1] <= kMostFirstChannels &&
         node.attributes.integer("group", 1) == 1 && !node.input(3) && is_image_of(*node.output()) &&
         (activation == "none" || activation == "relu" || activation == "clip");
}

// Windows that overlap little: what they share is computed again at the edges of tiles.
bool is_small_window(const ir::Node& pool) {
  const ir::Attributes& a = pool.attributes;
  const auto within = [&](const char* name, int64_t least, int64_t most) {
    const std::vector<int64_t> list = a.integers(name);
    return std::all_of(list.begin(), list.end(), [=](int64_t v) { return v >= least && v <= most; });
  };
  return (pool.outputs().size() == 1 || pool.output(1)->unused()) && a.text("auto_pad", "NOTSET") == "NOTSET" &&
         !a.integers("strides").empty() && within("kernel_shape", 1, 4) && within("strides", 2, 4) &&
         within("dilations", 1, 1) && within("pads", 0, 3);
}

// The convolution before a depthwise one that makes its many channels for it alone; nullptr where there is none.
const ir::Node* expansion_of(const ir::Node& depthwise) {
  const ir::Value* many = depthwise.input(0);
  const ir::Node* node = many->producer();
  const bool fits = node && node->op == "vivace.FusedConv" && many->single_use() && node->input(1)->is_constant() &&
                    is_layer(*node) && is_image_of(*node->input(0));
  return fits ? node : nullptr;
}

// A cluster's block has a share of the many channels' weights in shared memory.
bool weights_fit(int64_t many, int64_t in, int64_t out) {
  constexpr int64_t kMost = 150 << 10, kSlices = 8;
  const int64_t slice = (many + 16 * kSlices - 1) / (16 * kSlices) * 16;
  return slice * (in + out + 16) * 2 <= kMost;
}

bool fuse_convolutions(Rewriter& to, ir::Value* root, const ir::Node& depthwise, const ir::Node* project) {
  const ir::Node* expand = expansion_of(depthwise);
  const Shape& w = depthwise.input(1)->constant().shape();
  const int64_t in = expand ? expand->input(1)->constant().shape()[1] : 0;
  if (stays_apart(to, root) || (!expand && !project) ||
      !weights_fit(w[0], in, project ? project->input(1)->constant().shape()[0] : 0))
    return false;
  ir::Attributes attributes;
  const auto take = [&](const char* prefix, const ir::Node* part) {
    if (!part) return;
    for (const auto& [name, value] : part->attributes) attributes[prefix + name] = value;
  };
  take("depthwise_", &depthwise);
  take("expand_", expand);
  take("project_", project);
  const auto input = [](const ir::Node* node, size_t i) { return node ? node->input(i) : nullptr; };
  std::vector<ir::Value*> inputs = {(expand ? expand : &depthwise)->input(0),
                                    depthwise.input(1),
                                    input(expand, 1),
                                    input(project, 1),
                                    depthwise.input(2),
                                    input(expand, 2),
                                    input(project, 2),
                                    input(project, 3)};
  while (!inputs.back()) inputs.pop_back();
  return to.replace(root, to.add("vivace.InvertedResidual", inputs, std::move(attributes)));
}

}  // namespace

const Rule fuse_inverted_residual{
    .name = "fuse_inverted_residual",
    .purpose = "a depthwise convolution and one of single pixels after it, with one before it, are one operator",
    .pattern = op("vivace.FusedConv", op("vivace.FusedConv").single_use().where(is_depthwise).named("depthwise"),
                  constant(), optional(constant()), optional(any("residual")))
                   .where([](const ir::Node& node) { return is_pixelwise(node); }),
    .build =
        [](const Match& m, Rewriter& to) {
          return m["residual"] != m["depthwise"] &&
                 fuse_convolutions(to, m.root(), *m.node("depthwise"), m.root_node());
        },
};

const Rule fuse_expanded_depthwise{
    .name = "fuse_expanded_depthwise",
    .purpose = "a depthwise convolution and one of single pixels before it are one operator",
    .pattern = op("vivace.FusedConv").where(is_depthwise),
    .build = [](const Match& m, Rewriter& to) { return fuse_convolutions(to, m.root(), *m.root_node(), nullptr); },
};

const Rule fuse_squeeze_excite{
    .name = "fuse_squeeze_excite",
    .purpose = "an image times what two layers make of its pixels' mean is one operator",
    .pattern = op("Mul|vivace.Pointwise", any("x").floating().where_value(is_image_of),
                  layer(layer(op("GlobalAveragePool", any("x")).single_use(), "squeeze", "squeeze bias")
                            .single_use()
                            .where(is_layer)
                            .named("hidden"),
                        "excite", "excite bias")
                      .single_use()
                      .where(is_gate)
                      .named("gate"))
                   .commutative()
                   .where(is_product),
    .build =
        [](const Match& m, Rewriter& to) {
          if (stays_apart(to, m.root()) || m["squeeze"]->constant().shape()[0] > kMostHidden) return false;
          ir::Attributes attributes;
          for (const auto& [part, name] : {std::pair{"hidden", "activation"}, {"gate", "gate"}}) {
            const ir::Attributes& a = m.node(part)->attributes;
            attributes[name] = a.text("activation", "none");
            for (const char* parameter : {"_alpha", "_beta"})
              if (const float value = a.real(std::string("activation") + parameter); value != 0)
                attributes[std::string(name) + parameter] = value;
          }
          std::vector<ir::Value*> inputs = {m["x"], m["squeeze"], m["excite"]};
          if (m["squeeze bias"] || m["excite bias"]) inputs.push_back(m["squeeze bias"]);
          if (m["excite bias"]) inputs.push_back(m["excite bias"]);
          return to.replace(m.root(), to.add("vivace.SqueezeExcite", inputs, std::move(attributes)));
        },
};

const Rule fuse_pooled_conv{
    .name = "fuse_pooled_conv",
    .purpose = "a network's first convolution and the maxima of windows of what it makes are one operator",
    .pattern = op("MaxPool", op("vivace.FusedConv", any(), constant(), optional(constant()))
                                 .single_use()
                                 .where(is_first_convolution)
                                 .named("conv"))
                   .where(is_small_window),
    .build =
        [](const Match& m, Rewriter& to) {
          if (stays_apart(to, m.root())) return false;
          const ir::Node& conv = *m.node("conv");
          ir::Attributes attributes = conv.attributes;
          for (const char* name : {"kernel_shape", "strides", "pads", "ceil_mode"})
            if (const auto at = m.root_node()->attributes.find(name); at != m.root_node()->attributes.end())
              attributes[std::string("pool_") + name] = at->second;
          return to.replace(m.root(), to.add("vivace.PooledConv", conv.inputs(), std::move(attributes)));
        },
};

namespace {
struct Block {
  std::string_view op;
  const Rule& rule;
};
const Block kBlocks[] = {{"vivace.SqueezeExcite", fuse_squeeze_excite},
                         {"vivace.InvertedResidual", fuse_inverted_residual},
                         {"vivace.InvertedResidual", fuse_expanded_depthwise},
                         {"vivace.PooledConv", fuse_pooled_conv}};
}  // namespace

bool is_block(std::string_view op) {
  return std::any_of(std::begin(kBlocks), std::end(kBlocks), [&](const Block& block) { return block.op == op; });
}

Result<int> fuse_blocks(ir::Graph& graph, const std::function<bool(std::string_view op)>& has_kernel,
                        const std::set<std::string, std::less<>>& apart) {
  Options options;
  options.disabled = apart;  // which the rules ask
  PassContext context{options};
  int changes = 0;
  for (const Block& block : kBlocks) {
    if (!has_kernel(block.op)) continue;
    VIVACE_ASSIGN(const int found, apply(block.rule, graph, context));
    changes += found;
  }
  return changes;
}

}  // namespace vivace::passes
