// A model's parameters and optimizer variables on the device: rows of kernels padded with zeros to
// four floats.
#pragma once

#include <vector>

#include "cuda/device.h"
#include "cuda/records.h"
#include "native/engine/program.h"

namespace neurode::cuda {

class Parameters {
 public:
  Parameters(Device& device, const Program& program);

  // Keras order. `slot` -1: the parameter itself.
  void get(int slot, int index, float* values) const;
  void set(int slot, int index, const float* values);

  int stride(int index) const { return places_[index].stride; }
  // No values for -1.
  WeightsRecord record(int index) const;

 private:
  struct Place {
    std::int64_t offset;  // floats
    std::int64_t size;
    int rows, units, stride;
  };
  float* at(int slot, int index) const {
    return memory_.floats() + (1 + slot) * all_ + places_[index].offset;
  }

  Device& device_;
  std::vector<Place> places_;
  std::int64_t all_ = 0;  // floats of all parameters
  const int slots_;
  DeviceMemory memory_;
};

}  // namespace neurode::cuda
