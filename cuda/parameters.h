// A model's parameters and optimizer variables in device memory. Rows of kernels are padded with
// zeros to a multiple of four floats.
#pragma once

#include <vector>

#include "cuda/kernels/records.h"
#include "cuda/runtime/device.h"
#include "native/engine/program.h"

namespace neurode::cuda {

constexpr int kPiece = 4 * kThreads;  // floats; sums over a parameter are sums over its pieces

class Parameters {
 public:
  Parameters(Device& device, const Program& program);

  // `values` are in Keras' order. `slot` -1 is the parameter itself.
  void get(int slot, int index, float* values) const;
  void set(int slot, int index, const float* values);

  int stride(int index) const { return places_[index].stride; }
  // Returns null for index -1.
  float* values(int index) const { return index < 0 ? nullptr : at(-1, index); }
  // Where the task that computes the gradient of a parameter writes the gradient.
  WeightsRecord record(int index, bool adds = false) const;
  // One record for each parameter that a later launch updates.
  std::vector<DeferredRecord> deferred() const;
  // The parameters whose regularizer works on whole rows or columns.
  std::vector<MatrixRecord> matrices() const;
  std::vector<ConstraintRecord> constraints() const;

 private:
  struct Place {
    std::int64_t values, slots, gradient;  // offsets in memory_, in floats
    std::int64_t size;
    int rows, columns, stride;
  };
  float* at(int slot, int index) const {
    const Place& place = places_[index];
    return memory_.floats() + (slot < 0 ? place.values : place.slots + slot * all_slots_);
  }
  WeightsRecord updated(int index) const;

  Device& device_;
  const Program& program_;
  std::vector<Place> places_;
  std::int64_t all_slots_ = 0;  // floats of one slot, over all parameters
  const int optimizer_slots_;
  DeviceMemory memory_;
};

}  // namespace neurode::cuda
