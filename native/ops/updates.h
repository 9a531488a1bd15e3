// Functions of gradients and weights that are applied before or after the optimizer.
#pragma once

#include <math.h>

#include "native/ops/params.h"

namespace neurode::NEURODE_ISA_NAMESPACE::ops {

// Takes the place of an optimizer where only the gradient is wanted: the gradient is stored as if
// it were the new weight.
struct StoreGradient {
  static constexpr int kSlots = 0;
  struct Scalars {};
  static NEURODE_FN Scalars prepare(float, long long, NoParams) { return {}; }
  template <class T>
  static NEURODE_FN T update(T, T g, T*, const Scalars&) {
    return g;
  }
};

// Adds the gradient to the one that is stored: a parameter that several layers use.
struct AddGradient : StoreGradient {
  template <class T>
  static NEURODE_FN T update(T stored, T g, T*, const Scalars&) {
    return stored + g;
  }
};

// The factor that limits a gradient's norm to `limit`: limit / max(norm, limit). A norm that is not
// finite gives NaN, so that the error is visible.
NEURODE_FN float clip_factor(float limit, double sum_of_squares) {
  const float norm = static_cast<float>(::sqrt(sum_of_squares));
  return limit / (norm > limit ? norm : limit) + (norm - norm);
}

// The factor that a constraint of the norm applies to its weights: it moves the norm by `rate` of
// the way into [least, most]. As in Keras, the 1e-7 shortens even legal weights a little.
NEURODE_FN float norm_factor(double sum_of_squares, float least, float most, float rate) {
  const float norm = static_cast<float>(::sqrt(sum_of_squares));
  const float inside = norm < least ? least : norm > most ? most : norm;
  return (rate * inside + (1 - rate) * norm) / (1e-7f + norm);
}

}  // namespace neurode::NEURODE_ISA_NAMESPACE::ops
