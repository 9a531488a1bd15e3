// How kernels are launched, and launches counted. The emulator has its own launch() and
// dynamic_shared().
#pragma once

#include <cstdint>

#include "cuda/runtime/runtime.h"

namespace neurode::cuda {

#if !defined(NEURODE_CUDA_EMULATOR)
template <class... Parameters, class... Arguments>
void launch(void (*kernel)(Parameters...), dim3 grid, dim3 block, std::size_t shared_bytes,
            cudaStream_t stream, const Arguments&... arguments) {
  kernel<<<grid, block, shared_bytes, stream>>>(static_cast<Parameters>(arguments)...);
}

template <class T>
__device__ T* dynamic_shared() {
  extern __shared__ float4 neurode_dynamic_shared[];
  return reinterpret_cast<T*>(neurode_dynamic_shared);
}
#endif

// Launches on one stream.
class Launcher {
 public:
  explicit Launcher(cudaStream_t stream) : stream_(stream) {}

  template <class... Parameters, class... Arguments>
  void operator()(void (*kernel)(Parameters...), dim3 grid, int block, std::size_t shared_bytes,
                  const Arguments&... arguments) {
    launch(kernel, grid, dim3(block), shared_bytes, stream_, arguments...);
    check(cudaGetLastError(), "launching a kernel");
    ++count_;
  }

  cudaStream_t stream() const { return stream_; }
  std::uint64_t count() const { return count_; }

 private:
  const cudaStream_t stream_;
  std::uint64_t count_ = 0;
};

}  // namespace neurode::cuda
