// Interfaces that Python programs implement: loggers, profilers, allocators and the like.
#include <cstdio>
#include <ctime>

#include "bind.h"

namespace tensorrt_python {
namespace {

using namespace nvinfer1;  // NOLINT

uintptr_t number(const void* pointer) { return reinterpret_cast<uintptr_t>(pointer); }
void* pointer(uintptr_t number) { return reinterpret_cast<void*>(number); }

struct PyLogger : ILogger {
  NB_TRAMPOLINE(ILogger);
  void log(Severity severity, const AsciiChar* message) noexcept override {
    if (!nb::is_alive()) return;
    nb::gil_scoped_acquire gil;
    tell(nb_trampoline, "log", severity, to_text(message));
  }
};

/// trt.Logger: lines with the time on standard error.
struct Logger : ILogger {
  explicit Logger(Severity min_severity) : min_severity(min_severity) {}
  void log(Severity severity, const AsciiChar* message) noexcept override {
    if (severity > min_severity || !message) return;
    const std::time_t now = std::time(nullptr);
    std::tm parts{};
    localtime_r(&now, &parts);
    char stamp[32];
    std::strftime(stamp, sizeof stamp, "%m/%d/%Y-%H:%M:%S", &parts);
    constexpr const char* letters = "FEWIV";
    std::fprintf(stderr, "[%s] [TRT] [%c] %s\n", stamp, letters[static_cast<int>(severity)], message);
  }
  Severity min_severity;
};

struct PyDefaultLogger : Logger {
  NB_TRAMPOLINE(Logger);
  void log(Severity severity, const AsciiChar* message) noexcept override {
    if (!nb::is_alive()) return;
    nb::gil_scoped_acquire gil;
    nb::detail::ticket ticket(nb_trampoline, "log", nb::detail::str_hash("log"), false);
    if (!ticket.key.is_valid()) return Logger::log(severity, message);
    try {
      nb_trampoline.base().attr(ticket.key)(severity, to_text(message));
    } catch (nb::python_error& error) {
      error.discard_as_unraisable("log");
    }
  }
};

struct PyProfiler : IProfiler {
  NB_TRAMPOLINE(IProfiler);
  void reportLayerTime(const char* layer, float ms) noexcept override {
    nb::gil_scoped_acquire gil;
    tell(nb_trampoline, "report_layer_time", to_text(layer), ms);
  }
};

struct Profiler : IProfiler {
  void reportLayerTime(const char* layer, float ms) noexcept override {
    std::printf("%s: %gms\n", layer, static_cast<double>(ms));
  }
};

struct PyErrorRecorder : IErrorRecorder {
  NB_TRAMPOLINE(IErrorRecorder);
  int32_t getNbErrors() const noexcept override { return ask<int32_t>(nb_trampoline, "num_errors", 0); }
  ErrorCode getErrorCode(int32_t i) const noexcept override {
    return ask<ErrorCode>(nb_trampoline, "get_error_code", ErrorCode::kUNSPECIFIED_ERROR, i);
  }
  ErrorDesc getErrorDesc(int32_t i) const noexcept override {
    nb::gil_scoped_acquire gil;
    text_ = nb::steal(ask<nb::object>(nb_trampoline, "get_error_desc", nb::object(), i).release());
    const char* text = text_.is_valid() ? PyUnicode_AsUTF8(text_.ptr()) : nullptr;
    if (!text) PyErr_Clear();
    return text ? text : "";
  }
  bool hasOverflowed() const noexcept override { return ask<bool>(nb_trampoline, "has_overflowed", false); }
  void clear() noexcept override { tell(nb_trampoline, "clear"); }
  bool reportError(ErrorCode code, ErrorDesc text) noexcept override {
    nb::gil_scoped_acquire gil;
    return ask<bool>(nb_trampoline, "report_error", false, code, to_text(text));
  }
  RefCount incRefCount() noexcept override { return ++count_; }
  RefCount decRefCount() noexcept override { return --count_; }

 private:
  mutable nb::object text_;
  RefCount count_ = 0;
};

struct PyOutputAllocator : IOutputAllocator {
  NB_TRAMPOLINE(IOutputAllocator);
  void* reallocateOutput(const char* tensor, void* memory, uint64_t size, uint64_t alignment) noexcept override {
    return pointer(ask<uintptr_t>(nb_trampoline, "reallocate_output", 0, tensor, number(memory), size, alignment));
  }
  void* reallocateOutputAsync(const char* tensor, void* memory, uint64_t size, uint64_t alignment,
                              cudaStream_t stream) noexcept override {
    nb::gil_scoped_acquire gil;
    nb::detail::ticket ticket(nb_trampoline, "reallocate_output_async", nb::detail::str_hash("reallocate_output_async"),
                              false);
    if (!ticket.key.is_valid()) return reallocateOutput(tensor, memory, size, alignment);
    try {
      const nb::object made =
          nb_trampoline.base().attr(ticket.key)(tensor, number(memory), size, alignment, number(stream));
      return made.is_none() ? nullptr : to_pointer(made);
    } catch (nb::python_error& error) {
      error.discard_as_unraisable("reallocate_output_async");
    }
    return nullptr;
  }
  void notifyShape(const char* tensor, const Dims& shape) noexcept override {
    tell(nb_trampoline, "notify_shape", tensor, shape);
  }
};

struct PyProgressMonitor : IProgressMonitor {
  NB_TRAMPOLINE(IProgressMonitor);
  void phaseStart(const char* phase, const char* parent, int32_t steps) noexcept override {
    nb::gil_scoped_acquire gil;
    tell(nb_trampoline, "phase_start", to_text(phase), to_text(parent), steps);
  }
  bool stepComplete(const char* phase, int32_t step) noexcept override {
    nb::gil_scoped_acquire gil;
    return ask<bool>(nb_trampoline, "step_complete", true, to_text(phase), step);
  }
  void phaseFinish(const char* phase) noexcept override {
    nb::gil_scoped_acquire gil;
    tell(nb_trampoline, "phase_finish", to_text(phase));
  }
};

struct PyDebugListener : IDebugListener {
  NB_TRAMPOLINE(IDebugListener);
  bool processDebugTensor(const void* address, TensorLocation location, DataType type, const Dims& shape,
                          const char* name, cudaStream_t stream) noexcept override {
    return ask<bool>(nb_trampoline, "process_debug_tensor", false, number(address), location, type, shape, name,
                     number(stream));
  }
};

/// Copies what a Python method returned; -1 where it is no buffer, or longer than there is room.
int64_t copy_bytes(const nb::object& object, void* to, int64_t room) {
  Bytes bytes;
  if (!object.is_valid() || !bytes.take(object) || static_cast<int64_t>(bytes.size()) > room) return -1;
  std::memcpy(to, bytes.data(), bytes.size());
  return static_cast<int64_t>(bytes.size());
}

struct PyStreamReader : IStreamReader {
  NB_TRAMPOLINE(IStreamReader);
  int64_t read(void* to, int64_t size) override {
    nb::gil_scoped_acquire gil;
    return copy_bytes(ask<nb::object>(nb_trampoline, "read", nb::object(), size), to, size);
  }
};

struct PyStreamReaderV2 : IStreamReaderV2 {
  NB_TRAMPOLINE(IStreamReaderV2);
  int64_t read(void* to, int64_t size, cudaStream_t stream) noexcept override {
    nb::gil_scoped_acquire gil;
    return copy_bytes(ask<nb::object>(nb_trampoline, "read", nb::object(), size, number(stream)), to, size);
  }
  bool seek(int64_t offset, SeekPosition where) noexcept override {
    return ask<bool>(nb_trampoline, "seek", false, offset, where);
  }
};

struct PyStreamWriter : IStreamWriter {
  NB_TRAMPOLINE(IStreamWriter);
  int64_t write(const void* data, int64_t size) override {
    nb::gil_scoped_acquire gil;
    return ask<int64_t>(nb_trampoline, "write", -1, nb::bytes(data, static_cast<size_t>(size)));
  }
};

}  // namespace

void bind_clients(nb::module_& m) {
  using Severity = ILogger::Severity;
  nb::class_<ILogger, PyLogger> logger(m, "ILogger");
  enumeration<Severity>(logger, "Severity",
                        {{"INTERNAL_ERROR", Severity::kINTERNAL_ERROR},
                         {"ERROR", Severity::kERROR},
                         {"WARNING", Severity::kWARNING},
                         {"INFO", Severity::kINFO},
                         {"VERBOSE", Severity::kVERBOSE}});
  for (const char* name : {"INTERNAL_ERROR", "ERROR", "WARNING", "INFO", "VERBOSE"}) {
    logger.attr(name) = logger.attr("Severity").attr(name);
  }
  logger.def(nb::init<>()).def("log", &ILogger::log, "severity"_a, "msg"_a);
  context_manager(logger);
  nb::class_<Logger, ILogger, PyDefaultLogger>(m, "Logger")
      .def(nb::init<Severity>(), "min_severity"_a = Severity::kWARNING)
      .def("log", &Logger::log, "severity"_a, "msg"_a)
      .def_rw("min_severity", &Logger::min_severity);

  nb::class_<IProfiler, PyProfiler>(m, "IProfiler")
      .def(nb::init<>())
      .def("report_layer_time", &IProfiler::reportLayerTime, "layer_name"_a, "ms"_a);
  nb::class_<Profiler, IProfiler>(m, "Profiler").def(nb::init<>());

  nb::class_<IErrorRecorder, PyErrorRecorder>(m, "IErrorRecorder")
      .def(nb::init<>())
      .def_prop_ro_static("MAX_DESC_LENGTH", [](nb::handle) { return 127; })
      .def("num_errors", &IErrorRecorder::getNbErrors)
      .def("get_error_code", &IErrorRecorder::getErrorCode)
      .def("get_error_desc", &IErrorRecorder::getErrorDesc)
      .def("has_overflowed", &IErrorRecorder::hasOverflowed)
      .def("clear", &IErrorRecorder::clear)
      .def("report_error", &IErrorRecorder::reportError);

  bind_callbacks(m);

  // What a class of the program does not override: nothing is done, nothing is there.
  const auto none = [](const nb::args&, const nb::kwargs&) { return nb::none(); };
  nb::class_<IOutputAllocator, PyOutputAllocator>(m, "IOutputAllocator")
      .def(nb::init<>())
      .def("reallocate_output", none)
      .def(
          "reallocate_output_async",
          [](nb::handle self, const nb::object& tensor, const nb::object& memory, const nb::object& size,
             const nb::object& alignment,
             const nb::object&) { return self.attr("reallocate_output")(tensor, memory, size, alignment); },
          "tensor_name"_a, "memory"_a, "size"_a, "alignment"_a, "stream"_a)
      .def("notify_shape", none);
  nb::class_<IProgressMonitor, PyProgressMonitor>(m, "IProgressMonitor")
      .def(nb::init<>())
      .def("phase_start", none)
      .def("step_complete", [](const nb::args&, const nb::kwargs&) { return true; })
      .def("phase_finish", none);
  nb::class_<IDebugListener, PyDebugListener>(m, "IDebugListener").def(nb::init<>()).def("process_debug_tensor", none);
  nb::class_<IStreamReader, PyStreamReader>(m, "IStreamReader").def(nb::init<>()).def("read", none);
  nb::class_<IStreamReaderV2, PyStreamReaderV2>(m, "IStreamReaderV2")
      .def(nb::init<>())
      .def("read", none)
      .def("seek", none);
  nb::class_<IStreamWriter, PyStreamWriter>(m, "IStreamWriter").def(nb::init<>()).def("write", none);
}

}  // namespace tensorrt_python
