// Merges of two tensors on panels: the rows of the op table.
#pragma once

#include "native/cpu/isa/pointwise.h"
#include "native/ops/merges.h"

namespace neurode::NEURODE_ISA_NAMESPACE {

template <class Merge>
void merge_lines(const float* a, const float* b, float* y, int features, int rows) {
  each_vector(features, rows, [&](std::int64_t i) {
    store(y + i, Merge::template apply<Vec>(load(a + i), load(b + i)));
  });
}

template <class Merge>
void merge_lines_backward(int side, const float* a, const float* b, const float* gradient, float* y,
                          int features, int rows) {
  each_vector(features, rows, [&](std::int64_t i) {
    const ops::Slopes<Vec> slopes = Merge::template slopes<Vec>(load(a + i), load(b + i));
    store(y + i, load(gradient + i) * (side == 0 ? slopes.first : slopes.second));
  });
}

struct MergeKernels {
  void (*forward)(const float*, const float*, float*, int, int);
  void (*backward)(int, const float*, const float*, const float*, float*, int, int);
};

constexpr MergeKernels kMerges[] = {
#define NEURODE_ROW(name, Functor) {merge_lines<ops::Functor>, merge_lines_backward<ops::Functor>},
    NEURODE_MERGES(NEURODE_ROW)
#undef NEURODE_ROW
};

inline void merge(const Op& op, const float* a, const float* b, float* y, int features, int rows) {
  kMerges[op.row].forward(a, b, y, features, rows);
}

inline void merge_backward(const Op& op, int side, const float* a, const float* b,
                           const float* gradient, float* y, int features, int rows) {
  kMerges[op.row].backward(side, a, b, gradient, y, features, rows);
}

}  // namespace neurode::NEURODE_ISA_NAMESPACE
