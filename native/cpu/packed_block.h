// One block of rows of packed inference: what a thread computes of a step.
#pragma once

#include "native/cpu/kernels.h"
#include "native/cpu/packed_plan.h"
#include "native/engine/data.h"

namespace neurode::cpu {

struct PackedBlock {
  const PackedPlan& plan;
  const Kernels& kernels;
  const InputView& view;
  std::int64_t first;  // row
  int rows;
  float* memory;  // the slots
  std::int64_t slot_floats;
  float* output;  // of the first row
  int output_size;

  // Phases follow each other: the input, the steps, and the output. Each is cut into so many
  // parts, at most `most`, which any threads may run at the same time.
  int phases() const { return static_cast<int>(plan.steps.size()) + 2; }
  int parts(int phase, int most) const;
  void run(int phase, int part, int parts) const;

 private:
  bool is_last(int phase) const { return phase == phases() - 1; }
  bool reads_in_place() const {
    return view.bytes == nullptr && view.scale == 1 && view.offset == 0 && plan.reads_rows_in_place;
  }
  float* at(const PackedTensor& tensor) const { return memory + tensor.slot * slot_floats; }
  void gather(int begin, int end) const;
  void give(int begin, int end) const;
  void run_rows(const PackedStep& step, int begin, int end) const;
  void dense(const PackedStep& step, const TileRange& tiles, int begin, int end) const;
  void activate(const PackedStep& step, int begin, int end) const;
};

}  // namespace neurode::cpu
