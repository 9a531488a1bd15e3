// Tasks whose parameters belong to channels or to vectors of a table, and those that move features:
// the elements of a batch by them, and sums over a batch for them.
#pragma once

#include "cuda/kernels/records.h"
#include "cuda/runtime/launch.h"
#include "native/engine/program.h"

namespace neurode::cuda {

// Channel of feature f: f / inner % channels. What a task does not have is null.
struct ChannelRecord {
  TaskKind kind;
  int features, channels, inner;
  OpRecord op;
  float *kernel, *bias, *mean, *variance;
  float* statistics;  // (kStatistics, statistics_stride) of the batch
  int statistics_stride;
  int count, size, kernel_stride;  // of an embedding's table: vectors, floats of each
  Block block;
  int counts;
  int input_features, output_features;  // regroup: of a position
  Tensor input, output, gradient, input_gradient;
};

// Stages of rows, element by element.
void run_channel_elements(Launcher& launcher, const ChannelRecord& record, const StepRecord& step);

// Tasks of Axis::outputs. Gradients go where `kernel` and `bias` say.
void run_channel_sums(Launcher& launcher, const ChannelRecord& record, const StepRecord& step,
                      const OpRecord& optimizer, const WeightsRecord& kernel,
                      const WeightsRecord& bias);

}  // namespace neurode::cuda
