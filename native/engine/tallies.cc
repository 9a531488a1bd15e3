// Adds rows to tallies of any kind.
#include "native/engine/tallies.h"

#include <algorithm>

#include "native/engine/tally_kinds.h"

namespace neurode {

void add_to_tally(const Tally& tally, const TallyRows& rows, double* sums) {
  switch (tally.plan.kind) {
    case TallyPlan::Kind::thresholds:
      if (tally.plan.top_k > 0) return tallies::add_largest(tally, rows, sums);
      if (tally.plan.thresholds.size() == 1) return tallies::add_one_threshold(tally, rows, sums);
      return tallies::add_thresholds(tally, rows, sums);
    case TallyPlan::Kind::classes:
      return tallies::add_classes(tally, rows, sums);
    case TallyPlan::Kind::confusion:
      return tallies::add_confusion(tally, rows, sums);
    case TallyPlan::Kind::sides:
      return tallies::add_sides(tally, rows, sums);
    case TallyPlan::Kind::moments:
      return tallies::add_moments(tally, rows, sums);
    case TallyPlan::Kind::pearson:
      return tallies::add_pearson(tally, rows, sums);
    case TallyPlan::Kind::concordance:
      return tallies::add_concordance(tally, rows, sums);
    case TallyPlan::Kind::crossentropy:
      return tallies::add_crossentropy(tally, rows, sums);
  }
}

void add_captured(const Program& program, const float* captured, std::int64_t rows,
                  std::vector<double>& sums) {
  for (const Tally& tally : program.tallies) {
    const Head& head = program.heads[tally.head];
    const int outputs = tally.outputs;
    std::vector<float> panel(std::size_t{2} * outputs * kTallyStride);
    float weights[kTallyRows];
    const float* const first = captured + 2 * head.first_output + head.first_position;
    // A position of a row follows the one before.
    const std::int64_t places = rows * head.positions;
    for (std::int64_t begin = 0; begin < places; begin += kTallyRows) {
      const int count = static_cast<int>(std::min<std::int64_t>(kTallyRows, places - begin));
      for (int i = 0; i < count; ++i) {
        const std::int64_t row = (begin + i) / head.positions;
        const std::int64_t position = (begin + i) % head.positions;
        const float* const from =
            first + row * program.captured_floats() + position * (2 * outputs + 1);
        for (int o = 0; o < 2 * outputs; ++o) panel[std::size_t{kTallyStride} * o + i] = from[o];
        weights[i] = from[2 * outputs];
      }
      const float* const targets = panel.data() + std::size_t{kTallyStride} * outputs;
      add_to_tally(tally, {panel.data(), targets, weights, count}, sums.data() + tally.first);
    }
  }
}

}  // namespace neurode
