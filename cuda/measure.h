// Measures the highest speed of the device, for copies and for matrix products. Used by benchmarks.
#pragma once

#include "cuda/runtime/device.h"
#include "native/engine/plan.h"

namespace neurode::cuda {

// Seconds for a copy of `bytes` bytes within device memory.
double measure_copy(Device& device, std::int64_t bytes);

// Seconds for the product (rows, inputs) . (inputs, units) of random numbers, by the fastest
// implementation that there is.
double measure_product(Device& device, Precision precision, int rows, int inputs, int units);

}  // namespace neurode::cuda
