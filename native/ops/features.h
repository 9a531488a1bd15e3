// Functions of a value and the parameters of its feature: functors and rows. The formulas are those
// of Keras.
//
// forward(x, k, b): k is the element of the task's kernel for this feature, or 1 without a kernel;
// b is that of the bias, or 0; both are a float, or as many as x has. slope is dy/dx; by_kernel and
// by_bias are dy/dk and dy/db.
#pragma once

#include "native/ops/math.h"
#include "native/ops/params.h"

namespace neurode::NEURODE_ISA_NAMESPACE::ops {

struct ScaleOffset {
  template <class T, class K>
  static NEURODE_FN T forward(T x, K k, K b) {
    return x * k + b;
  }
  template <class T>
  static NEURODE_FN T slope(T, float k) {
    return splat<T>(k);
  }
  template <class T>
  static NEURODE_FN T by_kernel(T x) {
    return x;
  }
  template <class T>
  static NEURODE_FN T by_bias(T) {
    return splat<T>(1.0f);
  }
};

struct ParametricRelu {
  template <class T, class K>
  static NEURODE_FN T forward(T x, K k, K) {
    return select<T>(x < 0.0f, x * k, x);
  }
  template <class T>
  static NEURODE_FN T slope(T x, float k) {
    return select<T>(x > 0.0f, splat<T>(1.0f), splat<T>(k));
  }
  template <class T>
  static NEURODE_FN T by_kernel(T x) {
    return min(x, splat<T>(0.0f));
  }
  template <class T>
  static NEURODE_FN T by_bias(T) {
    return splat<T>(0.0f);
  }
};

// The numbers of a normalization by known statistics or by those of the batch.
struct NormalizationParams {
  float epsilon;
  float least;     // smaller variances are raised to this
  float inverts;   // 1: undo the normalization; 0: normalize
  float momentum;  // the part of moving statistics that a step keeps

  NEURODE_FN bool undoes() const { return inverts != 0.0f; }
};

// The factor that normalizes by a variance: 1 / sqrt(max(variance, least) + epsilon). If `undoes`,
// the factor is the root itself.
template <class T>
NEURODE_FN T normalizing_factor(T variance, const NormalizationParams& p, bool undoes) {
  const T root = sqrt<T>(max<T>(variance, splat<T>(p.least)) + p.epsilon);
  return undoes ? root : 1.0f / root;
}

}  // namespace neurode::NEURODE_ISA_NAMESPACE::ops

// ROW(name, functor)
#define NEURODE_FEATURE_FUNCTIONS(ROW) \
  ROW(scaleOffset, ScaleOffset)        \
  ROW(parametricRelu, ParametricRelu)
