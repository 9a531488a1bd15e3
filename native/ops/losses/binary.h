// Cross-entropies of binary outputs, which are independent of each other.
#pragma once

#include "native/ops/losses/loss.h"

namespace neurode::NEURODE_ISA_NAMESPACE::ops {

// -t log(y) - (1 - t) log(1 - y)
struct BinaryElement {
  using Params = CrossentropyParams;
  template <class T>
  static NEURODE_FN T smooth(T target, const Params& p) {
    return target - (target - 0.5f) * p.label_smoothing;
  }
  template <class T>
  static NEURODE_FN T value(T y, T target, const Params& p) {
    const T t = smooth(target, p);
    const T one = log(clamp(y, kClip, 1.0f - kClip));
    const T zero = log(clamp<T>(1.0f - y, kClip, 1.0f - kClip));
    // The sum starts from the term with the larger target, so that the other term vanishes exactly
    // if the target is 0 or 1.
    const MaskOf<T> likely = t > 0.5f;
    const T main = select<T>(likely, one, zero);
    const T rest = select<T>(likely, zero, one) - main;
    return -(rest * select<T>(likely, 1.0f - t, t) + main);
  }
  template <class T>
  static NEURODE_FN T derivative(T y, T target, const Params& p) {
    const T d = (y - smooth(target, p)) / (y * (1.0f - y));
    return select<T>(y < kClip, splat<T>(0.0f), select<T>(y > 1.0f - kClip, splat<T>(0.0f), d));
  }
};

// As above for y = sigmoid(z): |z| wrong + log(1 + exp(-|z|)), where wrong is 1 - t for positive z,
// otherwise t.
struct BinaryLogitsElement {
  using Params = CrossentropyParams;
  template <class T>
  static NEURODE_FN T value(T z, T target, const Params& p) {
    const T t = BinaryElement::smooth(target, p);
    const T wrong = select<T>(z > 0.0f, 1.0f - t, t);
    return abs(z) * wrong + log1p_unit<T>(exp<T>(-abs(z)));
  }
  template <class T>
  static NEURODE_FN T derivative(T z, T target, const Params& p) {
    return sigmoid(z) - BinaryElement::smooth(target, p);
  }
};

// The cross-entropy of a probability y, times q^gamma with q = t (1 - y) + (1 - t) y, the distance
// of y from the target. Also multiplied by alpha for a target of 1, and by 1 - alpha for a target
// of 0.
struct BinaryFocal {
  using Params = FocalParams;
  template <class T>
  static NEURODE_FN T weight(T t, const Params& p) {
    return p.alpha < 0.0f ? splat<T>(1.0f) : T(t * (2.0f * p.alpha - 1.0f) + (1.0f - p.alpha));
  }
  // `rest` is 1 - y.
  template <class T>
  static NEURODE_FN T value(T t, T y, T rest, T crossentropy, const Params& p) {
    const T q = t * rest + (1.0f - t) * y;
    return weight(t, p) * power_unit(q, p.gamma) * crossentropy;
  }
  // `slope` is the derivative of the crossentropy, and `inner` that of y.
  template <class T>
  static NEURODE_FN T derivative(T t, T y, T rest, T crossentropy, T slope, T inner,
                                 const Params& p) {
    const T q = t * rest + (1.0f - t) * y;
    const T own = crossentropy * power_unit(q, p.gamma - 1.0f) * p.gamma;
    return weight(t, p) * (power_unit(q, p.gamma) * slope + own * (1.0f - t * 2.0f) * inner);
  }
};

struct BinaryFocalElement {
  using Params = FocalParams;
  template <class T>
  static NEURODE_FN T value(T y, T target, const Params& p) {
    return BinaryFocal::value<T>(BinaryElement::smooth(target, p), y, 1.0f - y,
                                 BinaryElement::value(y, target, p), p);
  }
  template <class T>
  static NEURODE_FN T derivative(T y, T target, const Params& p) {
    return BinaryFocal::derivative<T>(BinaryElement::smooth(target, p), y, 1.0f - y,
                                      BinaryElement::value(y, target, p),
                                      BinaryElement::derivative(y, target, p), splat<T>(1.0f), p);
  }
};

struct BinaryFocalLogitsElement {
  using Params = FocalParams;
  template <class T>
  static NEURODE_FN T value(T z, T target, const Params& p) {
    return BinaryFocal::value<T>(BinaryElement::smooth(target, p), sigmoid(z), sigmoid<T>(-z),
                                 BinaryLogitsElement::value(z, target, p), p);
  }
  template <class T>
  static NEURODE_FN T derivative(T z, T target, const Params& p) {
    const T y = sigmoid(z), rest = sigmoid<T>(-z);
    return BinaryFocal::derivative<T>(BinaryElement::smooth(target, p), y, rest,
                                      BinaryLogitsElement::value(z, target, p),
                                      BinaryLogitsElement::derivative(z, target, p), y * rest, p);
  }
};

struct BinaryCrossentropy : MeanOverOutputs<BinaryElement> {};
struct BinaryCrossentropyLogits : MeanOverOutputs<BinaryLogitsElement> {};
struct BinaryFocalCrossentropy : MeanOverOutputs<BinaryFocalElement> {};
struct BinaryFocalCrossentropyLogits : MeanOverOutputs<BinaryFocalLogitsElement> {};

}  // namespace neurode::NEURODE_ISA_NAMESPACE::ops

// See NEURODE_LOSSES.
#define NEURODE_BINARY_LOSSES(ROW)                                                     \
  ROW(binaryCrossentropy, BinaryCrossentropy, BinaryCrossentropyLogits, "fromLogits",  \
      "labelSmoothing")                                                                \
  ROW(binaryFocalCrossentropy, BinaryFocalCrossentropy, BinaryFocalCrossentropyLogits, \
      "fromLogits", "labelSmoothing", "alpha", "gamma")
