// The gradients of the parts of a batch that this process computes, and their sums in the arena.
#pragma once

#include <cstdint>
#include <vector>

#include "native/cpu/parameters.h"
#include "native/engine/memory.h"
#include "native/engine/program.h"

namespace neurode::cpu {

// `lines` runs of `length` floats, `stride` apart, of a parameter's gradient.
struct GradientLines {
  std::int64_t begin;
  std::int64_t length;
  int lines = 1;
  std::int64_t stride = 0;
};

// Where a task puts the gradient of a part: it stores the gradient at `to`, or adds it to what is
// there.
struct PartGradient {
  float* to;
  bool adds;
  int additions;  // that follow, of one level of the tree to the one below
  int level;
};

// Gradients from the end of the backward pass are added up as the parts come, so few of them are in
// memory at a time: each thread adds those elements that it has computed. Those of statistics are
// few; they are kept for every part until the end of the step.
class PartGradients {
 public:
  PartGradients(const Program& program, Parameters& parameters);

  // Of part `part` of this process. If `adds`, an earlier task of the step has stored a gradient
  // of the same part.
  PartGradient place(int parameter, int part, bool adds);
  // The lines of the part's gradient are complete: adds what can be added by now.
  void add(int parameter, const PartGradient& gradient, const GradientLines& lines);

  // Lets each part's moving statistics begin with the values that there are.
  void begin_statistics();
  // Sums over the parts of this process of what was kept for every part. Moving statistics count
  // once for each of a part's rows, of a batch of so many rows.
  void add_kept(std::int64_t rows);
  // Once the sums over all parts are in the arena: moving statistics become averages over the rows
  // of the batch and, in an update, the model's own.
  void end_statistics(std::int64_t rows, bool update);

 private:
  // Whether the gradients of all parts are kept until the end of the step.
  bool is_kept(int parameter) const {
    const GradientPlan& plan = parameters_.gradient_plan();
    return plan.offset[parameter] >= plan.at_end && plan.offset[parameter] < plan.summed;
  }
  float* at_level(int level, int parameter);
  template <class Visit>
  void each_moving_statistic(Visit visit);

  const Program& program_;
  Parameters& parameters_;
  std::vector<Floats> levels_;  // of the tree, above the arena, which is level 0
  Floats kept_;                 // (parts, floats of gradients within the backward pass)
};

}  // namespace neurode::cpu
