// Noise in training: functors that turn 32 random bits into y = x factor + term. The formulas are
// those of Keras.
//
// If kScales, the factor may differ from 1, and the gradient is multiplied by the factor.
#pragma once

#include "native/ops/params.h"
#include "native/ops/random.h"

namespace neurode::NEURODE_ISA_NAMESPACE::ops {

template <class T>
struct FactorAndTerm {
  T factor, term;
};

// The factor is 0 or 1 / (1 - rate).
struct Dropout {
  struct Params {
    float rate;
  };
  static constexpr bool kScales = true;
  template <class T>
  static NEURODE_FN FactorAndTerm<T> draw(UintOf<T> word, const Params& p) {
    const T keep = splat<T>(1.0f / (1.0f - p.rate));
    const T zero = splat<T>(0.0f);
    return {select<T>(uniform01<T>(word) >= p.rate, keep, zero), zero};
  }
};

// The factor has the mean 1 and the standard deviation sqrt(rate / (1 - rate)).
struct GaussianDropout {
  struct Params {
    float rate;
  };
  static constexpr bool kScales = true;
  template <class T>
  static NEURODE_FN FactorAndTerm<T> draw(UintOf<T> word, const Params& p) {
    const float deviation = sqrt<float>(p.rate / (1.0f - p.rate));
    return {standard_normal<T>(word) * deviation + 1.0f, splat<T>(0.0f)};
  }
};

struct GaussianNoise {
  struct Params {
    float stddev;
  };
  static constexpr bool kScales = false;
  template <class T>
  static NEURODE_FN FactorAndTerm<T> draw(UintOf<T> word, const Params& p) {
    return {splat<T>(1.0f), standard_normal<T>(word) * p.stddev};
  }
};

// Sets dropped values to the limit of selu at -infinity, then scales all values to mean 0 and
// variance 1 again. https://arxiv.org/abs/1706.02515
struct AlphaDropout {
  struct Params {
    float rate;
  };
  static constexpr bool kScales = true;
  static constexpr float kLowest = -1.75809934085f;
  template <class T>
  static NEURODE_FN FactorAndTerm<T> draw(UintOf<T> word, const Params& p) {
    const float a = 1.0f / sqrt<float>((1.0f - p.rate) * (1.0f + p.rate * kLowest * kLowest));
    const float b = -a * kLowest * p.rate;
    const MaskOf<T> kept = uniform01<T>(word) >= p.rate;
    return {select<T>(kept, splat<T>(a), splat<T>(0.0f)),
            select<T>(kept, splat<T>(b), splat<T>(a * kLowest + b))};
  }
};

}  // namespace neurode::NEURODE_ISA_NAMESPACE::ops

// ROW(name, functor, names of the functor's numbers...)
#define NEURODE_NOISES(ROW)                     \
  ROW(dropout, Dropout, "rate")                 \
  ROW(gaussianDropout, GaussianDropout, "rate") \
  ROW(gaussianNoise, GaussianNoise, "stddev")   \
  ROW(alphaDropout, AlphaDropout, "rate")
