#include "builder/timing.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <random>

#if defined(__x86_64__)
#include <emmintrin.h>
#endif

namespace vivace::builder {

namespace {

using Clock = std::chrono::steady_clock;
double since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// A problem whose reference is estimated to take longer is checked against another tactic instead.
constexpr double kReferenceSeconds = 0.05;
// Largest max |difference| / max |reference| a candidate may show. Winograd F(4,3) in f32 comes to some 1e-5 of the
// largest result; 1e-3 leaves room for long sums and still catches every mistake in indexing.
constexpr double kTolerance = 1e-3;
}  // namespace

// Padding lanes of blocked tensors are zero.
Result<std::vector<Tensor>> random_inputs(const cpu::Problem& problem) {
  std::vector<Tensor> tensors;
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  for (const cpu::TensorInfo& info : problem.inputs) {
    if (!info.present()) {
      tensors.emplace_back();
      continue;
    }
    if (info.constant) {
      tensors.push_back(*info.constant);
      continue;
    }
    const size_t unit = byte_size(info.type, 1);
    VIVACE_ASSIGN(Tensor tensor, Tensor::allocate(DType::u8, {static_cast<int64_t>(info.bytes() + unit)}));
    if (info.type == DType::f32) {
      float* x = tensor.as<float>();
      const auto n = static_cast<int64_t>(info.bytes() / sizeof(float));
      if (!info.channel_block) {
        for (int64_t i = 0; i < n; ++i) x[i] = normal(random);
      } else {
        const int64_t c = info.channel_block, channels = info.shape[1], blocks = (channels + c - 1) / c;
        const int64_t pixels = elements(std::span(info.shape).subspan(2));
        for (int64_t i = 0; i < n; ++i) {
          const int64_t channel = (i / (pixels * c)) % std::max<int64_t>(blocks, 1) * c + i % c;
          x[i] = channel < channels ? normal(random) : 0;
        }
      }
    }
    tensors.push_back(std::move(tensor));
  }
  return tensors;
}

namespace {

// max |difference| / max |reference| over all float outputs; other types must agree exactly.
double difference(const cpu::Problem& problem, const std::vector<Tensor>& got, const std::vector<Tensor>& want) {
  double worst = 0;
  for (size_t k = 0; k < got.size(); ++k) {
    const cpu::TensorInfo& info = problem.outputs[k];
    if (info.type != DType::f32) {
      if (!std::equal(got[k].as<uint8_t>(), got[k].as<uint8_t>() + info.bytes(), want[k].as<uint8_t>()))
        worst = std::numeric_limits<double>::infinity();
      continue;
    }
    double largest = 1e-30, gap = 0;
    const size_t n = info.bytes() / sizeof(float);
    for (size_t i = 0; i < n; ++i) {
      const float a = got[k].as<float>()[i], b = want[k].as<float>()[i];
      if (std::isnan(a) != std::isnan(b)) return std::numeric_limits<double>::infinity();
      if (a == b || std::isnan(b)) continue;
      largest = std::max(largest, std::abs(static_cast<double>(b)));
      gap = std::max(gap, std::abs(static_cast<double>(a) - static_cast<double>(b)));
    }
    worst = std::max(worst, gap / largest);
  }
  return worst;
}

void evict(const std::vector<Tensor>& tensors) {
#if defined(__x86_64__)
  for (const Tensor& tensor : tensors) {
    const auto* p = tensor.as<const char>();
    for (size_t i = 0; i < tensor.bytes(); i += 64) _mm_clflush(p + i);
  }
  _mm_mfence();
#else
  (void)tensors;
#endif
}

}  // namespace

std::string shapes_text(const cpu::Problem& problem) {
  const auto one = [](const cpu::TensorInfo& t) {
    if (!t.present()) return std::string("-");
    return std::string(to_string(t.type)) + "[" + to_string(t.shape) + "]" +
           (t.channel_block ? "/" + std::to_string(t.channel_block) : "");
  };
  std::string text;
  for (const auto& t : problem.inputs) text += (text.empty() ? "" : " ") + one(t);
  text += " ->";
  for (const auto& t : problem.outputs) text += " " + one(t);
  return text;
}

std::vector<Option> list_options(const cpu::Problem& problem, const std::vector<cpu::Problem>& also,
                                 const cpu::Machine& machine, const Veto& veto, std::vector<Candidate>& refused) {
  std::vector<Option> options;
  for (const cpu::Tactic* tactic : cpu::all_tactics()) {
    if (!tactic->runs(problem.node->op)) continue;
    std::string reason = veto ? veto(*tactic) : std::string();
    if (reason.empty()) reason = tactic->supports(problem, machine).reason;
    for (const cpu::Problem& other : also)
      if (reason.empty()) reason = tactic->supports(other, machine).reason;
    if (!reason.empty()) {
      refused.push_back({std::string(tactic->name), "", std::move(reason), 0, 0, -1});
      continue;
    }
    std::vector<std::string> configurations{""};
    if (tactic->configurations) configurations = tactic->configurations(problem, machine);
    for (const std::string& configuration : configurations) {
      Option option{tactic, configuration, {std::string(tactic->name), configuration, "", 0, 0, -1}, {}, {}};
      option.candidate.estimate = tactic->estimate(problem, configuration, machine);
      options.push_back(std::move(option));
    }
  }
  return options;
}

Status time_options(const cpu::Problem& problem, const std::vector<Option*>& options, const TimingLimits& limits,
                    const cpu::Machine& machine, ThreadPool& pool) {
  VIVACE_ASSIGN(const std::vector<Tensor> inputs, random_inputs(problem));
  std::vector<Tensor> outputs, expected;
  for (const cpu::TensorInfo& info : problem.outputs) {
    VIVACE_ASSIGN(Tensor made, Tensor::allocate(DType::u8, {static_cast<int64_t>(info.bytes() + 1)}));
    VIVACE_ASSIGN(Tensor want, Tensor::allocate(DType::u8, {static_cast<int64_t>(info.bytes() + 1)}));
    outputs.push_back(std::move(made));
    expected.push_back(std::move(want));
  }
  cpu::Scratch scratch;
  const auto run = [&](Option& option, const std::vector<Tensor>& to) -> Status {
    std::vector<void*> pointers;
    for (const Tensor& t : inputs) pointers.push_back(t.data());
    for (size_t i = 0; i < to.size(); ++i) pointers.push_back(problem.outputs[i].present() ? to[i].data() : nullptr);
    VIVACE_TRY(scratch.reserve(option.bound.workspace));
    return option.bound.run({pointers.data(), pointers.data() + inputs.size(), scratch.data(), pool});
  };
  // The oracle: the reference where it is quick, else the first listed tactic, itself tested against the reference.
  bool have_oracle = false;
  cpu::Verdict reference_can = cpu::no("none");
  const cpu::Tactic* reference = cpu::find_tactic("reference");
  if (reference) reference_can = reference->supports(problem, machine);
  if (reference_can && reference->estimate(problem, "", machine) < kReferenceSeconds) {
    Option oracle{reference, "", {}, {}, {}};
    VIVACE_ASSIGN(oracle.bound, reference->bind(problem, "", {}, machine));
    have_oracle = run(oracle, expected).ok();
  }
  for (Option* option : options) {
    if (option->tactic->prepare) {
      VIVACE_ASSIGN(option->packed, option->tactic->prepare(problem, option->configuration, machine));
    }
    VIVACE_ASSIGN(option->bound, option->tactic->bind(problem, option->configuration, option->packed, machine));
    if (limits.workspace && option->bound.workspace > limits.workspace) {
      option->candidate.refused = "it needs " + std::to_string(option->bound.workspace) +
                                  " bytes of workspace, the limit is " + std::to_string(limits.workspace);
      continue;
    }
    if (const Status status = run(*option, outputs); !status.ok()) {
      option->candidate.refused = "it failed: " + status.message();
      continue;
    }
    if (!have_oracle) {
      std::swap(outputs, expected);
      have_oracle = true;
      option->candidate.error = 0;
      continue;
    }
    option->candidate.error = difference(problem, outputs, expected);
    if (!(option->candidate.error <= kTolerance))
      option->candidate.refused = "its result differs from the reference by " +
                                  std::to_string(option->candidate.error) + " of the largest value";
  }
  // Rounds over all candidates, so that a change of the clock meets all alike.
  std::vector<double> spent(options.size(), 0);
  for (int round = 0; round < 50; ++round) {
    bool any = false;
    for (size_t i = 0; i < options.size(); ++i) {
      Option& option = *options[i];
      if (!option.candidate.refused.empty() || (round >= 3 && spent[i] > limits.seconds)) continue;
      if (limits.flush_constants) evict(option.packed);
      const auto begin = Clock::now();
      if (!run(option, outputs).ok()) continue;
      const double seconds = since(begin);
      spent[i] += seconds;
      any = true;
      if (option.candidate.seconds == 0 || seconds < option.candidate.seconds) option.candidate.seconds = seconds;
    }
    if (!any || (round >= 1 && limits.stop && limits.stop())) break;
  }
  return {};
}

}  // namespace vivace::builder
