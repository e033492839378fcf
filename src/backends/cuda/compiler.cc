#include "backends/cuda/compiler.h"

#include <dlfcn.h>

#include <array>

#include "backends/cuda/driver_api.h"
#include "backends/cuda/library.h"

namespace vivace::cuda {

namespace {

struct Nvrtc {
#define VIVACE_MEMBER(name, parameters) Error(*name) parameters = nullptr;
  VIVACE_NVRTC(VIVACE_MEMBER)
#undef VIVACE_MEMBER
  std::string reason;  // empty: usable
};

Nvrtc load() {
  Nvrtc loaded;
  const Result<void*> opened = open_library(
      {"NVIDIA's run-time compiler",
       "VIVACE_NVRTC",
       {"libnvrtc.so.13", "libnvrtc.so.12", "/usr/local/cuda/lib64/libnvrtc.so", "libnvrtc.so.11.2", "libnvrtc.so"},
       {"nvidia/cu13/lib", "nvidia/cuda_nvrtc/lib"},
       "the CUDA toolkit and with the Python package nvidia-cuda-nvrtc"});
  if (!opened.ok()) {
    loaded.reason = opened.status().message();
    return loaded;
  }
  void* const file = *opened;
#define VIVACE_FIND(name, parameters)                                      \
  loaded.name = reinterpret_cast<Error(*) parameters>(dlsym(file, #name)); \
  if (!loaded.name) loaded.reason = std::string("NVRTC lacks ") + #name;
  VIVACE_NVRTC(VIVACE_FIND)
#undef VIVACE_FIND
  return loaded;
}

Result<const Nvrtc*> nvrtc() {
  static const Nvrtc loaded = load();
  if (!loaded.reason.empty()) return Status(Code::device_unavailable, loaded.reason);
  return &loaded;
}

}  // namespace

Result<std::string> compiler_version() {
  VIVACE_ASSIGN(const Nvrtc* n, nvrtc());
  int major = 0, minor = 0;
  (void)n->nvrtcVersion(&major, &minor);
  return std::to_string(major) + "." + std::to_string(minor);
}

Result<std::string> compile(const std::string& source, const std::string& name, const std::string& architecture) {
  if (source.empty()) return std::string();  // a library's call
  VIVACE_ASSIGN(const Nvrtc* n, nvrtc());
  void* program = nullptr;
  if (n->nvrtcCreateProgram(&program, source.c_str(), (name + ".cu").c_str(), 0, nullptr, nullptr))
    return Status(Code::internal, "NVRTC takes no program");
  // Machine code is for one architecture anyway, so it may use what only that has: products by groups of warps.
  const std::string target = "--gpu-architecture=" + architecture + (architecture == "sm_90" ? "a" : "");
  const std::array<const char*, 4> options = {target.c_str(), "--std=c++17", "--fmad=true",
                                              "--extra-device-vectorization"};
  const Error failed = n->nvrtcCompileProgram(program, static_cast<int>(options.size()), options.data());
  std::string image;
  if (failed) {
    size_t bytes = 0;
    (void)n->nvrtcGetProgramLogSize(program, &bytes);
    std::string text(bytes, '\0');
    if (bytes) (void)n->nvrtcGetProgramLog(program, text.data());
    (void)n->nvrtcDestroyProgram(&program);
    return Status(Code::internal, "kernel '" + name + "' does not compile for " + architecture + ": " + text.c_str());
  }
  size_t bytes = 0;
  (void)n->nvrtcGetCUBINSize(program, &bytes);
  image.resize(bytes);
  const Error given = bytes ? n->nvrtcGetCUBIN(program, image.data()) : 1;
  (void)n->nvrtcDestroyProgram(&program);
  if (given) return Status(Code::internal, "NVRTC gives no machine code of kernel '" + name + "'");
  return image;
}

}  // namespace vivace::cuda
