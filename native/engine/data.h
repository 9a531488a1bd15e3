// Views of the arrays that a model works on (rows of input and their targets), and the sums that
// executors return.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "native/engine/order.h"
#include "native/engine/program.h"

namespace neurode {

// Rows of input, (rows, features): value = element * scale + offset.
struct InputView {
  const std::uint8_t* bytes = nullptr;  // either bytes or floats is set
  const float* floats = nullptr;
  std::int64_t rows = 0;
  int features = 0;
  float scale = 1;
  float offset = 0;
};

// Targets of the same rows. Each position of a row has a class index or `outputs` values, and a
// weight; if weights is null, every weight is 1. A position whose weight is NaN is not counted.
struct TargetsView {
  // One of these four is set.
  const std::int32_t* classes = nullptr;
  const float* rows = nullptr;
  const std::uint8_t* bytes = nullptr;
  const float* labels = nullptr;  // class indices

  int outputs = 0;
  int positions = 1;
  const float* weights = nullptr;
  const float* levels = nullptr;  // the value of each byte
  // Of several heads: the columns of each in `rows`, and how many numbers and weights all heads
  // have in a row. targets_of() gives the targets of one head.
  const TargetColumns* columns = nullptr;
  int row_size = 0;
  int row_weights = 0;

  // From a row to the next.
  std::int64_t stride() const { return row_size > 0 ? row_size : positions * outputs; }
  std::int64_t weights_stride() const { return row_weights > 0 ? row_weights : positions; }
};

struct DataView {
  InputView input;
  TargetsView targets;
  // Identifies the bound arrays. An executor may keep copies of these arrays until release(handle).
  int handle = 0;
};

// The weight that sums use: NaN becomes 0.
inline float counted_weight(float weight) { return weight == weight ? weight : 0; }

// A range of batches of one epoch.
struct BatchRange {
  DataView data;
  // The row of the data at each place of the epoch. Null: the rows in the order given.
  const std::uint32_t* order = nullptr;
  int batch_size = 0;
  std::int64_t first_batch = 0;
  std::int64_t batches = 0;
  OrderKey order_key = {};  // the key that the order was drawn from
  // Returns the order of the next epoch, or null while that order is not known. Executors that copy
  // orders ahead of time call this on the thread that runs the range. The returned array is valid
  // as long as `order` is. The function does not throw.
  std::function<const std::uint32_t*()> next_order;
  // The executor writes outputs, targets and weights of the range's rows here, in the order of the
  // range: head by head, (positions, 2 outputs + 1) of each row. Null unless the Program captures.
  float* captured = nullptr;
  // If set, these gradients replace those of the loss dotProduct: d loss / d output of the range's
  // rows in the order of the range, head by head. Heads with another loss keep their targets.
  const float* gradients = nullptr;
  // If set, the executor writes d loss / d input of the range's rows here, in the order of the
  // range. Only if the Program has that gradient.
  float* input_gradients = nullptr;
  // The executor writes the gradients of the last batch here, by parameter, in Keras' layout; of a
  // statistic, the value that a step would give it. Null for those that are not wanted. Empty
  // unless the Program keeps gradients and no weights change.
  std::span<float* const> parameter_gradients = {};
  // Whether the calling thread works alone.
  bool here = false;
  // Training only: whether weights change. If not, a Program that keeps gradients has them.
  bool update = true;
};

// Upper bounds of the ranges that will run, so that an executor can allocate memory for them.
struct Reservation {
  DataView data;  // has no rows if the data is bound later
  int batch_size = 0;
  std::int64_t batches = 0;  // of one range
  bool trains = false, shuffles = false, captures = false;
};

// The index, in the data, of the row at this position of the epoch.
inline std::int64_t row_at(const std::uint32_t* order, std::int64_t position) {
  return order != nullptr ? static_cast<std::int64_t>(order[position]) : position;
}

// The targets of one head of the Program.
inline TargetsView targets_of(const Head& head, int index, const TargetsView& all) {
  if (all.columns == nullptr) return all;
  TargetsView own = all;
  own.columns = nullptr;
  own.outputs = head.outputs;
  own.positions = head.positions;
  const auto [begin, are_classes] = all.columns[index];
  own.labels = are_classes ? all.rows + begin : nullptr;
  own.rows = are_classes ? nullptr : all.rows + begin;
  if (all.weights != nullptr) own.weights = all.weights + head.first_position;
  return own;
}

// How many positions of a batch's rows are counted, and the sum of their weights.
struct Counted {
  double rows = 0, weight = 0;
};
inline Counted count_rows(const TargetsView& targets, const std::uint32_t* order,
                          std::int64_t first, std::int64_t rows) {
  const auto all = static_cast<double>(rows * targets.positions);
  if (targets.weights == nullptr) return {all, all};
  Counted counted;
  for (std::int64_t i = first; i < first + rows; ++i) {
    const float* const weights = targets.weights + row_at(order, i) * targets.weights_stride();
    for (int p = 0; p < targets.positions; ++p) {
      counted.rows += weights[p] == weights[p] ? 1 : 0;
      counted.weight += counted_weight(weights[p]);
    }
  }
  return counted;
}

// The factor that turns the sum of a batch's weighted losses into the loss of the batch.
inline double loss_scale(Reduction reduction, const Counted& counted) {
  const double divisor = reduction == Reduction::mean            ? counted.rows
                         : reduction == Reduction::weighted_mean ? counted.weight
                                                                 : 1;
  return divisor == 0 ? 0 : 1 / divisor;
}

// Sums over the batches that ran. The loss and the penalty of a batch are added once for each of
// its rows. Metrics are summed over rows, or over all positions of the rows.
struct HeadSums {
  double loss = 0;
  double counted = 0;  // how many values each metric sums
  double weight = 0;   // the sum of the weights of these values
};
struct Sums {
  Sums() = default;
  explicit Sums(const Program& program)
      : heads(program.heads.size()), metrics(program.metrics), tallies(program.tally_sums) {}

  // Adds the sums of the batches that follow.
  void add(const Sums& next) {
    batches += next.batches;
    rows += next.rows;
    penalty += next.penalty;
    for (std::size_t h = 0; h < heads.size(); ++h) {
      heads[h].loss += next.heads[h].loss;
      heads[h].counted += next.heads[h].counted;
      heads[h].weight += next.heads[h].weight;
    }
    for (std::size_t i = 0; i < metrics.size(); ++i) metrics[i] += next.metrics[i];
    for (std::size_t i = 0; i < tallies.size(); ++i) tallies[i] += next.tallies[i];
  }

  std::int64_t batches = 0;
  std::int64_t rows = 0;
  double penalty = 0;  // penalties of parameters and of outputs
  std::vector<HeadSums> heads;
  std::vector<double> metrics;
  std::vector<double> tallies;  // of all tallies, one after the other
};

}  // namespace neurode
