// The CPU executor: parameters, and what a task does to some rows.
#include "native/cpu/executor.h"

#include <algorithm>

#include "native/cpu/pooling.h"
#include "native/engine/op_table.h"

namespace neurode::cpu {

Cut cut_rows(std::int64_t rows, int threads) {
  const int groups = static_cast<int>((rows + kGroup - 1) / kGroup);
  const int most = kPanel / kGroup;
  const int panels = std::min(groups, threads * ((groups + threads * most - 1) / (threads * most)));
  Cut cut;
  for (int i = 0; i < panels; ++i) {
    const Part groups_of_panel = part(groups, i, panels);
    const std::int64_t first = std::int64_t{groups_of_panel.begin} * kGroup;
    cut.first.push_back(static_cast<int>(first));
    cut.rows.push_back(
        static_cast<int>(std::min(rows, std::int64_t{groups_of_panel.end} * kGroup) - first));
  }
  return cut;
}

Cut cut_whole_panels(std::int64_t rows) {
  Cut cut;
  for (std::int64_t first = 0; first < rows; first += kPanel) {
    cut.first.push_back(static_cast<int>(first));
    cut.rows.push_back(static_cast<int>(std::min<std::int64_t>(kPanel, rows - first)));
  }
  return cut;
}

PassLayout::PassLayout(const Pass& pass) : pass(pass) {
  std::vector<int> same_as(pass.features.size(), -1);
  for (const Task& task : pass.tasks)
    if (task.kind == TaskKind::regroup) same_as[task.output] = task.input;
  for (std::size_t t = 0; t < same_as.size(); ++t) {
    offset.push_back(same_as[t] < 0 ? size : offset[same_as[t]]);
    if (same_as[t] < 0) size += std::int64_t{pass.width(static_cast<int>(t))} * kPanel;
  }
}

CpuExecutor::CpuExecutor(Program program, const Kernels& kernels, std::shared_ptr<ThreadTeam> team)
    : program_(std::move(program)),
      kernels_(kernels),
      team_(std::move(team)),
      choice_(team_->size()),
      optimizer_slots_(optimizer_slots(program_.update.optimizer)),
      has_positions_(
          std::any_of(program_.parameters.begin(), program_.parameters.end(),
                      [](const Parameter& parameter) { return parameter.positions > 1; })),
      predict_(program_.predict),
      evaluate_(program_.evaluate),
      train_(program_.train) {
  for (const Parameter& parameter : program_.parameters) add_parameter(parameter);
  square_sums_.resize(pieces_);
  add_statistics();
  add_segments();
}

InputView CpuExecutor::scaled(InputView input) const {
  input.offset = input.offset * program_.input_scale + program_.input_offset;
  input.scale *= program_.input_scale;
  return input;
}

double CpuExecutor::forward_operations(std::int64_t rows) const {
  double weights = 0;
  for (const Parameter& parameter : program_.parameters)
    weights += static_cast<double>(parameter.size()) * parameter.positions;
  return 2 * weights * static_cast<double>(rows);
}

void CpuExecutor::grow_scratch(int threads, std::int64_t floats) {
  if (static_cast<int>(scratch_.size()) < threads) scratch_.resize(threads);
  for (Floats& scratch : scratch_) grow(scratch, floats);
}

// ------------------------------------------------------------------------------------------
// parameters

void CpuExecutor::add_parameter(const Parameter& parameter) {
  const bool is_kernel = parameter.layout == Layout::kernel;
  std::int64_t stride = round_up(is_kernel ? parameter.rows : parameter.columns, kAlignment);
  // Not a multiple of 1 KiB: rows of a tile would fall into the same cache sets.
  if (is_kernel && stride % 256 == 0) stride += kAlignment;
  const std::int64_t lines = is_kernel ? parameter.columns : std::max(parameter.rows, 1);
  const std::int64_t size = stride * lines;
  Weights weights{stride, size, Floats(size), {}, {}, pieces_, {}};
  const int pieces = static_cast<int>((size + kPiece - 1) / kPiece);
  if (parameter.regularizer) {
    const bool of_columns = parameter.regularizer->params[1] != 0;
    weights.penalties.resize(!is_of_matrices(*parameter.regularizer) ? pieces
                             : of_columns                            ? parameter.columns
                                                                     : parameter.rows);
  }
  const bool in_arena = parameter.update == Update::deferred ||
                        (parameter.update == Update::fused && parameter.layout == Layout::vector);
  if (in_arena) weights.gradient = Floats(size);
  for (int s = 0; parameter.trainable && s < program_.slots; ++s) weights.slots.emplace_back(size);
  pieces_ += pieces;
  weights_.push_back(std::move(weights));
  std::vector<float> first_values(parameter.size());
  initialize(parameter.initializer, std::max(parameter.rows, 1), parameter.columns,
             first_values.data());
  set_parameter(static_cast<int>(weights_.size()) - 1, first_values.data());
}

void CpuExecutor::copy_out(const Floats& from, int index, float* values) const {
  const Parameter& parameter = program_.parameters[index];
  const std::int64_t stride = weights_[index].stride;
  for (int row = 0; row < std::max(parameter.rows, 1); ++row, values += parameter.columns) {
    if (parameter.layout == Layout::kernel) {
      for (int u = 0; u < parameter.columns; ++u) values[u] = from.data()[u * stride + row];
    } else {
      std::copy_n(from.data() + row * stride, parameter.columns, values);
    }
  }
}

void CpuExecutor::copy_in(Floats& to, int index, const float* values) const {
  const Parameter& parameter = program_.parameters[index];
  const std::int64_t stride = weights_[index].stride;
  for (int row = 0; row < std::max(parameter.rows, 1); ++row, values += parameter.columns) {
    if (parameter.layout == Layout::kernel) {
      for (int u = 0; u < parameter.columns; ++u) to.data()[u * stride + row] = values[u];
    } else {
      std::copy_n(values, parameter.columns, to.data() + row * stride);
    }
  }
}

void CpuExecutor::get_parameter(int index, float* values) const {
  copy_out(weights_[index].values, index, values);
}
void CpuExecutor::set_parameter(int index, const float* values) {
  weights_change();
  copy_in(weights_[index].values, index, values);
}
void CpuExecutor::get_slot(int slot, int index, float* values) const {
  copy_out(weights_[index].slots[slot], index, values);
}
void CpuExecutor::set_slot(int slot, int index, const float* values) {
  copy_in(weights_[index].slots[slot], index, values);
}

Normalizer CpuExecutor::normalizer(const Task& task) const {
  return {values(task.kernel), values(task.bias), values(task.mean), values(task.variance)};
}

Table CpuExecutor::table(const Task& task) const {
  const Parameter& parameter = program_.parameters[task.kernel];
  return {values(task.kernel), weights_[task.kernel].stride, parameter.rows, parameter.columns};
}

// -----------------------------------------------------------------------------------------------
// tasks

void CpuExecutor::run_on_panels(const Task& task, const PanelContext& context) const {
  const auto at = [&](int tensor) { return context.memory + context.layout.offset[tensor]; };
  const Pass& pass = context.layout.pass;
  switch (task.kind) {
    case TaskKind::dense_forward:
    case TaskKind::dense_backward_input: {
      const int inputs = pass.features[task.input], units = pass.features[task.output];
      const float* const kernel = values(task.kernel);
      const std::int64_t stride = weights_[task.kernel].stride;
      for (int position = 0; position < pass.positions[task.output]; ++position) {
        const std::int64_t in = std::int64_t{position} * inputs * kPanel;
        const std::int64_t out = std::int64_t{position} * units * kPanel;
        if (task.kind == TaskKind::dense_forward) {
          kernels_.dense_forward(kernel, stride, values(task.bias), inputs, units, context.panels,
                                 at(task.input) + in, at(task.output) + out);
        } else {
          kernels_.dense_backward_input(kernel, stride, inputs, units, context.panels,
                                        at(task.gradient) + out, at(task.input_gradient) + in);
        }
      }
      return;
    }
    default:
      for (int panel = 0; panel < context.panels.count; ++panel) run_on_panel(task, context, panel);
  }
}

void CpuExecutor::run_on_panel(const Task& task, const PanelContext& context, int panel) const {
  float* const memory = context.memory + panel * context.panels.step;
  const auto at = [&](int tensor) {
    return tensor < 0 ? nullptr : memory + context.layout.offset[tensor];
  };
  const auto width = [&](int tensor) { return context.layout.pass.width(tensor); };
  const int rows = context.panels.rows[panel];
  const int first_row = context.first_rows[panel];
  float* const row_values =
      context.values == nullptr
          ? nullptr
          : context.values + panel * program_.positions * program_.row_values() * kPanel;
  const RowsView view{context.input, context.order, context.batch_start + first_row, rows};
  switch (task.kind) {
    case TaskKind::gather_input:
      return kernels_.gather(view, view.input.scale, view.input.offset, at(task.output));
    case TaskKind::gather_targets:
      if (context.gradients != nullptr) {
        const TargetsView gradients{nullptr, context.gradients, program_.outputs(),
                                    program_.positions};
        return kernels_.gather_targets(gradients, {context.input, nullptr, first_row, rows},
                                       at(task.output));
      }
      return kernels_.gather_targets(context.targets, view, at(task.output));
    case TaskKind::activation_forward:
      return kernels_.activation_forward(task.op, task.along, at(task.input), at(task.output),
                                         width(task.output), rows);
    case TaskKind::feature_forward:
      return kernels_.feature_forward(task.op, task.along, values(task.kernel), values(task.bias),
                                      at(task.input), at(task.output), width(task.output), rows);
    case TaskKind::normalize_forward:
      return kernels_.normalize(task.op, task.along, normalizer(task), at(task.input),
                                at(task.output), width(task.output), rows);
    case TaskKind::batch_normalize_forward:
      return kernels_.batch_normalize(task.along, statistics_[task.statistics], values(task.bias),
                                      at(task.input), at(task.output), width(task.output), rows);
    case TaskKind::transpose:
    case TaskKind::repeat:
    case TaskKind::repeat_backward:
    case TaskKind::encode:
      return rearrange(task, context.layout.pass, at(task.input), at(task.output), kPanel,
                       round_up(rows, kGroup));
    case TaskKind::pool:
      return pool(task.op, {task.block.rows, width(task.output), kPanel, round_up(rows, kGroup)},
                  at(task.input), at(task.output));
    case TaskKind::pool_backward:
      return pool_backward(
          task.op, {task.block.rows, width(task.output), kPanel, round_up(rows, kGroup)},
          at(task.input), at(task.output), at(task.gradient), at(task.input_gradient));
    case TaskKind::embedding_forward:
      return kernels_.embed(table(task), at(task.input), at(task.output), width(task.input), rows);
    case TaskKind::noise_forward:
      return kernels_.noise(task.op, task.seed, context.step, first_row, at(task.input),
                            at(task.auxiliary), at(task.output), width(task.output), rows);
    case TaskKind::rescale_forward:
      return kernels_.rescale(task.scale, task.offset, at(task.input), at(task.output),
                              width(task.output), rows);
    case TaskKind::loss:
      return loss(task, context, panel, row_values);
    case TaskKind::metric:
      for (int position = 0; position < program_.positions; ++position) {
        const std::int64_t lines = std::int64_t{position} * program_.outputs() * kPanel;
        kernels_.metric(task.op, at(task.input) + lines, at(task.auxiliary) + lines,
                        program_.outputs(), rows,
                        row_values + (position * program_.row_values() + 1 + task.metric) * kPanel);
      }
      return;
    case TaskKind::activity_penalty:
      return kernels_.penalize_rows(task.op, at(task.input), width(task.input), rows,
                                    row_values + (1 + task.metric) * kPanel);
    case TaskKind::activity_gradient:
      return kernels_.penalize_rows_backward(task.op, context.activity_scale, at(task.input),
                                             at(task.gradient), width(task.input), rows);
    case TaskKind::activation_backward:
      return kernels_.activation_backward(task.op, task.along, at(task.input), at(task.output),
                                          at(task.gradient), width(task.output), rows);
    case TaskKind::feature_backward:
      return kernels_.feature_backward(task.op, task.along, values(task.kernel), at(task.input),
                                       at(task.gradient), at(task.input_gradient),
                                       width(task.output), rows);
    case TaskKind::normalize_backward:
      return kernels_.normalize_backward(task.op, task.along, normalizer(task), at(task.gradient),
                                         width(task.output), rows);
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

// Of each position of a panel's rows.
void CpuExecutor::loss(const Task& task, const PanelContext& context, int panel,
                       float* values) const {
  float* const memory = context.memory + panel * context.panels.step;
  const auto at = [&](int tensor) { return memory + context.layout.offset[tensor]; };
  const TargetsView& targets = context.targets;
  const int rows = context.panels.rows[panel], outputs = program_.outputs();
  const std::int64_t first = context.batch_start + context.first_rows[panel];
  const bool weighted = targets.weights != nullptr && context.gradients == nullptr;
  for (int position = 0; position < program_.positions; ++position) {
    float weights[kPanel];
    for (int i = 0; weighted && i < rows; ++i) {
      const std::int64_t row = row_at(context.order, first + i);
      weights[i] = counted_weight(targets.weights[row * program_.positions + position]);
    }
    const std::int64_t lines = std::int64_t{position} * outputs * kPanel;
    kernels_.loss(task.op, at(task.input) + lines, at(task.auxiliary) + lines, outputs, rows,
                  context.loss_scale, weighted ? weights : nullptr,
                  values + position * program_.row_values() * kPanel,
                  task.gradient < 0 ? nullptr : at(task.gradient) + lines);
  }
}

// Outputs, targets and weight of the panels' rows.
void CpuExecutor::capture(const PanelContext& context) const {
  const Pass& pass = context.layout.pass;
  int targets = -1;
  for (const Task& task : pass.tasks)
    if (task.kind == TaskKind::gather_targets) targets = task.output;
  const int outputs = program_.outputs(), positions = program_.positions;
  for (int panel = 0; panel < context.panels.count; ++panel) {
    const float* const memory = context.memory + panel * context.panels.step;
    const float* const y = memory + context.layout.offset[pass.output];
    const float* const t = memory + context.layout.offset[targets];
    const std::int64_t first = context.first_rows[panel];
    float* row = context.captured + first * captured_floats();
    for (int i = 0; i < context.panels.rows[panel]; ++i) {
      const std::int64_t at = row_at(context.order, context.batch_start + first + i) * positions;
      for (int p = 0; p < positions; ++p, row += 2 * outputs + 1) {
        for (int o = 0; o < outputs; ++o) {
          row[o] = y[(p * outputs + o) * kPanel + i];
          row[outputs + o] = t[(p * outputs + o) * kPanel + i];
        }
        row[2 * outputs] = context.targets.weights == nullptr ? 1 : context.targets.weights[at + p];
      }
    }
  }
}

}  // namespace neurode::cpu
