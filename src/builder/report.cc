#include "builder/report.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace vivace::builder {

namespace {

using Json = nlohmann::ordered_json;

Json to_json(const Candidate& candidate) {
  Json json{{"tactic", candidate.tactic}};
  if (!candidate.configuration.empty()) json["configuration"] = candidate.configuration;
  if (!candidate.refused.empty()) json["refused"] = candidate.refused;
  if (candidate.estimate > 0) json["estimate_us"] = candidate.estimate * 1e6;
  if (candidate.seconds > 0) json["us"] = candidate.seconds * 1e6;
  if (candidate.error >= 0) json["error"] = candidate.error;
  return json;
}

std::string label(const Candidate& c) { return c.tactic + (c.configuration.empty() ? "" : " " + c.configuration); }

std::string comparison_text(const Report& report) {
  const ComparisonTotals sums = totals(report);
  if (!sums.any()) return "";
  std::string text = fmt::format("\nBeside the vendor's libraries:\n{:>9} {:>9}  {:<7} {:<28} {:<24} {}\n", "ours us",
                                 "theirs us", "faster", "ours", "theirs", "layer");
  for (const LayerReport& layer : report.layers) {
    if (!layer.comparison) continue;
    const Comparison& c = *layer.comparison;
    text +=
        fmt::format("{:>9.2f} {:>9}  {:<7} {:<28} {:<24} {} ({})\n", c.ours.seconds * 1e6,
                    c.compared() ? fmt::format("{:.2f}", c.vendor.seconds * 1e6) : "-", c.compared() ? winner(c) : "-",
                    label(c.ours), c.compared() ? label(c.vendor) : "no: " + c.vendor.refused, layer.name, layer.op);
  }
  return text + summary(sums) + "\n\n";
}

std::string megabytes(size_t bytes) { return fmt::format("{:.1f} MB", static_cast<double>(bytes) / 1e6); }

}  // namespace

double margin(const LayerReport& layer) {
  if (layer.candidates.empty() || layer.candidates[0].seconds <= 0) return 0;
  for (const Candidate& other : layer.candidates)
    if (other.tactic != layer.candidates[0].tactic && other.seconds > 0 && other.refused.empty())
      return other.seconds / layer.candidates[0].seconds;
  return 0;
}

std::string to_json(const Report& report, bool stable) {
  Json json;
  json["model"] = report.model;
  json["device"] = report.device;
  json["machine"] = report.machine;
  json["nodes_before"] = report.nodes_before;
  json["nodes_after"] = report.nodes_after;
  json["memory"] = {{"arena_bytes", report.memory.arena_bytes},
                    {"largest_live_bytes", report.memory.largest_live},
                    {"weight_bytes", report.memory.constant_bytes}};
  json["notes"] = report.notes;
  for (const PassCount& pass : report.passes) {
    if (pass.changes == 0) continue;
    Json row{{"pass", pass.pass}, {"changes", pass.changes}};
    if (!stable) row["seconds"] = pass.seconds;
    json["passes"].push_back(std::move(row));
  }
  for (const LayerReport& layer : report.layers) {
    Json row{{"name", layer.name}, {"op", layer.op}, {"shapes", layer.shapes}};
    if (layer.view) row["view"] = true;
    if (layer.fallback) row["fallback"] = true;
    if (layer.seconds > 0) row["us"] = layer.seconds * 1e6;
    for (const Candidate& candidate : layer.candidates) {
      Json one = to_json(candidate);
      if (stable) one.erase("error");  // not remembered by a timing cache
      row["candidates"].push_back(std::move(one));
    }
    if (layer.comparison && !stable)
      row["comparison"] = {{"ours", to_json(layer.comparison->ours)},
                           {"vendor", to_json(layer.comparison->vendor)},
                           {"faster", winner(*layer.comparison)}};
    json["layers"].push_back(std::move(row));
  }
  if (const ComparisonTotals t = totals(report); t.any() && !stable)
    json["comparison"] = {
        {"ours_faster", t.ours},       {"vendor_faster", t.vendor},      {"equal", t.equal},
        {"vendor_refused", t.refused}, {"ours_us", t.our_seconds * 1e6}, {"vendor_us", t.vendor_seconds * 1e6}};
  if (!stable) {
    json["timed"] = report.timed;
    json["from_cache"] = report.from_cache;
    for (const auto& [phase, seconds] : report.phases) json["seconds"][phase] = seconds;
  }
  return json.dump(stable ? -1 : 1, ' ', false, Json::error_handler_t::replace);
}

std::string to_text(const Report& report, bool every_candidate) {
  std::string text = fmt::format("{} on {} ({})\n{} nodes -> {}\n", report.model.empty() ? "model" : report.model,
                                 report.machine, report.device, report.nodes_before, report.nodes_after);
  double total = 0;
  int views = 0, fallbacks = 0;
  for (const LayerReport& layer : report.layers) {
    if (layer.view)
      ++views;
    else
      total += layer.seconds;
    if (layer.fallback && !layer.view) ++fallbacks;
  }
  text += fmt::format("{:>9}  {:<24} {:<22} {}\n", "us", "tactic", "ahead of the next by", "layer");
  for (const LayerReport& layer : report.layers) {
    if (layer.view) continue;
    const Candidate* won = layer.candidates.empty() ? nullptr : &layer.candidates[0];
    const double ahead = margin(layer);
    text += fmt::format("{:>9.1f}  {:<24} {:<22} {} ({})\n", layer.seconds * 1e6,
                        won ? won->tactic + (won->configuration.empty() ? "" : " " + won->configuration) : "reference",
                        ahead > 0 ? fmt::format("{:.2f}x", ahead) : "-", layer.name, layer.op);
    if (!every_candidate) continue;
    for (size_t i = 1; i < layer.candidates.size(); ++i) {
      const Candidate& c = layer.candidates[i];
      text += fmt::format("{:>11}{:<24} {}\n", "", c.tactic + (c.configuration.empty() ? "" : " " + c.configuration),
                          !c.refused.empty() ? "no: " + c.refused
                          : c.seconds > 0    ? fmt::format("{:.1f} us", c.seconds * 1e6)
                                             : fmt::format("not timed, estimate {:.1f} us", c.estimate * 1e6));
    }
  }
  text += fmt::format("{:>9.1f}  us in all; {} of {} layers are views and cost nothing\n", total * 1e6, views,
                      report.layers.size());
  if (fallbacks > 0)
    text += fmt::format("{} layers run their plain reference kernel; `inspect --json` names them\n", fallbacks);
  text += fmt::format("weights {}, activations {} (at least {} are alive at once)\n",
                      megabytes(report.memory.constant_bytes), megabytes(report.memory.arena_bytes),
                      megabytes(report.memory.largest_live));
  text += comparison_text(report);
  for (const auto& [phase, seconds] : report.phases) text += fmt::format("{} {:.2f} s  ", phase, seconds);
  text += fmt::format("({} candidates timed, {} from the cache)\n", report.timed, report.from_cache);
  for (const std::string& note : report.notes) text += "note: " + note + "\n";
  return text;
}

}  // namespace vivace::builder
