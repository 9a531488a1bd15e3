// The CPU as a device: a thread team and the kernels of one instruction set.
#pragma once

#include <memory>

#include "native/engine/device.h"

namespace neurode::cpu {

DeviceInfo describe_cpu();

// The threads that a model gets which wants so many, or, with 0, says nothing of them:
// NEURODE_THREADS, or the number of cores that this process may use. They are no more than its
// processors, or than NEURODE_MAX_THREADS. Throws ERR_ARGUMENT where a variable holds no such
// number.
int threads_of(int wanted);

std::shared_ptr<Device> make_cpu_device(int threads);

}  // namespace neurode::cpu
