// Losses of outputs that are the probabilities of classes, or the logits of these probabilities.
#pragma once

#include "native/ops/losses/loss.h"

namespace neurode::NEURODE_ISA_NAMESPACE::ops {

// sum(t log(t / y)), both clipped to [kClip, 1].
struct KlDivergence {
  template <class T, class Y, class Target, class Grad>
  static NEURODE_FN T row(int n, Y y, Target target, NoParams, Grad grad) {
    T sum = splat<T>(0.0f);
    NEURODE_ROLLED
    for (int i = 0; i < n; ++i) {
      const T yi = y(i);
      const T t = clamp<T>(target(i), kClip, 1.0f);
      const T ratio = t / clamp(yi, kClip, 1.0f);
      sum += t * log(ratio);
      if constexpr (kWantsGradient<Grad>) {
        const T above = select<T>(yi < kClip, splat<T>(0.0f), -ratio);
        grad(i, select<T>(yi > 1.0f, splat<T>(0.0f), above));
      }
    }
    return sum;
  }
};

// t (1 - labelSmoothing) + labelSmoothing / n
template <class T>
NEURODE_FN T smooth_categorical(T target, int n, const CrossentropyParams& p) {
  return target * (1.0f - p.label_smoothing) + p.label_smoothing / static_cast<float>(n);
}

// 1 if the probability was not clipped, otherwise 0.
template <class T>
NEURODE_FN T within_clip(T probability) {
  const T above = select<T>(probability < kClip, splat<T>(0.0f), splat<T>(1.0f));
  return select<T>(probability > 1.0f - kClip, splat<T>(0.0f), above);
}

// -sum(t log(clip(y / sum(y)))): y is normalized first, then clipped.
struct CategoricalCrossentropy {
  using Params = CrossentropyParams;
  template <class T, class Y, class Target, class Grad>
  static NEURODE_FN T row(int n, Y y, Target target, const Params& p, Grad grad) {
    T total = splat<T>(0.0f);
    NEURODE_ROLLED
    for (int i = 0; i < n; ++i) total += y(i);
    const T inverse = 1.0f / total;
    T loss = splat<T>(0.0f);
    T unclipped = splat<T>(0.0f);  // sum of the targets whose probability was not clipped
    NEURODE_ROLLED
    for (int i = 0; i < n; ++i) {
      const T t = smooth_categorical<T>(target(i), n, p);
      const T probability = y(i) * inverse;
      loss -= t * log(clamp(probability, kClip, 1.0f - kClip));
      if constexpr (kWantsGradient<Grad>) unclipped += t * within_clip(probability);
    }
    if constexpr (kWantsGradient<Grad>) {
      // d/dy = (unclipped - t / probability where not clipped) / total
      NEURODE_ROLLED
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

// (1 - own^q) / q with own = sum(t y), clipped to at least kMinNormal, because the slope is
// unbounded near 0.
struct CategoricalGeneralizedCrossEntropy {
  struct Params {
    float q;
  };
  template <class T, class Y, class Target, class Grad>
  static NEURODE_FN T row(int n, Y y, Target target, const Params& p, Grad grad) {
    T own = splat<T>(0.0f);
    NEURODE_ROLLED
    for (int i = 0; i < n; ++i) own += target(i) * y(i);
    const T logarithm = log(max(own, splat<T>(kMinNormal)));
    if constexpr (kWantsGradient<Grad>) {
      const T slope = -exp<T>(logarithm * (p.q - 1.0f));
      NEURODE_ROLLED
      for (int i = 0; i < n; ++i) grad(i, T(target(i) * slope));
    }
    return expm1<T>(logarithm * p.q) * (-1.0f / p.q);
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
  using Params = CrossentropyParams;
  template <class T, class Z, class Target, class Grad>
  static NEURODE_FN T row(int n, Z z, Target target, const Params& p, Grad grad) {
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

// -alpha sum(t (1 - q)^gamma log(q)) for probabilities q, and its derivative with respect to q(i).
struct CategoricalFocal {
  using Params = FocalParams;
  template <class T>
  static NEURODE_FN T value(T t, T probability, const Params& p) {
    const T q = clamp(probability, kClip, 1.0f - kClip);
    return t * (power_unit<T>(1.0f - q, p.gamma) * log(q)) * -p.alpha;
  }
  template <class T>
  static NEURODE_FN T derivative(T t, T probability, const Params& p) {
    const T q = clamp(probability, kClip, 1.0f - kClip);
    const T rest = 1.0f - q;
    const T own = power_unit(rest, p.gamma - 1.0f) * log(q) * p.gamma;
    return t * (own - power_unit(rest, p.gamma) / q) * within_clip(probability) * p.alpha;
  }
};

struct CategoricalFocalCrossentropy {
  using Params = FocalParams;
  template <class T, class Y, class Target, class Grad>
  static NEURODE_FN T row(int n, Y y, Target target, const Params& p, Grad grad) {
    T total = splat<T>(0.0f);
    NEURODE_ROLLED
    for (int i = 0; i < n; ++i) total += y(i);
    const T inverse = 1.0f / total;
    T loss = splat<T>(0.0f);
    T dot = splat<T>(0.0f);
    NEURODE_ROLLED
    for (int i = 0; i < n; ++i) {
      const T t = smooth_categorical<T>(target(i), n, p);
      const T q = y(i) * inverse;
      loss += CategoricalFocal::value(t, q, p);
      if constexpr (kWantsGradient<Grad>) dot += CategoricalFocal::derivative(t, q, p) * q;
    }
    if constexpr (kWantsGradient<Grad>) {
      NEURODE_ROLLED
      for (int i = 0; i < n; ++i) {
        const T t = smooth_categorical<T>(target(i), n, p);
        const T q = y(i) * inverse;
        grad(i, T((CategoricalFocal::derivative(t, q, p) - dot) * inverse));
      }
    }
    return loss;
  }
};

struct CategoricalFocalCrossentropyLogits {
  using Params = FocalParams;
  template <class T, class Z, class Target, class Grad>
  static NEURODE_FN T row(int n, Z z, Target target, const Params& p, Grad grad) {
    const LogSumExp<T> s = log_sum_exp<T>(n, z);
    const T inverse = 1.0f / s.sum;
    T loss = splat<T>(0.0f);
    T dot = splat<T>(0.0f);
    NEURODE_ROLLED
    for (int i = 0; i < n; ++i) {
      const T t = smooth_categorical<T>(target(i), n, p);
      const T q = exp<T>(z(i) - s.largest) * inverse;
      loss += CategoricalFocal::value(t, q, p);
      if constexpr (kWantsGradient<Grad>) dot += CategoricalFocal::derivative(t, q, p) * q;
    }
    if constexpr (kWantsGradient<Grad>) {
      NEURODE_ROLLED
      for (int i = 0; i < n; ++i) {
        const T t = smooth_categorical<T>(target(i), n, p);
        const T q = exp<T>(z(i) - s.largest) * inverse;
        grad(i, T((CategoricalFocal::derivative(t, q, p) - dot) * q));
      }
    }
    return loss;
  }
};

// -log(c / sum(c)) of the true class with c = clip(y): y is clipped first, then normalized. Targets
// are one-hot.
struct SparseCategoricalCrossentropy {
  using Params = LogitsParams;
  template <class T, class Y, class Target, class Grad>
  static NEURODE_FN T row(int n, Y y, Target target, const Params&, Grad grad) {
    T total = splat<T>(0.0f);
    T chosen = splat<T>(0.0f);
    NEURODE_ROLLED
    for (int i = 0; i < n; ++i) {
      const T c = clamp<T>(y(i), kClip, 1.0f - kClip);
      total += c;
      chosen += target(i) * c;
    }
    if constexpr (kWantsGradient<Grad>) {
      const T inverse = 1.0f / total;
      const T inverse_chosen = 1.0f / chosen;
      NEURODE_ROLLED
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
  using Params = LogitsParams;
  template <class T, class Z, class Target, class Grad>
  static NEURODE_FN T row(int n, Z z, Target target, const Params&, Grad grad) {
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

// See NEURODE_LOSSES.
#define NEURODE_CATEGORICAL_LOSSES(ROW)                                                     \
  ROW(klDivergence, KlDivergence, KlDivergence)                                             \
  ROW(categoricalCrossentropy, CategoricalCrossentropy, CategoricalCrossentropyLogits,      \
      "fromLogits", "labelSmoothing")                                                       \
  ROW(categoricalFocalCrossentropy, CategoricalFocalCrossentropy,                           \
      CategoricalFocalCrossentropyLogits, "fromLogits", "labelSmoothing", "alpha", "gamma") \
  ROW(categoricalGeneralizedCrossEntropy, CategoricalGeneralizedCrossEntropy,               \
      CategoricalGeneralizedCrossEntropy, "q")                                              \
  ROW(sparseCategoricalCrossentropy, SparseCategoricalCrossentropy,                         \
      SparseCategoricalCrossentropyLogits, "fromLogits")
