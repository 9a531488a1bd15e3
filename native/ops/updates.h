// What happens to gradients and weights around the optimizer's row.
#pragma once

#include <math.h>

#include "native/ops/config.h"

namespace neurode::NEURODE_ISA_NAMESPACE::ops {

// Instead of an optimizer: the gradient itself, where a weight would be.
struct StoreGradient {
  static constexpr int kSlots = 0;
  struct Scalars {};
  static NEURODE_FN Scalars prepare(float, long long, const float*) { return {}; }
  template <class T>
  static NEURODE_FN T update(T, T g, T*, const Scalars&) {
    return g;
  }
};

// What a gradient is multiplied by so that its norm is at most `limit`: limit / max(norm, limit).
// A norm that is not finite gives NaN, so that it shows.
NEURODE_FN float clip_factor(float limit, double sum_of_squares) {
  const float norm = static_cast<float>(::sqrt(sum_of_squares));
  return limit / (norm > limit ? norm : limit) + (norm - norm);
}

}  // namespace neurode::NEURODE_ISA_NAMESPACE::ops
