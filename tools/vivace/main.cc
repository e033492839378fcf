// The command line: which commands and options there are.
#include <CLI/CLI.hpp>

#include <cstdio>

#include "commands.h"
#include "files.h"

namespace {

using namespace tool;

const char* const kFooter =
    "Examples:\n"
    "  vivace build model.onnx -o model.plan\n"
    "  vivace build model.onnx -o model.plan --shape tokens=1x16:8x64:32x512 --timing-cache times --report report.html\n"
    "  vivace run model.plan --input pixels=cat.npy --output out.npz\n"
    "  vivace bench model.plan --threads 2 --duration 5 --json\n"
    "  vivace compare model.onnx\n"
    "  vivace bench model.onnx --device cuda --precision fp16 --profile\n"
    "  vivace inspect model.plan\n\n"
    "Exit codes: 0 done; 1 the command line makes no sense; 2 the model is wrong or not supported, or data do not fit\n"
    "it; 3 a file cannot be read or written, is damaged or of another version; 4 compare found a difference; 5 too\n"
    "little memory or no such device; 6 cancelled; 7 a defect in Vivace.\n\n"
    "Environment: VIVACE_NUM_THREADS (threads where --threads is not given), VIVACE_CACHE_DIR (folder of the timing\n"
    "cache where --timing-cache is not given), VIVACE_LOG (error, warning, info or verbose; to standard error),\n"
    "VIVACE_NVRTC, VIVACE_CUDNN, VIVACE_CUBLASLT (NVIDIA's libraries, where they are not found), VIVACE_CUDA=off (no GPU).";

// What a build is for.
void add_setting_options(CLI::App& app, BuildOptions& options) {
  const std::string group = "Building";
  app.add_option("--shape", options.shapes,
                 "Shape of an input that is not fixed: NAME=1x3x224x224, or a range NAME=MIN:OPT:MAX such as "
                 "x=1x64:8x64:anyx64 (any: no limit)")->group(group);
  app.add_option("--device", options.device,
                 "cpu, cuda or cuda:1; to build for a GPU that is not here sm_80, sm_86, sm_89, sm_90, sm_100, sm_120")->group(group);
  app.add_option("--precision", options.precision, "What to compute in beside the model's own types")
      ->check(CLI::IsMember({"fp32", "tf32", "fp16", "bf16", "int8"}))->group(group);
}

void add_build_options(CLI::App& app, BuildOptions& options) {
  const std::string group = "Building";
  add_setting_options(app, options);
  app.add_option("--threads", options.threads, "Threads of one run (0: all processors)")->group(group);
  CLI::Option* effort =
      app.add_option("--effort", options.effort, "0: estimates only, 3: the default, 5: every candidate is timed")
          ->check(CLI::Range(0, 5))->group(group);
  app.add_flag_callback("--no-timing", [&] { options.effort = 0; }, "Estimates and recorded times only: --effort 0")
      ->excludes(effort)->group(group);
  app.add_option("--time-budget", options.time_budget, "Seconds of tuning; what is left is chosen by estimate")->group(group);
  app.add_option("--timing-cache", options.timing_cache, "File of measured times, read and added to")->group(group);
  app.add_option("--workspace-limit", options.workspace_limit, "Bytes one layer may use beside its tensors, as 64M")->group(group);
  app.add_option("--memory-limit", options.memory_limit, "Bytes of weights and activations, as 2G")->group(group);
  app.add_option("--force-tactic", options.force_tactics, "NAME=TACTIC for a layer, an operator or *")->group(group);
  app.add_option("--disable-tactic", options.disable_tactics, "A tactic not to use")->group(group);
  app.add_option("--tactic-sources", options.tactic_sources,
                 "Libraries that may run layers of a GPU where they are fastest, as cudnn,cublaslt; the plan then needs them")->group(group);
  app.add_flag("--compare-vendors", options.compare_vendors, "Time those libraries for the report: who is faster in which layer")->group(group);
  app.add_option("--disable-pass", options.disable_passes, "A pass of the optimizer to leave out, or all")->group(group);
  app.add_flag("--not-portable", options.not_portable, "A smaller plan, which other machines refuse")->group(group);
  app.add_flag("-q,--quiet", options.quiet, "No progress bar")->group(group);
}

void add_input_options(CLI::App& app, InputOptions& options) {
  app.add_option("-i,--input", options.inputs,
                 "An input as NAME=FILE or FILE: .npy, .npz (by name), .pb (TensorProto), anything else is raw bytes; "
                 "other inputs are random");
  app.add_option("--seed", options.seed, "Of the random inputs");
}

void load_plugins(const std::vector<std::string>& paths) {
  for (const std::string& path : paths) vivace::load_plugins(path);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("vivace: builds plans from trained networks, and runs them", "vivace");
  app.footer(kFooter);
  app.set_version_flag("--version", "vivace " + vivace::version());
  app.require_subcommand(1);
  app.get_formatter()->column_width(34);
  Exit code = kOk;

  std::vector<std::string> plugins;
  // Each command loads its plugins first.
  const auto on = [&](CLI::App* command, auto& options) {
    command->add_option("--plugins", plugins, "Libraries with operators that Vivace lacks (docs/plugins.md)");
    command->callback([&] {
      load_plugins(plugins);
      code = run(options);
    });
  };

  BuildCommand build;
  CLI::App* command = app.add_subcommand("build", "Build a plan from an ONNX model");
  command->add_option("model", build.model, "The ONNX model")->required();
  command->add_option("-o,--output", build.output, "The plan (default: the model's name with .plan)");
  command->add_option("--report", build.reports, "Write the build report: .json, .html, or text");
  command->add_option("--dump", build.dump, "Folder for the graph as text after each pass that changed it");
  command->add_flag("--json", build.json, "Print the report as JSON");
  add_build_options(*command, build.build);
  command->footer("Example: vivace build bert.onnx -o bert.plan --shape ids=1x8:1x128:4x512 --report bert.html");
  on(command, build);

  RunCommand run_command;
  command = app.add_subcommand("run", "Run a plan or an ONNX model once");
  command->add_option("model", run_command.model, "A plan or an ONNX model")->required();
  add_input_options(*command, run_command.input);
  command->add_option("-o,--output", run_command.outputs, "Save an output as NAME=FILE.npy, or all of them to FILE.npz");
  command->add_flag("--json", run_command.json, "Print a summary of the outputs as JSON");
  command->add_flag("--strict", run_command.strict, "Refuse a plan of another version or machine");
  add_build_options(*command, run_command.build);
  command->footer("Example: vivace run model.plan -i pixels=cat.npy -o scores=scores.npy");
  on(command, run_command);

  BenchCommand bench;
  command = app.add_subcommand("bench", "Measure latency and throughput of a plan or an ONNX model");
  command->add_option("model", bench.model, "A plan or an ONNX model")->required();
  add_input_options(*command, bench.input);
  command->add_option("--warm-up", bench.warm_up, "Seconds to run before measuring");
  command->add_option("--duration", bench.duration, "Seconds to measure for");
  command->add_option("--iterations,--runs", bench.iterations, "Runs of each stream to measure, in place of --duration");
  command->add_option("--streams", bench.streams, "Parallel runs, each with --threads threads")->check(CLI::Range(1, 1024));
  command->add_flag("--profile", bench.profile, "Time each layer; on a GPU beside what its bytes and products take at least");
  command->add_flag("--check", bench.check, "Compare all outputs bit by bit, and see whether memory grows; exit code 4 where so");
  command->add_option("--bandwidth", bench.terabytes_per_second, "Of --profile: TB/s of the GPU's memory")->check(CLI::PositiveNumber);
  command->add_option("--peak", bench.teraflops, "Of --profile: TFLOP/s (default: 790 for f16 and bf16, 60 for f32)")->check(CLI::PositiveNumber);
  command->add_flag("--json", bench.json, "Print the result as JSON");
  command->add_flag("--strict", bench.strict, "Refuse a plan of another version or machine");
  add_build_options(*command, bench.build);
  command->footer("Example: vivace bench model.plan --streams 4 --threads 1 --duration 10\n"
                  "A soak:  vivace bench model.plan --streams 8 --runs 10000 --check");
  on(command, bench);

  InspectCommand inspect;
  command = app.add_subcommand("inspect", "Show what is in a plan or an ONNX model");
  command->add_option("model", inspect.model, "A plan or an ONNX model")->required();
  command->add_option("--graph", inspect.graph, "The graph as text, dot or svg")->check(CLI::IsMember({"text", "dot", "svg"}));
  command->add_flag("--report", inspect.report, "The report of the plan's build, as JSON");
  command->add_option("-o,--output", inspect.output, "Write to a file");
  command->add_flag("--json", inspect.json, "As JSON");
  command->add_flag("--strict", inspect.strict, "Refuse a plan of another version or machine");
  command->add_flag("--check", inspect.check,
                    "Of an ONNX model: every problem it has or, where it can be built, what would fall back to slow kernels, "
                    "or from a GPU to the CPU, and why; nothing is built")
      ->excludes("--graph", "--report");
  add_setting_options(*command, inspect.build);
  command->footer("Examples:\n  vivace inspect model.onnx --graph svg -o model.svg\n"
                  "  vivace inspect model.onnx --check --device sm_90 --precision fp16");
  on(command, inspect);

  CompareCommand compare;
  command = app.add_subcommand("compare", "Compare a model's outputs with the reference kernels and ONNX Runtime");
  command->add_option("model", compare.model, "The ONNX model")->required();
  command->add_option("--plan", compare.plan, "A plan of it; otherwise one is built");
  command->add_option("--against", compare.against, "What to compare with; auto: the reference kernels, and ONNX Runtime where --python has it")
      ->check(CLI::IsMember({"auto", "reference", "onnxruntime"}));
  command->add_option("--python", compare.python, "The Python that has the package onnxruntime");
  command->add_option("--tolerance", compare.tolerance, "Largest max|difference| / max|output| to accept (default: 1e-4, of plans in tf32 5e-3, fp16 1e-2, bf16 5e-2)")
      ->check(CLI::PositiveNumber);
  command->add_flag("--json", compare.json, "Print the result as JSON");
  add_input_options(*command, compare.input);
  add_build_options(*command, compare.build);
  command->footer("Example: vivace compare model.onnx --against onnxruntime --python .venv/bin/python");
  on(command, compare);

  bool json = false;
  const auto add_list = [&](const char* name, const char* about, std::string (*list)(vivace_format)) {
    CLI::App* made = app.add_subcommand(name, about);
    made->add_flag("--json", json, "As JSON");
    made->add_option("--plugins", plugins, "Libraries of plugins to load first");
    made->callback([&json, &plugins, list] {
      load_plugins(plugins);
      print(list(json ? VIVACE_JSON : VIVACE_TEXT));
    });
  };
  add_list("list-operators", "The operators that Vivace knows", vivace::list_operators);
  add_list("list-plugins", "The plugins of --plugins", vivace::list_plugins);
  add_list("list-tactics", "The ways it has to run them", vivace::list_tactics);
  add_list("devices", "The devices it can use", vivace::list_devices);

  try {
    app.parse(argc, argv);
    return code;
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? kOk : kUsage;
  } catch (const UsageError& e) {
    std::fprintf(stderr, "vivace: %s\n", e.what());
    return kUsage;
  } catch (const vivace::Error& e) {
    std::fprintf(stderr, "vivace: %s: %s\n", vivace_status_name(e.status()), e.what());
    return exit_code(e.status());
  } catch (const FileError& e) {
    std::fprintf(stderr, "vivace: %s\n", e.what());
    return kFile;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "vivace: %s\n", e.what());
    return kInternal;
  }
}
