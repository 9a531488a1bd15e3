// Rounds matrices to bfloat16.
#pragma once

#include "cuda/runtime/launch.h"
#include "cuda/wide/products.h"

namespace neurode::cuda {

// Elements in a row of a copy, padding included.
inline int padded_copy(int features) { return (features + 7) / 8 * 8; }

// to = from (rows, features), rounded. If from.data is null, rounds the rows of the batch in the
// bound data.
void round_to_bfloat16(Launcher& launcher, const Tensor& from, const RunState* state, int rows,
                       int features, const Copy& to);

}  // namespace neurode::cuda
