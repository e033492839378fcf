// A tactic is one way to run a node: a row that says which problems it can do and why it cannot do others, what it
// expects to cost, how it wants its weights, and how it runs.
#pragma once

#include <algorithm>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "backends/cpu/machine.h"
#include "base/tensor.h"
#include "base/threads.h"
#include "ir/graph.h"

namespace vivace::cpu {

struct TensorInfo {
  DType type = DType::undefined;     // undefined: an optional tensor left out
  Shape shape;                       // logical, whatever the layout
  int channel_block = 0;             // 0: row-major; c: [N, ceil(C/c), spatial..., c], lanes past C are zero
  const Tensor* constant = nullptr;  // its value where it never changes

  bool present() const { return type != DType::undefined; }
  size_t bytes() const;  // as laid out
};

/// One node at concrete shapes.
struct Problem {
  const ir::Node* node = nullptr;
  std::vector<TensorInfo> inputs, outputs;

  bool has(size_t i) const { return i < inputs.size() && inputs[i].present(); }
  const ir::Attributes& attributes() const { return node->attributes; }
  /// Text equal for problems that any tactic treats alike; the key of the timing cache.
  std::string key() const;
};

/// Yes, or the reason why not.
struct Verdict {
  std::string reason;  // empty: yes
  explicit operator bool() const { return reason.empty(); }
};
inline Verdict yes() { return {}; }
inline Verdict no(std::string reason) { return {std::move(reason)}; }

struct Launch {
  void* const* inputs;  // nullptr where left out
  void* const* outputs;
  void* workspace;  // as many bytes as bound for, aligned to kAlignment; nothing in it lasts
  ThreadPool& pool;
};

/// A problem ready to run any number of times, from any thread.
struct Bound {
  size_t workspace = 0;
  std::function<Status(const Launch&)> run;
};

struct Tactic {
  bool runs(std::string_view op) const {
    return operators.empty() || std::find(operators.begin(), operators.end(), op) != operators.end();
  }

  std::string_view name;
  int version;                              // changes when packed weights or results do
  std::vector<std::string_view> operators;  // it may run; empty: any
  Verdict (*supports)(const Problem&, const Machine&);
  /// Variants worth timing, most promising first; nullptr: one, the empty text.
  std::vector<std::string> (*configurations)(const Problem&, const Machine&) = nullptr;
  /// Expected seconds of one run.
  double (*estimate)(const Problem&, const std::string& configuration, const Machine&);
  /// Constants as this tactic wants them; nullptr: it takes them as they are. Must not depend on dimensions that the
  /// constants do not have (batch, image size): one packing serves all shapes.
  Result<std::vector<Tensor>> (*prepare)(const Problem&, const std::string& configuration, const Machine&) = nullptr;
  Result<Bound> (*bind)(const Problem&, const std::string& configuration, const std::vector<Tensor>& packed,
                        const Machine&);
  /// Whether what `prepare` gives stands for this constant input, so that no run reads the input itself.
  bool (*packs)(const Problem&, size_t input) = nullptr;
};

/// All rows, in order of preference where estimates tie; the reference is the last.
std::span<const Tactic* const> all_tactics();
const Tactic* find_tactic(std::string_view name);

/// Nodes whose outputs share the memory of their first input: no kernel runs (Reshape, Squeeze, ...).
bool is_alias(const ir::Node& node);

/// A rough cost for estimates: bytes moved at memory speed, or floating-point operations at a fraction of the peak.
double roofline_seconds(double flops, double bytes, double efficiency, const Machine& machine);
/// Multiplications and additions of a node, from its shapes; the number of output elements where nothing better is
/// known.
double flops_of(const Problem& problem);
double bytes_of(const Problem& problem);

}  // namespace vivace::cpu
