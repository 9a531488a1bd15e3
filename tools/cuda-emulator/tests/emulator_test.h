// Shared by the emulator's tests: memory with known contents, and the cases of the other files.
#pragma once

#include <cstddef>
#include <vector>

#include "tools/cuda-emulator/cuda_emulator.h"
#include "tools/cuda-emulator/tests/check.h"

constexpr unsigned kAll = 0xffffffffu;
constexpr int kDefect = 3;  // exit status of a child process in which the runtime reported an error

#define CUDA(call) \
  CHECK_THAT((call) == cudaSuccess, "%s: %s", #call, cudaGetErrorName(cudaPeekAtLastError()))

// Copies `values` to new device memory; download copies back.
template <class T>
T* upload(const std::vector<T>& values) {
  T* device = nullptr;
  CUDA(cudaMalloc(&device, values.size() * sizeof(T)));
  CUDA(cudaMemcpy(device, values.data(), values.size() * sizeof(T), cudaMemcpyHostToDevice));
  return device;
}
template <class T>
std::vector<T> download(const T* device, std::size_t count) {
  std::vector<T> values(count);
  CUDA(cudaMemcpy(values.data(), device, count * sizeof(T), cudaMemcpyDeviceToHost));
  return values;
}
inline std::vector<float> ramp(int count) {
  std::vector<float> values(count);
  for (int i = 0; i < count; ++i) values[i] = float(i % 97);
  return values;
}

inline __global__ void add_kernel(float* x, float by) { x[threadIdx.x] += by; }

// correct_kernels_test.cc
void test_correct_kernels();
void benchmark();

// devices_test.cc
void refused_pinned_memory();
void refused_device_memory();
void first_launch_in_capture();
void first_launch_on_each_device();
void loaded_kernel_in_capture();
void two_devices();
void contexts();
void foreign_stream();
void foreign_event();
void foreign_pool();
void foreign_copy();
void foreign_free();
void foreign_memory_in_kernel();
void sticky_on_one_device();

// library_test.cc
void library_without_pinned_memory();
void library_without_device_memory();
void library_changes_nothing_when_refused();
void library_keeps_the_callers_device();
void library_keeps_the_callers_device_when_lost();
void library_on_two_devices();
void library_loads_kernels_before_captures();
void library_goes_on_after_a_refused_launch();
void library_without_pools();
void library_without_code();
void launches_have_their_own_status();

// pass_plan_test.cc
void plans_of_passes();
