// The seam between the engine and what does the work: one executor per model and device.
#pragma once

#include <atomic>
#include <cstdint>

#include "native/engine/data.h"
#include "native/engine/program.h"

namespace neurode {

class Executor {
 public:
  virtual ~Executor() = default;

  // Parameters cross in Keras order: kernel (inputs, units), bias (units).
  virtual void get_parameter(int index, float* values) const = 0;
  virtual void set_parameter(int index, const float* values) = 0;
  virtual void get_slot(int slot, int index, float* values) const = 0;
  virtual void set_slot(int slot, int index, const float* values) = 0;

  // Takes the memory that such ranges need, so that none is taken while they run. Throws
  // ERR_OUT_OF_MEMORY, and then is as it was.
  virtual void reserve(const Reservation& reservation) { static_cast<void>(reservation); }
  // `learning_rates` holds one rate per batch of the range; `step` counts optimizer steps and goes
  // on. Stops after a batch once `cancelled` is set.
  virtual Sums train(const BatchRange& range, const float* learning_rates, std::int64_t& step,
                     const std::atomic<bool>& cancelled) = 0;
  virtual Sums evaluate(const BatchRange& range, const std::atomic<bool>& cancelled) = 0;
  // No further range uses the bound data of this handle; those that are queued may.
  virtual void release(int handle) { static_cast<void>(handle); }
  // output (rows, outputs).
  virtual void predict(const InputView& input, float* output,
                       const std::atomic<bool>& cancelled) = 0;
  // The same on the calling thread, for a few rows.
  virtual void predict_here(const InputView& input, float* output) = 0;
};

}  // namespace neurode
