// What the device can do at most: how fast it copies and multiplies. For benchmarks.
#pragma once

#include "cuda/runtime/device.h"
#include "native/engine/plan.h"

namespace neurode::cuda {

// Seconds of a copy of so many bytes within the device's memory.
double measure_copy(Device& device, std::int64_t bytes);

// Seconds of (rows, inputs) . (inputs, units) on random numbers, by whatever is fastest for it.
double measure_product(Device& device, Precision precision, int rows, int inputs, int units);

}  // namespace neurode::cuda
