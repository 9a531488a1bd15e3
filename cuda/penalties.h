// Penalties of parameters: computes their values, and adds their derivatives to gradients in the
// arena.
#pragma once

#include <vector>

#include "cuda/kernels/records.h"
#include "cuda/runtime/launch.h"
#include "cuda/runtime/memory.h"
#include "native/engine/program.h"

namespace neurode::cuda {

// Records of the parameters with deferred updates, and the parameter of each of their pieces. Both
// arrays are in device memory.
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

  // Runs one kind of task for all parameters that have it. Without `learns`, computes only the
  // values.
  void run(Launcher& launcher, TaskKind kind, bool learns) const;
  // Computes the values of all penalties, for an evaluation.
  void measure(Launcher& launcher) const;
  // Adds the sum of the penalty values to *sum, once for each row.
  void add(Launcher& launcher, int rows, double* sum) const;

 private:
  bool any_pointwise_ = false;
  std::vector<MatrixRecord> matrices_;
  Pieces pieces_{};
  DeviceMemory memory_;  // penalties, then norms
  int values_ = 0;       // values of pieces, then values of vectors
};

}  // namespace neurode::cuda
