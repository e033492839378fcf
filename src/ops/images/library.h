// Libraries of image formats, opened when the first file of theirs comes: the distributions' static archives cannot be
// linked into a shared library, and most models decode nothing.
#pragma once

#include <dlfcn.h>

#include <string>
#include <type_traits>

#include "base/status.h"

namespace vivace::ops::images {

class Library {
 public:
  Library(const char* file, const char* format) : file_(dlopen(file, RTLD_NOW | RTLD_LOCAL)) {
    if (!file_) missing_ = std::string("decoding ") + format + " needs the library " + file + ", which is not here";
  }
  template <class F>
  void find(F& function, const char* name) {
    if (!file_) return;
    function = reinterpret_cast<F>(dlsym(file_, name));
    if (!function) missing_ = std::string("an image library lacks ") + name + "; a newer one is needed";
  }
  Status status() const { return missing_.empty() ? Status() : Status(Code::unsupported, missing_); }

 private:
  void* file_;  // stays open as long as the process
  std::string missing_;
};

}  // namespace vivace::ops::images
