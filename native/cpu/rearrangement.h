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
  // Of `count` features in a row, whose values follow each other if all lanes are used.
  void copy_run(const float* x, std::int64_t from, float* y, std::int64_t to, int count) const {
    if (lanes == line) {
      std::copy_n(x + from * line, std::int64_t{count} * line, y + to * line);
      return;
    }
    for (int f = 0; f < count; ++f) copy(x, from + f, y, to + f);
  }
  void add(const float* x, std::int64_t from, float* y, std::int64_t to) const {
    for (int i = 0; i < lanes; ++i) y[to * line + i] += x[from * line + i];
  }
  void clear(float* y, std::int64_t feature) const { std::fill_n(y + feature * line, lanes, 0.0f); }
};

// Rows of a block, of which some columns are copied. Columns count from the first feature of a row.
struct Columns {
  int rows, columns;
  int from, from_width;
  int to, to_width;
};

// What `place`, `take` and `take_backward` copy of an input to an output of so many features.
Columns columns_of(const Task& task, int inputs, int outputs);

void copy_columns(const Lines& lines, const Columns& columns, const float* x, float* y);

// y = the task's output of `to` features for x of `from`. `place` leaves y's other columns as they
// are.
void rearrange(const Task& task, int from, int to, const Lines& lines, const float* x, float* y);

}  // namespace neurode::cpu
