// The emulated device: its properties, its driver, its errors, and the report at exit.
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "tools/cuda-emulator/state.h"

using namespace neurode::emulator;

namespace neurode::emulator {

Counters counters;

namespace {

constexpr int kRuntimeVersion = CUDART_VERSION, kDriverVersion = 13000, kOldDriverVersion = 11040;
constexpr int kMultiprocessors = 40, kThreadsPerMultiprocessor = 1024,
              kBlocksPerMultiprocessor = 16;

std::atomic<cudaError_t> sticky_errors[kMostDevices];  // by device
thread_local cudaError_t last_error = cudaSuccess;

const char* environment_text(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

bool pretends(const char* driver) {
  return std::strcmp(environment_text("NEURODE_EMULATOR_DRIVER"), driver) == 0;
}

struct Capability {
  int major, minor;
};

Capability presented_capability() {
  Capability capability{7, 5};
  std::sscanf(environment_text("NEURODE_EMULATOR_CAPABILITY"), "%d.%d", &capability.major,
              &capability.minor);
  return capability;
}

int report_leaks() {
  return report_allocations() + report_pools() + report_handles() + report_graphs();
}

// Constructed when the library is loaded, so that it is destroyed after everything that uses the
// device.
struct ExitReport {
  ~ExitReport() {
    const char* path = environment_text("NEURODE_EMULATOR_REPORT");
    const bool strict = environment_number("NEURODE_EMULATOR_STRICT", 0) != 0;
    if (*path == 0 && !strict) return;
    const int leaks = report_leaks();
    if (std::FILE* file = *path ? std::fopen(path, "w") : nullptr) {
      std::fprintf(
          file,
          "{\"kernelLaunches\":%llu,\"graphLaunches\":%llu,\"copies\":%llu,\"copiedBytes\":%llu,"
          "\"faults\":%llu,\"allocations\":%llu,\"kernelsAtLastAllocation\":%llu,"
          "\"instantiatedGraphs\":%llu,\"leaks\":%d}\n",
          counters.kernels, counters.graphs, counters.copies, counters.copied_bytes,
          counters.faults, counters.allocations, counters.kernels_at_last_allocation,
          counters.instantiated, leaks);
      std::fclose(file);
    }
    if (strict && (leaks > 0 || counters.faults > 0)) {
      std::fflush(nullptr);
      _exit(kExitStatus);
    }
  }
} exit_report;

}  // namespace

std::recursive_mutex& device_mutex() {
  static std::recursive_mutex& mutex = *new std::recursive_mutex;
  return mutex;
}

namespace {
thread_local int locks = 0;
}

Lock::Lock(std::recursive_mutex& mutex) : mutex_(mutex) {
  mutex_.lock();
  ++locks;
}

Lock::~Lock() {
  --locks;
  mutex_.unlock();
}

bool is_working() { return locks > 0; }

cudaError_t fail(cudaError_t error) {
  last_error = error;
  return error;
}

cudaError_t driver_error() {
  if (pretends("none") || pretends("old")) return cudaErrorInsufficientDriver;
  const char* visible = std::getenv("CUDA_VISIBLE_DEVICES");
  if (pretends("no-device") || (visible != nullptr && *visible != '0')) return cudaErrorNoDevice;
  return cudaSuccess;
}

cudaError_t device_error() {
  const cudaError_t error = driver_error();
  return error != cudaSuccess ? error : sticky_errors[current_device()].load();
}

void complain(const std::string& what) {
  ++counters.faults;
  std::fprintf(stderr, "CUDA emulator: %s\n", what.c_str());
}

void fault(cudaError_t error, const std::string& what) {
  complain(what);
  lose_device(error);
}

void lose_device(cudaError_t error) { sticky_errors[current_device()] = last_error = error; }

unsigned long long environment_number(const char* name, unsigned long long otherwise) {
  const char* text = environment_text(name);
  char* end = nullptr;
  const unsigned long long value = std::strtoull(text, &end, 10);
  if (end == text) return otherwise;
  const int shift = *end == 'K' ? 10 : *end == 'M' ? 20 : *end == 'G' ? 30 : 0;
  return value << shift;
}

}  // namespace neurode::emulator

unsigned long long emulator_kernel_launches() { return counters.kernels; }
unsigned long long emulator_graph_launches() { return counters.graphs; }

int emulator_is_working() { return is_working() ? 1 : 0; }

int emulator_report() {
  const Lock lock(device_mutex());
  return report_leaks() + int(counters.faults);
}

void emulator_enqueue(cudaStream_t stream, void (*run)(void* data), const void* data,
                      std::size_t bytes, double nanoseconds) {
  const Lock lock(device_mutex());
  std::string copy(static_cast<const char*>(data), bytes);
  enqueue(stream, [run, copy, nanoseconds]() mutable {
    counters.clock += nanoseconds;
    run(copy.data());
    check_guards("a library");
    return true;
  });
}

cudaError_t cudaGetLastError() {
  const cudaError_t error = cudaPeekAtLastError();
  last_error = cudaSuccess;
  return error;
}

cudaError_t cudaPeekAtLastError() {
  const cudaError_t sticky = sticky_errors[current_device()];
  return sticky != cudaSuccess ? sticky : last_error;
}

cudaError_t cudaDriverGetVersion(int* version) {
  if (version == nullptr) return fail(cudaErrorInvalidValue);
  *version = pretends("none") ? 0 : pretends("old") ? kOldDriverVersion : kDriverVersion;
  return cudaSuccess;
}

cudaError_t cudaRuntimeGetVersion(int* version) {
  if (version == nullptr) return fail(cudaErrorInvalidValue);
  *version = kRuntimeVersion;
  return cudaSuccess;
}

cudaError_t cudaGetDeviceCount(int* count) {
  if (count == nullptr) return fail(cudaErrorInvalidValue);
  const cudaError_t error = driver_error();
  *count = error == cudaSuccess ? device_count() : 0;
  return error == cudaSuccess ? error : fail(error);
}

cudaError_t cudaSetDeviceFlags(unsigned) {
  return driver_error() == cudaSuccess ? cudaSuccess : fail(driver_error());
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  if (const cudaError_t error = device_error()) return fail(error);
  if (properties == nullptr) return fail(cudaErrorInvalidValue);
  if (device < 0 || device >= device_count()) return fail(cudaErrorInvalidDevice);
  cudaDeviceProp& p = *properties;
  p = {};
  std::snprintf(p.name, sizeof p.name, "Emulated CUDA device");
  std::memcpy(p.uuid.bytes, "neurode-emulator", sizeof p.uuid.bytes);
  p.uuid.bytes[7] = char('0' + device);
  std::size_t free = 0;
  cudaMemGetInfo(&free, &p.totalGlobalMem);
  p.sharedMemPerBlock = kSharedLimit;
  p.sharedMemPerBlockOptin = p.sharedMemPerMultiprocessor = kSharedOptinLimit;
  p.totalConstMem = 64 << 10;
  const Capability capability = presented_capability();
  p.major = capability.major;
  p.minor = capability.minor;
  p.multiProcessorCount = kMultiprocessors;
  p.regsPerBlock = p.regsPerMultiprocessor = 65536;
  p.warpSize = 32;
  p.maxThreadsPerBlock = kMaxThreads;
  p.maxThreadsPerMultiProcessor = kThreadsPerMultiprocessor;
  p.maxBlocksPerMultiProcessor = kBlocksPerMultiprocessor;
  p.maxThreadsDim[0] = p.maxThreadsDim[1] = 1024;
  p.maxThreadsDim[2] = 64;
  p.maxGridSize[0] = 2147483647;
  p.maxGridSize[1] = p.maxGridSize[2] = 65535;
  p.l2CacheSize = 4 << 20;
  p.memoryBusWidth = 256;
  p.asyncEngineCount = 3;
  p.concurrentKernels = p.unifiedAddressing = p.canMapHostMemory = p.memoryPoolsSupported = 1;
  return cudaSuccess;
}

cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device) {
  cudaDeviceProp p;
  if (value == nullptr) return fail(cudaErrorInvalidValue);
  if (const cudaError_t error = cudaGetDeviceProperties(&p, device)) return error;
  switch (attribute) {
    case cudaDevAttrMaxThreadsPerBlock:
      *value = p.maxThreadsPerBlock;
      break;
    case cudaDevAttrMaxSharedMemoryPerBlock:
      *value = int(p.sharedMemPerBlock);
      break;
    case cudaDevAttrWarpSize:
      *value = p.warpSize;
      break;
    case cudaDevAttrMultiProcessorCount:
      *value = p.multiProcessorCount;
      break;
    case cudaDevAttrMaxThreadsPerMultiProcessor:
      *value = p.maxThreadsPerMultiProcessor;
      break;
    case cudaDevAttrL2CacheSize:
      *value = p.l2CacheSize;
      break;
    case cudaDevAttrComputeCapabilityMajor:
      *value = p.major;
      break;
    case cudaDevAttrComputeCapabilityMinor:
      *value = p.minor;
      break;
    case cudaDevAttrMaxSharedMemoryPerMultiprocessor:
      *value = int(p.sharedMemPerMultiprocessor);
      break;
    case cudaDevAttrCooperativeLaunch:
      *value = p.cooperativeLaunch;
      break;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin:
      *value = int(p.sharedMemPerBlockOptin);
      break;
    case cudaDevAttrMemoryPoolsSupported:
      *value = p.memoryPoolsSupported;
      break;
    default:
      return fail(cudaErrorInvalidValue);
  }
  return cudaSuccess;
}

cudaError_t cudaDeviceGetPCIBusId(char* text, int size, int device) {
  if (const cudaError_t error = device_error()) return fail(error);
  if (text == nullptr || size < 13) return fail(cudaErrorInvalidValue);
  if (device < 0 || device >= device_count()) return fail(cudaErrorInvalidDevice);
  std::snprintf(text, std::size_t(size), "0000:%02x:00.0", unsigned(device));
  return cudaSuccess;
}

cudaError_t cudaDeviceReset() {
  const Lock lock(device_mutex());
  counters.faults += unsigned(report_leaks());
  forget_graphs();
  forget_handles();
  free_everything();
  forget_pools();
  for (auto& sticky : sticky_errors) sticky = cudaSuccess;
  last_error = cudaSuccess;
  return driver_error();
}

cudaError_t cudaFuncSetAttribute(const void* kernel, cudaFuncAttribute attribute, int value) {
  const Lock lock(device_mutex());
  if (const cudaError_t error = device_error()) return fail(error);
  if (kernel == nullptr) return fail(cudaErrorInvalidDeviceFunction);
  load_kernel(kernel);
  if (attribute == cudaFuncAttributePreferredSharedMemoryCarveout) return cudaSuccess;
  if (attribute != cudaFuncAttributeMaxDynamicSharedMemorySize || value < 0 ||
      std::size_t(value) + static_shared_bytes(kernel) > kSharedOptinLimit) {
    return fail(cudaErrorInvalidValue);
  }
  dynamic_shared_limit(kernel) = std::size_t(value);
  return cudaSuccess;
}

cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* attributes, const void* kernel) {
  const Lock lock(device_mutex());
  if (const cudaError_t error = device_error()) return fail(error);
  if (attributes == nullptr) return fail(cudaErrorInvalidValue);
  // No library has code for devices before compute capability 7.5.
  const Capability capability = presented_capability();
  if (capability.major == 7 && capability.minor < 5) return fail(cudaErrorNoKernelImageForDevice);
  load_kernel(kernel);
  *attributes = {static_shared_bytes(kernel),
                 0,
                 0,
                 kMaxThreads,
                 64,
                 75,
                 75,
                 int(std::max(dynamic_shared_limit(kernel), kSharedLimit))};
  return cudaSuccess;
}

// Assumes that registers limit no kernel.
cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, const void* kernel,
                                                          int threads, std::size_t shared_bytes) {
  const Lock lock(device_mutex());
  if (const cudaError_t error = device_error()) return fail(error);
  if (blocks == nullptr || threads <= 0) return fail(cudaErrorInvalidValue);
  load_kernel(kernel);
  const std::size_t shared = static_shared_bytes(kernel) + shared_bytes;
  int count = threads > kMaxThreads
                  ? 0
                  : std::min(kThreadsPerMultiprocessor / threads, kBlocksPerMultiprocessor);
  if (shared > 0) count = std::min(count, int(kSharedOptinLimit / shared));
  *blocks = count;
  return cudaSuccess;
}
