// Piecewise activations, most of them piecewise linear.
//
// These are pointwise functors: forward(z, p) is y, and derivative(z, y, p) is dy/dz. With
// kFromOutput, the derivative reads y alone. The formulas are those of Keras.
#pragma once

#include "native/ops/math.h"
#include "native/ops/params.h"

namespace neurode::NEURODE_ISA_NAMESPACE::ops {

struct Linear {
  static constexpr bool kFromOutput = true;
  template <class T>
  static NEURODE_FN T forward(T z, NoParams) {
    return z;
  }
  template <class T>
  static NEURODE_FN T derivative(T, T, NoParams) {
    return splat<T>(1.0f);
  }
};

struct Relu {
  static constexpr bool kFromOutput = true;
  template <class T>
  static NEURODE_FN T forward(T z, NoParams) {
    return max(z, splat<T>(0.0f));
  }
  template <class T>
  static NEURODE_FN T derivative(T, T y, NoParams) {
    return select<T>(y > 0.0f, splat<T>(1.0f), splat<T>(0.0f));
  }
};

// Returns `slope` if low < y < high, otherwise 0: the derivative of a ramp, computed from its
// output.
template <class T>
NEURODE_FN T slope_between(T y, float low, float high, float slope) {
  const T rising = select<T>(y > low, splat<T>(slope), splat<T>(0.0f));
  return select<T>(y < high, rising, splat<T>(0.0f));
}

struct Relu6 {
  static constexpr bool kFromOutput = true;
  template <class T>
  static NEURODE_FN T forward(T z, NoParams) {
    return clamp(z, 0.0f, 6.0f);
  }
  template <class T>
  static NEURODE_FN T derivative(T, T y, NoParams) {
    return slope_between(y, 0.0f, 6.0f, 1.0f);
  }
};

struct LeakyRelu {
  struct Params {
    float negative_slope;
  };
  static constexpr bool kFromOutput = false;
  template <class T>
  static NEURODE_FN T forward(T z, const Params& p) {
    return select<T>(z < 0.0f, z * p.negative_slope, z);
  }
  template <class T>
  static NEURODE_FN T derivative(T z, T, const Params& p) {
    return select<T>(z > 0.0f, splat<T>(1.0f), splat<T>(p.negative_slope));
  }
};

// Above the threshold, y = z, clipped to [0, maxValue] if maxValue is finite. Below the threshold,
// y = negativeSlope (z - threshold).
struct GeneralRelu {
  struct Params {
    float negative_slope, max_value, threshold;
  };
  static constexpr bool kFromOutput = false;
  static NEURODE_FN float low(const Params& p) {
    return p.max_value < kInfinity ? 0.0f : -kInfinity;
  }
  template <class T>
  static NEURODE_FN T forward(T z, const Params& p) {
    const T above = clamp(z, low(p), p.max_value);
    const T below = (z - p.threshold) * p.negative_slope;
    return select<T>(z > p.threshold, above, select<T>(z < p.threshold, below, z * 0.0f));
  }
  template <class T>
  static NEURODE_FN T derivative(T z, T, const Params& p) {
    return select<T>(z > p.threshold, slope_between(z, low(p), p.max_value, 1.0f),
                     splat<T>(p.negative_slope));
  }
};

struct Elu {
  struct Params {
    float alpha;
  };
  static constexpr bool kFromOutput = false;
  template <class T>
  static NEURODE_FN T forward(T z, const Params& p) {
    return select<T>(z > 0.0f, z, expm1(z) * p.alpha);
  }
  template <class T>
  static NEURODE_FN T derivative(T z, T, const Params& p) {
    return select<T>(z > 0.0f, splat<T>(1.0f), exp(z) * p.alpha);
  }
};

struct Selu {
  static constexpr bool kFromOutput = false;
  static constexpr float kScale = 1.05070098736f;
  static constexpr float kScaleAlpha = 1.75809934085f;
  template <class T>
  static NEURODE_FN T forward(T z, NoParams) {
    return select<T>(z > 0.0f, z * kScale, expm1(z) * kScaleAlpha);
  }
  template <class T>
  static NEURODE_FN T derivative(T z, T, NoParams) {
    return select<T>(z > 0.0f, splat<T>(kScale), exp(z) * kScaleAlpha);
  }
};

struct Celu {
  struct Params {
    float alpha;
  };
  static constexpr bool kFromOutput = false;
  template <class T>
  static NEURODE_FN T forward(T z, const Params& p) {
    return select<T>(z > 0.0f, z, expm1(z / p.alpha) * p.alpha);
  }
  template <class T>
  static NEURODE_FN T derivative(T z, T, const Params& p) {
    return select<T>(z > 0.0f, splat<T>(1.0f), exp(z / p.alpha));
  }
};

struct Threshold {
  struct Params {
    float threshold, default_value;
  };
  static constexpr bool kFromOutput = false;
  template <class T>
  static NEURODE_FN T forward(T z, const Params& p) {
    return select<T>(z > p.threshold, z, splat<T>(p.default_value));
  }
  template <class T>
  static NEURODE_FN T derivative(T z, T, const Params& p) {
    return select<T>(z > p.threshold, splat<T>(1.0f), splat<T>(0.0f));
  }
};

// SoftShrink and HardShrink return 0 for NaN, as in Keras.
struct SoftShrink {
  struct Params {
    float threshold;
  };
  static constexpr bool kFromOutput = true;
  template <class T>
  static NEURODE_FN T forward(T z, const Params& p) {
    return select<T>(z > p.threshold, z - p.threshold,
                     select<T>(z < -p.threshold, z + p.threshold, splat<T>(0.0f)));
  }
  template <class T>
  static NEURODE_FN T derivative(T, T y, const Params&) {
    return select<T>(y == 0.0f, splat<T>(0.0f), splat<T>(1.0f));
  }
};

struct HardShrink {
  struct Params {
    float threshold;
  };
  static constexpr bool kFromOutput = true;
  template <class T>
  static NEURODE_FN T forward(T z, const Params& p) {
    return select<T>(abs(z) > p.threshold, z, splat<T>(0.0f));
  }
  template <class T>
  static NEURODE_FN T derivative(T, T y, const Params&) {
    return select<T>(y == 0.0f, splat<T>(0.0f), splat<T>(1.0f));
  }
};

// 0 for z <= -1, (z + 1)^2 / 4 for z <= 1, and z above.
struct SparsePlus {
  static constexpr bool kFromOutput = false;
  template <class T>
  static NEURODE_FN T forward(T z, NoParams) {
    const T h = clamp(z, -1.0f, 1.0f) * 0.5f + 0.5f;
    return select<T>(z > 1.0f, z, h * h);
  }
  template <class T>
  static NEURODE_FN T derivative(T z, T, NoParams) {
    return clamp(z, -1.0f, 1.0f) * 0.5f + 0.5f;
  }
};

// relu6(z + 3) / 6
struct HardSigmoid {
  static constexpr bool kFromOutput = true;
  template <class T>
  static NEURODE_FN T forward(T z, NoParams) {
    return clamp(z + 3.0f, 0.0f, 6.0f) * (1.0f / 6.0f);
  }
  template <class T>
  static NEURODE_FN T derivative(T, T y, NoParams) {
    return slope_between(y, 0.0f, 1.0f, 1.0f / 6.0f);
  }
};

struct HardTanh {
  static constexpr bool kFromOutput = true;
  template <class T>
  static NEURODE_FN T forward(T z, NoParams) {
    return clamp(z, -1.0f, 1.0f);
  }
  template <class T>
  static NEURODE_FN T derivative(T, T y, NoParams) {
    return slope_between(y, -1.0f, 1.0f, 1.0f);
  }
};

struct SparseSigmoid {
  static constexpr bool kFromOutput = true;
  template <class T>
  static NEURODE_FN T forward(T z, NoParams) {
    return clamp(z, -1.0f, 1.0f) * 0.5f + 0.5f;
  }
  template <class T>
  static NEURODE_FN T derivative(T, T y, NoParams) {
    return slope_between(y, 0.0f, 1.0f, 0.5f);
  }
};

struct HardSilu {
  static constexpr bool kFromOutput = false;
  template <class T>
  static NEURODE_FN T forward(T z, NoParams p) {
    return z * HardSigmoid::forward(z, p);
  }
  template <class T>
  static NEURODE_FN T derivative(T z, T, NoParams) {
    const T middle = (z * 2.0f + 3.0f) * (1.0f / 6.0f);
    return select<T>(z >= 3.0f, splat<T>(1.0f), select<T>(z <= -3.0f, splat<T>(0.0f), middle));
  }
};

}  // namespace neurode::NEURODE_ISA_NAMESPACE::ops

// See NEURODE_POINTWISE_ACTIVATIONS.
#define NEURODE_PIECEWISE_ACTIVATIONS(ROW)                                \
  ROW(linear, Linear)                                                     \
  ROW(relu, Relu)                                                         \
  ROW(relu6, Relu6)                                                       \
  ROW(leakyRelu, LeakyRelu, "negativeSlope")                              \
  ROW(generalRelu, GeneralRelu, "negativeSlope", "maxValue", "threshold") \
  ROW(elu, Elu, "alpha")                                                  \
  ROW(selu, Selu)                                                         \
  ROW(celu, Celu, "alpha")                                                \
  ROW(threshold, Threshold, "threshold", "defaultValue")                  \
  ROW(softShrink, SoftShrink, "threshold")                                \
  ROW(hardShrink, HardShrink, "threshold")                                \
  ROW(sparsePlus, SparsePlus)                                             \
  ROW(hardSigmoid, HardSigmoid)                                           \
  ROW(hardTanh, HardTanh)                                                 \
  ROW(sparseSigmoid, SparseSigmoid)                                       \
  ROW(hardSilu, HardSilu)
