// Prediction by an executor on the CPU: as a predictor does it, with the parameters of the moment.
#pragma once

#include <atomic>
#include <memory>
#include <optional>

#include "native/cpu/forward_cost.h"
#include "native/cpu/packed_inference.h"
#include "native/cpu/parameters.h"
#include "native/cpu/threads.h"
#include "native/engine/data.h"
#include "native/engine/program.h"

namespace neurode::cpu {

class Prediction {
 public:
  Prediction(const Program& program, const Parameters& parameters, const Kernels& kernels,
             std::shared_ptr<ThreadTeam> team);

  // As Executor::predict and predict_here.
  void run(const InputView& input, float* output, const std::atomic<bool>& cancelled) {
    network().predict(input, output, cancelled);
  }
  void run_here(const InputView& input, float* output) { network().predict_here(input, output); }
  // As Executor::is_quick: even with weights from memory, and soonest with those in the caches.
  bool is_quick(std::int64_t rows) const {
    return cost_.is_quick(rows) && is_quick_here(cached_cost(cost_, rows), cost_, team_->size());
  }

 private:
  // With the values of now, packed once for as long as they stay.
  const PackedNetwork& network();

  const Program& program_;
  const Parameters& parameters_;
  const Kernels& kernels_;
  const std::shared_ptr<ThreadTeam> team_;
  const ForwardCost cost_;
  std::optional<PackedNetwork> network_;
  std::optional<std::uint64_t> version_;  // of the parameters that were packed
};

}  // namespace neurode::cpu
