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

// Some panels of a batch, and where their tasks read and write.
struct PanelGroup {
  float* memory;  // of the first panel
  Panels panels;
  InputView input;
  TargetsView targets;
  const std::uint32_t* order;
  std::int64_t batch_start;            // position of the batch's first row
  const int* first_rows;               // of the panels, in the batch
  const float* loss_scales = nullptr;  // by head; of the gradients of losses
  float activity_scale = 1;            // of the gradients of penalties of outputs
  std::int64_t step = 0;
  // Losses, metrics and penalties: (row_values(), kPanel) of the first panel.
  float* values = nullptr;
  const float* gradients = nullptr;  // of the batch's rows, in place of targets
  float* captured = nullptr;         // of the batch's rows
};

// Changes nothing of its own but statistics of a batch: any number of threads may run it.
class PassRunner {
 public:
  PassRunner(const Program& program, const Pass& pass, const Parameters& parameters,
             const Kernels& kernels);

  const PassPlan& plan() const { return plan_; }
  // Of the channels of a batch, by their number in the pass.
  const BatchStatistics& statistics(int index) const { return statistics_[index]; }

  void run(std::span<const Task> tasks, const PanelGroup& group) const;
  // Writes outputs, targets and weights of the rows where the group wants them.
  void capture(const PanelGroup& group) const;
  // Writes d loss / d input of the rows, of which `to` is the batch's first.
  void give_input_gradient(const PanelGroup& group, float* to) const;

 private:
  void run_on_panels(const Task& task, const PanelGroup& group) const;
  void run_on_panel(const Task& task, const PanelGroup& group, int panel) const;
  void dense(const Task& task, const PanelGroup& group) const;
  void gather_targets(const Task& task, const PanelGroup& group, int panel) const;
  void capture_head(int index, const PanelGroup& group, int panel, float* to) const;
  void loss(const Task& task, const PanelGroup& group, int panel) const;
  void metric(const Task& task, const PanelGroup& group, int panel) const;
  // Of an activity penalty among the row values: its number follows those of the metrics.
  int penalty_at(const Task& task) const {
    return program_.values + task.metric - program_.metrics;
  }
  float* values_of(const PanelGroup& group, int panel) const {
    return group.values + std::int64_t{panel} * program_.row_values() * kPanel;
  }
  RowsView rows_of(const PanelGroup& group, int panel) const {
    return {group.input, group.order, group.batch_start + group.first_rows[panel],
            group.panels.rows[panel]};
  }

  const Program& program_;
  const PassPlan plan_;
  std::vector<int> targets_;  // by head: the tensor that gather_targets writes
  const Parameters& parameters_;
  const Kernels& kernels_;
  std::vector<BatchStatistics> statistics_;
  std::vector<Floats> statistics_memory_;  // (kStatistics, stride)
};

}  // namespace neurode::cpu
