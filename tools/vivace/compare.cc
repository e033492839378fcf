// vivace compare.
#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "model.h"

extern char** environ;

namespace tool {

namespace {

using Json = nlohmann::ordered_json;
using vivace::Tensor;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

struct Difference {
  std::string output, problem;  // problem: why no number can be given
  double largest = 0;           // max|difference|
  double relative = 0;          // max|difference| / max|expected|
};

bool is_float(vivace_dtype type) {
  return type == VIVACE_F32 || type == VIVACE_F64 || type == VIVACE_F16 || type == VIVACE_BF16;
}

// `any_float`: between layers a plan may hold numbers in fewer bits than the model.
Difference difference(const std::string& name, const Tensor& got, const Tensor& want, bool any_float = false) {
  Difference made{name, "", 0, 0};
  const auto refuse = [&](const std::string& why) {
    made.problem = why;
    made.largest = made.relative = kInfinity;
    return made;
  };
  if (got.dtype() != want.dtype() && !(any_float && is_float(got.dtype()) && is_float(want.dtype())))
    return refuse(fmt::format("type {}, expected {}", vivace_dtype_name(got.dtype()), vivace_dtype_name(want.dtype())));
  if (got.shape() != want.shape())
    return refuse(fmt::format("shape {}, expected {}", to_string(got.shape()), to_string(want.shape())));
  if (got.dtype() == VIVACE_STRING) {
    for (int64_t i = 0; i < got.count(); ++i)
      if (got.string(i) != want.string(i)) return refuse(fmt::format("string {} is '{}', expected '{}'", i, got.string(i), want.string(i)));
    return made;
  }
  const auto a = to_doubles(got), b = to_doubles(want);
  if (!a || !b) {
    const auto* p = static_cast<const char*>(got.data());
    return std::equal(p, p + got.bytes(), static_cast<const char*>(want.data())) ? made : refuse("other bytes");
  }
  double scale = 0;
  for (size_t i = 0; i < a->size(); ++i) {
    const double x = (*a)[i], y = (*b)[i];
    if (std::isfinite(y)) scale = std::max(scale, std::fabs(y));
    if (x == y || (std::isnan(x) && std::isnan(y))) continue;
    if (!std::isfinite(x) || !std::isfinite(y)) return refuse(fmt::format("element {} is {}, expected {}", i, x, y));
    made.largest = std::max(made.largest, std::fabs(x - y));
  }
  made.relative = made.largest == 0 ? 0 : scale == 0 ? kInfinity : made.largest / scale;
  return made;
}

// A folder of our own that goes away in the end.
class Scratch {
 public:
  Scratch() : path_((std::filesystem::temp_directory_path() / "vivace-XXXXXX").string()) {
    if (!mkdtemp(path_.data())) throw FileError(path_ + ": cannot be made");
  }
  ~Scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

constexpr int kNotInstalled = 77;
const char* const kOnnxRuntime = R"(
import sys
try:
    import numpy, onnxruntime
except ImportError:
    sys.exit(77)
model, inputs, outputs = sys.argv[1:]
options = onnxruntime.SessionOptions()
options.log_severity_level = 3
session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
arrays = numpy.load(inputs)
feeds = {x.name: arrays[f"i{i}"] for i, x in enumerate(session.get_inputs()) if f"i{i}" in arrays}
numpy.savez(outputs, **{f"o{i}": x for i, x in enumerate(session.run(None, feeds))})
)";

int run_program(const std::vector<std::string>& words) {
  std::vector<char*> arguments;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  pid_t child = 0;
  if (posix_spawnp(&child, arguments[0], nullptr, nullptr, arguments.data(), environ) != 0) return kNotInstalled;
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

// The outputs of ONNX Runtime; none where it is not installed.
std::optional<std::vector<Tensor>> run_onnxruntime(const CompareCommand& command, const std::vector<Tensor>& inputs,
                                                   size_t output_count) {
  const Scratch scratch;
  Tensors arrays;
  for (size_t i = 0; i < inputs.size(); ++i)
    arrays.emplace_back("i" + std::to_string(i), Tensor::wrap(inputs[i].dtype(), inputs[i].shape(), inputs[i].data(), inputs[i].bytes()));
  write_npz(scratch.file("inputs.npz"), arrays);
  const int code = run_program({command.python, "-c", kOnnxRuntime, command.model, scratch.file("inputs.npz"), scratch.file("outputs.npz")});
  if (code == kNotInstalled || code == 127) return std::nullopt;
  if (code != 0) throw vivace::Error(VIVACE_INVALID_MODEL, "ONNX Runtime cannot run the model; what it says is above");
  std::vector<Tensor> outputs(output_count);
  for (auto& [name, tensor] : read_npz(scratch.file("outputs.npz"))) {
    const size_t i = std::stoul(name.substr(1));
    if (i < outputs.size()) outputs[i] = std::move(tensor);
  }
  return outputs;
}

// Runs the engine's layers with each value between them as an output, and looks for the first that differs from the
// value of that name in the reference.
std::optional<Difference> first_bad_layer(const CompareCommand& command, const vivace::Engine& engine,
                                          const std::vector<Tensor>& inputs, double tolerance) {
  vivace::Engine shown = engine.with_layer_outputs();
  std::map<std::string, Tensor> got;
  std::vector<Tensor> results = shown.run(inputs);
  for (size_t i = 0; i < results.size(); ++i) got[shown.outputs()[i].name] = std::move(results[i]);

  vivace::Network network = open_network(command.model);
  std::set<std::string> outputs;
  for (const vivace::TensorInfo& info : network.outputs()) outputs.insert(info.name);
  for (const auto& [name, tensor] : got) {
    const vivace::Value value = outputs.count(name) ? nullptr : network.find_value(name);
    if (value && outputs.insert(name).second) network.mark_output(value);
  }
  std::map<std::string, Tensor> want;
  results = network.run_reference(inputs);
  const std::vector<vivace::TensorInfo> infos = network.outputs();
  for (size_t i = 0; i < results.size(); ++i) want[infos[i].name] = std::move(results[i]);

  const Json description = Json::parse(engine.inspect(VIVACE_JSON));
  for (const Json& layer : description["layers"]) {
    for (const Json& output : layer["outputs"]) {
      const std::string name = output.get<std::string>();
      if (!got.count(name) || !want.count(name)) continue;  // the optimizer's own
      Difference found =
          difference(fmt::format("{} ({}, {})", layer["name"].get<std::string>(), layer["op"].get<std::string>(),
                                 layer["tactic"].get<std::string>()),
                     got[name], want[name], true);
      if (!(found.relative <= tolerance)) return found;
    }
  }
  return std::nullopt;
}

// What is asked for, else what rounding explains: sums in another order, or numbers of 11 or 8 bits all along; with tf32
// of 11 bits in products alone. The plan says its precision.
double tolerance_of(const CompareCommand& command, const vivace::Engine& engine) {
  if (command.tolerance > 0) return command.tolerance;
  const Json options = Json::parse(engine.inspect(VIVACE_JSON))["options"];
  const std::string precision = options.value("precision", "f32");
  return precision == "f16" ? 1e-2 : precision == "bf16" ? 5e-2 : precision == "tf32" ? 5e-3 : 1e-4;
}

Json json_of(const Difference& d) {
  Json json = {{"name", d.output}};
  if (!d.problem.empty()) json["problem"] = d.problem;
  if (std::isfinite(d.largest)) json["max_difference"] = d.largest;
  if (std::isfinite(d.relative)) json["relative_difference"] = d.relative;
  return json;
}

}  // namespace

Exit run(const CompareCommand& command) {
  const vivace::Network network = open_network(command.model);
  const vivace::Plan plan = command.plan.empty() ? build(network, command.build) : vivace::Plan::load(command.plan);
  vivace::Engine engine = open_engine(plan, command.build.threads, false, command.build.device);
  const std::vector<Tensor> inputs = make_inputs(engine.inputs(), command.input, command.build.shapes);
  const std::vector<Tensor> outputs = engine.run(inputs);

  const double tolerance = tolerance_of(command, engine);
  Json json = {{"model", command.model}, {"tolerance", tolerance}, {"same", true}, {"comparisons", Json::array()}};
  std::string text;
  const auto compare_with = [&](const std::string& what, const std::vector<Tensor>& expected) {
    text += fmt::format("against {}\n", what);
    Json list = Json::array();
    for (size_t i = 0; i < outputs.size(); ++i) {
      const Difference d = difference(engine.outputs()[i].name, outputs[i], expected.at(i));
      const bool same = d.problem.empty() && d.relative <= tolerance;
      if (!same) json["same"] = false;
      list.push_back(json_of(d));
      text += d.problem.empty() ? fmt::format("  {:40} max|difference| {:.3g}, of max|output| {:.3g}  {}\n", d.output, d.largest,
                                              d.relative, same ? "ok" : "TOO MUCH")
                                : fmt::format("  {:40} {}\n", d.output, d.problem);
    }
    json["comparisons"].push_back({{"against", what}, {"outputs", std::move(list)}});
  };
  if (command.against != "onnxruntime") compare_with("the reference kernels", network.run_reference(inputs));
  if (command.against != "reference") {
    const auto expected = run_onnxruntime(command, inputs, outputs.size());
    if (expected) compare_with("ONNX Runtime", *expected);
    else if (command.against == "onnxruntime")
      throw UsageError(command.python + " has no onnxruntime and numpy; --python names one that has");
    else text += "ONNX Runtime is not installed for " + command.python + "; not compared with it\n";
  }
  const bool same = json["same"].get<bool>();
  if (!same) {
    const auto bad = first_bad_layer(command, engine, inputs, tolerance);
    json["first_bad_layer"] = bad ? json_of(*bad) : Json(nullptr);
    text += bad ? fmt::format("first bad layer: {}: {}\n", bad->output, bad->problem.empty() ? fmt::format("{:.3g} of max|output|", bad->relative) : bad->problem)
                : "no single layer differs from the reference by more than the tolerance\n";
  }
  print(command.json ? json.dump(2) + "\n" : text);
  return same ? kOk : kDifferent;
}

}  // namespace tool
