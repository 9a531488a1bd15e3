// Training on the CPU: the segments of a step one after the other, with a barrier between any two.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "native/cpu/exchange.h"
#include "native/cpu/forward_cost.h"
#include "native/cpu/gradients.h"
#include "native/cpu/part_gradients.h"
#include "native/cpu/pass.h"
#include "native/cpu/penalties.h"
#include "native/cpu/tallies.h"
#include "native/cpu/thread_choice.h"
#include "native/cpu/threads.h"
#include "native/cpu/updates.h"
#include "native/cpu/workspace.h"
#include "native/engine/data.h"
#include "native/engine/program.h"

namespace neurode::cpu {

class Training {
 public:
  Training(const Program& program, Parameters& parameters, Penalties& penalties,
           const Kernels& kernels, ThreadTeam& team, Workspace& workspace);

  // As Executor::apply.
  void apply(std::span<const float* const> gradients, float learning_rate, std::int64_t& step,
             bool here);
  // As Executor::train.
  Sums run(const BatchRange& range, const float* learning_rates, std::int64_t& step,
           const std::atomic<bool>& cancelled);
  // As Executor::set_transport.
  void set_transport(std::shared_ptr<Transport> transport) {
    exchange_.set_transport(std::move(transport));
  }
  const std::shared_ptr<Transport>& transport() const { return exchange_.transport(); }
  // As Executor::is_quick: steps, and updates from given gradients. An exchange waits for others.
  bool is_quick(std::int64_t rows, std::int64_t batches) const {
    if (transport() != nullptr) return false;
    const double values = cost_of_values_ * static_cast<double>(rows);
    const double cost = kPasses * (cost_.of(rows) + values) + cost_of_updates_;
    return is_quick_here(static_cast<double>(batches) * cost, cost_, team_.size());
  }
  bool is_quick_update() const { return is_quick_here(cost_of_updates_, cost_, team_.size()); }

 private:
  static constexpr double kPasses = 3;  // forward, and back to inputs and to weights
  struct Range;
  // A batch whose rows have been through the layers and lie in the workspace, and all that this
  // depends on.
  struct Forward {
    int handle, batch_size, threads;
    std::int64_t batch, step;
    bool is_ordered;
    OrderKey order;
    std::uint64_t parameters, turns;
    bool operator==(const Forward&) const = default;
  };
  Extent extent_of(const BatchRange& batches) const;
  int scales_of_thread() const {
    return round_up(static_cast<int>(program_.heads.size()), kAlignment);
  }
  void begin_statistics();
  void run_segment(const TrainingSegment& segment, const Range& range, const Batch& batch,
                   const Step& step, int thread);
  void run_rows(const TrainingSegment& segment, const Range& range, const Batch& batch,
                const Step& step, int thread);
  void scale_losses(const BatchRange& batches, const RowsView& rows, float* scales) const;
  void run_outputs(const TrainingSegment& segment, const Range& range, const Batch& batch,
                   const Step& step, int thread);
  void add_tallies(const Range& range, const Batch& batch, int thread);
  void add_values(const Range& range, const Batch& batch, Sums& sums) const;
  void prefetch(const Range& range, std::int64_t index, int thread) const;

  const Program& program_;
  Parameters& parameters_;
  const Kernels& kernels_;
  ThreadTeam& team_;
  Workspace& workspace_;
  Penalties& penalties_;
  const PassRunner pass_;
  const std::vector<TrainingSegment> whole_, to_losses_;
  const bool has_statistics_;   // layers need the statistics of a batch
  const bool takes_gradients_;  // losses of the Program take gradients that replace targets
  const std::vector<TrainingSegment> from_losses_;
  Updates updates_;
  PartGradients parts_;
  Exchange exchange_;
  Gradients gradients_;
  Tallies tallies_;
  ThreadChoice choice_;
  const ForwardCost cost_;
  const double cost_of_values_;
  const double cost_of_updates_;
  std::vector<float> loss_scales_;  // by thread, in cache lines of its own: of each head
  std::optional<Forward> forward_;
};

}  // namespace neurode::cpu
