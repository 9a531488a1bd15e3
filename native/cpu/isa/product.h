// The one matrix product of the CPU: C (m, lanes) = init + sum over k of A(m, k) * B(k, lanes), in
// register tiles. Every sum runs over k in order, whatever the tile, so results do not depend on
// how work is cut.
#pragma once

#include <array>
#include <cstdint>
#include <utility>

#include "native/cpu/isa/simd.h"

namespace neurode::NEURODE_ISA_NAMESPACE {

enum class Init { zero, output, bias };

// k runs over `segments` of given lengths; A jumps by a_segment from one to the next, B goes on.
struct Product {
  const float* a;
  std::int64_t a_row, a_k, a_segment;
  const float* b;
  std::int64_t b_k;
  float* c;
  std::int64_t c_row;
  int segments;
  const int* lengths;
  Init init;
  const float* bias;
};

// Most rows of A in a tile of `vectors` vectors: accumulators, B's vectors and one broadcast fit
// the registers.
constexpr int kMaxVectors = kRegisters == 32 ? 4 : 3;
constexpr int kMaxRows = kRegisters == 32 ? 12 : 8;
constexpr int max_rows(int vectors) {
  constexpr int wide[] = {0, 12, 12, 8, 6};
  constexpr int narrow[] = {0, 8, 6, 4};
  return kRegisters == 32 ? wide[vectors] : narrow[vectors];
}

template <int kRows, int kVectors>
void product_tile(const Product& p) {
  Vec sum[kRows][kVectors];
#pragma GCC unroll 16
  for (int m = 0; m < kRows; ++m) {
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) {
      sum[m][v] = p.init == Init::zero   ? Vec{}
                  : p.init == Init::bias ? broadcast(p.bias[m])
                                         : load(p.c + m * p.c_row + v * kLanes);
    }
  }
  const float* b = p.b;
  const std::int64_t a_row = p.a_row, a_k = p.a_k, b_k = p.b_k;
  for (int s = 0; s < p.segments; ++s) {
    const float* a = p.a + s * p.a_segment;
    for (int k = p.lengths[s]; k > 0; --k) {
      Vec x[kVectors];
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v) x[v] = load(b + v * kLanes);
#pragma GCC unroll 16
      for (int m = 0; m < kRows; ++m) {
        const Vec w = broadcast(a[m * a_row]);
#pragma GCC unroll 8
        for (int v = 0; v < kVectors; ++v) sum[m][v] += w * x[v];
      }
      a += a_k;
      b += b_k;
    }
  }
#pragma GCC unroll 16
  for (int m = 0; m < kRows; ++m) {
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) store(p.c + m * p.c_row + v * kLanes, sum[m][v]);
  }
}

using TileFunction = void (*)(const Product&);

template <int kVectors, int... kRow>
constexpr std::array<TileFunction, kMaxRows> tiles_of_width(std::integer_sequence<int, kRow...>) {
  return {product_tile<kRow + 1, kVectors>...};
}

template <int... kVector>
constexpr auto all_tiles(std::integer_sequence<int, kVector...>) {
  return std::array<std::array<TileFunction, kMaxRows>, kMaxVectors>{
      tiles_of_width<kVector + 1>(std::make_integer_sequence<int, max_rows(kVector + 1)>{})...};
}

// tiles[vectors - 1][rows - 1]
constexpr auto kTiles = all_tiles(std::make_integer_sequence<int, kMaxVectors>{});

// Calls visit(begin, size) for `count` things in the fewest parts of at most `most`, all but equal
// in size.
template <class Visit>
NEURODE_INLINE void split(int count, int most, Visit visit) {
  const int parts = (count + most - 1) / most;
  for (int i = 0, begin = 0; i < parts; ++i) {
    const int size = (count - begin) / (parts - i);
    visit(begin, size);
    begin += size;
  }
}

}  // namespace neurode::NEURODE_ISA_NAMESPACE
