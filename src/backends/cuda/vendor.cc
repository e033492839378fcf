#include "backends/cuda/vendor.h"

#include <algorithm>
#include <array>

#include "backends/cuda/vendor_cublaslt.h"
#include "backends/cuda/vendor_cudnn.h"

namespace vivace::cuda {

std::span<const VendorLibrary> vendor_libraries() {
  static const std::array kAll = {
      VendorLibrary{"cudnn", "cuDNN", "convolutions", cudnn_version},
      VendorLibrary{"cublaslt", "cuBLASLt", "matrix products", cublaslt_version},
  };
  return kAll;
}

const VendorLibrary* find_vendor_library(std::string_view name) {
  for (const VendorLibrary& library : vendor_libraries())
    if (library.name == name) return &library;
  return nullptr;
}

Status library_status(std::string_view name) {
  const VendorLibrary* library = find_vendor_library(name);
  if (!library) return {Code::device_unavailable, "there is no library '" + std::string(name) + "'"};
  return library->version().status();
}

Result<std::vector<std::string>> parse_tactic_sources(std::string_view text) {
  std::vector<std::string> names;
  while (!text.empty()) {
    const size_t end = std::min(text.find(','), text.size());
    const std::string name(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (name.empty()) continue;
    if (!find_vendor_library(name))
      return Status(Code::invalid_argument, "'" + name + "' is no source of tactics; cudnn and cublaslt are");
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  return names;
}

std::vector<std::string> algorithm_names(size_t count) {
  std::vector<std::string> names;
  for (size_t i = 0; i < count; ++i) names.push_back(std::to_string(i));
  return names;
}

Result<size_t> algorithm_of(const std::string& configuration, size_t count) {
  for (size_t i = 0; i < count; ++i)
    if (configuration == std::to_string(i)) return i;
  return Status(Code::unsupported, "the library has " + std::to_string(count) + " algorithms for it, none called '" +
                                       configuration + "'; another version of it may");
}

std::string version_text(size_t version) {
  return std::to_string(version / 10000) + "." + std::to_string(version / 100 % 100) + "." +
         std::to_string(version % 100);
}

}  // namespace vivace::cuda
