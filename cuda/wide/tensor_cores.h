// Products of wide layers on tensor cores, for compute capability 8.0 and higher.
#pragma once

#include "cuda/runtime/device.h"
#include "cuda/runtime/launch.h"
#include "cuda/wide/products.h"

namespace neurode::cuda {

// Throws ERR_ARGUMENT if the device has no tensor cores for this precision.
void check_tensor_cores(const Device& device, Precision precision);

constexpr int kTile = 128;  // rows and columns of a block's tile

// E is the element type of the operands: Tf32 or Bf16.
template <class E>
void tensor_forward(Launcher& launcher, const ForwardProduct& product);
template <class E>
void tensor_backward_input(Launcher& launcher, const BackwardProduct& product);

// Divides the batch into `splits` parts. For each tile, the last block adds the sums of the parts
// in order.
struct WeightsSplit {
  int tiles, splits;
  WeightsSplit(int rows, int inputs, int units);
  // Memory for the parts' sums. The counters must be zero before the first run.
  std::int64_t counters() const { return splits > 1 ? tiles : 0; }
  std::int64_t partial_floats() const {
    return splits > 1 ? std::int64_t{tiles} * splits * kTile * kTile : 0;
  }
};

// `split` must be made for at least as many rows as the product has.
template <class E>
void tensor_backward_weights(Launcher& launcher, const WeightsProduct& product,
                             const WeightsSplit& split, std::uint32_t* counters, float* partials);

}  // namespace neurode::cuda
