// Embeddings on panels: an index of each row and feature becomes a vector of a table.
#pragma once

#include "native/cpu/isa/pointwise.h"

namespace neurode::NEURODE_ISA_NAMESPACE {

using cpu::Table;

// The index that x names, clamped: data is checked when it is bound, but another thread may write
// to shared memory afterwards.
NEURODE_INLINE int index_of(float x, int count) {
  return x > 0 ? (x < static_cast<float>(count - 1) ? static_cast<int>(x) : count - 1) : 0;
}

inline void embed(const Table& table, const float* x, float* y, int features, int rows) {
  const int lanes = vectors_of(rows) * kLanes;
  for (int f = 0; f < features; ++f) {
    for (int i = 0; i < lanes; ++i) {
      const int row = std::min(i, rows - 1);
      const float* const vector =
          table.values + index_of(x[f * std::int64_t{kPanel} + row], table.count) * table.stride;
      float* const out = y + std::int64_t{f} * table.size * kPanel + i;
      for (int d = 0; d < table.size; ++d) out[d * std::int64_t{kPanel}] = vector[d];
    }
  }
}

inline void embed_row(const Table& table, const float* x, float* y, int features) {
  for (int f = 0; f < features; ++f) {
    const float* const vector = table.values + index_of(x[f], table.count) * table.stride;
    std::copy_n(vector, table.size, y + std::int64_t{f} * table.size);
  }
}

inline void embedding_gradients(const cpu::BatchLines& lines, const Table& table, float* gradient) {
  if (!lines.adds)
    std::fill(gradient + lines.begin * table.stride, gradient + lines.end * table.stride, 0.0f);
  for (int p = 0; p < lines.panels; ++p) {
    const float* const x = lines.x + p * lines.step;
    const float* const dy = lines.gradient + p * lines.step;
    for (int i = 0; i < lines.panel_rows[p]; ++i) {
      for (int f = 0; f < lines.features; ++f) {
        const int index = index_of(x[f * std::int64_t{kPanel} + i], table.count);
        if (index < lines.begin || index >= lines.end) continue;
        float* const sum = gradient + index * table.stride;
        const float* const from = dy + std::int64_t{f} * table.size * kPanel + i;
        for (int d = 0; d < table.size; ++d) sum[d] += from[d * std::int64_t{kPanel}];
      }
    }
  }
}

}  // namespace neurode::NEURODE_ISA_NAMESPACE
