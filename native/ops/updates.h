// What happens to gradients and weights around the optimizer's row.
#pragma once

#include <math.h>

#include "native/ops/params.h"

namespace neurode::NEURODE_ISA_NAMESPACE::ops {

// Instead of an optimizer: the gradient itself, where a weight would be.
struct StoreGradient {
  static constexpr int kSlots = 0;
  struct Scalars {};
  static NEURODE_FN Scalars prepare(float, long long, NoParams) { return {}; }
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

// What a constraint of the norm multiplies its weights by: `rate` of the way into [least, most].
// As Keras, which shortens even legal weights a little.
NEURODE_FN float norm_factor(double sum_of_squares, float least, float most, float rate) {
  const float norm = static_cast<float>(::sqrt(sum_of_squares));
  const float inside = norm < least ? least : norm > most ? most : norm;
  return (rate * inside + (1 - rate) * norm) / (1e-7f + norm);
}

}  // namespace neurode::NEURODE_ISA_NAMESPACE::ops
