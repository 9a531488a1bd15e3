// Functors that compute one value from the values of all positions: functors and rows. The formulas
// are those of Keras.
//
// combine accumulates the values in turn; finish computes the result from the combined value and
// the number of values. The gradient is divided equally among the positions whose share is 1; the
// other positions have share 0.
#pragma once

#include "native/ops/math.h"

namespace neurode::NEURODE_ISA_NAMESPACE::ops {

struct AveragePooling {
  template <class T>
  static NEURODE_FN T combine(T sum, T x) {
    return sum + x;
  }
  template <class T>
  static NEURODE_FN T finish(T sum, float count) {
    return sum / count;
  }
  template <class T>
  static NEURODE_FN T share(T, T) {
    return splat<T>(1.0f);
  }
};

// A NaN makes the result NaN; its share is then that of no position, and the gradient is NaN too.
struct MaxPooling {
  template <class T>
  static NEURODE_FN T combine(T most, T x) {
    return select<T>(most >= x, most, select<T>(most != most, most, x));
  }
  template <class T>
  static NEURODE_FN T finish(T most, float) {
    return most;
  }
  template <class T>
  static NEURODE_FN T share(T x, T y) {
    return select<T>(x == y, splat<T>(1.0f), splat<T>(0.0f));
  }
};

}  // namespace neurode::NEURODE_ISA_NAMESPACE::ops

// ROW(name, functor)
#define NEURODE_POOLINGS(ROW)  \
  ROW(average, AveragePooling) \
  ROW(max, MaxPooling)
