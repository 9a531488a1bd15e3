// The matrices that kernels read, four consecutive columns at a time: tensors, or rows of the bound
// data. Rows of bound data come in the epoch's order and are converted while they are read.
#pragma once

#include "cuda/kernels/records.h"

namespace neurode::cuda {

NEURODE_DEVICE float4 zeros() { return make_float4(0, 0, 0, 0); }

// Keeps the first `count` of four values; the other values become zero.
NEURODE_DEVICE float4 first_of(float4 v, int count) {
  return make_float4(v.x, count > 1 ? v.y : 0, count > 2 ? v.z : 0, count > 3 ? v.w : 0);
}

// A tensor. Its stride is a multiple of four, so four columns can always be read.
struct MatrixSource {
  const float* data;
  int stride;

  // Loads columns [column, column + 4); `column` is a multiple of four. Values from row_end and
  // from column_end on are zero.
  NEURODE_DEVICE float4 load(int row, int row_end, int column, int column_end) const {
    if (row >= row_end || column >= column_end) return zeros();
    const float4 v =
        *reinterpret_cast<const float4*>(data + row * static_cast<std::int64_t>(stride) + column);
    return first_of(v, column_end - column);
  }
};

// The rows of the current batch in the bound data.
struct BoundSource {
  const std::uint8_t* bytes;
  const float* floats;
  const std::uint32_t* order;
  std::int64_t position;
  int features;
  float scale, offset;

  NEURODE_DEVICE explicit BoundSource(const RunState& state)
      : bytes(state.bytes),
        floats(state.floats),
        order(state.order),
        position(state.position),
        features(state.features),
        scale(state.scale),
        offset(state.offset) {}

  NEURODE_DEVICE std::int64_t row_of_data(int row) const {
    return order != nullptr ? static_cast<std::int64_t>(order[position + row]) : position + row;
  }

  NEURODE_DEVICE float value(std::int64_t index) const {
    return (bytes != nullptr ? static_cast<float>(bytes[index]) : floats[index]) * scale + offset;
  }

  NEURODE_DEVICE float4 load(int row, int row_end, int column, int column_end) const {
    if (row >= row_end || column >= column_end) return zeros();
    const std::int64_t at = row_of_data(row) * features + column;
    if (features % 4 != 0) {
      const int count = column_end - column;
      return make_float4(value(at), count > 1 ? value(at + 1) : 0, count > 2 ? value(at + 2) : 0,
                         count > 3 ? value(at + 3) : 0);
    }
    float4 v;
    if (bytes != nullptr) {
      const unsigned word = *reinterpret_cast<const unsigned*>(bytes + at);
      v = make_float4(word & 255u, word >> 8 & 255u, word >> 16 & 255u, word >> 24);
    } else {
      v = *reinterpret_cast<const float4*>(floats + at);
    }
    return first_of(make_float4(v.x * scale + offset, v.y * scale + offset, v.z * scale + offset,
                                v.w * scale + offset),
                    column_end - column);
  }
};

// A tensor, or the bound data if there is no tensor.
struct InputSource {
  MatrixSource matrix;
  BoundSource bound;

  NEURODE_DEVICE InputSource(const MatrixSource& matrix, const RunState& state)
      : matrix(matrix), bound(state) {}

  NEURODE_DEVICE float4 load(int row, int row_end, int column, int column_end) const {
    return matrix.data != nullptr ? matrix.load(row, row_end, column, column_end)
                                  : bound.load(row, row_end, column, column_end);
  }
};

// The row of the bound data at position `at` of a head's outputs, which counts all positions of the
// batch.
NEURODE_DEVICE std::int64_t row_of_target(const RunState& state, const HeadState& head, int at) {
  const std::int64_t position = state.position + at / head.positions;
  return state.order != nullptr ? static_cast<std::int64_t>(state.order[position]) : position;
}

}  // namespace neurode::cuda
