// One block of rows of packed inference: what a thread computes of a step.
#include "native/cpu/packed_block.h"

#include <algorithm>

#include "native/cpu/cuts.h"
#include "native/cpu/pooling.h"
#include "native/engine/op_table.h"

namespace neurode::cpu {
namespace {

using Kind = PackedStep::Kind;

// Rows that one tile of a product takes at most; fewer would read its weights for less.
constexpr int kTall = 12;
// Numbers of a step that are not worth another thread.
constexpr std::int64_t kFewNumbers = 4096;

// A product's parts: ranges of its tiles, and where those are too few, of its lines, too.
struct DenseCut {
  int by_tiles, by_lines;
};
DenseCut cut_of(const PackedStep& step, int tiles, int rows, int most) {
  const std::int64_t lines = std::int64_t{step.output.positions} * rows;
  if (lines * step.inputs * step.features < kFewNumbers * 16) return {1, 1};
  const int by_tiles = std::min(tiles, most);
  const int by_lines =
      static_cast<int>(std::clamp<std::int64_t>(lines / kTall, 1, most / by_tiles));
  const bool is_even = step.output.positions == 1 || step.input.is_even() || rows == 1;
  return {by_tiles, is_even ? by_lines : 1};
}

}  // namespace

int PackedBlock::parts(int phase, int most) const {
  if (phase == 0) return reads_in_place() ? 0 : std::min(rows, most);
  if (is_last(phase)) return 1;
  const PackedStep& step = plan.steps[phase - 1];
  if (!step.is_active) return 0;
  if (step.kind == Kind::dense) {
    const DenseCut cut = cut_of(step, kernels.infer_tiles(step.features), rows, most);
    return cut.by_tiles * cut.by_lines;
  }
  const bool is_small = std::int64_t{rows} * step.output.stride < kFewNumbers;
  return is_small || !step.output.is_padded() ? 1 : std::min(rows, most);
}

void PackedBlock::run(int phase, int part, int parts) const {
  const Part mine = cpu::part(rows, part, parts);
  if (phase == 0) return gather(mine.begin, mine.end);
  if (is_last(phase)) return give(mine.begin, mine.end);
  const PackedStep& step = plan.steps[phase - 1];
  if (step.kind != Kind::dense) return run_rows(step, mine.begin, mine.end);
  const int tiles = kernels.infer_tiles(step.features);
  const int by_tiles = std::min(tiles, parts), by_lines = parts / by_tiles;
  const Part columns = cpu::part(tiles, part % by_tiles, by_tiles);
  const Part lines = cpu::part(rows * step.output.positions, part / by_tiles, by_lines);
  dense(step, {columns.begin, columns.end}, lines.begin, lines.end);
}

void PackedBlock::gather(int begin, int end) const {
  const std::int64_t size = view.features, from = (first + begin) * size;
  const std::int64_t count = (end - begin) * size;
  float* const to = memory + begin * size;
  if (view.bytes != nullptr) {
    kernels.scale_bytes(view.bytes + from, count, view.scale, view.offset, to);
  } else {
    kernels.scale_floats(view.floats + from, count, view.scale, view.offset, to);
  }
}

void PackedBlock::give(int begin, int end) const {
  const float* const from = at(plan.output);
  for (int i = begin; i < end; ++i) {
    std::copy_n(from + i * std::int64_t{plan.output.stride}, output_size,
                output + i * std::int64_t{output_size});
  }
}

// Of lines [begin, end), which are positions of rows; of all, where those do not lie evenly.
void PackedBlock::dense(const PackedStep& step, const TileRange& tiles, int begin, int end) const {
  const PackedTensor& in = step.input;
  const PackedTensor& out = step.output;
  const bool in_place = step.reads_rows && reads_in_place();
  const float* const x = in_place ? view.floats + first * view.features : at(in);
  const InferDense product{step.kernel.data(), step.bias.data(), step.inputs, step.features,
                           step.activates_at_once ? &step.task.op : nullptr};
  if (out.positions == 1 || in.is_even() || rows == 1) {
    return kernels.infer_dense(product, tiles, end - begin, x + begin * std::int64_t{in.step},
                               in.step, at(out) + begin * std::int64_t{out.step}, out.step);
  }
  for (int row = 0; row < rows; ++row) {
    kernels.infer_dense(product, tiles, out.positions, x + row * std::int64_t{in.stride}, in.step,
                        at(out) + row * std::int64_t{out.stride}, out.step);
  }
}

void PackedBlock::run_rows(const PackedStep& step, int begin, int end) const {
  if (step.kind == Kind::activation) return activate(step, begin, end);
  const float* const x = at(step.input);
  float* const y = at(step.output);
  const Task& task = step.task;
  const auto each_row = [&](auto apply) {
    for (std::int64_t r = begin; r < end; ++r)
      apply(x + r * step.input.stride, y + r * step.output.stride, r);
  };
  switch (step.kind) {
    case Kind::affine:
      return each_row([&](const float*, float* to, auto) { step.map.apply(to); });
    case Kind::feature:
      return each_row([&](const float*, float* to, auto) {
        kernels.feature_row(task.op, step.kernel.data(), step.bias.data(), to, to, step.features);
      });
    case Kind::merge:
      return each_row([&](const float* from, float* to, std::int64_t r) {
        kernels.merge(task.op, from, at(step.other) + r * step.other.stride, to, 1, step.features);
      });
    case Kind::rearrange:
      return each_row([&](const float* from, float* to, auto) {
        rearrange(task, step.inputs, step.features, {1, 1}, from, to);
      });
    case Kind::copy:
      return each_row([&](const float* from, float* to, auto) {
        copy_columns({1, 1}, step.columns, from, to);
      });
    case Kind::pool:
      return each_row([&](const float* from, float* to, auto) {
        pool(task.op, {task.block.rows, step.features, 1, 1}, from, to);
      });
    case Kind::embedding:
      return each_row([&](const float* from, float* to, auto) {
        kernels.embed_row(step.table, from, to, step.inputs);
      });
    default:
      return;
  }
}

void PackedBlock::activate(const PackedStep& step, int begin, int end) const {
  const PackedTensor& place = step.output;
  const Op& op = step.task.op;
  float* row = at(place) + begin * std::int64_t{place.stride};
  if (neurode::activation_row(op.row).pointwise) {
    // All rows in one call, together with their padding.
    kernels.activation_row(op, {}, row, row, (end - begin) * place.stride);
    return;
  }
  for (int r = begin; r < end; ++r, row += place.stride) {
    for (int p = 0; p < place.positions; ++p) {
      float* const values = row + std::int64_t{p} * place.step;
      kernels.activation_row(op, step.task.along, values, values, step.features);
    }
  }
}

}  // namespace neurode::cpu
