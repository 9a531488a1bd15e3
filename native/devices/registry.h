// The devices there are, by name.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "native/engine/device.h"

namespace neurode {

std::vector<DeviceInfo> list_devices();

// The device called `name` ('auto', 'cpu', 'cuda', 'cuda:1'), shared by all who ask for the same
// one. `threads` 0: the default. Throws ERR_ARGUMENT for another name, and ERR_DEVICE_UNAVAILABLE
// with the reason where there is no such device.
std::shared_ptr<Device> open_device(const std::string& name, int threads);

}  // namespace neurode
