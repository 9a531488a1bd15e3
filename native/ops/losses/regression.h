// Regression losses: the outputs are arbitrary numbers.
#pragma once

#include "native/ops/losses/loss.h"

namespace neurode::NEURODE_ISA_NAMESPACE::ops {

struct SquaredError {
  template <class T>
  static NEURODE_FN T value(T y, T target, NoParams) {
    const T difference = y - target;
    return difference * difference;
  }
  template <class T>
  static NEURODE_FN T derivative(T y, T target, NoParams) {
    return (y - target) * 2.0f;
  }
};

// The slope at 0 is 0.
struct AbsoluteError {
  template <class T>
  static NEURODE_FN T value(T y, T target, NoParams) {
    return abs<T>(y - target);
  }
  template <class T>
  static NEURODE_FN T derivative(T y, T target, NoParams) {
    const T sign = select<T>(y > target, splat<T>(1.0f), splat<T>(-1.0f));
    return select<T>(y == target, splat<T>(0.0f), sign);
  }
};

// d^2 / 2 for d = |y - t| up to delta, and the tangent of this parabola beyond.
struct HuberElement {
  struct Params {
    float delta;
  };
  template <class T>
  static NEURODE_FN T value(T y, T target, const Params& p) {
    const T d = abs<T>(y - target);
    return select<T>(d <= p.delta, d * d * 0.5f, (d - p.delta * 0.5f) * p.delta);
  }
  template <class T>
  static NEURODE_FN T derivative(T y, T target, const Params& p) {
    return clamp<T>(y - target, -p.delta, p.delta);
  }
};

// log(cosh(d)) = |d| + log(1 + exp(-2 |d|)) - log(2)
struct LogCoshElement {
  template <class T>
  static NEURODE_FN T value(T y, T target, NoParams) {
    const T d = abs<T>(y - target);
    return (log1p_unit<T>(exp<T>(d * -2.0f)) - 0.693147181f) + d;
  }
  template <class T>
  static NEURODE_FN T derivative(T y, T target, NoParams) {
    return tanh<T>(y - target);
  }
};

// 100 |y - t| / max(|t|, kClip)
struct PercentageElement {
  template <class T>
  static NEURODE_FN T scale(T target) {
    return 100.0f / max(abs(target), splat<T>(kClip));
  }
  template <class T>
  static NEURODE_FN T value(T y, T target, NoParams p) {
    return AbsoluteError::value(y, target, p) * scale(target);
  }
  template <class T>
  static NEURODE_FN T derivative(T y, T target, NoParams p) {
    return AbsoluteError::derivative(y, target, p) * scale(target);
  }
};

// (log(1 + max(y, kClip)) - log(1 + max(t, kClip)))^2
struct SquaredLogarithmicElement {
  template <class T>
  static NEURODE_FN T difference(T y, T target) {
    return log1p(max(y, splat<T>(kClip))) - log1p(max(target, splat<T>(kClip)));
  }
  template <class T>
  static NEURODE_FN T value(T y, T target, NoParams) {
    const T d = difference(y, target);
    return d * d;
  }
  template <class T>
  static NEURODE_FN T derivative(T y, T target, NoParams) {
    return select<T>(y < kClip, splat<T>(0.0f), difference(y, target) * 2.0f / (y + 1.0f));
  }
};

// y - t log(y + kClip)
struct PoissonElement {
  template <class T>
  static NEURODE_FN T value(T y, T target, NoParams) {
    return y - target * log<T>(y + kClip);
  }
  template <class T>
  static NEURODE_FN T derivative(T y, T target, NoParams) {
    return 1.0f - target / (y + kClip);
  }
};

struct MeanSquaredError : MeanOverOutputs<SquaredError> {};
struct MeanAbsoluteError : MeanOverOutputs<AbsoluteError> {};
struct MeanAbsolutePercentageError : MeanOverOutputs<PercentageElement> {};
struct MeanSquaredLogarithmicError : MeanOverOutputs<SquaredLogarithmicElement> {};
struct Huber : MeanOverOutputs<HuberElement> {};
struct LogCosh : MeanOverOutputs<LogCoshElement> {};
struct Poisson : MeanOverOutputs<PoissonElement> {};

// -sum(t y) / (|t| |y|). Norms below kClip are replaced by kClip.
struct CosineSimilarity {
  template <class T, class Y, class Target, class Grad>
  static NEURODE_FN T row(int n, Y y, Target target, NoParams, Grad grad) {
    constexpr float kLeast = kClip * kClip;
    T dot = splat<T>(0.0f), yy = splat<T>(0.0f), tt = splat<T>(0.0f);
    NEURODE_ROLLED
    for (int i = 0; i < n; ++i) {
      const T yi = y(i), t = target(i);
      dot += t * yi;
      yy += yi * yi;
      tt += t * t;
    }
    const T inverse_y = 1.0f / sqrt(max(yy, splat<T>(kLeast)));
    const T inverse = inverse_y / sqrt(max(tt, splat<T>(kLeast)));
    const T cosine = dot * inverse;
    if constexpr (kWantsGradient<Grad>) {
      const T along = select<T>(yy < kLeast, splat<T>(0.0f), cosine * inverse_y * inverse_y);
      NEURODE_ROLLED
      for (int i = 0; i < n; ++i) grad(i, T(y(i) * along - target(i) * inverse));
    }
    return -cosine;
  }
};

// sum(t y). The targets are the derivatives of a loss that was computed elsewhere.
struct DotProduct {
  template <class T, class Y, class Target, class Grad>
  static NEURODE_FN T row(int n, Y y, Target target, NoParams, Grad grad) {
    T sum = splat<T>(0.0f);
    NEURODE_ROLLED
    for (int i = 0; i < n; ++i) {
      const T t = target(i);
      sum += t * y(i);
      if constexpr (kWantsGradient<Grad>) grad(i, t);
    }
    return sum;
  }
};

}  // namespace neurode::NEURODE_ISA_NAMESPACE::ops

// See NEURODE_LOSSES.
#define NEURODE_REGRESSION_LOSSES(ROW)                                                       \
  ROW(meanSquaredError, MeanSquaredError, MeanSquaredError)                                  \
  ROW(meanAbsoluteError, MeanAbsoluteError, MeanAbsoluteError)                               \
  ROW(meanAbsolutePercentageError, MeanAbsolutePercentageError, MeanAbsolutePercentageError) \
  ROW(meanSquaredLogarithmicError, MeanSquaredLogarithmicError, MeanSquaredLogarithmicError) \
  ROW(huber, Huber, Huber, "delta")                                                          \
  ROW(logCosh, LogCosh, LogCosh)                                                             \
  ROW(poisson, Poisson, Poisson)                                                             \
  ROW(cosineSimilarity, CosineSimilarity, CosineSimilarity)                                  \
  ROW(dotProduct, DotProduct, DotProduct)
