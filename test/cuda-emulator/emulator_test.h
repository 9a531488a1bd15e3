// What the emulator's tests share: memory with known contents, the kernels that must work, the
// benchmark.
#pragma once

#include <cstddef>
#include <vector>

#include "test/cuda-emulator/cuda_emulator.h"
#include "test/native/check.h"

constexpr unsigned kAll = 0xffffffffu;

#define CUDA(call) \
  CHECK_THAT((call) == cudaSuccess, "%s: %s", #call, cudaGetErrorName(cudaPeekAtLastError()))

// Device memory that holds `values`, and back.
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
