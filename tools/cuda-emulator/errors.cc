// Names and descriptions of errors.
#include "tools/cuda-emulator/state.h"

namespace {

struct ErrorText {
  cudaError_t error;
  const char *name, *text;
};
#define NEURODE_ERROR(error, text) \
  { error, #error, text }
constexpr ErrorText kErrors[] = {
    NEURODE_ERROR(cudaSuccess, "no error"),
    NEURODE_ERROR(cudaErrorInvalidValue, "invalid argument"),
    NEURODE_ERROR(cudaErrorMemoryAllocation, "out of memory"),
    NEURODE_ERROR(cudaErrorInitializationError, "initialization error"),
    NEURODE_ERROR(cudaErrorInvalidConfiguration, "invalid configuration argument"),
    NEURODE_ERROR(cudaErrorInvalidDevicePointer, "invalid device pointer"),
    NEURODE_ERROR(cudaErrorInvalidMemcpyDirection, "invalid copy direction for memcpy"),
    NEURODE_ERROR(cudaErrorInsufficientDriver,
                  "CUDA driver version is insufficient for CUDA runtime version"),
    NEURODE_ERROR(cudaErrorInvalidDeviceFunction, "invalid device function"),
    NEURODE_ERROR(cudaErrorNoDevice, "no CUDA-capable device is detected"),
    NEURODE_ERROR(cudaErrorInvalidDevice, "invalid device ordinal"),
    NEURODE_ERROR(cudaErrorNoKernelImageForDevice,
                  "no kernel image is available for execution on the device"),
    NEURODE_ERROR(cudaErrorInvalidResourceHandle, "invalid resource handle"),
    NEURODE_ERROR(cudaErrorNotReady, "device not ready"),
    NEURODE_ERROR(cudaErrorIllegalAddress, "an illegal memory access was encountered"),
    NEURODE_ERROR(cudaErrorLaunchOutOfResources, "too many resources requested for launch"),
    NEURODE_ERROR(cudaErrorHostMemoryAlreadyRegistered,
                  "part or all of the requested memory range is already mapped"),
    NEURODE_ERROR(cudaErrorHostMemoryNotRegistered,
                  "pointer does not correspond to a registered memory region"),
    NEURODE_ERROR(cudaErrorLaunchFailure, "unspecified launch failure"),
    NEURODE_ERROR(cudaErrorNotSupported, "operation not supported"),
    NEURODE_ERROR(cudaErrorStreamCaptureUnsupported,
                  "operation not permitted when stream is capturing"),
    NEURODE_ERROR(cudaErrorStreamCaptureInvalidated,
                  "operation failed due to a previous error during capture"),
    NEURODE_ERROR(cudaErrorStreamCaptureUnmatched, "capture was not initiated in this stream"),
    NEURODE_ERROR(cudaErrorStreamCaptureImplicit,
                  "operation would make the legacy stream depend on a capturing stream"),
    NEURODE_ERROR(cudaErrorStreamCaptureWrongThread,
                  "attempt to terminate a thread-local capture from another thread"),
};
#undef NEURODE_ERROR

}  // namespace

const char* cudaGetErrorName(cudaError_t error) {
  for (const ErrorText& known : kErrors) {
    if (known.error == error) return known.name;
  }
  return "unrecognized error code";
}

const char* cudaGetErrorString(cudaError_t error) {
  for (const ErrorText& known : kErrors) {
    if (known.error == error) return known.text;
  }
  return "unrecognized error code";
}
