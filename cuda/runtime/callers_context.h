// Restores the caller's CUDA context after the library has chosen a device.
#pragma once

#include "cuda/runtime/runtime.h"

namespace neurode::cuda {

// Saves the driver's current context of the calling thread and restores it on destruction.
//
// The driver's context determines the current device for every user of CUDA in the process, even if
// each has its own copy of the runtime. A thread can have no context: to restore device 0 in that
// case would allocate memory on device 0.
class CallersContext {
 public:
  CallersContext() { known_ = driver().get != nullptr && driver().get(&context_) == 0; }
  ~CallersContext() {
    if (known_) driver().set(context_);
  }
  CallersContext(const CallersContext&) = delete;
  CallersContext& operator=(const CallersContext&) = delete;

 private:
  // CUcontext is an opaque pointer, and CUresult is an int.
  struct Driver {
    int (*get)(void** context) = nullptr;
    int (*set)(void* context) = nullptr;
  };

  template <class Function>
  static bool find(const char* name, Function& function) {
    constexpr unsigned kVersion = 12000;
    void* found = nullptr;
    cudaDriverEntryPointQueryResult result{};
    const cudaError_t status =
        cudaGetDriverEntryPointByVersion(name, &found, kVersion, cudaEnableDefault, &result);
    if (status != cudaSuccess) static_cast<void>(cudaGetLastError());
    if (status != cudaSuccess || result != cudaDriverEntryPointSuccess) return false;
    function = reinterpret_cast<Function>(found);
    return true;
  }

  static const Driver& driver() {
    static const Driver found = [] {
      Driver driver;
      if (find("cuCtxGetCurrent", driver.get) && find("cuCtxSetCurrent", driver.set)) return driver;
      return Driver{};
    }();
    return found;
  }

  void* context_ = nullptr;
  bool known_ = false;
};

}  // namespace neurode::cuda
