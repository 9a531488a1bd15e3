// What an optimizer's update needs besides weights and gradients: the same for every parameter of a
// step.
#pragma once

#include <cstdint>

namespace neurode::cpu {

struct OptimizerStep {
  int row;              // of the op table
  const float* params;  // in the row's order
  float learning_rate;
  std::int64_t step;  // optimizer steps taken before this one
};

}  // namespace neurode::cpu
