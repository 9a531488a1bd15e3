// What is computed over the whole batch: gradients of parameters, and statistics.
#include "native/cpu/gradients.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "native/engine/op_table.h"

namespace neurode::cpu {
namespace {

// What the gradient of no rows adds: its sign of 0 is that of a sum.
void add_nothing(const PartGradient& gradient, const GradientLines& lines) {
  if (gradient.to == nullptr) return;
  for (int line = 0; line < lines.lines; ++line) {
    float* const to = gradient.to + lines.begin + line * lines.stride;
    for (std::int64_t i = 0; i < lines.length; ++i) to[i] = gradient.adds ? to[i] + 0.0f : 0.0f;
  }
}

}  // namespace

BatchPart::BatchPart(const Batch& batch, int index, const PassPlan& plan, int layout)
    : index(index), layout(layout), rows(batch.rows) {
  const Cut& cut = batch.cut.cuts[layout];
  const auto [positions, size] = plan.layouts[layout];
  const int first = cut.parts[index];
  panels = cut.parts[index + 1] - first;
  panel_rows = cut.rows.data() + first;
  memory = batch.memory + batch.cut.begin[layout] + first * size;
  rows.first = batch.rows.first * positions + (panels > 0 ? cut.first[first] : 0);
  rows.rows = std::accumulate(panel_rows, panel_rows + panels, 0);
  rows.positions = positions;
}

Gradients::Gradients(const Program& program, const PassRunner& pass, Parameters& parameters,
                     PartGradients& parts, const Kernels& kernels, Updates& updates)
    : program_(program),
      pass_(pass),
      parameters_(parameters),
      parts_(parts),
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

void Gradients::run(const Task& task, const Batch& batch, const Part& parts, const Step& step,
                    int thread, int threads) {
  if (task.kind == TaskKind::dense_backward_weights)
    return dense(task, batch, parts, step, thread, threads);
  const PassPlan& plan = pass_.plan();
  for (int index = parts.begin; index < parts.end; ++index) {
    const BatchPart part(batch, index, plan, plan.layout[task.input]);
    if (task.kind == TaskKind::embedding_gradients)
      embedding(task, part, step, thread, threads);
    else
      channels(task, part, step, thread, threads);
  }
}

// Where the gradient of a vector or a table goes, if it learns.
PartGradient Gradients::place_of(const Task& task, int parameter, const BatchPart& part) {
  const bool learns = parameter >= 0 && program_.parameters[parameter].update != Update::none;
  return learns ? parts_.place(parameter, part.index, task.adds) : PartGradient{};
}

// A thread has computed these lines of a part's gradient, whatever layers contribute to it.
void Gradients::complete(const Task& task, int parameter, const PartGradient& gradient,
                         const GradientLines& lines) {
  if (task.completes && gradient.additions > 0) parts_.add(parameter, gradient, lines);
}

// ------------------------------------------------------------------------------------------------
// dense layers

WeightGradient Gradients::of_part(const Task& task, const BatchPart& part) const {
  const PassPlan& plan = pass_.plan();
  WeightGradient gradient{};
  gradient.inputs = plan.features(task.input);
  gradient.units = plan.features(task.output);
  gradient.panels = part.panels;
  gradient.panel_rows = part.panel_rows;
  gradient.gradient = part.memory + plan.offset[task.gradient];
  gradient.gradient_step = gradient.activation_step = plan.layouts[part.layout].size;
  // The first layer reads its rows where they are bound: contiguous along the inputs, bytes where
  // they are bytes.
  if (!plan.are_same(task.input, plan.pass.tasks.front().output))
    gradient.activation = part.memory + plan.offset[task.input];
  gradient.rows = part.rows;
  gradient.begins = gradient.ends = true;
  return gradient;
}

void Gradients::dense(const Task& task, const Batch& batch, const Part& parts, const Step& step,
                      int thread, int threads) {
  const PassPlan& plan = pass_.plan();
  const int units = plan.features(task.output);
  const int groups = round_up(plan.features(task.input), kGroup) / kGroup;
  // Some lines of a parameter: of each part.
  const auto add_parts = [&](int parameter, const Part& inputs, const Part& of_units,
                             const GradientLines& lines) {
    for (int index = parts.begin; index < parts.end; ++index) {
      const BatchPart part(batch, index, plan, plan.layout[task.input]);
      WeightGradient gradient = of_part(task, part);
      gradient.begin = inputs.begin;
      gradient.end = inputs.end;
      gradient.unit_begin = of_units.begin;
      gradient.unit_end = of_units.end;
      gradient.stride = parameters_[parameter].stride;
      dense_gradient(task, parameter, gradient, lines, part, step, thread);
    }
  };
  if (program_.parameters[task.kernel].update != Update::none) {
    // Along the inputs while there are enough of them: then each row of the batch is unpacked once.
    // Few rows are unpacked in no time, and lines of the kernel are better left whole.
    const bool are_few =
        parts.end - parts.begin == 1 && batch.rows.rows * plan.positions(task.input) <= kGroup;
    const bool along_inputs = groups >= threads && (!are_few || units < threads);
    const Part columns = along_inputs ? cpu::part(groups, thread, threads) : Part{0, groups};
    const Part own = along_inputs ? Part{0, units} : cpu::part(units, thread, threads);
    const std::int64_t stride = parameters_[task.kernel].stride;
    // A few columns of all parts at a time, so that the sums of parts stay in a near cache.
    const int end = columns.end * kGroup;
    const int most = parts.end - parts.begin > 1 ? kWidestSlab : end;
    for (int begin = columns.begin * kGroup; own.begin < own.end && begin < end; begin += most) {
      const Part inputs{begin, std::min(begin + most, end)};
      add_parts(task.kernel, inputs, own,
                {.begin = own.begin * stride + begin,
                 .length = inputs.end - begin,
                 .lines = own.end - own.begin,
                 .stride = stride});
    }
  }
  if (task.bias >= 0 && program_.parameters[task.bias].update != Update::none) {
    const Part slice = cpu::part(round_up(units, kGroup) / kGroup, thread, threads);
    const Part own{slice.begin * kGroup, std::min(slice.end * kGroup, units)};
    if (own.begin < own.end)
      add_parts(task.bias, {0, 0}, own, {.begin = own.begin, .length = own.end - own.begin});
  }
}

// The gradient of a kernel or a bias is stored, added to what is there, or used up by the
// optimizer at once.
void Gradients::dense_gradient(const Task& task, int parameter, WeightGradient& gradient,
                               const GradientLines& lines, const BatchPart& part, const Step& step,
                               int thread) {
  ParameterMemory& memory = parameters_[parameter];
  OptimizerStep optimizer = kStoreStep;
  PartGradient place{};
  if (program_.parameters[parameter].update == Update::deferred) {
    place = parts_.place(parameter, part.index, task.adds);
    gradient.kernel = place.to;
    if (place.adds) optimizer = kAddStep;
  } else {
    gradient.kernel = memory.values.data();
    for (int s = 0; s < optimizer_slots_; ++s) gradient.slots[s] = memory.slots[s].data();
    optimizer = updates_.optimizer_step(parameter, step);
  }
  if (part.panels == 0) {
    add_nothing(place, lines);
  } else if (parameter == task.bias) {
    kernels_.dense_backward_bias(gradient, optimizer);
  } else {
    kernels_.dense_backward_weights(gradient, optimizer, scratch_[thread].data());
  }
  complete(task, parameter, place, lines);
}

// ------------------------------------------------------------------------------------------------
// channels, and vectors of a table

BatchLines Gradients::lines_of(const Task& task, const BatchPart& part) const {
  const PassPlan& plan = pass_.plan();
  BatchLines lines{};
  lines.along = task.along;
  lines.features = plan.features(task.input);
  lines.panels = part.panels;
  lines.panel_rows = part.panel_rows;
  lines.step = plan.layouts[part.layout].size;
  lines.adds = task.adds;
  lines.x = part.memory + plan.offset[task.input];
  if (task.gradient >= 0) lines.gradient = part.memory + plan.offset[task.gradient];
  return lines;
}

void Gradients::embedding(const Task& task, const BatchPart& part, const Step& step, int thread,
                          int threads) {
  BatchLines lines = lines_of(task, part);
  const Table vectors = parameters_.table(task);
  if (NamedVectors* const named = tables_.of(task.kernel, thread)) {
    if (!task.adds) named->count = 0;
    kernels_.named_gradients(lines, vectors, *named);
    if (task.completes) updates_.finish_named(task.kernel, *named, step);
    return;
  }
  const Part mine = cpu::part(vectors.count, thread, threads);
  lines.begin = mine.begin;
  lines.end = mine.end;
  const PartGradient gradient = place_of(task, task.kernel, part);
  kernels_.embedding_gradients(lines, vectors, gradient.to);
  complete(
      task, task.kernel, gradient,
      {.begin = mine.begin * vectors.stride, .length = (mine.end - mine.begin) * vectors.stride});
}

void Gradients::channels(const Task& task, const BatchPart& part, const Step& step, int thread,
                         int threads) {
  BatchLines lines = lines_of(task, part);
  const int channels = task.along.length == 0 ? lines.features : task.along.length;
  const Part groups = cpu::part(round_up(channels, kGroup) / kGroup, thread, threads);
  lines.begin = groups.begin * kGroup;
  lines.end = std::min(groups.end * kGroup, channels);
  if (lines.begin >= lines.end) return;
  if (task.kind == TaskKind::batch_statistics) return statistics(task, part, lines, step);
  const PartGradient by_kernel = place_of(task, task.kernel, part);
  const PartGradient by_bias = place_of(task, task.bias, part);
  const GradientLines own{.begin = lines.begin, .length = lines.end - lines.begin};
  lines.adds = by_kernel.adds || by_bias.adds;
  if (part.panels == 0) {
    add_nothing(by_kernel, own);
    add_nothing(by_bias, own);
  } else if (task.kind == TaskKind::batch_sums) {
    kernels_.batch_sums(lines, pass_.statistics(task.statistics, part.index), by_kernel.to,
                        by_bias.to);
  } else {
    kernels_.feature_gradients(task.op, lines, by_kernel.to, by_bias.to);
  }
  for (const auto& [parameter, gradient] :
       {std::pair{task.kernel, &by_kernel}, std::pair{task.bias, &by_bias}}) {
    if (gradient->to == nullptr) continue;
    complete(task, parameter, *gradient, own);
    updates_.finish_gradient(parameter, lines.begin, lines.end, step);
  }
}

// Moving statistics follow those of the batch in steps that change the model. Where gradients are
// kept, so is what the statistics would become; where a batch has parts, it is kept of each.
void Gradients::statistics(const Task& task, const BatchPart& part, const BatchLines& lines,
                           const Step& step) {
  if (part.panels == 0) return;
  const auto moving = [&](int parameter) -> float* {
    if (program_.parts.count > 1) return parts_.place(parameter, part.index, false).to;
    if (step.update) return parameters_[parameter].values.data();
    return program_.keeps_gradients ? parameters_.gradient(parameter) : nullptr;
  };
  kernels_.batch_statistics(task.op, lines, parameters_.values(task.kernel),
                            pass_.statistics(task.statistics, part.index), moving(task.mean),
                            moving(task.variance));
}

}  // namespace neurode::cpu
