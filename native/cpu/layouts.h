// What the lanes of a tensor's panels are: rows of the batch, or positions of rows.
#pragma once

#include <vector>

#include "native/engine/program.h"

namespace neurode::cpu {

// By tensor: into how many lanes a row of it is split. A tensor of several positions has a lane for
// each; so has a tensor of whole rows if it is joined to one of those by `regroup` and all its
// tasks treat each position alone.
std::vector<int> lanes_of_rows(const Pass& pass);

}  // namespace neurode::cpu
