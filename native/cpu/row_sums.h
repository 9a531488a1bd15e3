// Adds up the losses and metrics of a batch's rows, in double precision and in the order of the
// rows.
#pragma once

#include "native/cpu/kernels.h"
#include "native/engine/program.h"

namespace neurode::cpu {

// Adds a batch: values(i) are the loss and metrics of its row i, kPanel floats apart.
template <class Values>
void add_rows(const Program& program, Sums& sums, const BatchRange& range, std::int64_t first,
              std::int64_t rows, Values values) {
  const float* const weights = range.data.targets.weights;
  const Counted counted = count_rows(range.data.targets, range.order, first, rows);
  double loss = 0;
  const int positions = program.positions;
  for (std::int64_t i = 0; i < rows; ++i) {
    const float* row = values(i);
    for (int a = 0; a < program.activities; ++a)
      sums.penalty += double{row[(1 + program.metrics + a) * kPanel]};
    const float* const own =
        weights == nullptr ? nullptr : weights + row_at(range.order, first + i) * positions;
    for (int p = 0; p < positions; ++p, row += program.row_values() * kPanel) {
      const float weight = own == nullptr ? 1 : own[p];
      if (weight != weight) continue;
      loss += double{row[0]} * weight;
      for (int m = 0; m < program.metrics; ++m) {
        const double value = row[(1 + m) * kPanel];
        sums.metrics[m] += m < program.weighted_from ? value : value * weight;
      }
    }
  }
  const double scale = loss_scale(program.reduction, counted);
  // Where the scale is 1 / rows, the loss counts once for each of them.
  const auto all = static_cast<double>(rows * positions);
  sums.loss += program.reduction == Reduction::mean && counted.rows == all
                   ? loss / positions
                   : loss * scale * static_cast<double>(rows);
  sums.rows += rows;
  sums.counted += counted.rows;
  sums.weight += counted.weight;
  ++sums.batches;
}

}  // namespace neurode::cpu
