// What predictions cost on the CPU.
#pragma once

#include "native/cpu/kernels.h"
#include "native/engine/inference.h"

namespace neurode::cpu {

ForwardCost forward_cost(const Program& program, const Kernels& kernels);

}  // namespace neurode::cpu
