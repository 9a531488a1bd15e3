// Memory pools. A pool keeps no freed memory: freed memory is poisoned, so that its use is found.
#include <algorithm>
#include <cstdio>
#include <memory>
#include <vector>

#include "tools/cuda-emulator/state.h"

using namespace neurode::emulator;

struct EmulatedPool {
  int device;
};

namespace neurode::emulator {

namespace {

// Never destroyed: the report at exit needs them.
std::vector<std::unique_ptr<EmulatedPool>>& pools() {
  static auto& instance = *new std::vector<std::unique_ptr<EmulatedPool>>;
  return instance;
}

EmulatedPool* default_pool(int device) {
  static auto& instances = *new std::vector<EmulatedPool>;
  if (instances.empty()) {
    for (int i = 0; i < kMostDevices; ++i) instances.push_back({i});
  }
  return &instances[device];
}

bool is_default(const EmulatedPool* pool) {
  return pool >= default_pool(0) && pool <= default_pool(kMostDevices - 1);
}

bool is_known(const EmulatedPool* pool) {
  const auto is_it = [&](const auto& one) { return one.get() == pool; };
  return is_default(pool) || std::any_of(pools().begin(), pools().end(), is_it);
}

// The error of using the pool now, or cudaSuccess.
cudaError_t pool_error(const EmulatedPool* pool) {
  if (!is_known(pool)) return cudaErrorInvalidValue;
  return is_foreign(pool->device, "a memory pool") ? cudaErrorInvalidResourceHandle : cudaSuccess;
}

}  // namespace

int report_pools() {
  if (!pools().empty())
    std::fprintf(stderr, "CUDA emulator: leak: %zu memory pools\n", pools().size());
  return int(pools().size());
}

void forget_pools() { pools().clear(); }

}  // namespace neurode::emulator

cudaError_t cudaDeviceGetDefaultMemPool(cudaMemPool_t* pool, int device) {
  const Lock lock(device_mutex());
  if (const cudaError_t error = device_error()) return fail(error);
  if (pool == nullptr) return fail(cudaErrorInvalidValue);
  if (device < 0 || device >= device_count()) return fail(cudaErrorInvalidDevice);
  *pool = default_pool(device);
  return cudaSuccess;
}

cudaError_t cudaMemPoolCreate(cudaMemPool_t* pool, const cudaMemPoolProps* properties) {
  const Lock lock(device_mutex());
  if (const cudaError_t error = device_error()) return fail(error);
  if (pool == nullptr || properties == nullptr ||
      properties->allocType != cudaMemAllocationTypePinned ||
      properties->location.type != cudaMemLocationTypeDevice)
    return fail(cudaErrorInvalidValue);
  const int device = properties->location.id;
  if (device < 0 || device >= device_count()) return fail(cudaErrorInvalidDevice);
  if (environment_number("NEURODE_EMULATOR_NO_POOLS", 0) != 0) return fail(cudaErrorNotSupported);
  *pool = pools().emplace_back(std::make_unique<EmulatedPool>(EmulatedPool{device})).get();
  return cudaSuccess;
}

cudaError_t cudaMemPoolDestroy(cudaMemPool_t pool) {
  const Lock lock(device_mutex());
  if (!is_known(pool) || is_default(pool)) return fail(cudaErrorInvalidValue);
  is_foreign(pool->device, "a memory pool");
  if (is_in_use(pool)) complain("cudaMemPoolDestroy of a pool with live allocations");
  std::erase_if(pools(), [&](const auto& one) { return one.get() == pool; });
  return device_error();
}

cudaError_t cudaMallocFromPoolAsync(void** pointer, std::size_t bytes, cudaMemPool_t pool,
                                    cudaStream_t stream) {
  const Lock lock(device_mutex());
  if (const cudaError_t error = pool_error(pool)) return fail(error);
  if (const cudaError_t error = stream_error(stream)) return fail(error);
  if (capturing(stream)) return fail(cudaErrorStreamCaptureUnsupported);
  return allocate_call(pointer, bytes, true, pool);
}

cudaError_t cudaMemPoolSetAttribute(cudaMemPool_t pool, cudaMemPoolAttr, void* value) {
  const Lock lock(device_mutex());
  const cudaError_t error = value == nullptr ? cudaErrorInvalidValue : pool_error(pool);
  return error == cudaSuccess ? error : fail(error);
}

cudaError_t cudaMemPoolTrimTo(cudaMemPool_t pool, std::size_t) {
  const Lock lock(device_mutex());
  const cudaError_t error = pool_error(pool);
  return error == cudaSuccess ? error : fail(error);
}
