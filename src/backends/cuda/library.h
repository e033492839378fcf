// Opens shared libraries that need not be here.
#pragma once

#include <string>
#include <vector>

#include "base/status.h"

namespace vivace::cuda {

struct LibraryFile {
  std::string title;                  // for people
  const char* variable;               // of the environment: names the file, and then no other is looked for
  std::vector<std::string> names;     // for the system's search, best first
  std::vector<std::string> packages;  // folders of Python packages, below site-packages: each has one of the names
  std::string source;                 // where it comes from
};

/// The library, which stays open. Python packages are looked for beside the one this library is a part of, and in the
/// virtual environment that is active. device_unavailable with the reason.
Result<void*> open_library(const LibraryFile& file);

}  // namespace vivace::cuda
