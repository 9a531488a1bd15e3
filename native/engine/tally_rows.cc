// Tallies of moments, and of a value of each row, which is computed in float64.
#include <cmath>

#include "native/engine/tally_kinds.h"

namespace neurode::tallies {

namespace {

// As in Keras.
constexpr double kEpsilon = 1e-7;

}  // namespace

void add_moments(const Tally& tally, const TallyRows& rows, double* sums) {
  const Counting counting(tally, rows);
  for (int i = 0; i < counting.count; ++i) {
    sums[0] += tally.outputs;
    sums[1] += counting.weight[i];
  }
  for (int o = 0; o < tally.outputs; ++o) {
    const float* const y = rows.outputs + std::int64_t{o} * kTallyStride;
    const float* const t = rows.targets + std::int64_t{o} * kTallyStride;
    double* const own = sums + 2 + std::int64_t{3} * o;
    for (int i = 0; i < counting.count; ++i) {
      const int r = counting.row[i];
      const double target = t[r], weight = counting.weight[i], error = target - y[r];
      own[0] += weight * target;
      own[1] += weight * target * target;
      own[2] += weight * (error * error);
    }
  }
}

namespace {

// A row of outputs with its targets.
struct Row {
  const Tally& tally;
  const TallyRows& rows;
  int row;

  double output(int o) const { return rows.outputs[std::int64_t{o} * kTallyStride + row]; }
  double target(int o) const { return rows.targets[std::int64_t{o} * kTallyStride + row]; }
};

// The means of a row's outputs and targets, their variances and covariance.
struct Moments {
  double y = 0, t = 0, yy = 0, tt = 0, yt = 0;

  explicit Moments(const Row& row) {
    const int outputs = row.tally.outputs;
    for (int o = 0; o < outputs; ++o) {
      y += row.output(o);
      t += row.target(o);
    }
    y /= outputs;
    t /= outputs;
    for (int o = 0; o < outputs; ++o) {
      const double a = row.output(o) - y, b = row.target(o) - t;
      yy += a * a;
      tt += b * b;
      yt += a * b;
    }
    yy /= outputs;
    tt /= outputs;
    yt /= outputs;
  }
};

double pearson(const Row& row) {
  const Moments of(row);
  return of.yt / std::max(std::sqrt(of.yy * of.tt), kEpsilon);
}

// https://doi.org/10.2307/2532051
double concordance(const Row& row) {
  const Moments of(row);
  return 2 * of.yt / (of.yy + of.tt + (of.y - of.t) * (of.y - of.t) + kEpsilon);
}

bool is_ignored(const Row& row) {
  const int ignored = row.tally.plan.class_id;
  return ignored >= 0 && row.target(ignored) == 1;
}

// -log(p), where p is the probability of the target's class; 0 for the class that is ignored.
double crossentropy(const Row& row) {
  if (is_ignored(row)) return 0;
  const auto logit = [&](int o) -> double {
    const double y = row.output(o);
    if (row.tally.plan.from_logits) return y;
    return static_cast<float>(std::log(std::min(std::max(y, kEpsilon), 1 - kEpsilon)));
  };
  int own = 0;
  double top = -kInfinity, sum = 0;
  for (int o = 0; o < row.tally.outputs; ++o) {
    top = std::max(top, logit(o));
    if (row.target(o) > row.target(own)) own = o;
  }
  for (int o = 0; o < row.tally.outputs; ++o) sum += std::exp(logit(o) - top);
  return std::log(sum) + top - logit(own);
}

bool counts_always(const Row&) { return true; }
// In a weighted metric, rows of the ignored class have no weight.
bool counts_unless_ignored(const Row& row) { return !row.tally.plan.weighted || !is_ignored(row); }

// The sum of a value of each row, and of the weights of the rows that count.
template <class Value, class Counts>
void add_values(const Tally& tally, const TallyRows& rows, double* sums, Value value,
                Counts counts) {
  const Counting counting(tally, rows);
  for (int i = 0; i < counting.count; ++i) {
    const Row row{tally, rows, counting.row[i]};
    sums[0] += counting.weight[i] * value(row);
    if (counts(row)) sums[1] += counting.weight[i];
  }
}

}  // namespace

void add_pearson(const Tally& tally, const TallyRows& rows, double* sums) {
  add_values(tally, rows, sums, pearson, counts_always);
}

void add_concordance(const Tally& tally, const TallyRows& rows, double* sums) {
  add_values(tally, rows, sums, concordance, counts_always);
}

void add_crossentropy(const Tally& tally, const TallyRows& rows, double* sums) {
  add_values(tally, rows, sums, crossentropy, counts_unless_ignored);
}

}  // namespace neurode::tallies
