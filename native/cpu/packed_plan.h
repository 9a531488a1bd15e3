// What packed inference does with a block of rows: its steps, where tensors lie, and the weights,
// ready for use.
#pragma once

#include <optional>
#include <vector>

#include "native/cpu/affine.h"
#include "native/cpu/kernels.h"
#include "native/cpu/rearrangement.h"
#include "native/cpu/threads.h"
#include "native/engine/memory.h"
#include "native/engine/program.h"

namespace neurode::cpu {

// Features of rows in memory, rounded up to whole vectors.
constexpr int padded(int features) { return (features + kAlignment - 1) / kAlignment * kAlignment; }

// A tensor is (rows, stride) in one of the slots of a block. A row has so many positions, which lie
// `step` apart.
struct PackedTensor {
  int slot = 0;
  int stride = 0;
  int positions = 1;
  int step = 0;

  // Whether every position is whole vectors, so that those behind its last feature may be written.
  bool is_padded() const { return stride % kAlignment == 0 && step % kAlignment == 0; }
  // Whether positions of all rows lie evenly.
  bool is_even() const { return stride == positions * step; }
};

struct PackedStep {
  enum class Kind {
    dense,
    affine,
    activation,
    feature,
    merge,
    rearrange,
    pool,
    embedding,
    copy,
  };
  Kind kind;
  Task task = {};
  PackedTensor input, other, output;
  int inputs = 0, features = 0;  // of a row, or of each position of it
  bool reads_rows = false;       // dense: its input is the model's
  // dense: the function behind the product, and the maps before and behind it, for each of which a
  // step stands beside it; these run where a map cannot be part of the weights.
  bool activates = false;
  int before = 0, after = 0;
  Columns columns = {};  // copy

  // Made of the values of parameters.
  bool is_active = true;
  bool activates_at_once = false;
  Floats kernel = {},
         bias = {};  // dense: packed and padded. feature: of each feature. embedding: the table
  Affine map = {};
  Table table = {};
};

struct PackedPlan {
  std::vector<PackedStep> steps;
  int slots = 0;
  int widest = 0;            // stride of the widest tensor
  int positions = 1;         // the most of a tensor
  std::int64_t weights = 0;  // of all products
  // Whether only dense steps read the model's input, so that they can read it where it is.
  bool may_read_rows_in_place = true;
  bool reads_rows_in_place = true;  // and none of the maps before them is a step
  PackedTensor output;
};

// Slots are used again as soon as nothing reads them: a chain has two.
PackedPlan packed_plan(const Program& program);

// Where the values of parameters are: in Keras' order, or as executors have them, which stay there.
struct PackedSource {
  std::vector<const float*> values;  // vectors without gaps
  std::vector<std::int64_t> lines;   // from a line of a kernel or of a table to the next
  bool is_transposed = false;        // kernels are (units, line)
  bool stays = false;                // tables are read where they are
};

// Makes the weights of all steps; large ones by all threads of the team that are free.
void pack(PackedPlan& plan, const Program& program, const Kernels& kernels,
          const PackedSource& source, ThreadTeam& team);

}  // namespace neurode::cpu
