// CUDA devices: the library that is opened when one is wanted, and why there is none.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "native/engine/device.h"

namespace neurode {

// The CUDA devices, or cuda:0 with the reason why there is none. Cheap, and opens no device.
std::vector<DeviceInfo> describe_cuda();

// Opened once, for the life of the process. Throws ERR_DEVICE_UNAVAILABLE with the reason.
std::shared_ptr<Device> open_cuda(int ordinal);

// The device that 'auto' takes, or null: a real one that can be opened.
std::shared_ptr<Device> open_cuda_if_it_works();

}  // namespace neurode
