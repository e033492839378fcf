// Golden tests of rules: two graphs as text, before and after, which must also compute the same.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "ir/text.h"
#include "ops/operator.h"
#include "passes/pipeline.h"
#include "passes/rule.h"

namespace vivace::passes {

/// Parses and infers; fails the test where the text is wrong.
std::unique_ptr<ir::Graph> graph_of(const std::string& text);

/// Random inputs for the graph; each symbol of its input types becomes a size of its own (2, 3, 5, 7...).
std::vector<Tensor> random_inputs(const ir::Graph& graph, uint64_t seed);

/// What results of a type may differ by, relative to the largest element: some tens of roundings of sums.
double tolerance_of(DType type);

/// Outputs of the same types and shapes, elements within `factor` tolerances of each other.
void expect_same_results(const ir::Graph& before, const ir::Graph& after, const std::vector<Tensor>& inputs,
                         double factor = 1);

/// The pass turns `before` into `after` (compared without the names of values and the elements of constants), both
/// compute the same, and applying it again where nothing is left changes nothing.
void expect_rewrite(const Pass& pass, const std::string& before, const std::string& after);
void expect_no_rewrite(const Pass& pass, const std::string& graph);
inline void expect_rewrite(const Rule& rule, const std::string& before, const std::string& after) {
  expect_rewrite(pass_of(rule), before, after);
}
inline void expect_no_rewrite(const Rule& rule, const std::string& graph) { expect_no_rewrite(pass_of(rule), graph); }

/// A pass of the pipeline by its name.
const Pass& pass_named(const std::string& name);

}  // namespace vivace::passes
