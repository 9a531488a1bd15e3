// Tasks whose parameters are per channel: feature functions and normalizations. Their kernels run
// for each element, or sum over the batch.
#pragma once

#include "cuda/kernels/records.h"
#include "cuda/runtime/launch.h"
#include "native/engine/program.h"

namespace neurode::cuda {

// Feature f belongs to channel f / inner % channels. Pointers that a task does not use are null.
struct ChannelRecord {
  TaskKind kind;
  int features, channels, inner;
  OpRecord op;
  float *kernel, *bias, *mean, *variance;
  float* statistics;  // (kStatistics, statistics_stride): statistics of the batch
  int statistics_stride;
  Tensor input, output, gradient, input_gradient;
};

// Runs a task of Axis::rows.
void run_channel_elements(Launcher& launcher, const ChannelRecord& record, const StepRecord& step);

// Runs a task of Axis::outputs. `kernel` and `bias` say where the gradients go.
void run_channel_sums(Launcher& launcher, const ChannelRecord& record, const StepRecord& step,
                      const OpRecord& optimizer, const WeightsRecord& kernel,
                      const WeightsRecord& bias);

}  // namespace neurode::cuda
