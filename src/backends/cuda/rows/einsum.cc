// Einsum: products of two operands, from the left, each a batch of matrix products whose axes are those of labels.
#include "ops/einsum.h"

#include "backends/cuda/rows/elementwise.h"
#include "backends/cuda/rows/sets.h"
#include "backends/cuda/rows/tile_product.h"

namespace vivace::cuda {

namespace {

using Label = ops::EinsumAxes::Label;

struct Operand {
  Argument at;
  bool wide = false;  // in the type of sums: the product of the operands before
  std::map<Label, int64_t> strides;

  int64_t stride(Label label) const {
    const auto found = strides.find(label);
    return found == strides.end() ? 0 : found->second;
  }
};

Verdict axes_of(const Problem& p, ops::EinsumAxes& axes) {
  const DType type = p.outputs[0].type;
  if ((!is_float(type) && !is_integer(type)) || !type_name(type)) return no("numbers only");
  ops::Inference in(*p.node);
  for (size_t i = 0; i < p.inputs.size(); ++i) {
    if (p.inputs[i].channel_block || p.inputs[i].type != type) return no("row-major tensors of one type only");
    if (elements(p.inputs[i].shape) > kMostElements) return no("more than 2^31 elements");
    in.types[i] = ir::Type::tensor(type, ir::to_dims(p.inputs[i].shape));
  }
  if (p.outputs[0].channel_block) return no("row-major only");
  Result<std::optional<ops::EinsumAxes>> found = ops::einsum_axes(in);
  if (!found.ok()) return no(found.status().message());
  axes = **std::move(found);
  for (const auto& [label, size] : axes.sizes)
    if (size.value() == 0) return no("an axis without elements");
  const auto count = [&](const std::vector<Label>& labels) {
    Shape shape;
    for (const Label label : labels) shape.push_back(axes.sizes.at(label).value());
    return checked_elements(shape).value_or(INT64_MAX);
  };
  for (size_t i = 0; i < axes.inputs.size(); ++i) {
    if (count(axes.kept(i + 1)) > kMostElements) return no("a product of more than 2^31 elements");
    std::vector<Label> all = axes.inputs[i];
    if (i > 0) all.insert(all.end(), axes.inputs[i - 1].begin(), axes.inputs[i - 1].end());
    if (count(all) == INT64_MAX) return no("more terms than can be counted");
  }
  return yes();
}

// Axes of one part in the product: kept ones of both, the left or the right operand, and those summed over.
struct Part {
  Shape sizes, a, b, c;

  void add(int64_t size, int64_t in_a, int64_t in_b, int64_t in_c) {
    sizes.push_back(size);
    a.push_back(in_a);
    b.push_back(in_b);
    c.push_back(in_c);
  }
  bool is_contiguous(const Shape& strides) const {
    return std::find(strides.begin(), strides.end(), 1) != strides.end();
  }
};

std::string sum_of(const std::vector<std::string>& terms) {
  std::string text = terms[0];
  for (size_t i = 1; i < terms.size(); ++i) text += " + " + terms[i];
  return text;
}

// The product of a and b, or of a alone; `c` gets its strides.
Launch multiply(const ops::EinsumAxes& axes, const Operand& a, const Operand* b, const std::vector<Label>& keep,
                DType type, Operand& c) {
  Part batch, m, n, k;
  int64_t stride = 1;
  for (auto label = keep.rbegin(); label != keep.rend(); ++label) {
    const int64_t size = axes.sizes.at(*label).value(), in_a = a.stride(*label), in_b = b ? b->stride(*label) : 0;
    c.strides[*label] = stride;
    (in_a && in_b ? batch : in_b ? n : m).add(size, in_a, in_b, stride);
    stride *= size;
  }
  for (const auto& [label, size] : axes.sizes) {
    const bool here = a.strides.contains(label) || (b && b->strides.contains(label));
    if (here && !c.strides.contains(label)) k.add(size.value(), a.stride(label), b ? b->stride(label) : 0, 0);
  }
  for (Part* part : {&batch, &m, &n})  // as the result has them
    for (Shape* shape : {&part->sizes, &part->a, &part->b, &part->c}) std::reverse(shape->begin(), shape->end());
  const auto at = [](const char* linear, const Part& part, const Shape& strides) {
    return strided_offset(linear, part.sizes, strides);
  };
  const char* kind = type_name(type);
  Source source;
  source.add(prelude())
      .add(element_helpers())
      .add(std::string("using W = ") +
           (!is_float(type)      ? "unsigned long long"
            : type == DType::f64 ? "double"
                                 : "float") +
           ";\n");
  source.add(std::string("using A = ") + (a.wide ? "W" : kind) + ";\nusing B = " + kind +
             ";\nusing C = " + (c.wide ? "W" : kind) + ";\n");
  TileProduct product{
      .batch = elements(batch.sizes), .m = elements(m.sizes), .n = elements(n.sizes), .k = elements(k.sizes)};
  product.a = "(W)wide(a[" + sum_of({at("batch", batch, batch.a), at("m", m, m.a), at("k", k, k.a)}) + "])";
  product.b =
      b ? "(W)wide(b[" + sum_of({at("batch", batch, batch.b), at("n", n, n.b), at("k", k, k.b)}) + "])" : "W(1)";
  product.give = "c[" + sum_of({at("batch", batch, batch.c), at("m", m, m.c), at("n", n, n.c)}) + "] = narrow<C>(sum);";
  product.a_along_k = k.is_contiguous(k.a);
  product.b_along_k = k.is_contiguous(k.b);
  product.parameters =
      std::string("const A* __restrict__ a, ") + (b ? "const B* __restrict__ b, " : "") + "C* __restrict__ c";
  Launch launch = tile_product("einsum", product, std::move(source));
  launch.arguments = {a.at};
  if (b) launch.arguments.push_back(b->at);
  launch.arguments.push_back(c.at);
  return launch;
}

Operand operand_of(const Problem& p, const ops::EinsumAxes& axes, size_t i) {
  Operand operand{.at = input(static_cast<int>(i)), .strides = {}};
  const Shape& shape = p.inputs[i].shape;
  const Shape strides = strides_of(shape);
  for (size_t d = 0; d < shape.size(); ++d) operand.strides[axes.inputs[i][d]] += shape[d] == 1 ? 0 : strides[d];
  return operand;
}

Result<Job> generate(const Problem& p, const std::string&, const Device&) {
  VIVACE_ASSIGN(const ops::EinsumAxes axes, supported<axes_of>(p));
  const DType type = p.outputs[0].type;
  const size_t count = axes.inputs.size(), bytes = !is_float(type) || type == DType::f64 ? 8 : 4;
  const auto size_of = [&](size_t operands) {
    size_t size = bytes;
    for (const Label label : axes.kept(operands)) size *= static_cast<size_t>(axes.sizes.at(label).value());
    return (size + 15) / 16 * 16;
  };
  size_t room[2] = {0, 0};  // products are written into one and read from the other
  for (size_t i = 2; i < count; ++i) room[i % 2] = std::max(room[i % 2], size_of(i));
  Job job;
  job.workspace = room[0] + room[1];
  Operand left = operand_of(p, axes, 0);
  for (size_t i = std::min<size_t>(2, count); i <= count; ++i) {
    const bool last = i == count;
    Operand made{.at = last ? output() : workspace(i % 2 ? room[0] : 0), .wide = !last, .strides = {}};
    const Operand right = operand_of(p, axes, i - 1);
    job.launches.push_back(multiply(axes, left, i > 1 ? &right : nullptr, axes.kept(i), type, made));
    left = std::move(made);
  }
  return job;
}

}  // namespace

extern const Tactic einsum_tactic{
    .name = "cuda_einsum",
    .version = 1,
    .operators = {"Einsum"},
    .supports = supports_job<ops::EinsumAxes, axes_of>,
    .estimate = estimate_flops<10>,
    .generate = generate,
};

}  // namespace vivace::cuda
