// Basic types and what a client gives to be called back: logger, error recorder, allocator.
// An interface of Vivace's own making that speaks TensorRT's names; see docs/tensorrt.md.
#pragma once

#include <cstddef>
#include <cstdint>

#include "NvInferVersion.h"

// The CUDA runtime's header where there is one (the real one or the host shim); its handle types otherwise.
#if defined(__has_include)
#if __has_include(<cuda_runtime_api.h>)
#include <cuda_runtime_api.h>
#define VIVACE_TENSORRT_HAS_CUDA_HEADER 1
#endif
#endif
#ifndef VIVACE_TENSORRT_HAS_CUDA_HEADER
typedef struct CUstream_st* cudaStream_t;
typedef struct CUevent_st* cudaEvent_t;
#endif

extern "C" {
struct cublasContext;
struct cudnnContext;
}

// No name is marked as deprecated: programs of every generation compile without warnings.
#define TRT_DEPRECATED
#define TRT_DEPRECATED_BECAUSE(REASON)
#define TRT_DEPRECATED_ENUM
#define TRT_DEPRECATED_API __attribute__((visibility("default")))
#define TRT_NODISCARD
#define TRT_NODISCARD_BECAUSE(REASON)
#define TENSORRTAPI __attribute__((visibility("default")))
#define _TENSORRT_FINAL final
#define _TENSORRT_OVERRIDE override

/// On methods that a client overrides: they are noexcept from generation 8 on.
#if VIVACE_TENSORRT_MAJOR >= 8
#define TRTNOEXCEPT noexcept
#else
#define TRTNOEXCEPT
#endif

namespace nvinfer1 {

static constexpr int32_t kNV_TENSORRT_VERSION_IMPL = static_cast<int32_t>(NV_TENSORRT_VERSION);

using char_t = char;
using AsciiChar = char_t;

/// How many enumerators an enumeration has.
template <typename T>
constexpr int32_t EnumMax() noexcept;

/// Types of elements.
enum class DataType : int32_t {
  kFLOAT = 0,
  kHALF = 1,
  kINT8 = 2,
  kINT32 = 3,
  kBOOL = 4,
  kUINT8 = 5,
  kFP8 = 6,
  kBF16 = 7,
  kINT64 = 8,
  kINT4 = 9,
  kFP4 = 10,
  kE8M0 = 11
};
template <>
constexpr int32_t EnumMax<DataType>() noexcept {
  return 12;
}

/// What a dimension is for (generation 7). No tensor says so here.
enum class DimensionType : int32_t { kSPATIAL = 0, kCHANNEL = 1, kINDEX = 2, kSEQUENCE = 3 };
template <>
constexpr int32_t EnumMax<DimensionType>() noexcept {
  return 4;
}

/// Sizes of a tensor's dimensions, 32 bits each. -1 as a size: any, known when the engine runs; -1 as nbDims: an error.
class Dims32 {
 public:
  static constexpr int32_t MAX_DIMS{8};
  int32_t nbDims;
  int32_t d[MAX_DIMS];
};

/// Sizes of a tensor's dimensions, 64 bits each; see Dims32.
class Dims64 {
 public:
  static constexpr int32_t MAX_DIMS{8};
  int32_t nbDims;
  int64_t d[MAX_DIMS];
};

#if VIVACE_TENSORRT_MAJOR < 10
using Dims = Dims32;
namespace detail {
using DimsValue = int32_t;
}
#else
using Dims = Dims64;
namespace detail {
using DimsValue = int64_t;
}
#endif

/// Layouts at an engine's border. Channels must fill their vectors; without a DLA its formats are kLINEAR and kHWC.
enum class TensorFormat : int32_t {
  kLINEAR = 0,
  kCHW2 = 1,
  kHWC8 = 2,
  kCHW4 = 3,
  kCHW16 = 4,
  kCHW32 = 5,
  kDHWC8 = 6,
  kCDHW32 = 7,
  kHWC = 8,
  kDLA_LINEAR = 9,
  kDLA_HWC4 = 10,
  kHWC16 = 11,
  kDHWC = 12,
  kNCHW = 0,
  kNC2HW2 = 1,
  kNHWC8 = 2
};
template <>
constexpr int32_t EnumMax<TensorFormat>() noexcept {
  return 13;
}

/// A bit mask of `1U << TensorFormat`.
using TensorFormats = uint32_t;

/// Where a tensor's memory lies.
enum class TensorLocation : int32_t { kDEVICE = 0, kHOST = 1 };
template <>
constexpr int32_t EnumMax<TensorLocation>() noexcept {
  return 2;
}

/// Whether a tensor of an engine goes in or comes out; kNONE: it is neither, or there is none of that name.
enum class TensorIOMode : int32_t { kNONE = 0, kINPUT = 1, kOUTPUT = 2 };
template <>
constexpr int32_t EnumMax<TensorIOMode>() noexcept {
  return 3;
}

using InterfaceKind = char const*;

/// Name and version of an interface that a client implements.
class InterfaceInfo {
 public:
  InterfaceKind kind;
  int32_t major;
  int32_t minor;
};

/// The language an interface is implemented in.
enum class APILanguage : int32_t { kCPP = 0, kPYTHON = 1 };
template <>
constexpr int32_t EnumMax<APILanguage>() noexcept {
  return 2;
}

/// An interface that tells its version.
class IVersionedInterface {
 public:
  virtual APILanguage getAPILanguage() const noexcept { return APILanguage::kCPP; }
  virtual InterfaceInfo getInterfaceInfo() const noexcept = 0;
  virtual ~IVersionedInterface() noexcept = default;

 protected:
  IVersionedInterface() = default;
  IVersionedInterface(IVersionedInterface const&) = default;
  IVersionedInterface(IVersionedInterface&&) = default;
  IVersionedInterface& operator=(IVersionedInterface const&) & = default;
  IVersionedInterface& operator=(IVersionedInterface&&) & = default;
};

/// An object that cannot be copied.
class INoCopy {
 protected:
  INoCopy() = default;
  virtual ~INoCopy() = default;
  INoCopy(INoCopy const& other) = delete;
  INoCopy& operator=(INoCopy const& other) = delete;
  INoCopy(INoCopy&& other) = delete;
  INoCopy& operator=(INoCopy&& other) = delete;
};

/// Kinds of errors.
enum class ErrorCode : int32_t {
  kSUCCESS = 0,
  kUNSPECIFIED_ERROR = 1,
  kINTERNAL_ERROR = 2,
  kINVALID_ARGUMENT = 3,
  kINVALID_CONFIG = 4,
  kFAILED_ALLOCATION = 5,
  kFAILED_INITIALIZATION = 6,
  kFAILED_EXECUTION = 7,
  kFAILED_COMPUTATION = 8,
  kINVALID_STATE = 9,
  kUNSUPPORTED_STATE = 10
};
template <>
constexpr int32_t EnumMax<ErrorCode>() noexcept {
  return 11;
}

/// Collects errors for the program to look at; may be called from any thread.
class IErrorRecorder : public IVersionedInterface {
 public:
  using ErrorDesc = char const*;
  using RefCount = int32_t;
  /// Characters of a description that a recorder should keep at least.
  static constexpr std::size_t kMAX_DESC_LENGTH{127U};

  IErrorRecorder() = default;
  InterfaceInfo getInterfaceInfo() const noexcept override { return InterfaceInfo{"IErrorRecorder", 1, 0}; }
  virtual int32_t getNbErrors() const noexcept = 0;
  virtual ErrorCode getErrorCode(int32_t errorIdx) const noexcept = 0;
  virtual ErrorDesc getErrorDesc(int32_t errorIdx) const noexcept = 0;
  virtual bool hasOverflowed() const noexcept = 0;
  virtual void clear() noexcept = 0;
  /// @return whether the error is a fatal one
  virtual bool reportError(ErrorCode val, ErrorDesc desc) noexcept = 0;
  virtual RefCount incRefCount() noexcept = 0;
  virtual RefCount decRefCount() noexcept = 0;
};

/// Takes the messages of builder, runtime, parser; may be called from any thread.
class ILogger : public IVersionedInterface {
 public:
  enum class Severity : int32_t { kINTERNAL_ERROR = 0, kERROR = 1, kWARNING = 2, kINFO = 3, kVERBOSE = 4 };

  ILogger() = default;
  InterfaceInfo getInterfaceInfo() const noexcept override { return InterfaceInfo{"ILogger", 1, 0}; }
  /// @param msg ends with a zero; valid during the call
  virtual void log(Severity severity, AsciiChar const* msg) TRTNOEXCEPT = 0;
};
template <>
constexpr int32_t EnumMax<ILogger::Severity>() noexcept {
  return 5;
}

/// Finds the logger of a plugin library.
class ILoggerFinder {
 public:
  virtual ILogger* findLogger() = 0;

 protected:
  virtual ~ILoggerFinder() = default;
};

/// Properties of an allocation.
enum class AllocatorFlag : int32_t { kRESIZABLE = 0 };
template <>
constexpr int32_t EnumMax<AllocatorFlag>() noexcept {
  return 1;
}

/// A bit mask of `1U << AllocatorFlag`.
using AllocatorFlags = uint32_t;

/// A client's memory allocator. Of a runtime or builder: its engines keep their plan in its memory, and contexts run in
/// it. It must outlive them.
class IGpuAllocator : public IVersionedInterface {
 public:
  IGpuAllocator() = default;
  InterfaceInfo getInterfaceInfo() const noexcept override { return InterfaceInfo{"IGpuAllocator", 1, 0}; }
  virtual void* allocate(uint64_t const size, uint64_t const alignment, AllocatorFlags const flags) TRTNOEXCEPT = 0;
  /// Up to generation 8; from 9 on clients override `deallocate`.
  virtual void free(void* const /*memory*/) TRTNOEXCEPT {}
  virtual void* reallocate(void* const /*baseAddr*/, uint64_t /*alignment*/, uint64_t /*newSize*/) TRTNOEXCEPT {
    return nullptr;
  }
  virtual bool deallocate(void* const memory) TRTNOEXCEPT {
    free(memory);
    return true;
  }
  virtual void* allocateAsync(uint64_t const size, uint64_t const alignment, AllocatorFlags const flags,
                              cudaStream_t /*stream*/) TRTNOEXCEPT {
    return allocate(size, alignment, flags);
  }
  virtual bool deallocateAsync(void* const memory, cudaStream_t /*stream*/) TRTNOEXCEPT { return deallocate(memory); }
};

/// An allocator whose memory follows the order of a stream; see IGpuAllocator.
class IGpuAsyncAllocator : public IGpuAllocator {
 public:
  IGpuAsyncAllocator() = default;
  void* allocateAsync(uint64_t const size, uint64_t const alignment, AllocatorFlags const flags,
                      cudaStream_t stream) TRTNOEXCEPT override = 0;
  bool deallocateAsync(void* const memory, cudaStream_t stream) TRTNOEXCEPT override = 0;
  void* allocate(uint64_t const size, uint64_t const alignment, AllocatorFlags const flags) TRTNOEXCEPT override {
    return allocateAsync(size, alignment, flags, nullptr);
  }
  bool deallocate(void* const memory) TRTNOEXCEPT override { return deallocateAsync(memory, nullptr); }
};

}  // namespace nvinfer1

/// The version of the library: NV_TENSORRT_VERSION of its personality.
extern "C" TENSORRTAPI int32_t getInferLibVersion() noexcept;
extern "C" TENSORRTAPI int32_t getInferLibMajorVersion() noexcept;
extern "C" TENSORRTAPI int32_t getInferLibMinorVersion() noexcept;
extern "C" TENSORRTAPI int32_t getInferLibPatchVersion() noexcept;
extern "C" TENSORRTAPI int32_t getInferLibBuildVersion() noexcept;
