// Runs the tasks of a pass that are cut along rows: on some panels of a batch at a time.
#include "native/cpu/pass.h"

#include <algorithm>

#include "native/cpu/pooling.h"
#include "native/cpu/rearrangement.h"

namespace neurode::cpu {

PassRunner::PassRunner(const Program& program, const Pass& pass, const Parameters& parameters,
                       const Kernels& kernels)
    : program_(program),
      plan_(pass),
      targets_(program.heads.size(), -1),
      parameters_(parameters),
      kernels_(kernels) {
  for (const Task& task : pass.tasks)
    if (task.kind == TaskKind::gather_targets) targets_[task.head] = task.output;
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
      return rearrange(task, width(task.input), width(task.output), {kPanel, lanes}, at(task.input),
                       at(task.output));
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
                                    values_of(group, panel) + penalty_at(task) * kPanel);
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
  const Head& head = program_.heads[task.head];
  float* const to = group.memory + panel * group.panels.step + plan_.offset[task.output];
  if (group.gradients == nullptr || !head.takes_gradients) {
    return kernels_.gather_targets(targets_of(head, task.head, group.targets),
                                   rows_of(group, panel), to);
  }
  TargetsView gradients;
  gradients.rows = group.gradients + head.first_output;
  gradients.outputs = head.outputs;
  gradients.positions = head.positions;
  gradients.row_size = program_.output_size;
  kernels_.gather_targets(
      gradients, {group.input, nullptr, group.first_rows[panel], group.panels.rows[panel]}, to);
}

// Of each position of a panel's rows.
void PassRunner::loss(const Task& task, const PanelGroup& group, int panel) const {
  const Head& head = program_.heads[task.head];
  const TargetsView targets = targets_of(head, task.head, group.targets);
  float* const memory = group.memory + panel * group.panels.step;
  const auto at = [&](int tensor) { return memory + plan_.offset[tensor]; };
  const int rows = group.panels.rows[panel];
  const std::int64_t first = group.batch_start + group.first_rows[panel];
  const bool replaced = group.gradients != nullptr && head.takes_gradients;
  const bool weighted = targets.weights != nullptr && !replaced;
  const float scale = group.loss_scales == nullptr ? 1 : group.loss_scales[task.head];
  for (int position = 0; position < head.positions; ++position) {
    float weights[kPanel];
    for (int i = 0; weighted && i < rows; ++i) {
      const std::int64_t row = row_at(group.order, first + i);
      weights[i] = counted_weight(targets.weights[row * targets.weights_stride() + position]);
    }
    const std::int64_t lines = std::int64_t{position} * head.outputs * kPanel;
    kernels_.loss(task.op, at(task.input) + lines, at(task.auxiliary) + lines, head.outputs, rows,
                  scale, weighted ? weights : nullptr,
                  values_of(group, panel) + head.value_at(position) * kPanel,
                  task.gradient < 0 ? nullptr : at(task.gradient) + lines);
  }
}

void PassRunner::metric(const Task& task, const PanelGroup& group, int panel) const {
  const Head& head = program_.heads[task.head];
  const float* const memory = group.memory + panel * group.panels.step;
  const int metric = 1 + task.metric - head.first_metric;
  for (int position = 0; position < head.positions; ++position) {
    const std::int64_t lines = std::int64_t{position} * head.outputs * kPanel;
    kernels_.metric(task.op, memory + plan_.offset[task.input] + lines,
                    memory + plan_.offset[task.auxiliary] + lines, head.outputs,
                    group.panels.rows[panel],
                    values_of(group, panel) + (head.value_at(position) + metric) * kPanel);
  }
}

void PassRunner::capture(const PanelGroup& group) const {
  for (int panel = 0; panel < group.panels.count; ++panel) {
    float* const to =
        group.captured + std::int64_t{group.first_rows[panel]} * program_.captured_floats();
    for (std::size_t h = 0; h < program_.heads.size(); ++h)
      capture_head(static_cast<int>(h), group, panel, to);
  }
}

void PassRunner::capture_head(int index, const PanelGroup& group, int panel, float* to) const {
  const Head& head = program_.heads[index];
  const TargetsView targets = targets_of(head, index, group.targets);
  const float* const memory = group.memory + panel * group.panels.step;
  const float* const y = memory + plan_.offset[plan_.pass.outputs[index]];
  const float* const t = memory + plan_.offset[targets_[index]];
  const int outputs = head.outputs;
  float* row = to + 2 * head.first_output + head.first_position;
  for (int i = 0; i < group.panels.rows[panel]; ++i, row += program_.captured_floats()) {
    const std::int64_t at = row_at(group.order, group.batch_start + group.first_rows[panel] + i) *
                            targets.weights_stride();
    float* position = row;
    for (int p = 0; p < head.positions; ++p, position += 2 * outputs + 1) {
      for (int o = 0; o < outputs; ++o) {
        position[o] = y[(p * outputs + o) * kPanel + i];
        position[outputs + o] = t[(p * outputs + o) * kPanel + i];
      }
      position[2 * outputs] = targets.weights == nullptr ? 1 : targets.weights[at + p];
    }
  }
}

// The input that was bound, before the rescaling that the Program folded into the gather.
void PassRunner::give_input_gradient(const PanelGroup& group, float* to) const {
  const Pass& pass = plan_.pass;
  const int features = program_.input_size;
  for (int panel = 0; panel < group.panels.count; ++panel) {
    const float* const lines =
        group.memory + panel * group.panels.step + plan_.offset[pass.input_gradient];
    float* row = to + std::int64_t{group.first_rows[panel]} * features;
    for (int i = 0; i < group.panels.rows[panel]; ++i, row += features) {
      for (int f = 0; f < features; ++f)
        row[f] = lines[f * std::int64_t{kPanel} + i] * program_.input_scale;
    }
  }
}

}  // namespace neurode::cpu
