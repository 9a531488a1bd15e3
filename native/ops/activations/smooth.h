// Smooth activations: functors as in piecewise.h.
#pragma once

#include "native/ops/math.h"
#include "native/ops/params.h"

namespace neurode::NEURODE_ISA_NAMESPACE::ops {

// y = z times the cumulative distribution function of the normal distribution.
struct Gelu {
  static constexpr bool kFromOutput = false;
  template <class T>
  static NEURODE_FN T distribution(T z) {
    return erf(z * 0.707106781f) * 0.5f + 0.5f;
  }
  template <class T>
  static NEURODE_FN T forward(T z, NoParams) {
    return z * distribution(z);
  }
  template <class T>
  static NEURODE_FN T derivative(T z, T, NoParams) {
    return distribution(z) + z * (exp(z * z * -0.5f) * 0.398942280f);
  }
};

// gelu(approximate=True): 1 + tanh(u) = 2 sigmoid(2 u), u = sqrt(2 / pi) (z + 0.044715 z^3).
struct GeluTanh {
  static constexpr bool kFromOutput = false;
  static constexpr float kLinear = 1.59576912161f;  // 2 sqrt(2 / pi)
  static constexpr float kCubic = 0.0713548162726f;
  template <class T>
  static NEURODE_FN T forward(T z, NoParams) {
    return z * sigmoid(z * (z * z * kCubic + kLinear));
  }
  template <class T>
  static NEURODE_FN T derivative(T z, T, NoParams) {
    const T x = clamp(z, -20.0f, 20.0f);  // constant outside this range; x^3 must not overflow
    const T square = x * x;
    const SigmoidAndSlope<T> s = sigmoid_and_slope(x * (square * kCubic + kLinear));
    return s.value + s.slope * (x * (square * (3.0f * kCubic) + kLinear));
  }
};

struct Silu {
  static constexpr bool kFromOutput = false;
  template <class T>
  static NEURODE_FN T forward(T z, NoParams) {
    return z * sigmoid(z);
  }
  template <class T>
  static NEURODE_FN T derivative(T z, T, NoParams) {
    const SigmoidAndSlope<T> s = sigmoid_and_slope(z);
    return s.value + z * s.slope;
  }
};

// z tanh(softplus(z)): with e = exp(z) and n = e (e + 2), tanh(softplus(z)) = n / (n + 2).
struct Mish {
  static constexpr bool kFromOutput = false;
  // From this z on, n / (n + 2) rounds to 1. The limit also keeps n from overflowing.
  static constexpr float kSaturated = 20.0f;
  template <class T>
  static NEURODE_FN T forward(T z, NoParams) {
    const T e = exp(min(z, splat<T>(kSaturated)));
    const T n = e * (e + 2.0f);
    return z * (n / (n + 2.0f));
  }
  template <class T>
  static NEURODE_FN T derivative(T z, T, NoParams) {
    const T x = min(z, splat<T>(kSaturated));
    const T e = exp(x);
    const T n = e * (e + 2.0f);
    const T q = 1.0f / (n + 2.0f);
    return n * q + x * (4.0f * e * (e + 1.0f) * q * q);
  }
};

struct Sigmoid {
  static constexpr bool kFromOutput = true;
  template <class T>
  static NEURODE_FN T forward(T z, NoParams) {
    return sigmoid(z);
  }
  template <class T>
  static NEURODE_FN T derivative(T, T y, NoParams) {
    return y * (1.0f - y);
  }
};

struct LogSigmoid {
  static constexpr bool kFromOutput = false;
  template <class T>
  static NEURODE_FN T forward(T z, NoParams) {
    return -softplus(-z);
  }
  template <class T>
  static NEURODE_FN T derivative(T z, T, NoParams) {
    return sigmoid(-z);
  }
};

struct Tanh {
  static constexpr bool kFromOutput = true;
  template <class T>
  static NEURODE_FN T forward(T z, NoParams) {
    return tanh(z);
  }
  template <class T>
  static NEURODE_FN T derivative(T, T y, NoParams) {
    return 1.0f - y * y;
  }
};

struct TanhShrink {
  static constexpr bool kFromOutput = false;
  template <class T>
  static NEURODE_FN T forward(T z, NoParams) {
    return z - tanh(z);
  }
  template <class T>
  static NEURODE_FN T derivative(T z, T, NoParams) {
    const T t = tanh(z);
    return t * t;
  }
};

struct Softplus {
  static constexpr bool kFromOutput = false;
  template <class T>
  static NEURODE_FN T forward(T z, NoParams) {
    return softplus(z);
  }
  template <class T>
  static NEURODE_FN T derivative(T z, T, NoParams) {
    return sigmoid(z);
  }
};

struct Softsign {
  static constexpr bool kFromOutput = false;
  template <class T>
  static NEURODE_FN T forward(T z, NoParams) {
    return z / (abs(z) + 1.0f);
  }
  template <class T>
  static NEURODE_FN T derivative(T z, T, NoParams) {
    const T q = 1.0f / (abs(z) + 1.0f);
    return q * q;
  }
};

// (z + s) / 2 with s = sqrt(z^2 + b). For negative z this is computed as b / (2 (s - z)).
struct Squareplus {
  struct Params {
    float b;
  };
  static constexpr bool kFromOutput = false;
  template <class T>
  static NEURODE_FN T root(T z, const Params& p) {
    return select<T>(abs(z) > 1e18f, abs(z), sqrt(z * z + p.b));  // the square must not overflow
  }
  template <class T>
  static NEURODE_FN T forward(T z, const Params& p) {
    const T s = root(z, p);
    return select<T>(z < 0.0f, p.b * 0.5f / (s - z), s * 0.5f + z * 0.5f);
  }
  template <class T>
  static NEURODE_FN T derivative(T z, T y, const Params& p) {
    return y / max(root(z, p), splat<T>(kMinNormal));
  }
};

struct Exponential {
  static constexpr bool kFromOutput = true;
  template <class T>
  static NEURODE_FN T forward(T z, NoParams) {
    return exp(z);
  }
  template <class T>
  static NEURODE_FN T derivative(T, T y, NoParams) {
    return y;
  }
};

}  // namespace neurode::NEURODE_ISA_NAMESPACE::ops

// See NEURODE_POINTWISE_ACTIVATIONS.
#define NEURODE_SMOOTH_ACTIVATIONS(ROW) \
  ROW(gelu, Gelu)                       \
  ROW(geluTanh, GeluTanh)               \
  ROW(silu, Silu)                       \
  ROW(mish, Mish)                       \
  ROW(sigmoid, Sigmoid)                 \
  ROW(logSigmoid, LogSigmoid)           \
  ROW(tanh, Tanh)                       \
  ROW(tanhShrink, TanhShrink)           \
  ROW(softplus, Softplus)               \
  ROW(softsign, Softsign)               \
  ROW(squareplus, Squareplus, "b")      \
  ROW(exponential, Exponential)
