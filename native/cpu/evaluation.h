// Evaluation on the CPU: rows alone, in panels, and no barriers.
#pragma once

#include <atomic>

#include "native/cpu/forward_cost.h"
#include "native/cpu/pass.h"
#include "native/cpu/penalties.h"
#include "native/cpu/tallies.h"
#include "native/cpu/threads.h"
#include "native/cpu/workspace.h"
#include "native/engine/data.h"
#include "native/engine/inference.h"
#include "native/engine/program.h"

namespace neurode::cpu {

class Evaluation {
 public:
  Evaluation(const Program& program, const Parameters& parameters, Penalties& penalties,
             const Kernels& kernels, ThreadTeam& team, Workspace& workspace);

  // As Executor::evaluate.
  Sums run(const BatchRange& range, const std::atomic<bool>& cancelled);
  // As Executor::is_quick.
  bool is_quick(std::int64_t rows) const {
    const double cost = cost_.of(rows) + cost_of_values_ * static_cast<double>(rows);
    return is_quick_here(cost + cost_of_penalties_, cost_, team_.size());
  }

 private:
  // Of all panels of some rows.
  void run(const TrainingSegment& segment, const BatchRows& rows) const;

  const Program& program_;
  Penalties& penalties_;
  ThreadTeam& team_;
  Workspace& workspace_;
  const PassRunner pass_;
  const std::vector<TrainingSegment> segments_;
  Tallies tallies_;
  const ForwardCost cost_;
  const double cost_of_values_;
  const double cost_of_penalties_;
};

}  // namespace neurode::cpu
