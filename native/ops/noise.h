// Noise while training: functors that turn 32 random bits into y = x factor + term. As Keras.
//
// With kScales the factor is not always 1, and the gradient is multiplied by it.
#pragma once

#include "native/ops/params.h"
#include "native/ops/random.h"

namespace neurode::NEURODE_ISA_NAMESPACE::ops {

template <class T>
struct FactorAndTerm {
  T factor, term;
};

// 0 or 1 / (1 - rate).
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

// A factor of mean 1 and standard deviation sqrt(rate / (1 - rate)).
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

// Sets values to what selu gives far below 0, then scales all to mean 0 and variance 1 again.
// https://arxiv.org/abs/1706.02515
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

// ROW(name, functor, names of its numbers...)
#define NEURODE_NOISES(ROW)                     \
  ROW(dropout, Dropout, "rate")                 \
  ROW(gaussianDropout, GaussianDropout, "rate") \
  ROW(gaussianNoise, GaussianNoise, "stddev")   \
  ROW(alphaDropout, AlphaDropout, "rate")
