#include "ir/svg.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <vector>

namespace vivace::ir {

namespace {

constexpr int kWidth = 220, kHeight = 44, kGapX = 30, kGapY = 36, kMargin = 20;
constexpr size_t kMaxText = 34;

struct Box {
  std::string title, detail, style;
  std::vector<size_t> from;
  int row = 0;
  double x = 0;  // of the centre
};

std::string shortened(const std::string& text) {
  return text.size() <= kMaxText ? text : text.substr(0, kMaxText / 2 - 1) + ".." + text.substr(text.size() - kMaxText / 2 + 1);
}

std::string escaped(const std::string& text) {
  std::string made;
  for (const char c : text) {
    if (c == '<') made += "&lt;";
    else if (c == '>') made += "&gt;";
    else if (c == '&') made += "&amp;";
    else if (c == '"') made += "&quot;";
    else made += static_cast<unsigned char>(c) < ' ' ? ' ' : c;
  }
  return made;
}

std::vector<Box> boxes_of(const Graph& graph, const NodeLabel& label) {
  std::vector<Box> boxes;
  std::map<const Value*, size_t> maker;  // value -> box
  for (const Value* input : graph.inputs()) {
    maker[input] = boxes.size();
    boxes.push_back({input->name, input->type.to_string(), "#dbe9f6", {}, 0, 0});
  }
  for (const auto& node : graph.nodes()) {
    Box box{node->op, label ? label(*node) : node->name, "#f4f4f4", {}, 0, 0};
    for (const Value* input : node->inputs()) {
      const auto at = maker.find(input);
      if (at == maker.end()) continue;  // a constant, or left out
      box.from.push_back(at->second);
      box.row = std::max(box.row, boxes[at->second].row + 1);
    }
    for (const Value* output : node->outputs()) maker[output] = boxes.size();
    boxes.push_back(std::move(box));
  }
  return boxes;
}

// Gives every box its x; returns the width of the widest row.
double place(std::vector<Box>& boxes) {
  std::map<int, std::vector<size_t>> rows;
  for (size_t i = 0; i < boxes.size(); ++i) rows[boxes[i].row].push_back(i);
  size_t widest = 1;
  for (const auto& [row, members] : rows) widest = std::max(widest, members.size());
  const double width = static_cast<double>(widest) * (kWidth + kGapX);
  for (auto& [row, members] : rows) {
    const auto wanted = [&](size_t i) {
      double sum = 0;
      for (const size_t from : boxes[i].from) sum += boxes[from].x;
      return boxes[i].from.empty() ? width / 2 : sum / static_cast<double>(boxes[i].from.size());
    };
    std::stable_sort(members.begin(), members.end(), [&](size_t a, size_t b) { return wanted(a) < wanted(b); });
    // Each box where it wants to be or as near as its left neighbour allows; then the row back inside the picture.
    double left = 0;
    for (const size_t i : members) {
      boxes[i].x = std::max(left + (kWidth + kGapX) / 2.0, wanted(i));
      left = boxes[i].x + (kWidth + kGapX) / 2.0;
    }
    double right = width;
    for (auto at = members.rbegin(); at != members.rend(); ++at) {
      boxes[*at].x = std::min(boxes[*at].x, right - (kWidth + kGapX) / 2.0);
      right = boxes[*at].x - (kWidth + kGapX) / 2.0;
    }
  }
  return width;
}

}  // namespace

std::string to_svg(const Graph& graph, const NodeLabel& label) {
  std::vector<Box> boxes = boxes_of(graph, label);
  const double width = place(boxes) + 2 * kMargin;
  const auto top = [](const Box& box) { return kMargin + box.row * (kHeight + kGapY); };
  int bottom = 0;
  for (const Box& box : boxes) bottom = std::max(bottom, top(box) + kHeight);
  std::string svg = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0:.0f}\" height=\"{1}\" viewBox=\"0 0 {0:.0f} {1}\" "
      "font-family=\"sans-serif\" font-size=\"12\" text-anchor=\"middle\">\n",
      width, bottom + kMargin);
  svg += "<g fill=\"none\" stroke=\"#999\">\n";
  for (const Box& box : boxes) {
    for (const size_t from : box.from) {
      const double x1 = boxes[from].x + kMargin, x2 = box.x + kMargin;
      const int y1 = top(boxes[from]) + kHeight, y2 = top(box);
      svg += fmt::format("<path d=\"M{:.0f} {}C{:.0f} {} {:.0f} {} {:.0f} {}\"/>\n", x1, y1, x1, y1 + kGapY / 2, x2,
                         y2 - kGapY / 2, x2, y2);
    }
  }
  svg += "</g>\n";
  for (const Box& box : boxes) {
    const double x = box.x + kMargin;
    svg += fmt::format(
        "<g><title>{} {}</title><rect x=\"{:.0f}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"5\" fill=\"{}\" stroke=\"#666\"/>"
        "<text x=\"{:.0f}\" y=\"{}\" font-weight=\"bold\">{}</text><text x=\"{:.0f}\" y=\"{}\" fill=\"#555\">{}</text></g>\n",
        escaped(box.title), escaped(box.detail), x - kWidth / 2.0, top(box), kWidth, kHeight, box.style, x, top(box) + 18,
        escaped(shortened(box.title)), x, top(box) + 35, escaped(shortened(box.detail)));
  }
  return svg + "</svg>\n";
}

}  // namespace vivace::ir
