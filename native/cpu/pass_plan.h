// The plan of a pass on the CPU: where its tensors lie in the memory of a batch, and what a thread
// takes of its segments.
#pragma once

#include <cstdint>
#include <vector>

#include "native/cpu/cuts.h"
#include "native/cpu/parameters.h"
#include "native/engine/program.h"

namespace neurode::cpu {

// Panels with a lane for each row of the batch, or for each position of a row: those of row r are
// lanes r * positions + p. Tensors are (features of a lane, kPanel) in a panel's memory.
struct PanelLayout {
  int positions;
  std::int64_t size;  // floats of a panel
};

// Where the row values of a penalty of outputs are.
struct PenaltyLine {
  int line, positions;
};

struct PassPlan {
  PassPlan(const Program& program, const Pass& pass);

  // Of a tensor, in a lane.
  int features(int tensor) const { return pass.width(tensor) / positions(tensor); }
  int positions(int tensor) const { return layouts[layout[tensor]].positions; }
  // That a product writes; of other tasks 0.
  int features_of_product(const Task& task) const;
  // That of the tensors that the task works on. A task that moves features from one layout to
  // another takes rows.
  int layout_of(const Task& task) const;
  // Whether two tensors are the same memory.
  bool are_same(int a, int b) const { return layout[a] == layout[b] && offset[a] == offset[b]; }

  const Pass& pass;
  std::vector<PanelLayout> layouts;  // the first has a lane for each row
  std::vector<int> layout;           // of a tensor
  std::vector<std::int64_t> offset;  // of a tensor in a panel, in floats
  std::vector<PenaltyLine> penalties;
  int value_lines;  // of all heads and penalties
};

// The rows of a batch in the panels of each layout.
struct BatchCut {
  // Panels of all but the same size, as many for each thread.
  BatchCut(const PassPlan& plan, std::int64_t rows, int threads, const Parts& parts = {});

  std::vector<Cut> cuts;            // by layout
  std::vector<std::int64_t> begin;  // of a layout's first panel in the batch's memory, in floats
  std::int64_t floats = 0;          // of the batch's memory
};

// The values of some rows: lines of their losses, metrics and penalties. A line has a float for
// each position of each row, row after row.
struct RowValues {
  // Lines of so many rows, a multiple of kGroup.
  static std::int64_t line(std::int64_t rows) { return (rows + kGroup - 1) / kGroup * kGroup; }

  // Of a head: its loss, or a metric behind it. `row` is the first that is wanted.
  float* of_head(const Head& head, int value, std::int64_t row) const {
    return data + (head.first_value + value * head.positions) * rows + row * head.positions;
  }
  float* of_penalty(const PenaltyLine& penalty, std::int64_t row) const {
    return data + penalty.line * rows + row * penalty.positions;
  }

  float* data;
  std::int64_t rows;
};

// Floats [begin, begin + count) of a parameter, and the tasks of a segment that are on it.
struct Piece {
  int parameter;
  std::int64_t begin;
  int count;
  int index;  // among the pieces of all parameters
  int first_task, tasks;
};

// Some tasks of a segment of rows, one behind the other. Those that are cut by features are a large
// product and what treats each of its outputs alone.
struct TaskRun {
  int first, count;
  bool is_by_features;
};

struct TrainingSegment {
  Axis axis;
  std::vector<Task> tasks;    // of Axis::parameters: sorted by parameter
  std::vector<Piece> pieces;  // of Axis::parameters
  int layout = 0;             // of Axis::rows
  std::vector<TaskRun> runs;  // of Axis::rows: all tasks
  bool has_loss = false;
  bool is_exchange = false;
  bool ends_rows = false;  // after it, all outputs and targets of its layout are known
};

// What runs of a training pass: all of it, the layers and losses alone, or what follows the layers
// once the gradients of losses are given. Moving statistics follow those of the batch in both.
enum class Extent { whole, to_losses, from_losses };

// The segments of a training pass; the last one is never of rows, so that a barrier comes before
// it, behind which losses of all rows are there.
std::vector<TrainingSegment> training_segments(const PassPlan& plan, Extent extent,
                                               const Parameters& parameters);

// The tasks of a pass that has no others than those of rows, in runs of one layout.
std::vector<TrainingSegment> row_segments(const PassPlan& plan);

}  // namespace neurode::cpu
