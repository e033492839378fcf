// Models and their inputs, as the commands want them.
#pragma once

#include <memory>
#include <optional>

#include "commands.h"
#include "files.h"

namespace tool {

/// "512", "64K", "1.5G" as bytes.
uint64_t parse_bytes(const std::string& text);
/// "1x3x224x224"; "" and "scalar" are rank 0; "any" is -1.
vivace::Shape parse_shape(const std::string& text);
std::string to_string(const vivace::Shape& shape);
/// {"NAME", "FILE"} of "NAME=FILE"; an empty name where there is no '='.
std::pair<std::string, std::string> split_name(const std::string& text);

/// Shows how a build goes on, on a terminal only; Ctrl-C cancels the build.
class Progress {
 public:
  explicit Progress(bool quiet);
  ~Progress();
  bool operator()(const std::string& phase, double fraction);

 private:
  bool shown_;
  int last_ = -1;
};

/// Builds with a progress bar.
vivace::Plan build(const vivace::Network& network, const BuildOptions& options, vivace::Config config = {});
/// A plan from its file, or built where the file is an ONNX model.
vivace::Plan open_plan(const std::string& path, const BuildOptions& options);
/// What the options say, written into `config`, which comes back.
vivace::Config& configure(vivace::Config& config, const BuildOptions& options);
/// A network from an ONNX file.
vivace::Network open_network(const std::string& path);
/// Says on standard error where a plan was adapted to this machine.
vivace::Engine open_engine(const vivace::Plan& plan, int threads, bool strict, const std::string& device = "");

/// One tensor for each of `infos`: from files where given, else random with the optimum shape, or that of --shape.
std::vector<vivace::Tensor> make_inputs(const std::vector<vivace::TensorInfo>& infos, const InputOptions& options,
                                        const std::vector<std::string>& shapes);
/// Floats even in [-1, 1), integers in [0, 8), bools.
void fill_random(vivace::Tensor& tensor, uint64_t seed);

/// Elements as numbers, whatever their type; empty for types that are no real numbers.
std::optional<std::vector<double>> to_doubles(const vivace::Tensor& tensor);

}  // namespace tool
