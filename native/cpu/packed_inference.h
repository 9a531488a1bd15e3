// Dense networks frozen for inference on the CPU: kernels packed once, rows in small blocks through
// all layers.
#pragma once

#include <memory>

#include "native/cpu/kernels.h"
#include "native/cpu/threads.h"
#include "native/engine/inference.h"

namespace neurode::cpu {

// Whether it has the tasks of dense networks alone.
bool is_packed(const Program& program);

// Null where it is not packed.
std::shared_ptr<const Inference> pack_for_inference(const Program& program, const Kernels& kernels,
                                                    std::shared_ptr<ThreadTeam> team,
                                                    const ParameterValues& values);

}  // namespace neurode::cpu
