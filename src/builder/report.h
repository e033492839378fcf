// What a build did and why, as data; text, JSON and HTML are made from it.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "backends/common/executor.h"

namespace vivace::builder {

struct Candidate {
  std::string tactic, configuration;
  std::string refused;  // why it was not tried; empty: it could run
  double estimate = 0;  // seconds
  double seconds = 0;   // measured; 0: not timed
  double error = -1;    // max |difference| / max |reference|; -1: not checked
};

/// The best of our rows beside the best of the vendor's libraries, timed in turns.
struct Comparison {
  Candidate ours, vendor;  // the vendor's without a time: none of its rows could run it, as `refused` says
  bool compared() const { return ours.seconds > 0 && vendor.seconds > 0; }
};

struct LayerReport {
  std::string name, op;
  std::string shapes;                 // "f32[1,64,56,56] f32[64,64,3,3] -> f32[1,64,56,56]"
  std::vector<Candidate> candidates;  // the winner first, then by time, then the refused
  bool view = false;                  // shares memory, runs nothing
  bool fallback = false;              // runs its reference kernel for want of a fast one
  bool from_cache = false;
  double seconds = 0;                    // of the winner, measured or estimated
  std::optional<Comparison> comparison;  // where a build compares and the vendor has a row for the operator
};

struct PassCount {
  std::string pass;
  int changes = 0;
  double seconds = 0;
};

struct Report {
  std::string model, device, machine;
  int nodes_before = 0, nodes_after = 0;
  std::vector<PassCount> passes;
  std::vector<LayerReport> layers;  // in the order they run
  std::vector<std::string> notes;   // what the user should know: guessed shapes, an exhausted time budget
  backends::MemoryUse memory;       // at the optimum shapes
  std::vector<std::pair<std::string, double>> phases;  // "import", "optimize", "tune", ...: seconds
  int timed = 0, from_cache = 0;                       // candidates
};

/// Everything but wall-clock times where `stable`, so that equal builds give equal text.
std::string to_json(const Report& report, bool stable = false);
/// Tables for a terminal.
std::string to_text(const Report& report, bool every_candidate = false);
/// Which layers fall back to plain kernels, or from a GPU to the CPU, and why: a table, or JSON.
std::string fallbacks_text(const Report& report);
std::string fallbacks_json(const Report& report);
/// Of all layers that were compared: who was faster, and both sums.
struct ComparisonTotals {
  int ours = 0, vendor = 0, equal = 0;  // layers; equal: within 2 %
  int refused = 0;                      // layers that the vendor's libraries cannot run
  double our_seconds = 0, vendor_seconds = 0;
  bool any() const { return ours + vendor + equal + refused > 0; }
};
ComparisonTotals totals(const Report& report);
/// "ours", "vendor" or "equal".
std::string_view winner(const Comparison& comparison);
/// One line: "ours are faster in 40 layers, ...".
std::string summary(const ComparisonTotals& totals);

/// How much the winner of a layer was ahead of the next tactic of another name, as a ratio; 0 where nobody else was
/// timed.
double margin(const LayerReport& layer);
/// One self-contained page: the layers with their times, who won and by how much, memory over time, and the graph as
/// the SVG given (left out where empty).
std::string to_html(const Report& report, const std::string& graph_svg);

}  // namespace vivace::builder
