// The CUDA executor runs one Program on one device. The caller holds the device's mutex.
#pragma once

#include "cuda/bound_data.h"
#include "cuda/evaluation.h"
#include "cuda/parameters.h"
#include "cuda/pass.h"
#include "cuda/prediction.h"
#include "cuda/range.h"
#include "cuda/training.h"
#include "cuda/updates.h"
#include "cuda/wide_layers.h"

namespace neurode::cuda {

class Executor {
 public:
  // `sibling`: the executor whose parameters it has too, or null.
  Executor(Device& device, Program program, const Executor* sibling = nullptr);

  const Parameters& parameters() const { return parameters_; }
  Parameters& parameters() { return parameters_; }
  void set_transport(const plugin::TransportRecord& transport) {
    training_.set_transport(transport);
  }
  // Allocates memory for later calls. Throws if memory is short; then data that were not bound
  // before are released.
  void reserve(const plugin::ReservationRecord& reservation);
  void train(const plugin::RangeRecord& range, const float* learning_rates, std::int64_t& step,
             const plugin::CancelRecord& cancel, plugin::SumsRecord& sums);
  void apply(float learning_rate, std::int64_t& step);
  void evaluate(const plugin::RangeRecord& range, const plugin::CancelRecord& cancel,
                plugin::SumsRecord& sums);
  void predict(const plugin::InputRecord& input, float* output, const plugin::CancelRecord& cancel);
  void release(int handle) { data_.release(handle); }

 private:
  void take_for(const plugin::ReservationRecord& reservation);

  Device& device_;
  const Program program_;
  Parameters parameters_;
  Updates updates_;
  WideLayers wide_;
  Launcher launcher_;
  BoundData data_;
  Range range_;
  PassRunner predict_, evaluate_, train_;
  Training training_;
  Evaluation evaluation_;
  Prediction prediction_;
};

}  // namespace neurode::cuda
