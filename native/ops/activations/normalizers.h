// Normalizations of a row: functors over accessors of features, as in softmax.h. The formulas are
// those of Keras.
#pragma once

#include "native/ops/math.h"
#include "native/ops/params.h"
#include "native/ops/rows.h"

namespace neurode::NEURODE_ISA_NAMESPACE::ops {

// y = (z - mean) / sqrt(variance + epsilon) with the population variance. The second pass computes
// the rounding error of the mean and corrects mean and variance, so large means do not reduce
// accuracy.
struct Standardize {
  struct Params {
    float epsilon;
  };
  template <class T>
  struct Moments {
    T rough, lost;  // the mean is the sum of the two
    T inverse;
  };
  template <class T, class N, class Z>
  static NEURODE_FN Moments<T> moments(N n, Z z, float epsilon) {
    const float share = 1.0f / count(n);
    T sum = splat<T>(0.0f);
    for (int i = 0; i < steps(n); ++i) sum += within(n, i, z(i), 0.0f);
    const T rough = total(n, sum) * share;
    T lost = splat<T>(0.0f), squares = splat<T>(0.0f);
    for (int i = 0; i < steps(n); ++i) {
      const T d = within(n, i, z(i) - rough, 0.0f);
      lost += d;
      squares += d * d;
    }
    lost = total(n, lost) * share;
    const T variance = max<T>(total(n, squares) * share - lost * lost, splat<T>(0.0f));
    return {rough, lost, 1.0f / sqrt<T>(variance + epsilon)};
  }
  template <class T, class N, class Z, class Y>
  static NEURODE_FN void forward(N n, Z z, Y y, const Params& p) {
    const Moments<T> m = moments<T>(n, z, p.epsilon);
    for (int i = 0; i < steps(n); ++i) y(i, ((z(i) - m.rough) - m.lost) * m.inverse);
  }
  // dz = (dy - mean(dy) - y mean(y dy)) / sqrt(variance + epsilon)
  template <class T, class Z, class Y, class DY, class DZ>
  static NEURODE_FN void backward(int n, Z z, Y y, DY dy, DZ dz, const Params& p) {
    const float share = 1.0f / static_cast<float>(n);
    T sum = splat<T>(0.0f), dot = splat<T>(0.0f);
    for (int i = 0; i < n; ++i) {
      sum += dy(i);
      dot += y(i) * dy(i);
    }
    sum = sum * share;
    dot = dot * share;
    const T inverse = moments<T>(n, z, p.epsilon).inverse;
    for (int i = 0; i < n; ++i) dz(i, (dy(i) - sum - y(i) * dot) * inverse);
  }
};

// y = z / sqrt(mean(z^2) + epsilon). https://arxiv.org/abs/1910.07467
struct RootMeanSquareNormalize {
  struct Params {
    float epsilon;
  };
  template <class T, class N, class Z>
  static NEURODE_FN T inverse(N n, Z z, float epsilon) {
    T squares = splat<T>(0.0f);
    for (int i = 0; i < steps(n); ++i) squares += within(n, i, z(i) * z(i), 0.0f);
    return 1.0f / sqrt<T>(total(n, squares) * (1.0f / count(n)) + epsilon);
  }
  template <class T, class N, class Z, class Y>
  static NEURODE_FN void forward(N n, Z z, Y y, const Params& p) {
    const T scale = inverse<T>(n, z, p.epsilon);
    for (int i = 0; i < steps(n); ++i) y(i, z(i) * scale);
  }
  // dz = (dy - y mean(y dy)) / sqrt(mean(z^2) + epsilon)
  template <class T, class Z, class Y, class DY, class DZ>
  static NEURODE_FN void backward(int n, Z z, Y y, DY dy, DZ dz, const Params& p) {
    T dot = splat<T>(0.0f);
    for (int i = 0; i < n; ++i) dot += y(i) * dy(i);
    dot = dot * (1.0f / static_cast<float>(n));
    const T scale = inverse<T>(n, z, p.epsilon);
    for (int i = 0; i < n; ++i) dz(i, (dy(i) - y(i) * dot) * scale);
  }
};

// y = z / sqrt(max(sum(z^2), 1e-12))
struct UnitNormalize {
  static constexpr float kLeast = 1e-12f;
  template <class T, class N, class Z>
  static NEURODE_FN T squares(N n, Z z) {
    T sum = splat<T>(0.0f);
    for (int i = 0; i < steps(n); ++i) sum += within(n, i, z(i) * z(i), 0.0f);
    return total(n, sum);
  }
  template <class T, class N, class Z, class Y>
  static NEURODE_FN void forward(N n, Z z, Y y, NoParams) {
    const T scale = 1.0f / sqrt<T>(max<T>(squares<T>(n, z), splat<T>(kLeast)));
    for (int i = 0; i < steps(n); ++i) y(i, z(i) * scale);
  }
  // dz = (dy - y sum(y dy)) / norm. The second term is 0 if the norm is clipped to its least value.
  template <class T, class Z, class Y, class DY, class DZ>
  static NEURODE_FN void backward(int n, Z z, Y y, DY dy, DZ dz, NoParams) {
    T dot = splat<T>(0.0f);
    for (int i = 0; i < n; ++i) dot += y(i) * dy(i);
    const T sum = squares<T>(n, z);
    dot = select<T>(sum < kLeast, splat<T>(0.0f), dot);
    const T scale = 1.0f / sqrt<T>(max<T>(sum, splat<T>(kLeast)));
    for (int i = 0; i < n; ++i) dz(i, (dy(i) - y(i) * dot) * scale);
  }
};

}  // namespace neurode::NEURODE_ISA_NAMESPACE::ops
