#include "tensorrt/profile.h"

#include <algorithm>

namespace vivace::tensorrt {

using nvinfer1::OptProfileSelector;

namespace {
constexpr const char* kNames[3] = {"minimum", "optimum", "maximum"};

bool sane(OptProfileSelector select) { return static_cast<uint32_t>(select) < 3; }
}  // namespace

// False where the list cannot be: another has another length, or (of dimensions) one is negative.
bool OptimizationProfile::put(Sets& sets, const char* input, OptProfileSelector select, Shape list) noexcept {
  if (!input || !sane(select)) return false;
  try {
    Set& set = sets[input];
    for (const auto& other : set.lists)
      if (other && other != set.lists[static_cast<size_t>(select)] && other->size() != list.size()) return false;
    set.lists[static_cast<size_t>(select)] = std::move(list);
    return true;
  } catch (...) {
    return false;
  }
}

const Shape* OptimizationProfile::find(const Sets& sets, const char* input, OptProfileSelector select) noexcept {
  if (!input || !sane(select)) return nullptr;
  for (const auto& [name, set] : sets)
    if (name == input) return set.lists[static_cast<size_t>(select)] ? &*set.lists[static_cast<size_t>(select)] : nullptr;
  return nullptr;
}

bool OptimizationProfile::setDimensions(const char* input, OptProfileSelector select,
                                        const nvinfer1::Dims& dims) noexcept {
  if (dims.nbDims < 0 || dims.nbDims > nvinfer1::Dims::MAX_DIMS) return false;
  if (std::any_of(dims.d, dims.d + dims.nbDims, [](int64_t d) { return d < 0; })) return false;
  return put(dims_, input, select, Shape(dims.d, dims.d + dims.nbDims));
}

nvinfer1::Dims OptimizationProfile::getDimensions(const char* input, OptProfileSelector select) const noexcept {
  nvinfer1::Dims dims{};
  dims.nbDims = -1;
  const Shape* found = find(dims_, input, select);
  if (!found) return dims;
  dims.nbDims = static_cast<int32_t>(found->size());
  std::copy(found->begin(), found->end(), dims.d);
  return dims;
}

bool OptimizationProfile::setShapeValues(const char* input, OptProfileSelector select, const int32_t* values,
                                         int32_t count) noexcept {
  if (count < 0 || (count > 0 && !values)) return false;
  return put(values_, input, select, Shape(values, values + count));
}

bool OptimizationProfile::setShapeValuesV2(const char* input, OptProfileSelector select, const int64_t* values,
                                           int32_t count) noexcept {
  if (count < 0 || (count > 0 && !values)) return false;
  return put(values_, input, select, Shape(values, values + count));
}

int32_t OptimizationProfile::getNbShapeValues(const char* input) const noexcept {
  for (const auto select : {OptProfileSelector::kMIN, OptProfileSelector::kOPT, OptProfileSelector::kMAX})
    if (const Shape* found = find(values_, input, select)) return static_cast<int32_t>(found->size());
  return -1;
}

const int32_t* OptimizationProfile::getShapeValues(const char* input, OptProfileSelector select) const noexcept {
  const Shape* found = find(values_, input, select);
  if (!found) return nullptr;
  std::vector<int32_t>& narrow = values_.find(input)->second.narrow[static_cast<size_t>(select)];
  narrow.assign(found->begin(), found->end());
  return narrow.data();
}

const int64_t* OptimizationProfile::getShapeValuesV2(const char* input, OptProfileSelector select) const noexcept {
  const Shape* found = find(values_, input, select);
  return found ? found->data() : nullptr;
}

bool OptimizationProfile::setExtraMemoryTarget(float target) noexcept {
  if (!(target >= 0 && target <= 1)) return false;
  extra_memory_target_ = target;
  return true;
}

Status OptimizationProfile::problem() const {
  for (const Sets* sets : {&dims_, &values_}) {
    const std::string what = sets == &dims_ ? "dimensions" : "shape values";
    for (const auto& [input, set] : *sets) {
      const auto wrong = [&, name = &input](const std::string& why) {
        return Status(Code::invalid_argument, "optimization profile: the " + what + " of input '" + *name + "' " + why);
      };
      for (size_t i = 0; i < 3; ++i)
        if (!set.lists[i]) return wrong(std::string("lack the ") + kNames[i] + "; set minimum, optimum and maximum");
      for (size_t d = 0; d < set.lists[0]->size(); ++d) {
        const int64_t min = (*set.lists[0])[d], opt = (*set.lists[1])[d], max = (*set.lists[2])[d];
        if (min > opt || opt > max)
          return wrong("are out of order at " + std::to_string(d) + ": " + std::to_string(min) + " <= " +
                       std::to_string(opt) + " <= " + std::to_string(max) + " does not hold");
      }
    }
  }
  return {};
}

Profile OptimizationProfile::ranges() const {
  Profile made;
  for (const auto& [input, set] : dims_) made.shapes[input] = {*set.lists[0], *set.lists[1], *set.lists[2]};
  for (const auto& [input, set] : values_) made.values[input] = {*set.lists[0], *set.lists[1], *set.lists[2]};
  return made;
}

}  // namespace vivace::tensorrt
