// Tallies by threshold. Loops run over rows, which lie side by side, so that compilers vectorize
// them.
#include <bit>

#include "native/engine/tally_kinds.h"

namespace neurode::tallies {

namespace {

int above(const Tally& tally, float value) {
  const std::vector<float>& thresholds = tally.plan.thresholds;
  const int count = static_cast<int>(thresholds.size());
  if (!tally.evenly) {
    const auto found = std::lower_bound(thresholds.begin(), thresholds.end(), value);
    return static_cast<int>(found - thresholds.begin());
  }
  if (value != value) return 0;
  const float share = std::min(std::max(value, 0.0f), 1.0f);
  int number = static_cast<int>(share * static_cast<float>(count - 1)) + 1;
  while (number < count && value > thresholds[number]) ++number;
  while (number > 0 && !(value > thresholds[number - 1])) --number;
  return number;
}

// The values of an output, clipped if the tally clips.
struct Values {
  float value[kTallyRows];
  int rows;

  Values(const Tally& tally, const float* outputs, int rows) : rows(rows) {
    std::copy_n(outputs, rows, value);
    if (!tally.plan.clips) return;
    for (int r = 0; r < rows; ++r) {
      const float low = value[r] < 0 ? 0 : value[r];
      value[r] = low > 1 ? 1 : low;
    }
  }
  // Whether all are above `low` and none is above `high`.
  bool are_between(float low, float high) const {
    int inside = 0;
    for (int r = 0; r < rows; ++r) inside += (value[r] > low) & (value[r] <= high) ? 1 : 0;
    return inside == rows;
  }
};

// What the targets of an output are: all negative, all positive, or something else.
enum class Side { positive, negative, mixed };
Side side_of(const float* targets, int rows, bool soft) {
  int positives = 0, negatives = 0;
  for (int r = 0; r < rows; ++r) {
    negatives += targets[r] == 0 ? 1 : 0;
    positives += (soft ? targets[r] == 1 : targets[r] != 0) ? 1 : 0;
  }
  return negatives == rows ? Side::negative : positives == rows ? Side::positive : Side::mixed;
}

}  // namespace

// Most outputs of rows are between the same two thresholds as those of the rows before.
void add_thresholds(const Tally& tally, const TallyRows& rows, double* sums) {
  const TallyPlan& plan = tally.plan;
  const int count = static_cast<int>(plan.thresholds.size());
  const Counting counting(tally, rows);
  const bool all = counting.count == rows.rows;
  double weight_of_all = 0;
  for (int i = 0; i < counting.count; ++i) weight_of_all += counting.weight[i];
  const Outputs outputs(tally);
  int bin = 0;
  for (int o = outputs.begin; o < outputs.end; ++o) {
    const float* const t = rows.targets + std::int64_t{o} * kTallyStride;
    double* const own = sums + (plan.by_output ? std::int64_t{2} * (count + 1) * o : 0);
    const Values values(tally, rows.outputs + std::int64_t{o} * kTallyStride, rows.rows);
    const auto are_alike = [&] {
      return values.are_between(bin == 0 ? -kInfinity : plan.thresholds[bin - 1],
                                bin == count ? kInfinity : plan.thresholds[bin]);
    };
    const Side side = all ? side_of(t, rows.rows, plan.soft) : Side::mixed;
    if (side != Side::mixed && !are_alike()) bin = above(tally, values.value[0]);
    if (side != Side::mixed && are_alike()) {
      own[2 * bin + (side == Side::negative ? 1 : 0)] += weight_of_all;
      continue;
    }
    for (int i = 0; i < counting.count; ++i) {
      const int r = counting.row[i];
      const double weight = counting.weight[i];
      bin = above(tally, values.value[r]);
      if (plan.soft) {
        own[2 * bin] += weight * t[r];
        own[2 * bin + 1] += weight * (1 - double{t[r]});
      } else {
        own[2 * bin + (t[r] == 0 ? 1 : 0)] += weight;
      }
    }
  }
}

namespace {

// What a row's outputs are: how many are above the threshold, have a positive target, or both.
struct RowCounts {
  int above[kTallyRows] = {}, positive[kTallyRows] = {}, both[kTallyRows] = {};

  void add_to(const Counting& counting, const Outputs& outputs, double* sums) const {
    for (int i = 0; i < counting.count; ++i) {
      const int r = counting.row[i];
      const double weight = counting.weight[i];
      const int negative = outputs.end - outputs.begin - positive[r];
      sums[0] += weight * (positive[r] - both[r]);
      sums[1] += weight * (negative - above[r] + both[r]);
      sums[2] += weight * both[r];
      sums[3] += weight * (above[r] - both[r]);
    }
  }
};

}  // namespace

void add_one_threshold(const Tally& tally, const TallyRows& rows, double* sums) {
  const float threshold = tally.plan.thresholds[0];
  const Outputs outputs(tally);
  RowCounts counts;
  for (int o = outputs.begin; o < outputs.end; ++o) {
    const float* const y = rows.outputs + std::int64_t{o} * kTallyStride;
    const float* const t = rows.targets + std::int64_t{o} * kTallyStride;
    for (int r = 0; r < rows.rows; ++r) {
      const int is_above = y[r] > threshold ? 1 : 0;
      const int is_positive = t[r] != 0 ? 1 : 0;
      counts.above[r] += is_above;
      counts.positive[r] += is_positive;
      counts.both[r] += is_above & is_positive;
    }
  }
  counts.add_to(Counting(tally, rows), outputs, sums);
}

namespace {

// The k-th largest outputs of rows, and how many outputs are larger.
struct KthLargest {
  float value[kTallyRows];
  int larger[kTallyRows] = {};

  KthLargest(const Tally& tally, const TallyRows& rows) {
    if (tally.plan.top_k <= kMostKept) {
      keep(tally, rows);
    } else {
      bisect(tally, rows);
    }
    for (int o = 0; o < tally.outputs; ++o) {
      const float* const y = rows.outputs + std::int64_t{o} * kTallyStride;
      for (int r = 0; r < rows.rows; ++r) larger[r] += y[r] > value[r] ? 1 : 0;
    }
  }

 private:
  static constexpr int kMostKept = 32;

  // Keeps the k largest so far in descending order. An output is seldom among them.
  void keep(const Tally& tally, const TallyRows& rows) {
    const int k = tally.plan.top_k;
    float kept[kTallyRows][kMostKept];
    for (int r = 0; r < rows.rows; ++r) {
      std::fill_n(kept[r], k, -kInfinity);
      value[r] = -kInfinity;
    }
    for (int o = 0; o < tally.outputs; ++o) {
      const float* const y = rows.outputs + std::int64_t{o} * kTallyStride;
      int enters = 0;
      for (int r = 0; r < rows.rows; ++r) enters += y[r] > value[r] ? 1 : 0;
      for (int r = 0; enters > 0 && r < rows.rows; ++r) {
        if (!(y[r] > value[r])) continue;
        int at = k - 1;
        for (; at > 0 && kept[r][at - 1] < y[r]; --at) kept[r][at] = kept[r][at - 1];
        kept[r][at] = y[r];
        value[r] = kept[r][k - 1];
        --enters;
      }
    }
  }

  // Finds the bits of the k-th largest, the highest first. Integers of `ordered` are ordered as
  // their floats are.
  void bisect(const Tally& tally, const TallyRows& rows) {
    std::uint32_t bits[kTallyRows] = {};
    for (std::uint32_t bit = std::uint32_t{1} << 31; bit != 0; bit >>= 1) {
      int count[kTallyRows] = {};
      for (int o = 0; o < tally.outputs; ++o) {
        const float* const y = rows.outputs + std::int64_t{o} * kTallyStride;
        for (int r = 0; r < rows.rows; ++r) count[r] += ordered(y[r]) >= (bits[r] | bit) ? 1 : 0;
      }
      for (int r = 0; r < rows.rows; ++r)
        if (count[r] >= tally.plan.top_k) bits[r] |= bit;
    }
    constexpr std::uint32_t kSign = std::uint32_t{1} << 31;
    for (int r = 0; r < rows.rows; ++r)
      value[r] = std::bit_cast<float>((bits[r] & kSign) != 0 ? bits[r] ^ kSign : ~bits[r]);
  }

  static std::uint32_t ordered(float value) {
    const auto bits = std::bit_cast<std::uint32_t>(value + 0.0f);
    return bits ^ ((bits >> 31) != 0 ? 0xffffffffu : 0x80000000u);
  }
};

}  // namespace

void add_largest(const Tally& tally, const TallyRows& rows, double* sums) {
  const float threshold = tally.plan.thresholds[0];
  const KthLargest kth(tally, rows);
  const Outputs outputs(tally);
  int room[kTallyRows];  // for outputs that equal the k-th largest
  for (int r = 0; r < rows.rows; ++r) room[r] = tally.plan.top_k - kth.larger[r];
  RowCounts counts;
  for (int o = 0; o < tally.outputs; ++o) {
    const float* const y = rows.outputs + std::int64_t{o} * kTallyStride;
    const float* const t = rows.targets + std::int64_t{o} * kTallyStride;
    const int matters = o >= outputs.begin && o < outputs.end ? 1 : 0;
    for (int r = 0; r < rows.rows; ++r) {
      const int is_equal = (y[r] == kth.value[r]) & (room[r] > 0) ? 1 : 0;
      room[r] -= is_equal;
      const int is_chosen = (y[r] > kth.value[r] ? 1 : 0) | is_equal;
      const int is_above = is_chosen & (y[r] > threshold ? 1 : 0) & matters;
      const int is_positive = (t[r] != 0 ? 1 : 0) & matters;
      counts.above[r] += is_above;
      counts.positive[r] += is_positive;
      counts.both[r] += is_above & is_positive;
    }
  }
  counts.add_to(Counting(tally, rows), outputs, sums);
}

}  // namespace neurode::tallies
