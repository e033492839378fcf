// What falls back, for `vivace inspect --check`.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "builder/report.h"

namespace vivace::builder {

namespace {

struct Counts {
  size_t fast = 0, views = 0, slow = 0;
};

Counts count(const Report& report) {
  Counts counts;
  for (const LayerReport& layer : report.layers)
    ++(layer.view ? counts.views : layer.fallback ? counts.slow : counts.fast);
  return counts;
}

// The reasons of the rows that were asked.
std::string why(const LayerReport& layer) {
  std::string text;
  for (const Candidate& c : layer.candidates)
    if (!c.refused.empty() && c.tactic != "pointwise") text += (text.empty() ? "" : "; ") + c.tactic + ": " + c.refused;
  if (!text.empty()) return text;
  return layer.shapes.empty() ? "its shapes depend on data, it runs subgraphs, or it holds strings or lists"
                              : "no fast kernel for this operator";
}

bool is_gpu(const Report& report) { return report.device.rfind("cuda", 0) == 0; }

}  // namespace

std::string fallbacks_text(const Report& report) {
  const Counts n = count(report);
  std::string text =
      fmt::format("{}: can be built for {} ({}); {} nodes become {} layers\n{} have fast kernels, {} are views",
                  report.model.empty() ? "model" : report.model, report.device, report.machine, report.nodes_before,
                  report.layers.size(), n.fast, n.views);
  text += n.slow == 0 ? ", none falls back\n"
                      : fmt::format(", {} fall back to {}:\n\n{:<28} {:<40} {}\n", n.slow,
                                    is_gpu(report) ? "the CPU" : "plain kernels", "operator", "layer", "why");
  for (const LayerReport& layer : report.layers)
    if (layer.fallback && !layer.view) text += fmt::format("{:<28} {:<40} {}\n", layer.op, layer.name, why(layer));
  for (const std::string& note : report.notes) text += "note: " + note + "\n";
  return text;
}

std::string fallbacks_json(const Report& report) {
  const Counts n = count(report);
  nlohmann::ordered_json json = {{"model", report.model},
                                 {"can_build", true},
                                 {"device", report.device},
                                 {"machine", report.machine},
                                 {"nodes", report.nodes_before},
                                 {"layers", report.layers.size()},
                                 {"fast", n.fast},
                                 {"views", n.views},
                                 {"fallbacks", nlohmann::ordered_json::array()},
                                 {"notes", report.notes}};
  for (const LayerReport& layer : report.layers)
    if (layer.fallback && !layer.view)
      json["fallbacks"].push_back(
          {{"op", layer.op}, {"name", layer.name}, {"shapes", layer.shapes}, {"why", why(layer)}});
  return json.dump(1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace vivace::builder
