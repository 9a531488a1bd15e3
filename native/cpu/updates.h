// From gradients to new weights on the CPU. Parameters are cut into pieces that are the same for
// any number of threads.
#pragma once

#include <vector>

#include "native/cpu/cuts.h"
#include "native/cpu/kernels.h"
#include "native/cpu/parameters.h"
#include "native/cpu/pass_plan.h"
#include "native/cpu/penalties.h"
#include "native/engine/program.h"

namespace neurode::cpu {

// What an update has to know of its step.
struct Step {
  std::int64_t index;  // steps taken before this one
  float learning_rate;
  bool update;            // whether parameters and moving statistics change
  bool gradients = true;  // whether gradients are computed
};

// Whether a task of parameters is part of the step.
bool runs(TaskKind kind, const Step& step);

class Updates {
 public:
  Updates(const Program& program, Parameters& parameters, const Kernels& kernels,
          Penalties& penalties);

  // A thread's part of a segment of Axis::parameters.
  void run(const TrainingSegment& segment, const Step& step, int thread, int threads);
  // Elements [begin, end) of a vector's gradient are in its arena, whole groups or up to the end:
  // where the update waits for nothing else it is done at once.
  void finish_gradient(int parameter, int begin, int end, const Step& step);
  // The gradients of a table's vectors that a batch names and that are a thread's are complete:
  // where the update waits for nothing else it is done at once.
  void finish_named(int parameter, const NamedVectors& named, const Step& step);
  // For tasks that update what they compute the gradients of.
  OptimizerStep optimizer_step(int parameter, const Step& step) const;
  // Brings a parameter's norms back into their bounds: a thread's part of them.
  void constrain(int parameter, int thread, int threads);

 private:
  struct Slots {
    float* from[kMostSlots];
  };
  Slots slots(int parameter, std::int64_t begin);
  bool ends_with_update(const Step& step) const;
  bool has_norms() const;
  bool is_touched(const Piece& piece, const Step& step, float gradient_scale);
  void update_untouched(const Piece& piece, const Step& step);
  void forget(const Piece& piece);
  Part padding_of(const Piece& piece) const;
  void update_around(const Piece& piece, const Part& padding, const Step& step,
                     float gradient_scale);
  void accumulate(const Piece& piece, const Step& step);
  void update(const Piece& piece, const Step& step, float gradient_scale);
  void optimize(const Piece& piece, const Step& step, float gradient_scale);
  void average(const Piece& piece, const Step& step);
  double sum_of_squares(int parameter) const;
  float clip_scale(int parameter) const;

  const Program& program_;
  Parameters& parameters_;
  const Kernels& kernels_;
  Penalties& penalties_;
  const int optimizer_slots_;
  std::vector<double> square_sums_;  // of gradients, by piece
  // By piece: whether elements of its gradient may differ from 0. Gradients that are not of named
  // vectors are computed whole.
  std::vector<std::uint8_t> touched_;
  Floats zeros_;  // the gradient of a piece that no vector is named of
};

}  // namespace neurode::cpu
