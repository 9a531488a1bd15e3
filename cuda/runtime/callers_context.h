// What a thread had chosen before the library chose a device on it.
#pragma once

#include "cuda/runtime/runtime.h"

namespace neurode::cuda {

// The driver's context of the calling thread, which it has again when this goes out of scope.
//
// A context says which device is the current one to every user of CUDA in the process, each with a
// runtime of its own. Unlike a device, there may be none: to choose device 0 for a caller that had
// chosen nothing would take memory on it.
class CallersContext {
 public:
  CallersContext() { known_ = driver().get != nullptr && driver().get(&context_) == 0; }
  ~CallersContext() {
    if (known_) driver().set(context_);
  }
  CallersContext(const CallersContext&) = delete;
  CallersContext& operator=(const CallersContext&) = delete;

 private:
  // CUcontext is an opaque pointer, CUresult an int.
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
