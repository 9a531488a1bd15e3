// Activations: one functor and one row each. The formulas are Keras'.
//
// Pointwise: forward(z, p) is y, derivative(z, y, p) is dy/dz; p holds the row's numbers in order.
// With kFromOutput the derivative reads y alone. Row-wise ones are in softmax.h and normalizers.h.
#pragma once

#include "native/ops/math.h"
#include "native/ops/normalizers.h"
#include "native/ops/softmax.h"

namespace neurode::NEURODE_ISA_NAMESPACE::ops {

struct Linear {
  static constexpr bool kFromOutput = true;
  template <class T>
  static NEURODE_FN T forward(T z, const float*) {
    return z;
  }
  template <class T>
  static NEURODE_FN T derivative(T, T, const float*) {
    return splat<T>(1.0f);
  }
};

struct Relu {
  static constexpr bool kFromOutput = true;
  template <class T>
  static NEURODE_FN T forward(T z, const float*) {
    return max(z, splat<T>(0.0f));
  }
  template <class T>
  static NEURODE_FN T derivative(T, T y, const float*) {
    return select<T>(y > 0.0f, splat<T>(1.0f), splat<T>(0.0f));
  }
};

// slope where low < y < high, else 0: the derivative of a ramp, from its output.
template <class T>
NEURODE_FN T slope_between(T y, float low, float high, float slope) {
  const T rising = select<T>(y > low, splat<T>(slope), splat<T>(0.0f));
  return select<T>(y < high, rising, splat<T>(0.0f));
}

struct Relu6 {
  static constexpr bool kFromOutput = true;
  template <class T>
  static NEURODE_FN T forward(T z, const float*) {
    return clamp(z, 0.0f, 6.0f);
  }
  template <class T>
  static NEURODE_FN T derivative(T, T y, const float*) {
    return slope_between(y, 0.0f, 6.0f, 1.0f);
  }
};

struct LeakyRelu {  // negativeSlope
  static constexpr bool kFromOutput = false;
  template <class T>
  static NEURODE_FN T forward(T z, const float* p) {
    return select<T>(z < 0.0f, z * p[0], z);
  }
  template <class T>
  static NEURODE_FN T derivative(T z, T, const float* p) {
    return select<T>(z > 0.0f, splat<T>(1.0f), splat<T>(p[0]));
  }
};

// Above the threshold z, clipped to [0, maxValue] if that is finite.
// Below, negativeSlope (z - threshold).
struct GeneralRelu {  // negativeSlope, maxValue, threshold
  static constexpr bool kFromOutput = false;
  static NEURODE_FN float low(const float* p) { return p[1] < kInfinity ? 0.0f : -kInfinity; }
  template <class T>
  static NEURODE_FN T forward(T z, const float* p) {
    const T above = clamp(z, low(p), p[1]);
    const T below = (z - p[2]) * p[0];
    return select<T>(z > p[2], above, select<T>(z < p[2], below, z * 0.0f));
  }
  template <class T>
  static NEURODE_FN T derivative(T z, T, const float* p) {
    return select<T>(z > p[2], slope_between(z, low(p), p[1], 1.0f), splat<T>(p[0]));
  }
};

struct Elu {  // alpha
  static constexpr bool kFromOutput = false;
  template <class T>
  static NEURODE_FN T forward(T z, const float* p) {
    return select<T>(z > 0.0f, z, expm1(z) * p[0]);
  }
  template <class T>
  static NEURODE_FN T derivative(T z, T, const float* p) {
    return select<T>(z > 0.0f, splat<T>(1.0f), exp(z) * p[0]);
  }
};

struct Selu {
  static constexpr bool kFromOutput = false;
  static constexpr float kScale = 1.05070098736f;
  static constexpr float kScaleAlpha = 1.75809934085f;
  template <class T>
  static NEURODE_FN T forward(T z, const float*) {
    return select<T>(z > 0.0f, z * kScale, expm1(z) * kScaleAlpha);
  }
  template <class T>
  static NEURODE_FN T derivative(T z, T, const float*) {
    return select<T>(z > 0.0f, splat<T>(kScale), exp(z) * kScaleAlpha);
  }
};

struct Celu {  // alpha
  static constexpr bool kFromOutput = false;
  template <class T>
  static NEURODE_FN T forward(T z, const float* p) {
    return select<T>(z > 0.0f, z, expm1(z / p[0]) * p[0]);
  }
  template <class T>
  static NEURODE_FN T derivative(T z, T, const float* p) {
    return select<T>(z > 0.0f, splat<T>(1.0f), exp(z / p[0]));
  }
};

// z times the normal distribution function.
struct Gelu {
  static constexpr bool kFromOutput = false;
  template <class T>
  static NEURODE_FN T distribution(T z) {
    return erf(z * 0.707106781f) * 0.5f + 0.5f;
  }
  template <class T>
  static NEURODE_FN T forward(T z, const float*) {
    return z * distribution(z);
  }
  template <class T>
  static NEURODE_FN T derivative(T z, T, const float*) {
    return distribution(z) + z * (exp(z * z * -0.5f) * 0.398942280f);
  }
};

// gelu(approximate=True): 1 + tanh(u) = 2 sigmoid(2 u), u = sqrt(2 / pi) (z + 0.044715 z^3).
struct GeluTanh {
  static constexpr bool kFromOutput = false;
  static constexpr float kLinear = 1.59576912161f;  // 2 sqrt(2 / pi)
  static constexpr float kCubic = 0.0713548162726f;
  template <class T>
  static NEURODE_FN T forward(T z, const float*) {
    return z * sigmoid(z * (z * z * kCubic + kLinear));
  }
  template <class T>
  static NEURODE_FN T derivative(T z, T, const float*) {
    const T x = clamp(z, -20.0f, 20.0f);  // flat outside; the cube must not overflow
    const T square = x * x;
    const SigmoidAndSlope<T> s = sigmoid_and_slope(x * (square * kCubic + kLinear));
    return s.value + s.slope * (x * (square * (3.0f * kCubic) + kLinear));
  }
};

struct Silu {
  static constexpr bool kFromOutput = false;
  template <class T>
  static NEURODE_FN T forward(T z, const float*) {
    return z * sigmoid(z);
  }
  template <class T>
  static NEURODE_FN T derivative(T z, T, const float*) {
    const SigmoidAndSlope<T> s = sigmoid_and_slope(z);
    return s.value + z * s.slope;
  }
};

// z tanh(softplus(z)): with e = exp(z) and n = e (e + 2), tanh(softplus(z)) = n / (n + 2).
struct Mish {
  static constexpr bool kFromOutput = false;
  static constexpr float kSaturated =
      20.0f;  // the ratio is 1 from here on, and n does not overflow
  template <class T>
  static NEURODE_FN T forward(T z, const float*) {
    const T e = exp(min(z, splat<T>(kSaturated)));
    const T n = e * (e + 2.0f);
    return z * (n / (n + 2.0f));
  }
  template <class T>
  static NEURODE_FN T derivative(T z, T, const float*) {
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
  static NEURODE_FN T forward(T z, const float*) {
    return sigmoid(z);
  }
  template <class T>
  static NEURODE_FN T derivative(T, T y, const float*) {
    return y * (1.0f - y);
  }
};

// relu6(z + 3) / 6
struct HardSigmoid {
  static constexpr bool kFromOutput = true;
  template <class T>
  static NEURODE_FN T forward(T z, const float*) {
    return clamp(z + 3.0f, 0.0f, 6.0f) * (1.0f / 6.0f);
  }
  template <class T>
  static NEURODE_FN T derivative(T, T y, const float*) {
    return slope_between(y, 0.0f, 1.0f, 1.0f / 6.0f);
  }
};

struct HardSilu {
  static constexpr bool kFromOutput = false;
  template <class T>
  static NEURODE_FN T forward(T z, const float* p) {
    return z * HardSigmoid::forward(z, p);
  }
  template <class T>
  static NEURODE_FN T derivative(T z, T, const float*) {
    const T middle = (z * 2.0f + 3.0f) * (1.0f / 6.0f);
    return select<T>(z >= 3.0f, splat<T>(1.0f), select<T>(z <= -3.0f, splat<T>(0.0f), middle));
  }
};

struct LogSigmoid {
  static constexpr bool kFromOutput = false;
  template <class T>
  static NEURODE_FN T forward(T z, const float*) {
    return -softplus(-z);
  }
  template <class T>
  static NEURODE_FN T derivative(T z, T, const float*) {
    return sigmoid(-z);
  }
};

struct Tanh {
  static constexpr bool kFromOutput = true;
  template <class T>
  static NEURODE_FN T forward(T z, const float*) {
    return tanh(z);
  }
  template <class T>
  static NEURODE_FN T derivative(T, T y, const float*) {
    return 1.0f - y * y;
  }
};

struct HardTanh {
  static constexpr bool kFromOutput = true;
  template <class T>
  static NEURODE_FN T forward(T z, const float*) {
    return clamp(z, -1.0f, 1.0f);
  }
  template <class T>
  static NEURODE_FN T derivative(T, T y, const float*) {
    return slope_between(y, -1.0f, 1.0f, 1.0f);
  }
};

struct TanhShrink {
  static constexpr bool kFromOutput = false;
  template <class T>
  static NEURODE_FN T forward(T z, const float*) {
    return z - tanh(z);
  }
  template <class T>
  static NEURODE_FN T derivative(T z, T, const float*) {
    const T t = tanh(z);
    return t * t;
  }
};

// The shrinks give 0 for NaN, as Keras does.
struct SoftShrink {  // threshold
  static constexpr bool kFromOutput = true;
  template <class T>
  static NEURODE_FN T forward(T z, const float* p) {
    return select<T>(z > p[0], z - p[0], select<T>(z < -p[0], z + p[0], splat<T>(0.0f)));
  }
  template <class T>
  static NEURODE_FN T derivative(T, T y, const float*) {
    return select<T>(y == 0.0f, splat<T>(0.0f), splat<T>(1.0f));
  }
};

struct HardShrink {  // threshold
  static constexpr bool kFromOutput = true;
  template <class T>
  static NEURODE_FN T forward(T z, const float* p) {
    return select<T>(abs(z) > p[0], z, splat<T>(0.0f));
  }
  template <class T>
  static NEURODE_FN T derivative(T, T y, const float*) {
    return select<T>(y == 0.0f, splat<T>(0.0f), splat<T>(1.0f));
  }
};

struct Softplus {
  static constexpr bool kFromOutput = false;
  template <class T>
  static NEURODE_FN T forward(T z, const float*) {
    return softplus(z);
  }
  template <class T>
  static NEURODE_FN T derivative(T z, T, const float*) {
    return sigmoid(z);
  }
};

struct Softsign {
  static constexpr bool kFromOutput = false;
  template <class T>
  static NEURODE_FN T forward(T z, const float*) {
    return z / (abs(z) + 1.0f);
  }
  template <class T>
  static NEURODE_FN T derivative(T z, T, const float*) {
    const T q = 1.0f / (abs(z) + 1.0f);
    return q * q;
  }
};

// (z + s) / 2 with s = sqrt(z^2 + b), as b / (2 (s - z)) for negative z.
struct Squareplus {  // b
  static constexpr bool kFromOutput = false;
  template <class T>
  static NEURODE_FN T root(T z, const float* p) {
    return select<T>(abs(z) > 1e18f, abs(z), sqrt(z * z + p[0]));  // the square must not overflow
  }
  template <class T>
  static NEURODE_FN T forward(T z, const float* p) {
    const T s = root(z, p);
    return select<T>(z < 0.0f, p[0] * 0.5f / (s - z), s * 0.5f + z * 0.5f);
  }
  template <class T>
  static NEURODE_FN T derivative(T z, T y, const float* p) {
    return y / max(root(z, p), splat<T>(kMinNormal));
  }
};

struct Exponential {
  static constexpr bool kFromOutput = true;
  template <class T>
  static NEURODE_FN T forward(T z, const float*) {
    return exp(z);
  }
  template <class T>
  static NEURODE_FN T derivative(T, T y, const float*) {
    return y;
  }
};

// 0 up to -1, (z + 1)^2 / 4 up to 1, then z.
struct SparsePlus {
  static constexpr bool kFromOutput = false;
  template <class T>
  static NEURODE_FN T forward(T z, const float*) {
    const T h = clamp(z, -1.0f, 1.0f) * 0.5f + 0.5f;
    return select<T>(z > 1.0f, z, h * h);
  }
  template <class T>
  static NEURODE_FN T derivative(T z, T, const float*) {
    return clamp(z, -1.0f, 1.0f) * 0.5f + 0.5f;
  }
};

struct SparseSigmoid {
  static constexpr bool kFromOutput = true;
  template <class T>
  static NEURODE_FN T forward(T z, const float*) {
    return clamp(z, -1.0f, 1.0f) * 0.5f + 0.5f;
  }
  template <class T>
  static NEURODE_FN T derivative(T, T y, const float*) {
    return slope_between(y, 0.0f, 1.0f, 0.5f);
  }
};

struct Threshold {  // threshold, defaultValue
  static constexpr bool kFromOutput = false;
  template <class T>
  static NEURODE_FN T forward(T z, const float* p) {
    return select<T>(z > p[0], z, splat<T>(p[1]));
  }
  template <class T>
  static NEURODE_FN T derivative(T z, T, const float* p) {
    return select<T>(z > p[0], splat<T>(1.0f), splat<T>(0.0f));
  }
};

}  // namespace neurode::NEURODE_ISA_NAMESPACE::ops

// ROW(name, functor, names of its numbers...)
#define NEURODE_POINTWISE_ACTIVATIONS(ROW)                                \
  ROW(linear, Linear)                                                     \
  ROW(relu, Relu)                                                         \
  ROW(relu6, Relu6)                                                       \
  ROW(leakyRelu, LeakyRelu, "negativeSlope")                              \
  ROW(generalRelu, GeneralRelu, "negativeSlope", "maxValue", "threshold") \
  ROW(elu, Elu, "alpha")                                                  \
  ROW(selu, Selu)                                                         \
  ROW(celu, Celu, "alpha")                                                \
  ROW(gelu, Gelu)                                                         \
  ROW(geluTanh, GeluTanh)                                                 \
  ROW(silu, Silu)                                                         \
  ROW(mish, Mish)                                                         \
  ROW(sigmoid, Sigmoid)                                                   \
  ROW(hardSigmoid, HardSigmoid)                                           \
  ROW(hardSilu, HardSilu)                                                 \
  ROW(logSigmoid, LogSigmoid)                                             \
  ROW(tanh, Tanh)                                                         \
  ROW(hardTanh, HardTanh)                                                 \
  ROW(tanhShrink, TanhShrink)                                             \
  ROW(softShrink, SoftShrink, "threshold")                                \
  ROW(hardShrink, HardShrink, "threshold")                                \
  ROW(softplus, Softplus)                                                 \
  ROW(softsign, Softsign)                                                 \
  ROW(squareplus, Squareplus, "b")                                        \
  ROW(exponential, Exponential)                                           \
  ROW(sparsePlus, SparsePlus)                                             \
  ROW(sparseSigmoid, SparseSigmoid)                                       \
  ROW(threshold, Threshold, "threshold", "defaultValue")

#define NEURODE_ROWWISE_ACTIVATIONS(ROW)                           \
  ROW(softmax, Softmax)                                            \
  ROW(logSoftmax, LogSoftmax)                                      \
  ROW(standardize, Standardize, "epsilon")                         \
  ROW(rootMeanSquareNormalize, RootMeanSquareNormalize, "epsilon") \
  ROW(unitNormalize, UnitNormalize)
