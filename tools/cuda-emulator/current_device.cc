// The number of devices, and the device of the calling thread's current context. device.cc
// describes the devices.
#include <algorithm>
#include <cstring>
#include <set>

#include "tools/cuda-emulator/state.h"

using namespace neurode::emulator;

struct EmulatedContext {};

namespace neurode::emulator {

namespace {

EmulatedContext primary_contexts[kMostDevices];

// The current context, as the driver keeps it. Each copy of the runtime may keep more state, which
// is not emulated.
thread_local EmulatedContext* context = nullptr;

bool has_context(int device, const EmulatedContext* which) {
  return &primary_contexts[device] == which;
}

// The function that the driver's table has for cuCtxGetCurrent.
int get_context(EmulatedContext** current) {
  *current = context;
  return 0;
}

int set_context(EmulatedContext* wanted) {
  constexpr int kInvalidContext = 201;
  bool known = wanted == nullptr;
  for (int device = 0; device < device_count(); ++device)
    known = known || has_context(device, wanted);
  if (!known) return kInvalidContext;
  context = wanted;
  return 0;
}

std::set<std::pair<int, const void*>>& loaded_kernels() {
  static auto& instance = *new std::set<std::pair<int, const void*>>;
  return instance;
}

bool loads_lazily() {
  static const bool lazy = [] {
    const char* const loading = std::getenv("CUDA_MODULE_LOADING");
    return loading == nullptr || std::strcmp(loading, "EAGER") != 0;
  }();
  return lazy;
}

}  // namespace

int device_count() {
  static const int count = static_cast<int>(std::clamp<unsigned long long>(
      environment_number("NEURODE_EMULATOR_DEVICES", 1), 1, kMostDevices));
  return count;
}

int current_device() {
  for (int device = 0; device < device_count(); ++device) {
    if (has_context(device, context)) return device;
  }
  return 0;
}

bool is_foreign(int device, const char* what) {
  if (device == current_device()) return false;
  complain(std::string(what) + " of cuda:" + std::to_string(device) +
           " is used while cuda:" + std::to_string(current_device()) + " is the current device");
  return true;
}

void load_kernel(const void* kernel) { loaded_kernels().emplace(current_device(), kernel); }

bool is_loaded(const void* kernel) {
  return !loads_lazily() || loaded_kernels().contains({current_device(), kernel});
}

}  // namespace neurode::emulator

cudaError_t cudaGetDevice(int* device) {
  if (device == nullptr) return fail(cudaErrorInvalidValue);
  *device = current_device();
  return driver_error() == cudaSuccess ? cudaSuccess : fail(driver_error());
}

// Works for a lost device too, so that what is left on it can be freed.
cudaError_t cudaSetDevice(int device) {
  if (const cudaError_t error = driver_error()) return fail(error);
  if (device < 0 || device >= device_count()) return fail(cudaErrorInvalidDevice);
  context = &primary_contexts[device];
  const cudaError_t error = device_error();
  return error == cudaSuccess ? error : fail(error);
}

cudaError_t cudaGetDriverEntryPointByVersion(const char* symbol, void** function, unsigned,
                                             unsigned long long,
                                             cudaDriverEntryPointQueryResult* result) {
  if (symbol == nullptr || function == nullptr) return fail(cudaErrorInvalidValue);
  *function = nullptr;
  if (const cudaError_t error = driver_error()) return fail(error);
  if (std::strcmp(symbol, "cuCtxGetCurrent") == 0) *function = reinterpret_cast<void*>(get_context);
  if (std::strcmp(symbol, "cuCtxSetCurrent") == 0) *function = reinterpret_cast<void*>(set_context);
  if (result != nullptr) {
    *result =
        *function != nullptr ? cudaDriverEntryPointSuccess : cudaDriverEntryPointSymbolNotFound;
  }
  return cudaSuccess;
}
