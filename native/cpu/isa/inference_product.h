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

NEURODE_INLINE int vectors_across(int units) { return (units + kLanes - 1) / kLanes; }

// From (inputs, units).
inline void pack_kernel(const float* kernel, int inputs, int units, float* packed) {
  split(vectors_across(units), kMostWide, [&](int vector, int vectors) {
    const int first = vector * kLanes, width = vectors * kLanes;
    const int there = std::min(width, units - first);
    for (int k = 0; k < inputs; ++k, packed += width) {
      std::copy_n(kernel + std::int64_t{k} * units + first, there, packed);
      std::fill(packed + there, packed + width, 0.0f);
    }
  });
}

// output (rows, output_stride) = input (rows, input_stride) . kernel + bias, which is padded.
inline void infer_dense(const float* packed, const float* bias, int inputs, int units,
                        const float* input, std::int64_t input_stride, int rows, float* output,
                        std::int64_t output_stride) {
  split(vectors_across(units), kMostWide, [&](int vector, int vectors) {
    const int block = rows > tallest(vectors) ? kInferBlock : inputs;
    for (int k = 0; k < inputs; k += block) {
      InferTile tile;
      tile.length = std::min(block, inputs - k);
      tile.kernel = packed + std::int64_t{k} * vectors * kLanes;
      tile.input_stride = input_stride;
      tile.output_stride = output_stride;
      tile.bias = k == 0 ? bias + vector * kLanes : nullptr;
      split(rows, tallest(vectors), [&](int row, int count) {
        tile.input = input + row * input_stride + k;
        tile.output = output + row * output_stride + vector * kLanes;
        kInferTiles[vectors - 1][count - 1](tile);
      });
    }
    packed += std::int64_t{inputs} * vectors * kLanes;
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
