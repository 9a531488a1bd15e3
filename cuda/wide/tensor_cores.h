// Products of wide layers on tensor cores, of compute capability 8.0 and newer.
#pragma once

#include "cuda/runtime/device.h"
#include "cuda/runtime/launch.h"
#include "cuda/wide/products.h"

namespace neurode::cuda {

// Throws ERR_ARGUMENT where the device has no tensor cores for this precision.
void check_tensor_cores(const Device& device, Precision precision);

constexpr int kTile = 128;  // the side of a block's

// E: Tf32 or Bf16, the elements of the operands.
template <class E>
void tensor_forward(Launcher& launcher, const ForwardProduct& product);
template <class E>
void tensor_backward_input(Launcher& launcher, const BackwardProduct& product);

// How the product is cut: the batch into parts whose sums the last block adds in order.
struct WeightsSplit {
  int tiles, splits;
  WeightsSplit(int rows, int inputs, int units);
  // Memory that they need: counters are zeros at first.
  std::int64_t counters() const { return splits > 1 ? tiles : 0; }
  std::int64_t partial_floats() const {
    return splits > 1 ? std::int64_t{tiles} * splits * kTile * kTile : 0;
  }
};

// `split` of up to as many rows.
template <class E>
void tensor_backward_weights(Launcher& launcher, const WeightsProduct& product,
                             const WeightsSplit& split, std::uint32_t* counters, float* partials);

}  // namespace neurode::cuda
