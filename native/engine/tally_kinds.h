// What the kinds of tallies share. Each adds rows to its sums.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>

#include "native/engine/tallies.h"

namespace neurode::tallies {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// The rows that count, and what each counts.
struct Counting {
  int count = 0;
  int row[kTallyRows];
  double weight[kTallyRows];  // of row[i]

  Counting(const Tally& tally, const TallyRows& rows) {
    for (int r = 0; r < rows.rows; ++r) {
      const float weight = rows.weights[r];
      if (weight != weight) continue;
      row[count] = r;
      this->weight[count++] = tally.plan.weighted ? weight : 1;
    }
  }
};

// The outputs that count.
struct Outputs {
  int begin, end;
  explicit Outputs(const Tally& tally)
      : begin(std::max(tally.plan.class_id, 0)),
        end(tally.plan.class_id < 0 ? tally.outputs : begin + 1) {}
};

// Of each number of thresholds that an output can be above: positive and negative targets.
void add_thresholds(const Tally& tally, const TallyRows& rows, double* sums);
void add_one_threshold(const Tally& tally, const TallyRows& rows, double* sums);
// Only the k largest outputs of a row can be above the threshold; of equal ones the first.
void add_largest(const Tally& tally, const TallyRows& rows, double* sums);

// Of each output: true positives, false positives and false negatives.
void add_classes(const Tally& tally, const TallyRows& rows, double* sums);
// The classes of a row's target and output; a single output is itself a class index.
void add_confusion(const Tally& tally, const TallyRows& rows, double* sums);
// The same of every output, which is of class 1 if it is above the threshold, else of class 0.
void add_sides(const Tally& tally, const TallyRows& rows, double* sums);

// The number and the weight of values; of each output targets, their squares, and squared errors.
void add_moments(const Tally& tally, const TallyRows& rows, double* sums);
// A value of each row, and the weights of the rows that count.
void add_pearson(const Tally& tally, const TallyRows& rows, double* sums);
void add_concordance(const Tally& tally, const TallyRows& rows, double* sums);
void add_crossentropy(const Tally& tally, const TallyRows& rows, double* sums);

}  // namespace neurode::tallies
