// Decides which layers are wide. Tensor cores compute the products of wide layers.
#pragma once

#include "native/engine/program.h"

namespace neurode::cuda {

constexpr std::int64_t kWideWeights = 1 << 17;  // smaller layers gain nothing and stay float32

// Whether the layer with this kernel is wide. Layers that share a kernel are not: their gradients
// are added to those that are stored.
inline bool is_wide(const Program& program, int kernel) {
  const Parameter& parameter = program.parameters[kernel];
  return program.precision != Precision::float32 && parameter.layout == Layout::kernel &&
         parameter.positions == 1 && parameter.uses == 1 && parameter.size() >= kWideWeights;
}

// Whether products of wide layers read bfloat16 copies instead of floats.
inline bool reads_copies(const Program& program) {
  return program.precision == Precision::bfloat16;
}

}  // namespace neurode::cuda
