// Dense networks frozen for inference on the CPU: kernels packed once, rows in small blocks through
// all layers.
#pragma once

#include <memory>

#include "native/cpu/kernels.h"
#include "native/cpu/threads.h"
#include "native/engine/inference.h"

namespace neurode::cpu {

// Whether packed inference can run the Program: it is a chain of dense layers, activations and
// affine maps.
bool is_packed(const Program& program);

// Null where is_packed says no. Copies the values.
std::shared_ptr<const Inference> pack_for_inference(const Program& program, const Kernels& kernels,
                                                    std::shared_ptr<ThreadTeam> team,
                                                    const ParameterValues& values);

}  // namespace neurode::cpu
