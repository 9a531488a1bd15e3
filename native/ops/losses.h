// The table of losses: each has one or two functors and one row.
#pragma once

#include "native/ops/losses/binary.h"
#include "native/ops/losses/categorical.h"
#include "native/ops/losses/hinge.h"
#include "native/ops/losses/regression.h"

// ROW(name, functor of probabilities, functor of logits, names of the functors' numbers...). In a
// row with two different functors, the first number is fromLogits. A loss without that number
// repeats its functor.
#define NEURODE_LOSSES(ROW)      \
  NEURODE_REGRESSION_LOSSES(ROW) \
  NEURODE_HINGE_LOSSES(ROW)      \
  NEURODE_BINARY_LOSSES(ROW)     \
  NEURODE_CATEGORICAL_LOSSES(ROW)
