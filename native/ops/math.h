// Elementary functions on T, which is float or a vector of floats (`vector_size`). They have no
// branches and use float arithmetic alone.
//
// Relative errors are about one unit in the last place (1e-7), and two for tanh, sigmoid and erf.
// NaN gives NaN. Arguments and results below the normal range may be flushed to zero.
#pragma once

#include <cstdint>

#include "native/ops/config.h"

namespace neurode::NEURODE_ISA_NAMESPACE::ops {

constexpr float kInfinity = __builtin_inff();
constexpr float kMaxFloat = 3.402823466e+38f;
constexpr float kMinNormal = 1.175494351e-38f;

// Mask is the type of a comparison's result. Uint holds the bits of the lanes.
template <class T>
struct TypesOf {
  using Mask = decltype(T{} < T{});
  using Int = Mask;
#ifndef __CUDACC__
  typedef std::uint32_t Uint __attribute__((vector_size(sizeof(T))));
#endif
};
template <>
struct TypesOf<float> {
  using Mask = bool;
  using Int = std::int32_t;
  using Uint = std::uint32_t;
};
template <class T>
using MaskOf = typename TypesOf<T>::Mask;
template <class T>
using IntOf = typename TypesOf<T>::Int;
template <class T>
using UintOf = typename TypesOf<T>::Uint;

template <class T>
NEURODE_FN T splat(float x) {
  return x - T{};  // subtracting 0 keeps -0 and generates no instruction
}
template <>
NEURODE_FN float splat<float>(float x) {
  return x;
}

// Computes mask ? a : b in each lane.
template <class T>
NEURODE_FN T select(MaskOf<T> mask, T a, T b) {
  return mask ? a : b;
}

template <class T>
NEURODE_FN UintOf<T> bits(T x) {
  return __builtin_bit_cast(UintOf<T>, x);
}
template <class T>
NEURODE_FN T from_bits(UintOf<T> x) {
  return __builtin_bit_cast(T, x);
}

// Rounds toward zero. The values must fit into the integer type.
template <class T>
NEURODE_FN IntOf<T> to_int(T x) {
#ifdef __CUDACC__
  return static_cast<IntOf<T>>(x);
#else
  if constexpr (sizeof(T) == sizeof(float)) {
    return static_cast<IntOf<T>>(x);
  } else {
    return __builtin_convertvector(x, IntOf<T>);
  }
#endif
}
template <class T>
NEURODE_FN T to_float(IntOf<T> x) {
#ifdef __CUDACC__
  return static_cast<T>(x);
#else
  if constexpr (sizeof(T) == sizeof(float)) {
    return static_cast<T>(x);
  } else {
    return __builtin_convertvector(x, T);
  }
#endif
}

// max, min and clamp return NaN if x is NaN. They treat +0 and -0 as equal.
template <class T>
NEURODE_FN T max(T x, T bound) {
  return select<T>(x < bound, bound, x);
}
template <class T>
NEURODE_FN T min(T x, T bound) {
  return select<T>(x > bound, bound, x);
}
template <class T>
NEURODE_FN T clamp(T x, float low, float high) {
  return min(max(x, splat<T>(low)), splat<T>(high));
}

template <class T>
NEURODE_FN T abs(T x) {
  return from_bits<T>(bits(x) & 0x7fffffffu);
}
template <class T>
NEURODE_FN T copy_sign(T magnitude, T sign) {
  return from_bits<T>((bits(magnitude) & 0x7fffffffu) | (bits(sign) & 0x80000000u));
}

template <class T>
NEURODE_FN T sqrt(T x) {
#if defined(__CUDA_ARCH__)
  return __fsqrt_rn(x);
#else
  if constexpr (sizeof(T) == sizeof(float)) {
    return __builtin_sqrtf(x);
  } else {
    T y;
    for (unsigned i = 0; i < sizeof(T) / sizeof(float); ++i) y[i] = __builtin_sqrtf(x[i]);
    return y;
  }
#endif
}

// c0 + c1 x + c2 x^2 + ...
template <class T>
NEURODE_FN T polynomial(T, float c0) {
  return splat<T>(c0);
}
template <class T, class... Rest>
NEURODE_FN T polynomial(T x, float c0, Rest... rest) {
  return polynomial(x, rest...) * x + c0;
}

// x = n ln 2 + r with |r| <= ln 2 / 2. The low bits of `shifted` hold n.
template <class T>
struct ExpReduction {
  T n, r;
  UintOf<T> shifted;
};
template <class T>
NEURODE_FN ExpReduction<T> reduce_exp(T x) {
  const float magic = 12582912.0f;  // 1.5 * 2^23: adding this rounds to an integer
  const T shifted = x * 1.44269504f + magic;
  const T n = shifted - magic;
  const T r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  return {n, r, bits(shifted)};
}

template <class T>
NEURODE_FN T exp(T x) {
  const ExpReduction<T> e = reduce_exp(x);
  const T q = polynomial(e.r, 0.5f, 0.166665196f, 0.0416684039f, 0.00836889911f, 0.00138142204f);
  const T p = (e.r * e.r * q + e.r) + 1.0f;
  T y = from_bits<T>(bits(p) + (e.shifted << 23));
  y = select<T>(x < -87.3365402f, splat<T>(0.0f), y);
  return select<T>(x <= 88.7228317f, y, x + kInfinity);
}

// exp(x) - 1, accurate near 0.
template <class T>
NEURODE_FN T expm1(T x) {
  const ExpReduction<T> e = reduce_exp(max(x, splat<T>(-40.0f)));
  const T q = polynomial(e.r, 0.5f, 0.166666657f, 0.0416663587f, 0.00833338965f, 0.00139408931f,
                         0.000198458976f);
  const T p = e.r * e.r * q + e.r;
  const T half = from_bits<T>((e.shifted + 126u) << 23);  // 2^(n-1): 2^128 would overflow
  const T y = (p * half + (half - 0.5f)) * 2.0f;
  return select<T>(x <= 88.7228317f, y, x + kInfinity);
}

// log(1 + f) for f in [sqrt(1/2) - 1, sqrt(2) - 1].
template <class T>
NEURODE_FN T log1p_reduced(T f, T exponent) {
  const T q = polynomial(f, 0.333333313f, -0.250008255f, 0.200012401f, -0.166231498f, 0.1420127f,
                         -0.13161844f, 0.127660945f, -0.0763571486f);
  const T near_one = (f * q - 0.5f) * (f * f) + f;
  return exponent * 0.693359375f + (exponent * -2.12194440e-4f + near_one);
}

// u = (1 + f) 2^exponent with 1 + f near 1. `shift` holds the exponent at the exponent bits of a
// float.
template <class T>
struct LogReduction {
  T f, exponent;
  UintOf<T> shift;
};
template <class T>
NEURODE_FN LogReduction<T> reduce_log(T u) {
  const IntOf<T> exponent = __builtin_bit_cast(IntOf<T>, bits(u) - 0x3f3504f3u) >> 23;
  const UintOf<T> shift = __builtin_bit_cast(UintOf<T>, exponent) << 23;
  return {from_bits<T>(bits(u) - shift) - 1.0f, to_float<T>(exponent), shift};
}

// Returns y for positive finite u, and the logarithm of u otherwise.
template <class T>
NEURODE_FN T log_or_special(T u, T y) {
  const T special = select<T>(u < 0.0f, splat<T>(__builtin_nanf("")), splat<T>(-kInfinity));
  return select<T>(u <= kMaxFloat, select<T>(u < kMinNormal, special, y), u + kInfinity);
}

template <class T>
NEURODE_FN T log(T x) {
  const LogReduction<T> l = reduce_log(x);
  return log_or_special(x, log1p_reduced(l.f, l.exponent));
}

// log(1 + x), accurate near 0. u is 1 + x rounded, and the rounding error is added after scaling by
// 2^-exponent.
template <class T>
NEURODE_FN T log1p(T x) {
  const T u = x + 1.0f;
  const T lost = x - (u - 1.0f);
  const LogReduction<T> l = reduce_log(u);
  const T scale = from_bits<T>(0x40000000u - l.shift);  // 2 * 2^-exponent: 2^-128 would underflow
  return log_or_special(u, log1p_reduced<T>(lost * 0.5f * scale + l.f, l.exponent));
}

// log(1 + t) for t in [0, 1], for softplus.
template <class T>
NEURODE_FN T log1p_unit(T t) {
  const MaskOf<T> large = t > 0.414213562f;
  const T f = select<T>(large, (t - 1.0f) * 0.5f, t);
  return log1p_reduced(f, select<T>(large, splat<T>(1.0f), splat<T>(0.0f)));
}

template <class T>
NEURODE_FN T tanh(T x) {
  const T t = expm1(min(abs(x), splat<T>(10.0f)) * 2.0f);
  return copy_sign(t / (t + 2.0f), x);
}

template <class T>
NEURODE_FN T sigmoid(T x) {
  return 1.0f / (exp(-x) + 1.0f);
}

// sigmoid(x) and its derivative, computed from one exponential without cancellation.
template <class T>
struct SigmoidAndSlope {
  T value, slope;
};
template <class T>
NEURODE_FN SigmoidAndSlope<T> sigmoid_and_slope(T x) {
  const T e = exp(-abs(x));
  const T q = 1.0f / (e + 1.0f);
  const T small = e * q;
  return {select<T>(x < 0.0f, small, q), small * q};
}

// log(1 + exp(x))
template <class T>
NEURODE_FN T softplus(T x) {
  return max(x, splat<T>(0.0f)) + log1p_unit(exp(-abs(x)));
}

template <class T>
NEURODE_FN T erf(T x) {
  const T a = min(abs(x), splat<T>(4.0f));
  const T square = a * a;
  const T near = polynomial(square, 0.128379151f, -0.376124799f, 0.112816826f, -0.02676172f,
                            0.00498594018f, -0.000595373916f) *
                     a +
                 a;
  const T log_erfc = polynomial(a, -1.12851441f, -0.635718286f, -0.105261862f, 0.0228899773f,
                                -0.00321495975f, 0.000213985491f) *
                     a;
  const T far = 1.0f - exp(log_erfc);
  return copy_sign(select<T>(a < 0.9275f, near, far), x);
}

}  // namespace neurode::NEURODE_ISA_NAMESPACE::ops
