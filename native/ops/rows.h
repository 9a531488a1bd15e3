// Accessors of features for row-wise functors: the lanes of a vector are rows of a feature-major
// panel.
#pragma once

#include <cstddef>

#include "native/ops/config.h"

namespace neurode::NEURODE_ISA_NAMESPACE::ops {

// How row-wise functors go through n features, each lane being a row of its own: every step is a
// feature. The CPU has the same functions for n whose lanes are features of one row.
NEURODE_FN int steps(int n) { return n; }
NEURODE_FN float count(int n) { return static_cast<float>(n); }
// The value at step i, or what is neutral for the sum where a lane has no feature.
template <class T>
NEURODE_FN T within(int, int, T value, float) {
  return value;
}
// Of the sums, or the greatest values, that lanes have: those of each lane's row.
template <class T>
NEURODE_FN T total(int, T sum) {
  return sum;
}
template <class T>
NEURODE_FN T greatest(int, T values) {
  return values;
}

// Accesses feature i of sizeof(T) / 4 rows at base + i * stride, in floats. The address need not be
// aligned.
template <class T>
struct Features {
#ifdef __CUDACC__
  using Stored = T;
#else
  typedef T Stored __attribute__((aligned(4), may_alias));
#endif
  float* base;
  std::ptrdiff_t stride;

  NEURODE_FN T operator()(int i) const {
    return *reinterpret_cast<const Stored*>(base + i * stride);
  }
  NEURODE_FN void operator()(int i, T value) const {
    *reinterpret_cast<Stored*>(base + i * stride) = value;
  }
};

template <class T>
struct ConstFeatures {
  const float* base;
  std::ptrdiff_t stride;

  NEURODE_FN T operator()(int i) const {
    return *reinterpret_cast<const typename Features<T>::Stored*>(base + i * stride);
  }
};

}  // namespace neurode::NEURODE_ISA_NAMESPACE::ops
