// Single rows, (features), with vectors along the features: what layers without a product do in
// inference. A row has the same bits however many there are.
#pragma once

#include <algorithm>

#include "native/cpu/isa/channels.h"
#include "native/ops/rows.h"

namespace neurode::NEURODE_ISA_NAMESPACE {

// The features that a row-wise functor works on: its lanes are not rows but features of one.
struct RowVectors {
  int features;
};
NEURODE_INLINE int steps(const RowVectors& row) { return vectors_of(row.features); }
NEURODE_INLINE float count(const RowVectors& row) { return static_cast<float>(row.features); }
// Lanes behind the last feature have the neutral value.
template <class T>
NEURODE_INLINE T within(const RowVectors& row, int i, T value, float neutral) {
  const int there = row.features - i * kLanes;
  if (there >= kLanes) return value;
  for (int lane = there; lane < kLanes; ++lane) value[lane] = neutral;
  return value;
}
template <class T>
NEURODE_INLINE T total(const RowVectors&, T sum) {
  return broadcast(sum_lanes(sum));
}
template <class T>
NEURODE_INLINE T greatest(const RowVectors&, T values) {
  float most = values[0];
  for (int lane = 1; lane < kLanes; ++lane) most = ops::max<float>(most, values[lane]);
  return broadcast(most);
}

// Vector i of a group of features that follow each other. Memory may be read to the end of the
// vector, and is written to the end of the group.
struct RowOf {
  float* data;
  int features;
  NEURODE_INLINE Vec operator()(int i) const { return load(data + i * kLanes); }
  NEURODE_INLINE void operator()(int i, Vec value) const {
    const int there = features - i * kLanes;
    if (there >= kLanes) return store(data + i * kLanes, value);
    for (int lane = 0; lane < there; ++lane) data[i * kLanes + lane] = value[lane];
  }
};

// Memory of the row is padded to kAlignment.
template <class Activation>
void pointwise_row(const float* params, const Along&, const float* z, float* y, int features) {
  for (int i = 0; i < features; i += kLanes)
    store(y + i, Activation::forward(load(z + i), ops::params_of<Activation>(params)));
}

// Groups of one feature after the other lie in lanes; where features of a group lie apart, the
// lanes are groups.
template <class Activation>
void rowwise_row(const float* params, const Along& along, const float* z, float* y, int features) {
  const auto& numbers = ops::params_of<Activation>(params);
  const int length = along.length == 0 ? features : along.length, inner = along.inner;
  for (int first = 0; first < features; first += length * inner) {
    const float* const from = z + first;
    float* const to = y + first;
    if (inner == 1) {
      Activation::template forward<Vec>(
          RowVectors{length}, [=](int i) { return load(from + i * kLanes); }, RowOf{to, length},
          numbers);
      continue;
    }
    int i = 0;
    for (; i + kLanes <= inner; i += kLanes)
      Activation::template forward<Vec>(length, ConstLines{from + i, inner}, Lines{to + i, inner},
                                        numbers);
    for (; i < inner; ++i)
      Activation::template forward<float>(length, ops::ConstFeatures<float>{from + i, inner},
                                          ops::Features<float>{to + i, inner}, numbers);
  }
}

using RowKernel = void (*)(const float*, const Along&, const float*, float*, int);

constexpr RowKernel kRowActivations[] = {
#define NEURODE_ROW(name, Functor, ...) pointwise_row<ops::Functor>,
    NEURODE_POINTWISE_ACTIVATIONS(NEURODE_ROW)
#undef NEURODE_ROW
#define NEURODE_ROW(name, Functor, ...) rowwise_row<ops::Functor>,
        NEURODE_ROWWISE_ACTIVATIONS(NEURODE_ROW)
#undef NEURODE_ROW
};

inline void activation_row(const Op& op, const Along& along, const float* z, float* y,
                           int features) {
  kRowActivations[op.row](op.params.data(), along, z, y, features);
}

template <class Function>
void feature_one_row(const float* kernel, const float* bias, const float* x, float* y,
                     int features) {
  for (int i = 0; i < features; i += kLanes)
    store(y + i, Function::forward(load(x + i), load(kernel + i), load(bias + i)));
}

using FeatureRowKernel = void (*)(const float*, const float*, const float*, float*, int);

constexpr FeatureRowKernel kFeatureRows[] = {
#define NEURODE_ROW(name, Functor) feature_one_row<ops::Functor>,
    NEURODE_FEATURE_FUNCTIONS(NEURODE_ROW)
#undef NEURODE_ROW
};

inline void feature_row(const Op& op, const float* kernel, const float* bias, const float* x,
                        float* y, int features) {
  kFeatureRows[op.row](kernel, bias, x, y, features);
}

}  // namespace neurode::NEURODE_ISA_NAMESPACE
