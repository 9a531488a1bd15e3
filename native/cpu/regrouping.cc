// Moves tensors between panels whose lanes are rows of the batch and panels whose lanes are their
// positions.
#include "native/cpu/regrouping.h"

#include <algorithm>

namespace neurode::cpu {
namespace {

// Positions that are moved at a time, so that what is written stays in cache until all of a cache
// line has been written.
constexpr int kBlock = 16;

// Calls visit(lane of the row, its first position in their panel, that position, count) for runs
// of a row's positions that lie in one panel, by groups of rows.
template <class Visit>
void each_run(const RowPanel& rows, const PositionPanels& panels, Visit visit) {
  const Cut& cut = panels.cut;
  for (int group = 0; group < rows.rows; group += kGroup) {
    const int end = std::min(group + kGroup, rows.rows);
    for (int block = 0; block < panels.positions; block += kBlock) {
      const int block_end = std::min(block + kBlock, panels.positions);
      for (int lane = group; lane < end; ++lane) {
        const int row_begin = (rows.first + lane) * panels.positions;
        int p = static_cast<int>(
            std::upper_bound(cut.first.begin(), cut.first.end(), row_begin + block) -
            cut.first.begin() - 1);
        for (int position = block; position < block_end; ++p) {
          const int at = row_begin + position - cut.first[p];
          const int count = std::min(block_end - position, cut.rows[p] - at);
          visit(lane, panels.data + p * panels.step + at, position, count);
          position += count;
        }
      }
    }
  }
}

}  // namespace

void join_positions(const PositionPanels& from, const RowPanel& to) {
  const int features = from.features;
  each_run(to, from, [&](int lane, const float* run, int position, int count) {
    for (int f = 0; f < features; ++f) {
      float* const line = to.data + (std::int64_t{position} * features + f) * kPanel + lane;
      for (int k = 0; k < count; ++k)
        line[k * std::int64_t{features} * kPanel] = run[f * std::int64_t{kPanel} + k];
    }
  });
  // Lanes past the last row repeat it.
  const int lanes = round_up(to.rows, kGroup);
  for (std::int64_t line = 0; to.rows < lanes && line < std::int64_t{from.positions} * features;
       ++line) {
    float* const values = to.data + line * kPanel;
    std::fill(values + to.rows, values + lanes, values[to.rows - 1]);
  }
}

void split_positions(const RowPanel& from, const PositionPanels& to) {
  const int features = to.features;
  each_run(from, to, [&](int lane, float* run, int position, int count) {
    for (int f = 0; f < features; ++f) {
      const float* const line = from.data + (std::int64_t{position} * features + f) * kPanel + lane;
      for (int k = 0; k < count; ++k)
        run[f * std::int64_t{kPanel} + k] = line[k * std::int64_t{features} * kPanel];
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
