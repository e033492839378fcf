#include "backends/cuda/library.h"

#include <dlfcn.h>

#include <cstdlib>
#include <filesystem>

namespace vivace::cuda {

namespace {

namespace fs = std::filesystem;

// Folders that Python packages may be in.
std::vector<fs::path> site_packages() {
  std::vector<fs::path> folders;
  Dl_info self{};
  static const char somewhere = 0;
  std::error_code ignored;
  if (dladdr(&somewhere, &self) && self.dli_fname) {
    constexpr int kLevels = 4;  // vivace/lib/libvivace.so and the like
    fs::path folder = fs::absolute(self.dli_fname, ignored);
    for (int i = 0; i < kLevels && folder.has_relative_path(); ++i) {
      folder = folder.parent_path();
      folders.push_back(folder);
    }
  }
  if (const char* environment = std::getenv("VIRTUAL_ENV"))
    for (const fs::directory_entry& entry : fs::directory_iterator(fs::path(environment) / "lib", ignored))
      if (entry.path().filename().string().starts_with("python")) folders.push_back(entry.path() / "site-packages");
  return folders;
}

void* open(const std::string& name) { return dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL); }

}  // namespace

Result<void*> open_library(const LibraryFile& file) {
  if (const char* wish = std::getenv(file.variable); wish && *wish) {
    if (void* library = open(wish)) return library;
    const char* why = dlerror();
    return Status(Code::device_unavailable, std::string(file.variable) + " names '" + wish +
                                                "', which cannot be opened" + (why ? std::string(": ") + why : ""));
  }
  for (const std::string& name : file.names)
    if (void* library = open(name)) return library;
  for (const fs::path& folder : site_packages())
    for (const std::string& package : file.packages)
      for (const std::string& name : file.names) {
        const fs::path path = folder / package / name;
        std::error_code ignored;
        if (!fs::exists(path, ignored)) continue;
        if (void* library = open(path.string())) return library;
      }
  return Status(Code::device_unavailable, file.title + " (" + file.names.back() + ") is not here; it comes with " +
                                              file.source + ". " + file.variable + " may name the file");
}

}  // namespace vivace::cuda
