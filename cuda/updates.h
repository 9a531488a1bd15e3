// Updates weights from gradients in the arena. Each launch covers the pieces of all parameters with
// deferred updates.
#pragma once

#include <vector>

#include "cuda/kernels/records.h"
#include "cuda/parameters.h"
#include "cuda/penalties.h"
#include "cuda/runtime/device.h"
#include "cuda/runtime/launch.h"
#include "native/engine/program.h"

namespace neurode::cuda {

class Updates {
 public:
  Updates(Device& device, const Program& program, const Parameters& parameters);

  // Runs one kind of task of Axis::parameters for all parameters that have it.
  void run(Launcher& launcher, TaskKind kind, const StepRecord& step) const;

  const Penalties& penalties() const { return penalties_; }

 private:
  const Program& program_;
  int parameters_ = 0, pieces_ = 0;
  DeviceMemory memory_;  // records, sums, owners of pieces, and scales
  DeferredRecord* records_ = nullptr;
  int* owners_ = nullptr;          // the parameter of each piece
  double* square_sums_ = nullptr;  // square sums of gradients, by piece
  float* scales_ = nullptr;        // by parameter
  std::vector<ConstraintRecord> constraints_;
  Penalties penalties_;
};

}  // namespace neurode::cuda
