// vivace inspect.
#include "model.h"

namespace tool {

namespace {

template <class Describe>
std::string described(const InspectCommand& command, Describe describe) {
  if (command.graph == "svg") return describe(VIVACE_SVG);
  if (command.graph == "dot") return describe(VIVACE_DOT);
  if (command.graph == "text") return describe(VIVACE_GRAPH);
  return describe(command.json ? VIVACE_JSON : VIVACE_TEXT);
}

}  // namespace

Exit run(const InspectCommand& command) {
  std::string text;
  if (!vivace::Plan::is_plan_file(command.model)) {
    if (command.report) throw UsageError("an ONNX model has no build report; `vivace build --report` makes one");
    const vivace::Network network = vivace::Network::from_onnx_file(command.model);
    if (command.check) {
      vivace::Config config;
      text = vivace::check(network, configure(config, command.build), command.json ? VIVACE_JSON : VIVACE_TEXT);
    } else {
      text = described(command, [&](vivace_format format) { return network.describe(format); });
    }
  } else if (command.check) {
    throw UsageError(command.model + " is a plan, which was built already; --check is for ONNX models");
  } else {
    const vivace::Plan plan = vivace::Plan::load(command.model);
    if (command.report) {
      text = plan.report(VIVACE_JSON) + "\n";
    } else {
      const vivace::Engine engine = open_engine(plan, 0, command.strict);
      text = described(command, [&](vivace_format format) { return engine.inspect(format); });
    }
  }
  if (command.output.empty()) print(text);
  else write_file(command.output, text);
  return kOk;
}

}  // namespace tool
