// Moves tensors between panels whose lanes are rows of the batch and panels whose lanes are their
// positions.
#pragma once

#include <cstdint>

#include "native/cpu/cuts.h"

namespace neurode::cpu {

// A panel of (positions * features, kPanel), and the rows of the batch that it holds.
struct RowPanel {
  float* data;
  int first, rows;
};

// All panels of (features, kPanel) of the batch, `step` floats apart.
struct PositionPanels {
  float* data;
  const Cut& cut;
  std::int64_t step;
  int positions;  // of a row
  int features;   // of a position
};

void join_positions(const PositionPanels& from, const RowPanel& to);
void split_positions(const RowPanel& from, const PositionPanels& to);

}  // namespace neurode::cpu
