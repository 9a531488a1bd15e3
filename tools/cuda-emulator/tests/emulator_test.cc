// Tests of the CUDA emulator: correct kernels give right results, and every planted defect is
// found. Also tests the CUDA library. Usage: emulator_test [bench | part of the names of cases].
// Each case runs in a child process, because the environment is read once.
#include "tools/cuda-emulator/tests/emulator_test.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "tools/cuda-emulator/tests/case.h"

namespace {

using neurode::emulator::dynamic_shared;
using neurode::emulator::launch;

// ------------------------------------------------------------ planted defects

__global__ void past_end_kernel(float* x) { x[threadIdx.x + 1] = 1; }
__global__ void before_start_kernel(float* x) { x[int(threadIdx.x) - 1] = 1; }
__global__ void read_past_end_kernel(const float* x, float* y) {
  y[threadIdx.x] = x[threadIdx.x + 1];
}
__global__ void past_shared_kernel(float* x) {
  dynamic_shared<float>()[threadIdx.x + 1] = 1;
  __syncthreads();
  x[threadIdx.x] = dynamic_shared<float>()[threadIdx.x];
}

__global__ void missing_barrier_kernel(float* x) {
  __shared__ float tile[32];
  tile[threadIdx.x] = float(threadIdx.x);
  x[threadIdx.x] = tile[31 - threadIdx.x];
}
__global__ void missing_second_barrier_kernel(float* x) {
  __shared__ float tile[32];
  float sum = 0;
  for (int step = 1; step < 4; ++step) {
    tile[threadIdx.x] = float(step * threadIdx.x);
    __syncthreads();
    sum += tile[31 - threadIdx.x];
  }
  x[threadIdx.x] = sum;
}
__device__ float swap_shared(float value) {
  __shared__ float tile[32];
  const float before = tile[threadIdx.x];
  tile[threadIdx.x] = value;
  return before;
}
__global__ void stale_shared_kernel(float* x) {
  const unsigned i = blockIdx.x * 32 + threadIdx.x;
  x[i] = swap_shared(1) + dynamic_shared<float>()[threadIdx.x];
  dynamic_shared<float>()[threadIdx.x] = 1;
}
__global__ void divergent_return_kernel(float* x) {
  if (threadIdx.x == 5) return;
  __syncthreads();
  x[threadIdx.x] = 1;
}
__global__ void divergent_branch_kernel(float* x) {
  if (threadIdx.x < 16) {
    __syncthreads();
    x[threadIdx.x] = 1;
  } else {
    __syncthreads();
  }
}
__global__ void wrong_mask_kernel(float* x) {
  if (threadIdx.x < 16) x[threadIdx.x] = __shfl_xor_sync(kAll, 1.0f, 1);
}
__global__ void outside_mask_kernel(float* x) {
  x[threadIdx.x] = __shfl_xor_sync(0xffffu, 1.0f, 1);
}

// Runs a kernel on 32 new floats. Exits with kDefect if the runtime reports an error.
template <class... Params>
std::vector<float> run_on_floats(void (*kernel)(Params...), std::size_t shared_bytes = 0) {
  float* x = nullptr;
  CUDA(cudaMalloc(&x, 32 * sizeof(float)));
  float* y = upload(std::vector<float>(32));
  if constexpr (sizeof...(Params) == 1) {
    launch(kernel, 1, 32, shared_bytes, nullptr, x);
  } else {
    launch(kernel, 1, 32, shared_bytes, nullptr, x, y);
  }
  if (cudaDeviceSynchronize() != cudaSuccess) _exit(kDefect);
  std::vector<float> result = download(sizeof...(Params) == 1 ? x : y, 32);
  cudaFree(x);
  cudaFree(y);
  return result;
}

template <auto kKernel, int kSharedBytes = 0>
void defect() {
  run_on_floats(kKernel, kSharedBytes);
}
// Exits with kDefect if the results are wrong, as a test of the kernel would find.
void missing_barrier() {
  const auto got = run_on_floats(missing_barrier_kernel);
  for (int i = 0; i < 32; ++i) {
    if (std::isnan(got[i])) _exit(kDefect);
  }
}
void missing_second_barrier() {
  const auto got = run_on_floats(missing_second_barrier_kernel);
  for (int i = 0; i < 32; ++i) {
    if (got[i] != float(6 * (31 - i))) _exit(kDefect);
  }
}
// Shared memory must not keep its contents for the next block, nor for the next launch.
void stale_shared() {
  float* x = upload(std::vector<float>(256));
  for (int i = 0; i < 10; ++i) {
    launch(stale_shared_kernel, 8, 32, 128, nullptr, x);
    for (const float value : download(x, 256)) CHECK(std::isnan(value));
  }
}
void uninitialised_read() {
  float* x = nullptr;
  CUDA(cudaMalloc(&x, 4));
  launch(add_kernel, 1, 1, 0, nullptr, x, 1.0f);
  if (std::isnan(download(x, 1)[0])) _exit(kDefect);
}
void double_free() {
  float* x = upload(std::vector<float>(4));
  CUDA(cudaFree(x));
  if (cudaFree(x) != cudaSuccess) _exit(kDefect);
}
void leak() {
  upload(std::vector<float>(25));
  if (emulator_report() > 0) _exit(kDefect);
}
void strict_leak() {
  upload(std::vector<float>(25));
  std::exit(0);
}
void use_after_free() {
  float* x = upload(std::vector<float>(4));
  CUDA(cudaFree(x));
  launch(add_kernel, 1, 1, 0, nullptr, x, 1.0f);
}
void no_driver() {
  int count = -1, version = -1;
  if (cudaGetDeviceCount(&count) == cudaErrorInsufficientDriver && count == 0 &&
      cudaDriverGetVersion(&version) == cudaSuccess && version == 0) {
    _exit(kDefect);
  }
}
void out_of_memory() {
  float* x = nullptr;
  CUDA(cudaMalloc(&x, 600 << 10));
  if (cudaMalloc(&x, 600 << 10) == cudaErrorMemoryAllocation) _exit(kDefect);
}
void sticky() {
  float* x = upload(std::vector<float>(1));
  launch(add_kernel, 1, 1, 0, nullptr, x, 1.0f);
  if (cudaPeekAtLastError() != cudaSuccess) return;
  launch(add_kernel, 1, 1, 0, nullptr, x, 1.0f);
  if (cudaGetLastError() == cudaErrorIllegalAddress && cudaFree(x) == cudaErrorIllegalAddress)
    _exit(kDefect);
}

const Case kCases[] = {
    {"correct kernels", test_correct_kernels, {}, 0, ""},
    {"correct kernels in another order", test_correct_kernels, {"NEURODE_EMULATOR_SEED=7"}, 0, ""},
    {"correct kernels with guarded ends",
     test_correct_kernels,
     {"NEURODE_EMULATOR_GUARD=1"},
     0,
     ""},
    {"correct kernels with guarded starts",
     test_correct_kernels,
     {"NEURODE_EMULATOR_GUARD=2"},
     0,
     ""},
    {"write past the end",
     defect<past_end_kernel>,
     {},
     kDefect,
     "past_end_kernel: a write at byte 128 of a device allocation of 128 bytes"},
    {"write before the start",
     defect<before_start_kernel>,
     {},
     kDefect,
     "a write at byte -4 of a device"},
    {"write past the end, guarded",
     defect<past_end_kernel>,
     {"NEURODE_EMULATOR_GUARD=1"},
     86,
     "past_end_kernel, block (0, 0, 0), thread (31, 0, 0): access to"},
    {"write before the start, guarded",
     defect<before_start_kernel>,
     {"NEURODE_EMULATOR_GUARD=2"},
     86,
     "byte -4 of a device allocation of 128 bytes"},
    {"read past the end, guarded",
     defect<read_past_end_kernel>,
     {"NEURODE_EMULATOR_GUARD=1"},
     86,
     "byte 128 of a device allocation of 128 bytes"},
    {"write past shared memory",
     defect<past_shared_kernel, 128>,
     {},
     kDefect,
     "past the end of its dynamic shared"},
    {"write past shared memory, guarded",
     defect<past_shared_kernel, 128>,
     {"NEURODE_EMULATOR_GUARD=1"},
     86,
     "past the end of the dynamic shared memory"},
    {"use after free, guarded",
     use_after_free,
     {"NEURODE_EMULATOR_GUARD=1"},
     86,
     "a freed device allocation"},
    {"missing barrier", missing_barrier, {}, kDefect, ""},
    {"missing second barrier", missing_second_barrier, {}, kDefect, ""},
    {"missing barrier, another order", missing_barrier, {"NEURODE_EMULATOR_SEED=2"}, kDefect, ""},
    {"return before a barrier",
     defect<divergent_return_kernel>,
     {},
     kDefect,
     "thread (5, 0, 0) has returned"},
    {"different barriers",
     defect<divergent_branch_kernel>,
     {},
     kDefect,
     "divergent barrier: thread ("},
    {"mask with lanes elsewhere", defect<wrong_mask_kernel>, {}, 0, ""},
    {"lane outside its mask", defect<outside_mask_kernel>, {}, kDefect, "with mask 0x0000ffff"},
    {"uninitialised read", uninitialised_read, {}, kDefect, ""},
    {"shared memory of other blocks", stale_shared, {}, 0, ""},
    {"double free", double_free, {}, kDefect, "freed twice?"},
    {"leak", leak, {}, kDefect, "leak: 100 bytes of device memory"},
    {"leak at exit",
     strict_leak,
     {"NEURODE_EMULATOR_STRICT=1"},
     86,
     "leak: 100 bytes of device memory"},
    {"no driver", no_driver, {"NEURODE_EMULATOR_DRIVER=none"}, kDefect, ""},
    {"out of memory", out_of_memory, {"NEURODE_EMULATOR_MEMORY=1M"}, kDefect, ""},
    {"sticky error",
     sticky,
     {"NEURODE_EMULATOR_FAIL=2"},
     kDefect,
     "fails by NEURODE_EMULATOR_FAIL"},
    {"pinned memory is refused", refused_pinned_memory, {"NEURODE_EMULATOR_FAIL_PINNED=3"}, 0, ""},
    {"device memory is refused", refused_device_memory, {"NEURODE_EMULATOR_FAIL_MEMORY=3"}, 0, ""},
    {"first launch in a capture",
     first_launch_in_capture,
     {},
     kDefect,
     "fresh_kernel is loaded by its first launch"},
    {"first launch in a capture, of another device",
     first_launch_on_each_device,
     {"NEURODE_EMULATOR_DEVICES=2"},
     kDefect,
     "fresh_kernel is loaded by its first launch"},
    {"first launch in a capture, all loaded",
     first_launch_in_capture,
     {"CUDA_MODULE_LOADING=EAGER"},
     0,
     ""},
    {"second launch in a capture", loaded_kernel_in_capture, {}, 0, ""},
    {"two devices", two_devices, {"NEURODE_EMULATOR_DEVICES=2"}, 0, ""},
    {"contexts of two devices", contexts, {"NEURODE_EMULATOR_DEVICES=2"}, 0, ""},
    {"stream of another device",
     foreign_stream,
     {"NEURODE_EMULATOR_DEVICES=2"},
     kDefect,
     "a stream of cuda:1 is used while cuda:0 is the current device"},
    {"event of another device",
     foreign_event,
     {"NEURODE_EMULATOR_DEVICES=2"},
     kDefect,
     "an event of cuda:1 is used"},
    {"pool of another device",
     foreign_pool,
     {"NEURODE_EMULATOR_DEVICES=2"},
     kDefect,
     "a memory pool of cuda:1 is used"},
    {"copy of another device's memory",
     foreign_copy,
     {"NEURODE_EMULATOR_DEVICES=2"},
     kDefect,
     "memory of cuda:1 is used"},
    {"free of another device's memory",
     foreign_free,
     {"NEURODE_EMULATOR_DEVICES=2"},
     kDefect,
     "memory of cuda:1 is used"},
    {"another device's memory in a kernel, guarded",
     foreign_memory_in_kernel,
     {"NEURODE_EMULATOR_DEVICES=2", "NEURODE_EMULATOR_GUARD=1"},
     86,
     "of a cuda:1 allocation of 128 bytes"},
    {"sticky error of one device",
     sticky_on_one_device,
     {"NEURODE_EMULATOR_DEVICES=2", "NEURODE_EMULATOR_FAIL=1"},
     kDefect,
     "fails by NEURODE_EMULATOR_FAIL"},
    {"the library, pinned memory refused anywhere",
     library_without_pinned_memory,
     {"NEURODE_EMULATOR_GUARD=1"},
     0,
     ""},
    {"the library, device memory refused anywhere",
     library_without_device_memory,
     {"NEURODE_EMULATOR_GUARD=1"},
     0,
     ""},
    {"the library changes nothing when it is refused",
     library_changes_nothing_when_refused,
     {},
     0,
     ""},
    {"the library and its caller's device",
     library_keeps_the_callers_device,
     {"NEURODE_EMULATOR_DEVICES=2"},
     0,
     ""},
    {"the library and its caller's device, lost",
     library_keeps_the_callers_device_when_lost,
     {"NEURODE_EMULATOR_DEVICES=2", "NEURODE_EMULATOR_FAIL=10"},
     0,
     ""},
    {"the library on two devices",
     library_on_two_devices,
     {"NEURODE_EMULATOR_DEVICES=2", "NEURODE_EMULATOR_GUARD=1"},
     0,
     ""},
    {"the library loads kernels before captures", library_loads_kernels_before_captures, {}, 0, ""},
    {"the library after a refused launch",
     library_goes_on_after_a_refused_launch,
     {"NEURODE_EMULATOR_REFUSE_LAUNCH=12"},
     0,
     ""},
    {"the library without memory pools",
     library_without_pools,
     {"NEURODE_EMULATOR_NO_POOLS=1"},
     0,
     ""},
    {"the library without code for a device",
     library_without_code,
     {"NEURODE_EMULATOR_CAPABILITY=7.0"},
     0,
     ""},
    {"launches have their own status", launches_have_their_own_status, {}, 0, ""},
    {"plans of passes", plans_of_passes, {}, 0, ""},
};

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::strcmp(argv[1], "bench") == 0) {
    benchmark();
    return 0;
  }
  const char* const wanted = argc > 1 ? argv[1] : "";
  for (const Case& test : kCases) {
    if (std::strstr(test.name, wanted) == nullptr) continue;
    std::string output;
    const int status = run_in_child(test, output);
    const bool says = output.find(test.says) != std::string::npos;
    if (status == test.status && says) continue;
    CHECK_THAT(false, "%s: status %d, not %d%s; it prints:", test.name, status, test.status,
               says ? "" : " and not the expected text");
    std::fprintf(stderr, "%s\n", output.c_str());
  }
  return neurode::check_result();
}
