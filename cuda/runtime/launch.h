// Launches kernels and counts the launches. The emulator has its own launch() and dynamic_shared().
#pragma once

#include <cstdint>
#include <tuple>
#include <type_traits>

#include "cuda/runtime/runtime.h"

namespace neurode::cuda {

#if !defined(NEURODE_CUDA_EMULATOR)
// Returns the launch's own status. With <<<>>> the status must be read by cudaGetLastError, which
// may return the error of an earlier call.
template <class... Parameters, class... Arguments>
cudaError_t launch(void (*kernel)(Parameters...), dim3 grid, dim3 block, std::size_t shared_bytes,
                   cudaStream_t stream, const Arguments&... arguments) {
  std::tuple<std::decay_t<Parameters>...> values{static_cast<Parameters>(arguments)...};
  return std::apply(
      [&](auto&... value) {
        void* pointers[] = {static_cast<void*>(&value)...};
        return cudaLaunchKernel(reinterpret_cast<const void*>(kernel), grid, block, pointers,
                                shared_bytes, stream);
      },
      values);
}

template <class T>
__device__ T* dynamic_shared() {
  extern __shared__ float4 neurode_dynamic_shared[];
  return reinterpret_cast<T*>(neurode_dynamic_shared);
}
#endif

// Launches kernels on one stream and counts them.
class Launcher {
 public:
  explicit Launcher(cudaStream_t stream) : stream_(stream) {}

  template <class... Parameters, class... Arguments>
  void operator()(void (*kernel)(Parameters...), dim3 grid, int block, std::size_t shared_bytes,
                  const Arguments&... arguments) {
    check(launch(kernel, grid, dim3(block), shared_bytes, stream_, arguments...),
          "launching a kernel");
    ++count_;
  }

  cudaStream_t stream() const { return stream_; }
  std::uint64_t count() const { return count_; }

 private:
  const cudaStream_t stream_;
  std::uint64_t count_ = 0;
};

}  // namespace neurode::cuda
