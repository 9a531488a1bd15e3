// Tasks whose parameters belong to channels: functions of features, and normalizations. They run
// element by element, or sum over the batch.
#pragma once

#include "cuda/kernels/records.h"
#include "cuda/runtime/launch.h"
#include "native/engine/program.h"

namespace neurode::cuda {

// Feature f is of channel f / inner % channels. What a task does not have is null.
struct ChannelRecord {
  TaskKind kind;
  int features, channels, inner;
  OpRecord op;
  float *kernel, *bias, *mean, *variance;
  float* statistics;  // (kStatistics, statistics_stride) of the batch
  int statistics_stride;
  Tensor input, output, gradient, input_gradient;
};

// Tasks of Axis::rows.
void run_channel_elements(Launcher& launcher, const ChannelRecord& record, const StepRecord& step);

// Tasks of Axis::outputs. Gradients go where `kernel` and `bias` say.
void run_channel_sums(Launcher& launcher, const ChannelRecord& record, const StepRecord& step,
                      const OpRecord& optimizer, const WeightsRecord& kernel,
                      const WeightsRecord& bias);

}  // namespace neurode::cuda
