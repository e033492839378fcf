// Configuration, building, plans.
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "api/handles.h"
#include "api/plugins.h"
#include "backends/cuda/vendor.h"
#include "base/file.h"
#include "base/log.h"
#include "ir/text.h"

using namespace vivace;

namespace {

vivace_status set(vivace_config* config, auto&& change) {
  return api::guard([&]() -> Status {
    VIVACE_NEED(config);
    return change(*config);
  });
}

vivace_status append(vivace_config* config, std::vector<std::string> builder::BuildConfig::*list, const char* text) {
  return set(config, [&](vivace_config& to) -> Status {
    VIVACE_NEED(text);
    (to.build.*list).emplace_back(text);
    return {};
  });
}

// The named timing cache, or the one of VIVACE_CACHE_DIR; empty: none.
std::string cache_path(const vivace_config& config) {
  if (config.cache_named) return config.cache_path;
  const char* folder = std::getenv("VIVACE_CACHE_DIR");
  return folder && *folder ? std::string(folder) + "/timings" : std::string();
}

Result<builder::BuildResult> build_with_cache(const vivace_network& network, const vivace_config& config) {
  builder::BuildConfig build = config.build;
  VIVACE_ASSIGN(build.threads, api::resolve_threads(build.threads));
  if (build.model_name.empty()) build.model_name = network.graph->name;
  builder::TimingCache cache;
  const std::string path = cache_path(config);
  if (!path.empty()) VIVACE_TRY(cache.load(path));
  build.cache = &cache;
  VIVACE_ASSIGN(builder::BuildResult built, builder::build(network.graph->clone(), build));
  if (path.empty()) return built;
  if (!config.cache_named) {
    std::error_code ignored;  // saving says what is wrong
    std::filesystem::create_directories(std::filesystem::path(path).parent_path(), ignored);
  }
  // The plan is good without; times that cannot be kept cost only the next build.
  if (Status saved = cache.save(path); !saved.ok()) log(Severity::warning, "timing cache: " + saved.message());
  return built;
}

}  // namespace

vivace_status vivace_config_create(vivace_config** config) {
  return api::guard([&]() -> Status {
    VIVACE_NEED(config);
    *config = new vivace_config{};
    return {};
  });
}

void vivace_config_destroy(vivace_config* config) { delete config; }

vivace_status vivace_config_set_device(vivace_config* config, const char* device) {
  return set(config, [&](vivace_config& to) -> Status {
    VIVACE_NEED(device);
    to.build.device = device;
    return {};
  });
}

vivace_status vivace_config_set_threads(vivace_config* config, int32_t threads) {
  return set(config, [&](vivace_config& to) -> Status {
    VIVACE_TRY(api::resolve_threads(threads).status());
    to.build.threads = threads;
    return {};
  });
}

vivace_status vivace_config_set_shape(vivace_config* config, const char* input, int32_t rank, const int64_t* min,
                                      const int64_t* opt, const int64_t* max) {
  return set(config, [&](vivace_config& to) -> Status {
    VIVACE_NEED(input);
    const std::string what = "the shapes of input '" + std::string(input) + "'";
    if (rank < 0 || (rank > 0 && (!min || !opt || !max))) return {Code::invalid_argument, what + " are not given"};
    plan::ShapeRange range{Shape(min, min + rank), Shape(opt, opt + rank), Shape(max, max + rank)};
    for (int32_t i = 0; i < rank; ++i) {
      if (min[i] < 0 || min[i] > opt[i] || (max[i] != -1 && opt[i] > max[i]))
        return {Code::invalid_argument, what + " are out of order: dimension " + std::to_string(i) + " is at least " +
                                            std::to_string(min[i]) + ", at best " + std::to_string(opt[i]) +
                                            ", at most " + std::to_string(max[i])};
    }
    to.build.shapes[input] = std::move(range);
    return {};
  });
}

vivace_status vivace_config_set_effort(vivace_config* config, int32_t effort) {
  return set(config, [&](vivace_config& to) -> Status {
    if (effort < 0 || effort > 5)
      return {Code::invalid_argument, "effort is from 0 to 5, not " + std::to_string(effort)};
    to.build.effort = effort;
    return {};
  });
}

vivace_status vivace_config_set_time_budget(vivace_config* config, double seconds) {
  return set(config, [&](vivace_config& to) -> Status {
    if (!(seconds >= 0)) return {Code::invalid_argument, "the time budget is less than nothing"};
    to.build.time_budget = seconds;
    return {};
  });
}

vivace_status vivace_config_set_workspace_limit(vivace_config* config, uint64_t bytes) {
  return set(config, [&](vivace_config& to) { return to.build.workspace_limit = bytes, Status(); });
}

vivace_status vivace_config_set_memory_limit(vivace_config* config, uint64_t bytes) {
  return set(config, [&](vivace_config& to) { return to.build.memory_limit = bytes, Status(); });
}

vivace_status vivace_config_set_timing_cache(vivace_config* config, const char* path) {
  return set(config, [&](vivace_config& to) -> Status {
    VIVACE_NEED(path);
    to.cache_path = path;
    to.cache_named = true;
    return {};
  });
}

vivace_status vivace_config_set_precision(vivace_config* config, uint32_t flags) {
  return set(config, [&](vivace_config& to) -> Status {
    if (flags & VIVACE_PRECISION_INT8) return {Code::unsupported, "int8 is not there yet; f16, bf16 and tf32 are, on GPUs"};
    to.build.precision = flags & VIVACE_PRECISION_FP16   ? Precision::f16
                         : flags & VIVACE_PRECISION_BF16 ? Precision::bf16
                         : flags & VIVACE_PRECISION_TF32 ? Precision::tf32
                                                         : Precision::f32;
    return {};
  });
}

vivace_status vivace_config_force_tactic(vivace_config* config, const char* rule) {
  if (rule && !std::strchr(rule, '='))
    return api::fail({Code::invalid_argument, "'" + std::string(rule) + "' is not of the form NAME=TACTIC"});
  return append(config, &builder::BuildConfig::forced_tactics, rule);
}

vivace_status vivace_config_disable_tactic(vivace_config* config, const char* tactic) {
  return append(config, &builder::BuildConfig::disabled_tactics, tactic);
}

vivace_status vivace_config_set_tactic_sources(vivace_config* config, const char* sources) {
  return set(config, [&](vivace_config& to) -> Status {
    VIVACE_NEED(sources);
    VIVACE_ASSIGN(to.build.tactic_sources, cuda::parse_tactic_sources(sources));
    return {};
  });
}

vivace_status vivace_config_set_compare_vendors(vivace_config* config, int compare) {
  return set(config, [&](vivace_config& to) { return to.build.compare_vendors = compare != 0, Status(); });
}

vivace_status vivace_config_load_plugins(vivace_config* config, const char* path) {
  return set(config, [&](vivace_config&) -> Status {
    VIVACE_NEED(path);
    return api::load_plugins(path);
  });
}

vivace_status vivace_config_disable_pass(vivace_config* config, const char* pass) {
  return append(config, &builder::BuildConfig::disabled_passes, pass);
}

vivace_status vivace_config_set_portable(vivace_config* config, int portable) {
  return set(config, [&](vivace_config& to) { return to.build.keep_portable = portable != 0, Status(); });
}

vivace_status vivace_config_set_progress(vivace_config* config, vivace_progress progress, void* user) {
  return set(config, [&](vivace_config& to) -> Status {
    to.build.progress = nullptr;
    if (progress)
      to.build.progress = [=](const std::string& phase, double fraction) {
        return progress(phase.c_str(), fraction, user) != 0;
      };
    return {};
  });
}

vivace_status vivace_config_set_dump(vivace_config* config, vivace_dump dump, void* user) {
  return set(config, [&](vivace_config& to) -> Status {
    to.build.dump = nullptr;
    if (dump)
      to.build.dump = [=](const std::string& pass, const ir::Graph& graph) {
        dump(pass.c_str(), ir::print(graph).c_str(), user);
      };
    return {};
  });
}

vivace_status vivace_build(const vivace_network* network, const vivace_config* config, vivace_plan** plan) {
  return api::guard([&]() -> Status {
    VIVACE_NEED(network);
    VIVACE_NEED(plan);
    api::start_log();
    VIVACE_ASSIGN(builder::BuildResult built, build_with_cache(*network, config ? *config : vivace_config()));
    *plan = new vivace_plan{std::move(built.plan), std::make_shared<const builder::Report>(std::move(built.report))};
    return {};
  });
}

vivace_status vivace_check(const vivace_network* network, const vivace_config* config, vivace_format format,
                           char** text) {
  return api::guard([&]() -> Status {
    VIVACE_NEED(network);
    VIVACE_NEED(text);
    if (format != VIVACE_TEXT && format != VIVACE_JSON)
      return {Code::invalid_argument, "what a check found is text or JSON"};
    api::start_log();
    builder::BuildConfig build = config ? config->build : builder::BuildConfig();
    VIVACE_ASSIGN(build.threads, api::resolve_threads(build.threads));
    if (build.model_name.empty()) build.model_name = network->graph->name;
    VIVACE_ASSIGN(const builder::Report report, builder::check(network->graph->clone(), build));
    *text = api::copy_text(format == VIVACE_JSON ? builder::fallbacks_json(report) : builder::fallbacks_text(report));
    return {};
  });
}

vivace_status vivace_plan_load(const char* path, vivace_plan** plan) {
  return api::guard([&]() -> Status {
    VIVACE_NEED(path);
    VIVACE_NEED(plan);
    api::start_log();
    VIVACE_ASSIGN(plan::Plan read, plan::read_file(path));
    *plan = new vivace_plan{std::move(read), nullptr};
    return {};
  });
}

vivace_status vivace_plan_from_memory(const void* data, size_t bytes, vivace_plan** plan) {
  return api::guard([&]() -> Status {
    VIVACE_NEED(data);
    VIVACE_NEED(plan);
    api::start_log();
    VIVACE_ASSIGN(plan::Plan read, plan::from_bytes({static_cast<const std::byte*>(data), bytes}, nullptr));
    *plan = new vivace_plan{std::move(read), nullptr};
    return {};
  });
}

int vivace_plan_is_plan_file(const char* path) {
  bool is_plan = false;
  if (path)
    (void)api::guard([&]() -> Status {
      VIVACE_ASSIGN(const MappedFile file, map_file(path));
      is_plan = plan::looks_like_plan(file.bytes);
      return {};
    });
  return is_plan;
}

vivace_status vivace_plan_save(const vivace_plan* plan, const char* path) {
  return api::guard([&]() -> Status {
    VIVACE_NEED(plan);
    VIVACE_NEED(path);
    return plan::write_file(plan->plan, path);
  });
}

vivace_status vivace_plan_to_memory(const vivace_plan* plan, void** data, size_t* bytes) {
  return api::guard([&]() -> Status {
    VIVACE_NEED(plan);
    VIVACE_NEED(data);
    VIVACE_NEED(bytes);
    VIVACE_ASSIGN(const std::vector<std::byte> made, plan::to_bytes(plan->plan));
    void* copy = std::malloc(made.size());
    if (!copy) throw std::bad_alloc();
    std::memcpy(copy, made.data(), made.size());
    *data = copy;
    *bytes = made.size();
    return {};
  });
}

vivace_status vivace_plan_report(const vivace_plan* plan, vivace_format format, char** text) {
  return api::guard([&]() -> Status {
    VIVACE_NEED(plan);
    VIVACE_NEED(text);
    if (format == VIVACE_JSON) {
      *text = api::copy_text(plan->report ? builder::to_json(*plan->report) : plan->plan.report);
    } else if (format != VIVACE_TEXT && format != VIVACE_SUMMARY && format != VIVACE_HTML) {
      return {Code::invalid_argument, "a report is text, JSON or HTML"};
    } else if (!plan->report) {
      return {Code::unsupported, "a plan from a file has its report as JSON; text and HTML are made by the build"};
    } else if (format == VIVACE_HTML) {
      *text = api::copy_text(builder::to_html(*plan->report, api::picture(plan->plan.program)));
    } else {
      *text = api::copy_text(builder::to_text(*plan->report, /*every_candidate=*/format == VIVACE_TEXT));
    }
    return {};
  });
}

void vivace_plan_destroy(vivace_plan* plan) { delete plan; }
