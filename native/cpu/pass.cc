// Runs the tasks of a pass that are cut along rows: on some panels of a batch at a time.
#include "native/cpu/pass.h"

#include "native/cpu/pooling.h"
#include "native/cpu/rearrangement.h"

namespace neurode::cpu {

PassRunner::PassRunner(const Program& program, const Pass& pass, const Parameters& parameters,
                       const Kernels& kernels)
    : program_(program), plan_(pass), parameters_(parameters), kernels_(kernels) {
  for (const int channels : pass.statistics) {
    const std::int64_t stride = round_up(channels, kAlignment);
    float* const first = statistics_memory_.emplace_back(kStatistics * stride).data();
    statistics_.push_back({.mean = first,
                           .inverse = first + stride,
                           .factor = first + 2 * stride,
                           .slope = first + 3 * stride,
                           .term = first + 4 * stride});
  }
}

void PassRunner::run(std::span<const Task> tasks, const PanelGroup& group) const {
  for (const Task& task : tasks) run_on_panels(task, group);
}

void PassRunner::run_on_panels(const Task& task, const PanelGroup& group) const {
  if (task.kind == TaskKind::dense_forward || task.kind == TaskKind::dense_backward_input)
    return dense(task, group);
  for (int panel = 0; panel < group.panels.count; ++panel) run_on_panel(task, group, panel);
}

// Of all panels, so that they share what is read of the kernel.
void PassRunner::dense(const Task& task, const PanelGroup& group) const {
  const auto at = [&](int tensor) { return group.memory + plan_.offset[tensor]; };
  const Pass& pass = plan_.pass;
  const int inputs = pass.features[task.input], units = pass.features[task.output];
  const float* const kernel = parameters_.values(task.kernel);
  const std::int64_t stride = parameters_[task.kernel].stride;
  for (int position = 0; position < pass.positions[task.output]; ++position) {
    const std::int64_t in = std::int64_t{position} * inputs * kPanel;
    const std::int64_t out = std::int64_t{position} * units * kPanel;
    if (task.kind == TaskKind::dense_forward) {
      kernels_.dense_forward(kernel, stride, parameters_.values(task.bias), inputs, units,
                             group.panels, at(task.input) + in, at(task.output) + out);
    } else {
      kernels_.dense_backward_input(kernel, stride, inputs, units, group.panels,
                                    at(task.gradient) + out, at(task.input_gradient) + in);
    }
  }
}

void PassRunner::run_on_panel(const Task& task, const PanelGroup& group, int panel) const {
  float* const memory = group.memory + panel * group.panels.step;
  const auto at = [&](int tensor) { return tensor < 0 ? nullptr : memory + plan_.offset[tensor]; };
  const auto width = [&](int tensor) { return plan_.pass.width(tensor); };
  const int rows = group.panels.rows[panel];
  const int lanes = round_up(rows, kGroup);
  const float *const kernel = parameters_.values(task.kernel), *const bias =
                                                                   parameters_.values(task.bias);
  switch (task.kind) {
    case TaskKind::gather_input:
      return kernels_.gather(rows_of(group, panel), group.input.scale, group.input.offset,
                             at(task.output));
    case TaskKind::gather_targets:
      return gather_targets(task, group, panel);
    case TaskKind::activation_forward:
      return kernels_.activation_forward(task.op, task.along, at(task.input), at(task.output),
                                         width(task.output), rows);
    case TaskKind::feature_forward:
      return kernels_.feature_forward(task.op, task.along, kernel, bias, at(task.input),
                                      at(task.output), width(task.output), rows);
    case TaskKind::normalize_forward:
      return kernels_.normalize(task.op, task.along, parameters_.normalizer(task), at(task.input),
                                at(task.output), width(task.output), rows);
    case TaskKind::batch_normalize_forward:
      return kernels_.batch_normalize(task.along, statistics_[task.statistics], bias,
                                      at(task.input), at(task.output), width(task.output), rows);
    case TaskKind::transpose:
    case TaskKind::repeat:
    case TaskKind::repeat_backward:
    case TaskKind::encode:
    case TaskKind::place:
    case TaskKind::take:
    case TaskKind::take_backward:
      return rearrange(task, plan_.pass, {kPanel, lanes}, at(task.input), at(task.output));
    case TaskKind::merge:
      return kernels_.merge(task.op, at(task.input), at(task.auxiliary), at(task.output),
                            width(task.output), rows);
    case TaskKind::merge_backward:
      return kernels_.merge_backward(task.op, task.side, at(task.input), at(task.auxiliary),
                                     at(task.gradient), at(task.input_gradient), width(task.output),
                                     rows);
    case TaskKind::pool:
      return pool(task.op, {task.block.rows, width(task.output), kPanel, lanes}, at(task.input),
                  at(task.output));
    case TaskKind::pool_backward:
      return pool_backward(task.op, {task.block.rows, width(task.output), kPanel, lanes},
                           at(task.input), at(task.output), at(task.gradient),
                           at(task.input_gradient));
    case TaskKind::embedding_forward:
      return kernels_.embed(parameters_.table(task), at(task.input), at(task.output),
                            width(task.input), rows);
    case TaskKind::noise_forward:
      return kernels_.noise(task.op, task.seed, group.step, group.first_rows[panel], at(task.input),
                            at(task.auxiliary), at(task.output), width(task.output), rows);
    case TaskKind::rescale_forward:
      return kernels_.rescale(task.scale, task.offset, at(task.input), at(task.output),
                              width(task.output), rows);
    case TaskKind::loss:
      return loss(task, group, panel);
    case TaskKind::metric:
      return metric(task, group, panel);
    case TaskKind::activity_penalty:
      return kernels_.penalize_rows(task.op, at(task.input), width(task.input), rows,
                                    values_of(group, panel) + (1 + task.metric) * kPanel);
    case TaskKind::activity_gradient:
      return kernels_.penalize_rows_backward(task.op, group.activity_scale, at(task.input),
                                             at(task.gradient), width(task.input), rows);
    case TaskKind::activation_backward:
      return kernels_.activation_backward(task.op, task.along, at(task.input), at(task.output),
                                          at(task.gradient), width(task.output), rows);
    case TaskKind::feature_backward:
      return kernels_.feature_backward(task.op, task.along, kernel, at(task.input),
                                       at(task.gradient), at(task.input_gradient),
                                       width(task.output), rows);
    case TaskKind::normalize_backward:
      return kernels_.normalize_backward(task.op, task.along, parameters_.normalizer(task),
                                         at(task.gradient), width(task.output), rows);
    case TaskKind::batch_normalize_backward:
      return kernels_.batch_normalize_backward(task.along, statistics_[task.statistics],
                                               at(task.input), at(task.gradient),
                                               width(task.output), rows);
    case TaskKind::noise_backward:
      return kernels_.multiply(at(task.auxiliary), at(task.gradient), at(task.gradient),
                               width(task.output), rows);
    case TaskKind::rescale_backward:
      return kernels_.rescale(task.scale, 0, at(task.gradient), at(task.gradient),
                              width(task.output), rows);
    default:
      return;  // of several panels, or not cut by rows
  }
}

// The gradients that are given in place of targets are of the batch's rows, in their order.
void PassRunner::gather_targets(const Task& task, const PanelGroup& group, int panel) const {
  float* const to = group.memory + panel * group.panels.step + plan_.offset[task.output];
  if (group.gradients == nullptr)
    return kernels_.gather_targets(group.targets, rows_of(group, panel), to);
  TargetsView gradients;
  gradients.rows = group.gradients;
  gradients.outputs = program_.outputs();
  gradients.positions = program_.positions;
  kernels_.gather_targets(
      gradients, {group.input, nullptr, group.first_rows[panel], group.panels.rows[panel]}, to);
}

// Of each position of a panel's rows.
void PassRunner::loss(const Task& task, const PanelGroup& group, int panel) const {
  float* const memory = group.memory + panel * group.panels.step;
  const auto at = [&](int tensor) { return memory + plan_.offset[tensor]; };
  const TargetsView& targets = group.targets;
  const int rows = group.panels.rows[panel], outputs = program_.outputs();
  const std::int64_t first = group.batch_start + group.first_rows[panel];
  const bool weighted = targets.weights != nullptr && group.gradients == nullptr;
  for (int position = 0; position < program_.positions; ++position) {
    float weights[kPanel];
    for (int i = 0; weighted && i < rows; ++i) {
      const std::int64_t row = row_at(group.order, first + i);
      weights[i] = counted_weight(targets.weights[row * program_.positions + position]);
    }
    const std::int64_t lines = std::int64_t{position} * outputs * kPanel;
    kernels_.loss(task.op, at(task.input) + lines, at(task.auxiliary) + lines, outputs, rows,
                  group.loss_scale, weighted ? weights : nullptr,
                  values_of(group, panel) + position * program_.row_values() * kPanel,
                  task.gradient < 0 ? nullptr : at(task.gradient) + lines);
  }
}

void PassRunner::metric(const Task& task, const PanelGroup& group, int panel) const {
  const float* const memory = group.memory + panel * group.panels.step;
  for (int position = 0; position < program_.positions; ++position) {
    const std::int64_t lines = std::int64_t{position} * program_.outputs() * kPanel;
    kernels_.metric(
        task.op, memory + plan_.offset[task.input] + lines,
        memory + plan_.offset[task.auxiliary] + lines, program_.outputs(), group.panels.rows[panel],
        values_of(group, panel) + (position * program_.row_values() + 1 + task.metric) * kPanel);
  }
}

void PassRunner::capture(const PanelGroup& group) const {
  const Pass& pass = plan_.pass;
  int targets = -1;
  for (const Task& task : pass.tasks)
    if (task.kind == TaskKind::gather_targets) targets = task.output;
  const int outputs = program_.outputs(), positions = program_.positions;
  for (int panel = 0; panel < group.panels.count; ++panel) {
    const float* const memory = group.memory + panel * group.panels.step;
    const float* const y = memory + plan_.offset[pass.output];
    const float* const t = memory + plan_.offset[targets];
    const std::int64_t first = group.first_rows[panel];
    float* row = group.captured + first * captured_floats(program_);
    for (int i = 0; i < group.panels.rows[panel]; ++i) {
      const std::int64_t at = row_at(group.order, group.batch_start + first + i) * positions;
      for (int p = 0; p < positions; ++p, row += 2 * outputs + 1) {
        for (int o = 0; o < outputs; ++o) {
          row[o] = y[(p * outputs + o) * kPanel + i];
          row[outputs + o] = t[(p * outputs + o) * kPanel + i];
        }
        row[2 * outputs] = group.targets.weights == nullptr ? 1 : group.targets.weights[at + p];
      }
    }
  }
}

}  // namespace neurode::cpu
