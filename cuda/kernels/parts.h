// Kernels of the parts of a batch.
#pragma once

#include "cuda/kernels/records.h"
#include "cuda/runtime/launch.h"

namespace neurode::cuda {

// Moves the state on to the part of the batch that begins with this row.
void begin_part(Launcher& launcher, RunState* state, int first_row);

// to += from.
void add_array(Launcher& launcher, float* to, const float* from, std::int64_t count);

// to = from * factor / divisor.
void scale_array(Launcher& launcher, float* to, const float* from, std::int64_t count, float factor,
                 float divisor);

}  // namespace neurode::cuda
