// Pooling over the positions of a row, forward and backward.
#pragma once

#include "cuda/kernels/records.h"
#include "cuda/runtime/launch.h"

namespace neurode::cuda {

// input and input_gradient are (positions, features); output and gradient are (features).
struct PoolingRecord {
  OpRecord op;
  int positions, features;
  Tensor input, output, gradient, input_gradient;
};

void pool(Launcher& launcher, const PoolingRecord& record, const StepRecord& step);
void pool_backward(Launcher& launcher, const PoolingRecord& record, const StepRecord& step);

}  // namespace neurode::cuda
