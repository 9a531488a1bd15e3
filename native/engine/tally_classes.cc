// Tallies of classes.
#include <cmath>

#include "native/engine/tally_kinds.h"

namespace neurode::tallies {

namespace {

// As in Keras.
constexpr float kLeastSaid = 1e-9f;

}  // namespace

void add_classes(const Tally& tally, const TallyRows& rows, double* sums) {
  const TallyPlan& plan = tally.plan;
  const Counting counting(tally, rows);
  float least[kTallyRows];  // what an output has to reach, of the row
  if (plan.thresholds.empty()) {
    std::fill_n(least, rows.rows, -kInfinity);
    for (int o = 0; o < tally.outputs; ++o) {
      const float* const y = rows.outputs + std::int64_t{o} * kTallyStride;
      // A NaN stays.
      for (int r = 0; r < rows.rows; ++r)
        least[r] = (least[r] != least[r]) | (y[r] <= least[r]) ? least[r] : y[r];
    }
  }
  const auto is_said = [&](float y, int r) {
    return plan.thresholds.empty() ? (y >= least[r]) & (std::abs(y) > kLeastSaid)
                                   : y > plan.thresholds[0];
  };
  for (int o = 0; o < tally.outputs; ++o) {
    const float* const y = rows.outputs + std::int64_t{o} * kTallyStride;
    const float* const t = rows.targets + std::int64_t{o} * kTallyStride;
    int any = 0;
    for (int r = 0; r < rows.rows; ++r) any += is_said(y[r], r) | (t[r] != 0) ? 1 : 0;
    if (any == 0) continue;
    double* const own = sums + std::int64_t{3} * o;
    for (int i = 0; i < counting.count; ++i) {
      const int r = counting.row[i];
      const double weight = counting.weight[i];
      const double truth = std::trunc(t[r]);
      if (is_said(y[r], r)) {
        own[0] += weight * truth;
        own[1] += weight * (1 - truth);
      } else {
        own[2] += weight * truth;
      }
    }
  }
}

namespace {

// The first largest of each row; -1 where a value is NaN.
void find_largest(const float* values, int count, int rows, int* largest) {
  float best[kTallyRows];
  std::fill_n(best, rows, -kInfinity);
  std::fill_n(largest, rows, 0);
  for (int o = 0; o < count; ++o) {
    const float* const value = values + std::int64_t{o} * kTallyStride;
    for (int r = 0; r < rows; ++r) {
      const bool is_larger = value[r] > best[r];
      largest[r] = is_larger ? o : largest[r];
      best[r] = (value[r] <= best[r]) | (best[r] != best[r]) ? best[r] : value[r];
    }
  }
  for (int r = 0; r < rows; ++r)
    if (best[r] != best[r]) largest[r] = -1;
}

void add_pair(const Tally& tally, double target, double output, double weight, double* sums) {
  const int classes = tally.plan.classes;
  if (!(target >= 0 && target < classes && output >= 0 && output < classes)) return;
  // As in Keras, whose matrix holds integers.
  sums[static_cast<std::int64_t>(target) * classes + static_cast<std::int64_t>(output)] +=
      std::trunc(weight);
}

}  // namespace

void add_confusion(const Tally& tally, const TallyRows& rows, double* sums) {
  const Counting counting(tally, rows);
  int targets[kTallyRows], outputs[kTallyRows];
  const bool is_index = tally.outputs == 1;
  if (!is_index) {
    find_largest(rows.targets, tally.outputs, rows.rows, targets);
    find_largest(rows.outputs, tally.outputs, rows.rows, outputs);
  }
  for (int i = 0; i < counting.count; ++i) {
    const int r = counting.row[i];
    const double target = is_index ? std::trunc(rows.targets[r]) : targets[r];
    const double output = is_index ? std::trunc(rows.outputs[r]) : outputs[r];
    add_pair(tally, target, output, counting.weight[i], sums);
  }
}

void add_sides(const Tally& tally, const TallyRows& rows, double* sums) {
  const Counting counting(tally, rows);
  for (int o = 0; o < tally.outputs; ++o) {
    const float* const y = rows.outputs + std::int64_t{o} * kTallyStride;
    const float* const t = rows.targets + std::int64_t{o} * kTallyStride;
    for (int i = 0; i < counting.count; ++i) {
      const int r = counting.row[i];
      add_pair(tally, std::trunc(t[r]), y[r] > tally.plan.thresholds[0] ? 1 : 0, counting.weight[i],
               sums);
    }
  }
}

}  // namespace neurode::tallies
