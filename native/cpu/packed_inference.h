// Networks frozen for inference on the CPU: kernels packed once, rows in small blocks through all
// layers.
#pragma once

#include <memory>

#include "native/cpu/kernels.h"
#include "native/cpu/threads.h"
#include "native/engine/inference.h"

namespace neurode::cpu {

// Null where is_packed says no. Copies the values.
std::shared_ptr<const Inference> pack_for_inference(const Program& program, const Kernels& kernels,
                                                    std::shared_ptr<ThreadTeam> team,
                                                    const ParameterValues& values);

}  // namespace neurode::cpu
