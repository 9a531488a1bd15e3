// Losses: one functor and one row each, on one row of outputs per lane. The formulas are Keras'.
//
// row(n, y, target, p, grad) is the loss of the row, and calls grad(i, d loss / d y(i)) for each
// output unless grad is NoGradient. y(i) and target(i) read output i; grad may overwrite y.
// p of a cross-entropy: fromLogits, by which the caller chose the functor, then labelSmoothing.
#pragma once

#include "native/ops/math.h"

namespace neurode::NEURODE_ISA_NAMESPACE::ops {

// Probabilities are clipped to [kClip, 1 - kClip], and have no gradient where they were.
constexpr float kClip = 1e-7f;

// The gradient is not wanted, and not computed.
struct NoGradient {
  template <class T>
  NEURODE_FN void operator()(int, T) const {}
};

template <class Grad>
constexpr bool kWantsGradient = true;
template <>
constexpr bool kWantsGradient<NoGradient> = false;

// The mean of Element::value(y, target, p) over outputs. Element::derivative is by y.
template <class Element>
struct MeanOverOutputs {
  template <class T, class Y, class Target, class Grad>
  static NEURODE_FN T row(int n, Y y, Target target, const float* p, Grad grad) {
    const float scale = 1.0f / static_cast<float>(n);
    T sum = splat<T>(0.0f);
    for (int i = 0; i < n; ++i) {
      const T yi = y(i);
      const T ti = target(i);
      sum += Element::template value<T>(yi, ti, p);
      if constexpr (kWantsGradient<Grad>)
        grad(i, T(Element::template derivative<T>(yi, ti, p) * scale));
    }
    return sum * scale;
  }
};

struct SquaredError {
  template <class T>
  static NEURODE_FN T value(T y, T target, const float*) {
    const T difference = y - target;
    return difference * difference;
  }
  template <class T>
  static NEURODE_FN T derivative(T y, T target, const float*) {
    return (y - target) * 2.0f;
  }
};

// The slope at 0 is 0.
struct AbsoluteError {
  template <class T>
  static NEURODE_FN T value(T y, T target, const float*) {
    return abs<T>(y - target);
  }
  template <class T>
  static NEURODE_FN T derivative(T y, T target, const float*) {
    const T sign = select<T>(y > target, splat<T>(1.0f), splat<T>(-1.0f));
    return select<T>(y == target, splat<T>(0.0f), sign);
  }
};

// -t log(y) - (1 - t) log(1 - y)
struct BinaryElement {
  template <class T>
  static NEURODE_FN T smooth(T target, const float* p) {
    return target - (target - 0.5f) * p[1];
  }
  template <class T>
  static NEURODE_FN T value(T y, T target, const float* p) {
    const T t = smooth(target, p);
    const T one = log(clamp(y, kClip, 1.0f - kClip));
    const T zero = log(clamp<T>(1.0f - y, kClip, 1.0f - kClip));
    // From the likelier one, so that a target of 0 or 1 leaves nothing of the other.
    const MaskOf<T> likely = t > 0.5f;
    const T main = select<T>(likely, one, zero);
    const T rest = select<T>(likely, zero, one) - main;
    return -(rest * select<T>(likely, 1.0f - t, t) + main);
  }
  template <class T>
  static NEURODE_FN T derivative(T y, T target, const float* p) {
    const T d = (y - smooth(target, p)) / (y * (1.0f - y));
    return select<T>(y < kClip, splat<T>(0.0f), select<T>(y > 1.0f - kClip, splat<T>(0.0f), d));
  }
};

// The same of y = sigmoid(z): max(z, 0) - t z + log(1 + exp(-|z|)).
struct BinaryLogitsElement {
  template <class T>
  static NEURODE_FN T value(T z, T target, const float* p) {
    return (max(z, splat<T>(0.0f)) - z * BinaryElement::smooth(target, p)) +
           log1p_unit<T>(exp<T>(-abs(z)));
  }
  template <class T>
  static NEURODE_FN T derivative(T z, T target, const float* p) {
    return sigmoid(z) - BinaryElement::smooth(target, p);
  }
};

struct MeanSquaredError : MeanOverOutputs<SquaredError> {};
struct MeanAbsoluteError : MeanOverOutputs<AbsoluteError> {};
struct BinaryCrossentropy : MeanOverOutputs<BinaryElement> {};
struct BinaryCrossentropyLogits : MeanOverOutputs<BinaryLogitsElement> {};

// t (1 - labelSmoothing) + labelSmoothing / n
template <class T>
NEURODE_FN T smooth_categorical(T target, int n, const float* p) {
  return target * (1.0f - p[1]) + p[1] / static_cast<float>(n);
}

// 1 where the probability is within the clip, else 0.
template <class T>
NEURODE_FN T within_clip(T probability) {
  const T above = select<T>(probability < kClip, splat<T>(0.0f), splat<T>(1.0f));
  return select<T>(probability > 1.0f - kClip, splat<T>(0.0f), above);
}

// -sum(t log(clip(y / sum(y)))): normalises, then clips.
struct CategoricalCrossentropy {
  template <class T, class Y, class Target, class Grad>
  static NEURODE_FN T row(int n, Y y, Target target, const float* p, Grad grad) {
    T total = splat<T>(0.0f);
    for (int i = 0; i < n; ++i) total += y(i);
    const T inverse = 1.0f / total;
    T loss = splat<T>(0.0f);
    T unclipped = splat<T>(0.0f);  // sum of the targets whose probability was not clipped
    for (int i = 0; i < n; ++i) {
      const T t = smooth_categorical<T>(target(i), n, p);
      const T probability = y(i) * inverse;
      loss -= t * log(clamp(probability, kClip, 1.0f - kClip));
      if constexpr (kWantsGradient<Grad>) unclipped += t * within_clip(probability);
    }
    if constexpr (kWantsGradient<Grad>) {
      // d/dy = (unclipped - t / probability where not clipped) / total
      for (int i = 0; i < n; ++i) {
        const T t = smooth_categorical<T>(target(i), n, p);
        const T probability = y(i) * inverse;
        const T own = t * within_clip(probability) / max(probability, splat<T>(kClip));
        grad(i, T((unclipped - own) * inverse));
      }
    }
    return loss;
  }
};

// log(sum(exp(z))) = largest + log(sum).
template <class T>
struct LogSumExp {
  T largest, sum;
};
template <class T, class Z>
NEURODE_FN LogSumExp<T> log_sum_exp(int n, Z z) {
  T largest = z(0);
  for (int i = 1; i < n; ++i) largest = max<T>(largest, z(i));
  T sum = splat<T>(0.0f);
  for (int i = 0; i < n; ++i) sum += exp<T>(z(i) - largest);
  return {largest, sum};
}

// sum(t (log(sum(exp(z))) - z))
struct CategoricalCrossentropyLogits {
  template <class T, class Z, class Target, class Grad>
  static NEURODE_FN T row(int n, Z z, Target target, const float* p, Grad grad) {
    const LogSumExp<T> s = log_sum_exp<T>(n, z);
    T linear = splat<T>(0.0f);
    T total = splat<T>(0.0f);
    for (int i = 0; i < n; ++i) {
      const T t = smooth_categorical<T>(target(i), n, p);
      linear += t * (s.largest - z(i));
      total += t;
    }
    if constexpr (kWantsGradient<Grad>) {
      // d/dz = softmax(z) sum(t) - t
      const T scale = total / s.sum;
      for (int i = 0; i < n; ++i) {
        const T e = exp<T>(z(i) - s.largest);
        grad(i, T(e * scale - smooth_categorical<T>(target(i), n, p)));
      }
    }
    return linear + total * log(s.sum);
  }
};

// -log of the true class's share of clip(y): clips, then normalises. Targets are one-hot.
struct SparseCategoricalCrossentropy {
  template <class T, class Y, class Target, class Grad>
  static NEURODE_FN T row(int n, Y y, Target target, const float*, Grad grad) {
    T total = splat<T>(0.0f);
    T chosen = splat<T>(0.0f);
    for (int i = 0; i < n; ++i) {
      const T c = clamp<T>(y(i), kClip, 1.0f - kClip);
      total += c;
      chosen += target(i) * c;
    }
    if constexpr (kWantsGradient<Grad>) {
      const T inverse = 1.0f / total;
      const T inverse_chosen = 1.0f / chosen;
      for (int i = 0; i < n; ++i) {
        const T yi = y(i);
        grad(i, T((inverse - target(i) * inverse_chosen) * within_clip(yi)));
      }
    }
    return log(total) - log(chosen);
  }
};

// log(sum(exp(z))) - z of the true class. Targets are one-hot.
struct SparseCategoricalCrossentropyLogits {
  template <class T, class Z, class Target, class Grad>
  static NEURODE_FN T row(int n, Z z, Target target, const float*, Grad grad) {
    const LogSumExp<T> s = log_sum_exp<T>(n, z);
    T below = splat<T>(0.0f);
    for (int i = 0; i < n; ++i) below += target(i) * (s.largest - z(i));
    if constexpr (kWantsGradient<Grad>) {
      const T inverse = 1.0f / s.sum;
      for (int i = 0; i < n; ++i) grad(i, T(exp<T>(z(i) - s.largest) * inverse - target(i)));
    }
    return below + log(s.sum);
  }
};

}  // namespace neurode::NEURODE_ISA_NAMESPACE::ops

// ROW(name, functor of probabilities, functor of logits, names of its numbers...)
#define NEURODE_LOSSES(ROW)                                                            \
  ROW(meanSquaredError, MeanSquaredError, MeanSquaredError)                            \
  ROW(meanAbsoluteError, MeanAbsoluteError, MeanAbsoluteError)                         \
  ROW(binaryCrossentropy, BinaryCrossentropy, BinaryCrossentropyLogits, "fromLogits",  \
      "labelSmoothing")                                                                \
  ROW(categoricalCrossentropy, CategoricalCrossentropy, CategoricalCrossentropyLogits, \
      "fromLogits", "labelSmoothing")                                                  \
  ROW(sparseCategoricalCrossentropy, SparseCategoricalCrossentropy,                    \
      SparseCategoricalCrossentropyLogits, "fromLogits")
