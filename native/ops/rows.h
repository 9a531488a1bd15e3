// Accessors of features for row-wise functors: the lanes of a vector are rows of a feature-major
// panel.
#pragma once

#include <cstddef>

#include "native/ops/config.h"

namespace neurode::NEURODE_ISA_NAMESPACE::ops {

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
