// Losses that depend on margins.
#pragma once

#include "native/ops/losses/loss.h"

namespace neurode::NEURODE_ISA_NAMESPACE::ops {

// The mean of max(1 - t y, 0), or of its square. If all targets of a row are 0 or 1, they are
// converted to -1 and 1. Keras decides this for the whole batch. The result is the same, unless the
// batch has other targets than 0 and 1 beside a target 0.
template <bool kSquared>
struct HingeOf {
  template <class T, class Y, class Target, class Grad>
  static NEURODE_FN T row(int n, Y y, Target target, NoParams, Grad grad) {
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

// max(max((1 - t) y) - sum(t y) + 1, 0). If several outputs have the largest (1 - t) y, they share
// the slope equally.
struct CategoricalHinge {
  template <class T, class Y, class Target, class Grad>
  static NEURODE_FN T row(int n, Y y, Target target, NoParams, Grad grad) {
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

}  // namespace neurode::NEURODE_ISA_NAMESPACE::ops

// See NEURODE_LOSSES.
#define NEURODE_HINGE_LOSSES(ROW)               \
  ROW(hinge, Hinge, Hinge)                      \
  ROW(squaredHinge, SquaredHinge, SquaredHinge) \
  ROW(categoricalHinge, CategoricalHinge, CategoricalHinge)
