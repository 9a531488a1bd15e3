// Evaluation on the CPU: rows alone, in panels, and no barriers.
#pragma once

#include <atomic>

#include "native/cpu/pass.h"
#include "native/cpu/penalties.h"
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

 private:
  const Program& program_;
  Penalties& penalties_;
  ThreadTeam& team_;
  Workspace& workspace_;
  const PassRunner pass_;
  const ForwardCost cost_;
};

}  // namespace neurode::cpu
