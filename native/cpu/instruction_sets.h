// The instruction sets that were compiled in, and the choice among them at run time.
#pragma once

#include <string>
#include <vector>

#include "native/cpu/kernels.h"

namespace neurode::cpu {

// Those this processor has, best first.
std::vector<const Kernels*> supported_kernels();

// The best one, or the one NEURODE_ISA names; throws ERR_ARGUMENT where that is not supported.
const Kernels& chosen_kernels();

}  // namespace neurode::cpu
