// Dense layers on a panel of few rows, whose lanes would leave vectors all but empty: vectors run
// along the units, or on the way back along the inputs. Every sum has the order that it has in
// panel_product().
#pragma once

#include <algorithm>
#include <cstdint>

#include "native/cpu/isa/simd.h"
#include "native/cpu/isa/transpose.h"
#include "native/cpu/kernels.h"

namespace neurode::NEURODE_ISA_NAMESPACE {

using cpu::kPanel;

// With more rows, lanes are as fast.
constexpr int kFewRows = kLanes / 4;

// Inputs that rows are taken out of the panel for at a time: they stay in the L1 cache.
constexpr int kFewInputs = 512;
// Units that are read side by side, each a stream of memory.
constexpr int kUnitsForward = 2 * kLanes, kUnitsBack = 8;
// Floats that the caches are asked for ahead.
constexpr int kFloatsAhead = 64;

// (rows, stride) = lines [0, count) of a panel.
inline void take_lines(const float* panel, int count, int rows, float* to, int stride) {
  for (int i = 0; i < count; i += kLanes) {
    Vec block[kLanes];
    for (int j = 0; j < kLanes; ++j)
      block[j] = i + j < count ? load(panel + (i + j) * std::int64_t{kPanel}) : Vec{};
    transpose(block);
    for (int r = 0; r < rows; ++r) store(to + r * stride + i, block[r]);
  }
}

// Lines [0, count) of a panel = (rows, stride), and 0 in the vectors' other lanes.
inline void give_lines(const float* from, int stride, int count, int rows, float* panel) {
  for (int i = 0; i < count; i += kLanes) {
    Vec block[kLanes] = {};
    for (int r = 0; r < std::min(rows, kFewRows); ++r) block[r] = load(from + r * stride + i);
    transpose(block);
    for (int j = 0; j < std::min(kLanes, count - i); ++j)
      store(panel + (i + j) * std::int64_t{kPanel}, block[j]);
  }
}

// Adds `count` inputs of each row, (rows, kFewInputs), to sums of a vector of units, (rows,
// kUnitsForward). So many units are `there`; the last one stands for those that are not.
template <bool kWhole>
NEURODE_INLINE void add_square(const float* kernel, std::int64_t stride, int there, int count,
                               int rows, const float* input, float* sums) {
  Vec square[kLanes];
#pragma GCC unroll 16
  for (int u = 0; u < kLanes; ++u) {
    const float* const weights = kernel + std::min(u, there - 1) * stride;
    __builtin_prefetch(weights + kFloatsAhead, 0, 2);
    square[u] = load(weights);
  }
  transpose(square);
  for (int r = 0; r < rows; ++r) {
    Vec sum = load(sums + r * kUnitsForward);
    const float* const x = input + r * kFewInputs;
#pragma GCC unroll 16
    for (int k = 0; k < (kWhole ? kLanes : count); ++k) sum += square[k] * broadcast(x[k]);
    store(sums + r * kUnitsForward, sum);
  }
}

// output (units, kPanel) = kernel (units, stride) . input (inputs, kPanel) + bias (null: none).
inline void few_rows_forward(const float* kernel, std::int64_t stride, const float* bias,
                             int inputs, int units, int rows, const float* input, float* output) {
  for (int first = 0; first < inputs; first += kFewInputs) {
    const int length = std::min(kFewInputs, inputs - first);
    float x[kFewRows * kFewInputs];
    take_lines(input + first * std::int64_t{kPanel}, length, rows, x, kFewInputs);
    for (int unit = 0; unit < units; unit += kUnitsForward) {
      const int count = std::min(kUnitsForward, units - unit);
      float* const lines = output + unit * std::int64_t{kPanel};
      float sums[kFewRows * kUnitsForward] = {};
      if (first > 0) {
        take_lines(lines, count, rows, sums, kUnitsForward);
      } else if (bias != nullptr) {
        for (int r = 0; r < rows; ++r) std::copy_n(bias + unit, count, sums + r * kUnitsForward);
      }
      for (int k = 0; k < length; k += kLanes) {
        for (int u = 0; u < count; u += kLanes) {
          const float* const square = kernel + (unit + u) * stride + first + k;
          if (k + kLanes <= length)
            add_square<true>(square, stride, count - u, kLanes, rows, x + k, sums + u);
          else
            add_square<false>(square, stride, count - u, length - k, rows, x + k, sums + u);
        }
      }
      give_lines(sums, kUnitsForward, count, rows, lines);
    }
  }
}

// Adds `count` units of each row of d output, a panel, to sums of `length` inputs, (rows,
// kFewInputs).
template <bool kWhole>
NEURODE_INLINE void add_units(const float* kernel, std::int64_t stride, int count, int length,
                              int rows, const float* gradient, float* sums) {
  for (int k = 0; k < length; k += kLanes) {
    Vec weights[kUnitsBack] = {};
#pragma GCC unroll 8
    for (int u = 0; u < (kWhole ? kUnitsBack : count); ++u)
      weights[u] = load(kernel + u * stride + k);
    for (int r = 0; r < rows; ++r) {
      Vec sum = load(sums + r * kFewInputs + k);
#pragma GCC unroll 8
      for (int u = 0; u < (kWhole ? kUnitsBack : count); ++u)
        sum += weights[u] * broadcast(gradient[u * kPanel + r]);
      store(sums + r * kFewInputs + k, sum);
    }
  }
}

// d input (inputs, kPanel) = kernel^T . d output.
inline void few_rows_backward(const float* kernel, std::int64_t stride, int inputs, int units,
                              int rows, const float* gradient, float* input_gradient) {
  for (int first = 0; first < inputs; first += kFewInputs) {
    const int length = std::min(kFewInputs, inputs - first);
    float sums[kFewRows * kFewInputs] = {};
    for (int unit = 0; unit < units; unit += kUnitsBack) {
      const float* const weights = kernel + unit * stride + first;
      const float* const of_units = gradient + unit * std::int64_t{kPanel};
      if (unit + kUnitsBack <= units)
        add_units<true>(weights, stride, kUnitsBack, length, rows, of_units, sums);
      else
        add_units<false>(weights, stride, units - unit, length, rows, of_units, sums);
    }
    give_lines(sums, kFewInputs, length, rows, input_gradient + first * std::int64_t{kPanel});
  }
}

}  // namespace neurode::NEURODE_ISA_NAMESPACE
