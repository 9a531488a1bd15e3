// The instruction sets that were compiled in, and the choice among them at run time.
#pragma once

#include <string>
#include <vector>

#include "native/cpu/kernels.h"

namespace neurode::cpu {

// The sets that this processor has, best first.
std::vector<const Kernels*> supported_kernels();

// The kernels of the best set, or of the one that NEURODE_ISA names. Throws ERR_ARGUMENT where this
// processor does not have that.
const Kernels& chosen_kernels();

}  // namespace neurode::cpu
