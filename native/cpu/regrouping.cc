// Moves tensors between panels whose lanes are rows of the batch and panels whose lanes are their
// positions.
#include "native/cpu/regrouping.h"

#include <algorithm>

namespace neurode::cpu {
namespace {

// Positions that are moved at a time, of as many rows: a line of lanes is read or written at once.
constexpr int kBlock = kGroup;

// Consecutive positions of one row: where they lie in one panel or in two.
struct Run {
  float* first;
  float* second;  // null: all are in the first
  int split;      // positions in the first
};

// Where positions [begin, begin + count) of a row of the batch lie.
Run run_of(const PositionPanels& panels, int row, int begin, int count) {
  const Cut& cut = panels.cut;
  const int at = row * panels.positions + begin;
  const auto next = std::upper_bound(cut.first.begin(), cut.first.end(), at);
  const auto panel = next - cut.first.begin() - 1;
  float* const data = panels.data + panel * panels.step;
  const int left = cut.first[panel] + cut.rows[panel] - at;
  return {data + at - cut.first[panel], left < count ? data + panels.step : nullptr,
          std::min(left, count)};
}

// Calls visit(first lane, lanes, first position, positions, runs of the lanes) for all blocks.
template <class Visit>
void each_block(const RowPanel& rows, const PositionPanels& panels, Visit visit) {
  for (int lane = 0; lane < rows.rows; lane += kGroup) {
    const int lanes = std::min(kGroup, rows.rows - lane);
    for (int position = 0; position < panels.positions; position += kBlock) {
      const int count = std::min(kBlock, panels.positions - position);
      Run runs[kGroup];
      for (int i = 0; i < lanes; ++i)
        runs[i] = run_of(panels, rows.first + lane + i, position, count);
      visit(lane, lanes, position, count, runs);
    }
  }
}

}  // namespace

void join_positions(const PositionPanels& from, const RowPanel& to) {
  const int features = from.features;
  each_block(to, from, [&](int lane, int lanes, int position, int count, const Run* runs) {
    float block[kBlock][kGroup];
    for (int f = 0; f < features; ++f) {
      const std::int64_t line = f * std::int64_t{kPanel};
      // Lanes past the last row repeat it.
      for (int i = 0; i < kGroup; ++i) {
        const Run& run = runs[std::min(i, lanes - 1)];
        for (int k = 0; k < run.split; ++k) block[k][i] = run.first[line + k];
        for (int k = run.split; k < count; ++k) block[k][i] = run.second[line + k - run.split];
      }
      for (int k = 0; k < count; ++k) {
        std::copy_n(block[k], kGroup,
                    to.data + (std::int64_t{position + k} * features + f) * kPanel + lane);
      }
    }
  });
}

void split_positions(const RowPanel& from, const PositionPanels& to) {
  const int features = to.features;
  each_block(from, to, [&](int lane, int lanes, int position, int count, const Run* runs) {
    float block[kBlock][kGroup];
    for (int f = 0; f < features; ++f) {
      const std::int64_t line = f * std::int64_t{kPanel};
      for (int k = 0; k < count; ++k) {
        std::copy_n(from.data + (std::int64_t{position + k} * features + f) * kPanel + lane, kGroup,
                    block[k]);
      }
      for (int i = 0; i < lanes; ++i) {
        const Run& run = runs[i];
        for (int k = 0; k < run.split; ++k) run.first[line + k] = block[k][i];
        for (int k = run.split; k < count; ++k) run.second[line + k - run.split] = block[k][i];
      }
    }
  });
  // Lanes past the last position of a part are 0.
  const std::vector<int>& first = to.cut.first;
  const int row_end = (from.first + from.rows) * to.positions;
  const int last =
      static_cast<int>(std::lower_bound(first.begin(), first.end(), row_end) - first.begin()) - 1;
  const int end = to.cut.rows[last];
  if (row_end != first[last] + end) return;
  for (int f = 0; f < features; ++f) {
    float* const line = to.data + last * to.step + f * std::int64_t{kPanel};
    std::fill(line + end, line + round_up(end, kGroup), 0.0f);
  }
}

}  // namespace neurode::cpu
