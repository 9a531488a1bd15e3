// Training on the CPU: the segments of a step one after the other, with a barrier between any two.
#include "native/cpu/training.h"

#include <algorithm>
#include <chrono>
#include <exception>

#include "native/cpu/row_sums.h"

namespace neurode::cpu {
namespace {

// Below this many floating-point operations a step takes less time than waiting at barriers.
constexpr double kWorthABarrier = 2e5;

// Of the products of a step, forward and back. A table whose update is fused is not walked through.
double operations_of(const Program& program, int rows) {
  double weights = 0;
  for (const Parameter& parameter : program.parameters) {
    const bool is_named = parameter.layout == Layout::table && parameter.update == Update::fused;
    const auto size = static_cast<double>(is_named ? parameter.columns : parameter.size());
    weights += size * parameter.positions * parameter.uses;
  }
  return 3 * 2 * weights * rows;
}

// Of the three products of a layer.
double share_of(Extent extent) {
  switch (extent) {
    case Extent::whole:
      return 1;
    case Extent::to_losses:
      return 1.0 / 3;
    case Extent::from_losses:
      return 2.0 / 3;
  }
  return 1;
}

// Where threads would have no panels, they have some features of all panels instead.
bool is_cut_by_features(const TrainingSegment& segment, const Cut& cut, int threads) {
  if (cut.panels() == 0 || cut.panels() >= threads) return false;
  return std::any_of(segment.runs.begin(), segment.runs.end(),
                     [](const TaskRun& run) { return run.is_by_features; });
}

int barriers_of(const std::vector<TrainingSegment>& segments, const BatchCut& cut, int threads) {
  std::size_t barriers = segments.size();
  for (const TrainingSegment& segment : segments) {
    if (is_cut_by_features(segment, cut.cuts[segment.layout], threads))
      barriers += segment.runs.size();
  }
  return static_cast<int>(barriers);
}

}  // namespace

// What the steps of a range have in common.
struct Training::Range {
  const BatchRange& batches;
  InputView input;
  int batch;  // rows of a whole batch
  int threads;
  const Parts& parts;
  BatchCut whole, rest;
  RowValues values;

  RowsView rows_of(std::int64_t index) const {
    const std::int64_t first = (batches.first_batch + index) * batch;
    return {input, batches.order, first,
            static_cast<int>(std::min<std::int64_t>(batch, input.rows - first))};
  }
  // Those of a batch that this process computes.
  AddedRows own_rows(const RowsView& rows) const {
    return {rows.first, rows.rows, parts.first_row(rows.rows, parts.first),
            parts.first_row(rows.rows, parts.end())};
  }
};

Training::Training(const Program& program, Parameters& parameters, Penalties& penalties,
                   const Kernels& kernels, ThreadTeam& team, Workspace& workspace)
    : program_(program),
      parameters_(parameters),
      kernels_(kernels),
      team_(team),
      workspace_(workspace),
      penalties_(penalties),
      pass_(program, program.train, parameters, kernels),
      whole_(training_segments(pass_.plan(), Extent::whole, parameters)),
      to_losses_(training_segments(pass_.plan(), Extent::to_losses, parameters)),
      has_statistics_(!program.train.statistics.empty()),
      takes_gradients_(std::any_of(program.heads.begin(), program.heads.end(),
                                   [](const Head& head) { return head.takes_gradients; })),
      from_losses_(takes_gradients_
                       ? training_segments(pass_.plan(), Extent::from_losses, parameters)
                       : std::vector<TrainingSegment>()),
      updates_(program, parameters, kernels, penalties),
      parts_(program, parameters),
      exchange_(program, parameters, parts_),
      gradients_(program, pass_, parameters, parts_, kernels, updates_),
      tallies_(program, pass_),
      choice_(team.size()),
      cost_(cost_of_panels(program, kernels)),
      cost_of_values_(cost_of_values(program)),
      cost_of_updates_(cost_of_updates(program)) {}

Sums Training::run(const BatchRange& batches, const float* learning_rates, std::int64_t& step,
                   const std::atomic<bool>& cancelled) {
  exchange_.check();
  const InputView input = scaled(program_, batches.data.input);
  const int batch = static_cast<int>(std::min<std::int64_t>(batches.batch_size, input.rows));
  const double operations = operations_of(program_, batch);
  const bool parallel = !batches.here && operations > kWorthABarrier;
  const int threads = parallel ? choice_.threads() : 1;
  const std::int64_t rest = input.rows % batch == 0 ? batch : input.rows % batch;
  const PassPlan& plan = pass_.plan();
  Range range{.batches = batches,
              .input = input,
              .batch = batch,
              .threads = threads,
              .parts = program_.parts,
              .whole = BatchCut(plan, batch, threads, program_.parts),
              .rest = BatchCut(plan, rest, threads, program_.parts),
              .values = {nullptr, RowValues::line(batch)}};
  Forward forward{.handle = batches.data.handle,
                  .batch_size = batches.batch_size,
                  .threads = threads,
                  .batch = batches.first_batch,
                  .step = step,
                  .is_ordered = batches.order != nullptr,
                  .order = batches.order_key,
                  .parameters = parameters_.version(),
                  .turns = workspace_.turns};
  Extent extent = extent_of(batches);
  if (extent == Extent::from_losses && forward_ != forward) extent = Extent::whole;
  forward_.reset();
  const auto& segments = extent == Extent::whole       ? whole_
                         : extent == Extent::to_losses ? to_losses_
                                                       : from_losses_;
  const bool goes_back = extent != Extent::to_losses;
  workspace_.take(std::max(range.whole.floats, range.rest.floats),
                  plan.value_lines * range.values.rows);
  range.values.data = workspace_.row_values.data();
  gradients_.reserve(threads, batch);
  penalties_.reserve(threads);
  loss_scales_.resize(threads * scales_of_thread());

  if (batches.update) {
    parameters_.changes();
  } else if (program_.keeps_gradients) {
    begin_statistics();
  }
  parts_.begin_statistics();

  // Gradients that replace targets follow a range that has counted.
  const bool tallies = batches.gradients == nullptr;
  if (tallies) tallies_.begin_batches(batch);
  Sums sums(program_);
  bool stop = false;
  const auto is_cancelled = [&] { return cancelled.load(std::memory_order_relaxed); };
  // Ranks stop after the same batch: that in which one of them is cancelled.
  const bool agrees = transport() != nullptr && goes_back;
  bool is_cancelled_everywhere = false;
  std::exception_ptr failure;  // of the transport
  const auto exchange = [&](std::int64_t rows) {
    try {
      is_cancelled_everywhere = exchange_.run(rows, batches.update, agrees && is_cancelled());
    } catch (...) {
      failure = std::current_exception();
    }
  };
  const std::int64_t first_step = step;
  const std::int64_t sleeps = team_.sleeps();
  const auto start = std::chrono::steady_clock::now();
  team_.run(threads, [&](int thread) {
    if (!goes_back) penalties_.measure(thread, threads);
    for (std::int64_t index = 0; index < batches.batches; ++index) {
      const RowsView rows = range.rows_of(index);
      const Batch current{rows.rows == batch ? range.whole : range.rest, rows,
                          workspace_.panels.data()};
      const Step step_of_batch{first_step + index, learning_rates[index], batches.update,
                               goes_back};
      for (const TrainingSegment& segment : segments) {
        const bool is_last = &segment == &segments.back();
        if (is_last && index + 1 < batches.batches) prefetch(range, index + 1, thread);
        if (!segment.is_exchange) {
          run_segment(segment, range, current, step_of_batch, thread);
        } else if (thread == 0) {
          exchange(rows.rows);
        }
        if (is_last && tallies) add_tallies(range, current, thread);
        if (is_last && thread == 0) {
          add_values(range, current, sums);
          stop = is_cancelled_everywhere || (!agrees && is_cancelled());
        }
        if (threads > 1) team_.barrier();
        // Thread 0 may be at work on the next exchange behind any other barrier.
        if (segment.is_exchange && failure) return;
        if (is_last && thread == 0) sums.penalty += penalties_.sum() * range.own_rows(rows).count();
      }
      if (stop) break;
    }
    if (!batches.parameter_gradients.empty())
      parameters_.get_gradients(batches.parameter_gradients, thread, threads);
  });
  if (tallies) tallies_.add_to(sums);
  if (parallel) {
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    const auto steps_taken = static_cast<double>(sums.batches);
    const double waits = steps_taken * barriers_of(segments, range.whole, threads) * (threads - 1);
    choice_.record(operations * share_of(extent) * steps_taken, seconds.count(),
                   static_cast<double>(team_.sleeps() - sleeps) / std::max(waits, 1.0));
  }
  if (batches.update) step += sums.batches;
  if (failure) std::rethrow_exception(failure);
  if (extent == Extent::to_losses && batches.batches == 1 && sums.batches == 1) {
    forward.turns = workspace_.turns;
    forward_ = forward;
  }
  return sums;
}

// Where the rows of a batch may have been through the layers before, its gradients are given.
// Without the gradients that replace targets there is no way back from losses that take them, and
// without gradients to keep none is wanted.
Extent Training::extent_of(const BatchRange& batches) const {
  const bool are_given = takes_gradients_ && batches.gradients != nullptr;
  const bool has_gradients = are_given || !takes_gradients_;
  const bool goes_back = batches.update || (program_.keeps_gradients && has_gradients);
  if (!goes_back) return Extent::to_losses;
  return are_given && batches.batches == 1 ? Extent::from_losses : Extent::whole;
}

// What moving statistics would become: tasks that follow each other move them one after the other.
void Training::begin_statistics() {
  for (int i = 0; i < parameters_.count(); ++i) {
    if (!program_.parameters[i].trainable)
      std::copy_n(parameters_.values(i), parameters_[i].size, parameters_.gradient(i));
  }
}

void Training::apply(std::span<const float* const> gradients, float learning_rate,
                     std::int64_t& step, bool here) {
  const bool parallel = !here && operations_of(program_, 1) > kWorthABarrier;
  const int threads = parallel ? choice_.threads() : 1;
  parameters_.changes();
  if (program_.keeps_gradients) begin_statistics();
  const Step of_update{step, learning_rate, true, false};
  team_.run(threads, [&](int thread) {
    parameters_.set_gradients(gradients, thread, threads);
    if (threads > 1) team_.barrier();
    for (const TrainingSegment& segment : whole_) {
      if (segment.axis == Axis::rows) continue;
      if (segment.axis == Axis::parameters) updates_.run(segment, of_update, thread, threads);
      for (const Task& task : segment.tasks) {
        if (task.kind == TaskKind::constrain) updates_.constrain(task.parameter, thread, threads);
      }
      if (threads > 1) team_.barrier();
    }
  });
  for (const Task& task : program_.train.tasks) {
    if (task.kind != TaskKind::batch_statistics) continue;
    for (const int moving : {task.mean, task.variance})
      std::copy_n(parameters_.gradient(moving), parameters_[moving].size,
                  parameters_[moving].values.data());
  }
  ++step;
}

void Training::run_segment(const TrainingSegment& segment, const Range& range, const Batch& batch,
                           const Step& step, int thread) {
  switch (segment.axis) {
    case Axis::rows:
      return run_rows(segment, range, batch, step, thread);
    case Axis::outputs:
      return run_outputs(segment, range, batch, step, thread);
    case Axis::parameters:
      return updates_.run(segment, step, thread, range.threads);
  }
}

void Training::run_rows(const TrainingSegment& segment, const Range& range, const Batch& batch,
                        const Step& step, int thread) {
  const BatchRange& batches = range.batches;
  const RowsView& rows = batch.rows;
  float* const scales = loss_scales_.data() + thread * scales_of_thread();
  if (segment.has_loss) scale_losses(batches, rows, scales);
  // Of the batch in what is captured of the range, and in its gradients.
  const std::int64_t row_of_range = rows.first - batches.first_batch * std::int64_t{range.batch};
  BatchRows of_batch{.cut = batch.cut,
                     .memory = batch.memory,
                     .input = rows.input,
                     .targets = batches.data.targets,
                     .order = batches.order,
                     .start = rows.first,
                     .loss_scales = scales,
                     .activity_scale = 1 / static_cast<float>(rows.rows),
                     .step = step.index,
                     .values = range.values};
  if (batches.gradients != nullptr)
    of_batch.gradients = batches.gradients + row_of_range * program_.output_size;
  if (batches.captured != nullptr)
    of_batch.captured = batches.captured + row_of_range * program_.captured_floats();
  const Cut& cut = batch.cut.cuts[segment.layout];
  const Part mine = part(cut.panels(), thread, range.threads);
  const auto each_group = [&](const auto& visit) {
    for (int p = mine.begin, count = 0; p < mine.end; p += count) {
      // A group of panels has the statistics of one part.
      const int end = has_statistics_ ? std::min(mine.end, cut.end_of_part(p)) : mine.end;
      count = std::min(kTogether, end - p);
      visit(pass_.group_of(of_batch, segment.layout, p, count));
    }
  };
  const auto end_rows = [&](const PanelGroup& group) {
    if (!segment.ends_rows) return;
    if (of_batch.captured != nullptr) pass_.capture(group);
    if (batches.input_gradients != nullptr && step.gradients)
      pass_.give_input_gradient(group,
                                batches.input_gradients + row_of_range * program_.input_size);
  };
  if (!is_cut_by_features(segment, cut, range.threads)) {
    each_group([&](const PanelGroup& group) {
      pass_.run(segment.tasks, group);
      end_rows(group);
    });
    return;
  }
  const PanelGroup all = pass_.group_of(of_batch, segment.layout, 0, cut.panels());
  for (const TaskRun& run : segment.runs) {
    const auto tasks = std::span(segment.tasks).subspan(run.first, run.count);
    if (run.is_by_features)
      pass_.run_share(tasks, all, thread, range.threads);
    else
      each_group([&](const PanelGroup& group) { pass_.run(tasks, group); });
    team_.barrier();
  }
  each_group(end_rows);
}

// The factors of the gradients of a batch's losses, by head.
void Training::scale_losses(const BatchRange& batches, const RowsView& rows, float* scales) const {
  for (std::size_t h = 0; h < program_.heads.size(); ++h) {
    const Head& head = program_.heads[h];
    const TargetsView targets = targets_of(head, static_cast<int>(h), batches.data.targets);
    const Counted counted = count_rows(targets, batches.order, rows.first, rows.rows);
    scales[h] = static_cast<float>(loss_scale(head.reduction, counted) * head.loss_weight);
  }
}

// Gradients of several layers with the same parameters are computed part by part: those of a part
// are complete before the next part begins. Others are added up layer by layer.
void Training::run_outputs(const TrainingSegment& segment, const Range& range, const Batch& batch,
                           const Step& step, int thread) {
  const bool shares = std::any_of(segment.tasks.begin(), segment.tasks.end(),
                                  [](const Task& task) { return task.adds; });
  const int together = shares ? 1 : range.parts.mine;
  for (int first = 0; first < range.parts.mine; first += together) {
    for (const Task& task : segment.tasks) {
      const bool is_of_parts =
          task.kind != TaskKind::matrix_penalty && task.kind != TaskKind::constrain;
      if (is_of_parts && (task.kind == TaskKind::batch_statistics || runs(task.kind, step)))
        gradients_.run(task, batch, {first, first + together}, step, thread, range.threads);
    }
  }
  for (const Task& task : segment.tasks) {
    if (task.kind == TaskKind::matrix_penalty && runs(task.kind, step))
      penalties_.add_matrix_gradient(task.parameter, thread, range.threads);
    if (task.kind == TaskKind::constrain && runs(task.kind, step))
      updates_.constrain(task.parameter, thread, range.threads);
  }
}

void Training::add_tallies(const Range& range, const Batch& batch, int thread) {
  tallies_.add_batch({.cut = batch.cut,
                      .memory = batch.memory,
                      .input = batch.rows.input,
                      .targets = range.batches.data.targets,
                      .order = range.batches.order,
                      .start = batch.rows.first},
                     batch.rows.rows, thread, range.threads);
}

// The batch's losses and metrics.
void Training::add_values(const Range& range, const Batch& batch, Sums& sums) const {
  add_rows(program_, pass_.plan(), sums, range.batches, range.own_rows(batch.rows), range.values,
           0);
}

// Asks for the thread's share of another batch's rows to be in cache soon.
void Training::prefetch(const Range& range, std::int64_t index, int thread) const {
  RowsView next = range.rows_of(index);
  const AddedRows own = range.own_rows(next);
  const Part ahead = part(static_cast<int>(own.count()), thread, range.threads);
  next.first += own.begin + ahead.begin;
  next.rows = ahead.end - ahead.begin;
  kernels_.prefetch(next);
}

}  // namespace neurode::cpu
