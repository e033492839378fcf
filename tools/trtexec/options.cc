#include "options.h"

#include <algorithm>

#include "log.h"
#include "tensors.h"
#include "values.h"

namespace trtexec {

namespace {

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};
template <class... F>
Overloaded(F...) -> Overloaded<F...>;

void set(const Flag& flag, const std::string& value, Options& options) {
  std::visit(
      Overloaded{[&](bool* target) { *target = to_switch(value); }, [&](Off off) { *off.target = !to_switch(value); },
                 [&](int* target) { *target = to_int(value); }, [&](double* target) { *target = to_number(value); },
                 [&](std::string* target) { *target = value; }, [&](Strings* target) { target->push_back(value); },
                 [&](Shapes* target) { *target = to_shapes(value); },
                 [&](const Note& note) { options.notes.push_back(fmt::format("{}: {}", flag.name, note.why)); },
                 [&](const Read& read) { read(value); }},
      flag.target);
}

/// What to say of an argument that is no flag.
std::string unknown(const std::string& argument, const std::vector<Section>& sections, const Flag* before) {
  const std::string name = argument.substr(0, argument.find('='));
  if (argument.empty() || argument[0] != '-') {
    if (before) {
      return fmt::format("Unknown option: {}\n  values follow an equals sign: {}={}", argument, before->name, argument);
    }
    return fmt::format("Unknown option: {}\n  a model is given as --onnx=FILE, a plan as --loadEngine=FILE", argument);
  }
  Strings names;
  for (const Section& section : sections) {
    for (const Flag& flag : section.flags) names.emplace_back(flag.name);
  }
  const std::string near = nearest(
      "--" + name.substr(name.find_first_not_of('-') == std::string::npos ? name.size() : name.find_first_not_of('-')),
      names);
  return near.empty() ? fmt::format("Unknown option: {}\n  trtexec --help lists all", argument)
                      : fmt::format("Unknown option: {}\n  did you mean {}?", argument, near);
}

/// Inputs named in one of the three get all of them, as TensorRT's tool does: what is missing is the optimum, or else
/// the other end of the range.
void complete(Profile& profile) {
  if (profile.opt.empty()) profile.opt = profile.max.empty() ? profile.min : profile.max;
  if (profile.min.empty()) profile.min = profile.opt;
  if (profile.max.empty()) profile.max = profile.opt;
  for (const Shapes* shapes : {&profile.min, &profile.opt, &profile.max}) {
    for (const auto& [name, shape] : *shapes) {
      for (const Shapes* other : {&profile.min, &profile.opt, &profile.max}) {
        const auto found = other->find(name);
        if (found == other->end()) {
          throw Failure(fmt::format("input '{}' has no shape in one of --minShapes, --optShapes, --maxShapes", name));
        }
        if (found->second.size() != shape.size()) {
          throw Failure(fmt::format("input '{}' has shapes of {} and of {} dimensions", name, shape.size(),
                                    found->second.size()));
        }
      }
    }
  }
}

void check_range(int value, int least, std::string_view flag) {
  if (value < least) throw Failure(fmt::format("{}={}: at least {}", flag, value, least));
}

/// What follows from all flags together.
void finish(Options& o) {
  auto& b = o.build;
  auto& i = o.inference;
  if (!b.load.empty() && !b.save.empty()) {
    throw Failure("--loadEngine and --saveEngine exclude each other: a plan that is loaded is there already");
  }
  if (o.model.onnx.empty() && b.load.empty())
    throw Failure("no model: give --onnx=FILE, or a plan by --loadEngine=FILE");
  if (b.load.empty() && i.batch > 0) {
    throw Failure("--batch is for engines with an implicit batch, and ONNX models have none: give --shapes");
  }
  check_range(i.streams, 1, "--infStreams");
  check_range(i.iterations, 0, "--iterations");
  check_range(o.reporting.average, 1, "--avgRuns");

  if (b.best) b.fp16 = b.bf16 = b.int8 = true;
  const bool given = std::any_of(b.profiles.begin(), b.profiles.end(),
                                 [](const Profile& p) { return !p.min.empty() || !p.opt.empty() || !p.max.empty(); });
  if (!given && !i.shapes.empty()) b.profiles[0].opt = i.shapes;  // built for what is run
  for (Profile& profile : b.profiles) complete(profile);
  if (i.use_profile < 0) throw Failure("--useProfile: profiles are numbered from 0 on");
  if (given && i.shapes.empty() && b.load.empty()) {
    if (static_cast<size_t>(i.use_profile) >= b.profiles.size()) {
      throw Failure(fmt::format("--useProfile={}: there are {} profiles", i.use_profile, b.profiles.size()));
    }
    i.shapes = b.profiles[static_cast<size_t>(i.use_profile)].opt;
  }

  const auto note = [&](bool set, const char* text) {
    if (set) o.notes.emplace_back(text);
  };
  note(b.dla_fallback, "--allowGPUFallback: there is no DLA here; everything runs on the same device");
}

}  // namespace

std::string to_text(const Shape& shape) {
  std::string text;
  for (const int64_t d : shape) text += fmt::format("{}{}", text.empty() ? "" : "x", d);
  return text;
}

Options parse(const Strings& arguments) {
  Options options;
  const std::vector<Section> sections = flags(options);
  Strings wrong;
  const Flag* without_value = nullptr;
  for (const std::string& argument : arguments) {
    const size_t equals = argument.find('=');
    const std::string name = argument.substr(0, equals);
    const std::string value = equals == std::string::npos ? "" : argument.substr(equals + 1);
    const Flag* found = nullptr;
    for (const Section& section : sections) {
      for (const Flag& flag : section.flags) {
        if (flag.name == name) found = &flag;
      }
    }
    if (!found) {
      if (without_value) wrong.pop_back();  // the two belong together
      wrong.push_back(unknown(argument, sections, without_value));
      without_value = nullptr;
      continue;
    }
    without_value = nullptr;
    if (!found->value.empty() && value.empty()) {
      wrong.push_back(fmt::format("{} needs a value: {}={}", name, name, found->value));
      without_value = found;
      continue;
    }
    try {
      set(*found, value, options);
    } catch (const Failure& failure) {
      wrong.push_back(fmt::format("{}: {}", argument, failure.what()));
    }
  }
  if (options.help || options.version) return options;
  if (wrong.empty()) {
    try {
      finish(options);
    } catch (const Failure& failure) {
      wrong.emplace_back(failure.what());
    }
  }
  if (!wrong.empty()) throw Failure(join(wrong, "\n"));
  // The targets of the table are members of the local object, whose values are what is returned.
  return options;
}

std::string help() {
  Options options;
  std::string text =
      "usage: trtexec --onnx=FILE [--saveEngine=FILE] [flags]\n"
      "       trtexec --loadEngine=FILE [flags]\n\n"
      "Builds an engine of a model or loads a plan, runs it and reports how fast it is.\n";
  for (const Section& section : flags(options)) {
    text += fmt::format("\n=== {} ===\n", section.title);
    for (const Flag& flag : section.flags) {
      const std::string usage = std::string(flag.name) + (flag.value.empty() ? "" : "=") + std::string(flag.value);
      text += fmt::format("  {:<36} {}{}\n", usage, flag.help,
                          std::holds_alternative<Note>(flag.target) ? " (accepted without effect)" : "");
    }
  }
  return text;
}

}  // namespace trtexec
