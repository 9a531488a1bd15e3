// Adds up the losses and metrics of a batch's rows, in double precision and in the order of the
// rows.
#pragma once

#include "native/cpu/kernels.h"
#include "native/cpu/pass_plan.h"
#include "native/engine/program.h"

namespace neurode::cpu {

// A batch, and those of its rows, [begin, end), that this process adds up.
struct AddedRows {
  std::int64_t first, rows;
  std::int64_t begin, end;

  std::int64_t count() const { return end - begin; }
  bool are_all() const { return count() == rows; }
};

// Adds a head's values of a batch, of which `value_row` is the first row among those of `values`.
inline void add_head(const Program& program, int index, Sums& sums, const BatchRange& range,
                     const AddedRows& batch, const RowValues& values, std::int64_t value_row) {
  const Head& head = program.heads[index];
  const TargetsView targets = targets_of(head, index, range.data.targets);
  const auto [first, rows, begin, end] = batch;
  const Counted counted = count_rows(targets, range.order, first, rows);
  double* const metrics = sums.metrics.data() + head.first_metric;
  const float* const losses = values.of_head(head, 0, value_row);
  double loss = 0;
  for (std::int64_t i = begin; i < end; ++i) {
    const float* const own =
        targets.weights == nullptr
            ? nullptr
            : targets.weights + row_at(range.order, first + i) * targets.weights_stride();
    for (int p = 0; p < head.positions; ++p) {
      const float weight = own == nullptr ? 1 : own[p];
      if (weight != weight) continue;
      const std::int64_t at = i * head.positions + p;
      if (head.has_loss) loss += double{losses[at]} * weight;
      for (int m = 0; m < head.metrics; ++m) {
        const double metric = values.of_head(head, 1 + m, value_row)[at];
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
  const Counted added =
      batch.are_all() ? counted : count_rows(targets, range.order, first + begin, batch.count());
  own.counted += added.rows;
  own.weight += added.weight;
}

// Adds a batch.
inline void add_rows(const Program& program, const PassPlan& plan, Sums& sums,
                     const BatchRange& range, const AddedRows& batch, const RowValues& values,
                     std::int64_t value_row) {
  for (std::int64_t i = batch.begin; i < batch.end; ++i) {
    for (const PenaltyLine& penalty : plan.penalties) {
      const float* const row = values.of_penalty(penalty, value_row + i);
      for (int p = 0; p < penalty.positions; ++p) sums.penalty += double{row[p]};
    }
  }
  for (std::size_t h = 0; h < program.heads.size(); ++h)
    add_head(program, static_cast<int>(h), sums, range, batch, values, value_row);
  sums.rows += batch.count();
  ++sums.batches;
}

}  // namespace neurode::cpu
