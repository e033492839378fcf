// What an engine built through this interface remembers beside its model. Kept in the plan, as text.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "plan/plan.h"

namespace vivace::tensorrt {

/// An input or output, in binding order: all inputs as the network has them, then all outputs.
struct Binding {
  std::string name;
  bool input = true;
  bool shape_tensor = false;
  Shape dims;            // as the network says them: -1 where dynamic, no batch where that is implicit
  uint32_t formats = 1;  // bit mask of TensorFormat; 1: linear only
  bool host = false;     // said to lie in the host's memory, with ITensor::setLocation()
};

/// The ranges that a client gave for one optimization profile.
struct Profile {
  std::map<std::string, plan::ShapeRange> shapes;  // of inputs
  std::map<std::string, plan::ShapeRange> values;  // of the elements of shape tensors
};

struct Metadata {
  std::string name;  // of the network
  std::vector<Binding> bindings;
  std::vector<Profile> profiles;  // at least one once read
  bool implicit_batch = false;    // the graph's inputs and outputs have a leading dimension that the client leaves out
  int64_t max_batch = 1;          // only with an implicit batch
  bool refittable = false;        // the portable graph is the network as it was, its constants named as the weights
  std::vector<std::string> refittable_weights;  // those alone; empty: all
  std::vector<std::string> debug;               // outputs that only a debug listener sees; may be bindings too
  bool unfused_debug = false;                   // the listener sees all that is between the engine's layers
  bool weight_streaming = false;
  int64_t stripped_bytes = 0;  // of weights that were left out
  int32_t profiling_verbosity = 0;
  int32_t engine_capability = 0;
  int32_t hardware_compatibility = 0;
};

/// For Plan::metadata.
std::map<std::string, std::string> to_entries(const Metadata& metadata);
/// Puts it into the plan, in place of what it had.
void describe(plan::Plan& plan, const Metadata& metadata);
/// That of a plan. One made without this interface gets what its graph and ranges say. corrupt_file where entries make
/// no sense or do not fit the plan.
Result<Metadata> metadata_of(const plan::Plan& plan);

}  // namespace vivace::tensorrt
