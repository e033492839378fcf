// What a model file says about itself.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"

namespace vivace::onnx {

struct Metadata {
  int64_t ir_version = 0, model_version = 0;
  std::string producer_name, producer_version, domain, doc_string;
  std::vector<std::pair<std::string, int64_t>> opsets;          // domain ("": the standard's) and version
  std::vector<std::pair<std::string, std::string>> properties;  // free-form
  std::vector<std::string> functions;                           // qualified names of those the model defines
};

/// Reads no more of the model than that. Errors: io_error, corrupt_file.
Result<Metadata> read_metadata(const std::string& path);
Result<Metadata> read_metadata_bytes(std::span<const std::byte> model);

}  // namespace vivace::onnx
