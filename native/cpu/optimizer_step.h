// What an optimizer's update needs besides weights and gradients: the same for every parameter of a
// step.
#pragma once

#include <cstdint>

namespace neurode::cpu {

struct OptimizerStep {
  int row;              // of the op table
  const float* params;  // in the row's order
  float learning_rate;
  std::int64_t step;  // updates before this one
  float keep;         // weights are multiplied by it first: 1 - learning rate * weight decay
};

// A row that is no optimizer: it stores gradients where an optimizer would write weights.
constexpr int kStoreRow = -1;
constexpr OptimizerStep kStoreStep{kStoreRow, nullptr, 0, 0, 1};
// As above, but gradients are added to what is stored.
constexpr int kAddRow = -2;
constexpr OptimizerStep kAddStep{kAddRow, nullptr, 0, 0, 1};

constexpr int kMostSlots = 4;  // variables of an optimizer for each parameter

}  // namespace neurode::cpu
