// Planted defects that the emulator's options find: refused memory, kernels that a capture would
// load, and use of another device's objects.
#include <cstdlib>
#include <cstring>

#include "tools/cuda-emulator/tests/emulator_test.h"

using neurode::emulator::launch;

namespace {

__global__ void fresh_kernel(float* x) { x[threadIdx.x] = 1; }

template <class Allocate>
void expect_refusals(const char* variable, Allocate allocate) {
  const auto allocations = [&](const char* expected) {
    for (const char* c = expected; *c != 0; ++c) {
      void* memory = nullptr;
      const bool refused = allocate(&memory) == cudaErrorMemoryAllocation && memory == nullptr;
      CHECK_THAT(refused == (*c == '-'), "%s=%s: request %d", variable, std::getenv(variable),
                 int(c - expected) + 1);
    }
  };
  allocations("++-+");  // the environment of the case sets the first pattern
  setenv(variable, "2-3", 1);
  allocations("+--+");
  setenv(variable, "1", 1);
  allocations("-+");
  setenv(variable, "", 1);
  allocations("+++");
}

cudaStream_t stream_of(int device) {
  CUDA(cudaSetDevice(device));
  cudaStream_t stream = nullptr;
  CUDA(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  return stream;
}

float* memory_of(int device) {
  CUDA(cudaSetDevice(device));
  return upload(std::vector<float>(32));
}

}  // namespace

void refused_pinned_memory() {
  expect_refusals("NEURODE_EMULATOR_FAIL_PINNED",
                  [](void** memory) { return cudaMallocHost(memory, 100); });
}

void refused_device_memory() {
  expect_refusals("NEURODE_EMULATOR_FAIL_MEMORY",
                  [](void** memory) { return cudaMalloc(memory, 100); });
}

// Exits with kDefect if the capture fails.
void first_launch_in_capture() {
  const cudaStream_t stream = stream_of(0);
  float* const x = memory_of(0);
  cudaGraph_t graph = nullptr;
  CUDA(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
  launch(fresh_kernel, 1, 32, 0, stream, x);
  const cudaError_t launched = cudaGetLastError(), ended = cudaStreamEndCapture(stream, &graph);
  if (launched == cudaErrorStreamCaptureUnsupported && ended == cudaErrorStreamCaptureInvalidated)
    std::_Exit(kDefect);
  CHECK(launched == cudaSuccess && ended == cudaSuccess && graph != nullptr);
}

// A kernel that was loaded on one device is not loaded on another.
void first_launch_on_each_device() {
  launch(fresh_kernel, 1, 32, 0, stream_of(1), memory_of(1));
  CHECK(cudaGetLastError() == cudaSuccess);
  first_launch_in_capture();
}

void loaded_kernel_in_capture() {
  launch(fresh_kernel, 1, 32, 0, nullptr, memory_of(0));
  first_launch_in_capture();
}

void two_devices() {
  int count = 0, device = -1;
  CUDA(cudaGetDeviceCount(&count));
  CHECK(count == 2);
  CHECK(cudaSetDevice(2) == cudaErrorInvalidDevice);
  for (const int each : {1, 0, 1}) {
    float* const x = memory_of(each);
    launch(add_kernel, 1, 32, 0, stream_of(each), x, 2.0f);
    CHECK(download(x, 32)[31] == 2);
    CUDA(cudaGetDevice(&device));
    CHECK(device == each);
    std::size_t free = 0, total = 0;
    CUDA(cudaMemGetInfo(&free, &total));
    CHECK(total - free == 128);
    CUDA(cudaFree(x));
  }
}

// A thread's current device is the driver's context. At first there is none.
void contexts() {
  int (*get)(void**) = nullptr;
  int (*set)(void*) = nullptr;
  CUDA(cudaGetDriverEntryPointByVersion("cuCtxGetCurrent", reinterpret_cast<void**>(&get), 12000,
                                        cudaEnableDefault));
  CUDA(cudaGetDriverEntryPointByVersion("cuCtxSetCurrent", reinterpret_cast<void**>(&set), 12000,
                                        cudaEnableDefault));
  void *context = &context, *other = nullptr;
  CHECK(get(&context) == 0 && context == nullptr);
  CUDA(cudaSetDevice(1));
  CHECK(get(&context) == 0 && context != nullptr);
  CUDA(cudaSetDevice(0));
  CHECK(get(&other) == 0 && other != nullptr && other != context);
  CHECK(set(context) == 0);
  int device = -1;
  CUDA(cudaGetDevice(&device));
  CHECK(device == 1);
  CHECK(set(nullptr) == 0);
  CUDA(cudaGetDevice(&device));
  CHECK(device == 0);
  CHECK(set(&device) != 0);
}

void foreign_stream() {
  const cudaStream_t stream = stream_of(1);
  launch(add_kernel, 1, 32, 0, stream, memory_of(0), 1.0f);
  if (cudaGetLastError() == cudaErrorInvalidResourceHandle) std::_Exit(kDefect);
}

void foreign_event() {
  const cudaStream_t stream = stream_of(0);
  cudaEvent_t event = nullptr;
  CUDA(cudaSetDevice(1));
  CUDA(cudaEventCreate(&event));
  CUDA(cudaSetDevice(0));
  if (cudaEventRecord(event, stream) == cudaErrorInvalidResourceHandle) std::_Exit(kDefect);
}

void foreign_pool() {
  const cudaStream_t stream = stream_of(0);
  cudaMemPool_t pool = nullptr;
  void* memory = nullptr;
  CUDA(cudaDeviceGetDefaultMemPool(&pool, 1));
  if (cudaMallocFromPoolAsync(&memory, 100, pool, stream) == cudaErrorInvalidResourceHandle)
    std::_Exit(kDefect);
}

void foreign_copy() {
  float* const x = memory_of(1);
  const cudaStream_t stream = stream_of(0);
  if (cudaMemsetAsync(x, 0, 4, stream) == cudaErrorInvalidValue) std::_Exit(kDefect);
}

void foreign_free() {
  float* const x = memory_of(1);
  CUDA(cudaSetDevice(0));
  if (cudaFree(x) == cudaSuccess && emulator_report() > 0) std::_Exit(kDefect);
}

void foreign_memory_in_kernel() {
  float* const x = memory_of(1);
  launch(add_kernel, 1, 32, 0, stream_of(0), x, 1.0f);
}

// A fault ends the use of its device only.
void sticky_on_one_device() {
  float *const x = memory_of(0), *const y = memory_of(1);
  launch(add_kernel, 1, 1, 0, nullptr, y, 1.0f);
  if (cudaDeviceSynchronize() != cudaErrorIllegalAddress) return;
  CUDA(cudaSetDevice(0));
  launch(add_kernel, 1, 1, 0, nullptr, x, 1.0f);
  CHECK(download(x, 1)[0] == 1);
  if (cudaSetDevice(1) == cudaErrorIllegalAddress) std::_Exit(kDefect);
}
