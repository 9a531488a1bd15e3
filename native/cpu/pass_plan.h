// The plan of a pass on the CPU: where its tensors lie in the memory of a panel, and what a thread
// takes of its segments.
#pragma once

#include <cstdint>
#include <vector>

#include "native/cpu/parameters.h"
#include "native/engine/program.h"

namespace neurode::cpu {

// Tensors are (positions, features, kPanel) in a panel's memory: the same memory before and after
// their features are grouped by positions.
struct PassPlan {
  explicit PassPlan(const Pass& pass);
  const Pass& pass;
  std::vector<std::int64_t> offset;  // of a tensor, in floats
  std::int64_t size = 0;             // floats of a panel
};

// Floats [begin, begin + count) of a parameter, and the tasks of a segment that are on it.
struct Piece {
  int parameter;
  std::int64_t begin;
  int count;
  int index;  // among the pieces of all parameters
  int first_task, tasks;
};

struct TrainingSegment {
  Axis axis;
  std::vector<Task> tasks;    // of Axis::parameters: sorted by parameter
  std::vector<Piece> pieces;  // of Axis::parameters
  bool has_loss = false;
  bool ends_rows = false;  // after it, all outputs and targets of the batch are known
};

// What runs of a training pass: all of it, the layers and losses alone, or what follows the layers
// once the gradients of losses are given. Moving statistics follow those of the batch in both.
enum class Extent { whole, to_losses, from_losses };

// The segments of a training pass; the last one is never of rows, so that a barrier comes before
// it, behind which losses of all rows are there.
std::vector<TrainingSegment> training_segments(const Pass& pass, Extent extent,
                                               const Parameters& parameters);

}  // namespace neurode::cpu
