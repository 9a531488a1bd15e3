// From gradients to new weights on the CPU: pieces of parameters, cut alike for any number of
// threads.
#include "native/ops/updates.h"

#include "native/cpu/executor.h"

namespace neurode::cpu {

using NEURODE_ISA_NAMESPACE::ops::clip_factor;

// Tasks come parameter by parameter; all on one parameter run piece by piece.
void CpuExecutor::cut_into_pieces(TrainingSegment& segment) const {
  std::stable_sort(segment.tasks.begin(), segment.tasks.end(),
                   [](const Task& a, const Task& b) { return a.parameter < b.parameter; });
  const int count = static_cast<int>(segment.tasks.size());
  for (int first = 0, last = 0; first < count; first = last) {
    const int parameter = segment.tasks[first].parameter;
    while (last < count && segment.tasks[last].parameter == parameter) ++last;
    const Weights& weights = weights_[parameter];
    for (std::int64_t begin = 0; begin < weights.size; begin += kPiece) {
      segment.pieces.push_back(
          {parameter, begin, static_cast<int>(std::min<std::int64_t>(kPiece, weights.size - begin)),
           weights.first_piece + static_cast<int>(begin / kPiece), first, last - first});
    }
  }
}

OptimizerStep CpuExecutor::optimizer_step(int parameter, const TrainingStep& step) const {
  const UpdatePlan& plan = program_.update;
  const float decay = program_.parameters[parameter].decays ? plan.weight_decay : 0;
  return {plan.optimizer.row, plan.optimizer.params.data(), step.learning_rate,
          step.step / plan.accumulation_steps, 1 - step.learning_rate * decay};
}

// Elements [begin, end) of a vector's gradient are in its arena: whole groups, or up to the end.
void CpuExecutor::finish_gradient(int parameter, int begin, int end, const TrainingStep& step) {
  if (program_.parameters[parameter].update != Update::fused || begin >= end) return;
  Weights& weights = weights_[parameter];
  float* slots[kMostSlots];
  for (int s = 0; s < optimizer_slots_; ++s) slots[s] = weights.slots[s].data() + begin;
  kernels_.update(weights.values.data() + begin, weights.gradient.data() + begin, slots,
                  round_up(end - begin, kGroup), optimizer_step(parameter, step));
}

void CpuExecutor::run_pieces(const TrainingSegment& segment, const TrainingStep& step, int thread,
                             int threads) {
  const Part mine = part(static_cast<int>(segment.pieces.size()), thread, threads);
  float scale = 1;
  int scaled = -1;
  for (int i = mine.begin; i < mine.end; ++i) {
    const Piece& piece = segment.pieces[i];
    for (int t = piece.first_task; t < piece.first_task + piece.tasks; ++t) {
      switch (segment.tasks[t].kind) {
        case TaskKind::penalty:
          penalize(piece, true);
          break;
        case TaskKind::gradient_norm:
          accumulate(piece, step);
          square_sums_[piece.index] = kernels_.sum_of_squares(
              weights_[piece.parameter].gradient.data() + piece.begin, piece.count);
          break;
        case TaskKind::update:
          if (!has_norms()) accumulate(piece, step);
          if (scaled != piece.parameter) scale = clip_scale(scaled = piece.parameter);
          update(piece, step, scale);
          break;
        default:
          break;
      }
    }
  }
}

bool CpuExecutor::has_norms() const {
  return program_.update.clip_norm > 0 || program_.update.global_clip_norm > 0;
}

// What clipping by a norm multiplies a parameter's gradient by.
float CpuExecutor::clip_scale(int parameter) const {
  const UpdatePlan& plan = program_.update;
  const auto sum = [&](int index) {
    const Weights& weights = weights_[index];
    double squares = 0;
    for (std::int64_t begin = 0, piece = weights.first_piece; begin < weights.size;
         begin += kPiece, ++piece)
      squares += square_sums_[piece];
    return squares;
  };
  if (plan.clip_norm > 0) return clip_factor(plan.clip_norm, sum(parameter));
  if (plan.global_clip_norm == 0) return 1;
  double squares = 0;
  for (int i = 0; i < static_cast<int>(weights_.size()); ++i) {
    if (program_.parameters[i].update == Update::deferred) squares += sum(i);
  }
  return clip_factor(plan.global_clip_norm, squares);
}

// Whether a step ends with an update, or only adds its gradient to those before.
bool CpuExecutor::updates(const TrainingStep& step) const {
  return (step.step + 1) % program_.update.accumulation_steps == 0;
}

// The gradient becomes the average of those since the last update; in between it is only kept.
void CpuExecutor::accumulate(const Piece& piece, const TrainingStep& step) {
  if (program_.accumulator < 0) return;
  Weights& weights = weights_[piece.parameter];
  float* const gradient = weights.gradient.data() + piece.begin;
  float* const sum = weights.slots[program_.accumulator].data() + piece.begin;
  if (!updates(step)) {
    for (int i = 0; i < piece.count; ++i) sum[i] += gradient[i];
    return;
  }
  const auto steps = static_cast<float>(program_.update.accumulation_steps);
  for (int i = 0; i < piece.count; ++i) {
    gradient[i] = (gradient[i] + sum[i]) / steps;
    sum[i] = 0;
  }
}

// The average moves in every step; up to the first update it is a copy. Some updates end with the
// weights becoming their averages.
void CpuExecutor::average(const Piece& piece, const TrainingStep& step) {
  if (program_.average < 0) return;
  const UpdatePlan& plan = program_.update;
  const std::int64_t updates = step.step / plan.accumulation_steps;
  Weights& weights = weights_[piece.parameter];
  float* const values = weights.values.data() + piece.begin;
  float* const averages = weights.slots[program_.average].data() + piece.begin;
  const float keep = updates == 0 ? 0 : plan.average_momentum;
  for (int i = 0; i < piece.count; ++i) averages[i] = keep * averages[i] + (1 - keep) * values[i];
  if (plan.overwrite_frequency > 0 && (updates + 1) % plan.overwrite_frequency == 0)
    std::copy_n(averages, piece.count, values);
}

void CpuExecutor::update(const Piece& piece, const TrainingStep& step, float gradient_scale) {
  if (updates(step)) optimize(piece, step, gradient_scale);
  average(piece, step);
  if (program_.parameters[piece.parameter].constraint.kind != Constraint::Kind::not_negative)
    return;
  float* const values = weights_[piece.parameter].values.data() + piece.begin;
  for (int i = 0; i < piece.count; ++i) values[i] = values[i] < 0 ? 0 : values[i];
}

void CpuExecutor::optimize(const Piece& piece, const TrainingStep& step, float gradient_scale) {
  Weights& weights = weights_[piece.parameter];
  float* const gradient = weights.gradient.data() + piece.begin;
  float* slots[kMostSlots];
  for (int s = 0; s < optimizer_slots_; ++s) slots[s] = weights.slots[s].data() + piece.begin;
  if (gradient_scale != 1) kernels_.scale(gradient, gradient_scale, piece.count);
  if (program_.update.clip_value > 0)
    kernels_.clip(gradient, program_.update.clip_value, piece.count);
  kernels_.update(weights.values.data() + piece.begin, gradient, slots, piece.count,
                  optimizer_step(piece.parameter, step));
}

}  // namespace neurode::cpu
