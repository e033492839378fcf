// The table of contents of the optimizer, and its driver.
#include "passes/pipeline.h"

#include <algorithm>
#include <chrono>
#include <map>

#include "ops/operator.h"
#include "passes/rules.h"

namespace vivace::passes {

std::span<const Stage> pipeline() {
  static const std::vector<Stage> stages = [] {
    const Pass constants{"fold_constants", "nodes whose inputs are all constant are computed now", fold_constants};
    const Pass shapes{"fold_shapes", "values that follow from shapes are constants", fold_shapes};
    const Pass common{"eliminate_common_subexpressions", "what is computed twice is computed once",
                      eliminate_common_subexpressions};
    const Pass dead{"eliminate_dead_code", "nodes and constants that no output needs go", eliminate_dead_code};
    const auto views = [] {
      return std::vector<Pass>{pass_of(eliminate_identity), pass_of(eliminate_view), pass_of(merge_transposes),
                               pass_of(unit_transpose_to_reshape), pass_of(merge_views)};
    };
    const std::vector<Pass> sequences{pass_of(resolve_split_to_sequence), pass_of(resolve_sequence_at),
                                      pass_of(resolve_sequence_length), pass_of(resolve_concat_from_sequence),
                                      pass_of(resolve_optional)};
    const auto with = [](std::vector<Pass> first, const std::vector<Pass>& more) {
      first.insert(first.end(), more.begin(), more.end());
      return first;
    };
    return std::vector<Stage>{
        {"simplify", 10,
         with({{"sink_constants_into_subgraphs", "constants taken in by a subgraph become its own",
                sink_constants_into_subgraphs},
               {"inline_constant_ifs", "an If that always takes one branch is that branch", inline_constant_ifs},
               constants,
               shapes,
               {"hoist_loop_invariants", "what no turn of a loop changes is computed in front of it",
                hoist_loop_invariants},
               {"unroll_short_loops", "a short loop of so many turns is its turns", unroll_short_loops},
               {"eliminate_unused_captures", "subgraphs take in what they use, and once", eliminate_unused_captures}},
              with(with(views(), sequences),
                   {pass_of(eliminate_dropout), pass_of(eliminate_cast), pass_of(eliminate_slice),
                    pass_of(eliminate_pad), pass_of(eliminate_pool), pass_of(eliminate_zero_state),
                    pass_of(eliminate_single_input), pass_of(select_constant_where), pass_of(eliminate_neutral_operand),
                    pass_of(power_to_products), pass_of(divide_to_multiply), pass_of(subtract_to_add),
                    pass_of(merge_scalar_factors), pass_of(merge_added_constants), pass_of(einsum_to_products), common,
                    dead}))},
        {"recognise",
         4,
         {pass_of(recognise_relu),
          pass_of(recognise_clip),
          pass_of(recognise_leaky_relu),
          pass_of(recognise_swish),
          pass_of(recognise_hard_sigmoid),
          pass_of(recognise_hard_swish),
          pass_of(recognise_gelu),
          pass_of(recognise_gelu_tanh),
          pass_of(recognise_softmax),
          pass_of(recognise_instance_norm),
          pass_of(recognise_layer_norm),
          pass_of(recognise_rms_norm),
          pass_of(recognise_group_norm),
          pass_of(fold_scale_into_norm),
          pass_of(fold_bias_into_norm),
          pass_of(recognise_attention),
          pass_of(recognise_causal_attention),
          pass_of(reduce_mean_to_global_pool),
          pass_of(average_pool_to_global_pool),
          dead}},
        {"attention", 4, with({pass_of(attention_without_transposes), dead}, views())},
        {"fold weights",
         8,
         {pass_of(fold_batch_norm_into_conv), pass_of(batch_norm_to_scale_and_shift), pass_of(fold_pad_into_conv),
          pass_of(fold_scale_into_conv), pass_of(fold_bias_into_conv), pass_of(fold_input_scale_into_conv),
          pass_of(move_scale_before_transpose), pass_of(distribute_scale_over_bias), pass_of(fold_scale_into_matmul),
          pass_of(sink_transposes), pass_of(transpose_residual), pass_of(merge_transposes), pass_of(eliminate_view),
          constants, dead}},
        {"fuse", 8,
         with({pass_of(conv_to_fused), pass_of(matmul_to_fused), pass_of(gemm_to_fused),
               pass_of(fuse_transposed_operand), pass_of(fuse_scale), pass_of(fuse_bias), pass_of(fuse_activation),
               pass_of(hoist_reshape_over_matmul), pass_of(fuse_residual)},
              with(views(), {common, dead}))},
        {"merge siblings",
         1,
         {{"merge_sibling_convolutions", "small 1x1 convolutions of one input are one", merge_sibling_convolutions},
          {"merge_sibling_matmuls", "small matrix products of one input are one", merge_sibling_matmuls},
          dead}},
        {"fuse pointwise",
         1,
         {{"fuse_pointwise", "elementwise operators that follow one another are one pass over memory", fuse_pointwise},
          dead}},
    };
  }();
  return stages;
}

int count_nodes(ir::Graph& graph) {
  int count = 0;
  ir::for_each_graph(graph, [&](const ir::Graph& g) { count += static_cast<int>(g.nodes().size()); });
  return count;
}

namespace {
constexpr std::string_view kEveryPass = "all";
}

Result<int> run_pass(const Pass& pass, ir::Graph& graph, const Options& options) {
  if (options.disabled.contains(pass.name) || options.disabled.contains(kEveryPass)) return 0;
  if (options.cancelled && options.cancelled()) return Status(Code::cancelled, "the optimizer was told to stop");
  PassContext context{options};
  int changes = 0;
  Status problem;
  // An inner graph comes after the one around it, which may have removed it.
  ir::for_each_graph(graph, [&](ir::Graph& g) {
    if (!problem.ok()) return;
    Result<int> changed = pass.run(g, context);
    if (changed.ok())
      changes += *changed;
    else
      problem = changed.status();
  });
  if (problem.ok() && changes > 0) problem = ir::verify(graph);
  if (problem.ok() && changes > 0) problem = ops::infer_graph(graph);
  if (!problem.ok()) return problem.within("optimizer pass " + pass.name);
  if (changes > 0 && options.dump) options.dump(pass.name, graph);
  return changes;
}

namespace {

Status check_names(const Options& options) {
  for (const std::string& name : options.disabled) {
    if (name == kEveryPass) continue;
    const bool known = std::any_of(pipeline().begin(), pipeline().end(), [&](const Stage& stage) {
      return std::any_of(stage.passes.begin(), stage.passes.end(), [&](const Pass& pass) { return pass.name == name; });
    });
    if (!known) return {Code::invalid_argument, "there is no optimizer pass '" + name + "' to disable"};
  }
  return {};
}

}  // namespace

Result<PassReport> optimize(ir::Graph& graph, const Options& options) {
  VIVACE_TRY(check_names(options));
  PassReport report;
  report.nodes_before = count_nodes(graph);
  std::map<std::string, size_t> rows;
  for (const Stage& stage : pipeline())
    for (const Pass& pass : stage.passes)
      if (rows.emplace(pass.name, report.passes.size()).second) report.passes.push_back({pass.name, pass.purpose});
  for (const Stage& stage : pipeline()) {
    for (int round = 0, changed = 1; changed > 0 && round < stage.rounds; ++round) {
      changed = 0;
      for (const Pass& pass : stage.passes) {
        const auto start = std::chrono::steady_clock::now();
        VIVACE_ASSIGN(const int changes, run_pass(pass, graph, options));
        PassRecord& record = report.passes[rows[pass.name]];
        record.changes += changes;
        record.seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
        changed += changes;
      }
    }
  }
  report.nodes_after = count_nodes(graph);
  return report;
}

}  // namespace vivace::passes
