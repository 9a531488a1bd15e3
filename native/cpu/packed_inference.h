// Networks packed for inference on the CPU: rows in small blocks through all layers, and few rows
// cut by units.
#pragma once

#include <atomic>
#include <memory>

#include "native/cpu/kernels.h"
#include "native/cpu/packed_plan.h"
#include "native/cpu/threads.h"
#include "native/engine/inference.h"

namespace neurode::cpu {

// Predictions are const: any number of threads may run them at the same time.
class PackedNetwork {
 public:
  PackedNetwork(const Program& program, const Kernels& kernels, std::shared_ptr<ThreadTeam> team);

  // Copies the values, but for tables that stay. To be called before the first prediction.
  void pack(const Program& program, const PackedSource& source);

  // As Inference::predict and predict_here.
  void predict(const InputView& input, float* output, const std::atomic<bool>& cancelled) const;
  void predict_here(const InputView& input, float* output) const;

 private:
  friend class PackedRun;

  const Kernels& kernels_;
  const std::shared_ptr<ThreadTeam> team_;
  const ForwardCost cost_;
  const int input_size_, output_size_;
  PackedPlan plan_;
  int rows_;            // of a block, at most
  std::int64_t block_;  // floats of a slot
};

// Copies the values.
std::shared_ptr<const Inference> pack_for_inference(const Program& program, const Kernels& kernels,
                                                    std::shared_ptr<ThreadTeam> team,
                                                    const std::vector<const float*>& values);

}  // namespace neurode::cpu
