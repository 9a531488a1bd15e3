// Devices: what there is, and the long-lived thread that does the work of one.
#include "native/engine/device.h"

#include <map>
#include <utility>

#include "native/cpu/cpu_device.h"
#include "native/engine/error.h"

namespace neurode {
namespace {

constexpr const char* kNoCuda = "this build of Neurode has no CUDA library";

}  // namespace

WorkQueue::~WorkQueue() {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
  }
  ready_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void WorkQueue::push(std::function<void()> work) {
  {
    std::lock_guard lock(mutex_);
    if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
    work_.push_back(std::move(work));
  }
  ready_.notify_one();
}

void WorkQueue::run() {
  for (;;) {
    std::function<void()> work;
    {
      std::unique_lock lock(mutex_);
      ready_.wait(lock, [this] { return stop_ || !work_.empty(); });
      if (work_.empty()) return;
      work = std::move(work_.front());
      work_.pop_front();
    }
    work();
  }
}

std::vector<DeviceInfo> list_devices() {
  DeviceInfo cuda;
  cuda.name = "cuda:0";
  cuda.reason = kNoCuda;
  return {cpu::describe_cpu(), cuda};
}

std::shared_ptr<Device> open_device(const std::string& name, int threads) {
  if (name.rfind("cuda", 0) == 0) {
    throw Error("ERR_DEVICE_UNAVAILABLE", "device: '" + name + "' is not available: " + kNoCuda);
  }
  if (name != "auto" && name != "cpu") {
    throw Error("ERR_ARGUMENT",
                "device: expected 'auto', 'cpu', 'cuda' or 'cuda:N', got '" + name + "'");
  }
  // Never destroyed: threads of an exiting process may still use them.
  static auto* const mutex = new std::mutex;
  static auto* const open = new std::map<int, std::weak_ptr<Device>>;
  std::lock_guard lock(*mutex);
  const int count = threads > 0 ? threads : cpu::default_threads();
  std::shared_ptr<Device> device = (*open)[count].lock();
  if (!device) {
    device = cpu::make_cpu_device(count);
    (*open)[count] = device;
  }
  return device;
}

}  // namespace neurode
