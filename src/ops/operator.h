// The manifest of operators: what Vivace knows, one row each.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/tensor.h"
#include "base/threads.h"
#include "ir/graph.h"

namespace vivace::ops {

/// Type and shape inference of one node. Runs while building, when dimensions may be symbols, and again for the
/// concrete shapes of a run. Inputs are typed; the operator sets the type of each output.
class Inference {
 public:
  explicit Inference(const ir::Node& node);

  const ir::Node& node;
  const ir::Attributes& attributes;

  size_t input_count() const { return types.size(); }  // trailing omitted inputs are not counted
  size_t output_count() const { return outputs.size(); }
  bool has(size_t i) const { return i < present.size() && present[i]; }
  const ir::Type& type(size_t i) const { return types[i]; }
  DType dtype(size_t i) const { return types[i].dtype; }
  /// Dimensions of input i; empty where not even the rank is known.
  const std::optional<ir::Dims>& dims(size_t i) const { return types[i].dims; }
  int rank(size_t i) const { return types[i].rank(); }  // -1: unknown
  /// The elements of input i where they are known now, of any type; nullptr otherwise.
  const Tensor* constant(size_t i) const { return i < constants.size() ? constants[i] : nullptr; }
  /// The elements of an integer input of rank 0 or 1, each a number or a symbol; empty where nothing is known.
  std::optional<ir::Dims> known(size_t i) const { return i < knowns.size() ? knowns[i] : std::nullopt; }
  /// The elements of an integer input where all are known numbers.
  std::optional<std::vector<int64_t>> numbers(size_t i) const;

  /// What is known of input i now: its type, and its elements where `value` is given (it must outlive this).
  void set_input(size_t i, ir::Type type, const Tensor* value);

  void set(size_t i, DType dtype, ir::Dims dims);
  void set(size_t i, ir::Type type);
  void set_unknown_rank(size_t i, DType dtype) { set(i, ir::Type::tensor_of_any_rank(dtype)); }
  /// The elements of output i (an integer tensor of rank 0 or 1), so far as they follow from shapes.
  void set_known(size_t i, ir::Dims elements);

  /// invalid_model: "node 'x' (Conv): <what>".
  Status error(const std::string& what) const;

  // Filled in by the caller of the operator's inference, read by it afterwards.
  std::vector<ir::Type> types;
  std::vector<bool> present;
  std::vector<const Tensor*> constants;
  std::vector<std::optional<ir::Dims>> knowns;
  std::vector<ir::Type> outputs;
  std::vector<std::optional<ir::Dims>> output_knowns;
};

/// The type of input i of the node when its value is there: shapes of tensors, kinds of lists as declared.
ir::Type type_of_value(const ir::Node& node, size_t i, const TensorView& value);

/// One execution of a node by its reference kernel. Tensors are dense and row-major.
class Call {
 public:
  const ir::Node& node;
  const ir::Attributes& attributes;
  std::vector<TensorView> inputs;   // an omitted optional input has type undefined
  std::vector<TensorView> outputs;  // allocated by the caller where the shape was inferred, or asked for by allocate()
  ThreadPool* pool = nullptr;       // for reference kernels of operators that cost much; may be null

  explicit Call(const ir::Node& n) : node(n), attributes(n.attributes) {}
  bool has(size_t i) const { return i < inputs.size() && inputs[i].type != DType::undefined; }
  size_t input_count() const {  // trailing omitted inputs are not counted
    size_t count = inputs.size();
    while (count > 0 && !has(count - 1)) --count;
    return count;
  }
  bool wants(size_t i) const { return i < outputs.size() && outputs[i].type != DType::undefined; }
  const TensorView& input(size_t i) const { return inputs[i]; }
  const TensorView& output(size_t i = 0) const { return outputs[i]; }
  /// For outputs whose size depends on data: makes outputs[i].
  std::function<Status(size_t i, DType, const Shape&)> allocate;
  /// Runs a subgraph attribute (body of If, Loop, Scan) on these inputs.
  std::function<Result<std::vector<Tensor>>(std::string_view attribute, const std::vector<Tensor>& inputs)>
      run_subgraph;
  /// invalid_argument: "node 'x' (Gather): <what>"; for data that the model's inputs made wrong.
  Status error(const std::string& what) const;
};

using Infer = Status (*)(Inference&);
using Reference = Status (*)(Call&);

/// Which element types input 0 (or output 0, without inputs) may have; rows whose inputs differ check more themselves.
/// values: any, and sequences, optionals and maps, which no input of the other rows may be.
enum class TypeSet : uint8_t { values, any, floats, numeric, integers, boolean, boolean_or_integers };

struct Operator {
  std::string_view name;       // qualified as in ir::Node::op
  std::vector<int> since;      // opset versions that changed it, as the standard lists them; readers convert from each
  int min_inputs, max_inputs;  // not counting captures of subgraphs; max -1: any number
  int max_outputs;             // -1: any number
  TypeSet types;
  Infer infer;
  Reference reference;
};

/// nullptr where Vivace does not know the operator.
const Operator* find_operator(std::string_view name);
/// All rows, in the order of the manifest.
std::span<const Operator> all_operators();
/// Names close to an unknown one, best first, for messages.
std::vector<std::string> similar_operators(std::string_view name);

/// Runs the inference of the node's operator, after checking counts and types against the manifest.
Status infer(Inference& in);
/// Infers the types of a node's outputs from its inputs' types and writes them, checking counts and types against the
/// manifest. Unknown operators are an error (unsupported, with suggestions).
Status infer_node(ir::Node& node);
/// Infers all nodes in order, subgraphs included. An inferred type never loses what a value's type already says;
/// where the two clash it is an error (invalid_model).
Status infer_graph(ir::Graph& graph);

/// Runs the reference kernel of the call's operator. Where every output is known to be empty there is nothing to run:
/// the dimensions beside a 0 may be too large to walk.
Status compute(Call& call);
/// Runs a node's reference kernel on tensors; used for constant folding and tests. `outputs` come back allocated.
Result<std::vector<Tensor>> run_reference(const ir::Node& node, const std::vector<Tensor>& inputs,
                                          ThreadPool* pool = nullptr);
/// Runs a whole graph with reference kernels: the meaning of a graph, for tests and `compare`.
/// `keep` receives every value made, by id, where given.
Result<std::vector<Tensor>> run_graph_reference(const ir::Graph& graph, const std::vector<Tensor>& inputs,
                                                std::vector<Tensor>* keep = nullptr, ThreadPool* pool = nullptr);

}  // namespace vivace::ops
