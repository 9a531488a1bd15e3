// The order of tasks.
#pragma once

#include <vector>

#include "native/engine/program.h"

namespace neurode {

// Reorders tasks so that they make as few segments as possible: those of layers in parallel
// branches that need the whole batch run in one segment. A task stays behind all tasks that it
// depends on, so tasks of a chain keep their order.
void join_segments(std::vector<Task>& tasks);

}  // namespace neurode
