// The CPU as a device: a thread team and the kernels of one instruction set.
#pragma once

#include <memory>

#include "native/engine/device.h"

namespace neurode::cpu {

DeviceInfo describe_cpu();

// NEURODE_THREADS, or the cores this process may use. Throws ERR_ARGUMENT.
int default_threads();

std::shared_ptr<Device> make_cpu_device(int threads);

}  // namespace neurode::cpu
