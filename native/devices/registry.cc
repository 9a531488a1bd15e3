// The devices there are, by name.
#include "native/devices/registry.h"

#include <map>
#include <mutex>

#include "native/cpu/device.h"
#include "native/devices/plugin_device.h"
#include "native/engine/error.h"

namespace neurode {
namespace {

// The number of the device that 'cuda', 'cuda:0', 'cuda:1', ... names; -1 for any other name.
int cuda_ordinal(const std::string& name) {
  if (name == "cuda") return 0;
  const bool numbered = name.rfind("cuda:", 0) == 0 && name.size() > 5 && name.size() < 9;
  if (!numbered || name.find_first_not_of("0123456789", 5) != std::string::npos) return -1;
  return std::stoi(name.substr(5));
}

}  // namespace

std::vector<DeviceInfo> list_devices() {
  std::vector<DeviceInfo> devices = describe_cuda();
  devices.insert(devices.begin(), cpu::describe_cpu());
  return devices;
}

std::shared_ptr<Device> open_device(const std::string& name, int threads) {
  const int ordinal = cuda_ordinal(name);
  if (ordinal >= 0) return open_cuda(ordinal);
  if (name != "auto" && name != "cpu") {
    throw Error("ERR_ARGUMENT",
                "device: expected 'auto', 'cpu', 'cuda' or 'cuda:N', got '" + name + "'");
  }
  if (name == "auto") {
    if (std::shared_ptr<Device> device = open_cuda_if_it_works()) return device;
  }
  // Never destroyed, because threads of an exiting process may still use them.
  static auto* const mutex = new std::mutex;
  static auto* const open = new std::map<int, std::weak_ptr<Device>>;
  std::lock_guard lock(*mutex);
  const int count = cpu::threads_of(threads);
  std::shared_ptr<Device> device = (*open)[count].lock();
  if (!device) {
    device = cpu::make_cpu_device(count);
    (*open)[count] = device;
  }
  return device;
}

}  // namespace neurode
