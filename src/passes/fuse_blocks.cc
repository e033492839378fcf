#include "passes/fuse_blocks.h"

#include "passes/rules.h"

namespace vivace::passes {

namespace {

// Beyond these a kernel of its own for each layer has enough to do.
constexpr int64_t kLeastChannels = 8, kMostChannels = 4096, kMostHidden = 512;

// A 1x1 convolution of one pixel: a matrix times a vector.
bool is_layer(const ir::Node& node) {
  const ir::Attributes& a = node.attributes;
  const Shape& w = node.input(1)->constant().shape();
  const auto ones = [](const std::vector<int64_t>& list, int64_t value) {
    return std::all_of(list.begin(), list.end(), [=](int64_t v) { return v == value; });
  };
  return w.size() == 4 && w[2] == 1 && w[3] == 1 && a.integer("group", 1) == 1 && ones(a.integers("pads"), 0) &&
         ones(a.integers("strides"), 1) && !node.input(3);
}

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

}  // namespace

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
          if (m["squeeze"]->constant().shape()[0] > kMostHidden) return false;
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

Result<int> fuse_blocks(ir::Graph& graph, const std::function<bool(std::string_view op)>& has_kernel) {
  struct Block {
    std::string_view op;
    const Rule& rule;
  };
  const Block blocks[] = {{"vivace.SqueezeExcite", fuse_squeeze_excite}};
  const Options options;
  PassContext context{options};
  int changes = 0;
  for (const Block& block : blocks) {
    if (!has_kernel(block.op)) continue;
    VIVACE_ASSIGN(const int found, apply(block.rule, graph, context));
    changes += found;
  }
  return changes;
}

}  // namespace vivace::passes
