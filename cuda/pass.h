// Runs one pass of a Program on batches: the launches of its plan, on tensors in the device's
// memory.
#pragma once

#include <vector>

#include "cuda/kernels/channels.h"
#include "cuda/kernels/dense.h"
#include "cuda/kernels/embedding.h"
#include "cuda/kernels/pooling.h"
#include "cuda/kernels/rearrangement.h"
#include "cuda/kernels/rows.h"
#include "cuda/parameters.h"
#include "cuda/pass_plan.h"
#include "cuda/updates.h"
#include "cuda/wide_pass.h"

namespace neurode::cuda {

// A batch that a pass runs on.
struct Batch {
  RunState* state;
  int rows;
  RangeSums* sums = nullptr;  // null: a prediction, which has none
  bool weighted = false;      // its rows have weights
  bool update = true;         // a training pass changes weights, and moving statistics
};

class PassRunner {
 public:
  // `usual_rows`: how many rows a batch has, 0 if their number decides (see dense_forward).
  PassRunner(Device& device, const Program& program, const Pass& pass, const Parameters& parameters,
             const Updates& updates, const WideLayers& wide, int usual_rows);
  PassRunner(const PassRunner&) = delete;
  PassRunner& operator=(const PassRunner&) = delete;

  // Takes memory for batches of up to `rows`. Returns whether tensors have moved.
  bool reserve(int rows);

  // Launches for one batch. All but a prediction end with the sums and the state of the next batch.
  void enqueue(Launcher& launcher, const Batch& batch) const;

  const float* output() const { return tensors_[plan_.pass.output].data; }
  int output_stride() const { return tensors_[plan_.pass.output].stride; }

 private:
  void take_statistics();
  void lay_out_slice();
  Stage on_device(const PlannedStage& stage) const;
  Tensor tensor(int index) const { return tensor_of(tensors_, index); }

  // What kernels are told of a task.
  ChannelRecord channels(const Task& task) const;
  RearrangementRecord rearrangement(const Task& task) const;
  PoolingRecord pooling(const Task& task) const;
  EmbeddingRecord embedding(const Task& task) const;
  std::vector<WeightLayer> weight_layers(const PlannedLaunch& launch) const;

  void enqueue_stages(Launcher& launcher, const PlannedLaunch& launch, const StepRecord& step,
                      FreshCopies& fresh) const;
  void enqueue_stage(Launcher& launcher, const PlannedStage& stage, const StepRecord& step) const;
  // Consecutive stages from `begin` on that rows run; returns the one after them.
  int enqueue_rows(Launcher& launcher, int begin, int end, const StepRecord& step) const;
  void enqueue_channels(Launcher& launcher, const PlannedLaunch& launch, const StepRecord& step,
                        bool update) const;
  // The step ends with them where `finish` has sums.
  void enqueue_weights(Launcher& launcher, const PlannedLaunch& launch, const StepRecord& step,
                       const FinishRecord& finish, FreshCopies& fresh) const;

  Device& device_;
  const Program& program_;
  const PassPlan plan_;
  const Parameters& parameters_;
  const Updates& updates_;
  const WideLayers& layers_;
  const int usual_rows_;
  std::vector<Operand> tensors_;  // those in memory, once it is reserved
  WidePass wide_;
  Slice slice_{};
  DeviceMemory statistics_memory_;
  std::vector<float*> statistics_;
  DeviceMemory memory_;
  int capacity_ = 0;  // rows
  float* values_ = nullptr;
  float* partials_ = nullptr;
  std::uint32_t* counters_ = nullptr;
};

}  // namespace neurode::cuda
