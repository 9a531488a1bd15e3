// Everything of a step that is cut along rows of the batch and is no large matrix product.
#pragma once

#include "cuda/kernels/records.h"
#include "cuda/runtime/launch.h"

namespace neurode::cuda {

// Stages that follow one another, element by element.
void run_elements(Launcher& launcher, const Stage& stage, const StepRecord& step);

constexpr int kMostRowStages = 8;

// Consecutive row-wise stages, a thread for each row.
struct RowStages {
  Stage stages[kMostRowStages];
  int count;
};
void run_rows(Launcher& launcher, const RowStages& stages, const StepRecord& step);

// A whole pass for a few rows in one block: activations stay in shared memory.
constexpr int kSliceRows = 4;
constexpr int kMostSliceStages = 18;
constexpr int kMostSliceLoads = 2;
constexpr int kMostSliceSaves = 14;
constexpr int kSliceScratch = kThreads * kSliceRows;  // floats at the start of shared memory
constexpr int kMostSliceFeatures = 2048;              // of all tensors in shared memory

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
static_assert(sizeof(Slice) + sizeof(StepRecord) <= 4096);  // what kernels can be given

void run_slices(Launcher& launcher, const Slice& slice, const StepRecord& step);

// The scale of the loss of a weighted batch: 1 over its rows that count, or over their weight.
void weigh(Launcher& launcher, const StepRecord& step, int reduction);

// Writes the batch's rows of outputs, targets and weights where the state wants them.
void capture(Launcher& launcher, const Operand& output, const StepRecord& step);

// Ends a step whose last launch did not.
void finish(Launcher& launcher, const StepRecord& step, const FinishRecord& record);

}  // namespace neurode::cuda
