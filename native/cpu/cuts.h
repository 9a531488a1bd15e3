// How work is cut: rows into panels, anything else into the threads' parts.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "native/cpu/kernels.h"

namespace neurode::cpu {

// [begin, end) of `count` things.
struct Part {
  int begin, end;
};
// A thread's part, all but as large as any other's.
inline Part part(int count, int thread, int threads) {
  return {static_cast<int>(std::int64_t{count} * thread / threads),
          static_cast<int>(std::int64_t{count} * (thread + 1) / threads)};
}

inline int round_up(int value, int multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

// Panels begin at multiples of so many rows; vectors of parameters are cut there, too.
constexpr int kGroup = kAlignment;

// The rows of a batch in panels.
struct Cut {
  std::vector<int> rows;   // of each panel
  std::vector<int> first;  // row of each panel
  std::vector<int> parts;  // the first panel of each part, and the end of the last one
  int panels() const { return static_cast<int>(rows.size()); }
  // The part that a panel is of, and the end of its panels.
  int part_of(int panel) const {
    return static_cast<int>(std::upper_bound(parts.begin(), parts.end(), panel) - parts.begin()) -
           1;
  }
  int end_of_part(int panel) const { return parts[part_of(panel) + 1]; }
};

// The parts of a batch of so many rows that this process computes, in panels of all but the same
// size, as many for each thread. A row has a lane for each of its positions; `first` counts lanes
// from the first row of the whole batch.
Cut cut_rows(std::int64_t rows, int positions, int threads, const Parts& parts);

}  // namespace neurode::cpu
