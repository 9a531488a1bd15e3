// Tasks that move, repeat or count the features of a row.
#pragma once

#include "cuda/kernels/records.h"
#include "cuda/runtime/launch.h"
#include "native/engine/program.h"

namespace neurode::cuda {

struct RearrangementRecord {
  TaskKind kind;
  int features;                         // per row of the output, all positions together
  int input_features, output_features;  // per position
  Block block;
  int begin;   // place, take: the first column
  int counts;  // encode: writes the number of occurrences instead of 0 or 1
  Tensor input, output;
};

void run_rearrangement(Launcher& launcher, const RearrangementRecord& record,
                       const StepRecord& step);

}  // namespace neurode::cuda
