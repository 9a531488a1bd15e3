// The outputs of a model with their losses and metrics, and what of a Plan they need.
#pragma once

#include <vector>

#include "native/engine/program.h"

namespace neurode {

// By layer: whether one of these values is computed from its output.
std::vector<bool> layers_before(const Plan& plan, const std::vector<int>& values);

// The values that a pass computes: the output of a prediction, or the outputs of all heads.
std::vector<int> outputs_of(const Plan& plan, bool predicts);

// By layer: whether its parameters have a gradient, because a loss or a penalty of an output
// depends on them. Layers that share parameters share the answer.
std::vector<bool> layers_with_gradient(const Plan& plan);

// Builds the Program's heads. `sizes`: of the Plan's values. Throws if they are not the output.
void add_heads(const Plan& plan, const std::vector<int>& sizes, Program& program);

}  // namespace neurode
