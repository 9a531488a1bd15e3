// The CPU as a device: a thread team and the kernels of one instruction set.
#pragma once

#include <memory>

#include "native/engine/device.h"

namespace neurode::cpu {

DeviceInfo describe_cpu();

// The value of NEURODE_THREADS, or the number of cores that this process may use. Throws
// ERR_ARGUMENT where the variable holds no such number.
int default_threads();

std::shared_ptr<Device> make_cpu_device(int threads);

}  // namespace neurode::cpu
