// Pooling over positions on the CPU.
#pragma once

#include <algorithm>
#include <cstdint>

#include "native/engine/plan.h"

namespace neurode::cpu {

// x is (positions, channels) values, y (channels), each `line` floats after the other, of which
// `lanes` are worked on: at most a panel's.
struct Pooled {
  int positions, channels, line, lanes;
};

void pool(const Op& op, const Pooled& shape, const float* x, float* y);

// Where nothing has a share, as where y is NaN, the gradient is NaN.
void pool_backward(const Op& op, const Pooled& shape, const float* x, const float* y,
                   const float* gradient, float* input_gradient);

}  // namespace neurode::cpu
