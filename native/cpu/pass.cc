// Runs the tasks of a pass that are cut along rows: on some panels of a batch at a time.
#include "native/cpu/pass.h"

#include <algorithm>

#include "native/cpu/pooling.h"
#include "native/cpu/rearrangement.h"
#include "native/cpu/regrouping.h"
#include "native/engine/tallies.h"

namespace neurode::cpu {

namespace {

// The row of the batch, and its position, that a lane of a panel is.
struct Lane {
  std::int64_t row;
  int position;
};
Lane lane_of(const PanelGroup& group, int panel, int lane) {
  const int at = group.first[panel] + lane;
  return {at / group.positions, at % group.positions};
}

// Keeps the values of a panel's lanes that compute(values) writes. Kernels write whole groups of
// lanes, of which the last are those of another part where a part ends within a group.
template <class Compute>
void keep_values(const PanelGroup& group, int panel, float* to, Compute compute) {
  float values[kPanel];
  compute(values);
  std::copy_n(values, group.panels.rows[panel], to);
}

}  // namespace

PassRunner::PassRunner(const Program& program, const Pass& pass, const Parameters& parameters,
                       const Kernels& kernels)
    : program_(program),
      plan_(program, pass),
      targets_(program.heads.size(), -1),
      parameters_(parameters),
      kernels_(kernels) {
  for (const Task& task : pass.tasks)
    if (task.kind == TaskKind::gather_targets) targets_[task.head] = task.output;
  for (const int channels : pass.statistics) {
    const std::int64_t stride = round_up(channels, kAlignment);
    for (int part = 0; part < program.parts.mine; ++part) {
      float* const first = statistics_memory_.emplace_back(kStatistics * stride).data();
      statistics_.push_back({.mean = first,
                             .inverse = first + stride,
                             .factor = first + 2 * stride,
                             .slope = first + 3 * stride,
                             .term = first + 4 * stride});
    }
  }
}

PanelGroup PassRunner::group_of(const BatchRows& batch, int layout, int first, int count) const {
  const Cut& cut = batch.cut.cuts[layout];
  const auto [positions, size] = plan_.layouts[layout];
  return {.batch = batch,
          .layout = layout,
          .part = cut.part_of(first),
          .positions = positions,
          .memory = batch.memory + batch.cut.begin[layout] + first * size,
          .panels = {count, cut.rows.data() + first, size},
          .first = cut.first.data() + first};
}

void PassRunner::run(std::span<const Task> tasks, const PanelGroup& group) const {
  for (const Task& task : tasks) run_on_panels(task, group);
}

void PassRunner::run_share(std::span<const Task> tasks, const PanelGroup& group, int thread,
                           int threads) const {
  const int features = plan_.features_of_product(tasks.front());
  const Part groups = part(round_up(features, kGroup) / kGroup, thread, threads);
  const Part share{groups.begin * kGroup, std::min(groups.end * kGroup, features)};
  if (share.begin >= share.end) return;
  dense(tasks.front(), group, share);
  for (const Task& task : tasks.subspan(1)) activate(task, group, share);
}

void PassRunner::run_on_panels(const Task& task, const PanelGroup& group) const {
  if (const int features = plan_.features_of_product(task); features > 0)
    return dense(task, group, {0, features});
  for (int panel = 0; panel < group.panels.count; ++panel) run_on_panel(task, group, panel);
}

// Of all panels, so that they share what is read of the kernel.
void PassRunner::dense(const Task& task, const PanelGroup& group, const Part& features) const {
  const auto lines = [&](int tensor, int feature) {
    return group.memory + plan_.offset[tensor] + std::int64_t{feature} * kPanel;
  };
  const int inputs = plan_.features(task.input), units = plan_.features(task.output);
  const int begin = features.begin, count = features.end - begin;
  const float *const kernel = parameters_.values(task.kernel), *const bias =
                                                                   parameters_.values(task.bias);
  const std::int64_t stride = parameters_[task.kernel].stride;
  if (task.kind == TaskKind::dense_forward) {
    kernels_.dense_forward(kernel + begin * stride, stride,
                           bias == nullptr ? nullptr : bias + begin, inputs, count, group.panels,
                           lines(task.input, 0), lines(task.output, begin));
  } else {
    kernels_.dense_backward_input(kernel + begin, stride, count, units, group.panels,
                                  lines(task.gradient, 0), lines(task.input_gradient, begin));
  }
}

// A function of each value alone, or its derivative.
void PassRunner::activate(const Task& task, const PanelGroup& group, const Part& features) const {
  const int count = features.end - features.begin;
  for (int panel = 0; panel < group.panels.count; ++panel) {
    float* const memory =
        group.memory + panel * group.panels.step + std::int64_t{features.begin} * kPanel;
    const auto at = [&](int tensor) { return memory + plan_.offset[tensor]; };
    const int rows = group.panels.rows[panel];
    if (task.kind == TaskKind::activation_forward) {
      kernels_.activation_forward(task.op, {}, at(task.input), at(task.output), count, rows);
    } else {
      kernels_.activation_backward(task.op, {}, at(task.input), at(task.output), at(task.gradient),
                                   count, rows);
    }
  }
}

void PassRunner::run_on_panel(const Task& task, const PanelGroup& group, int panel) const {
  float* const memory = group.memory + panel * group.panels.step;
  const auto at = [&](int tensor) { return tensor < 0 ? nullptr : memory + plan_.offset[tensor]; };
  const auto width = [&](int tensor) { return plan_.features(tensor); };
  const int rows = group.panels.rows[panel];
  const int lanes = round_up(rows, kGroup);
  const float *const kernel = parameters_.values(task.kernel), *const bias =
                                                                   parameters_.values(task.bias);
  switch (task.kind) {
    case TaskKind::gather_input:
      return kernels_.gather(rows_of(group, panel), group.batch.input.scale,
                             group.batch.input.offset, at(task.output));
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
      return kernels_.batch_normalize(task.along, statistics(task.statistics, group.part), bias,
                                      at(task.input), at(task.output), width(task.output), rows);
    case TaskKind::regroup:
      return regroup(task, group, panel);
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
      return kernels_.noise(task.op, task.seed, group.batch.step,
                            {group.first[panel], group.positions}, at(task.input),
                            at(task.auxiliary), at(task.output), width(task.output), rows);
    case TaskKind::rescale_forward:
      return kernels_.rescale(task.scale, task.offset, at(task.input), at(task.output),
                              width(task.output), rows);
    case TaskKind::loss:
      return loss(task, group, panel);
    case TaskKind::metric:
      return metric(task, group, panel);
    case TaskKind::activity_penalty:
      return penalize(task, group, panel);
    case TaskKind::activity_gradient:
      return kernels_.penalize_rows_backward(task.op, group.batch.activity_scale, at(task.input),
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
      return kernels_.batch_normalize_backward(task.along, statistics(task.statistics, group.part),
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

// Between panels of rows and panels of their positions. Within a layout it is the same memory.
void PassRunner::regroup(const Task& task, const PanelGroup& group, int panel) const {
  const bool to_rows = plan_.layout[task.output] == 0;
  if (plan_.layout[task.input] == plan_.layout[task.output]) return;
  const int of_rows = to_rows ? task.output : task.input;
  const int of_positions = to_rows ? task.input : task.output;
  const int layout = plan_.layout[of_positions];
  const BatchRows& batch = group.batch;
  const RowPanel rows{group.memory + panel * group.panels.step + plan_.offset[of_rows],
                      group.first[panel], group.panels.rows[panel]};
  const PositionPanels positions{
      .data = batch.memory + batch.cut.begin[layout] + plan_.offset[of_positions],
      .cut = batch.cut.cuts[layout],
      .step = plan_.layouts[layout].size,
      .positions = plan_.layouts[layout].positions,
      .features = plan_.features(of_positions)};
  if (to_rows)
    join_positions(positions, rows);
  else
    split_positions(rows, positions);
}

// The gradients that are given in place of targets are of the batch's rows, in their order.
void PassRunner::gather_targets(const Task& task, const PanelGroup& group, int panel) const {
  const BatchRows& batch = group.batch;
  const Head& head = program_.heads[task.head];
  float* const to = group.memory + panel * group.panels.step + plan_.offset[task.output];
  if (batch.gradients == nullptr || !head.takes_gradients) {
    return kernels_.gather_targets(targets_of(head, task.head, batch.targets),
                                   rows_of(group, panel), to);
  }
  TargetsView gradients;
  gradients.rows = batch.gradients + head.first_output;
  gradients.outputs = head.outputs;
  gradients.positions = head.positions;
  gradients.row_size = program_.output_size;
  kernels_.gather_targets(
      gradients,
      {batch.input, nullptr, group.first[panel], group.panels.rows[panel], group.positions}, to);
}

void PassRunner::loss(const Task& task, const PanelGroup& group, int panel) const {
  const BatchRows& batch = group.batch;
  const Head& head = program_.heads[task.head];
  const TargetsView targets = targets_of(head, task.head, batch.targets);
  float* const memory = group.memory + panel * group.panels.step;
  const auto at = [&](int tensor) { return tensor < 0 ? nullptr : memory + plan_.offset[tensor]; };
  const int lanes = group.panels.rows[panel];
  const bool replaced = batch.gradients != nullptr && head.takes_gradients;
  const bool weighted = targets.weights != nullptr && !replaced;
  float weights[kPanel];
  for (int i = 0; weighted && i < lanes; ++i) {
    const auto [row, position] = lane_of(group, panel, i);
    weights[i] = counted_weight(
        targets
            .weights[row_at(batch.order, batch.start + row) * targets.weights_stride() + position]);
  }
  const float scale = batch.loss_scales == nullptr ? 1 : batch.loss_scales[task.head];
  keep_values(group, panel, values_of(head, 0, group, panel), [&](float* values) {
    kernels_.loss(task.op, at(task.input), at(task.auxiliary), head.outputs, lanes, scale,
                  weighted ? weights : nullptr, values, at(task.gradient));
  });
}

void PassRunner::metric(const Task& task, const PanelGroup& group, int panel) const {
  const Head& head = program_.heads[task.head];
  const float* const memory = group.memory + panel * group.panels.step;
  const int value = 1 + task.metric - head.first_metric;
  keep_values(group, panel, values_of(head, value, group, panel), [&](float* values) {
    kernels_.metric(task.op, memory + plan_.offset[task.input],
                    memory + plan_.offset[task.auxiliary], head.outputs, group.panels.rows[panel],
                    values);
  });
}

void PassRunner::penalize(const Task& task, const PanelGroup& group, int panel) const {
  const PenaltyLine& line = plan_.penalties[task.metric - program_.metrics];
  const float* const x = group.memory + panel * group.panels.step + plan_.offset[task.input];
  float* const to = group.batch.values.of_penalty(line, group.batch.first_value);
  keep_values(group, panel, to + group.first[panel], [&](float* values) {
    kernels_.penalize_rows(task.op, x, plan_.features(task.input), group.panels.rows[panel],
                           values);
  });
}

void PassRunner::capture(const PanelGroup& group) const {
  for (std::size_t h = 0; h < program_.heads.size(); ++h) {
    if (plan_.layout[plan_.pass.outputs[h]] != group.layout) continue;
    for (int panel = 0; panel < group.panels.count; ++panel)
      capture_head(static_cast<int>(h), group, panel);
  }
}

void PassRunner::capture_head(int index, const PanelGroup& group, int panel) const {
  const BatchRows& batch = group.batch;
  const Head& head = program_.heads[index];
  const TargetsView targets = targets_of(head, index, batch.targets);
  const float* const memory = group.memory + panel * group.panels.step;
  const float* const y = memory + plan_.offset[plan_.pass.outputs[index]];
  const float* const t = memory + plan_.offset[targets_[index]];
  const int outputs = head.outputs;
  float* const all = batch.captured + 2 * head.first_output + head.first_position;
  for (int i = 0; i < group.panels.rows[panel]; ++i) {
    const auto [row, position] = lane_of(group, panel, i);
    float* const to = all + row * program_.captured_floats() + position * (2 * outputs + 1);
    for (int o = 0; o < outputs; ++o) {
      to[o] = y[o * kPanel + i];
      to[outputs + o] = t[o * kPanel + i];
    }
    const std::int64_t at = row_at(batch.order, batch.start + row) * targets.weights_stride();
    to[2 * outputs] = targets.weights == nullptr ? 1 : targets.weights[at + position];
  }
}

PanelGroup PassRunner::group_of(const BatchRows& batch, const Tally& tally) const {
  const int layout = plan_.layout[plan_.pass.outputs[tally.head]];
  return group_of(batch, layout, 0, batch.cut.cuts[layout].panels());
}

void PassRunner::tally(const Tally& tally, const PanelGroup& group, int panel, int first, int lanes,
                       double* sums) const {
  static_assert(kTallyStride == kPanel && kTallyRows == kGroup);
  const BatchRows& batch = group.batch;
  const TargetsView targets = targets_of(program_.heads[tally.head], tally.head, batch.targets);
  const float* const memory = group.memory + panel * group.panels.step;
  const float* const y = memory + plan_.offset[plan_.pass.outputs[tally.head]];
  const float* const t = memory + plan_.offset[targets_[tally.head]];
  float weights[kTallyRows];
  std::fill_n(weights, kTallyRows, 1.0f);
  // Lanes in groups, whichever panels they are in: the order of additions is always the same.
  for (int lane = first; lane < first + lanes; lane += kTallyRows) {
    const int count = std::min(kTallyRows, first + lanes - lane);
    for (int i = 0; targets.weights != nullptr && i < count; ++i) {
      const auto [row, position] = lane_of(group, panel, lane + i);
      weights[i] =
          targets.weights[row_at(batch.order, batch.start + row) * targets.weights_stride() +
                          position];
    }
    add_to_tally(tally, {y + lane, t + lane, weights, count}, sums);
  }
}

// The input that was bound, before the rescaling that the Program folded into the gather.
void PassRunner::give_input_gradient(const PanelGroup& group, float* to) const {
  const int tensor = plan_.pass.input_gradient;
  if (plan_.layout[tensor] != group.layout) return;
  const int features = plan_.features(tensor);
  for (int panel = 0; panel < group.panels.count; ++panel) {
    const float* const lines = group.memory + panel * group.panels.step + plan_.offset[tensor];
    float* row = to + std::int64_t{group.first[panel]} * features;
    for (int i = 0; i < group.panels.rows[panel]; ++i, row += features) {
      for (int f = 0; f < features; ++f)
        row[f] = lines[f * std::int64_t{kPanel} + i] * program_.input_scale;
    }
  }
}

}  // namespace neurode::cpu
