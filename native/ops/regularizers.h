// Penalties of parameters and of outputs: functors and rows. As Keras.
//
// value(x, p) is summed over all elements. Both functions are 0 at 0: parameters are padded with
// it.
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
    float columns;  // 1: of columns, 0: of rows
  };
  // What half a pair counts, for each of its two ends.
  static NEURODE_FN float weight(long long vectors, const Params& p) {
    const float n = static_cast<float>(vectors);
    return p.factor / (n * (n - 1.0f));
  }
  // Keras takes 1e-7 for the norm of shorter vectors.
  static NEURODE_FN float inverse_norm(double sum_of_squares) {
    const float inverse = static_cast<float>(1 / ::sqrt(sum_of_squares));
    return inverse > 1e7f ? 1e7f : inverse;
  }
};

}  // namespace neurode::NEURODE_ISA_NAMESPACE::ops

// ROW(name, functor, names of its numbers...)
#define NEURODE_POINTWISE_REGULARIZERS(ROW) ROW(l1l2, L1L2, "l1", "l2")
#define NEURODE_MATRIX_REGULARIZERS(ROW) ROW(orthogonal, Orthogonal, "factor", "columns")
