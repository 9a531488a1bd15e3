// What losses share. A functor is of one row of outputs per lane; the formulas are Keras'.
//
// row(n, y, target, p, grad) is the loss of the row, and calls grad(i, d loss / d y(i)) for each
// output unless grad is NoGradient. y(i) and target(i) read output i; grad may overwrite y.
// Where a slope jumps, it is the one that Keras takes.
#pragma once

#include "native/ops/math.h"
#include "native/ops/params.h"

namespace neurode::NEURODE_ISA_NAMESPACE::ops {

// Probabilities are clipped to [kClip, 1 - kClip], and have no gradient where they were.
constexpr float kClip = 1e-7f;

// Of a loss with a functor for logits. A loss without one is the same functor twice, so that its
// first number, whatever it is, may choose as well.
struct LogitsParams {
  float from_logits;  // by which the caller chooses the functor
};
struct CrossentropyParams : LogitsParams {
  float label_smoothing;
};
struct FocalParams : CrossentropyParams {
  float alpha;  // of a binary loss, below 0: none
  float gamma;
};

// Whether the functor of logits is meant.
NEURODE_FN bool from_logits(const float* numbers) {
  return named<LogitsParams>(numbers).from_logits != 0.0f;
}

// The gradient is not wanted, and not computed.
struct NoGradient {
  template <class T>
  NEURODE_FN void operator()(int, T) const {}
};

template <class Grad>
constexpr bool kWantsGradient = true;
template <>
constexpr bool kWantsGradient<NoGradient> = false;

// x^exponent for x from 0 to 1, below kClip that of kClip.
template <class T>
NEURODE_FN T power_unit(T x, float exponent) {
  return exp<T>(log(max(x, splat<T>(kClip))) * exponent);
}

// The mean of Element::value(y, target, p) over outputs. Element::derivative is by y.
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
