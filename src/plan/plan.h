// The plan: what a build makes and a runtime loads. Holds the portable graph, which any machine can lower again, and
// the program made of it for one device: the lowered graph with a tactic for every node and the weights as those
// tactics want them.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "ir/graph.h"

namespace vivace::plan {

/// The tactic a node runs with.
struct Choice {
  std::string tactic;
  int version = 0;             // of the tactic: another version may read other packed weights
  std::string configuration;   // the tactic's own text
  std::vector<Tensor> packed;  // constants in the form the tactic wants
  double seconds = 0;          // measured or estimated for one run at the optimum shape; 0: unknown
  uint32_t beside = 0;         // how many nodes right after this one run in the same launch
};

/// A lowered graph and a choice for each node, in the graph's order; bodies of control flow are programs too.
struct Program {
  std::shared_ptr<ir::Graph> graph;
  std::vector<Choice> choices;
  std::map<std::pair<size_t, std::string>, Program> bodies;  // by node index and attribute
};

/// Shapes an input may have; -1 in max: no limit. A static input has all three equal.
struct ShapeRange {
  Shape min, opt, max;
};

/// Where and how the program was made; compared on load.
struct Origin {
  std::string library_version;  // "0.1.0"
  std::string device;           // "cpu avx512": what the program needs of the machine
  std::string machine;          // what it was tuned on, for people: "AMD EPYC, 2 threads"
};

struct Plan {
  Origin origin;
  std::string name;                                  // of the model
  std::vector<ShapeRange> ranges;                    // one per input of the graph
  std::shared_ptr<ir::Graph> portable;               // null: only the machine it was made for can run it
  Program program;
  std::map<std::string, std::string> options;        // what the build was asked for; needed to lower again
  std::string report;                                // the build report, JSON
  uint64_t memory_limit = 0;                         // bytes; 0: none
  std::map<std::string, std::string> metadata;       // what an interface keeps beside the model; the engine ignores it
};

/// Serializes; the same plan gives the same bytes. Tensors that share memory or have equal contents are stored once,
/// aligned to 64 bytes after the metadata. Of a tensor without data only type and shape are stored.
Result<std::vector<std::byte>> to_bytes(const Plan& plan);
/// Writes to a temporary file beside `path`, then renames, so that a cut-off write leaves no broken plan.
Status write_file(const Plan& plan, const std::string& path);

struct ReadOptions {
  bool verify_weights = false;  // also checks the checksum of the weights, which reads all of the file
  bool stripped = false;        // a plan stripped of weights is no error; tensors without data stand for them
};
/// Maps the file; tensors share the map. corrupt_file where bytes are cut off or damaged, version_mismatch where the
/// format itself is another ("Version tag does not match", naming both).
Result<Plan> read_file(const std::string& path, const ReadOptions& options = {});
/// Reads from memory that `owner` keeps alive for as long as any tensor of the plan (copied where owner is null).
Result<Plan> from_bytes(std::span<const std::byte> bytes, std::shared_ptr<void> owner, const ReadOptions& options = {});

/// Whether these bytes begin like a plan (to tell plans from ONNX files).
bool looks_like_plan(std::span<const std::byte> bytes);

}  // namespace vivace::plan
