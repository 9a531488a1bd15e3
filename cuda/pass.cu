// Runs one pass of a Program on batches.
#include <algorithm>

#include "cuda/pass.h"

namespace neurode::cuda {
namespace {

// A stage runs on each position of a row, so its step has `positions` times the rows.
StepRecord by_positions(StepRecord step, int positions) {
  step.rows *= positions;
  step.batch_rows *= positions;
  return step;
}

}  // namespace

PassRunner::PassRunner(Device& device, const Program& program, const Pass& pass,
                       const Parameters& parameters, const Updates& updates, const WideLayers& wide,
                       int usual_rows)
    : device_(device),
      program_(program),
      plan_(program, pass),
      parameters_(parameters),
      updates_(updates),
      layers_(wide),
      usual_rows_(usual_rows),
      wide_(plan_, wide, parameters, tensors_) {
  for (const Head& head : program.heads) positions_ = std::max(positions_, head.positions);
  take_statistics();
}

// ----------------------------------------------------------------------------------------------
// memory

void PassRunner::take_statistics() {
  Arena arena;
  std::vector<std::int64_t> places;
  for (const int channels : plan_.pass.statistics)
    places.push_back(arena.place<float>(kStatistics * padded(channels)));
  statistics_memory_ = DeviceMemory(device_.pool, arena.bytes(), "statistics of a batch");
  for (const std::int64_t place : places)
    statistics_.push_back(reinterpret_cast<float*>(statistics_memory_.as<char>() + place));
}

bool PassRunner::reserve(int rows) {
  const Pass& pass = plan_.pass;
  if (pass.tasks.empty() || rows <= capacity_) return false;
  Arena arena;
  std::vector<std::int64_t> places(pass.features.size(), 0);
  for (std::size_t t = 0; t < places.size(); ++t) {
    if (!plan_.in_memory[t]) continue;
    places[t] =
        arena.place<float>(std::int64_t{rows} * pass.positions[t] * padded(pass.features[t]));
  }
  const std::int64_t lines =
      static_cast<std::int64_t>(program_.heads.size()) + program_.metrics + program_.activities;
  const std::int64_t values_at = arena.place<float>(lines * rows * positions_);
  std::int64_t partials = 0, counters = 0;
  for (const PlannedLaunch& launch : plan_.launches) {
    if (launch.kind != PlannedLaunch::Kind::weights || launch.tasks.empty()) continue;
    const WeightsPlan weights(weight_layers(launch), rows);
    partials = std::max(partials, weights.partial_floats());
    counters = std::max(counters, weights.counters());
  }
  const std::int64_t partials_at = arena.place<float>(partials);
  wide_.reserve(arena, rows);
  const std::int64_t all_counters = counters + wide_.counters(rows);
  const std::int64_t counters_at = arena.place<std::uint32_t>(all_counters);

  memory_ = DeviceMemory();  // frees the old memory before the new memory is allocated
  capacity_ = 0;
  memory_ = DeviceMemory(device_.pool, arena.bytes(), "tensors of a batch");
  char* const base = memory_.as<char>();
  const auto floats = [base](std::int64_t at) { return reinterpret_cast<float*>(base + at); };
  tensors_.assign(places.size(), Operand{});
  for (std::size_t t = 0; t < places.size(); ++t) {
    if (plan_.in_memory[t]) tensors_[t] = {floats(places[t]), 0, padded(pass.features[t])};
  }
  values_ = floats(values_at);
  partials_ = floats(partials_at);
  counters_ = reinterpret_cast<std::uint32_t*>(base + counters_at);
  wide_.use(base, counters_ + counters);
  if (all_counters > 0) {
    check(cudaMemsetAsync(counters_, 0, all_counters * sizeof(std::uint32_t), device_.stream.get()),
          "clearing counters");
  }
  capacity_ = rows;
  if (plan_.slice) lay_out_slice();
  return true;
}

// ----------------------------------------------------------------------------------------------
// launches

void PassRunner::enqueue_stage(Launcher& launcher, const PlannedStage& stage,
                               const StepRecord& step) const {
  const Task& task = *stage.task;
  const StepRecord own = by_positions(step, stage.positions);
  switch (stage.runner) {
    case Runner::elements:
      return run_elements(launcher, on_device(stage), own);
    case Runner::product: {
      const int usual = usual_rows_ > 0 ? usual_rows_ : step.rows;
      if (stage.kind == StageKind::dense_backward_input)
        return dense_backward_input(launcher, on_device(stage), own);
      return dense_forward(launcher, on_device(stage), own, usual * stage.positions);
    }
    case Runner::channels:
      return run_channel_elements(launcher, channels(task), step);
    case Runner::rearrangement:
      return run_rearrangement(launcher, rearrangement(task), step);
    case Runner::pooling:
      return (task.kind == TaskKind::pool ? pool : pool_backward)(launcher, pooling(task), step);
    case Runner::embedding:
      return embedding_forward(launcher, embedding(task), step);
    case Runner::rows:  // run by enqueue_rows
      return;
  }
}

int PassRunner::enqueue_rows(Launcher& launcher, int begin, int end, const StepRecord& step) const {
  const std::vector<PlannedStage>& stages = plan_.stages;
  RowStages together{};
  int i = begin;
  for (; i < end && together.count < kMostRowStages; ++i) {
    if (stages[i].runner != Runner::rows || stages[i].positions != stages[begin].positions) break;
    together.stages[together.count++] = on_device(stages[i]);
  }
  run_rows(launcher, together, by_positions(step, stages[begin].positions));
  return i;
}

void PassRunner::enqueue_stages(Launcher& launcher, const PlannedLaunch& launch,
                                const StepRecord& step, FreshCopies& fresh) const {
  const int end = plan_.slice ? plan_.slice->first : launch.end;
  for (int i = std::max(launch.begin, plan_.first_stage()); i < end;) {
    const PlannedStage& stage = plan_.stages[i];
    if (stage.wide) {
      wide_.enqueue(launcher, stage, step, fresh);
      ++i;
      continue;
    }
    int next = i + 1;
    if (stage.runner == Runner::rows) {
      next = enqueue_rows(launcher, i, end, step);
    } else {
      enqueue_stage(launcher, stage, step);
    }
    for (; i < next; ++i) {
      const PlannedStage::Tensors& tensors = plan_.stages[i].tensors;
      for (const int written : {tensors.output, tensors.gradient, tensors.input_gradient}) {
        if (written >= 0) fresh[written] = false;
      }
    }
  }
  if (!plan_.slice) return;
  run_slices(launcher, slice_, step);
  for (const int saved : plan_.slice->saves) fresh[saved] = false;
}

void PassRunner::enqueue_channels(Launcher& launcher, const PlannedLaunch& launch,
                                  const StepRecord& step, bool update, int level) const {
  const bool computes = update || program_.keeps_gradients;
  for (const Task* task : launch.tasks) {
    if (!computes && task->kind != TaskKind::batch_statistics) continue;
    const WeightsRecord kernel = parameters_.record(task->kernel, task->adds, level);
    if (task->kind == TaskKind::embedding_gradients) {
      if (kernel.stores || kernel.values == nullptr) {
        embedding_gradients(launcher, embedding(*task), step, kernel);
      } else if (task->completes) {
        update_named(launcher, uses_of(task->kernel), step, kernel,
                     record_of(program_.update.optimizer));
      }
      continue;
    }
    ChannelRecord record = channels(*task);
    if (!update || plan_.exchange >= 0) {
      const bool keeps = computes && task->mean >= 0;
      record.mean = keeps ? parameters_.gradient(task->mean, level) : nullptr;
      record.variance = keeps ? parameters_.gradient(task->variance, level) : nullptr;
    }
    run_channel_sums(launcher, record, step, record_of(program_.update.optimizer), kernel,
                     parameters_.record(task->bias, task->adds, level));
  }
}

void PassRunner::enqueue_weights(Launcher& launcher, const PlannedLaunch& launch,
                                 const StepRecord& step, int level, const FinishRecord& finish,
                                 FreshCopies& fresh) const {
  wide_.enqueue_weights(launcher, launch, step, level, fresh);
  if (launch.tasks.empty()) return;
  WeightsPlan(weight_layers(launch, level), step.rows)
      .run(launcher, step, record_of(program_.update.optimizer), finish, counters_, partials_);
}

void PassRunner::enqueue_captures(Launcher& launcher, const StepRecord& step) const {
  if (plan_.pass.input_gradient >= 0)
    give_input_gradient(launcher, tensors_[plan_.pass.input_gradient], program_.input_size,
                        program_.input_scale, step);
  if (!program_.captures) return;
  for (int h = 0; h < static_cast<int>(program_.heads.size()); ++h) {
    capture(launcher, tensors_[plan_.pass.outputs[h]], h,
            by_positions(step, program_.heads[h].positions));
  }
}

void PassRunner::enqueue_updates(Launcher& launcher, RunState* state) const {
  const StepRecord step{state, 0, values_, 0, 0};
  for (const PlannedLaunch& launch : plan_.launches) {
    const bool is_penalty =
        launch.task == TaskKind::penalty || launch.task == TaskKind::matrix_penalty;
    if (launch.kind == PlannedLaunch::Kind::parameters && !is_penalty)
      updates_.run(launcher, launch.task, step);
  }
  layers_.copy_deferred(launcher);
}

StepRecord PassRunner::step_of(const Batch& batch) const {
  return {batch.state, batch.rows, values_, capacity_ * positions_, batch.rows};
}

FinishRecord PassRunner::finish_of(const Batch& batch) const {
  return {.sums = batch.sums,
          .heads = static_cast<int>(program_.heads.size()),
          .metrics = program_.metrics,
          .activities = program_.activities,
          .counts_step = batch.update,
          .ends_step = 1};
}

// Without `update` weights and moving statistics do not change: unless gradients are kept, only
// what the rows need is computed.
bool PassRunner::enqueue_launches(Launcher& launcher, const Launches& launches,
                                  const StepRecord& step, bool update,
                                  const FinishRecord& finish) const {
  FreshCopies fresh(plan_.pass.features.size(), false);
  for (int i = launches.begin; i < launches.end; ++i) {
    const PlannedLaunch& launch = plan_.launches[i];
    const bool is_last = &launch == &plan_.launches.back();
    switch (launch.kind) {
      case PlannedLaunch::Kind::stages:
        enqueue_stages(launcher, launch, step, fresh);
        if (!plan_.predicts && launch.ends_rows) enqueue_captures(launcher, step);
        break;
      case PlannedLaunch::Kind::channels:
        enqueue_channels(launcher, launch, step, update, launches.level);
        break;
      case PlannedLaunch::Kind::weights: {
        if (!update && !program_.keeps_gradients) break;
        const bool ends = finish.sums != nullptr && is_last && !launch.tasks.empty();
        enqueue_weights(launcher, launch, step, launches.level, ends ? finish : FinishRecord{},
                        fresh);
        if (ends) return true;
        break;
      }
      case PlannedLaunch::Kind::parameters:
        if (!update) {
          updates_.penalties().run(launcher, launch.task, program_.keeps_gradients);
          break;
        }
        updates_.run(launcher, launch.task, step);
        if (is_last) layers_.copy_deferred(launcher);
        break;
    }
  }
  return false;
}

void PassRunner::enqueue(Launcher& launcher, const Batch& batch) const {
  const StepRecord step = step_of(batch);
  const FinishRecord end = finish_of(batch);
  if (batch.weighted) weigh(launcher, step, end.heads);
  const Launches all{0, static_cast<int>(plan_.launches.size())};
  if (enqueue_launches(launcher, all, step, batch.update, end) || batch.sums == nullptr) return;
  updates_.penalties().add(launcher, batch.rows, &batch.sums->penalty);
  finish(launcher, step, end);
}

}  // namespace neurode::cuda
