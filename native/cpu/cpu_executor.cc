// The CPU executor: interprets a Program with a team of threads and the kernels of one instruction
// set.
#include "native/cpu/cpu_executor.h"

#include <algorithm>
#include <cstring>

#include "native/engine/op_table.h"

namespace neurode::cpu {
namespace {

// Below this many floating-point operations a thread costs more to wake, or to wait for, than it
// brings.
constexpr double kWorthWaking = 2e6;
constexpr double kWorthABarrier = 2e5;

constexpr int kGroup = kAlignment;  // rows that panels and slices are cut at

int round_up(int value, int multiple) { return (value + multiple - 1) / multiple * multiple; }

// [begin, end) of thread's part of `count`.
struct Part {
  int begin, end;
};
Part part(int count, int thread, int threads) {
  return {static_cast<int>(std::int64_t{count} * thread / threads),
          static_cast<int>(std::int64_t{count} * (thread + 1) / threads)};
}

InputView scaled(InputView input, const Program& program) {
  input.offset = input.offset * program.input_scale + program.input_offset;
  input.scale *= program.input_scale;
  return input;
}

void grow(Floats& memory, std::int64_t size) {
  if (memory.size() < size) memory = Floats(size);
}

}  // namespace

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
  for (const int features : pass.features) {
    offset.push_back(size);
    size += std::int64_t{features} * kPanel;
  }
}

CpuExecutor::CpuExecutor(Program program, const Kernels& kernels, std::shared_ptr<ThreadTeam> team)
    : program_(std::move(program)),
      kernels_(kernels),
      team_(std::move(team)),
      predict_(program_.predict),
      evaluate_(program_.evaluate),
      train_(program_.train) {
  std::vector<float> first_values;
  for (std::size_t i = 0; i < program_.parameters.size(); ++i) {
    const Parameter& parameter = program_.parameters[i];
    // Not a multiple of 1 KiB: rows of a tile would fall into the same cache sets.
    std::int64_t stride = round_up(std::max(parameter.inputs, 1), kAlignment);
    if (stride % 256 == 0) stride += kAlignment;
    const std::int64_t size =
        parameter.inputs == 0 ? round_up(parameter.units, kAlignment) : stride * parameter.units;
    Weights weights{stride, Floats(size), {}};
    for (int s = 0; s < program_.slots; ++s) weights.slots.emplace_back(size);
    weights_.push_back(std::move(weights));
    first_values.resize(parameter.size());
    initialize(parameter.initializer, std::max(parameter.inputs, 1), parameter.units,
               first_values.data());
    set_parameter(static_cast<int>(i), first_values.data());
  }
}

// ------------------------------------------------------------------------------------------
// parameters

void CpuExecutor::copy_out(const Floats& from, int index, float* values) const {
  const Parameter& parameter = program_.parameters[index];
  const std::int64_t stride = weights_[index].stride;
  if (parameter.inputs == 0) {
    std::copy_n(from.data(), parameter.units, values);
    return;
  }
  for (int i = 0; i < parameter.inputs; ++i) {
    for (int u = 0; u < parameter.units; ++u) *values++ = from.data()[u * stride + i];
  }
}

void CpuExecutor::copy_in(Floats& to, int index, const float* values) const {
  const Parameter& parameter = program_.parameters[index];
  const std::int64_t stride = weights_[index].stride;
  if (parameter.inputs == 0) {
    std::copy_n(values, parameter.units, to.data());
    return;
  }
  for (int i = 0; i < parameter.inputs; ++i) {
    for (int u = 0; u < parameter.units; ++u) to.data()[u * stride + i] = *values++;
  }
}

void CpuExecutor::get_parameter(int index, float* values) const {
  copy_out(weights_[index].values, index, values);
}
void CpuExecutor::set_parameter(int index, const float* values) {
  copy_in(weights_[index].values, index, values);
}
void CpuExecutor::get_slot(int slot, int index, float* values) const {
  copy_out(weights_[index].slots[slot], index, values);
}
void CpuExecutor::set_slot(int slot, int index, const float* values) {
  copy_in(weights_[index].slots[slot], index, values);
}

// -----------------------------------------------------------------------------------------------
// tasks

void CpuExecutor::run_on_panels(const Task& task, const PanelContext& context) const {
  const auto at = [&](int tensor) { return context.memory + context.layout.offset[tensor]; };
  const auto width = [&](int tensor) { return context.layout.pass.features[tensor]; };
  switch (task.kind) {
    case TaskKind::dense_forward:
      return kernels_.dense_forward(values(task.kernel), weights_[task.kernel].stride,
                                    values(task.bias), width(task.input), width(task.output),
                                    context.panels, at(task.input), at(task.output));
    case TaskKind::dense_backward_input:
      return kernels_.dense_backward_input(values(task.kernel), weights_[task.kernel].stride,
                                           width(task.input), width(task.output), context.panels,
                                           at(task.gradient), at(task.input_gradient));
    default:
      for (int panel = 0; panel < context.panels.count; ++panel) run_on_panel(task, context, panel);
  }
}

void CpuExecutor::run_on_panel(const Task& task, const PanelContext& context, int panel) const {
  float* const memory = context.memory + panel * context.panels.step;
  const auto at = [&](int tensor) {
    return tensor < 0 ? nullptr : memory + context.layout.offset[tensor];
  };
  const auto width = [&](int tensor) { return context.layout.pass.features[tensor]; };
  const int rows = context.panels.rows[panel];
  const int first_row = context.first_rows[panel];
  float* const row_values = context.values == nullptr
                                ? nullptr
                                : context.values + panel * (1 + program_.metrics) * kPanel;
  const RowsView view{context.input, context.order, context.batch_start + first_row, rows};
  switch (task.kind) {
    case TaskKind::gather_input:
      return kernels_.gather(view, view.input.scale, view.input.offset, at(task.output));
    case TaskKind::gather_targets:
      if (context.gradients != nullptr) {
        const TargetsView gradients{nullptr, context.gradients, context.targets.outputs};
        return kernels_.gather_targets(gradients, {context.input, nullptr, first_row, rows},
                                       at(task.output));
      }
      return kernels_.gather_targets(context.targets, view, at(task.output));
    case TaskKind::activation_forward:
      return kernels_.activation_forward(task.op, at(task.input), at(task.output),
                                         width(task.output), rows);
    case TaskKind::dropout_forward:
      return kernels_.dropout(task.rate, task.seed, context.step, first_row, at(task.input),
                              at(task.auxiliary), at(task.output), width(task.output), rows);
    case TaskKind::rescale_forward:
      return kernels_.rescale(task.scale, task.offset, at(task.input), at(task.output),
                              width(task.output), rows);
    case TaskKind::loss: {
      float weights[kPanel];
      const bool weighted = context.targets.weights != nullptr && context.gradients == nullptr;
      for (int i = 0; weighted && i < rows; ++i)
        weights[i] = counted_weight(context.targets.weights[row_at(view.order, view.first + i)]);
      return kernels_.loss(task.op, at(task.input), at(task.auxiliary), width(task.input), rows,
                           context.loss_scale, weighted ? weights : nullptr, row_values,
                           at(task.gradient));
    }
    case TaskKind::metric:
      return kernels_.metric(task.op, at(task.input), at(task.auxiliary), width(task.input), rows,
                             row_values + (1 + task.metric) * kPanel);
    case TaskKind::activation_backward:
      return kernels_.activation_backward(task.op, at(task.input), at(task.output),
                                          at(task.gradient), width(task.output), rows);
    case TaskKind::dropout_backward:
      return kernels_.multiply(at(task.auxiliary), at(task.gradient), at(task.gradient),
                               width(task.output), rows);
    case TaskKind::rescale_backward:
      return kernels_.rescale(task.scale, 0, at(task.gradient), at(task.gradient),
                              width(task.output), rows);
    case TaskKind::dense_forward:
    case TaskKind::dense_backward_input:
    case TaskKind::dense_backward_weights:
      return;  // of several panels, or cut by outputs
  }
}

// Outputs, targets and weight of the panels' rows.
void CpuExecutor::capture(const PanelContext& context) const {
  const Pass& pass = context.layout.pass;
  int targets = -1;
  for (const Task& task : pass.tasks)
    if (task.kind == TaskKind::gather_targets) targets = task.output;
  const int outputs = program_.output_size;
  for (int panel = 0; panel < context.panels.count; ++panel) {
    const float* const memory = context.memory + panel * context.panels.step;
    const float* const y = memory + context.layout.offset[pass.output];
    const float* const t = memory + context.layout.offset[targets];
    const std::int64_t first = context.first_rows[panel];
    float* row = context.captured + first * (2 * outputs + 1);
    for (int i = 0; i < context.panels.rows[panel]; ++i, row += 2 * outputs + 1) {
      for (int o = 0; o < outputs; ++o) {
        row[o] = y[o * kPanel + i];
        row[outputs + o] = t[o * kPanel + i];
      }
      const std::int64_t at = row_at(context.order, context.batch_start + first + i);
      row[2 * outputs] = context.targets.weights == nullptr ? 1 : context.targets.weights[at];
    }
  }
}

// Adds a batch: values(i) are the loss and metrics of its row i, kPanel floats apart.
template <class Values>
void CpuExecutor::add_rows(Sums& sums, const BatchRange& range, std::int64_t first,
                           std::int64_t rows, Values values) const {
  const float* const weights = range.data.targets.weights;
  const Counted counted = count_rows(range.data.targets, range.order, first, rows);
  double loss = 0;
  for (std::int64_t i = 0; i < rows; ++i) {
    const float* const row = values(i);
    const float weight = weights == nullptr ? 1 : weights[row_at(range.order, first + i)];
    if (weight != weight) continue;
    loss += double{row[0]} * weight;
    for (int m = 0; m < program_.metrics; ++m) {
      const double value = row[(1 + m) * kPanel];
      sums.metrics[m] += m < program_.weighted_from ? value : value * weight;
    }
  }
  const double scale = loss_scale(program_.reduction, counted);
  // Where the scale is 1 / rows, the loss counts once for each of them.
  sums.loss += program_.reduction == Reduction::mean && counted.rows == static_cast<double>(rows)
                   ? loss
                   : loss * scale * static_cast<double>(rows);
  sums.rows += rows;
  sums.counted += counted.rows;
  sums.weight += counted.weight;
  ++sums.batches;
}

// One step: its rows, its panels and its update.
struct CpuExecutor::TrainingStep {
  const Cut& cut;
  RowsView rows;
  float* memory;
  OptimizerStep optimizer;
  float keep;
};

void CpuExecutor::run_on_outputs(const Task& task, const TrainingStep& step, int thread,
                                 int threads) {
  const Pass& pass = program_.train;
  WeightGradient gradient{};
  gradient.inputs = pass.features[task.input];
  gradient.panels = step.cut.panels();
  gradient.panel_rows = step.cut.rows.data();
  gradient.gradient = step.memory + train_.offset[task.gradient];
  gradient.gradient_step = gradient.activation_step = train_.size;
  // The first layer reads its rows where they are bound: contiguous along the inputs, bytes where
  // they are bytes.
  if (task.input != pass.tasks.front().output)
    gradient.activation = step.memory + train_.offset[task.input];
  gradient.rows = step.rows;
  gradient.keep = step.keep;
  const auto take = [&](int parameter) {
    Weights& weights = weights_[parameter];
    gradient.kernel = weights.values.data();
    gradient.stride = weights.stride;
    for (int s = 0; s < program_.slots; ++s) gradient.slots[s] = weights.slots[s].data();
  };

  const int units = pass.features[task.output];
  const int groups = round_up(gradient.inputs, kGroup) / kGroup;
  take(task.kernel);
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
  if (gradient.begin < gradient.end && gradient.unit_begin < gradient.unit_end) {
    kernels_.dense_backward_weights(gradient, step.optimizer, scratch_[thread].data());
  }
  if (task.bias >= 0) {
    const Part slice = part(units, thread, threads);
    gradient.unit_begin = slice.begin;
    gradient.unit_end = slice.end;
    take(task.bias);
    kernels_.dense_backward_bias(gradient, step.optimizer);
  }
}

// ------------------------------------------------------------------------------------------------
// work

double CpuExecutor::forward_operations(std::int64_t rows) const {
  double weights = 0;
  for (const Parameter& parameter : program_.parameters)
    weights += static_cast<double>(parameter.size());
  return 2 * weights * static_cast<double>(rows);
}

void CpuExecutor::run(bool parallel, const std::function<void(int)>& body) {
  if (parallel) {
    team_->run(body);
  } else {
    body(0);
  }
}

Sums CpuExecutor::train(const BatchRange& range, const float* learning_rates, std::int64_t& step,
                        const std::atomic<bool>& cancelled) {
  const InputView input = scaled(range.data.input, program_);
  const std::int64_t total = input.rows;
  const int batch = static_cast<int>(std::min<std::int64_t>(range.batch_size, total));
  const bool parallel = team_->size() > 1 && 3 * forward_operations(batch) > kWorthABarrier;
  const int threads = parallel ? team_->size() : 1;
  const int values_per_panel = (1 + program_.metrics) * kPanel;

  const Cut whole = cut_rows(batch, threads);
  const Cut rest = cut_rows(total % batch == 0 ? batch : total % batch, threads);
  grow(panels_, train_.size * std::max(whole.panels(), rest.panels()));
  grow(row_values_, std::int64_t{values_per_panel} * std::max(whole.panels(), rest.panels()));
  scratch_.resize(threads);
  int widest = 0;
  for (const Parameter& parameter : program_.parameters) widest = std::max(widest, parameter.units);
  for (Floats& scratch : scratch_) grow(scratch, weight_scratch(widest));

  Sums sums;
  sums.metrics.resize(program_.metrics);
  bool stop = false;
  const auto rows_of = [&](std::int64_t index) {
    const std::int64_t first = (range.first_batch + index) * batch;
    return RowsView{input, range.order, first,
                    static_cast<int>(std::min<std::int64_t>(batch, total - first))};
  };
  const auto add_values = [&](const Cut& cut, const RowsView& rows) {
    int panel = 0;
    add_rows(sums, range, rows.first, rows.rows, [&](std::int64_t i) {
      while (i >= cut.first[panel] + cut.rows[panel]) ++panel;
      return row_values_.data() + panel * values_per_panel + (i - cut.first[panel]);
    });
  };
  const std::int64_t first_step = step;
  const std::int64_t first_row = range.first_batch * batch;

  run(parallel, [&](int thread) {
    for (std::int64_t index = 0; index < range.batches; ++index) {
      const RowsView rows = rows_of(index);
      const Cut& cut = rows.rows == batch ? whole : rest;
      const Part mine = part(cut.panels(), thread, threads);
      const auto scale = static_cast<float>(loss_scale(
          program_.reduction, count_rows(range.data.targets, range.order, rows.first, rows.rows)));
      for (int p = mine.begin; p < mine.end; p += kTogether) {
        const Panels panels{std::min(kTogether, mine.end - p), cut.rows.data() + p, train_.size};
        PanelContext context{train_,
                             panels_.data() + p * train_.size,
                             panels,
                             input,
                             range.data.targets,
                             range.order,
                             rows.first,
                             cut.first.data() + p};
        context.loss_scale = scale;
        if (range.gradients != nullptr) {
          context.gradients = range.gradients + (rows.first - first_row) * program_.output_size;
        }
        if (range.captured != nullptr) {
          context.captured =
              range.captured + (rows.first - first_row) * (2 * program_.output_size + 1);
        }
        context.step = first_step + index;
        context.values = row_values_.data() + p * values_per_panel;
        for (const Task& task : program_.train.tasks) {
          if (task.axis == Axis::rows) run_on_panels(task, context);
        }
        if (range.captured != nullptr) capture(context);
      }
      if (parallel) team_->barrier();
      if (index + 1 < range.batches) {
        RowsView next = rows_of(index + 1);
        const Part ahead = part(next.rows, thread, threads);
        next.first += ahead.begin;
        next.rows = ahead.end - ahead.begin;
        kernels_.prefetch(next);
      }
      const float rate = learning_rates[index];
      const TrainingStep update{
          cut,
          rows,
          panels_.data(),
          {program_.optimizer.row, program_.optimizer.params.data(), rate, first_step + index},
          1 - rate * program_.weight_decay};
      for (const Task& task : program_.train.tasks) {
        if (task.axis == Axis::outputs && range.update)
          run_on_outputs(task, update, thread, threads);
      }
      if (thread == 0) {
        add_values(cut, rows);
        stop = cancelled.load(std::memory_order_relaxed);
      }
      if (parallel) team_->barrier();
      if (stop) break;
    }
  });
  if (range.update) step += sums.batches;
  return sums;
}

Sums CpuExecutor::evaluate(const BatchRange& range, const std::atomic<bool>& cancelled) {
  const InputView input = scaled(range.data.input, program_);
  const std::int64_t begin = range.first_batch * range.batch_size;
  const std::int64_t end = std::min(input.rows, begin + range.batches * range.batch_size);
  const bool parallel = team_->size() > 1 && forward_operations(end - begin) > kWorthWaking;
  const int threads = parallel ? team_->size() : 1;
  const int values_per_panel = (1 + program_.metrics) * kPanel;
  constexpr int kRows = kTogether * kPanel;
  const std::int64_t groups = (end - begin + kRows - 1) / kRows;
  grow(panels_, evaluate_.size * kTogether * threads);
  grow(row_values_, values_per_panel * kTogether * groups);

  run(parallel, [&](int thread) {
    for (std::int64_t group = thread; group < groups; group += threads) {
      if (cancelled.load(std::memory_order_relaxed)) return;
      const std::int64_t first = begin + group * kRows;
      const Cut cut = cut_whole_panels(std::min<std::int64_t>(kRows, end - first));
      PanelContext context{evaluate_,
                           panels_.data() + thread * kTogether * evaluate_.size,
                           {cut.panels(), cut.rows.data(), evaluate_.size},
                           input,
                           range.data.targets,
                           range.order,
                           first,
                           cut.first.data()};
      context.values = row_values_.data() + group * kTogether * values_per_panel;
      if (range.captured != nullptr)
        context.captured = range.captured + (first - begin) * (2 * program_.output_size + 1);
      for (const Task& task : program_.evaluate.tasks) run_on_panels(task, context);
      if (range.captured != nullptr) capture(context);
    }
  });

  Sums sums;
  sums.metrics.resize(program_.metrics);
  if (cancelled.load(std::memory_order_relaxed)) return sums;
  for (std::int64_t first = begin; first < end; first += range.batch_size) {
    const std::int64_t rows = std::min<std::int64_t>(range.batch_size, end - first);
    add_rows(sums, range, first, rows, [&](std::int64_t row) {
      const std::int64_t i = first - begin + row;
      return row_values_.data() + i / kPanel * values_per_panel + i % kPanel;
    });
  }
  return sums;
}

// --------------------------------------------------------------------------------------------
// predict

// Panels [panel, panel + count) of a cut of the rows from `first`.
void CpuExecutor::predict_panels(const InputView& input, std::int64_t first, const Cut& cut,
                                 int panel, int count, float* memory, float* output) const {
  const PanelContext context{predict_,
                             memory,
                             {count, cut.rows.data() + panel, predict_.size},
                             input,
                             {},
                             nullptr,
                             first,
                             cut.first.data() + panel};
  for (const Task& task : program_.predict.tasks) run_on_panels(task, context);
  for (int p = 0; p < count; ++p) {
    const float* lines = memory + p * predict_.size + predict_.offset[program_.predict.output];
    float* row = output + (first + cut.first[panel + p]) * program_.output_size;
    for (int i = 0; i < cut.rows[panel + p]; ++i, row += program_.output_size) {
      for (int o = 0; o < program_.output_size; ++o) row[o] = lines[o * kPanel + i];
    }
  }
}

void CpuExecutor::predict(const InputView& view, float* output,
                          const std::atomic<bool>& cancelled) {
  const InputView input = scaled(view, program_);
  const bool parallel = team_->size() > 1 && forward_operations(input.rows) > kWorthWaking;
  const int threads = parallel ? team_->size() : 1;
  const std::int64_t most = std::int64_t{kTogether} * kPanel * threads;
  grow(panels_, predict_.size * kTogether * threads);
  run(parallel, [&](int thread) {
    for (std::int64_t first = 0; first < input.rows; first += most) {
      if (cancelled.load(std::memory_order_relaxed)) return;
      const Cut cut = cut_rows(std::min(most, input.rows - first), threads);
      const Part mine = part(cut.panels(), thread, threads);
      if (mine.begin == mine.end) continue;
      predict_panels(input, first, cut, mine.begin, mine.end - mine.begin,
                     panels_.data() + thread * kTogether * predict_.size, output);
    }
  });
}

void CpuExecutor::predict_here(const InputView& view, float* output) {
  const FlushSubnormals flush;
  const InputView input = scaled(view, program_);
  grow(here_, predict_.size * (input.rows > kPanel ? kTogether : 1));
  if (input.rows == 1) return predict_row(input, output);
  constexpr int kRows = kTogether * kPanel;
  for (std::int64_t first = 0; first < input.rows; first += kRows) {
    const Cut cut = cut_whole_panels(std::min<std::int64_t>(kRows, input.rows - first));
    predict_panels(input, first, cut, 0, cut.panels(), here_.data(), output);
  }
}

// Tensors are single rows here; their memory beyond the last feature stays zero up to kAlignment,
// as kernels expect.
void CpuExecutor::predict_row(const InputView& input, float* output) {
  const auto at = [&](int tensor) { return here_.data() + predict_.offset[tensor]; };
  const auto width = [&](int tensor) { return program_.predict.features[tensor]; };
  const auto clear_rest = [&](int tensor) {
    std::fill(at(tensor) + width(tensor), at(tensor) + round_up(width(tensor), kAlignment), 0.0f);
  };
  for (const Task& task : program_.predict.tasks) {
    switch (task.kind) {
      case TaskKind::gather_input:
        for (int i = 0; i < input.features; ++i) {
          const float value = input.bytes != nullptr ? input.bytes[i] : input.floats[i];
          at(task.output)[i] = value * input.scale + input.offset;
        }
        break;
      case TaskKind::dense_forward:
        clear_rest(task.input);
        kernels_.dense_row(values(task.kernel), weights_[task.kernel].stride, values(task.bias),
                           at(task.input), width(task.input), width(task.output), at(task.output));
        break;
      case TaskKind::activation_forward:
        kernels_.activation_row(task.op, at(task.input), at(task.output), width(task.output));
        break;
      case TaskKind::rescale_forward:
        for (int i = 0; i < width(task.output); ++i) {
          at(task.output)[i] = at(task.input)[i] * task.scale + task.offset;
        }
        break;
      default:
        break;
    }
  }
  std::copy_n(at(program_.predict.output), program_.output_size, output);
}

}  // namespace neurode::cpu
