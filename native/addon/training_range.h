// A range of batches to train on, as JavaScript gave it.
#pragma once

#include <napi.h>

#include <atomic>
#include <memory>
#include <vector>

#include "native/addon/bound.h"
#include "native/addon/opening.h"

namespace neurode::addon {

class TrainingRange {
 public:
  // Has learning rates for so many epochs, each of which is this range.
  TrainingRange(Napi::Object options, std::shared_ptr<Bound> bound, const Program& program,
                std::int64_t epochs);

  std::int64_t batches() const { return range_.batches; }
  std::int64_t batch_size() const { return range_.batch_size; }

  // Trains on the range, in the order of the epoch that is so many epochs later.
  Sums run(ModelCore& core, std::int64_t later, const std::atomic<bool>& cancelled) const;
  // The same in the order of its own epoch, on the calling thread alone.
  Sums run_here(ModelCore& core, const std::atomic<bool>& cancelled);
  // Trains on the range in one epoch after another. Appends the seconds and the sums of each.
  void run_epochs(ModelCore& core, std::int64_t epochs, const std::atomic<bool>& cancelled,
                  std::vector<double>& numbers) const;

 private:
  std::shared_ptr<Bound> bound_;
  BatchRange range_;
  bool shuffles_;
  OrderKey key_;
  std::vector<float> learning_rates_;
  std::vector<float*> parameter_gradients_;  // empty, or by parameter
};

}  // namespace neurode::addon
