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

// Adds up floats [begin, begin + count) of the vectors of a bag, whose indices are `step` floats
// apart.
inline void embed_bag(const Table& table, const float* x, std::int64_t step, int begin, int count,
                      float* sum) {
  std::fill_n(sum, count, 0.0f);
  int found = 0;
  for (int i = 0; i < table.bag.indices; ++i) {
    const int index = index_of(x[i * step], table.count);
    if (index == table.padding) continue;
    ++found;
    const float* const vector = table.values + index * table.stride + begin;
    for (int d = 0; d < count; ++d) sum[d] += vector[d];
  }
  if (!table.bag.averages || found < 2) return;
  for (int d = 0; d < count; ++d) sum[d] /= static_cast<float>(found);
}

// By as many floats of a vector at a time as fit in registers or a few cache lines.
inline void embed_bags(const Table& table, const float* x, float* y, int features, int rows) {
  constexpr int kPart = 64;
  const int lanes = vectors_of(rows) * kLanes, bags = features / table.bag.indices;
  for (int b = 0; b < bags; ++b) {
    for (int i = 0; i < lanes; ++i) {
      const float* const indices =
          x + std::int64_t{b} * table.bag.indices * kPanel + std::min(i, rows - 1);
      float* const out = y + std::int64_t{b} * table.size * kPanel + i;
      for (int begin = 0; begin < table.size; begin += kPart) {
        float sum[kPart];
        const int count = std::min(kPart, table.size - begin);
        embed_bag(table, indices, kPanel, begin, count, sum);
        for (int d = 0; d < count; ++d) out[(begin + d) * std::int64_t{kPanel}] = sum[d];
      }
    }
  }
}

inline void embed(const Table& table, const float* x, float* y, int features, int rows) {
  if (table.bag.indices > 0) return embed_bags(table, x, y, features, rows);
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
  if (const int indices = table.bag.indices; indices > 0) {
    for (int f = 0; f < features; f += indices, y += table.size)
      embed_bag(table, x + f, 1, 0, table.size, y);
    return;
  }
  for (int f = 0; f < features; ++f) {
    const float* const vector = table.values + index_of(x[f], table.count) * table.stride;
    std::copy_n(vector, table.size, y + std::int64_t{f} * table.size);
  }
}

// What the gradient of a bag is divided by; `x` as for embed_bag.
NEURODE_INLINE float divisor_of(const Table& table, const float* x) {
  if (!table.bag.averages) return 1;
  int found = 0;
  for (int i = 0; i < table.bag.indices; ++i)
    found += index_of(x[i * std::int64_t{kPanel}], table.count) != table.padding;
  return static_cast<float>(std::max(found, 1));
}

// Calls act(index, sums to add, what they are divided by) for every index of a batch but the
// padding, row after row. The sums are `kPanel` apart.
template <class Act>
NEURODE_INLINE void each_index(const cpu::BatchLines& lines, const Table& table, Act act) {
  const int each = std::max(table.bag.indices, 1);  // indices that share a gradient
  for (int p = 0; p < lines.panels; ++p) {
    const float* const x = lines.x + p * lines.step;
    const float* const dy = lines.gradient + p * lines.step;
    for (int i = 0; i < lines.panel_rows[p]; ++i) {
      for (int first = 0; first < lines.features; first += each) {
        const float* const indices = x + first * std::int64_t{kPanel} + i;
        const float* const from = dy + std::int64_t{first / each} * table.size * kPanel + i;
        const float divisor = divisor_of(table, indices);
        for (int f = 0; f < each; ++f) {
          const int index = index_of(indices[f * std::int64_t{kPanel}], table.count);
          if (index != table.padding) act(index, from, divisor);
        }
      }
    }
  }
}

NEURODE_INLINE void add_gradient(const float* from, float divisor, int size, float* sum) {
  if (divisor == 1) {
    for (int d = 0; d < size; ++d) sum[d] += from[d * std::int64_t{kPanel}];
  } else {
    for (int d = 0; d < size; ++d) sum[d] += from[d * std::int64_t{kPanel}] / divisor;
  }
}

inline void embedding_gradients(const cpu::BatchLines& lines, const Table& table, float* gradient) {
  if (!lines.adds)
    std::fill(gradient + lines.begin * table.stride, gradient + lines.end * table.stride, 0.0f);
  each_index(lines, table, [&](int index, const float* from, float divisor) {
    if (index < lines.begin || index >= lines.end) return;
    add_gradient(from, divisor, table.size, gradient + index * table.stride);
  });
}

inline void named_gradients(const cpu::BatchLines& lines, const Table& table,
                            cpu::NamedVectors& named) {
  each_index(lines, table, [&](int index, const float* from, float divisor) {
    if (named.threads > 1 && index % named.threads != named.thread) return;
    int place = named.places[index];
    const bool is_known = place < named.count && named.vectors[place] == index;
    if (!is_known) {
      place = named.count++;
      named.places[index] = place;
      named.vectors[place] = index;
    }
    float* const sum = named.sums + (named.in_place ? index : place) * table.stride;
    if (!is_known) std::fill_n(sum, table.stride, 0.0f);
    add_gradient(from, divisor, table.size, sum);
  });
}

}  // namespace neurode::NEURODE_ISA_NAMESPACE
