// What packed inference does with a block of rows: its steps, with weights ready for use, and where
// tensors lie.
#pragma once

#include <optional>
#include <vector>

#include "native/cpu/affine.h"
#include "native/cpu/kernels.h"
#include "native/cpu/rearrangement.h"
#include "native/engine/inference.h"
#include "native/engine/memory.h"

namespace neurode::cpu {

// Features of rows in memory, rounded up to whole vectors.
constexpr int padded(int features) { return (features + kAlignment - 1) / kAlignment * kAlignment; }

// A tensor is (rows, stride) in one of the slots of a block.
struct PackedTensor {
  int slot = 0;
  int stride = 0;
};

struct PackedStep {
  enum class Kind { dense, affine, activation, merge, columns, pool, embedding, copy };
  Kind kind;
  PackedTensor input, other, output;
  int inputs = 0, features = 0;  // of a row of input and of output
  bool reads_rows = false;       // dense: its input is the model's
  Floats kernel, bias;           // dense: packed and padded. embedding: kernel is the table's
  Op op = {};
  std::optional<Affine> map = {};
  Columns columns = {};
  int positions = 1;  // pool
  Table table = {};   // embedding: of `kernel`
};

struct PackedPlan {
  std::vector<PackedStep> steps;
  int slots = 0;
  int widest = 0;        // stride of the widest tensor
  int widest_panel = 0;  // features of the widest tensor that a row-wise function works on
  // Whether only dense steps read the model's input, so that they can read it where it is.
  bool reads_rows_in_place = true;
  PackedTensor output;
};

// Whether every task of the Program's predictions can be a step.
bool is_packed(const Program& program);

// Slots are used again as soon as nothing reads them: a chain has two. Copies the values.
PackedPlan packed_plan(const Program& program, const Kernels& kernels,
                       const ParameterValues& values);

}  // namespace neurode::cpu
