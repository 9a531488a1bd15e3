// Pooling over positions on the CPU.
#pragma once

#include <algorithm>
#include <cstdint>

#include "native/engine/plan.h"

namespace neurode::cpu {

// x is (positions, channels) and y (channels). Values lie `line` floats apart; at each, `lanes`
// rows of a panel are worked on.
struct Pooled {
  int positions, channels, line, lanes;
};

void pool(const Op& op, const Pooled& shape, const float* x, float* y);

// The gradient is divided among the positions by their shares in y. It is NaN where no position has
// one, which happens where y is NaN.
void pool_backward(const Op& op, const Pooled& shape, const float* x, const float* y,
                   const float* gradient, float* input_gradient);

}  // namespace neurode::cpu
