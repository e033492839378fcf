#include "device/row_test.h"

#include <cstdio>
#include <filesystem>
#include <map>

#include "backends/cuda/compiler.h"
#include "backends/cuda/image.h"
#include "base/file.h"
#include "base/hash.h"
#include "device/bench.h"

namespace vivace::cuda {

namespace {

// Of each problem that many configurations run in one go; other problems meet others.
constexpr size_t kConfigurations = 6;

constexpr double kSmall = 2e6;

struct Run {
  std::shared_ptr<const TestProblem> problem;
  std::string configuration;
  Result<Job> job;
};

void say(const std::string& line) {
  std::string flat = line;
  std::replace(flat.begin(), flat.end(), '\n', ' ');
  std::printf("%s\n", flat.c_str());
  std::fflush(stdout);
}

std::vector<std::string> configurations_of(const Tactic& row, const TestProblem& p, const RowOptions& options) {
  if (!row.configurations) return {""};
  std::vector<std::string> all = row.configurations(p.problem, options.device);
  if (options.every_configuration || all.size() <= kConfigurations) return all;
  const std::string key = p.problem.key();
  const auto offset = static_cast<size_t>(std::hash<std::string>()(key));
  std::vector<std::string> some = {all[0]};
  for (size_t i = 1; i < kConfigurations; ++i)
    some.push_back(all[1 + (offset + i * all.size() / kConfigurations) % (all.size() - 1)]);
  return some;
}

std::vector<Run> runs_of(const Tactic& row, std::span<const char* const> cases, const RowOptions& options) {
  std::vector<Run> runs;
  for (const char* text : cases) {
    Result<std::vector<TestProblem>> problems = problems_of(text);
    if (!problems.ok()) {
      say(std::string("case ") + text + ": " + problems.status().message());
      continue;
    }
    for (TestProblem& made : *problems) {
      if (!row.runs(made.problem.node->op)) continue;
      if (options.small && cpu::flops_of(made.problem) > kSmall) continue;
      if (!row.library.empty()) say("plan of " + made.problem.key());  // which may take its time
      if (!row.supports(made.problem, options.device)) continue;
      const auto problem = std::make_shared<const TestProblem>(std::move(made));
      if (configurations_of(row, *problem, options).empty())
        runs.push_back({problem, "", Status(Code::internal, "no configuration of a problem that is supported")});
      for (const std::string& configuration : configurations_of(row, *problem, options))
        runs.push_back({problem, configuration, row.generate(problem->problem, configuration, options.device)});
    }
  }
  return runs;
}

// Kernels by key, from the folder or compiled on all threads.
using Images = std::map<std::string, Result<std::string>>;
Images compile_all(const std::vector<Run>& runs, const RowOptions& options) {
  const std::string architecture = options.device.architecture();
  std::map<std::string, const cuda::Launch*> wanted;
  for (size_t i = options.from; i < runs.size(); ++i)
    if (runs[i].job.ok())
      for (const cuda::Launch& l : runs[i].job->launches) wanted[image_key(l, architecture)] = &l;
  const std::vector<std::pair<std::string, const cuda::Launch*>> list(wanted.begin(), wanted.end());
  std::vector<Result<std::string>> made(list.size(), std::string());
  ThreadPool pool(options.threads);
  pool.run(static_cast<int64_t>(list.size()), [&](int64_t task, int) {
    const auto i = static_cast<size_t>(task);
    say("compile " + std::to_string(i) + " of " + std::to_string(list.size()));
    const std::string path = options.folder + "/" + list[i].first;
    if (std::error_code none; std::filesystem::exists(path, none)) {
      if (const Result<MappedFile> file = map_file(path); file.ok()) {
        made[i] = std::string(reinterpret_cast<const char*>(file->bytes.data()), file->bytes.size());
        return;
      }
    }
    made[i] = compile(list[i].second->source, list[i].second->name, architecture);
    if (made[i].ok() && !options.folder.empty()) (void)write_file(path, std::string_view(*made[i]));
  });
  Images images;
  for (size_t i = 0; i < list.size(); ++i) images.emplace(list[i].first, std::move(made[i]));
  return images;
}

}  // namespace

int test_row(const Tactic& row, std::span<const char* const> cases, const RowOptions& options) {
  const std::vector<Run> runs = runs_of(row, cases, options);
  const Images images = compile_all(runs, options);
  const std::string architecture = options.device.architecture();
  std::unique_ptr<Bench> bench;
  std::shared_ptr<const TestProblem> expected_for;
  Result<std::vector<Tensor>> expected = std::vector<Tensor>();
  for (size_t i = options.from; i < runs.size(); ++i) {
    const Run& run = runs[i];
    const TestProblem& p = *run.problem;
    const std::string type = p.variant.substr(0, p.variant.find(' '));
    say("run " + std::to_string(i) + " " + type + " '" + run.configuration + "' " + p.variant + ": " + p.problem.key());
    Status status = run.job.status();
    std::vector<const std::string*> code;
    std::vector<Tensor> packed;
    for (size_t k = 0; status.ok() && k < run.job->launches.size(); ++k) {
      const Result<std::string>& image = images.at(image_key(run.job->launches[k], architecture));
      status = image.status();
      if (image.ok()) code.push_back(&*image);
    }
    if (status.ok() && row.prepare) {
      Result<std::vector<Tensor>> made = row.prepare(p.problem, run.configuration, options.device);
      status = made.status();
      if (made.ok()) packed = *std::move(made);
    }
    if (status.ok() && options.compile_only) {
      say("pass 0");
      continue;
    }
    if (status.ok() && run.problem != expected_for) {
      expected = expected_of(p);
      expected_for = run.problem;
    }
    if (status.ok()) status = expected.status();
    if (!status.ok()) {
      say("fail " + status.message());
      continue;
    }
    Outcome outcome;
    if (!bench) {
      Result<std::unique_ptr<Bench>> opened = Bench::open(options.device);
      status = opened.status();
      if (opened.ok()) bench = *std::move(opened);
    }
    if (status.ok()) {
      const Result<Outcome> got = bench->run(p, *expected, *run.job, packed, code);
      status = got.status();
      if (got.ok()) outcome = *got;
    }
    if (!status.ok()) {
      say("fail " + status.message());
      return kUnusable;
    }
    say(outcome.mistakes.empty() ? "pass " + std::to_string(outcome.error) : "fail " + outcome.mistakes);
  }
  return 0;
}

}  // namespace vivace::cuda
