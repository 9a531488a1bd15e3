// What is computed over the whole batch: gradients of parameters, and statistics.
#include "native/cpu/gradients.h"

#include <algorithm>

#include "native/engine/op_table.h"

namespace neurode::cpu {

Gradients::Gradients(const Program& program, const PassRunner& pass, Parameters& parameters,
                     const Kernels& kernels, Updates& updates)
    : program_(program),
      pass_(pass),
      parameters_(parameters),
      kernels_(kernels),
      updates_(updates),
      optimizer_slots_(optimizer_slots(program.update.optimizer)),
      tables_(program, pass.plan().pass, parameters) {
  int widest = 0;
  for (const Parameter& parameter : program.parameters)
    widest = std::max(widest, parameter.columns);
  scratch_floats_ = weight_scratch(widest);
}

void Gradients::reserve(int threads, int rows) {
  tables_.reserve(threads, rows);
  while (static_cast<int>(scratch_.size()) < threads) scratch_.emplace_back(scratch_floats_);
}

void Gradients::run(const Task& task, const Batch& batch, const Step& step, int thread,
                    int threads) {
  switch (task.kind) {
    case TaskKind::dense_backward_weights:
      return dense(task, batch, step, thread, threads);
    case TaskKind::embedding_gradients:
      return embedding(task, batch, step, thread, threads);
    default:
      return channels(task, batch, step, thread, threads);
  }
}

// ------------------------------------------------------------------------------------------------
// dense layers

// Where the gradient of a parameter goes, and what is to be done with it there.
OptimizerStep Gradients::point_at(WeightGradient& gradient, int parameter, bool adds,
                                  const Step& step) {
  ParameterMemory& memory = parameters_[parameter];
  gradient.stride = memory.stride;
  if (program_.parameters[parameter].update == Update::deferred) {
    gradient.kernel = parameters_.gradient(parameter);
    return adds ? kAddStep : kStoreStep;
  }
  gradient.kernel = memory.values.data();
  for (int s = 0; s < optimizer_slots_; ++s) gradient.slots[s] = memory.slots[s].data();
  return updates_.optimizer_step(parameter, step);
}

void Gradients::dense(const Task& task, const Batch& batch, const Step& step, int thread,
                      int threads) {
  const PassPlan& plan = pass_.plan();
  const int layout = plan.layout[task.input];
  const auto [positions, size] = plan.layouts[layout];
  const Cut& cut = batch.cut.cuts[layout];
  float* const memory = batch.memory + batch.cut.begin[layout];
  WeightGradient gradient{};
  gradient.inputs = plan.features(task.input);
  gradient.units = plan.features(task.output);
  gradient.panels = cut.panels();
  gradient.panel_rows = cut.rows.data();
  gradient.gradient = memory + plan.offset[task.gradient];
  gradient.gradient_step = gradient.activation_step = size;
  // The first layer reads its rows where they are bound: contiguous along the inputs, bytes where
  // they are bytes.
  if (!plan.are_same(task.input, plan.pass.tasks.front().output))
    gradient.activation = memory + plan.offset[task.input];
  gradient.rows = {batch.rows.input, batch.rows.order, batch.rows.first * positions,
                   batch.rows.rows * positions, positions};

  gradient.begins = gradient.ends = true;

  const int units = gradient.units;
  const int groups = round_up(gradient.inputs, kGroup) / kGroup;
  if (program_.parameters[task.kernel].update != Update::none) {
    const OptimizerStep optimizer = point_at(gradient, task.kernel, task.adds, step);
    // Along the inputs while there are enough of them: then each row of the batch is unpacked once.
    const bool along_inputs = groups >= threads;
    const Part columns = along_inputs ? part(groups, thread, threads) : Part{0, groups};
    const Part slice = along_inputs ? Part{0, units} : part(units, thread, threads);
    gradient.begin = columns.begin * kGroup;
    gradient.end = columns.end * kGroup;
    gradient.unit_begin = slice.begin;
    gradient.unit_end = slice.end;
    if (gradient.begin < gradient.end && gradient.unit_begin < gradient.unit_end)
      kernels_.dense_backward_weights(gradient, optimizer, scratch_[thread].data());
  }
  if (task.bias >= 0 && program_.parameters[task.bias].update != Update::none) {
    const Part slice = part(round_up(units, kGroup) / kGroup, thread, threads);
    gradient.unit_begin = slice.begin * kGroup;
    gradient.unit_end = std::min(slice.end * kGroup, units);
    const OptimizerStep optimizer = point_at(gradient, task.bias, task.adds, step);
    kernels_.dense_backward_bias(gradient, optimizer);
  }
}

// ------------------------------------------------------------------------------------------------
// channels, and vectors of a table

BatchLines Gradients::lines_of(const Task& task, const Batch& batch) const {
  const PassPlan& plan = pass_.plan();
  const int layout = plan.layout[task.input];
  const Cut& cut = batch.cut.cuts[layout];
  const float* const memory = batch.memory + batch.cut.begin[layout];
  BatchLines lines{};
  lines.along = task.along;
  lines.features = plan.features(task.input);
  lines.panels = cut.panels();
  lines.panel_rows = cut.rows.data();
  lines.step = plan.layouts[layout].size;
  lines.adds = task.adds;
  lines.x = memory + plan.offset[task.input];
  if (task.gradient >= 0) lines.gradient = memory + plan.offset[task.gradient];
  return lines;
}

// Of a vector or a table that learns, else null.
float* Gradients::arena_of(int parameter) {
  const bool learns = parameter >= 0 && program_.parameters[parameter].update != Update::none;
  return learns ? parameters_.gradient(parameter) : nullptr;
}

void Gradients::embedding(const Task& task, const Batch& batch, const Step& step, int thread,
                          int threads) {
  BatchLines lines = lines_of(task, batch);
  const Table vectors = parameters_.table(task);
  if (NamedVectors* const named = tables_.of(task.kernel, thread)) {
    if (!task.adds) named->count = 0;
    kernels_.named_gradients(lines, vectors, *named);
    if (task.completes) updates_.finish_named(task.kernel, *named, step);
    return;
  }
  const Part mine = part(vectors.count, thread, threads);
  lines.begin = mine.begin;
  lines.end = mine.end;
  kernels_.embedding_gradients(lines, vectors, arena_of(task.kernel));
}

void Gradients::channels(const Task& task, const Batch& batch, const Step& step, int thread,
                         int threads) {
  BatchLines lines = lines_of(task, batch);
  const int channels = task.along.length == 0 ? lines.features : task.along.length;
  const Part groups = part(round_up(channels, kGroup) / kGroup, thread, threads);
  lines.begin = groups.begin * kGroup;
  lines.end = std::min(groups.end * kGroup, channels);
  if (lines.begin >= lines.end) return;
  if (task.kind == TaskKind::batch_statistics) return statistics(task, lines, step);
  float* const by_kernel = arena_of(task.kernel);
  float* const by_bias = arena_of(task.bias);
  if (task.kind == TaskKind::batch_sums) {
    kernels_.batch_sums(lines, pass_.statistics(task.statistics), by_kernel, by_bias);
  } else {
    kernels_.feature_gradients(task.op, lines, by_kernel, by_bias);
  }
  if (by_kernel != nullptr) updates_.finish_gradient(task.kernel, lines.begin, lines.end, step);
  if (by_bias != nullptr) updates_.finish_gradient(task.bias, lines.begin, lines.end, step);
}

// Moving statistics follow those of the batch in steps that change the model. Where gradients are
// kept, so is what the statistics would become.
void Gradients::statistics(const Task& task, const BatchLines& lines, const Step& step) {
  const auto moving = [&](int parameter) -> float* {
    if (step.update) return parameters_[parameter].values.data();
    return program_.keeps_gradients ? parameters_.gradient(parameter) : nullptr;
  };
  kernels_.batch_statistics(task.op, lines, parameters_.values(task.kernel),
                            pass_.statistics(task.statistics), moving(task.mean),
                            moving(task.variance));
}

}  // namespace neurode::cpu
