// What a stage other than a matrix product does to one element or one row. All kernels share this.
#pragma once

#include "cuda/kernels/finish.h"
#include "cuda/kernels/functors.h"
#include "cuda/kernels/sources.h"
#include "native/ops/random.h"

namespace neurode::cuda {

// Whether the stage works on whole rows, one thread per row, rather than on single elements.
NEURODE_DEVICE bool is_rowwise(const Stage& stage) {
  const bool activation =
      stage.kind == StageKind::activation_forward || stage.kind == StageKind::activation_backward;
  return (activation && !is_pointwise(stage.op.row)) || stage.kind == StageKind::loss ||
         stage.kind == StageKind::metric || stage.kind == StageKind::activity_penalty;
}

// The tensors of a stage, in global or in shared memory.
struct Tensors {
  Tensor input, z, output, auxiliary, gradient, input_gradient;
  NEURODE_DEVICE Tensors(const Stage& stage, float* shared)
      : input(stage.input.in(shared)),
        z(stage.z.in(shared)),
        output(stage.output.in(shared)),
        auxiliary(stage.auxiliary.in(shared)),
        gradient(stage.gradient.in(shared)),
        input_gradient(stage.input_gradient.in(shared)) {}
};

// `row` counts the rows of the tensors, `batch_row` the rows of the batch or of its part.
NEURODE_DEVICE void run_element(const Stage& stage, const Tensors& t, const RunState& state,
                                int row, int batch_row, int feature) {
  switch (stage.kind) {
    case StageKind::gather: {
      const BoundSource bound(state);
      t.output.at(row, feature) =
          bound.value(bound.row_of_data(batch_row) * bound.features + feature);
      break;
    }
    case StageKind::activation_forward:
      t.output.at(row, feature) = activate(stage.op, t.z.at(row, feature));
      break;
    case StageKind::activation_backward:
      t.gradient.at(row, feature) *=
          slope(stage.op, t.z.at(row, feature), t.output.at(row, feature));
      break;
    case StageKind::noise_forward: {
      const auto block = ops::philox<std::uint32_t>(
          static_cast<std::uint32_t>(feature / 4),
          static_cast<std::uint32_t>(state.first_row + batch_row),
          static_cast<std::uint32_t>(state.step), static_cast<std::uint32_t>(state.step >> 32),
          ops::philox_key(stage.seed, ops::Purpose::noise));
      const int w = feature % 4;
      const std::uint32_t word = w == 0   ? block.words[0]
                                 : w == 1 ? block.words[1]
                                 : w == 2 ? block.words[2]
                                          : block.words[3];
      const ops::FactorAndTerm<float> drawn = draw_noise(stage.op, word);
      if (t.auxiliary.stride != 0) t.auxiliary.at(row, feature) = drawn.factor;
      t.output.at(row, feature) = t.input.at(row, feature) * drawn.factor + drawn.term;
      break;
    }
    case StageKind::noise_backward:
      t.gradient.at(row, feature) *= t.auxiliary.at(row, feature);
      break;
    case StageKind::rescale_forward:
      t.output.at(row, feature) = t.input.at(row, feature) * stage.scale + stage.offset;
      break;
    case StageKind::activity_gradient: {
      const std::int64_t left = state.total - (state.position - state.first_row);
      const auto rows = static_cast<float>(left < state.batch_size ? left : state.batch_size);
      t.gradient.at(row, feature) += penalty_slope(stage.op, t.input.at(row, feature)) / rows;
      break;
    }
    case StageKind::merge: {
      const float a = t.input.at(row, feature), b = t.auxiliary.at(row, feature);
      with_merge(stage.op.row, [&](auto function) {
        t.output.at(row, feature) = decltype(function)::template apply<float>(a, b);
      });
      break;
    }
    case StageKind::merge_backward_first:
    case StageKind::merge_backward_second: {
      const bool first = stage.kind == StageKind::merge_backward_first;
      const float a = t.input.at(row, feature), b = t.auxiliary.at(row, feature);
      with_merge(stage.op.row, [&](auto function) {
        const ops::Slopes<float> slopes = decltype(function)::template slopes<float>(a, b);
        t.input_gradient.at(row, feature) =
            t.gradient.at(row, feature) * (first ? slopes.first : slopes.second);
      });
      break;
    }
    case StageKind::rescale_backward:
      t.gradient.at(row, feature) *= stage.scale;
      break;
    default:
      break;
  }
}

// Applies a row-wise activation to each group of features in a row.
NEURODE_DEVICE void run_rowwise(const Stage& stage, const Tensors& t, int row) {
  const int length = stage.length == 0 ? stage.units : stage.length;
  for (int first = 0; first < stage.units; first += length * stage.inner) {
    for (int i = first; i < first + stage.inner; ++i) {
      const RowView z{&t.z.at(row, i), stage.inner}, y{&t.output.at(row, i), stage.inner};
      if (stage.kind == StageKind::activation_forward) {
        rowwise_forward(stage.op, length, z, y);
      } else {
        rowwise_backward(stage.op, length, z, y, {&t.gradient.at(row, i), stage.inner});
      }
    }
  }
}

// The target of position `at` of a head's outputs, or the gradient that replaces it.
NEURODE_DEVICE TargetView target_of(const RunState& state, const HeadState& head, int at) {
  const int position = at % head.positions;
  if (state.gradients != nullptr && head.takes_gradients != 0) {
    const std::int64_t row = state.position - state.begin + at / head.positions;
    return {state.gradients + row * state.row_outputs + head.first_output + position * head.outputs,
            0};
  }
  const std::int64_t row = row_of_target(state, head, at);
  if (state.classes != nullptr) return {nullptr, state.classes[row * head.positions + position]};
  const float* const targets = state.target_rows + row * state.row_targets + head.first_target;
  if (head.takes_classes != 0) return {nullptr, static_cast<int>(targets[position])};
  return {targets + position * head.outputs, 0};
}

NEURODE_DEVICE void run_row(const Stage& stage, const Tensors& t, const StepRecord& step, int row,
                            int batch_row) {
  if (stage.kind == StageKind::activation_forward || stage.kind == StageKind::activation_backward) {
    return run_rowwise(stage, t, row);
  }
  float* const value =
      step.values + stage.line * static_cast<std::int64_t>(step.capacity) + batch_row;
  if (stage.kind == StageKind::activity_penalty) {
    float sum = 0;
    for (int f = 0; f < stage.units; ++f) sum += penalty_value(stage.op, t.input.at(row, f));
    *value = sum;
    return;
  }
  const RunState& state = *step.state;
  const HeadState& head = state.heads[stage.inputs];
  const TargetView target = target_of(state, head, batch_row);
  float* const prediction = &t.input.at(row, 0);
  if (stage.kind == StageKind::metric) {
    *value = metric_row(stage.op, stage.units, prediction, target);
    return;
  }
  float* const gradient = t.gradient.stride != 0 ? &t.gradient.at(row, 0) : nullptr;
  const bool replaced = state.gradients != nullptr && head.takes_gradients != 0;
  float scale = state.weights != nullptr           ? head.loss_scale
                : head.reduction == Reduction::sum ? 1.0f
                                                   : 1.0f / static_cast<float>(step.batch_rows);
  scale *= head.loss_weight;
  if (state.weights != nullptr && !replaced) {
    const float weight = weight_of(state, head, batch_row);
    scale = weight == weight ? scale * weight : 0;
  }
  *value = loss_row(stage.op, stage.units, prediction, target, scale, gradient);
}

}  // namespace neurode::cuda
