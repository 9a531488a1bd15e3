// Penalties of parameters and of outputs: functors and rows. The formulas are those of Keras.
//
// The penalty is the sum of value(x, p) over all elements. value and derivative are 0 at x = 0,
// because parameters are padded with zeros.
#pragma once

#include <math.h>

#include "native/ops/math.h"
#include "native/ops/params.h"

namespace neurode::NEURODE_ISA_NAMESPACE::ops {

template <class T>
NEURODE_FN T sign(T x) {
  return select<T>(x > 0.0f, splat<T>(1.0f), select<T>(x < 0.0f, splat<T>(-1.0f), x));
}

struct L1L2 {
  struct Params {
    float l1, l2;
  };
  template <class T>
  static NEURODE_FN T value(T x, const Params& p) {
    return abs<T>(x) * p.l1 + x * x * p.l2;
  }
  template <class T>
  static NEURODE_FN T derivative(T x, const Params& p) {
    return sign<T>(x) * p.l1 + x * (2.0f * p.l2);
  }
};

// factor * the mean of |cosine| over all pairs of rows, or of columns, of a matrix.
struct Orthogonal {
  struct Params {
    float factor;
    float columns;  // 1: columns, 0: rows
  };
  // The weight of half a pair: each pair is counted once for each of its two vectors.
  static NEURODE_FN float weight(long long vectors, const Params& p) {
    const float n = static_cast<float>(vectors);
    return p.factor / (n * (n - 1.0f));
  }
  // As in Keras, a norm below 1e-7 is replaced by 1e-7.
  static NEURODE_FN float inverse_norm(double sum_of_squares) {
    const float inverse = static_cast<float>(1 / ::sqrt(sum_of_squares));
    return inverse > 1e7f ? 1e7f : inverse;
  }
};

}  // namespace neurode::NEURODE_ISA_NAMESPACE::ops

// ROW(name, functor, names of the functor's numbers...)
#define NEURODE_POINTWISE_REGULARIZERS(ROW) ROW(l1l2, L1L2, "l1", "l2")
#define NEURODE_MATRIX_REGULARIZERS(ROW) ROW(orthogonal, Orthogonal, "factor", "columns")
