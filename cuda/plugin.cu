// The exported table of functions, the only symbol of this library. Converts exceptions to
// statuses.
#include <cstring>

#include "cuda/executor.h"
#include "cuda/measure.h"
#include "cuda/program_records.h"
#include "cuda/runtime/callers_context.h"
#include "native/engine/row_fingerprint.h"

namespace neurode::cuda {
namespace {

// Must not be local to a function: the emulator would take it for shared memory.
thread_local std::string last_error_of_thread;

plugin::Status status_of(const Error& error) {
  if (std::strcmp(error.code, "ERR_OUT_OF_MEMORY") == 0) return plugin::kOutOfMemory;
  if (std::strcmp(error.code, "ERR_DEVICE_LOST") == 0) return plugin::kDeviceLost;
  if (std::strcmp(error.code, "ERR_ARGUMENT") == 0) return plugin::kArgument;
  if (std::strcmp(error.code, "ERR_DEVICE_UNAVAILABLE") == 0) return plugin::kUnavailable;
  if (std::strcmp(error.code, "ERR_DISTRIBUTED") == 0) return plugin::kDistributed;
  return plugin::kInternal;
}

template <class Function>
plugin::Status guarded(Function function) noexcept {
  const CallersContext callers;
  try {
    try {
      function();
      return plugin::kOk;
    } catch (const Error& error) {
      last_error_of_thread = error.what();
      return status_of(error);
    } catch (const std::bad_alloc&) {
      last_error_of_thread = "the CPU has too little free memory";
      return plugin::kOutOfMemory;
    } catch (const std::exception& error) {
      last_error_of_thread = error.what();
      return plugin::kInternal;
    }
  } catch (...) {
    return plugin::kInternal;
  }
}

// Runs `function` with the device locked. Refuses to run once the device is lost.
template <class Function>
plugin::Status on_device(Device& device, Function function) noexcept {
  return guarded([&] {
    const std::lock_guard lock(device.mutex);
    if (!device.lost.empty()) throw Error("ERR_DEVICE_LOST", device.lost);
    try {
      check(cudaSetDevice(device.ordinal), "choosing it");
      function();
    } catch (const Error& error) {
      if (std::strcmp(error.code, "ERR_DEVICE_LOST") == 0) device.lost = error.what();
      throw;
    }
  });
}

// Counts a model among the models of its device. After the device's last model, gives unused memory
// back to the driver.
class Share {
 public:
  explicit Share(Device& device) : device_(device) { ++device.models; }
  ~Share() {
    if (--device_.models == 0) device_.pool.trim();
  }
  Share(const Share&) = delete;
  Share& operator=(const Share&) = delete;

 private:
  Device& device_;
};

struct Model {
  Model(Device& device, Program program, const Executor* sibling = nullptr)
      : device(device), share(device), executor(device, std::move(program), sibling) {}
  Device& device;
  const Share share;
  Executor executor;
};

Model& model_of(void* model) { return *static_cast<Model*>(model); }

const char* last_error() { return last_error_of_thread.c_str(); }

plugin::Status device_count(std::int32_t* count) {
  return guarded([&] {
    int devices = 0;
    const cudaError_t status = cudaGetDeviceCount(&devices);
    static_cast<void>(cudaGetLastError());
    if (status != cudaSuccess) throw Error("ERR_DEVICE_UNAVAILABLE", cudaGetErrorString(status));
    *count = devices;
  });
}

plugin::Status describe_device(std::int32_t ordinal, plugin::DeviceRecord* record) {
  return guarded([&] {
    cudaDeviceProp properties;
    const cudaError_t status = cudaGetDeviceProperties(&properties, ordinal);
    static_cast<void>(cudaGetLastError());
    if (status != cudaSuccess) throw Error("ERR_DEVICE_UNAVAILABLE", cudaGetErrorString(status));
    static_assert(sizeof record->name == sizeof properties.name);
    std::memcpy(record->name, properties.name, sizeof record->name);
    record->major = properties.major;
    record->minor = properties.minor;
    record->bytes = static_cast<std::int64_t>(properties.totalGlobalMem);
  });
}

__global__ void code_kernel() {}

// Throws if this library has no code for the current device.
void check_code(int ordinal) {
  cudaFuncAttributes attributes;
  const cudaError_t status =
      cudaFuncGetAttributes(&attributes, reinterpret_cast<const void*>(code_kernel));
  if (status != cudaErrorNoKernelImageForDevice && status != cudaErrorInvalidDeviceFunction)
    return check(status, "opening it");
  static_cast<void>(cudaGetLastError());
  cudaDeviceProp properties;
  check(cudaGetDeviceProperties(&properties, ordinal), "asking for its properties");
  throw Error("ERR_DEVICE_UNAVAILABLE", "this build has no code for its compute capability, " +
                                            std::to_string(properties.major) + "." +
                                            std::to_string(properties.minor));
}

plugin::Status open_device(std::int32_t ordinal, void** device) {
  return guarded([&] {
    try {
      check(cudaSetDevice(ordinal), "opening it");
      check_code(ordinal);
      *device = new Device(ordinal);
    } catch (const Error& error) {
      throw Error("ERR_DEVICE_UNAVAILABLE", error.what());
    }
  });
}

void close_device(void* device) {
  const CallersContext callers;
  auto* const open = static_cast<Device*>(device);
  static_cast<void>(cudaSetDevice(open->ordinal));
  delete open;
}

plugin::Status create_model(void* device, const plugin::ProgramRecord* program, void** model) {
  Device& open = *static_cast<Device*>(device);
  return on_device(open, [&] { *model = new Model(open, to_program(*program)); });
}

plugin::Status create_sibling(void* model, const plugin::ProgramRecord* program, void** sibling) {
  Model& open = model_of(model);
  return on_device(open.device, [&] {
    *sibling = new Model(open.device, to_program(*program), &open.executor);
  });
}

void destroy_model(void* pointer) {
  const CallersContext callers;
  Device& device = model_of(pointer).device;
  const std::lock_guard lock(device.mutex);
  static_cast<void>(cudaSetDevice(device.ordinal));
  delete static_cast<Model*>(pointer);
}

plugin::Status get_parameter(void* model, std::int32_t slot, std::int32_t index, float* values) {
  Model& open = model_of(model);
  return on_device(open.device, [&] { open.executor.parameters().get(slot, index, values); });
}

plugin::Status set_parameter(void* model, std::int32_t slot, std::int32_t index,
                             const float* values) {
  Model& open = model_of(model);
  return on_device(open.device, [&] { open.executor.parameters().set(slot, index, values); });
}

plugin::Status get_gradient(void* model, std::int32_t index, float* values) {
  Model& open = model_of(model);
  return on_device(open.device, [&] { open.executor.parameters().get_gradient(index, values); });
}

plugin::Status set_gradient(void* model, std::int32_t index, const float* values) {
  Model& open = model_of(model);
  return on_device(open.device, [&] { open.executor.parameters().set_gradient(index, values); });
}

plugin::Status apply(void* model, float learning_rate, std::int64_t* step) {
  Model& open = model_of(model);
  return on_device(open.device, [&] { open.executor.apply(learning_rate, *step); });
}

plugin::Status set_transport(void* model, const plugin::TransportRecord* transport) {
  Model& open = model_of(model);
  return on_device(open.device, [&] { open.executor.set_transport(*transport); });
}

plugin::Status reserve(void* model, const plugin::ReservationRecord* reservation) {
  Model& open = model_of(model);
  return on_device(open.device, [&] { open.executor.reserve(*reservation); });
}

plugin::Status train(void* model, const plugin::RangeRecord* range, const float* learning_rates,
                     std::int64_t* step, const plugin::CancelRecord* cancel,
                     plugin::SumsRecord* sums) {
  Model& open = model_of(model);
  return on_device(open.device,
                   [&] { open.executor.train(*range, learning_rates, *step, *cancel, *sums); });
}

plugin::Status evaluate(void* model, const plugin::RangeRecord* range,
                        const plugin::CancelRecord* cancel, plugin::SumsRecord* sums) {
  Model& open = model_of(model);
  return on_device(open.device, [&] { open.executor.evaluate(*range, *cancel, *sums); });
}

plugin::Status predict(void* model, const plugin::InputRecord* input, float* output,
                       const plugin::CancelRecord* cancel) {
  Model& open = model_of(model);
  return on_device(open.device, [&] { open.executor.predict(*input, output, *cancel); });
}

void release(void* model, std::int32_t handle) {
  Model& open = model_of(model);
  static_cast<void>(on_device(open.device, [&] { open.executor.release(handle); }));
}

plugin::Status measure(void* device, const plugin::MeasureRecord* record, double* seconds) {
  Device& open = *static_cast<Device*>(device);
  return on_device(open, [&] {
    const auto& [bytes, precision, rows, inputs, units] = *record;
    *seconds = bytes > 0
                   ? measure_copy(open, bytes)
                   : measure_product(open, static_cast<Precision>(precision), rows, inputs, units);
  });
}

}  // namespace
}  // namespace neurode::cuda

extern "C" __attribute__((visibility("default"))) const neurode::plugin::Table*
neurode_cuda_plugin() {
  using namespace neurode::cuda;
  static const neurode::plugin::Table table = {
    .version = neurode::plugin::kVersion,
    .size = sizeof(neurode::plugin::Table),
    .rows = row_fingerprint(),
#if defined(NEURODE_CUDA_EMULATOR)
    .needs_driver = 0,
#else
    .needs_driver =
        CUDART_VERSION / 1000 * 1000,  // a driver runs every runtime of its major version
#endif
    .runtime = CUDART_VERSION,
    .last_error = last_error,
    .device_count = device_count,
    .describe_device = describe_device,
    .open_device = open_device,
    .close_device = close_device,
    .create_model = create_model,
    .create_sibling = create_sibling,
    .destroy_model = destroy_model,
    .get_parameter = get_parameter,
    .set_parameter = set_parameter,
    .get_gradient = get_gradient,
    .set_gradient = set_gradient,
    .apply = apply,
    .set_transport = set_transport,
    .reserve = reserve,
    .train = train,
    .evaluate = evaluate,
    .predict = predict,
    .release = release,
    .measure = measure,
  };
  return &table;
}
