#include "tensorrt/personality.h"

#include <dlfcn.h>

#include <string>

#include "NvInferVersion.h"

namespace vivace::tensorrt {

namespace {
// Majors were thousands until 9 and are ten thousands since: 8601 is 8.6.1 and 101600 is 10.16.0.
constexpr int32_t kFirstOfTen = 90000;
constexpr bool kTen = NV_TENSORRT_VERSION >= kFirstOfTen;
}  // namespace

bool is_other_generation(int32_t version) { return (version >= kFirstOfTen) != kTen; }

void* other_generation(const char* library, const char* function) {
  Dl_info own;
  if (dladdr(reinterpret_cast<void*>(&other_generation), &own) == 0 || !own.dli_fname) return nullptr;
  std::string path = own.dli_fname;
  path.erase(path.find_last_of('/') + 1);
  path += library;
  path += kTen ? ".so.8" : ".so.10";
  void* opened = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  return opened ? dlsym(opened, function) : nullptr;
}

}  // namespace vivace::tensorrt
