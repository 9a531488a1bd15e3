// From gradients to new weights on the CPU: accumulate, clip, decay, optimizer, average,
// constraint.
#include "native/cpu/updates.h"

#include <algorithm>
#include <atomic>
#include <cmath>

#include "native/engine/op_table.h"
#include "native/ops/updates.h"

namespace neurode::cpu {

using NEURODE_ISA_NAMESPACE::ops::clip_factor;

Updates::Updates(const Program& program, Parameters& parameters, const Kernels& kernels,
                 Penalties& penalties)
    : program_(program),
      parameters_(parameters),
      kernels_(kernels),
      penalties_(penalties),
      optimizer_slots_(optimizer_slots(program.update.optimizer)),
      square_sums_(parameters.pieces()),
      touched_(parameters.pieces(), 1) {
  for (int p = 0; p < parameters.count(); ++p) {
    if (!parameters.has_named_gradient(p)) continue;
    std::fill_n(touched_.begin() + parameters[p].first_piece, parameters[p].pieces(), 0);
    zeros_ = Floats(kPiece);
  }
}

OptimizerStep Updates::optimizer_step(int parameter, const Step& step) const {
  const UpdatePlan& plan = program_.update;
  const float decay = program_.parameters[parameter].decays ? plan.weight_decay : 0;
  return {.row = plan.optimizer.row,
          .params = plan.optimizer.params.data(),
          .learning_rate = step.learning_rate,
          .step = step.index / plan.accumulation_steps,
          .keep = 1 - step.learning_rate * decay};
}

Updates::Slots Updates::slots(int parameter, std::int64_t begin) {
  Slots slots{};
  for (int s = 0; s < optimizer_slots_; ++s)
    slots.from[s] = parameters_[parameter].slots[s].data() + begin;
  return slots;
}

void Updates::finish_gradient(int parameter, int begin, int end, const Step& step) {
  if (program_.parameters[parameter].update != Update::fused || begin >= end) return;
  ParameterMemory& memory = parameters_[parameter];
  kernels_.update(memory.values.data() + begin, parameters_.gradient(parameter) + begin,
                  slots(parameter, begin).from, round_up(end - begin, kGroup),
                  optimizer_step(parameter, step));
}

// Several threads may have vectors of one piece.
void Updates::finish_named(int parameter, const NamedVectors& named, const Step& step) {
  ParameterMemory& memory = parameters_[parameter];
  if (program_.parameters[parameter].update == Update::fused)
    return kernels_.update_lines(memory.values.data(), named.sums, slots(parameter, 0).from,
                                 named.vectors, named.count, memory.stride,
                                 optimizer_step(parameter, step));
  for (int i = 0; i < named.count; ++i) {
    const std::int64_t begin = named.vectors[i] * memory.stride, end = begin + memory.stride;
    for (std::int64_t piece = begin / kPiece; piece * kPiece < end; ++piece)
      std::atomic_ref(touched_[memory.first_piece + piece]).store(1, std::memory_order_relaxed);
  }
}

// Gradients that were accumulated may be of any vector, and what is no number spreads to all.
bool Updates::is_touched(const Piece& piece, const Step& step, float gradient_scale) {
  return touched_[piece.index] != 0 || (program_.accumulator >= 0 && ends_with_update(step)) ||
         !std::isfinite(gradient_scale);
}

void Updates::update_untouched(const Piece& piece, const Step& step) {
  const OptimizerStep optimizer = optimizer_step(piece.parameter, step);
  const bool changes = !is_still(program_.update.optimizer) || optimizer.keep != 1;
  if (changes && ends_with_update(step))
    kernels_.update(parameters_[piece.parameter].values.data() + piece.begin, zeros_.data(),
                    slots(piece.parameter, piece.begin).from, piece.count, optimizer);
}

// The gradient of named vectors is 0 between two steps.
void Updates::forget(const Piece& piece) {
  if (!parameters_.has_named_gradient(piece.parameter)) return;
  std::fill_n(parameters_.gradient(piece.parameter) + piece.begin, piece.count, 0.0f);
  touched_[piece.index] = 0;
}

// The floats of a piece that are of the parameter's padding: none where begin is end.
Part Updates::padding_of(const Piece& piece) const {
  const int row = program_.parameters[piece.parameter].padding;
  if (row < 0) return {0, 0};
  const std::int64_t stride = parameters_[piece.parameter].stride,
                     begin = row * stride - piece.begin;
  const auto within = [&](std::int64_t at) {
    return static_cast<int>(std::clamp<std::int64_t>(at, 0, piece.count));
  };
  return {within(begin), within(begin + stride)};
}

void Updates::run(const TrainingSegment& segment, const Step& step, int thread, int threads) {
  const Part mine = part(static_cast<int>(segment.pieces.size()), thread, threads);
  // A norm of all gradients gives all parameters the same factor.
  const bool shares_scale = program_.update.clip_norm == 0;
  float scale = 1;
  int scaled = -1;
  for (int i = mine.begin; i < mine.end; ++i) {
    const Piece& piece = segment.pieces[i];
    const Part padding = padding_of(piece);
    const auto clear_padding = [&] {
      float* const gradient = parameters_.gradient(piece.parameter) + piece.begin;
      std::fill(gradient + padding.begin, gradient + padding.end, 0.0f);
    };
    for (int t = piece.first_task; t < piece.first_task + piece.tasks; ++t) {
      if (!runs(segment.tasks[t].kind, step)) continue;
      switch (segment.tasks[t].kind) {
        case TaskKind::penalty:
          penalties_.add_gradient(piece);
          clear_padding();
          break;
        case TaskKind::gradient_norm:
          if (!is_touched(piece, step, 1)) {
            square_sums_[piece.index] = 0;
            break;
          }
          clear_padding();
          accumulate(piece, step);
          square_sums_[piece.index] = kernels_.sum_of_squares(
              parameters_.gradient(piece.parameter) + piece.begin, piece.count);
          break;
        case TaskKind::update:
          clear_padding();
          if (!has_norms() && is_touched(piece, step, 1)) accumulate(piece, step);
          if (scaled < 0 || (scaled != piece.parameter && !shares_scale))
            scale = clip_scale(scaled = piece.parameter);
          update_around(piece, padding, step, scale);
          break;
        default:
          break;
      }
    }
  }
}

bool runs(TaskKind kind, const Step& step) {
  const bool is_update =
      kind == TaskKind::gradient_norm || kind == TaskKind::update || kind == TaskKind::constrain;
  return is_update ? step.update : step.gradients;
}

bool Updates::has_norms() const {
  return program_.update.clip_norm > 0 || program_.update.global_clip_norm > 0;
}

// Of a parameter's gradient.
double Updates::sum_of_squares(int parameter) const {
  const ParameterMemory& memory = parameters_[parameter];
  double squares = 0;
  for (int i = memory.first_piece; i < memory.first_piece + memory.pieces(); ++i)
    squares += square_sums_[i];
  return squares;
}

// What clipping by a norm multiplies a parameter's gradient by.
float Updates::clip_scale(int parameter) const {
  const UpdatePlan& plan = program_.update;
  if (plan.clip_norm > 0) return clip_factor(plan.clip_norm, sum_of_squares(parameter));
  if (plan.global_clip_norm == 0) return 1;
  double squares = 0;
  for (int i = 0; i < parameters_.count(); ++i) {
    if (program_.parameters[i].update == Update::deferred) squares += sum_of_squares(i);
  }
  return clip_factor(plan.global_clip_norm, squares);
}

// Other steps only add their gradient to those before.
bool Updates::ends_with_update(const Step& step) const {
  return (step.index + 1) % program_.update.accumulation_steps == 0;
}

// The gradient becomes the average of those since the last update; in between it is only kept.
void Updates::accumulate(const Piece& piece, const Step& step) {
  if (program_.accumulator < 0) return;
  ParameterMemory& memory = parameters_[piece.parameter];
  float* const gradient = parameters_.gradient(piece.parameter) + piece.begin;
  float* const sum = memory.slots[program_.accumulator].data() + piece.begin;
  if (!ends_with_update(step)) {
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
void Updates::average(const Piece& piece, const Step& step) {
  if (program_.average < 0) return;
  const UpdatePlan& plan = program_.update;
  const std::int64_t updates = step.index / plan.accumulation_steps;
  ParameterMemory& memory = parameters_[piece.parameter];
  float* const values = memory.values.data() + piece.begin;
  float* const averages = memory.slots[program_.average].data() + piece.begin;
  const float keep = updates == 0 ? 0 : plan.average_momentum;
  for (int i = 0; i < piece.count; ++i) averages[i] = keep * averages[i] + (1 - keep) * values[i];
  if (plan.overwrite_frequency > 0 && (updates + 1) % plan.overwrite_frequency == 0)
    std::copy_n(averages, piece.count, values);
}

// Padding keeps its values, and its average is what it is.
void Updates::update_around(const Piece& piece, const Part& padding, const Step& step,
                            float gradient_scale) {
  ParameterMemory& memory = parameters_[piece.parameter];
  float* const values = memory.values.data() + piece.begin;
  float kept[kPiece];
  std::copy(values + padding.begin, values + padding.end, kept);
  update(piece, step, gradient_scale);
  const int count = padding.end - padding.begin;
  std::copy_n(kept, count, values + padding.begin);
  if (program_.average >= 0)
    std::copy_n(kept, count, memory.slots[program_.average].data() + piece.begin + padding.begin);
}

void Updates::update(const Piece& piece, const Step& step, float gradient_scale) {
  if (!is_touched(piece, step, gradient_scale)) {
    update_untouched(piece, step);
  } else {
    if (ends_with_update(step)) optimize(piece, step, gradient_scale);
    forget(piece);
  }
  average(piece, step);
  if (program_.parameters[piece.parameter].constraint.kind != Constraint::Kind::not_negative)
    return;
  float* const values = parameters_[piece.parameter].values.data() + piece.begin;
  for (int i = 0; i < piece.count; ++i) values[i] = values[i] < 0 ? 0 : values[i];
}

void Updates::optimize(const Piece& piece, const Step& step, float gradient_scale) {
  ParameterMemory& memory = parameters_[piece.parameter];
  float* const gradient = parameters_.gradient(piece.parameter) + piece.begin;
  if (gradient_scale != 1) kernels_.scale(gradient, gradient_scale, piece.count);
  if (program_.update.clip_value > 0)
    kernels_.clip(gradient, program_.update.clip_value, piece.count);
  kernels_.update(memory.values.data() + piece.begin, gradient,
                  slots(piece.parameter, piece.begin).from, piece.count,
                  optimizer_step(piece.parameter, step));
}

}  // namespace neurode::cpu
