// CUDA devices, which the CUDA library serves.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "native/engine/device.h"

namespace neurode {

// The CUDA devices; where there are none, cuda:0 with the reason. Opens no device.
std::vector<DeviceInfo> describe_cuda();

// A device is opened once, for the life of the process. Throws ERR_DEVICE_UNAVAILABLE with the
// reason.
std::shared_ptr<Device> open_cuda(int ordinal);

// The device that 'auto' takes: one that is no emulator's and can be opened. Null where there is
// none.
std::shared_ptr<Device> open_cuda_if_it_works();

}  // namespace neurode
