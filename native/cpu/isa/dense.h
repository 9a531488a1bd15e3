// Dense layers on panels: gathering rows, forward, and the two backward products.
#pragma once

#include <algorithm>
#include <cstring>

#include "native/cpu/isa/few_rows.h"
#include "native/cpu/isa/product.h"
#include "native/cpu/isa/transpose.h"
#include "native/cpu/kernels.h"

namespace neurode::NEURODE_ISA_NAMESPACE {

using cpu::RowsView;

// Inputs (or units) that one pass of a product covers, so that its part of a panel stays in the L1
// cache.
constexpr int kBlock = 128;

// Kernels of more weights do not stay in the L2 cache.
constexpr std::int64_t kCachedWeights = 1 << 17;

NEURODE_INLINE int vectors_of(int rows) { return (rows + kLanes - 1) / kLanes; }

// The row of the data, and its position, that is in a lane. Lanes past the last one repeat it.
struct BoundLane {
  std::int64_t row, position;
};
NEURODE_INLINE BoundLane bound_lane(const RowsView& view, int lane) {
  const std::int64_t at = view.first + std::min(lane, view.rows - 1);
  const std::int64_t row = view.positions == 1 ? at : at / view.positions;
  return {row_at(view.order, row), at - row * view.positions};
}

// Where it is among the positions of all rows.
NEURODE_INLINE std::int64_t bound_index(const RowsView& view, int lane) {
  const BoundLane at = bound_lane(view, lane);
  return at.row * view.positions + at.position;
}

// ----------------------------------------------------------------------------------------------
// gather

inline void gather_bytes(const RowsView& view, float scale, float offset, float* panel) {
  const int features = view.input.features / view.positions;
  for (int group = 0; group < view.rows; group += 16) {
    const std::uint8_t* source[16];
    for (int i = 0; i < 16; ++i) {
      source[i] = view.input.bytes + bound_index(view, group + i) * features;
    }
    for (int f = 0; f < features; f += 16) {
      const int count = std::min(16, features - f);
      Bytes block[16];
      if (count == 16) {
        for (int i = 0; i < 16; ++i) block[i] = load_bytes(source[i] + f);
      } else {
        for (int i = 0; i < 16; ++i) {
          block[i] = Bytes{};
          std::memcpy(&block[i], source[i] + f, count);
        }
      }
      transpose(block);
      for (int i = 0; i < count; ++i) {
        store_bytes(panel + (f + i) * kPanel + group, block[i], scale, offset);
      }
    }
  }
}

inline void gather_floats(const RowsView& view, float scale, float offset, float* panel) {
  const int features = view.input.features / view.positions;
  for (int group = 0; group < view.rows; group += kLanes) {
    const float* source[kLanes];
    for (int i = 0; i < kLanes; ++i) {
      source[i] = view.input.floats + bound_index(view, group + i) * features;
    }
    for (int f = 0; f < features; f += kLanes) {
      const int count = std::min(kLanes, features - f);
      Vec block[kLanes];
      if (count == kLanes) {
        for (int i = 0; i < kLanes; ++i) block[i] = load(source[i] + f);
      } else {
        for (int i = 0; i < kLanes; ++i) {
          block[i] = Vec{};
          std::memcpy(&block[i], source[i] + f, count * sizeof(float));
        }
      }
      transpose(block);
      for (int i = 0; i < count; ++i) {
        store(panel + (f + i) * kPanel + group, block[i] * scale + offset);
      }
    }
  }
}

inline void gather(const RowsView& view, float scale, float offset, float* panel) {
  if (view.input.bytes != nullptr) {
    gather_bytes(view, scale, offset, panel);
  } else {
    gather_floats(view, scale, offset, panel);
  }
}

// One-hot rows of class indices, which lie `stride` apart from a row of the data to the next.
template <class Class>
void gather_classes(const Class* classes, std::int64_t stride, int outputs, const RowsView& view,
                    float* panel) {
  const int lanes = vectors_of(view.rows) * kLanes;
  for (int o = 0; o < outputs; ++o) {
    for (int i = 0; i < lanes; i += kLanes) store(panel + o * kPanel + i, Vec{});
  }
  for (int i = 0; i < lanes; ++i) {
    const auto [row, position] = bound_lane(view, i);
    panel[static_cast<std::int64_t>(classes[row * stride + position]) * kPanel + i] = 1;
  }
}

inline void gather_targets(const TargetsView& targets, const RowsView& view, float* panel) {
  const int lanes = vectors_of(view.rows) * kLanes;
  const int outputs = targets.outputs;
  if (targets.classes != nullptr)
    return gather_classes(targets.classes, targets.positions, outputs, view, panel);
  if (targets.labels != nullptr)
    return gather_classes(targets.labels, targets.stride(), outputs, view, panel);
  if (targets.bytes != nullptr) {
    for (int i = 0; i < lanes; ++i) {
      const std::uint8_t* values = targets.bytes + bound_index(view, i) * outputs;
      for (int o = 0; o < outputs; ++o) panel[o * kPanel + i] = targets.levels[values[o]];
    }
    return;
  }
  for (int i = 0; i < lanes; ++i) {
    const auto [row, position] = bound_lane(view, i);
    const float* values = targets.rows + row * targets.stride() + position * outputs;
    for (int o = 0; o < outputs; ++o) panel[o * kPanel + i] = values[o];
  }
}

// ------------------------------------------------------------------------------------ forward,
// backward

// Prefetches A (rows, k): its rows are so short that they end before the hardware has seen a
// pattern.
NEURODE_INLINE void prefetch_rows(const float* a, std::int64_t a_row, std::int64_t a_k, int rows,
                                  int k_count) {
  const bool along_k = a_k == 1;
  const int lines = along_k ? rows : k_count;
  const std::int64_t step = along_k ? a_row : a_k;
  const int length = along_k ? k_count : rows;
  for (int i = 0; i < lines; ++i) {
    for (int j = 0; j < length; j += 16) __builtin_prefetch(a + i * step + j, 0, 2);
  }
}

// output (m, lanes) = A (m, k) . input (k, lanes) + bias in each panel, blocked over k. A tile of A
// serves all panels.
inline void panel_product(const float* a, std::int64_t a_row, std::int64_t a_k, int m_count,
                          int k_count, const cpu::Panels& panels, const float* input,
                          const float* bias, float* output) {
  const bool is_large = std::int64_t{m_count} * k_count > kCachedWeights;
  const int widest = vectors_of(*std::max_element(panels.rows, panels.rows + panels.count));
  const int most_rows = max_rows(std::min(widest, kMaxVectors));
  Product product;
  product.a_row = a_row;
  product.a_k = a_k;
  product.a_segment = 0;
  product.b_k = kPanel;
  product.c_row = kPanel;
  product.segments = 1;
  split(k_count, kBlock, [&](int k, int length) {
    product.lengths = &length;
    product.init = k > 0 ? Init::output : bias != nullptr ? Init::bias : Init::zero;
    split(m_count, most_rows, [&](int m, int size) {
      product.a = a + m * a_row + k * a_k;
      product.bias = bias + (bias != nullptr ? m : 0);
      if (is_large && m + size < m_count) {
        prefetch_rows(product.a + size * a_row, a_row, a_k, std::min(size, m_count - m - size),
                      length);
      }
      for (int p = 0; p < panels.count; ++p) {
        split(vectors_of(panels.rows[p]), kMaxVectors, [&](int vector, int vectors) {
          product.b = input + p * panels.step + k * std::int64_t{kPanel} + vector * kLanes;
          product.c = output + p * panels.step + m * std::int64_t{kPanel} + vector * kLanes;
          kTiles[vectors - 1][size - 1](product);
        });
      }
    });
  });
}

NEURODE_INLINE bool are_few(const cpu::Panels& panels) {
  return *std::max_element(panels.rows, panels.rows + panels.count) <= kFewRows;
}

inline void dense_forward(const float* kernel, std::int64_t stride, const float* bias, int inputs,
                          int units, const cpu::Panels& panels, const float* input, float* output) {
  if (!are_few(panels))
    return panel_product(kernel, stride, 1, units, inputs, panels, input, bias, output);
  for (int p = 0; p < panels.count; ++p) {
    few_rows_forward(kernel, stride, bias, inputs, units, panels.rows[p], input + p * panels.step,
                     output + p * panels.step);
  }
}

inline void dense_backward_input(const float* kernel, std::int64_t stride, int inputs, int units,
                                 const cpu::Panels& panels, const float* gradient,
                                 float* input_gradient) {
  if (!are_few(panels))
    return panel_product(kernel, 1, stride, inputs, units, panels, gradient, nullptr,
                         input_gradient);
  for (int p = 0; p < panels.count; ++p) {
    few_rows_backward(kernel, stride, inputs, units, panels.rows[p], gradient + p * panels.step,
                      input_gradient + p * panels.step);
  }
}

}  // namespace neurode::NEURODE_ISA_NAMESPACE
