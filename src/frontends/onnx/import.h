// ONNX models as graphs.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "ir/graph.h"

namespace vivace::onnx {

/// What an import found out of the model's nodes, also where it failed.
struct ImportNotes {
  struct BadNode {
    int64_t index;  // among the nodes of the model's graph, which may hold the culprit in a subgraph or a function
    std::string name, op;
    Status why;
  };
  int64_t nodes = 0;               // of the model's graph
  std::vector<BadNode> bad_nodes;  // all whose operators are unknown, then the others that cannot be read
};

/// Whether nodes of this operator (qualified) are read as something of Vivace's own, plugins not counted.
bool knows_operator(const std::string& op);

/// Operators that Vivace lacks and that whoever imports supplies, as nodes of another one. Thread-safe.
class Extensions {
 public:
  virtual ~Extensions() = default;
  /// Whether it also comes before Vivace's own operators.
  virtual bool overrides() const = 0;
  /// @param op without its domain; `attributes` are the node's
  virtual bool knows(const std::string& op, const ir::Attributes& attributes) const = 0;
  /// The operator of the nodes in their place.
  virtual std::string node() const = 0;
  /// The attributes of such a node in the place of one of an operator that is known.
  virtual Result<ir::Attributes> read(const std::string& op, const std::string& name, const ir::Attributes& attributes,
                                      const std::vector<ir::Type>& inputs) const = 0;
};

struct ImportOptions {
  /// Folder of the model's external data; empty: that of the file, or none for a model in memory.
  std::string base_dir = {};
  /// An initializer that is also a graph input is a default which a caller may override. It becomes a constant, as
  /// nearly all such models are of the time when every initializer had to be an input. True makes it an input that
  /// the caller must give.
  bool overridable_initializers = false;
  /// Data of initializers by name, instead of the model's own.
  std::map<std::string, std::span<const std::byte>, std::less<>> initializers = {};
  ImportNotes* notes = nullptr;  // filled in where given
  const Extensions* extensions = nullptr;
  // Limits against hostile models. Tensors whose data are in the file need none: they cannot be larger than it.
  int64_t max_nodes = 1'000'000;              // after inlining the model's functions
  int64_t max_sparse_bytes = int64_t{4} << 30;  // of one sparse tensor made dense
};

/// Reads a model file: every node is converted to the newest form of its operator, functions of the model are inlined,
/// and the types of all values are inferred. Weights share the mapped file where it holds them at a usable alignment.
/// Errors: io_error; corrupt_file; invalid_model and unsupported with every problem of the model's nodes.
/// Every message begins with the path.
Result<std::unique_ptr<ir::Graph>> import_file(const std::string& path, const ImportOptions& options = {});

/// The same for a model in memory, which is not needed any more afterwards.
Result<std::unique_ptr<ir::Graph>> import_bytes(std::span<const std::byte> model, const ImportOptions& options = {});

}  // namespace vivace::onnx
