// Maps y = (x - mean) scale + offset, feature by feature: what rescalings and normalizations by
// known statistics are. In inference they go into the weights of the dense layers beside them.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "native/engine/inference.h"

namespace neurode::cpu {

struct Affine {
  std::vector<float> mean, scale, offset;

  // To one row.
  void apply(float* row) const {
    for (std::size_t f = 0; f < scale.size(); ++f)
      row[f] = (row[f] - mean[f]) * scale[f] + offset[f];
  }
};

bool is_affine(const Task& task);
// The map of a task, if it is one.
std::optional<Affine> affine_of(const Task& task, int features, const ParameterValues& values);

// A dense layer with maps before and after it in its weights; `kernel` is (inputs, units).
struct FoldedDense {
  std::vector<float> kernel, bias;
};

// None where float32 would lose digits that the maps one after the other keep: where inputs lie
// far from 0 beside how far they spread.
std::optional<FoldedDense> fold(const float* kernel, const float* bias, int inputs, int units,
                                std::span<const Affine> before, std::span<const Affine> after);

}  // namespace neurode::cpu
