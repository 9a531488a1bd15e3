// The table of losses: one functor and one row each.
#pragma once

#include "native/ops/losses/binary.h"
#include "native/ops/losses/categorical.h"
#include "native/ops/losses/hinge.h"
#include "native/ops/losses/regression.h"

// ROW(name, functor of probabilities, functor of logits, names of its numbers...). The first number
// of a row with two functors is fromLogits; a row without names its one functor twice.
#define NEURODE_LOSSES(ROW)      \
  NEURODE_REGRESSION_LOSSES(ROW) \
  NEURODE_HINGE_LOSSES(ROW)      \
  NEURODE_BINARY_LOSSES(ROW)     \
  NEURODE_CATEGORICAL_LOSSES(ROW)
