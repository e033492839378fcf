// The command line: what every flag sets.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "NvInfer.h"

namespace trtexec {

using Strings = std::vector<std::string>;
/// Of a shape tensor: its values.
using Shape = std::vector<int64_t>;
using Shapes = std::map<std::string, Shape>;

struct Profile {
  Shapes min, opt, max;
};

/// "fp16:chw+hwc8"
struct IoFormat {
  nvinfer1::DataType type = nvinfer1::DataType::kFLOAT;
  uint32_t formats = 0;  ///< bits of TensorFormat
  std::string text;
};

struct Options {
  struct Model {
    std::string onnx;
  } model;

  struct Build {
    std::string save, load;
    bool skip_inference = false;

    std::vector<Profile> profiles = std::vector<Profile>(1);
    int current_profile = 0;
    std::vector<IoFormat> inputs, outputs;

    double workspace = -1;                ///< MiB; below 0: the builder's default
    std::map<std::string, double> pools;  ///< the others, MiB
    std::optional<uint32_t> tactic_sources;
    int level = -1, min_timing = 1, avg_timing = 8, max_aux_streams = -1, max_tactics = -1;
    bool no_timing_cache = false;
    std::string timing_cache;
    nvinfer1::ProfilingVerbosity verbosity = nvinfer1::ProfilingVerbosity::kLAYER_NAMES_ONLY;

    bool tf32 = true, fp16 = false, bf16 = false, int8 = false, fp8 = false, int4 = false, best = false;
    bool strongly_typed = false, direct_io = false, refit = false, strip_weights = false;
    bool version_compatible = false, exclude_lean_runtime = false, dla_fallback = false, sparse = false;
    std::string precision_constraints = "none";
    std::vector<std::pair<std::string, nvinfer1::DataType>> layer_precisions, layer_output_types;
  } build;

  struct Inference {
    int batch = 0;  ///< of engines with an implicit batch
    Shapes shapes;
    std::map<std::string, std::string> load;
    int iterations = 10, streams = 1, use_profile = 0;
    double warm_up_ms = 200, duration_s = 3, sleep_ms = 0, idle_ms = 0;
    bool transfers = true, threads = false, graph = false, spin = false, expose_dma = false;
    bool separate_profile = false, time_deserialize = false;
  } inference;

  struct Reporting {
    bool verbose = false, dump_refit = false, dump_output = false, dump_raw = false, dump_profile = false;
    bool dump_layers = false, dump_optimization_profile = false;
    int average = 10;
    std::vector<double> percentiles{90, 95, 99};
    std::string times, output, profile, layers;
    bool profiling() const { return dump_profile || !profile.empty(); }
  } reporting;

  struct System {
    int device = 0;
    Strings plugins, serialized_plugins, dynamic_plugins;
  } system;

  bool help = false, version = false;
  Strings notes;  ///< flags accepted without effect, and why
};

/// Reads the command line. Raises Failure, whose message has one line for each thing that is wrong.
Options parse(const Strings& arguments);

/// All flags, by section.
std::string help();

/// The sections that trtexec prints before it starts: "=== Model Options ===" and so on.
std::string describe(const Options& options);

/// "1x3x224x224"
std::string to_text(const Shape& shape);

// The table that parse() and help() walk.

struct Off {
  bool* target;
};
/// Accepted; the note tells why it changes nothing.
struct Note {
  std::string_view why;
};
/// Raises Failure for a value that it cannot read.
using Read = std::function<void(const std::string& value)>;
using Target = std::variant<bool*, Off, int*, double*, std::string*, Strings*, Shapes*, Note, Read>;

struct Flag {
  std::string_view name;   ///< with its dashes
  std::string_view value;  ///< how --help writes it; empty: the flag is a switch
  Target target;
  std::string_view help;
};

struct Section {
  std::string_view title;
  std::vector<Flag> flags;
};

/// The table, with its targets in `options`.
std::vector<Section> flags(Options& options);

}  // namespace trtexec
