// The interface between the engine and the code that runs Programs: one executor per model and
// device.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>

#include "native/engine/data.h"
#include "native/engine/program.h"
#include "native/engine/transport.h"

namespace neurode {

enum class Work { train, apply, evaluate, predict };

class Executor {
 public:
  virtual ~Executor() = default;

  // Parameters have Keras' layout here: kernel (inputs, units), bias (units).
  virtual void get_parameter(int index, float* values) const = 0;
  virtual void set_parameter(int index, const float* values) = 0;
  virtual void get_slot(int slot, int index, float* values) const = 0;
  virtual void set_slot(int slot, int index, const float* values) = 0;

  // An executor of another Program over the same parameters, whose values and slots are common to
  // both. They must not run at the same time.
  virtual std::unique_ptr<Executor> sibling(Program program) = 0;
  // One step of the optimizer from these gradients, by parameter; of a statistic, from the value
  // that it gets, or null if it stays. Gradients that no step uses are null. For a Program that
  // keeps gradients. `here`: the calling thread works alone.
  virtual void apply(std::span<const float* const> gradients, float learning_rate,
                     std::int64_t& step, bool here) = 0;

  // Allocates the memory that ranges within these bounds need, so that none is allocated while they
  // run. Throws ERR_OUT_OF_MEMORY; the executor is then unchanged.
  virtual void reserve(const Reservation& reservation) { static_cast<void>(reservation); }
  // `learning_rates` holds one rate per batch of the range. `step` counts optimizer steps; train()
  // advances it. After `cancelled` is set, train() stops at the end of the current batch.
  virtual Sums train(const BatchRange& range, const float* learning_rates, std::int64_t& step,
                     const std::atomic<bool>& cancelled) = 0;
  virtual Sums evaluate(const BatchRange& range, const std::atomic<bool>& cancelled) = 0;
  // Whether the calling thread alone does the work, with so many batches of these rows, in half a
  // millisecond, and sooner than the device's thread with all others, which has to be woken.
  virtual bool is_quick(Work, std::int64_t, std::int64_t) const { return false; }
  // Promises that no new range uses the bound data of this handle; queued ranges still may.
  virtual void release(int handle) { static_cast<void>(handle); }
  // `output` is (rows, outputs).
  virtual void predict(const InputView& input, float* output,
                       const std::atomic<bool>& cancelled) = 0;
  // The ranks that compute the other parts of the batches, for a Program whose parts are divided
  // among several. A sibling has the same.
  virtual void set_transport(std::shared_ptr<Transport> transport) { static_cast<void>(transport); }
  // As predict(), but on the calling thread, for a few rows.
  virtual void predict_here(const InputView& input, float* output) = 0;
};

}  // namespace neurode
