#include "values.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <numeric>

#include "log.h"
#include "tensors.h"

namespace trtexec {

namespace {

template <class T>
T number(const std::string& text, const char* kind) {
  T value{};
  const char* end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, value);
  if (text.empty() || read.ec != std::errc() || read.ptr != end) {
    throw Failure(fmt::format("'{}' is no {}", text, kind));
  }
  return value;
}

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

template <class T>
struct Name {
  std::string_view name;
  T value;
};

template <class T, size_t n>
T by_name(const Name<T> (&names)[n], const std::string& text, const char* kind) {
  Strings known;
  for (const auto& each : names) {
    if (lower(text) == each.name) return each.value;
    known.emplace_back(each.name);
  }
  throw Failure(fmt::format("'{}' is no {}; known: {}", text, kind, join(known, ", ")));
}

constexpr Name<nvinfer1::TensorFormat> kFormats[] = {
    {"chw", nvinfer1::TensorFormat::kLINEAR},
    {"chw2", nvinfer1::TensorFormat::kCHW2},
    {"chw4", nvinfer1::TensorFormat::kCHW4},
    {"hwc8", nvinfer1::TensorFormat::kHWC8},
    {"chw16", nvinfer1::TensorFormat::kCHW16},
    {"chw32", nvinfer1::TensorFormat::kCHW32},
    {"dhwc8", nvinfer1::TensorFormat::kDHWC8},
    {"cdhw32", nvinfer1::TensorFormat::kCDHW32},
    {"hwc", nvinfer1::TensorFormat::kHWC},
    {"dhwc", nvinfer1::TensorFormat::kDHWC},
    {"dla_linear", nvinfer1::TensorFormat::kDLA_LINEAR},
    {"dla_hwc4", nvinfer1::TensorFormat::kDLA_HWC4},
    {"hwc16", nvinfer1::TensorFormat::kHWC16},
};

constexpr Name<nvinfer1::DataType> kTypes[] = {
    {"fp32", nvinfer1::DataType::kFLOAT},  {"fp16", nvinfer1::DataType::kHALF},   {"bf16", nvinfer1::DataType::kBF16},
    {"int8", nvinfer1::DataType::kINT8},   {"int32", nvinfer1::DataType::kINT32}, {"int64", nvinfer1::DataType::kINT64},
    {"uint8", nvinfer1::DataType::kUINT8}, {"bool", nvinfer1::DataType::kBOOL},
};

Shape to_shape(const std::string& text) {
  Shape shape;
  if (text.empty() || lower(text) == "scalar") return shape;
  for (const std::string& part : split(text, 'x')) {
    shape.push_back(number<int64_t>(part, "dimension; shapes are written as 1x3x224x224"));
  }
  return shape;
}

}  // namespace

int to_int(const std::string& text) { return number<int>(text, "whole number"); }
double to_number(const std::string& text) { return number<double>(text, "number"); }

bool to_switch(const std::string& text) {
  const std::string word = lower(text);
  if (word.empty() || word == "1" || word == "true") return true;
  if (word == "0" || word == "false") return false;
  throw Failure(fmt::format("'{}': the flag is a switch and takes no value", text));
}

Strings split(const std::string& text, char separator) {
  Strings parts;
  std::string part;
  bool quoted = false;
  for (const char c : text + separator) {
    if (c == '\'') {
      quoted = !quoted;
    } else if (c == separator && !quoted) {
      if (!part.empty()) parts.push_back(part);
      part.clear();
    } else {
      part += c;
    }
  }
  if (quoted) throw Failure(fmt::format("'{}' has a quote that is not closed", text));
  return parts;
}

std::pair<std::string, std::string> split_name(const std::string& text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string::npos || colon == 0) throw Failure(fmt::format("'{}' is not of the form name:value", text));
  return {text.substr(0, colon), text.substr(colon + 1)};
}

Shapes to_shapes(const std::string& text) {
  Shapes shapes;
  for (const std::string& part : split(text, ',')) {
    auto [name, shape] = split_name(part);
    if (!shapes.emplace(name, to_shape(shape)).second) throw Failure(fmt::format("'{}' stands there twice", name));
  }
  if (shapes.empty()) throw Failure("no shapes; they are written as name:1x3x224x224,other:8");
  return shapes;
}

std::vector<IoFormat> to_formats(const std::string& text) {
  std::vector<IoFormat> result;
  for (const std::string& part : split(text, ',')) {
    IoFormat format;
    const auto [type, layouts] = split_name(part);
    format.type = to_type(type);
    for (const std::string& layout : split(layouts, '+')) {
      format.formats |= 1U << static_cast<uint32_t>(by_name(kFormats, layout, "tensor format"));
    }
    std::string upper = layouts;
    for (char& c : upper) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    format.text = type + ":" + upper;
    result.push_back(format);
  }
  return result;
}

nvinfer1::DataType to_type(const std::string& text) { return by_name(kTypes, text, "type"); }

std::map<std::string, double> to_pools(const std::string& text) {
  static const Strings known = {"workspace", "dlaSRAM", "dlaLocalDRAM", "dlaGlobalDRAM", "tacticSharedMem"};
  std::map<std::string, double> pools;
  for (const std::string& part : split(text, ',')) {
    auto [name, size] = split_name(part);
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      throw Failure(fmt::format("'{}' is no memory pool; known: {}", name, join(known, ", ")));
    }
    double unit = 1;
    if (!size.empty() && std::isalpha(static_cast<unsigned char>(size.back()))) {
      switch (size.back()) {
        case 'B': unit = 1.0 / (1 << 20); break;
        case 'K': unit = 1.0 / (1 << 10); break;
        case 'M': unit = 1; break;
        case 'G': unit = 1 << 10; break;
        default: throw Failure(fmt::format("'{}': sizes are MiB, or end in B, K, M or G", part));
      }
      size.pop_back();
    }
    pools[name] = to_number(size) * unit;
    if (pools[name] < 0) throw Failure(fmt::format("'{}' is below 0", part));
  }
  return pools;
}

std::vector<std::pair<std::string, nvinfer1::DataType>> to_layer_types(const std::string& text) {
  std::vector<std::pair<std::string, nvinfer1::DataType>> result;
  for (const std::string& part : split(text, ',')) {
    const auto [name, types] = split_name(part);
    const Strings each = split(types, '+');  // of several outputs; the first one stands for all
    if (each.empty()) throw Failure(fmt::format("'{}' has no type", part));
    result.emplace_back(name, to_type(each[0]));
  }
  return result;
}

std::string nearest(const std::string& text, const Strings& choices) {
  const std::string wanted = lower(text);
  std::string best;
  // A third of the letters may differ; the dashes are no letters.
  size_t best_distance = std::max<size_t>(1, (std::max<size_t>(text.size(), 2) - 2) / 3) + 1;
  for (const std::string& choice : choices) {
    const std::string other = lower(choice);
    // Levenshtein's distance, one row at a time.
    std::vector<size_t> row(other.size() + 1);
    std::iota(row.begin(), row.end(), size_t{0});
    for (size_t i = 1; i <= wanted.size(); ++i) {
      size_t diagonal = row[0]++;
      for (size_t j = 1; j <= other.size(); ++j) {
        const size_t changed = diagonal + (wanted[i - 1] != other[j - 1]);
        diagonal = row[j];
        row[j] = std::min({row[j] + 1, row[j - 1] + 1, changed});
      }
    }
    if (row.back() < best_distance) {
      best_distance = row.back();
      best = choice;
    }
  }
  return best;
}

}  // namespace trtexec
