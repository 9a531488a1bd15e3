// Adds up the losses and metrics of a batch's rows, in double precision and in the order of the
// rows.
#pragma once

#include "native/cpu/kernels.h"
#include "native/engine/program.h"

namespace neurode::cpu {

// Adds a head's values of a batch: values(i) are the row values of its row i, kPanel floats apart.
template <class Values>
void add_head(const Program& program, int index, Sums& sums, const BatchRange& range,
              std::int64_t first, std::int64_t rows, Values values) {
  const Head& head = program.heads[index];
  const TargetsView targets = targets_of(head, index, range.data.targets);
  const Counted counted = count_rows(targets, range.order, first, rows);
  double* const metrics = sums.metrics.data() + head.first_metric;
  double loss = 0;
  for (std::int64_t i = 0; i < rows; ++i) {
    const float* const row = values(i);
    const float* const own =
        targets.weights == nullptr
            ? nullptr
            : targets.weights + row_at(range.order, first + i) * targets.weights_stride();
    for (int p = 0; p < head.positions; ++p) {
      const float weight = own == nullptr ? 1 : own[p];
      if (weight != weight) continue;
      const float* const value = row + std::int64_t{head.value_at(p)} * kPanel;
      if (head.has_loss) loss += double{value[0]} * weight;
      for (int m = 0; m < head.metrics; ++m) {
        const double metric = value[(1 + m) * kPanel];
        metrics[m] += m < head.weighted_from ? metric : metric * weight;
      }
    }
  }
  const double scale = loss_scale(head.reduction, counted);
  // Where the scale is 1 / rows, the loss counts once for each of them.
  const auto all = static_cast<double>(rows * head.positions);
  HeadSums& own = sums.heads[index];
  own.loss += head.reduction == Reduction::mean && counted.rows == all
                  ? loss / head.positions
                  : loss * scale * static_cast<double>(rows);
  own.counted += counted.rows;
  own.weight += counted.weight;
}

// Adds a batch.
template <class Values>
void add_rows(const Program& program, Sums& sums, const BatchRange& range, std::int64_t first,
              std::int64_t rows, Values values) {
  for (std::int64_t i = 0; program.activities > 0 && i < rows; ++i) {
    const float* const row = values(i);
    for (int a = 0; a < program.activities; ++a)
      sums.penalty += double{row[std::int64_t{program.values + a} * kPanel]};
  }
  for (std::size_t h = 0; h < program.heads.size(); ++h)
    add_head(program, static_cast<int>(h), sums, range, first, rows, values);
  sums.rows += rows;
  ++sums.batches;
}

}  // namespace neurode::cpu
