// Losses: one functor and one row each, on one row of outputs per lane. The formulas are Keras'.
//
// row(n, y, target, p, grad) is the loss of the row, and calls grad(i, d loss / d y(i)) for each
// output unless grad is NoGradient. y(i) and target(i) read output i; grad may overwrite y.
// p of a cross-entropy: fromLogits, by which the caller chose the functor, then labelSmoothing.
// Where a slope jumps, it is the one that Keras takes.
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
    NEURODE_ROLLED
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

// The same of y = sigmoid(z): |z| (t or 1 - t, the unlikelier) + log(1 + exp(-|z|)).
struct BinaryLogitsElement {
  template <class T>
  static NEURODE_FN T value(T z, T target, const float* p) {
    const T t = BinaryElement::smooth(target, p);
    const T wrong = select<T>(z > 0.0f, 1.0f - t, t);
    return abs(z) * wrong + log1p_unit<T>(exp<T>(-abs(z)));
  }
  template <class T>
  static NEURODE_FN T derivative(T z, T target, const float* p) {
    return sigmoid(z) - BinaryElement::smooth(target, p);
  }
};

// Half the square up to delta, the tangent beyond.
struct HuberElement {  // delta
  template <class T>
  static NEURODE_FN T value(T y, T target, const float* p) {
    const T d = abs<T>(y - target);
    return select<T>(d <= p[0], d * d * 0.5f, (d - p[0] * 0.5f) * p[0]);
  }
  template <class T>
  static NEURODE_FN T derivative(T y, T target, const float* p) {
    return clamp<T>(y - target, -p[0], p[0]);
  }
};

// log(cosh(d)) = |d| + log(1 + exp(-2 |d|)) - log(2)
struct LogCoshElement {
  template <class T>
  static NEURODE_FN T value(T y, T target, const float*) {
    const T d = abs<T>(y - target);
    return (log1p_unit<T>(exp<T>(d * -2.0f)) - 0.693147181f) + d;
  }
  template <class T>
  static NEURODE_FN T derivative(T y, T target, const float*) {
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
  static NEURODE_FN T value(T y, T target, const float* p) {
    return AbsoluteError::value(y, target, p) * scale(target);
  }
  template <class T>
  static NEURODE_FN T derivative(T y, T target, const float* p) {
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
  static NEURODE_FN T value(T y, T target, const float*) {
    const T d = difference(y, target);
    return d * d;
  }
  template <class T>
  static NEURODE_FN T derivative(T y, T target, const float*) {
    return select<T>(y < kClip, splat<T>(0.0f), difference(y, target) * 2.0f / (y + 1.0f));
  }
};

// y - t log(y + kClip)
struct PoissonElement {
  template <class T>
  static NEURODE_FN T value(T y, T target, const float*) {
    return y - target * log<T>(y + kClip);
  }
  template <class T>
  static NEURODE_FN T derivative(T y, T target, const float*) {
    return 1.0f - target / (y + kClip);
  }
};

// x^exponent for x from 0 to 1, below kClip that of kClip.
template <class T>
NEURODE_FN T power_unit(T x, float exponent) {
  return exp<T>(log(max(x, splat<T>(kClip))) * exponent);
}

// A cross-entropy c of probability y, times q^gamma, where q = t (1 - y) + (1 - t) y is what y
// lacks, times alpha for targets of 1 and 1 - alpha for those of 0.
struct BinaryFocal {  // fromLogits, labelSmoothing, alpha (below 0: none), gamma
  template <class T>
  static NEURODE_FN T weight(T t, const float* p) {
    return p[2] < 0.0f ? splat<T>(1.0f) : T(t * (2.0f * p[2] - 1.0f) + (1.0f - p[2]));
  }
  // rest is 1 - y.
  template <class T>
  static NEURODE_FN T value(T t, T y, T rest, T crossentropy, const float* p) {
    const T q = t * rest + (1.0f - t) * y;
    return weight(t, p) * power_unit(q, p[3]) * crossentropy;
  }
  // slope: of the crossentropy; inner: of y.
  template <class T>
  static NEURODE_FN T derivative(T t, T y, T rest, T crossentropy, T slope, T inner,
                                 const float* p) {
    const T q = t * rest + (1.0f - t) * y;
    const T own = crossentropy * power_unit(q, p[3] - 1.0f) * p[3];
    return weight(t, p) * (power_unit(q, p[3]) * slope + own * (1.0f - t * 2.0f) * inner);
  }
};

struct BinaryFocalElement {
  template <class T>
  static NEURODE_FN T value(T y, T target, const float* p) {
    return BinaryFocal::value<T>(BinaryElement::smooth(target, p), y, 1.0f - y,
                                 BinaryElement::value(y, target, p), p);
  }
  template <class T>
  static NEURODE_FN T derivative(T y, T target, const float* p) {
    return BinaryFocal::derivative<T>(BinaryElement::smooth(target, p), y, 1.0f - y,
                                      BinaryElement::value(y, target, p),
                                      BinaryElement::derivative(y, target, p), splat<T>(1.0f), p);
  }
};

struct BinaryFocalLogitsElement {
  template <class T>
  static NEURODE_FN T value(T z, T target, const float* p) {
    return BinaryFocal::value<T>(BinaryElement::smooth(target, p), sigmoid(z), sigmoid<T>(-z),
                                 BinaryLogitsElement::value(z, target, p), p);
  }
  template <class T>
  static NEURODE_FN T derivative(T z, T target, const float* p) {
    const T y = sigmoid(z), rest = sigmoid<T>(-z);
    return BinaryFocal::derivative<T>(BinaryElement::smooth(target, p), y, rest,
                                      BinaryLogitsElement::value(z, target, p),
                                      BinaryLogitsElement::derivative(z, target, p), y * rest, p);
  }
};

struct MeanSquaredError : MeanOverOutputs<SquaredError> {};
struct MeanAbsoluteError : MeanOverOutputs<AbsoluteError> {};
struct MeanAbsolutePercentageError : MeanOverOutputs<PercentageElement> {};
struct MeanSquaredLogarithmicError : MeanOverOutputs<SquaredLogarithmicElement> {};
struct Huber : MeanOverOutputs<HuberElement> {};
struct LogCosh : MeanOverOutputs<LogCoshElement> {};
struct Poisson : MeanOverOutputs<PoissonElement> {};
struct BinaryCrossentropy : MeanOverOutputs<BinaryElement> {};
struct BinaryCrossentropyLogits : MeanOverOutputs<BinaryLogitsElement> {};
struct BinaryFocalCrossentropy : MeanOverOutputs<BinaryFocalElement> {};
struct BinaryFocalCrossentropyLogits : MeanOverOutputs<BinaryFocalLogitsElement> {};

// The mean of max(1 - t y, 0), or of its square. A row whose targets are all 0 or 1 means -1 and 1.
// Keras asks that of the whole batch: the same, unless 0 is a target beside others than 0 and 1.
template <bool kSquared>
struct HingeOf {
  template <class T, class Y, class Target, class Grad>
  static NEURODE_FN T row(int n, Y y, Target target, const float*, Grad grad) {
    T binary = splat<T>(1.0f);
    NEURODE_ROLLED
    for (int i = 0; i < n; ++i) {
      const T t = target(i);
      binary = select<T>(t * (t - 1.0f) == 0.0f, binary, splat<T>(0.0f));
    }
    const float scale = 1.0f / static_cast<float>(n);
    T sum = splat<T>(0.0f);
    NEURODE_ROLLED
    for (int i = 0; i < n; ++i) {
      const T t = target(i);
      const T label = t + binary * (t - 1.0f);
      const T margin = 1.0f - label * y(i);
      const T loss = max(margin, splat<T>(0.0f));
      sum += kSquared ? T(loss * loss) : loss;
      if constexpr (kWantsGradient<Grad>) {
        const T slope = kSquared ? T(loss * -2.0f) : splat<T>(-1.0f);
        grad(i, T(select<T>(margin < 0.0f, splat<T>(0.0f), slope * label) * scale));
      }
    }
    return sum * scale;
  }
};
struct Hinge : HingeOf<false> {};
struct SquaredHinge : HingeOf<true> {};

// max(largest (1 - t) y - sum(t y) + 1, 0). Several largest share the slope.
struct CategoricalHinge {
  template <class T, class Y, class Target, class Grad>
  static NEURODE_FN T row(int n, Y y, Target target, const float*, Grad grad) {
    T own = splat<T>(0.0f);
    T other = splat<T>(-kInfinity);
    NEURODE_ROLLED
    for (int i = 0; i < n; ++i) {
      const T yi = y(i), t = target(i);
      own += t * yi;
      other = max<T>((1.0f - t) * yi, other);
    }
    const T margin = (other - own) + 1.0f;
    if constexpr (kWantsGradient<Grad>) {
      T count = splat<T>(0.0f);
      NEURODE_ROLLED
      for (int i = 0; i < n; ++i) {
        const T yi = y(i), t = target(i);
        count += select<T>((1.0f - t) * yi == other, splat<T>(1.0f), splat<T>(0.0f));
      }
      const T share = 1.0f / count;
      NEURODE_ROLLED
      for (int i = 0; i < n; ++i) {
        const T yi = y(i), t = target(i);
        const T rest = 1.0f - t;
        const T slope = select<T>(rest * yi == other, rest * share, splat<T>(0.0f)) - t;
        grad(i, select<T>(margin < 0.0f, splat<T>(0.0f), slope));
      }
    }
    return max(margin, splat<T>(0.0f));
  }
};

// sum(t log(t / y)), both clipped to [kClip, 1].
struct KlDivergence {
  template <class T, class Y, class Target, class Grad>
  static NEURODE_FN T row(int n, Y y, Target target, const float*, Grad grad) {
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

// -sum(t y) / (|t| |y|), with norms of at least kClip.
struct CosineSimilarity {
  template <class T, class Y, class Target, class Grad>
  static NEURODE_FN T row(int n, Y y, Target target, const float*, Grad grad) {
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

// sum(t y): targets that are slopes, from a loss that was computed elsewhere.
struct DotProduct {
  template <class T, class Y, class Target, class Grad>
  static NEURODE_FN T row(int n, Y y, Target target, const float*, Grad grad) {
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

// (1 - own^q) / q, where own = sum(t y), at least kMinNormal: below, its slope has no bound.
struct CategoricalGeneralizedCrossEntropy {  // q
  template <class T, class Y, class Target, class Grad>
  static NEURODE_FN T row(int n, Y y, Target target, const float* p, Grad grad) {
    T own = splat<T>(0.0f);
    NEURODE_ROLLED
    for (int i = 0; i < n; ++i) own += target(i) * y(i);
    const T logarithm = log(max(own, splat<T>(kMinNormal)));
    if constexpr (kWantsGradient<Grad>) {
      const T slope = -exp<T>(logarithm * (p[0] - 1.0f));
      NEURODE_ROLLED
      for (int i = 0; i < n; ++i) grad(i, T(target(i) * slope));
    }
    return expm1<T>(logarithm * p[0]) * (-1.0f / p[0]);
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

// -alpha sum(t (1 - q)^gamma log(q)) of probabilities q, and its derivative by q(i).
struct CategoricalFocal {  // fromLogits, labelSmoothing, alpha, gamma
  template <class T>
  static NEURODE_FN T value(T t, T probability, const float* p) {
    const T q = clamp(probability, kClip, 1.0f - kClip);
    return t * (power_unit<T>(1.0f - q, p[3]) * log(q)) * -p[2];
  }
  template <class T>
  static NEURODE_FN T derivative(T t, T probability, const float* p) {
    const T q = clamp(probability, kClip, 1.0f - kClip);
    const T rest = 1.0f - q;
    const T own = power_unit(rest, p[3] - 1.0f) * log(q) * p[3];
    return t * (own - power_unit(rest, p[3]) / q) * within_clip(probability) * p[2];
  }
};

struct CategoricalFocalCrossentropy {
  template <class T, class Y, class Target, class Grad>
  static NEURODE_FN T row(int n, Y y, Target target, const float* p, Grad grad) {
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
  template <class T, class Z, class Target, class Grad>
  static NEURODE_FN T row(int n, Z z, Target target, const float* p, Grad grad) {
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

// -log of the true class's share of clip(y): clips, then normalises. Targets are one-hot.
struct SparseCategoricalCrossentropy {
  template <class T, class Y, class Target, class Grad>
  static NEURODE_FN T row(int n, Y y, Target target, const float*, Grad grad) {
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

// ROW(name, functor of probabilities, functor of logits, names of its numbers...). The first number
// of a row with two functors is fromLogits; a row without names its one functor twice.
#define NEURODE_LOSSES(ROW)                                                                  \
  ROW(meanSquaredError, MeanSquaredError, MeanSquaredError)                                  \
  ROW(meanAbsoluteError, MeanAbsoluteError, MeanAbsoluteError)                               \
  ROW(meanAbsolutePercentageError, MeanAbsolutePercentageError, MeanAbsolutePercentageError) \
  ROW(meanSquaredLogarithmicError, MeanSquaredLogarithmicError, MeanSquaredLogarithmicError) \
  ROW(huber, Huber, Huber, "delta")                                                          \
  ROW(logCosh, LogCosh, LogCosh)                                                             \
  ROW(poisson, Poisson, Poisson)                                                             \
  ROW(hinge, Hinge, Hinge)                                                                   \
  ROW(squaredHinge, SquaredHinge, SquaredHinge)                                              \
  ROW(categoricalHinge, CategoricalHinge, CategoricalHinge)                                  \
  ROW(klDivergence, KlDivergence, KlDivergence)                                              \
  ROW(cosineSimilarity, CosineSimilarity, CosineSimilarity)                                  \
  ROW(dotProduct, DotProduct, DotProduct)                                                    \
  ROW(binaryCrossentropy, BinaryCrossentropy, BinaryCrossentropyLogits, "fromLogits",        \
      "labelSmoothing")                                                                      \
  ROW(binaryFocalCrossentropy, BinaryFocalCrossentropy, BinaryFocalCrossentropyLogits,       \
      "fromLogits", "labelSmoothing", "alpha", "gamma")                                      \
  ROW(categoricalCrossentropy, CategoricalCrossentropy, CategoricalCrossentropyLogits,       \
      "fromLogits", "labelSmoothing")                                                        \
  ROW(categoricalFocalCrossentropy, CategoricalFocalCrossentropy,                            \
      CategoricalFocalCrossentropyLogits, "fromLogits", "labelSmoothing", "alpha", "gamma")  \
  ROW(categoricalGeneralizedCrossEntropy, CategoricalGeneralizedCrossEntropy,                \
      CategoricalGeneralizedCrossEntropy, "q")                                               \
  ROW(sparseCategoricalCrossentropy, SparseCategoricalCrossentropy,                          \
      SparseCategoricalCrossentropyLogits, "fromLogits")
