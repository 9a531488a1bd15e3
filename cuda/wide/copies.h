// Copies of matrices rounded to bfloat16.
#pragma once

#include "cuda/runtime/launch.h"
#include "cuda/wide/products.h"

namespace neurode::cuda {

// Elements of a copy's row.
inline int padded_copy(int features) { return (features + 7) / 8 * 8; }

// to = from (rows, features) rounded; the rows of the batch where `from` has no data.
void round_to_bfloat16(Launcher& launcher, const Tensor& from, const RunState* state, int rows,
                       int features, const Copy& to);

}  // namespace neurode::cuda
