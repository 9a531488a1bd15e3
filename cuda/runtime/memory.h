// Device memory from the device's pool, and pinned host memory. Both are freed when they go out of
// scope.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "cuda/runtime/runtime.h"

namespace neurode::cuda {

// The memory pool of an open device. Freed memory stays in the pool, where it can be allocated
// again without waiting for the device, until `trim`. Memory is allocated and freed in the order of
// one stream.
class MemoryPool {
 public:
  // Some virtual GPUs have no memory pools, and not all of them report that. Then memory is
  // allocated without a pool.
  MemoryPool(int ordinal, cudaStream_t stream) : stream_(stream) {
    cudaMemPoolProps properties{};
    properties.allocType = cudaMemAllocationTypePinned;
    properties.location.type = cudaMemLocationTypeDevice;
    properties.location.id = ordinal;
    if (cudaMemPoolCreate(&pool_, &properties) == cudaSuccess) {
      std::uint64_t all = UINT64_MAX;
      if (cudaMemPoolSetAttribute(pool_, cudaMemPoolAttrReleaseThreshold, &all) == cudaSuccess)
        return;
      static_cast<void>(cudaMemPoolDestroy(pool_));
    }
    static_cast<void>(cudaGetLastError());
    pool_ = nullptr;
  }
  ~MemoryPool() {
    if (pool_ != nullptr) static_cast<void>(cudaMemPoolDestroy(pool_));
  }
  MemoryPool(const MemoryPool&) = delete;
  MemoryPool& operator=(const MemoryPool&) = delete;

  // Allocates memory, which is not initialized. If memory is short, throws ERR_OUT_OF_MEMORY with
  // the numbers of wanted and free bytes.
  void* take(std::int64_t bytes, const char* what) {
    void* data = nullptr;
    cudaError_t status = try_take(&data, bytes);
    if (status == cudaErrorMemoryAllocation) {
      // The unused memory in the pool may be fragmented: release it and try once more.
      static_cast<void>(cudaGetLastError());
      trim();
      status = try_take(&data, bytes);
    }
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
    return data;
  }

  void give_back(void* data) {
    static_cast<void>(pool_ != nullptr ? cudaFreeAsync(data, stream_) : cudaFree(data));
  }

  // Waits for the stream, and gives unused memory back to the driver.
  void trim() {
    static_cast<void>(cudaStreamSynchronize(stream_));
    if (pool_ != nullptr) static_cast<void>(cudaMemPoolTrimTo(pool_, 0));
  }

 private:
  cudaError_t try_take(void** data, std::int64_t bytes) {
    const auto size = static_cast<std::size_t>(bytes);
    return pool_ != nullptr ? cudaMallocFromPoolAsync(data, size, pool_, stream_)
                            : cudaMalloc(data, size);
  }

  const cudaStream_t stream_;
  cudaMemPool_t pool_ = nullptr;
};

class DeviceMemory {
 public:
  DeviceMemory() = default;
  DeviceMemory(MemoryPool& pool, std::int64_t bytes, const char* what) : pool_(&pool) {
    if (bytes == 0) return;
    data_ = pool.take(bytes, what);
    size_ = bytes;
  }
  ~DeviceMemory() {
    if (data_ != nullptr) pool_->give_back(data_);
  }
  DeviceMemory(DeviceMemory&& other) noexcept { *this = std::move(other); }
  DeviceMemory& operator=(DeviceMemory&& other) noexcept {
    std::swap(pool_, other.pool_);
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }

  // Makes room for at least `bytes` bytes. If the memory must grow, the old memory is freed first
  // and its contents are lost.
  void grow(MemoryPool& pool, std::int64_t bytes, const char* what) {
    if (size_ >= bytes) return;
    *this = DeviceMemory();
    *this = DeviceMemory(pool, bytes, what);
  }

  template <class T>
  T* as() const {
    return static_cast<T*>(data_);
  }
  float* floats() const { return as<float>(); }
  std::int64_t size() const { return size_; }

 private:
  MemoryPool* pool_ = nullptr;
  void* data_ = nullptr;
  std::int64_t size_ = 0;
};

class PinnedMemory {
 public:
  PinnedMemory() = default;
  explicit PinnedMemory(std::size_t bytes) {
    check(cudaMallocHost(&data_, bytes), "taking pinned memory");
    size_ = bytes;
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

  // Makes room for at least `bytes` bytes. If the memory must grow, the old memory is freed after
  // the new one is allocated, and its contents are lost.
  void grow(std::size_t bytes) {
    if (size_ < bytes) *this = PinnedMemory(bytes);
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
