// The input that a caller passes for a range or a prediction.
#pragma once

#include "cuda/kernels/records.h"
#include "native/engine/plugin.h"

namespace neurode::cuda {

inline bool asked(const plugin::CancelRecord& cancel) {
  return cancel.asked != nullptr && cancel.asked(cancel.context) != 0;
}

inline std::int64_t element_size(const plugin::InputRecord& input) {
  return input.bytes != nullptr ? 1 : sizeof(float);
}

inline const void* data_of(const plugin::InputRecord& input) {
  return input.bytes != nullptr ? static_cast<const void*>(input.bytes) : input.floats;
}

// Points the state at the rows of `input`. `on_device` is their copy in device memory.
inline void point_at(RunState& state, const plugin::InputRecord& input, const void* on_device) {
  if (input.bytes != nullptr) {
    state.bytes = static_cast<const std::uint8_t*>(on_device);
  } else {
    state.floats = static_cast<const float*>(on_device);
  }
}

}  // namespace neurode::cuda
