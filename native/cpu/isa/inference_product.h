// Dense layers for inference: rows as they come, (rows, inputs), vectors along the units. Every sum
// begins with the bias and runs over the inputs in order, as on panels: the same bits, however many
// rows there are.
//
// Kernels are packed: units in tiles of up to kMostWide vectors, each tile (inputs, its units), the
// last unit's vector filled up with zeros.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

#include "native/cpu/isa/product.h"
#include "native/cpu/isa/row_values.h"
#include "native/cpu/isa/simd.h"

namespace neurode::NEURODE_ISA_NAMESPACE {

constexpr int kMostWide = kRegisters == 32 ? 4 : 3;
constexpr int kMostTall = kRegisters == 32 ? 12 : 6;
// Rows of a tile of so many vectors: accumulators, broadcasts and one vector of the kernel fit the
// registers.
constexpr int tallest(int vectors) {
  constexpr int many[] = {0, 12, 8, 7, 6};
  constexpr int few[] = {0, 6, 5, 3};
  return kRegisters == 32 ? many[vectors] : few[vectors];
}

// Inputs that all rows go through before the next ones: their part of a tile stays in the L1 cache.
constexpr int kInferBlock = 128;

struct InferTile {
  const float* kernel;  // (length, vectors)
  const float* input;
  std::int64_t input_stride;
  float* output;
  std::int64_t output_stride;
  int length;
  const float* bias;  // null: go on from the output
};

template <int kRows, int kVectors>
void infer_tile(const InferTile& t) {
  Vec sum[kRows][kVectors];
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) {
      sum[r][v] = load(t.bias != nullptr ? t.bias + v * kLanes
                                         : t.output + r * t.output_stride + v * kLanes);
    }
  }
  const float* w = t.kernel;
  const float* const x = t.input;
  const std::int64_t stride = t.input_stride;
  for (int k = 0; k < t.length; ++k) {
    Vec input[kRows];
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) input[r] = broadcast(x[r * stride + k]);
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) {
      const Vec weights = load(w + v * kLanes);
#pragma GCC unroll 16
      for (int r = 0; r < kRows; ++r) sum[r][v] += input[r] * weights;
    }
    w += kVectors * kLanes;
  }
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v)
      store(t.output + r * t.output_stride + v * kLanes, sum[r][v]);
  }
}

using InferTileFunction = void (*)(const InferTile&);

template <int kVectors, int... kRow>
constexpr std::array<InferTileFunction, kMostTall> infer_tiles_of(
    std::integer_sequence<int, kRow...>) {
  return {infer_tile<kRow + 1, kVectors>...};
}

template <int... kVector>
constexpr auto all_infer_tiles(std::integer_sequence<int, kVector...>) {
  return std::array<std::array<InferTileFunction, kMostTall>, kMostWide>{
      infer_tiles_of<kVector + 1>(std::make_integer_sequence<int, tallest(kVector + 1)>{})...};
}

// kInferTiles[vectors - 1][rows - 1]
constexpr auto kInferTiles = all_infer_tiles(std::make_integer_sequence<int, kMostWide>{});

// Calls visit(first vector, vectors) for the tiles [begin, end) across so many units, and says of
// each where it begins in the packed kernel.
template <class Visit>
NEURODE_INLINE void each_tile(int inputs, int units, const cpu::TileRange& range, Visit visit) {
  int tile = 0;
  split(vectors_of(units), kMostWide, [&](int vector, int vectors) {
    if (tile >= range.begin && tile < range.end)
      visit(vector, vectors, std::int64_t{inputs} * vector * kLanes);
    ++tile;
  });
}

inline int infer_tiles(int units) { return (vectors_of(units) + kMostWide - 1) / kMostWide; }

// A vector of units from (units, stride): squares of the kernel, transposed.
NEURODE_INLINE void pack_transposed(const cpu::KernelView& kernel, int inputs, int there,
                                    const float* first_unit, float* packed, int width) {
  for (int k = 0; k < inputs; k += kLanes) {
    Vec square[kLanes];
    for (int u = 0; u < kLanes; ++u)
      square[u] = u < there ? load(first_unit + u * kernel.unit_step + k) : Vec{};
    transpose(square);
    const int count = std::min(kLanes, inputs - k);
    for (int i = 0; i < count; ++i) store(packed + std::int64_t{k + i} * width, square[i]);
  }
}

inline void pack_kernel(const cpu::KernelView& kernel, int inputs, int units,
                        const cpu::TileRange& range, float* packed) {
  each_tile(inputs, units, range, [&](int vector, int vectors, std::int64_t at) {
    const int first = vector * kLanes, width = vectors * kLanes;
    float* to = packed + at;
    if (kernel.unit_step != 1) {
      for (int v = 0; v < vectors; ++v) {
        const int unit = first + v * kLanes;
        pack_transposed(kernel, inputs, std::min(kLanes, units - unit),
                        kernel.values + unit * kernel.unit_step, to + v * kLanes, width);
      }
      return;
    }
    const int there = std::min(width, units - first);
    for (int k = 0; k < inputs; ++k, to += width) {
      std::copy_n(kernel.values + k * kernel.input_step + first, there, to);
      std::fill(to + there, to + width, 0.0f);
    }
  });
}

inline void infer_dense(const cpu::InferDense& dense, const cpu::TileRange& range, int rows,
                        const float* input, std::int64_t input_stride, float* output,
                        std::int64_t output_stride) {
  each_tile(dense.inputs, dense.units, range, [&](int vector, int vectors, std::int64_t at) {
    float* const out = output + vector * kLanes;
    const int block = rows > tallest(vectors) ? kInferBlock : dense.inputs;
    for (int k = 0; k < dense.inputs; k += block) {
      InferTile tile;
      tile.length = std::min(block, dense.inputs - k);
      tile.kernel = dense.kernel + at + std::int64_t{k} * vectors * kLanes;
      tile.input_stride = input_stride;
      tile.output_stride = output_stride;
      tile.bias = k == 0 ? dense.bias + vector * kLanes : nullptr;
      split(rows, tallest(vectors), [&](int row, int count) {
        tile.input = input + row * input_stride + k;
        tile.output = out + row * output_stride;
        kInferTiles[vectors - 1][count - 1](tile);
      });
    }
    if (dense.activation == nullptr) return;
    for (int row = 0; row < rows; ++row) {
      float* const values = out + row * output_stride;
      activation_row(*dense.activation, {}, values, values, vectors * kLanes);
    }
  });
}

// to (rows, features) = from * scale + offset
inline void scale_floats(const float* from, std::int64_t count, float scale, float offset,
                         float* to) {
  for (std::int64_t i = 0; i < count; ++i) to[i] = from[i] * scale + offset;
}
inline void scale_bytes(const std::uint8_t* from, std::int64_t count, float scale, float offset,
                        float* to) {
  for (std::int64_t i = 0; i < count; ++i) to[i] = static_cast<float>(from[i]) * scale + offset;
}

}  // namespace neurode::NEURODE_ISA_NAMESPACE
