// The tables of activations: each has one functor and one row.
#pragma once

#include "native/ops/activations/normalizers.h"
#include "native/ops/activations/piecewise.h"
#include "native/ops/activations/smooth.h"
#include "native/ops/activations/softmax.h"

// ROW(name, functor, names of the functor's numbers...)
#define NEURODE_POINTWISE_ACTIVATIONS(ROW) \
  NEURODE_PIECEWISE_ACTIVATIONS(ROW)       \
  NEURODE_SMOOTH_ACTIVATIONS(ROW)

#define NEURODE_ROWWISE_ACTIVATIONS(ROW)                           \
  ROW(softmax, Softmax)                                            \
  ROW(logSoftmax, LogSoftmax)                                      \
  ROW(standardize, Standardize, "epsilon")                         \
  ROW(rootMeanSquareNormalize, RootMeanSquareNormalize, "epsilon") \
  ROW(unitNormalize, UnitNormalize)
