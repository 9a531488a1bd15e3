// Definitions that all losses share. A functor handles one row of outputs per lane. The formulas
// are those of Keras.
//
// row(n, y, target, p, grad) returns the loss of the row, and calls grad(i, d loss / d y(i)) for
// each output unless grad is NoGradient. y(i) and target(i) read output i; grad may overwrite y.
// Where the slope is discontinuous, the value is that of Keras.
#pragma once

#include "native/ops/math.h"
#include "native/ops/params.h"

namespace neurode::NEURODE_ISA_NAMESPACE::ops {

// Probabilities are clipped to [kClip, 1 - kClip]. A clipped probability has no gradient.
constexpr float kClip = 1e-7f;

// The numbers of a loss that has a functor for logits. Other losses name the same functor twice, so
// for these the choice by the first number has no effect.
struct LogitsParams {
  float from_logits;  // not 0: the caller uses the functor of logits
};
struct CrossentropyParams : LogitsParams {
  float label_smoothing;
};
struct FocalParams : CrossentropyParams {
  float alpha;  // binary losses: below 0, there is no weighting
  float gamma;
};

// Whether the numbers select the functor of logits.
NEURODE_FN bool from_logits(const float* numbers) {
  return named<LogitsParams>(numbers).from_logits != 0.0f;
}

// Passed as `grad` where no gradient is wanted; none is computed.
struct NoGradient {
  template <class T>
  NEURODE_FN void operator()(int, T) const {}
};

template <class Grad>
constexpr bool kWantsGradient = true;
template <>
constexpr bool kWantsGradient<NoGradient> = false;

// x^exponent for x from 0 to 1; a smaller x than kClip is replaced by kClip.
template <class T>
NEURODE_FN T power_unit(T x, float exponent) {
  return exp<T>(log(max(x, splat<T>(kClip))) * exponent);
}

// The mean of Element::value(y, target, p) over outputs. Element::derivative is the derivative with
// respect to y.
template <class Element>
struct MeanOverOutputs {
  using Params = ParamsOf<Element>;
  template <class T, class Y, class Target, class Grad>
  static NEURODE_FN T row(int n, Y y, Target target, const Params& p, Grad grad) {
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

}  // namespace neurode::NEURODE_ISA_NAMESPACE::ops
