// The build report as one page that needs nothing else: no scripts from elsewhere, no fonts, no pictures.
#include <fmt/format.h>

#include <algorithm>

#include "builder/report.h"

namespace vivace::builder {

namespace {

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      default: out += c;
    }
  }
  return out;
}

std::string label(const Candidate& c) { return c.tactic + (c.configuration.empty() ? "" : " " + c.configuration); }

constexpr const char* kStyle = R"(
body{font:14px/1.45 system-ui,sans-serif;margin:2em auto;max-width:75em;padding:0 1em;color:#222}
h1{font-size:1.5em}h2{font-size:1.15em;margin-top:2em}
table{border-collapse:collapse;width:100%}td,th{padding:.2em .6em;text-align:left;vertical-align:top;border-bottom:1px solid #e4e4e4}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.bar{background:#4a7dbd;height:.8em;display:inline-block;border-radius:2px}.fallback .bar{background:#c46a4a}
summary{cursor:pointer}.no{color:#888}.small{color:#666;font-size:.9em}
.graph{overflow:auto;max-height:40em;border:1px solid #ddd}
)";

// Bytes alive at each node, as an area.
std::string memory_chart(const std::vector<size_t>& live) {
  if (live.size() < 2) return "";
  constexpr double kWidth = 900, kHeight = 160;
  const double most = std::max<double>(1, static_cast<double>(*std::max_element(live.begin(), live.end())));
  std::string points = fmt::format("0,{}", kHeight);
  for (size_t i = 0; i < live.size(); ++i)
    points += fmt::format(" {:.1f},{:.1f}", kWidth * static_cast<double>(i) / static_cast<double>(live.size() - 1),
                          kHeight * (1 - static_cast<double>(live[i]) / most));
  points += fmt::format(" {},{}", kWidth, kHeight);
  return fmt::format(
      "<svg viewBox=\"0 -4 {0} {1}\" width=\"100%\" role=\"img\"><polygon points=\"{2}\" fill=\"#9dbbe0\" "
      "stroke=\"#4a7dbd\"/>"
      "<text x=\"4\" y=\"12\" font-size=\"12\">{3:.2f} MB</text></svg>",
      kWidth, kHeight + 8, points, most / 1e6);
}

std::string candidates(const LayerReport& layer) {
  std::string rows;
  for (size_t i = 1; i < layer.candidates.size(); ++i) {
    const Candidate& c = layer.candidates[i];
    if (!c.refused.empty())
      rows += fmt::format("<div class=\"no\">{}: {}</div>", escaped(label(c)), escaped(c.refused));
    else if (c.seconds > 0)
      rows += fmt::format("<div>{}: {:.1f} us</div>", escaped(label(c)), c.seconds * 1e6);
    else
      rows +=
          fmt::format("<div class=\"no\">{}: not timed, estimate {:.1f} us</div>", escaped(label(c)), c.estimate * 1e6);
  }
  return rows;
}

std::string comparison_table(const Report& report) {
  const ComparisonTotals sums = totals(report);
  if (!sums.any()) return "";
  std::string html =
      "<h2>Beside the vendor's libraries</h2>\n<table><tr><th class=\"n\">ours, us</th><th class=\"n\">theirs, us</th>"
      "<th>faster</th><th>ours</th><th>theirs</th><th>layer</th></tr>\n";
  for (const LayerReport& layer : report.layers) {
    if (!layer.comparison) continue;
    const Comparison& c = *layer.comparison;
    html += fmt::format(
        "<tr><td class=\"n\">{:.2f}</td><td class=\"n\">{}</td><td>{}</td><td>{}</td><td{}>{}</td><td>{}</td></tr>\n",
        c.ours.seconds * 1e6, c.compared() ? fmt::format("{:.2f}", c.vendor.seconds * 1e6) : "-",
        c.compared() ? winner(c) : "-", escaped(label(c.ours)), c.compared() ? "" : " class=\"no\"",
        escaped(c.compared() ? label(c.vendor) : c.vendor.refused), escaped(layer.name));
  }
  return html + "</table>\n<p>" + escaped(summary(sums)) + "</p>\n";
}

std::string layer_row(const LayerReport& layer, double slowest) {
  const std::string winner = layer.candidates.empty() ? "reference" : label(layer.candidates[0]);
  const double ahead = margin(layer);
  return fmt::format(
      "<tr{}><td class=\"n\">{:.1f}</td><td style=\"width:14em\"><span class=\"bar\" "
      "style=\"width:{:.1f}%\"></span></td>"
      "<td><details><summary>{}</summary><div class=\"small\">{}</div></details></td><td class=\"n\">{}</td>"
      "<td>{}<div class=\"small\">{} {}</div></td></tr>\n",
      layer.fallback ? " class=\"fallback\"" : "", layer.seconds * 1e6, slowest > 0 ? 100 * layer.seconds / slowest : 0,
      escaped(winner), candidates(layer), ahead > 0 ? fmt::format("{:.2f}x", ahead) : "", escaped(layer.name),
      escaped(layer.op), escaped(layer.shapes));
}

}  // namespace

std::string to_html(const Report& report, const std::string& graph_svg) {
  double total = 0, slowest = 0;
  for (const LayerReport& layer : report.layers) {
    if (layer.view) continue;
    total += layer.seconds;
    slowest = std::max(slowest, layer.seconds);
  }
  const std::string title = escaped(report.model.empty() ? "model" : report.model);
  std::string html = fmt::format(
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{0}: build "
      "report</title><style>{1}</style></head><body>\n<h1>{0}</h1>\n",
      title, kStyle);
  html +=
      fmt::format("<p>{} ({}). {} nodes became {}. {:.3f} ms by the sum of its layers.</p>\n", escaped(report.machine),
                  escaped(report.device), report.nodes_before, report.nodes_after, total * 1e3);
  for (const std::string& note : report.notes) html += "<p>Note: " + escaped(note) + "</p>\n";
  html += "<h2>Memory over the layers</h2>\n" + memory_chart(report.memory.live);
  html += fmt::format("<p>Activations take {:.2f} MB ({:.2f} MB are alive at once), weights {:.2f} MB.</p>\n",
                      static_cast<double>(report.memory.arena_bytes) / 1e6,
                      static_cast<double>(report.memory.largest_live) / 1e6,
                      static_cast<double>(report.memory.constant_bytes) / 1e6);
  html +=
      "<h2>Layers</h2>\n<table><tr><th class=\"n\">us</th><th></th><th>tactic</th><th class=\"n\">ahead "
      "by</th><th>layer</th></tr>\n";
  for (const LayerReport& layer : report.layers)
    if (!layer.view) html += layer_row(layer, slowest);
  html += "</table>\n" + comparison_table(report);
  html +=
      "<h2>Optimizer</h2>\n<table><tr><th>pass</th><th class=\"n\">changes</th><th "
      "class=\"n\">ms</th></tr>\n";
  for (const PassCount& pass : report.passes)
    if (pass.changes > 0)
      html += fmt::format("<tr><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{:.1f}</td></tr>\n",
                          escaped(pass.pass), pass.changes, pass.seconds * 1e3);
  html += "</table>\n";
  if (!graph_svg.empty()) html += "<h2>Graph</h2>\n<div class=\"graph\">" + graph_svg + "</div>\n";
  return html + "</body></html>\n";
}

}  // namespace vivace::builder
