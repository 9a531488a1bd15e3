// What predictions cost on the CPU, and when more threads than one are worth it.
#pragma once

#include "native/cpu/kernels.h"
#include "native/engine/inference.h"

namespace neurode::cpu {

// The cost of predictions.
ForwardCost forward_cost(const Program& program, const Kernels& kernels);
// The cost of evaluations, whose rows go through panels.
ForwardCost cost_of_panels(const Program& program, const Kernels& kernels);

// The cost of rows where the weights are in the caches.
double cached_cost(const ForwardCost& cost, std::int64_t rows);

// How many threads shall compute the rows: one, or `most` where one thread would take so long that
// it pays to wake others. To wake a thread takes about 20 us.
int threads_worth_waking(const ForwardCost& cost, std::int64_t rows, int most);

// What evaluations and steps of training cost beside their passes: for a row, and for all rows.
double cost_of_values(const Program& program);
double cost_of_penalties(const Program& program);
double cost_of_updates(const Program& program);

// Whether one thread does work of this cost in half a millisecond. Where others can help, it has to
// be done alone as soon as by a team that is woken for it.
bool is_quick_here(double cost, const ForwardCost& forward, int threads);

}  // namespace neurode::cpu
