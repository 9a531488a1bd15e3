// Memory of the device and pinned memory of the host, freed when it goes out of scope.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "cuda/runtime.h"

namespace neurode::cuda {

class DeviceMemory {
 public:
  DeviceMemory() = default;
  // Throws ERR_OUT_OF_MEMORY with the bytes wanted and free. Not initialized.
  DeviceMemory(std::int64_t bytes, const char* what) {
    if (bytes == 0) return;
    const cudaError_t status = cudaMalloc(&data_, static_cast<std::size_t>(bytes));
    if (status == cudaErrorMemoryAllocation) {
      static_cast<void>(cudaGetLastError());
      std::size_t free = 0, total = 0;
      static_cast<void>(cudaMemGetInfo(&free, &total));
      throw Error("ERR_OUT_OF_MEMORY", std::string(what) + ": " + std::to_string(bytes) +
                                           " bytes of the CUDA device's memory are wanted, " +
                                           std::to_string(free) + " of " + std::to_string(total) +
                                           " are free");
    }
    check(status, "taking memory");
    size_ = bytes;
  }
  ~DeviceMemory() {
    if (data_ != nullptr) static_cast<void>(cudaFree(data_));
  }
  DeviceMemory(DeviceMemory&& other) noexcept { *this = std::move(other); }
  DeviceMemory& operator=(DeviceMemory&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }

  template <class T>
  T* as() const {
    return static_cast<T*>(data_);
  }
  float* floats() const { return as<float>(); }
  std::int64_t size() const { return size_; }

 private:
  void* data_ = nullptr;
  std::int64_t size_ = 0;
};

class PinnedMemory {
 public:
  PinnedMemory() = default;
  explicit PinnedMemory(std::size_t bytes) : size_(bytes) {
    check(cudaMallocHost(&data_, bytes), "taking pinned memory");
  }
  ~PinnedMemory() {
    if (data_ != nullptr) static_cast<void>(cudaFreeHost(data_));
  }
  PinnedMemory(PinnedMemory&& other) noexcept { *this = std::move(other); }
  PinnedMemory& operator=(PinnedMemory&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }

  template <class T>
  T* as() const {
    return static_cast<T*>(data_);
  }
  std::size_t size() const { return size_; }

 private:
  void* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace neurode::cuda
