// Penalties of parameters: their values, and what they add to gradients in the arena.
#pragma once

#include <vector>

#include "cuda/kernels/records.h"
#include "cuda/runtime/launch.h"
#include "cuda/runtime/memory.h"
#include "native/engine/program.h"

namespace neurode::cuda {

// The parameters that wait for an update, on the device, and the owner of each of their pieces.
struct Pieces {
  const DeferredRecord* records;
  const int* owners;
  int count;
};

class Penalties {
 public:
  Penalties() = default;
  Penalties(MemoryPool& pool, const std::vector<DeferredRecord>& parameters,
            std::vector<MatrixRecord> matrices, const Pieces& pieces);

  // One kind of task, for all parameters that have it. Without `learns` the values alone.
  void run(Launcher& launcher, TaskKind kind, bool learns) const;
  // The values of all, for evaluation.
  void measure(Launcher& launcher) const;
  // *sum += the values there are, once for each row.
  void add(Launcher& launcher, int rows, double* sum) const;

 private:
  bool any_pointwise_ = false;
  std::vector<MatrixRecord> matrices_;
  Pieces pieces_{};
  DeviceMemory memory_;  // penalties, then norms
  int values_ = 0;       // of pieces, then of vectors
};

}  // namespace neurode::cuda
