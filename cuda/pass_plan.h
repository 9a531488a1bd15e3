// Plans the launches of one pass of a Program: which tasks form a stage, which stages form a
// kernel, and which tensors are in memory. A plan is host data only, so it is made and tested
// without a device.
#pragma once

#include <optional>
#include <vector>

#include "cuda/kernels/records.h"
#include "native/engine/program.h"

namespace neurode::cuda {

// The kind of kernel that runs a stage.
enum class Runner {
  elements,  // one thread for each feature of each row
  rows,      // one thread for each row
  product,   // a product of a dense layer
  channels,  // this and the rest: each has its own file in kernels/
  rearrangement,
  pooling,
  embedding,
};

// The plan of one task of Axis::rows, or of a product and the activation that follows it.
struct PlannedStage {
  // Numbers of the pass's tensors; -1: no tensor.
  struct Tensors {
    int input = -1, z = -1, output = -1, auxiliary = -1, gradient = -1, input_gradient = -1;

    bool contain(int tensor) const {
      return input == tensor || z == tensor || output == tensor || auxiliary == tensor ||
             gradient == tensor || input_gradient == tensor;
    }
  };

  const Task* task;  // the first task of the stage
  Runner runner;
  StageKind kind;  // for the runners elements, rows and product
  OpRecord op;     // of a product: its activation
  int units;       // outputs of a product, or features of a row
  int inputs = 0;  // inputs of a product
  int positions;   // rows of the stage's tensors for each row of the batch
  bool wide;       // whether this is a product of a wide layer
  Tensors tensors;
};

// The launches for a segment, or for a part of a segment.
struct PlannedLaunch {
  enum class Kind { stages, channels, weights, parameters } kind;
  int begin = 0, end = 0;                    // stages: the range of stages
  std::vector<const Task*> tasks = {};       // channels and weights: the tasks
  std::vector<const Task*> wide_tasks = {};  // weights: the tasks of wide layers
  TaskKind task{};         // parameters: this task, for all parameters that have it
  bool ends_rows = false;  // stages: after them, all outputs of the batch are known
};

// Stages that run in one kernel. Each block runs all of the stages on a few rows.
struct PlannedSlice {
  int first;                        // the first stage; the slice ends with the last stage
  std::vector<int> loads, saves;    // tensors that the slice reads from and writes to global memory
  std::vector<int> shared_offsets;  // by tensor, in floats of the block's shared memory
  int shared_floats;
};

// Rows of tensors in memory are padded to a multiple of four floats.
inline int padded(int features) { return (features + 3) / 4 * 4; }

class PassPlan {
 public:
  // `pass` is one of the passes of `program`. Both must outlive the plan.
  PassPlan(const Program& program, const Pass& pass);

  const Program& program;
  const Pass& pass;
  const bool predicts;  // in a prediction, a row must not depend on the other rows
  std::vector<PlannedStage> stages;
  std::vector<PlannedLaunch> launches;
  // With parts of a batch: the launches before this one run for each part, those from it on once
  // the gradients of all parts are added up. -1: a batch has no parts.
  int exchange = -1;
  bool reads_bound_input = false;  // there is no input tensor: only dense layers read the input
  std::optional<PlannedSlice> slice;
  std::vector<bool> in_memory;  // tensors that are in device memory as floats
  std::vector<bool> copied;     // tensors that wide layers read as bfloat16 copies

  // The first stage that is launched.
  int first_stage() const { return reads_bound_input ? 1 : 0; }
  // Whether a task reads the bound data instead of an input tensor.
  bool reads_bound(const Task& task) const {
    return reads_bound_input && task.input == pass.tasks.front().output;
  }

 private:
  void add_launches();
  void add_stages(const Segment& segment);
  void add_outputs(const Segment& segment);
  void add_parameters(int begin, int end);
  PlannedStage stage_of(const Task& task) const;
  void find_bound_input();
  std::vector<const Task*> tasks_of_weights() const;
  void find_slice();
  void find_copies();
};

}  // namespace neurode::cuda
