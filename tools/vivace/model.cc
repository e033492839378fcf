#include "model.h"

#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace tool {

namespace {

using vivace::Shape;
using vivace::Tensor;
using vivace::TensorInfo;

std::atomic<bool> interrupted{false};
void (*before_interrupt)(int) = SIG_DFL;

struct NamedRange {
  std::string input;
  Shape min, opt, max;
};

NamedRange parse_range(const std::string& text) {
  const auto [name, value] = split_name(text);
  if (name.empty()) throw UsageError("--shape " + text + ": not of the form NAME=1x3x224x224 or NAME=MIN:OPT:MAX");
  const size_t first = value.find(':'), second = first == std::string::npos ? first : value.find(':', first + 1);
  if (first == std::string::npos) {
    const Shape shape = parse_shape(value);
    return {name, shape, shape, shape};
  }
  if (second == std::string::npos) throw UsageError("--shape " + text + ": a range has three shapes, MIN:OPT:MAX");
  return {name, parse_shape(value.substr(0, first)), parse_shape(value.substr(first + 1, second - first - 1)),
          parse_shape(value.substr(second + 1))};
}

Tensor read_raw(const std::string& path, const TensorInfo& info, const Shape& shape) {
  const std::string bytes = read_file(path);
  Tensor tensor(info.dtype, shape);
  if (tensor.bytes() != bytes.size())
    throw FileError(fmt::format("{}: has {} bytes; input '{}' with shape {} takes {}; --shape gives another shape", path,
                                bytes.size(), info.name, to_string(shape), tensor.bytes()));
  if (!bytes.empty()) std::memcpy(tensor.data(), bytes.data(), bytes.size());
  return tensor;
}

// The shape of an input where no file says it: that of --shape (its optimum), of the engine, or ones.
Shape default_shape(const TensorInfo& info, const std::vector<std::string>& shapes) {
  for (const std::string& text : shapes) {
    const NamedRange range = parse_range(text);
    if (range.input == info.name) return range.opt;
  }
  if (!info.opt.empty() || info.dims.empty()) return info.opt;
  Shape shape = info.dims;
  for (int64_t& d : shape)
    if (d < 0) d = 1;
  return shape;
}

// splitmix64: Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators", 2014.
uint64_t next_random(uint64_t& state) {
  uint64_t z = state += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

float half_to_float(uint16_t bits) {
  const int exponent = bits >> 10 & 31, mantissa = bits & 1023;
  const float magnitude = exponent == 31  ? (mantissa ? NAN : INFINITY)
                          : exponent == 0 ? std::ldexp(static_cast<float>(mantissa), -24)
                                          : std::ldexp(static_cast<float>(1024 + mantissa), exponent - 25);
  return bits & 0x8000 ? -magnitude : magnitude;
}

uint16_t small_to_half(float value) {  // of a number in [-1, 1) with few enough bits
  const float magnitude = std::fabs(value);
  if (magnitude < 6.2e-5f) return 0;
  int exponent = 0;
  const float fraction = std::frexp(magnitude, &exponent);  // [0.5, 1)
  return static_cast<uint16_t>((value < 0 ? 0x8000 : 0) | (exponent + 14) << 10 | (static_cast<int>(fraction * 2048) & 1023));
}

template <class T>
std::vector<double> widened(const Tensor& tensor) {
  const T* from = tensor.data<T>();
  return std::vector<double>(from, from + tensor.count());
}

}  // namespace

vivace::Config& configure(vivace::Config& config, const BuildOptions& options) {
  config.threads(options.threads).effort(options.effort).time_budget(options.time_budget).portable(!options.not_portable);
  if (!options.device.empty()) config.device(options.device);
  for (const std::string& text : options.shapes) {
    const NamedRange range = parse_range(text);
    config.shape(range.input, range.min, range.opt, range.max);
  }
  if (!options.workspace_limit.empty()) config.workspace_limit(parse_bytes(options.workspace_limit));
  if (!options.memory_limit.empty()) config.memory_limit(parse_bytes(options.memory_limit));
  if (!options.timing_cache.empty()) config.timing_cache(options.timing_cache);
  if (options.precision != "fp32")
    config.precision(options.precision == "fp16"   ? VIVACE_PRECISION_FP16
                     : options.precision == "bf16" ? VIVACE_PRECISION_BF16
                     : options.precision == "tf32" ? VIVACE_PRECISION_TF32
                                                   : VIVACE_PRECISION_INT8);
  if (!options.tactic_sources.empty()) config.tactic_sources(options.tactic_sources);
  if (options.compare_vendors) config.compare_vendors(true);
  for (const std::string& rule : options.force_tactics) config.force_tactic(rule);
  for (const std::string& name : options.disable_tactics) config.disable_tactic(name);
  for (const std::string& name : options.disable_passes) config.disable_pass(name);
  return config;
}

Exit exit_code(vivace_status status) {
  switch (status) {
    case VIVACE_OK: return kOk;
    case VIVACE_INVALID_ARGUMENT: return kUsage;
    case VIVACE_INVALID_MODEL: case VIVACE_UNSUPPORTED: case VIVACE_SHAPE_MISMATCH: return kModel;
    case VIVACE_IO_ERROR: case VIVACE_CORRUPT_FILE: case VIVACE_VERSION_MISMATCH: return kFile;
    case VIVACE_OUT_OF_MEMORY: case VIVACE_DEVICE_UNAVAILABLE: return kResources;
    case VIVACE_CANCELLED: return kCancelled;
    case VIVACE_INTERNAL: break;
  }
  return kInternal;
}

uint64_t parse_bytes(const std::string& text) {
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  const std::string unit = end;
  const char* const units = "KMGT";
  const char* at = unit.empty() ? nullptr : std::strchr(units, std::toupper(static_cast<unsigned char>(unit[0])));
  if (end == text.c_str() || !(value >= 0) || (!unit.empty() && !at)) throw UsageError("'" + text + "' is no number of bytes; 64M or 2G is");
  return static_cast<uint64_t>(std::ldexp(value, at ? 10 * static_cast<int>(at - units + 1) : 0));
}

Shape parse_shape(const std::string& text) {
  Shape shape;
  if (text.empty() || text == "scalar") return shape;
  for (size_t at = 0; at <= text.size();) {
    const size_t end = std::min(text.find_first_of("x,", at), text.size());
    const std::string part = text.substr(at, end - at);
    char* rest = nullptr;
    const long long dim = part == "any" ? -1 : std::strtoll(part.c_str(), &rest, 10);
    if (part.empty() || (rest && *rest) || (dim < 0 && part != "any")) throw UsageError("'" + text + "' is no shape; 1x3x224x224 is");
    shape.push_back(dim);
    at = end + 1;
  }
  return shape;
}

std::string to_string(const Shape& shape) {
  std::string text;
  for (const int64_t d : shape) text += (text.empty() ? "" : "x") + std::to_string(d);
  return text.empty() ? "scalar" : text;
}

std::pair<std::string, std::string> split_name(const std::string& text) {
  const size_t equals = text.find('=');
  if (equals == std::string::npos) return {"", text};
  return {text.substr(0, equals), text.substr(equals + 1)};
}

Progress::Progress(bool quiet) : shown_(!quiet && isatty(STDERR_FILENO)) {
  before_interrupt = std::signal(SIGINT, [](int) { interrupted = true; });
}

Progress::~Progress() {
  std::signal(SIGINT, before_interrupt);
  if (shown_ && last_ >= 0) std::fputs("\r\033[K", stderr);
}

bool Progress::operator()(const std::string& phase, double fraction) {
  const int percent = static_cast<int>(fraction * 100);
  if (shown_ && percent != last_) {
    constexpr int kWidth = 40;
    const int filled = percent * kWidth / 100;
    std::fprintf(stderr, "\r\033[K[%s%s] %3d%% %s", std::string(filled, '#').c_str(),
                 std::string(kWidth - filled, ' ').c_str(), percent, phase.c_str());
    last_ = percent;
  }
  return !interrupted;
}

vivace::Plan build(const vivace::Network& network, const BuildOptions& options, vivace::Config config) {
  configure(config, options);
  auto progress = std::make_shared<Progress>(options.quiet);
  config.progress([progress](const std::string& phase, double fraction) { return (*progress)(phase, fraction); });
  return vivace::build(network, config);
}

vivace::Plan open_plan(const std::string& path, const BuildOptions& options) {
  if (vivace::Plan::is_plan_file(path)) return vivace::Plan::load(path);
  return build(open_network(path), options);
}

vivace::Network open_network(const std::string& path) {
  if (vivace::Plan::is_plan_file(path)) throw UsageError(path + " is a plan, where an ONNX model is wanted");
  return vivace::Network::from_onnx_file(path);
}

vivace::Engine open_engine(const vivace::Plan& plan, int threads, bool strict, const std::string& device) {
  vivace::EngineOptions options;
  options.device = device;
  options.threads = threads;
  options.strict = strict;
  vivace::Engine engine(plan, options);
  if (!engine.notice().empty()) std::fprintf(stderr, "vivace: %s\n", engine.notice().c_str());
  return engine;
}

namespace {
// The sequence or optional that an entry of a file is an element of; none: infos.size().
size_t list_of(const std::vector<TensorInfo>& infos, const std::string& entry) {
  const size_t dot = entry.rfind('.');
  size_t i = 0;
  while (i < infos.size() && (infos[i].kind == VIVACE_TENSOR || dot == std::string::npos ||
                              entry.substr(0, dot) != infos[i].name))
    ++i;
  return i;
}
}  // namespace

std::vector<Tensor> make_inputs(const std::vector<TensorInfo>& infos, const InputOptions& options,
                                const std::vector<std::string>& shapes) {
  std::vector<Tensor> tensors(infos.size());
  std::vector<std::vector<Tensor>> parts(infos.size());
  const auto index_of = [&](const std::string& name) {
    std::string names;
    for (size_t i = 0; i < infos.size(); ++i) {
      if (infos[i].name == name) return i;
      names += (i ? ", " : "") + infos[i].name;
    }
    throw UsageError("there is no input '" + name + "'; there are: " + names);
  };
  size_t next = 0;  // for inputs given without a name
  for (const std::string& text : options.inputs) {
    const auto [name, path] = split_name(text);
    if (name.empty() && ends_with(path, ".npz")) {
      for (auto& [entry, tensor] : read_npz(path)) {
        const size_t list = list_of(infos, entry);  // elements of lists are called name.0, name.1, ...
        if (list == infos.size())
          tensors[index_of(entry)] = std::move(tensor);
        else if (entry == fmt::format("{}.{}", infos[list].name, parts[list].size()))
          parts[list].push_back(std::move(tensor));
        else
          throw UsageError(path + ": the elements of '" + infos[list].name + "' must be there in order, from 0 on");
      }
      continue;
    }
    while (name.empty() && next < tensors.size() && tensors[next]) ++next;
    if (name.empty() && next == tensors.size()) throw UsageError("there are more --input files than inputs");
    const size_t i = name.empty() ? next : index_of(name);
    if (ends_with(path, ".npy")) tensors[i] = read_npy(path);
    else if (ends_with(path, ".pb")) tensors[i] = read_pb(path);
    else tensors[i] = read_raw(path, infos[i], default_shape(infos[i], shapes));
  }
  for (size_t i = 0; i < infos.size(); ++i) {
    if (tensors[i]) continue;
    if (infos[i].kind == VIVACE_SEQUENCE || infos[i].kind == VIVACE_OPTIONAL) {  // as many as were given
      tensors[i] = Tensor::list(parts[i]);
      continue;
    }
    if (infos[i].kind == VIVACE_MAP)
      throw UsageError("input '" + infos[i].name + "' is a " + infos[i].type + ", which no file holds; use the library");
    tensors[i] = Tensor(infos[i].dtype, default_shape(infos[i], shapes));
    fill_random(tensors[i], options.seed + i);
  }
  return tensors;
}

void fill_random(Tensor& tensor, uint64_t seed) {
  uint64_t state = seed;
  const int64_t count = tensor.count();
  const auto unit = [&] { return static_cast<float>(next_random(state) >> 54) / 512.0f - 1.0f; };  // exact in half types
  for (int64_t i = 0; i < count; ++i) {
    switch (tensor.dtype()) {
      case VIVACE_F32: tensor.data<float>()[i] = static_cast<float>(next_random(state) >> 40) / 8388608.0f - 1.0f; break;
      case VIVACE_F64: tensor.data<double>()[i] = static_cast<double>(next_random(state) >> 11) / 4503599627370496.0 - 1.0; break;
      case VIVACE_F16: tensor.data<uint16_t>()[i] = small_to_half(unit()); break;
      case VIVACE_BF16: {
        const float value = unit();
        uint32_t bits = 0;
        std::memcpy(&bits, &value, sizeof(bits));
        tensor.data<uint16_t>()[i] = static_cast<uint16_t>(bits >> 16);
        break;
      }
      case VIVACE_BOOL: tensor.data<uint8_t>()[i] = next_random(state) & 1; break;
      case VIVACE_I64: case VIVACE_U64: tensor.data<uint64_t>()[i] = next_random(state) & 7; break;
      case VIVACE_I32: case VIVACE_U32: tensor.data<uint32_t>()[i] = next_random(state) & 7; break;
      case VIVACE_I16: case VIVACE_U16: tensor.data<uint16_t>()[i] = next_random(state) & 7; break;
      case VIVACE_I8: case VIVACE_U8: tensor.data<uint8_t>()[i] = next_random(state) & 7; break;
      case VIVACE_STRING: tensor.set_string(i, "s" + std::to_string(next_random(state) & 7)); break;
      default: return;  // zeros
    }
  }
}

std::optional<std::vector<double>> to_doubles(const Tensor& tensor) {
  switch (tensor.dtype()) {
    case VIVACE_F32: return widened<float>(tensor);
    case VIVACE_F64: return widened<double>(tensor);
    case VIVACE_I8: return widened<int8_t>(tensor);
    case VIVACE_I16: return widened<int16_t>(tensor);
    case VIVACE_I32: return widened<int32_t>(tensor);
    case VIVACE_I64: return widened<int64_t>(tensor);
    case VIVACE_U8: case VIVACE_BOOL: return widened<uint8_t>(tensor);
    case VIVACE_U16: return widened<uint16_t>(tensor);
    case VIVACE_U32: return widened<uint32_t>(tensor);
    case VIVACE_U64: return widened<uint64_t>(tensor);
    case VIVACE_F16: case VIVACE_BF16: {
      std::vector<double> values = widened<uint16_t>(tensor);
      for (double& value : values) {
        const auto bits = static_cast<uint16_t>(value);
        const uint32_t wide = uint32_t{bits} << 16;
        float made = 0;
        std::memcpy(&made, &wide, sizeof(made));
        value = tensor.dtype() == VIVACE_F16 ? half_to_float(bits) : made;
      }
      return values;
    }
    default: return std::nullopt;
  }
}

}  // namespace tool
