// One pass of a Program as a plan of launches: which tasks become one stage, which stages one
// kernel, and what is kept in memory. Host data alone: it is made and tested without a device.
#pragma once

#include <optional>
#include <vector>

#include "cuda/kernels/records.h"
#include "native/engine/program.h"

namespace neurode::cuda {

// What runs a stage.
enum class Runner {
  elements,  // a thread for each feature of each row
  rows,      // a thread for each row
  product,   // of a dense layer
  channels,  // and those below: kernels/ has a file for each
  rearrangement,
  pooling,
  embedding,
};

// One task of Axis::rows, or a product and the activation that follows it.
struct PlannedStage {
  // Numbers of the pass's tensors; -1: none.
  struct Tensors {
    int input = -1, z = -1, output = -1, auxiliary = -1, gradient = -1, input_gradient = -1;

    bool contain(int tensor) const {
      return input == tensor || z == tensor || output == tensor || auxiliary == tensor ||
             gradient == tensor || input_gradient == tensor;
    }
  };

  const Task* task;  // the first one
  Runner runner;
  StageKind kind;  // where elements, rows or a product run it
  OpRecord op;     // of a product: the activation
  int units;       // features of a row where it is no product
  int inputs = 0;  // of a product
  int positions;   // its tensors have so many rows for one of the batch
  bool wide;       // a product of a wide layer
  Tensors tensors;
};

// What is launched for a segment, or for a part of it.
struct PlannedLaunch {
  enum class Kind { stages, channels, weights, parameters } kind;
  int begin = 0, end = 0;                    // stages: which
  std::vector<const Task*> tasks = {};       // channels and weights
  std::vector<const Task*> wide_tasks = {};  // weights: of wide layers
  TaskKind task{};                           // parameters: all of them that have it
};

// Stages that run in one kernel, each block taking a few rows through all of them.
struct PlannedSlice {
  int first;                        // stage; the slice goes on to the last one
  std::vector<int> loads, saves;    // tensors that it reads from memory, and leaves there
  std::vector<int> shared_offsets;  // by tensor, in floats of a block's shared memory
  int shared_floats;
};

// Rows of tensors in memory are padded to four floats.
inline int padded(int features) { return (features + 3) / 4 * 4; }

class PassPlan {
 public:
  // `pass` is one of `program`. Both outlive the plan.
  PassPlan(const Program& program, const Pass& pass);

  const Program& program;
  const Pass& pass;
  const bool predicts;  // a row must not depend on the others
  std::vector<PlannedStage> stages;
  std::vector<PlannedLaunch> launches;
  bool reads_bound_input = false;  // no tensor of the input is made: only dense layers read it
  std::optional<PlannedSlice> slice;
  std::vector<bool> in_memory;  // tensors that lie in the device's memory as floats
  std::vector<bool> copied;     // tensors that wide layers read rounded to bfloat16

  // The first of `stages` that is launched.
  int first_stage() const { return reads_bound_input ? 1 : 0; }
  // Whether a task reads the bound data in place of its input.
  bool reads_bound(const Task& task) const {
    return reads_bound_input && task.input == pass.tasks.front().output;
  }

 private:
  void add_launches();
  void add_stages(const Segment& segment);
  void add_outputs(const Segment& segment);
  void add_parameters(const Segment& segment);
  PlannedStage stage_of(const Task& task) const;
  void find_bound_input();
  std::vector<const Task*> tasks_of_weights() const;
  void find_slice();
  void find_copies();
};

}  // namespace neurode::cuda
