// vivace build, vivace run.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "model.h"

namespace tool {

namespace {

using Json = nlohmann::ordered_json;

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void write_report(const vivace::Plan& plan, const std::string& path) {
  write_file(path, plan.report(ends_with(path, ".json")   ? VIVACE_JSON
                               : ends_with(path, ".html") ? VIVACE_HTML
                                                          : VIVACE_TEXT));
}

// Adds a tensor, or the elements of a list as name.0, name.1, ...
void flatten(const std::string& name, vivace::Tensor tensor, Tensors& to) {
  if (tensor.dtype() != VIVACE_LIST) return void(to.emplace_back(name, std::move(tensor)));
  std::vector<vivace::Tensor> elements = tensor.elements();
  for (size_t i = 0; i < elements.size(); ++i) flatten(fmt::format("{}.{}", name, i), std::move(elements[i]), to);
}

Tensors named_outputs(const vivace::Engine& engine, std::vector<vivace::Tensor> outputs) {
  Tensors all;
  for (size_t i = 0; i < outputs.size(); ++i) flatten(engine.outputs()[i].name, std::move(outputs[i]), all);
  return all;
}

Json summary(const std::string& name, const vivace::Tensor& tensor) {
  Json json = {{"name", name}, {"dtype", vivace_dtype_name(tensor.dtype())}, {"shape", tensor.shape()}};
  const auto values = to_doubles(tensor);
  if (!values || values->empty()) return json;
  const auto [low, high] = std::minmax_element(values->begin(), values->end());
  double sum = 0;
  for (const double value : *values) sum += value;
  const bool finite = std::isfinite(sum);
  json["min"] = finite ? Json(*low) : Json(nullptr);
  json["max"] = finite ? Json(*high) : Json(nullptr);
  json["mean"] = finite ? Json(sum / static_cast<double>(values->size())) : Json(nullptr);
  json["argmax"] = std::max_element(values->begin(), values->end()) - values->begin();
  return json;
}

void save_outputs(const std::vector<std::string>& options, const Tensors& outputs) {
  for (const std::string& text : options) {
    const auto [name, path] = split_name(text);
    if (name.empty() && ends_with(path, ".npz")) {
      write_npz(path, outputs);
      continue;
    }
    size_t i = 0;
    while (i < outputs.size() && outputs[i].first != name) ++i;
    if (name.empty() && outputs.size() == 1) i = 0;
    if (i == outputs.size())
      throw UsageError(name.empty()
                           ? "--output " + text + ": there are several outputs; say NAME=FILE, or save them to an .npz"
                           : "there is no output '" + name + "'; elements of lists are called NAME.0, NAME.1, ...");
    const vivace::Tensor& output = outputs[i].second;
    if (ends_with(path, ".npy"))
      write_npy(path, output);
    else
      write_file(path, std::string(static_cast<const char*>(output.data()), output.bytes()));
  }
}

}  // namespace

Exit run(const BuildCommand& command) {
  const auto start = std::chrono::steady_clock::now();
  const vivace::Network network = open_network(command.model);
  vivace::Config config;
  int step = 0;
  std::string dump_error;
  if (!command.dump.empty()) {
    std::filesystem::create_directories(command.dump);
    config.dump([&](const std::string& pass, const std::string& graph) {
      try {
        write_file(fmt::format("{}/{:03}_{}.txt", command.dump, step++, pass), graph);
      } catch (const FileError& e) {
        dump_error = e.what();
      }
    });
  }
  const vivace::Plan plan = build(network, command.build, std::move(config));
  if (!dump_error.empty()) throw FileError(dump_error);
  const std::string output = !command.output.empty()
                                 ? command.output
                                 : std::filesystem::path(command.model).replace_extension(".plan").string();
  plan.save(output);
  for (const std::string& path : command.reports) write_report(plan, path);
  if (command.json) {
    print(plan.report(VIVACE_JSON));
  } else {
    print(plan.report(VIVACE_SUMMARY));
    print(fmt::format("\n{}: {:.1f} MiB, built in {:.1f} s\n", output,
                      static_cast<double>(std::filesystem::file_size(output)) / (1 << 20), seconds_since(start)));
  }
  return kOk;
}

Exit run(const RunCommand& command) {
  const vivace::Plan plan = open_plan(command.model, command.build);
  vivace::Engine engine = open_engine(plan, command.build.threads, command.strict, command.build.device);
  const std::vector<vivace::Tensor> inputs = make_inputs(engine.inputs(), command.input, command.build.shapes);
  const auto start = std::chrono::steady_clock::now();
  std::vector<vivace::Tensor> made = engine.run(inputs);
  const double milliseconds = seconds_since(start) * 1e3;
  const Tensors outputs = named_outputs(engine, std::move(made));
  save_outputs(command.outputs, outputs);
  Json json = {{"milliseconds", milliseconds}, {"outputs", Json::array()}};
  for (const auto& [name, output] : outputs) json["outputs"].push_back(summary(name, output));
  if (command.json) {
    print(json.dump(2) + "\n");
    return kOk;
  }
  for (const Json& output : json["outputs"]) {
    std::string text = fmt::format("{}: {} {}", output["name"].get<std::string>(), output["dtype"].get<std::string>(),
                                   to_string(output["shape"].get<vivace::Shape>()));
    if (output.contains("mean") && output["mean"].is_number())
      text += fmt::format(", {:.6g} to {:.6g}, mean {:.6g}, largest at {}", output["min"].get<double>(),
                          output["max"].get<double>(), output["mean"].get<double>(), output["argmax"].get<int64_t>());
    else if (output.contains("mean"))
      text += ", not all finite";
    print(text + "\n");
  }
  return kOk;
}

}  // namespace tool
