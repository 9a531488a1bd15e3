// The CUDA runtime, or the emulator that stands in for it: all of cuda/ includes CUDA through this.
#pragma once

#if defined(NEURODE_CUDA_EMULATOR)
#include "tools/cuda-emulator/cuda_emulator.h"
#else
#include <cuda_runtime.h>
#endif

#include <string>

#include "native/engine/error.h"

namespace neurode::cuda {

// Throws what a failed call means. All but a want of memory ends the use of the device.
inline void check(cudaError_t status, const char* doing) {
  if (status == cudaSuccess) return;
  static_cast<void>(cudaGetLastError());
  const std::string why =
      std::string(cudaGetErrorName(status)) + " (" + cudaGetErrorString(status) + ")";
  if (status == cudaErrorMemoryAllocation)
    throw Error("ERR_OUT_OF_MEMORY", std::string(doing) + ": " + why);
  throw Error("ERR_DEVICE_LOST", std::string("the CUDA device failed while ") + doing + ": " + why);
}

}  // namespace neurode::cuda
