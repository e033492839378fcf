// Error codes: their names, what they say, and the last one of each thread.
#include "cudart/state.h"

namespace vivace::cudart {
namespace {

thread_local cudaError_t last_error = cudaSuccess;

struct Description {
  cudaError_t error;
  const char* name;
  const char* text;
};

#define DESCRIPTION(error, text) \
  { error, #error, text }
constexpr Description kDescriptions[] = {
    DESCRIPTION(cudaSuccess, "no error"),
    DESCRIPTION(cudaErrorInvalidValue, "invalid argument"),
    DESCRIPTION(cudaErrorMemoryAllocation, "out of memory"),
    DESCRIPTION(cudaErrorInitializationError, "initialization error"),
    DESCRIPTION(cudaErrorCudartUnloading, "the runtime is being unloaded"),
    DESCRIPTION(cudaErrorProfilerDisabled, "the profiler is disabled"),
    DESCRIPTION(cudaErrorProfilerNotInitialized, "the profiler is not initialized"),
    DESCRIPTION(cudaErrorProfilerAlreadyStarted, "the profiler is already started"),
    DESCRIPTION(cudaErrorProfilerAlreadyStopped, "the profiler is already stopped"),
    DESCRIPTION(cudaErrorInvalidConfiguration, "invalid launch configuration"),
    DESCRIPTION(cudaErrorInvalidPitchValue, "invalid pitch"),
    DESCRIPTION(cudaErrorInvalidSymbol, "invalid device symbol"),
    DESCRIPTION(cudaErrorInvalidHostPointer, "invalid host pointer"),
    DESCRIPTION(cudaErrorInvalidDevicePointer, "invalid device pointer"),
    DESCRIPTION(cudaErrorInvalidTexture, "invalid texture"),
    DESCRIPTION(cudaErrorInvalidTextureBinding, "the texture is not bound"),
    DESCRIPTION(cudaErrorInvalidChannelDescriptor, "invalid channel descriptor"),
    DESCRIPTION(cudaErrorInvalidMemcpyDirection, "invalid direction of a copy"),
    DESCRIPTION(cudaErrorNotYetImplemented, "not implemented"),
    DESCRIPTION(cudaErrorMemoryValueTooLarge, "the value is too large for memory"),
    DESCRIPTION(cudaErrorStubLibrary, "the library is a stub"),
    DESCRIPTION(cudaErrorInsufficientDriver, "the driver is older than the runtime needs"),
    DESCRIPTION(cudaErrorCallRequiresNewerDriver, "the call needs a newer driver"),
    DESCRIPTION(cudaErrorInvalidSurface, "invalid surface"),
    DESCRIPTION(cudaErrorDevicesUnavailable, "all devices are busy or unavailable"),
    DESCRIPTION(cudaErrorIncompatibleDriverContext, "the driver's context does not fit the runtime"),
    DESCRIPTION(cudaErrorMissingConfiguration, "the launch has no configuration"),
    DESCRIPTION(cudaErrorInvalidDeviceFunction, "invalid device function"),
    DESCRIPTION(cudaErrorNoDevice, "there is no device"),
    DESCRIPTION(cudaErrorInvalidDevice, "invalid device ordinal; the host is device 0, and the only one"),
    DESCRIPTION(cudaErrorDeviceNotLicensed, "the device is not licensed"),
    DESCRIPTION(cudaErrorStartupFailure, "the runtime failed to start"),
    DESCRIPTION(cudaErrorInvalidKernelImage, "invalid kernel image"),
    DESCRIPTION(cudaErrorDeviceUninitialized, "the device is not initialized"),
    DESCRIPTION(cudaErrorNoKernelImageForDevice, "no kernel image for the device"),
    DESCRIPTION(cudaErrorECCUncorrectable, "uncorrectable ECC error"),
    DESCRIPTION(cudaErrorUnsupportedLimit, "the device has no such limit"),
    DESCRIPTION(cudaErrorDeviceAlreadyInUse, "the device is in use by another thread"),
    DESCRIPTION(cudaErrorPeerAccessUnsupported, "no peer access between these devices"),
    DESCRIPTION(cudaErrorInvalidPtx, "invalid PTX"),
    DESCRIPTION(cudaErrorInvalidGraphicsContext, "invalid graphics context"),
    DESCRIPTION(cudaErrorNvlinkUncorrectable, "uncorrectable NVLink error"),
    DESCRIPTION(cudaErrorJitCompilerNotFound, "no PTX compiler"),
    DESCRIPTION(cudaErrorUnsupportedPtxVersion, "the PTX is of an unsupported version"),
    DESCRIPTION(cudaErrorInvalidSource, "invalid kernel source"),
    DESCRIPTION(cudaErrorFileNotFound, "file not found"),
    DESCRIPTION(cudaErrorSharedObjectSymbolNotFound, "the shared object lacks a symbol"),
    DESCRIPTION(cudaErrorSharedObjectInitFailed, "the shared object failed to initialize"),
    DESCRIPTION(cudaErrorOperatingSystem, "a call of the operating system failed"),
    DESCRIPTION(cudaErrorInvalidResourceHandle, "invalid resource handle"),
    DESCRIPTION(cudaErrorIllegalState, "the resource is in no state for this call"),
    DESCRIPTION(cudaErrorSymbolNotFound, "symbol not found"),
    DESCRIPTION(cudaErrorNotReady, "not ready yet"),
    DESCRIPTION(cudaErrorIllegalAddress, "illegal memory access"),
    DESCRIPTION(cudaErrorLaunchOutOfResources, "too many resources asked for a launch"),
    DESCRIPTION(cudaErrorLaunchTimeout, "the launch timed out"),
    DESCRIPTION(cudaErrorPeerAccessAlreadyEnabled, "peer access is already enabled"),
    DESCRIPTION(cudaErrorPeerAccessNotEnabled, "peer access is not enabled"),
    DESCRIPTION(cudaErrorSetOnActiveProcess, "too late: the process is active"),
    DESCRIPTION(cudaErrorContextIsDestroyed, "the context is destroyed"),
    DESCRIPTION(cudaErrorAssert, "an assertion failed on the device"),
    DESCRIPTION(cudaErrorTooManyPeers, "too many peers"),
    DESCRIPTION(cudaErrorHostMemoryAlreadyRegistered, "the host memory is already registered"),
    DESCRIPTION(cudaErrorHostMemoryNotRegistered, "the host memory is not registered"),
    DESCRIPTION(cudaErrorHardwareStackError, "hardware stack error"),
    DESCRIPTION(cudaErrorIllegalInstruction, "illegal instruction"),
    DESCRIPTION(cudaErrorMisalignedAddress, "misaligned address"),
    DESCRIPTION(cudaErrorInvalidAddressSpace, "invalid address space"),
    DESCRIPTION(cudaErrorInvalidPc, "invalid program counter"),
    DESCRIPTION(cudaErrorLaunchFailure, "the launch failed"),
    DESCRIPTION(cudaErrorCooperativeLaunchTooLarge, "the cooperative launch is too large"),
    DESCRIPTION(cudaErrorNotPermitted, "not permitted"),
    DESCRIPTION(cudaErrorNotSupported, "not supported"),
    DESCRIPTION(cudaErrorSystemNotReady, "the system is not ready"),
    DESCRIPTION(cudaErrorSystemDriverMismatch, "the versions of the driver do not match"),
    DESCRIPTION(cudaErrorCompatNotSupportedOnDevice, "the device does not support forward compatibility"),
    DESCRIPTION(cudaErrorStreamCaptureUnsupported, "not permitted while a stream is captured"),
    DESCRIPTION(cudaErrorStreamCaptureInvalidated, "the capture was made invalid by an earlier call"),
    DESCRIPTION(cudaErrorStreamCaptureMerge, "two captures would be merged"),
    DESCRIPTION(cudaErrorStreamCaptureUnmatched, "the capture was not begun on this stream"),
    DESCRIPTION(cudaErrorStreamCaptureUnjoined, "a stream of the capture was not joined to its origin"),
    DESCRIPTION(cudaErrorStreamCaptureIsolation, "the dependency would cross the capture's border"),
    DESCRIPTION(cudaErrorStreamCaptureImplicit, "the default stream depends on a captured one"),
    DESCRIPTION(cudaErrorCapturedEvent, "the event was recorded in a capture"),
    DESCRIPTION(cudaErrorStreamCaptureWrongThread, "the capture was begun by another thread"),
    DESCRIPTION(cudaErrorTimeout, "timed out"),
    DESCRIPTION(cudaErrorGraphExecUpdateFailure, "the graph could not be updated"),
    DESCRIPTION(cudaErrorUnknown, "unknown error"),
};

const Description* find(cudaError_t error) {
  for (const Description& description : kDescriptions)
    if (description.error == error) return &description;
  return nullptr;
}

}  // namespace

cudaError_t keep(cudaError_t error) {
  if (error != cudaSuccess) last_error = error;
  return error;
}

}  // namespace vivace::cudart

using namespace vivace::cudart;

cudaError_t cudaGetLastError() {
  const cudaError_t error = last_error;
  last_error = cudaSuccess;
  return error;
}

cudaError_t cudaPeekAtLastError() { return last_error; }

const char* cudaGetErrorName(cudaError_t error) {
  const Description* description = find(error);
  return description ? description->name : "unrecognized error code";
}

const char* cudaGetErrorString(cudaError_t error) {
  const Description* description = find(error);
  return description ? description->text : "unrecognized error code";
}
