// The parts of a step that divide the rows of a batch among threads, other than large matrix
// products.
#pragma once

#include "cuda/kernels/records.h"
#include "cuda/runtime/launch.h"

namespace neurode::cuda {

// Runs one stage, with one thread for each element.
void run_elements(Launcher& launcher, const Stage& stage, const StepRecord& step);

constexpr int kMostRowStages = 8;

// Consecutive row-wise stages that one kernel runs, with one thread for each row.
struct RowStages {
  Stage stages[kMostRowStages];
  int count;
};
void run_rows(Launcher& launcher, const RowStages& stages, const StepRecord& step);

// A whole pass for kSliceRows rows in one block. Activations stay in shared memory.
constexpr int kSliceRows = 4;
constexpr int kMostSliceStages = 18;
constexpr int kMostSliceLoads = 2;
constexpr int kMostSliceSaves = 14;
constexpr int kSliceScratch = kThreads * kSliceRows;  // floats for partial sums, at the start
constexpr int kMostSliceFeatures = 2048;  // sum of the features of all tensors in shared memory

struct SliceCopy {
  Operand global;
  Operand shared;
  int features;
};

struct Slice {
  Stage stages[kMostSliceStages];
  SliceCopy loads[kMostSliceLoads];
  SliceCopy saves[kMostSliceSaves];
  int count, load_count, save_count;
  int shared_floats;
};
static_assert(sizeof(Slice) + sizeof(StepRecord) <= 4096);  // kernel argument limit

void run_slices(Launcher& launcher, const Slice& slice, const StepRecord& step);

// Computes each head's loss scale of a weighted batch: 1 / (number of counted rows), or 1 / (their
// weight).
void weigh(Launcher& launcher, const StepRecord& step, int heads);

// Copies a head's outputs, targets and weights of the batch to state.captured.
void capture(Launcher& launcher, const Operand& output, int head, const StepRecord& step);

// Copies the gradient of the batch's input to state.input_gradients, times `scale`.
void give_input_gradient(Launcher& launcher, const Operand& gradient, int features, float scale,
                         const StepRecord& step);

// Ends a step whose last launch does not end the step itself.
void finish(Launcher& launcher, const StepRecord& step, const FinishRecord& record);

}  // namespace neurode::cuda
