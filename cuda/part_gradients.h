// The gradients of the parts of a batch that this process computes, and their sums in the arena.
#pragma once

#include "cuda/parameters.h"
#include "cuda/runtime/launch.h"
#include "native/engine/program.h"

namespace neurode::cuda {

// Parts come one after the other, and are added up as a binary counter does: log2 of their number
// are in memory.
class PartGradients {
 public:
  PartGradients(const Program& program, const Parameters& parameters)
      : program_(program), parameters_(parameters) {}

  // The level at which the launches of part `part` of this process store its gradients.
  int level_of(int part) const;
  // Before the launches of a part of so many rows, which are none if there are no rows. Moving
  // statistics of the part begin with those of the model.
  void begin(Launcher& launcher, int part, std::int64_t rows) const;
  // After them: adds what can be added by now. Moving statistics count once for each row.
  void end(Launcher& launcher, int part, std::int64_t rows) const;
  // Once the sums over all parts are in the arena: moving statistics become averages over the rows
  // of the batch and, in an update, the model's own.
  void end_statistics(Launcher& launcher, std::int64_t rows, bool update) const;

 private:
  template <class Visit>
  void each_moving_statistic(Visit visit) const;

  const Program& program_;
  const Parameters& parameters_;
};

}  // namespace neurode::cuda
