// Tasks that move, repeat or count features: on the lines of a panel, or on one row.
#pragma once

#include <algorithm>
#include <cstdint>

#include "native/engine/program.h"

namespace neurode::cpu {

// Feature f is `lanes` floats from f * line on.
struct Lines {
  int line, lanes;
  void copy(const float* x, std::int64_t from, float* y, std::int64_t to) const {
    std::copy_n(x + from * line, lanes, y + to * line);
  }
  void add(const float* x, std::int64_t from, float* y, std::int64_t to) const {
    for (int i = 0; i < lanes; ++i) y[to * line + i] += x[from * line + i];
  }
  void clear(float* y, std::int64_t feature) const { std::fill_n(y + feature * line, lanes, 0.0f); }
};

// y = the task's output for x: tensors of the pass. `place` leaves y's other columns as they are.
void rearrange(const Task& task, const Pass& pass, const Lines& lines, const float* x, float* y);

}  // namespace neurode::cpu
