// The end of a step: adds the sums of losses and metrics, and moves the state on to the next step.
#pragma once

#include "cuda/kernels/sources.h"

namespace neurode::cuda {

// The weight of position `at` of a head's outputs of the batch; NaN if the position is not counted.
NEURODE_DEVICE float weight_of(const RunState& state, const HeadState& head, int at) {
  if (state.weights == nullptr) return 1;
  return state.weights[row_of_target(state, head, at) * state.row_weights + head.first_position +
                       at % head.positions];
}

// Sums `value` over the block, always in the same order. The result is correct in thread 0 only.
NEURODE_DEVICE double sum_of_block(double value) {
  __shared__ double parts[kThreads];
  const int thread = static_cast<int>(threadIdx.x);
  parts[thread] = value;
  __syncthreads();
  for (int half = kThreads / 2; half > 0; half /= 2) {
    if (thread < half) parts[thread] += parts[thread + half];
    __syncthreads();
  }
  return parts[0];
}

// The factor of a row's loss in the loss sum of the range.
NEURODE_DEVICE double weight_of_loss(const StepRecord& step, const HeadState& head, int row,
                                     float row_weight) {
  const RunState& state = *step.state;
  if (state.weights != nullptr)
    return row_weight * (static_cast<double>(head.loss_scale) * step.batch_rows);
  if (head.reduction != Reduction::sum) return 1.0 / head.positions;
  // Without the mean, the loss of a batch is counted once for each row of the batch.
  const std::int64_t first =
      (state.position + row / head.positions) / state.batch_size * state.batch_size;
  return static_cast<double>(first + state.batch_size < state.total ? state.batch_size
                                                                    : state.total - first);
}

// Adds a head's losses and metrics to the sums.
NEURODE_DEVICE void finish_head(const StepRecord& step, const FinishRecord& finish, int index) {
  const int thread = static_cast<int>(threadIdx.x);
  const RunState& state = *step.state;
  const HeadState& head = state.heads[index];
  const bool weighted = state.weights != nullptr;
  // Adds value(row) * weight(row, weight of the row) over the positions that are counted.
  const auto add = [&](double& total, auto value, auto weight) {
    double sum = 0;
    for (int row = thread; row < step.rows * head.positions; row += kThreads) {
      const float row_weight = weight_of(state, head, row);
      if (row_weight == row_weight) sum += value(row) * weight(row, row_weight);
    }
    sum = sum_of_block(sum);
    if (thread == 0) total += sum;
    __syncthreads();
  };
  const auto one = [](int) { return 1.0f; };
  const auto unweighted = [](int, float) { return 1.0; };
  const auto row_values = [&](int line) {
    const float* const values = step.values + line * static_cast<std::int64_t>(step.capacity);
    return [=](int row) { return values[row]; };
  };
  plugin::HeadSumsRecord& sums = finish.sums->heads()[index];
  if (head.has_loss != 0) {
    add(sums.loss, row_values(index),
        [&](int row, float row_weight) { return weight_of_loss(step, head, row, row_weight); });
  }
  for (int m = 0; m < head.metrics; ++m) {
    const bool weighs = weighted && m >= head.weighted_from;
    const int metric = head.first_metric + m;
    add(finish.sums->metrics(finish.heads)[metric], row_values(finish.heads + metric),
        [=](int, float row_weight) { return weighs ? static_cast<double>(row_weight) : 1.0; });
  }
  add(sums.counted, one, unweighted);
  add(sums.weight, one, [](int, float row_weight) { return static_cast<double>(row_weight); });
}

// Ends the step, or a part of its batch; all threads of one block call this. Sums are in double
// precision, and the order of additions depends only on the number of rows.
NEURODE_DEVICE void finish_step(const StepRecord& step, const FinishRecord& finish) {
  const int thread = static_cast<int>(threadIdx.x);
  RunState& state = *step.state;
  for (int h = 0; h < finish.heads; ++h) finish_head(step, finish, h);
  if (finish.activities > 0) {
    const int first = finish.heads + finish.metrics;
    double sum = 0;
    for (int a = first; a < first + finish.activities; ++a) {
      for (int row = thread; row < step.rows; row += kThreads)
        sum += step.values[a * static_cast<std::int64_t>(step.capacity) + row];
    }
    sum = sum_of_block(sum);
    if (thread == 0) finish.sums->penalty += sum;
  }
  if (thread > 0) return;
  state.finished = 0;
  if (finish.ends_step == 0) return;
  state.position += step.batch_rows - state.first_row;
  state.first_row = 0;
  state.step += finish.counts_step;
  state.index += 1;
}

// Whether this block is the last block of the launch to get here. If so, the block sees everything
// that the other blocks wrote before they got here.
NEURODE_DEVICE bool is_last_block(std::uint32_t* arrived, std::uint32_t blocks) {
  __shared__ bool last;
  __threadfence();
  __syncthreads();
  if (threadIdx.x == 0) last = atomicAdd(arrived, 1u) == blocks - 1;
  __syncthreads();
  if (last) __threadfence();
  return last;
}

}  // namespace neurode::cuda
