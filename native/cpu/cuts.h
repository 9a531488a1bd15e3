// How work is cut: rows into panels, anything else into the threads' parts.
#pragma once

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
  int panels() const { return static_cast<int>(rows.size()); }
};

// Panels of all but the same size, as many for each thread.
Cut cut_rows(std::int64_t rows, int threads);

}  // namespace neurode::cpu
