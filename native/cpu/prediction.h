// Prediction by an executor on the CPU: rows in panels, or one row as it is.
#pragma once

#include <atomic>
#include <map>

#include "native/cpu/forward_cost.h"
#include "native/cpu/pass.h"
#include "native/cpu/threads.h"
#include "native/cpu/workspace.h"
#include "native/engine/data.h"
#include "native/engine/inference.h"
#include "native/engine/program.h"

namespace neurode::cpu {

class Prediction {
 public:
  Prediction(const Program& program, const Parameters& parameters, const Kernels& kernels,
             ThreadTeam& team, Workspace& workspace);

  // As Executor::predict and predict_here.
  void run(const InputView& input, float* output, const std::atomic<bool>& cancelled);
  void run_here(const InputView& input, float* output);
  // As Executor::is_quick.
  bool is_quick(std::int64_t rows) const {
    return is_quick_here(cost_.of(rows), cost_, team_.size());
  }

 private:
  // A kernel for single rows, and zeros where its layer has no bias.
  struct PackedKernel {
    Floats kernel, no_bias;
  };

  void forget_old();
  void run_on_panels(const InputView& input, std::int64_t first, const Cut& cut, const Part& panels,
                     float* memory, float* output) const;
  void run_on_row(const InputView& input, float* output);
  void run_on_row(const Task& task, const InputView& input);
  const PackedKernel& packed(int kernel);

  const Program& program_;
  const Parameters& parameters_;
  const Kernels& kernels_;
  ThreadTeam& team_;
  Workspace& workspace_;
  const PassRunner pass_;
  const ForwardCost cost_;
  const bool has_positions_;            // a dense layer with several
  Floats here_;                         // run_here: kTogether panels at most, or one row
  std::map<int, PackedKernel> packed_;  // by parameter
  std::uint64_t version_ = 0;           // of the parameters that were packed
  int single_rows_ = 0;                 // predicted since the parameters changed
};

}  // namespace neurode::cpu
