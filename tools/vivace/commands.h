// The commands of `vivace`, each with the options it takes. main.cc reads the options from the command line.
#pragma once

#include <string>
#include <vector>

#include "vivace/vivace.hpp"

namespace tool {

/// What scripts can rely on.
enum Exit {
  kOk = 0,
  kUsage = 1,      // the command line makes no sense
  kModel = 2,      // the model is wrong, or not supported, or the data do not fit it
  kFile = 3,       // a file cannot be read or written, is damaged, or of another version
  kDifferent = 4,  // `compare` found a difference
  kResources = 5,  // too little memory, no such device
  kCancelled = 6,
  kInternal = 7,   // a defect in Vivace
};
Exit exit_code(vivace_status status);

/// A wrong command line.
struct UsageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// How to build, wherever an ONNX model is built.
struct BuildOptions {
  std::string device;  // empty: cpu to build, the plan's to run
  std::vector<std::string> shapes;  // NAME=1x3x224x224 or NAME=MIN:OPT:MAX
  int threads = 0;
  int effort = 3;
  double time_budget = 0;
  std::string workspace_limit, memory_limit;  // "512M"
  std::string timing_cache;
  std::string precision = "fp32";
  std::vector<std::string> force_tactics, disable_tactics, disable_passes;
  std::string tactic_sources;
  bool compare_vendors = false;
  bool not_portable = false, quiet = false;
};

/// What to run a model on.
struct InputOptions {
  std::vector<std::string> inputs;  // NAME=FILE or FILE
  unsigned long long seed = 0;      // of random inputs for the others
};

struct BuildCommand {
  std::string model, output;
  std::vector<std::string> reports;  // files; .json, .html or text
  std::string dump;                  // folder for the graph after each pass
  bool json = false;
  BuildOptions build;
};
struct RunCommand {
  std::string model;
  std::vector<std::string> outputs;  // files or one .npz
  bool json = false, strict = false;
  BuildOptions build;
  InputOptions input;
};
struct BenchCommand {
  std::string model;
  double warm_up = 0.5, duration = 3;
  long iterations = 0;
  int streams = 1;
  bool json = false, profile = false, strict = false;
  bool check = false;  // outputs and memory, too
  // What a layer's floor is computed from.
  double terabytes_per_second = 4.0;
  double teraflops = 0;  // 0: by the engine's precision
  BuildOptions build;
  InputOptions input;
};
struct InspectCommand {
  std::string model, graph;  // graph: text, dot, svg or empty
  std::string output;
  bool json = false, report = false, strict = false, check = false;
  BuildOptions build;  // for check
};
struct CompareCommand {
  std::string model, plan;
  std::string against = "auto";  // auto, reference, onnxruntime
  std::string python = "python3";
  double tolerance = 0;  // 0: as the precision has it
  bool json = false;
  BuildOptions build;
  InputOptions input;
};

Exit run(const BuildCommand&);
Exit run(const RunCommand&);
Exit run(const BenchCommand&);
Exit run(const InspectCommand&);
Exit run(const CompareCommand&);

}  // namespace tool
