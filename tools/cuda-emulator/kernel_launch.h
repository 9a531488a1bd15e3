// Launches kernels on the emulated device, and gives kernels their dynamic shared memory.
#pragma once

#include <cstddef>
#include <memory>
#include <tuple>
#include <type_traits>

#include "tools/cuda-emulator/runtime_api.h"
#include "tools/cuda-emulator/vector_types.h"

namespace neurode::emulator {

// A kernel with its arguments. It is called once for each thread, and copied while a stream is
// being captured.
struct Call {
  const void* kernel;
  void (*run)(const void* call);
  const void* call;
  std::shared_ptr<const void> (*copy)(const void* call);
};

// Launches a kernel. Also sets the error that cudaGetLastError returns.
cudaError_t launch_call(const Call& call, dim3 grid, dim3 block, std::size_t shared_bytes,
                        cudaStream_t stream);

template <class... Params>
struct BoundKernel {
  void (*kernel)(Params...);
  std::tuple<std::decay_t<Params>...> arguments;

  static void run(const void* self) {
    const auto& bound = *static_cast<const BoundKernel*>(self);
    std::apply(bound.kernel, bound.arguments);
  }
  static std::shared_ptr<const void> copy(const void* self) {
    return std::make_shared<const BoundKernel>(*static_cast<const BoundKernel*>(self));
  }
};

template <class... Params>
cudaError_t launch(void (*kernel)(Params...), dim3 grid, dim3 block, std::size_t shared_bytes,
                   cudaStream_t stream, std::type_identity_t<Params>... arguments) {
  using Bound = BoundKernel<Params...>;
  const Bound bound{kernel, {arguments...}};
  return launch_call({reinterpret_cast<const void*>(kernel), Bound::run, &bound, Bound::copy}, grid,
                     block, shared_bytes, stream);
}

extern char* dynamic_shared_memory;

// The block's dynamic shared memory: aligned to 16 bytes, with as many bytes as the launch asked
// for.
template <class T>
T* dynamic_shared() {
  return reinterpret_cast<T*>(dynamic_shared_memory);
}

// Marks bytes inside an allocation (a gap between tensors of an arena) as guard words, until the
// allocation is freed.
void add_guard(void* gap, std::size_t bytes);

}  // namespace neurode::emulator

// For tests. Exported, so that dlsym finds these functions too.
extern "C" {
// The number of kernels that have run, including those in graphs, and the number of graph launches.
__attribute__((visibility("default"))) unsigned long long emulator_kernel_launches();
__attribute__((visibility("default"))) unsigned long long emulator_graph_launches();
// Prints every leak to stderr. Returns the number of leaks and faults so far.
__attribute__((visibility("default"))) int emulator_report();
// Whether the calling thread is executing a function of the emulator.
__attribute__((visibility("default"))) int emulator_is_working();
// Calls run with a copy of the data, in stream order, as a device library does. The call takes
// `nanoseconds` of the device's clock.
__attribute__((visibility("default"))) void emulator_enqueue(cudaStream_t stream,
                                                             void (*run)(void* data),
                                                             const void* data, std::size_t bytes,
                                                             double nanoseconds);
}
