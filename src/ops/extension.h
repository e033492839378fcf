// Operators whose meaning another room supplies while the program runs: plugins. Registered under a qualified name they
// are as if they stood in the manifest.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ops/operator.h"

namespace vivace::ops {

enum class Where : uint8_t { cpu, gpu };

/// A tensor of a node at work, with the layout that its backend gave it (ir::Type::channel_block).
struct PlacedTensor {
  TensorView view;  // data: an address of the GPU there; nullptr where only types are asked about
  int channel_block = 0;
  bool has_shape = true;  // false: not even the rank is known
};
struct PlacedTensors {
  std::vector<PlacedTensor> inputs, outputs;  // type undefined: left out
};

/// One node of an extension, ready to run. Thread-safe.
class Operation {
 public:
  virtual ~Operation() = default;
  /// Whether supports() looks at types; else it takes what inference takes.
  virtual bool checks_types() const = 0;
  virtual bool supports(Where where, const PlacedTensors& tensors) const = 0;
  /// Bytes beside the tensors.
  virtual Result<size_t> workspace(Where where, const PlacedTensors& tensors) const = 0;
  virtual Status run(const PlacedTensors& tensors, void* workspace, ThreadPool* pool) const = 0;
  /// Puts the work into a stream of the GPU whose context is current.
  virtual Status enqueue(const PlacedTensors& tensors, void* workspace, void* stream, int device) const = 0;
};

/// What an operator does. Thread-safe.
class Extension {
 public:
  virtual ~Extension() = default;
  /// Equal inputs and attributes give equal outputs.
  virtual bool repeatable(const ir::Node&) const { return true; }
  /// Writes down in a new node what it has to remember of the extension.
  virtual Status settle(ir::Node&) const { return {}; }
  virtual Status infer(Inference& in) const = 0;
  /// On row-major tensors of the host's; what backends use where they have nothing better.
  virtual Status run(Call& call) const = 0;
  /// What backends work with; nullptr: they use run().
  virtual Result<std::shared_ptr<const Operation>> open(const ir::Node&) const {
    return std::shared_ptr<const Operation>();
  }
};

/// Gives a meaning to nodes of that operator, for the whole process; nullptr takes it away. Thread-safe.
void register_extension(const std::string& op, std::shared_ptr<const Extension> extension);
/// nullptr where there is none.
std::shared_ptr<const Extension> find_extension(std::string_view op);
/// As Extension::open(), nullptr also where the operator is no extension.
Result<std::shared_ptr<const Operation>> open_extension(const ir::Node& node);
/// The types and shapes of a node's tensors so far as they are known: -1 for dimensions that are not.
PlacedTensors placed_tensors(const ir::Node& node);
/// False for extensions whose outputs do not follow from their inputs.
bool is_repeatable_extension(const ir::Node& node);

/// The attribute in which a node keeps the version of the plugin that it was made with, and that in which it keeps the
/// name of the library that had it.
constexpr std::string_view kPluginVersion = "plugin_version";
constexpr std::string_view kPluginLibrary = "plugin_library";

}  // namespace vivace::ops
