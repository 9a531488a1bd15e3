// Runs the tasks of a pass that are cut along rows: on some panels of a batch at a time.
#pragma once

#include <span>
#include <vector>

#include "native/cpu/cuts.h"
#include "native/cpu/kernels.h"
#include "native/cpu/parameters.h"
#include "native/cpu/pass_plan.h"
#include "native/engine/program.h"

namespace neurode::cpu {

// Panels that go through a task together, so that they share what is read of its weights.
constexpr int kTogether = 2;

// The input with the rescaling that the Program folded into the gather.
inline InputView scaled(const Program& program, InputView input) {
  input.offset = input.offset * program.input_scale + program.input_offset;
  input.scale *= program.input_scale;
  return input;
}

// The rows of a batch, or some of them, and where their tasks read and write.
struct BatchRows {
  const BatchCut& cut;
  float* memory;
  InputView input;
  TargetsView targets;
  const std::uint32_t* order;
  std::int64_t start;                  // position of the first row
  const float* loss_scales = nullptr;  // by head; of the gradients of losses
  float activity_scale = 1;            // of the gradients of penalties of outputs
  std::int64_t step = 0;
  RowValues values = {};
  std::int64_t first_value = 0;      // the first row's, among those of `values`
  const float* gradients = nullptr;  // of the rows, in place of targets
  float* captured = nullptr;         // of the rows
};

// Some panels of a batch, in one layout.
struct PanelGroup {
  const BatchRows& batch;
  int layout;
  int part;       // of this process, the one of the first panel
  int positions;  // of a row
  float* memory;  // of the first panel
  Panels panels;
  const int* first;  // lane of each panel, in the batch
};

// Changes nothing of its own but statistics of a batch: any number of threads may run it.
class PassRunner {
 public:
  PassRunner(const Program& program, const Pass& pass, const Parameters& parameters,
             const Kernels& kernels);

  const PassPlan& plan() const { return plan_; }
  // Of the channels of a part of a batch, by their number in the pass. The part is that of this
  // process.
  const BatchStatistics& statistics(int index, int part) const {
    return statistics_[index * program_.parts.mine + part];
  }

  // Panels [first, first + count) of a layout.
  PanelGroup group_of(const BatchRows& batch, int layout, int first, int count) const;
  void run(std::span<const Task> tasks, const PanelGroup& group) const;
  // A thread's share of the features of tasks that are cut by them, on all panels.
  void run_share(std::span<const Task> tasks, const PanelGroup& group, int thread,
                 int threads) const;
  // Writes outputs, targets and weights of the heads whose layout it is where the batch wants them.
  void capture(const PanelGroup& group) const;
  // All panels of the tally's head.
  PanelGroup group_of(const BatchRows& batch, const Tally& tally) const;
  // Adds lanes [first, first + lanes) of a panel to the sums of a tally.
  void tally(const Tally& tally, const PanelGroup& group, int panel, int first, int lanes,
             double* sums) const;
  // Writes d loss / d input, of which `to` is the batch's first row, if it has this layout.
  void give_input_gradient(const PanelGroup& group, float* to) const;

 private:
  void run_on_panels(const Task& task, const PanelGroup& group) const;
  void run_on_panel(const Task& task, const PanelGroup& group, int panel) const;
  // Features that the task writes, from a multiple of kGroup on.
  void dense(const Task& task, const PanelGroup& group, const Part& features) const;
  void activate(const Task& task, const PanelGroup& group, const Part& features) const;
  void regroup(const Task& task, const PanelGroup& group, int panel) const;
  void gather_targets(const Task& task, const PanelGroup& group, int panel) const;
  void capture_head(int index, const PanelGroup& group, int panel) const;
  void loss(const Task& task, const PanelGroup& group, int panel) const;
  void metric(const Task& task, const PanelGroup& group, int panel) const;
  void penalize(const Task& task, const PanelGroup& group, int panel) const;
  // The first row value of a panel's lanes.
  float* values_of(const Head& head, int value, const PanelGroup& group, int panel) const {
    return group.batch.values.of_head(head, value, group.batch.first_value) + group.first[panel];
  }
  RowsView rows_of(const PanelGroup& group, int panel) const {
    const BatchRows& batch = group.batch;
    return {batch.input, batch.order, batch.start * group.positions + group.first[panel],
            group.panels.rows[panel], group.positions};
  }

  const Program& program_;
  const PassPlan plan_;
  std::vector<int> targets_;  // by head: the tensor that gather_targets writes
  const Parameters& parameters_;
  const Kernels& kernels_;
  std::vector<BatchStatistics> statistics_;  // by number, then by part
  std::vector<Floats> statistics_memory_;    // (kStatistics, stride)
};

}  // namespace neurode::cpu
