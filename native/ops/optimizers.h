// Optimizers: one functor and one row each. update() gives the new weight; slots[0 .. kSlots) are
// its variables.
#pragma once

#include "native/ops/math.h"

namespace neurode::NEURODE_ISA_NAMESPACE::ops {

// The most variables that an optimizer keeps for each weight.
constexpr int kMaxSlots = 4;

struct Sgd {
  static constexpr int kSlots = 0;
  // What is the same for every weight of a step. `step` counts the steps before this one.
  struct Scalars {
    float learning_rate;
  };
  static NEURODE_FN Scalars prepare(float learning_rate, long long, const float*) {
    return {learning_rate};
  }
  template <class T>
  static NEURODE_FN T update(T w, T g, T*, const Scalars& s) {
    return w - g * s.learning_rate;
  }
};

// m = momentum m - learningRate g; w += nesterov ? momentum m - learningRate g : m
struct Momentum {  // momentum, nesterov
  static constexpr int kSlots = 1;
  struct Scalars {
    float momentum;
    float learning_rate;
    float momentum_of_step,
        learning_rate_of_step;  // w += momentum_of_step m - learning_rate_of_step g
  };
  static NEURODE_FN Scalars prepare(float learning_rate, long long, const float* p) {
    return p[1] != 0.0f ? Scalars{p[0], learning_rate, p[0], learning_rate}
                        : Scalars{p[0], learning_rate, 1.0f, 0.0f};
  }
  template <class T>
  static NEURODE_FN T update(T w, T g, T* slots, const Scalars& s) {
    slots[0] = slots[0] * s.momentum - g * s.learning_rate;
    return w + (slots[0] * s.momentum_of_step - g * s.learning_rate_of_step);
  }
};

// What decoupled weight decay multiplies weights by before the update.
NEURODE_FN float weight_decay_factor(float weight_decay, float learning_rate) {
  return 1.0f - weight_decay * learning_rate;
}

}  // namespace neurode::NEURODE_ISA_NAMESPACE::ops

// ROW(name, functor, names of its numbers...)
#define NEURODE_OPTIMIZERS(ROW) \
  ROW(sgd, Sgd)                 \
  ROW(momentum, Momentum, "momentum", "nesterov")
