// Optimizers: each has one functor and one row. update() returns the new weight; slots[0 .. kSlots)
// are the optimizer's variables for this weight. kStill: with a gradient of 0, nothing changes.
#pragma once

#include "native/ops/math.h"
#include "native/ops/params.h"

namespace neurode::NEURODE_ISA_NAMESPACE::ops {

// The most variables that an optimizer keeps for each weight.
constexpr int kMaxSlots = 4;

struct Sgd {
  static constexpr int kSlots = 0;
  static constexpr bool kStill = true;
  // Numbers that are the same for every weight of a step. `step` counts the steps before this one.
  struct Scalars {
    float learning_rate;
  };
  static NEURODE_FN Scalars prepare(float learning_rate, long long, NoParams) {
    return {learning_rate};
  }
  template <class T>
  static NEURODE_FN T update(T w, T g, T*, const Scalars& s) {
    return w - g * s.learning_rate;
  }
};

// m = momentum m - learningRate g; w += nesterov ? momentum m - learningRate g : m
struct Momentum {
  struct Params {
    float momentum, nesterov;
  };
  static constexpr int kSlots = 1;
  static constexpr bool kStill = false;
  struct Scalars {
    float momentum;
    float learning_rate;
    float momentum_of_step,
        learning_rate_of_step;  // w += momentum_of_step m - learning_rate_of_step g
  };
  static NEURODE_FN Scalars prepare(float learning_rate, long long, const Params& p) {
    return p.nesterov != 0.0f ? Scalars{p.momentum, learning_rate, p.momentum, learning_rate}
                              : Scalars{p.momentum, learning_rate, 1.0f, 0.0f};
  }
  template <class T>
  static NEURODE_FN T update(T w, T g, T* slots, const Scalars& s) {
    slots[0] = slots[0] * s.momentum - g * s.learning_rate;
    return w + (slots[0] * s.momentum_of_step - g * s.learning_rate_of_step);
  }
};

// Averages use a rate, 1 - beta, because the rate has to be exact: rounding a beta of 0.999 changes
// its rate by 1e-5. As in Keras, powers are those of the rounded beta. `t` includes this step.
NEURODE_FN float power_of_step(float base, float t) { return exp(log(base) * t); }
NEURODE_FN float one_minus_power_of_step(float base, float t) { return -expm1(log(base) * t); }

// average += (x - average) rate
template <class T>
NEURODE_FN T move_average(T average, T x, float rate) {
  return (x - average) * rate + average;
}

// m and v are averages of g and g^2; w -= rate m / (sqrt(v) + epsilon), where
// rate = learningRate sqrt(1 - beta2^t) / (1 - beta1^t). With kMaximum, v is the largest v of all
// steps.
template <bool kMaximum>
struct AdamOf {
  struct Params {
    float rate1, rate2, epsilon;
  };
  static constexpr int kSlots = kMaximum ? 3 : 2;
  static constexpr bool kStill = false;
  struct Scalars {
    float rate, rate1, rate2, epsilon;
  };
  static NEURODE_FN Scalars prepare(float learning_rate, long long step, const Params& p) {
    const float t = static_cast<float>(step + 1);
    const float correction = sqrt(one_minus_power_of_step(1.0f - p.rate2, t)) /
                             one_minus_power_of_step(1.0f - p.rate1, t);
    return {learning_rate * correction, p.rate1, p.rate2, p.epsilon};
  }
  template <class T>
  static NEURODE_FN T update(T w, T g, T* slots, const Scalars& s) {
    slots[0] = move_average<T>(slots[0], g, s.rate1);
    slots[1] = move_average<T>(slots[1], g * g, s.rate2);
    if constexpr (kMaximum) slots[2] = max<T>(slots[1], slots[2]);
    return w - slots[0] * s.rate / (sqrt(slots[kSlots - 1]) + s.epsilon);
  }
};
struct Adam : AdamOf<false> {};
struct AdamAmsgrad : AdamOf<true> {};

// v is the average of g^2; if kCentered, the square of the average of g is subtracted from v.
// increment = learningRate g / sqrt(v + epsilon). Without kMomentum, w -= increment. With
// kMomentum, sum = momentum sum + increment; w -= sum.
template <bool kMomentum, bool kCentered>
struct RmspropOf {
  struct Params {
    float rate, momentum, epsilon;
  };
  static constexpr int kSlots = 1 + kMomentum + kCentered;
  static constexpr bool kStill = false;
  struct Scalars {
    float learning_rate, rate, momentum, epsilon;
  };
  static NEURODE_FN Scalars prepare(float learning_rate, long long, const Params& p) {
    return {learning_rate, p.rate, p.momentum, p.epsilon};
  }
  template <class T>
  static NEURODE_FN T update(T w, T g, T* slots, const Scalars& s) {
    slots[0] = move_average<T>(slots[0], g * g, s.rate);
    T variance = slots[0];
    if constexpr (kCentered) {
      T& mean = slots[1 + kMomentum];
      mean = move_average<T>(mean, g, s.rate);
      variance = max<T>(variance - mean * mean, splat<T>(0.0f));  // rounding may give less than 0
    }
    const T increment = g * s.learning_rate / sqrt<T>(variance + s.epsilon);
    if constexpr (!kMomentum) return w - increment;
    slots[1] = slots[1] * s.momentum + increment;
    return w - slots[1];
  }
};
struct Rmsprop : RmspropOf<false, false> {};
struct RmspropMomentum : RmspropOf<true, false> {};
struct RmspropCentered : RmspropOf<false, true> {};
struct RmspropCenteredMomentum : RmspropOf<true, true> {};

// w -= learningRate g / sqrt(sum of g^2 + epsilon). The slot holds the sum without its initial
// value, so that the slot starts from 0 as every slot does.
struct Adagrad {
  struct Params {
    float initial_accumulator_value, epsilon;
  };
  static constexpr int kSlots = 1;
  static constexpr bool kStill = true;
  struct Scalars {
    float learning_rate, offset;
  };
  static NEURODE_FN Scalars prepare(float learning_rate, long long, const Params& p) {
    return {learning_rate, p.initial_accumulator_value + p.epsilon};
  }
  template <class T>
  static NEURODE_FN T update(T w, T g, T* slots, const Scalars& s) {
    slots[0] += g * g;
    return w - g * s.learning_rate / sqrt<T>(slots[0] + s.offset);
  }
};

// delta = g sqrt(average of delta^2 + epsilon) / sqrt(average of g^2 + epsilon);
// w -= learningRate delta. If kPrevious, the average of g^2 is that of before the step.
template <bool kPrevious>
struct AdadeltaOf {
  struct Params {
    float rate, epsilon;
  };
  static constexpr int kSlots = 2;
  static constexpr bool kStill = false;
  struct Scalars {
    float learning_rate, rate, epsilon;
  };
  static NEURODE_FN Scalars prepare(float learning_rate, long long, const Params& p) {
    return {learning_rate, p.rate, p.epsilon};
  }
  template <class T>
  static NEURODE_FN T update(T w, T g, T* slots, const Scalars& s) {
    const T previous = slots[0];
    slots[0] = move_average<T>(slots[0], g * g, s.rate);
    const T squares = kPrevious ? previous : slots[0];
    const T delta = g * sqrt<T>((slots[1] + s.epsilon) / (squares + s.epsilon));
    slots[1] = move_average<T>(slots[1], delta * delta, s.rate);
    return w - delta * s.learning_rate;
  }
};
struct Adadelta : AdadeltaOf<false> {};
struct AdadeltaPrevious : AdadeltaOf<true> {};

// u = max(beta2 u, |g|); w -= learningRate / (1 - beta1^t) m / (u + epsilon)
struct Adamax {
  struct Params {
    float rate1, rate2, epsilon;
  };
  static constexpr int kSlots = 2;
  static constexpr bool kStill = false;
  struct Scalars {
    float rate, rate1, beta2, epsilon;
  };
  static NEURODE_FN Scalars prepare(float learning_rate, long long step, const Params& p) {
    const float t = static_cast<float>(step + 1);
    return {learning_rate / one_minus_power_of_step(1.0f - p.rate1, t), p.rate1, 1.0f - p.rate2,
            p.epsilon};
  }
  template <class T>
  static NEURODE_FN T update(T w, T g, T* slots, const Scalars& s) {
    slots[0] = move_average<T>(slots[0], g, s.rate1);
    slots[1] = max<T>(abs(g), slots[1] * s.beta2);
    return w - slots[0] * s.rate / (slots[1] + s.epsilon);
  }
};

// Adam with Nesterov's momentum, u(t) = beta1 (1 - 0.96^t / 2) in place of beta1:
// w -= learningRate (u(t + 1) m / (1 - u(1) ... u(t + 1)) + (1 - u(t)) g / (1 - u(1) ... u(t)))
//      / (sqrt(v / (1 - beta2^t)) + epsilon)
struct Nadam {
  struct Params {
    float rate1, rate2, epsilon;
  };
  static constexpr int kSlots = 2;
  static constexpr bool kStill = false;
  static constexpr float kDecay = 0.96f;
  static constexpr int kDecaySteps = 420;  // from this t on, 1 - 0.96^t / 2 rounds to 1
  struct Scalars {
    float of_average, of_gradient, rate1, rate2, correction2, epsilon;
  };
  static NEURODE_FN Scalars prepare(float learning_rate, long long step, const Params& p) {
    const float t = static_cast<float>(step + 1);
    const float beta = 1.0f - p.rate1;
    const float now = beta - beta * 0.5f * power_of_step(kDecay, t);
    const float next = beta - beta * 0.5f * power_of_step(kDecay, t + 1.0f);
    float product = power_of_step(beta, t);  // becomes u(1) ... u(t)
    float decay = 1.0f;
    for (int i = 0; i <= step && i < kDecaySteps; ++i) {
      decay *= kDecay;
      product *= 1.0f - 0.5f * decay;
    }
    return {learning_rate * next / (1.0f - product * next),
            learning_rate * (1.0f - now) / (1.0f - product),
            p.rate1,
            p.rate2,
            1.0f / one_minus_power_of_step(1.0f - p.rate2, t),
            p.epsilon};
  }
  template <class T>
  static NEURODE_FN T update(T w, T g, T* slots, const Scalars& s) {
    slots[0] = move_average<T>(slots[0], g, s.rate1);
    slots[1] = move_average<T>(slots[1], g * g, s.rate2);
    return w - (slots[0] * s.of_average + g * s.of_gradient) /
                   (sqrt<T>(slots[1] * s.correction2) + s.epsilon);
  }
};

// w -= learningRate sign(beta1 m + (1 - beta1) g); m = beta2 m + (1 - beta2) g
struct Lion {
  struct Params {
    float rate1, rate2;
  };
  static constexpr int kSlots = 1;
  static constexpr bool kStill = false;
  struct Scalars {
    float learning_rate, rate1, rate2;
  };
  static NEURODE_FN Scalars prepare(float learning_rate, long long, const Params& p) {
    return {learning_rate, p.rate1, p.rate2};
  }
  template <class T>
  static NEURODE_FN T update(T w, T g, T* slots, const Scalars& s) {
    const T c = move_average<T>(slots[0], g, s.rate1);
    slots[0] = move_average<T>(slots[0], g, s.rate2);
    // 0 and NaN are left unchanged.
    const T up = select<T>(c > 0.0f, splat<T>(s.learning_rate), c);
    return w - select<T>(c < 0.0f, splat<T>(-s.learning_rate), up);
  }
};

// Follow the regularized leader. With n = sum of g^2 and q = n^power / learningRate:
// z += g + 2 l2Shrinkage w - (q - q of the step before) w
// w = (clip(z, -l1, l1) - z) / (q + beta / learningRate + 2 l2)
// The first slot holds n without its initial value, as in Adagrad. Weights do not change where
// Keras would divide by 0: before the first gradient, or at a learning rate of 0.
struct Ftrl {
  struct Params {
    float power, initial_accumulator_value, l1, l2, l2_shrinkage, beta;
  };
  static constexpr int kSlots = 2;
  static constexpr bool kStill = false;
  struct Scalars {
    float power, first, l1, shrinkage2;
    float inverse_rate, offset;  // divisor = n^power inverse_rate + offset
  };
  static NEURODE_FN Scalars prepare(float learning_rate, long long, const Params& p) {
    const float inverse_rate = learning_rate > 0.0f ? 1.0f / learning_rate : 0.0f;
    return {-p.power,     p.initial_accumulator_value,        p.l1, 2.0f * p.l2_shrinkage,
            inverse_rate, 2.0f * p.l2 + p.beta * inverse_rate};
  }
  template <class T>
  static NEURODE_FN T power(T n, float exponent) {
    if (exponent == 0.5f) return sqrt<T>(n);
    if (exponent == 0.0f) return splat<T>(1.0f);
    return exp<T>(log(n) * exponent);
  }
  template <class T>
  static NEURODE_FN T update(T w, T g, T* slots, const Scalars& s) {
    if (s.inverse_rate == 0.0f) return w;
    const T before = power<T>(slots[0] + s.first, s.power);
    slots[0] += g * g;
    const T after = power<T>(slots[0] + s.first, s.power);
    slots[1] += (g + w * s.shrinkage2) - (after - before) * s.inverse_rate * w;
    const T divisor = after * s.inverse_rate + s.offset;
    const T moved = (clamp(slots[1], -s.l1, s.l1) - slots[1]) / divisor;
    return select<T>(divisor == 0.0f, w, moved);
  }
};

// The factor by which decoupled weight decay multiplies weights before the update.
NEURODE_FN float weight_decay_factor(float weight_decay, float learning_rate) {
  return 1.0f - weight_decay * learning_rate;
}

}  // namespace neurode::NEURODE_ISA_NAMESPACE::ops

// ROW(name, functor, names of the functor's numbers...)
#define NEURODE_OPTIMIZERS(ROW)                                                               \
  ROW(sgd, Sgd)                                                                               \
  ROW(momentum, Momentum, "momentum", "nesterov")                                             \
  ROW(adam, Adam, "rate1", "rate2", "epsilon")                                                \
  ROW(adamAmsgrad, AdamAmsgrad, "rate1", "rate2", "epsilon")                                  \
  ROW(rmsprop, Rmsprop, "rate", "momentum", "epsilon")                                        \
  ROW(rmspropMomentum, RmspropMomentum, "rate", "momentum", "epsilon")                        \
  ROW(rmspropCentered, RmspropCentered, "rate", "momentum", "epsilon")                        \
  ROW(rmspropCenteredMomentum, RmspropCenteredMomentum, "rate", "momentum", "epsilon")        \
  ROW(adagrad, Adagrad, "initialAccumulatorValue", "epsilon")                                 \
  ROW(adadelta, Adadelta, "rate", "epsilon")                                                  \
  ROW(adadeltaPrevious, AdadeltaPrevious, "rate", "epsilon")                                  \
  ROW(adamax, Adamax, "rate1", "rate2", "epsilon")                                            \
  ROW(nadam, Nadam, "rate1", "rate2", "epsilon")                                              \
  ROW(lion, Lion, "rate1", "rate2")                                                           \
  ROW(ftrl, Ftrl, "learningRatePower", "initialAccumulatorValue", "l1RegularizationStrength", \
      "l2RegularizationStrength", "l2ShrinkageRegularizationStrength", "beta")
