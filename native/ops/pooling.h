// Functors that make one value of those of all positions: functors and rows. As Keras.
//
// combine gathers the values one after the other; finish makes the result of what they gave and of
// how many they are. The gradient goes in equal parts to the positions whose share is 1, not 0.
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

}  // namespace neurode::NEURODE_ISA_NAMESPACE::ops

// ROW(name, functor)
#define NEURODE_POOLINGS(ROW) ROW(average, AveragePooling)
