// Row-wise activations: functors over accessors of features. Each lane handles one row. The
// formulas are those of Keras.
//
// An accessor is passed by value. a(i) reads feature i, and a(i, value) writes it: see rows.h.
// n is the number of features; where lanes are features of one row, it knows them: see rows.h.
// forward reads z, and reads and writes y. backward reads z, y and dy, and writes dz. y may share
// the memory of z in forward, and dz that of dy. p holds the numbers of the row in order.
#pragma once

#include "native/ops/math.h"
#include "native/ops/params.h"
#include "native/ops/rows.h"

namespace neurode::NEURODE_ISA_NAMESPACE::ops {

struct Softmax {
  template <class T, class N, class Z>
  static NEURODE_FN T largest(N n, Z z) {
    T most = within(n, 0, z(0), -kInfinity);
    for (int i = 1; i < steps(n); ++i) most = max<T>(most, within(n, i, z(i), -kInfinity));
    return greatest(n, most);
  }
  template <class T, class N, class Z, class Y>
  static NEURODE_FN void forward(N n, Z z, Y y, NoParams) {
    const T most = largest<T>(n, z);
    T sum = splat<T>(0.0f);
    for (int i = 0; i < steps(n); ++i) {
      const T e = exp<T>(z(i) - most);
      sum += within(n, i, e, 0.0f);
      y(i, e);
    }
    const T inverse = 1.0f / total(n, sum);
    for (int i = 0; i < steps(n); ++i) y(i, y(i) * inverse);
  }
  // dz = y (dy - sum(y dy))
  template <class T, class Z, class Y, class DY, class DZ>
  static NEURODE_FN void backward(int n, Z, Y y, DY dy, DZ dz, NoParams) {
    T dot = splat<T>(0.0f);
    for (int i = 0; i < n; ++i) dot += y(i) * dy(i);
    for (int i = 0; i < n; ++i) dz(i, y(i) * (dy(i) - dot));
  }
};

struct LogSoftmax {
  template <class T, class N, class Z, class Y>
  static NEURODE_FN void forward(N n, Z z, Y y, NoParams) {
    const T most = Softmax::largest<T>(n, z);
    T sum = splat<T>(0.0f);
    for (int i = 0; i < steps(n); ++i) sum += within(n, i, exp<T>(z(i) - most), 0.0f);
    const T log_of_sum = log(total(n, sum));
    for (int i = 0; i < steps(n); ++i) y(i, (z(i) - most) - log_of_sum);
  }
  // dz = dy - exp(y) sum(dy)
  template <class T, class Z, class Y, class DY, class DZ>
  static NEURODE_FN void backward(int n, Z, Y y, DY dy, DZ dz, NoParams) {
    T sum = splat<T>(0.0f);
    for (int i = 0; i < n; ++i) sum += dy(i);
    for (int i = 0; i < n; ++i) dz(i, dy(i) - exp<T>(y(i)) * sum);
  }
};

}  // namespace neurode::NEURODE_ISA_NAMESPACE::ops
