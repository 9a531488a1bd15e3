// Views of the arrays a model works on: rows of input, their targets, and the sums that come back.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "native/engine/order.h"
#include "native/engine/plan.h"

namespace neurode {

// Rows of input, (rows, features): value = element * scale + offset.
struct InputView {
  const std::uint8_t* bytes = nullptr;  // one of the two
  const float* floats = nullptr;
  std::int64_t rows = 0;
  int features = 0;
  float scale = 1;
  float offset = 0;
};

// Targets of the same rows, for each of their positions: a class index, or `outputs` values; and a
// weight, or null for 1 each. What has the weight NaN counts for nothing.
struct TargetsView {
  const std::int32_t* classes = nullptr;  // one of the three
  const float* rows = nullptr;
  int outputs = 0;
  int positions = 1;
  const float* weights = nullptr;
  const std::uint8_t* bytes = nullptr;
  const float* levels = nullptr;  // the value of each byte
};

struct DataView {
  InputView input;
  TargetsView targets;
  int handle =
      0;  // of the bound arrays: an executor may keep copies under it, until told to release them
};

// What a row's weight counts for.
inline float counted_weight(float weight) { return weight == weight ? weight : 0; }

// A range of batches of one epoch.
struct BatchRange {
  DataView data;
  // Row of the data at each position, or null for the given order.
  const std::uint32_t* order = nullptr;
  int batch_size = 0;
  std::int64_t first_batch = 0;
  std::int64_t batches = 0;
  OrderKey order_key = {};  // what the order was drawn from
  // The order of the next epoch's key, or null while it is not known: for executors that copy
  // orders ahead. Called on the thread of the range; valid as long as the range's own. It does not
  // throw.
  std::function<const std::uint32_t*()> next_order;
  // The rows of the range in their order, (rows, positions, 2 outputs + 1), are written here:
  // outputs, targets, weight. Null, unless the Program captures.
  float* captured = nullptr;
  // In place of what the loss gives: d loss / d output of the range's rows in their order,
  // (rows, positions, outputs). Only for the loss dotProduct.
  const float* gradients = nullptr;
  bool update = true;  // training: whether weights change
};

// What ranges of bound data will be at most.
struct Reservation {
  DataView data;  // or no rows, where it comes later
  int batch_size = 0;
  std::int64_t batches = 0;  // of one range
  bool trains = false, shuffles = false, captures = false;
};

// The position of a row in the data.
inline std::int64_t row_at(const std::uint32_t* order, std::int64_t position) {
  return order != nullptr ? static_cast<std::int64_t>(order[position]) : position;
}

// Positions of a batch's rows that count, and the sum of their weights.
struct Counted {
  double rows = 0, weight = 0;
};
inline Counted count_rows(const TargetsView& targets, const std::uint32_t* order,
                          std::int64_t first, std::int64_t rows) {
  const auto all = static_cast<double>(rows * targets.positions);
  if (targets.weights == nullptr) return {all, all};
  Counted counted;
  for (std::int64_t i = first; i < first + rows; ++i) {
    const float* const weights = targets.weights + row_at(order, i) * targets.positions;
    for (int p = 0; p < targets.positions; ++p) {
      counted.rows += weights[p] == weights[p] ? 1 : 0;
      counted.weight += counted_weight(weights[p]);
    }
  }
  return counted;
}

// What the sum of a batch's weighted losses is multiplied by to be its loss.
inline double loss_scale(Reduction reduction, const Counted& counted) {
  const double divisor = reduction == Reduction::mean            ? counted.rows
                         : reduction == Reduction::weighted_mean ? counted.weight
                                                                 : 1;
  return divisor == 0 ? 0 : 1 / divisor;
}

// Sums over the batches that ran. A batch's loss and penalties count once per row; metrics are
// summed over rows, or over all of their positions.
struct Sums {
  std::int64_t batches = 0;
  std::int64_t rows = 0;
  double loss = 0;
  double penalty = 0;  // of parameters and outputs
  double counted = 0;  // what counts, as metrics are summed
  double weight = 0;   // of these
  std::vector<double> metrics;
};

}  // namespace neurode
