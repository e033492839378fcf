// Files: mapping for reading, and writing that leaves no half a file behind.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/status.h"

namespace vivace {

/// Bytes of a file that is mapped for reading as long as `owner` lives. An empty file has an empty span.
struct MappedFile {
  std::span<const std::byte> bytes;
  std::shared_ptr<void> owner;
};
/// io_error, with the path and the system's reason, where the file is missing, no regular file or cannot be mapped.
Result<MappedFile> map_file(const std::string& path);

/// Takes the next bytes of the file.
using Append = std::function<Status(const void* data, size_t bytes)>;
/// Writes what `produce` appends to a temporary file beside `path` and renames that to `path` once it is complete.
/// io_error with the path and the system's reason; the error of `produce` otherwise.
Status write_file(const std::string& path, const std::function<Status(const Append&)>& produce);
Status write_file(const std::string& path, std::string_view text);

}  // namespace vivace
