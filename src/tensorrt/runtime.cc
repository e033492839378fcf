#include "tensorrt/runtime.h"

#include <dlfcn.h>

#include "base/threads.h"
#include "tensorrt/engine.h"
#include "tensorrt/personality.h"
#include "tensorrt/refitter.h"

namespace vivace::tensorrt {

using Severity = nvinfer1::ILogger::Severity;

namespace {

// A symbol that only Vivace's own libraries have.
constexpr const char* kMark = "vivace_tensorrt_create_onnx_parser";

Status bad(const std::string& what) { return {Code::invalid_argument, what}; }

// What such bytes are most often, where they are no plan.
Status explain(const Status& status, std::span<const std::byte> bytes) {
  if (plan::looks_like_plan(bytes)) return status.within("deserializeCudaEngine");
  return {
      Code::corrupt_file,
      "deserializeCudaEngine: these " + std::to_string(bytes.size()) +
          " bytes are no plan of Vivace's; engines made by NVIDIA's TensorRT run on its own runtime only. Build the "
          "plan with this library, or with `vivace build` or `trtexec`, and give all its bytes"};
}

}  // namespace

nvinfer1::ICudaEngine* Runtime::load(std::span<const std::byte> bytes) noexcept {
  nvinfer1::ICudaEngine* made = nullptr;
  guarded(errors_, [&]() -> Status {
    Result<std::shared_ptr<Core>> core = Core::load(bytes, {threads_, !knows_int64(version_), true, allocator_});
    if (!core.ok()) return explain(core.status(), bytes);
    if (const std::string notice = (*core)->engine()->notice(); !notice.empty())
      errors_.log(Severity::kWARNING, notice);
    errors_.log(Severity::kVERBOSE, "Deserialized a plan of " + std::to_string(bytes.size()) + " bytes.");
    made = new Engine(std::move(*core), errors_);
    return {};
  });
  return made;
}

nvinfer1::ICudaEngine* Runtime::deserializeCudaEngine(void const* blob, std::size_t size) noexcept {
  nvinfer1::ICudaEngine* made = nullptr;
  guarded(errors_, [&]() -> Status {
    if (!blob || size == 0) return bad("deserializeCudaEngine: there are no bytes");
    made = load({static_cast<const std::byte*>(blob), size});
    return {};
  });
  return made;
}

// Reads until there is nothing more; whoever reads says how much there is only by its end.
template <class Read>
nvinfer1::ICudaEngine* Runtime::read_all(Read&& read) noexcept {
  nvinfer1::ICudaEngine* made = nullptr;
  guarded(errors_, [&]() -> Status {
    constexpr size_t kPiece = size_t{1} << 20;
    std::vector<std::byte> bytes;
    size_t filled = 0;
    for (;;) {
      bytes.resize(filled + std::max(kPiece, filled / 2));
      const auto wanted = static_cast<int64_t>(bytes.size() - filled);
      const int64_t got = read(bytes.data() + filled, wanted);
      if (got < 0 && filled > 0) break;  // some readers say so at their end
      if (got < 0 || got > wanted)
        return {Code::io_error, "deserializeCudaEngine: the stream reader gave " + std::to_string(got) + " of " +
                                    std::to_string(wanted) + " bytes"};
      filled += static_cast<size_t>(got);
      if (got == 0) break;
    }
    bytes.resize(filled);
    made = load(bytes);
    return {};
  });
  return made;
}

nvinfer1::ICudaEngine* Runtime::deserializeCudaEngine(nvinfer1::IStreamReader& reader) noexcept {
  return read_all([&](void* to, int64_t bytes) { return reader.read(to, bytes); });
}

nvinfer1::ICudaEngine* Runtime::deserializeCudaEngine(nvinfer1::IStreamReaderV2& reader) noexcept {
  return read_all([&](void* to, int64_t bytes) { return reader.read(to, bytes, nullptr); });
}

bool Runtime::setMaxThreads(int32_t threads) noexcept {
  return guarded(errors_, [&]() -> Status {
    if (threads < 1) return bad("setMaxThreads: at least one thread is needed, not " + std::to_string(threads));
    threads_ = threads;
    return {};
  });
}

int32_t Runtime::getMaxThreads() const noexcept { return threads_ ? threads_ : available_processors(); }

void Runtime::setTemporaryDirectory(char const* path) noexcept {
  guarded(errors_, [&] { return temporary_ = path ? path : "", Status(); });
}

// The library stays loaded: its objects may outlive this one.
nvinfer1::IRuntime* Runtime::loadRuntime(char const* path) noexcept {
  nvinfer1::IRuntime* made = nullptr;
  guarded(errors_, [&]() -> Status {
    const std::string what = "loadRuntime('" + std::string(path ? path : "") + "'): ";
    if (!path || !*path) return bad(what + "give the path of a libnvinfer of Vivace's");
    void* library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library) return {Code::io_error, what + dlerror()};
    const auto create = reinterpret_cast<void* (*)(void*, int32_t)>(dlsym(library, "createInferRuntime_INTERNAL"));
    if (create && dlsym(library, kMark)) made = static_cast<nvinfer1::IRuntime*>(create(errors_.logger, version_));
    if (made) return {};
    dlclose(library);
    return {Code::unsupported, what +
                                   "this is no library of Vivace's, whose objects alone fit its headers. None is "
                                   "needed for older plans: this runtime lowers them again"};
  });
  return made;
}

}  // namespace vivace::tensorrt

extern "C" TENSORRTAPI void* createInferRuntime_INTERNAL(void* logger, int32_t version) noexcept {
  using namespace vivace::tensorrt;
  if (!logger) return nullptr;
  if (is_other_generation(version)) {
    const auto create =
        reinterpret_cast<void* (*)(void*, int32_t)>(other_generation("libnvinfer", "createInferRuntime_INTERNAL"));
    return create ? create(logger, version) : nullptr;
  }
  auto& to = *static_cast<nvinfer1::ILogger*>(logger);
  Runtime* made = nullptr;
  guarded(Errors{&to, nullptr}, [&] { return made = new Runtime(to, version), vivace::Status(); });
  return static_cast<nvinfer1::IRuntime*>(made);
}

extern "C" TENSORRTAPI void* createInferRefitter_INTERNAL(void* engine, void* logger, int32_t version) noexcept {
  using namespace vivace::tensorrt;
  if (!engine || !logger) return nullptr;
  if (is_other_generation(version)) {
    const auto create = reinterpret_cast<void* (*)(void*, void*, int32_t)>(
        other_generation("libnvinfer", "createInferRefitter_INTERNAL"));
    return create ? create(engine, logger, version) : nullptr;
  }
  auto& to = *static_cast<nvinfer1::ILogger*>(logger);
  auto& of = static_cast<Engine&>(*static_cast<nvinfer1::ICudaEngine*>(engine));
  Refitter* made = nullptr;
  guarded(Errors{&to, nullptr}, [&] { return made = new Refitter(of.core(), Errors{&to, nullptr}), vivace::Status(); });
  return static_cast<nvinfer1::IRefitter*>(made);
}
