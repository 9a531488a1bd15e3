// Includes the CUDA runtime, or the emulator in its place. All of cuda/ includes CUDA through this
// file.
#pragma once

#if defined(NEURODE_CUDA_EMULATOR)
#include "tools/cuda-emulator/cuda_emulator.h"
#else
#include <cuda_runtime.h>
#endif

#include <string>

#include "native/engine/error.h"

namespace neurode::cuda {

// Whether the device still works after a call failed with this status. For a status that is not in
// the list, the device counts as lost.
inline bool works_on_after(cudaError_t status) {
  switch (status) {
    case cudaErrorInvalidValue:
    case cudaErrorInvalidConfiguration:
    case cudaErrorInvalidDeviceFunction:
    case cudaErrorNoKernelImageForDevice:
    case cudaErrorLaunchOutOfResources:
    case cudaErrorNotSupported:
    case cudaErrorStreamCaptureUnsupported:
    case cudaErrorStreamCaptureInvalidated:
      return true;
    default:
      return false;
  }
}

// Throws the error that a failed call means: out of memory, a refused call, or a lost device.
inline void check(cudaError_t status, const char* doing) {
  if (status == cudaSuccess) return;
  static_cast<void>(cudaGetLastError());
  const std::string why =
      std::string(cudaGetErrorName(status)) + " (" + cudaGetErrorString(status) + ")";
  if (status == cudaErrorMemoryAllocation)
    throw Error("ERR_OUT_OF_MEMORY", std::string(doing) + ": " + why);
  if (works_on_after(status))
    throw Error("ERR_INTERNAL", std::string("CUDA refused a call while ") + doing + ": " + why);
  throw Error("ERR_DEVICE_LOST", std::string("the CUDA device failed while ") + doing + ": " + why);
}

}  // namespace neurode::cuda
