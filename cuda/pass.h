// Runs one pass of a Program on batches: launches the kernels of the pass's plan, on tensors in
// device memory.
#pragma once

#include <vector>

#include "cuda/kernels/channels.h"
#include "cuda/kernels/dense.h"
#include "cuda/kernels/embedding.h"
#include "cuda/kernels/pooling.h"
#include "cuda/kernels/rearrangement.h"
#include "cuda/kernels/rows.h"
#include "cuda/parameters.h"
#include "cuda/part_gradients.h"
#include "cuda/pass_plan.h"
#include "cuda/updates.h"
#include "cuda/wide_pass.h"

namespace neurode::cuda {

// A batch on which a pass runs.
struct Batch {
  RunState* state;
  int rows;
  RangeSums* sums = nullptr;  // null for a prediction, which computes no sums
  bool weighted = false;      // whether the rows have weights
  bool update = true;         // whether a training pass changes weights and moving statistics
};

class PassRunner {
 public:
  // `usual_rows` is the usual number of rows in a batch; 0: the actual number is used (see
  // dense_forward).
  PassRunner(Device& device, const Program& program, const Pass& pass, const Parameters& parameters,
             const Updates& updates, const WideLayers& wide, int usual_rows);
  PassRunner(const PassRunner&) = delete;
  PassRunner& operator=(const PassRunner&) = delete;

  // Allocates memory for batches of up to `rows`. Returns whether tensors have moved.
  bool reserve(int rows);

  // Launches the pass on one batch. Except in a prediction, the launches end with adding the sums
  // and moving the state on to the next batch.
  void enqueue(Launcher& launcher, const Batch& batch) const;

  // The same of a batch that is cut into parts, in two halves. Between them, the gradients of other
  // processes' parts are added to the sums. `learns`: whether there are gradients.
  void enqueue_parts(Launcher& launcher, const Batch& batch, const PartGradients& gradients,
                     bool learns) const;
  void enqueue_rest(Launcher& launcher, const Batch& batch, const PartGradients& gradients,
                    bool learns) const;

  // Launches the tasks that make new weights of the gradients that are kept.
  void enqueue_updates(Launcher& launcher, RunState* state) const;

  const float* output() const { return tensors_[plan_.pass.outputs.front()].data; }
  int output_stride() const { return tensors_[plan_.pass.outputs.front()].stride; }

 private:
  void take_statistics();
  int line_of(const Task& task) const;
  void enqueue_captures(Launcher& launcher, const StepRecord& step) const;
  void lay_out_slice();
  Stage on_device(const PlannedStage& stage) const;
  Tensor tensor(int index) const { return tensor_of(tensors_, index); }

  // Arguments of a task's kernels.
  ChannelRecord channels(const Task& task) const;
  RearrangementRecord rearrangement(const Task& task) const;
  PoolingRecord pooling(const Task& task) const;
  EmbeddingRecord embedding(const Task& task) const;
  EmbeddingUses uses_of(int table) const;
  std::vector<WeightLayer> weight_layers(const PlannedLaunch& launch, int level = 0) const;

  void enqueue_stages(Launcher& launcher, const PlannedLaunch& launch, const StepRecord& step,
                      FreshCopies& fresh) const;
  void enqueue_stage(Launcher& launcher, const PlannedStage& stage, const StepRecord& step) const;
  // Launches the consecutive row-wise stages from `begin` on in one kernel. Returns the number of
  // the stage after them.
  int enqueue_rows(Launcher& launcher, int begin, int end, const StepRecord& step) const;
  // Launches [begin, end) of the plan on a batch, or on a part of it whose gradients are stored at
  // `level`.
  struct Launches {
    int begin, end;
    int level = 0;
  };
  // Returns whether the last launch has ended the step, as `finish` says; without sums, it never
  // does.
  bool enqueue_launches(Launcher& launcher, const Launches& launches, const StepRecord& step,
                        bool update, const FinishRecord& finish) const;
  void enqueue_channels(Launcher& launcher, const PlannedLaunch& launch, const StepRecord& step,
                        bool update, int level) const;
  // If `finish` has sums, the last of these launches also ends the step.
  void enqueue_weights(Launcher& launcher, const PlannedLaunch& launch, const StepRecord& step,
                       int level, const FinishRecord& finish, FreshCopies& fresh) const;
  StepRecord step_of(const Batch& batch) const;
  FinishRecord finish_of(const Batch& batch) const;

  Device& device_;
  const Program& program_;
  const PassPlan plan_;
  const Parameters& parameters_;
  const Updates& updates_;
  const WideLayers& layers_;
  const int usual_rows_;
  std::vector<Operand> tensors_;  // the tensors that are in memory, after reserve()
  WidePass wide_;
  Slice slice_{};
  DeviceMemory statistics_memory_;
  std::vector<float*> statistics_;
  DeviceMemory memory_;
  int capacity_ = 0;   // rows
  int positions_ = 1;  // the most of a head
  float* values_ = nullptr;
  float* partials_ = nullptr;
  std::uint32_t* counters_ = nullptr;
};

}  // namespace neurode::cuda
