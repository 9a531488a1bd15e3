// Affine maps, y = (x - mean) scale + offset for each feature. Rescalings, and normalizations by
// known statistics, are such maps; inference folds them into the weights of the dense layers beside
// them.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "native/cpu/kernels.h"
#include "native/engine/inference.h"

namespace neurode::cpu {

struct Affine {
  std::vector<float> mean, scale, offset;

  // Maps one row in place.
  void apply(float* row) const {
    for (std::size_t f = 0; f < scale.size(); ++f)
      row[f] = (row[f] - mean[f]) * scale[f] + offset[f];
  }
};

bool is_affine(const Task& task);
// The map that a task computes; none where it computes something else.
std::optional<Affine> affine_of(const Task& task, int features, const ParameterValues& values);

// The weights of a dense layer that contain the maps before and after it, laid out as those that
// they were made of.
struct FoldedDense {
  std::vector<float> values, bias;
  KernelView kernel;
};

// None where folding would lose digits in float32: where inputs lie far from 0 compared with their
// spread, or where a weight would not be finite.
std::optional<FoldedDense> fold(const KernelView& kernel, const float* bias, int inputs, int units,
                                std::span<const Affine> before, std::span<const Affine> after);

}  // namespace neurode::cpu
