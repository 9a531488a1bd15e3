// Functors that join the values of two tensors, element by element: functors and rows. More than
// two tensors are joined in turn. The formulas are those of Keras on TensorFlow.
//
// slopes(a, b) returns the derivatives by the first and by the second value. kConstant: they do not
// depend on the values. kAverages: the joined values are divided by the number of tensors.
#pragma once

#include "native/ops/math.h"

namespace neurode::NEURODE_ISA_NAMESPACE::ops {

template <class T>
struct Slopes {
  T first, second;
};

struct AddMerge {
  static constexpr bool kConstant = true, kAverages = false;
  template <class T>
  static NEURODE_FN T apply(T a, T b) {
    return a + b;
  }
  template <class T>
  static NEURODE_FN Slopes<T> slopes(T, T) {
    return {splat<T>(1.0f), splat<T>(1.0f)};
  }
};

struct SubtractMerge {
  static constexpr bool kConstant = true, kAverages = false;
  template <class T>
  static NEURODE_FN T apply(T a, T b) {
    return a - b;
  }
  template <class T>
  static NEURODE_FN Slopes<T> slopes(T, T) {
    return {splat<T>(1.0f), splat<T>(-1.0f)};
  }
};

struct MultiplyMerge {
  static constexpr bool kConstant = false, kAverages = false;
  template <class T>
  static NEURODE_FN T apply(T a, T b) {
    return a * b;
  }
  template <class T>
  static NEURODE_FN Slopes<T> slopes(T a, T b) {
    return {b, a};
  }
};

struct AverageMerge : AddMerge {
  static constexpr bool kAverages = true;
};

// Of equal values, the first one gets the whole gradient. NaN gives NaN.
struct MaximumMerge {
  static constexpr bool kConstant = false, kAverages = false;
  template <class T>
  static NEURODE_FN T apply(T a, T b) {
    return select<T>(a == a, select<T>(a >= b, a, b), a);
  }
  template <class T>
  static NEURODE_FN Slopes<T> slopes(T a, T b) {
    const T one = splat<T>(1.0f), none = splat<T>(0.0f);
    return {select<T>(a >= b, one, none), select<T>(a >= b, none, one)};
  }
};

struct MinimumMerge {
  static constexpr bool kConstant = false, kAverages = false;
  template <class T>
  static NEURODE_FN T apply(T a, T b) {
    return select<T>(a == a, select<T>(a <= b, a, b), a);
  }
  template <class T>
  static NEURODE_FN Slopes<T> slopes(T a, T b) {
    const T one = splat<T>(1.0f), none = splat<T>(0.0f);
    return {select<T>(a <= b, one, none), select<T>(a <= b, none, one)};
  }
};

}  // namespace neurode::NEURODE_ISA_NAMESPACE::ops

// ROW(name, functor)
#define NEURODE_MERGES(ROW)    \
  ROW(add, AddMerge)           \
  ROW(subtract, SubtractMerge) \
  ROW(multiply, MultiplyMerge) \
  ROW(average, AverageMerge)   \
  ROW(maximum, MaximumMerge)   \
  ROW(minimum, MinimumMerge)
