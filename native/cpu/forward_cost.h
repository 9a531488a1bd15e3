// What predictions cost on the CPU, and when more threads than one are worth it.
#pragma once

#include "native/cpu/kernels.h"
#include "native/engine/inference.h"

namespace neurode::cpu {

// Of the inference that a Program gets: packed, or by an executor.
ForwardCost forward_cost(const Program& program, const Kernels& kernels);
// Of an executor, whose rows go through panels.
ForwardCost cost_of_panels(const Program& program, const Kernels& kernels);

// One, or `most` where the rows take one thread so long that it pays to wake others, which takes
// 20 us.
int threads_worth_waking(const ForwardCost& cost, std::int64_t rows, int most);

}  // namespace neurode::cpu
