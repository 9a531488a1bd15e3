// Tasks that move, repeat or count features: on the lines of a panel, or on one row.
#include "native/cpu/rearrangement.h"

namespace neurode::cpu {
namespace {

void transpose(const Lines& lines, const Block& block, int features, const float* x, float* y) {
  const auto [rows, columns, inner] = block;
  const int size = rows * columns * inner;
  for (int first = 0; first < features; first += size) {
    for (int r = 0; r < rows; ++r) {
      for (int c = 0; c < columns; ++c) {
        for (int i = 0; i < inner; ++i)
          lines.copy(x, first + (r * columns + c) * inner + i, y,
                     first + (c * rows + r) * inner + i);
      }
    }
  }
}

// The index that x names, clamped: data is checked when it is bound, but another thread may write
// to shared memory afterwards.
int index_of(float x, int count) {
  return x > 0 ? (x < static_cast<float>(count - 1) ? static_cast<int>(x) : count - 1) : 0;
}

void encode(const Lines& lines, const Task& task, int features, const float* x, float* y) {
  const int integers = task.block.rows, categories = task.block.columns;
  for (int f = 0; f < features; ++f) {
    const int first = f / integers * categories;
    for (int c = 0; f % integers == 0 && c < categories; ++c) lines.clear(y, first + c);
    for (int i = 0; i < lines.lanes; ++i) {
      const int category = index_of(x[f * std::int64_t{lines.line} + i], categories);
      float& value = y[(first + category) * std::int64_t{lines.line} + i];
      value = task.counts ? value + 1 : 1;
    }
  }
}

}  // namespace

Columns columns_of(const Task& task, int inputs, int outputs) {
  const int rows = task.block.rows, columns = task.block.columns;
  if (task.kind == TaskKind::take) return {rows, columns, task.begin, inputs / rows, 0, columns};
  return {rows, columns, 0, columns, task.begin, outputs / rows};
}

void copy_columns(const Lines& lines, const Columns& c, const float* x, float* y) {
  for (int r = 0; r < c.rows; ++r) {
    lines.copy_run(x, r * c.from_width + c.from, y, r * c.to_width + c.to, c.columns);
  }
}

void rearrange(const Task& task, int from, int to, const Lines& lines, const float* x, float* y) {
  switch (task.kind) {
    case TaskKind::transpose:
      return transpose(lines, task.block, from, x, y);
    case TaskKind::repeat:
      for (int f = 0; f < to; ++f) lines.copy(x, f % from, y, f);
      return;
    case TaskKind::repeat_backward:
      for (int f = 0; f < to; ++f) lines.copy(x, f, y, f);
      for (int f = to; f < from; ++f) lines.add(x, f, y, f % to);
      return;
    case TaskKind::encode:
      return encode(lines, task, from, x, y);
    case TaskKind::take_backward:
      for (int f = 0; f < to; ++f) lines.clear(y, f);
      [[fallthrough]];
    case TaskKind::take:
    case TaskKind::place:
      return copy_columns(lines, columns_of(task, from, to), x, y);
    default:
      return;
  }
}

}  // namespace neurode::cpu
