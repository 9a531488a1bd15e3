// Training on the CPU: segments of a step one after the other, with a barrier between any two.
#include <chrono>

#include "native/cpu/executor.h"
#include "native/cpu/row_sums.h"

namespace neurode::cpu {

// What the steps of a range have in common.
struct CpuExecutor::TrainingRange {
  const BatchRange& batches;
  InputView input;
  int batch;  // rows of a whole batch
  int threads;
  Cut whole, rest;
  int values_per_panel;

  RowsView rows_of(std::int64_t index) const {
    const std::int64_t first = (batches.first_batch + index) * batch;
    return {input, batches.order, first,
            static_cast<int>(std::min<std::int64_t>(batch, input.rows - first))};
  }
};

void CpuExecutor::add_segments() {
  const Pass& pass = program_.train;
  for (const Segment& segment : segments_of(pass)) {
    TrainingSegment added{
        segment.axis, {pass.tasks.begin() + segment.begin, pass.tasks.begin() + segment.end}, {}};
    if (segment.axis == Axis::parameters) cut_into_pieces(added);
    segments_.push_back(std::move(added));
  }
  // Thread 0 adds losses up in the last segment: after a barrier behind the rows.
  if (!segments_.empty() && segments_.back().axis == Axis::rows)
    segments_.push_back({Axis::outputs, {}, {}});
}

void CpuExecutor::run_rows(const TrainingSegment& segment, const TrainingRange& range,
                           const TrainingStep& step, int thread) {
  const Cut& cut = step.cut;
  const Part mine = part(cut.panels(), thread, range.threads);
  const auto scale = static_cast<float>(
      loss_scale(program_.reduction, count_rows(range.batches.data.targets, range.batches.order,
                                                step.rows.first, step.rows.rows)));
  for (int p = mine.begin; p < mine.end; p += kTogether) {
    const Panels panels{std::min(kTogether, mine.end - p), cut.rows.data() + p, train_.size};
    PanelContext context{train_,          step.memory + p * train_.size, panels,
                         range.input,     range.batches.data.targets,    range.batches.order,
                         step.rows.first, cut.first.data() + p};
    context.loss_scale = scale;
    context.activity_scale = 1 / static_cast<float>(step.rows.rows);
    const std::int64_t batch_row =
        step.rows.first - range.batches.first_batch * std::int64_t{range.batch};
    if (range.batches.gradients != nullptr)
      context.gradients = range.batches.gradients + batch_row * program_.output_size;
    if (range.batches.captured != nullptr)
      context.captured = range.batches.captured + batch_row * captured_floats();
    context.step = step.step;
    context.values = row_values_.data() + p * range.values_per_panel;
    for (const Task& task : segment.tasks) run_on_panels(task, context);
    if (context.captured != nullptr) capture(context);
  }
}

Sums CpuExecutor::train(const BatchRange& range, const float* learning_rates, std::int64_t& step,
                        const std::atomic<bool>& cancelled) {
  weights_change();
  const InputView input = scaled(range.data.input);
  const int batch = static_cast<int>(std::min<std::int64_t>(range.batch_size, input.rows));
  const double operations = 3 * forward_operations(batch);
  const bool parallel = operations > kWorthABarrier;
  const int threads = parallel ? choice_.threads() : 1;
  const auto rest = input.rows % batch == 0 ? batch : input.rows % batch;
  const TrainingRange steps{range,
                            input,
                            batch,
                            threads,
                            cut_rows(batch, threads),
                            cut_rows(rest, threads),
                            program_.row_values() * program_.positions * kPanel};
  const int panels = std::max(steps.whole.panels(), steps.rest.panels());
  grow(panels_, train_.size * panels);
  grow(row_values_, std::int64_t{steps.values_per_panel} * panels);
  int widest = 0;
  for (const Parameter& parameter : program_.parameters)
    widest = std::max(widest, parameter.columns);
  grow_scratch(threads, std::max(weight_scratch(widest), penalty_scratch()));

  Sums sums;
  sums.metrics.resize(program_.metrics);
  bool stop = false;
  const auto add_values = [&](const Cut& cut, const RowsView& rows) {
    int panel = 0;
    add_rows(program_, sums, range, rows.first, rows.rows, [&](std::int64_t i) {
      while (i >= cut.first[panel] + cut.rows[panel]) ++panel;
      return row_values_.data() + panel * steps.values_per_panel + (i - cut.first[panel]);
    });
  };
  const std::int64_t first_step = step;

  const std::int64_t sleeps = team_->sleeps();
  const auto start = std::chrono::steady_clock::now();
  team_->run(threads, [&](int thread) {
    for (std::int64_t index = 0; index < range.batches; ++index) {
      const RowsView rows = steps.rows_of(index);
      const Cut& cut = rows.rows == batch ? steps.whole : steps.rest;
      const TrainingStep current{
          cut, rows, panels_.data(), first_step + index, learning_rates[index], range.update};
      for (const TrainingSegment& segment : segments_) {
        const bool is_last = &segment == &segments_.back();
        if (is_last && index + 1 < range.batches) {
          RowsView next = steps.rows_of(index + 1);
          const Part ahead = part(next.rows, thread, threads);
          next.first += ahead.begin;
          next.rows = ahead.end - ahead.begin;
          kernels_.prefetch(next);
        }
        switch (segment.axis) {
          case Axis::rows:
            run_rows(segment, steps, current, thread);
            break;
          case Axis::outputs:
            for (const Task& task : segment.tasks) {
              if (range.update || task.kind == TaskKind::batch_statistics)
                run_on_outputs(task, current, thread, threads);
            }
            break;
          case Axis::parameters:
            if (range.update) run_pieces(segment, current, thread, threads);
            break;
        }
        if (!range.update) measure_penalties(segment, thread, threads);
        if (is_last && thread == 0) {
          add_values(cut, rows);
          stop = cancelled.load(std::memory_order_relaxed);
        }
        if (threads > 1) team_->barrier();
        if (is_last && thread == 0) sums.penalty += penalty() * rows.rows;
      }
      if (stop) break;
    }
  });
  if (parallel) {
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    const auto steps_taken = static_cast<double>(sums.batches);
    const double waits = steps_taken * static_cast<double>(segments_.size()) * (threads - 1);
    choice_.record(operations * steps_taken, seconds.count(),
                   static_cast<double>(team_->sleeps() - sleeps) / std::max(waits, 1.0));
  }
  if (range.update) step += sums.batches;
  return sums;
}

// ------------------------------------------------------------------------------------------------
// outputs

void CpuExecutor::run_on_outputs(const Task& task, const TrainingStep& step, int thread,
                                 int threads) {
  switch (task.kind) {
    case TaskKind::dense_backward_weights:
      return dense_backward_weights(task, step, thread, threads);
    case TaskKind::embedding_gradients:
      return embedding_gradients(task, step, thread, threads);
    case TaskKind::matrix_penalty:
      return penalize_matrix(task.parameter, thread, threads, true);
    case TaskKind::constrain:
      return constrain(task.parameter, thread, threads);
    default:
      return run_on_channels(task, step, thread, threads);
  }
}

void CpuExecutor::dense_backward_weights(const Task& task, const TrainingStep& step, int thread,
                                         int threads) {
  const Pass& pass = program_.train;
  WeightGradient gradient{};
  gradient.inputs = pass.features[task.input];
  gradient.units = pass.features[task.output];
  gradient.positions = pass.positions[task.output];
  gradient.panels = step.cut.panels();
  gradient.panel_rows = step.cut.rows.data();
  gradient.gradient = step.memory + train_.offset[task.gradient];
  gradient.gradient_step = gradient.activation_step = train_.size;
  // The first layer reads its rows where they are bound: contiguous along the inputs, bytes where
  // they are bytes.
  if (task.input != pass.tasks.front().output)
    gradient.activation = step.memory + train_.offset[task.input];
  gradient.rows = step.rows;
  const auto take = [&](int parameter) {
    Weights& weights = weights_[parameter];
    gradient.stride = weights.stride;
    if (program_.parameters[parameter].update == Update::deferred) {
      gradient.kernel = weights.gradient.data();
      return kStoreStep;
    }
    gradient.kernel = weights.values.data();
    for (int s = 0; s < optimizer_slots_; ++s) gradient.slots[s] = weights.slots[s].data();
    return optimizer_step(parameter, step);
  };

  const int units = gradient.units;
  const int groups = round_up(gradient.inputs, kGroup) / kGroup;
  if (program_.parameters[task.kernel].update != Update::none) {
    const OptimizerStep optimizer = take(task.kernel);
    // Along the inputs while there are enough of them: then each row of the batch is unpacked once.
    if (groups >= threads) {
      const Part columns = part(groups, thread, threads);
      gradient.begin = columns.begin * kGroup;
      gradient.end = columns.end * kGroup;
      gradient.unit_begin = 0;
      gradient.unit_end = units;
    } else {
      const Part slice = part(units, thread, threads);
      gradient.begin = 0;
      gradient.end = groups * kGroup;
      gradient.unit_begin = slice.begin;
      gradient.unit_end = slice.end;
    }
    if (gradient.begin < gradient.end && gradient.unit_begin < gradient.unit_end)
      kernels_.dense_backward_weights(gradient, optimizer, scratch_[thread].data());
  }
  if (task.bias >= 0 && program_.parameters[task.bias].update != Update::none) {
    const Part slice = part(units, thread, threads);
    gradient.unit_begin = slice.begin;
    gradient.unit_end = slice.end;
    const OptimizerStep optimizer = take(task.bias);
    kernels_.dense_backward_bias(gradient, optimizer);
  }
}

}  // namespace neurode::cpu
