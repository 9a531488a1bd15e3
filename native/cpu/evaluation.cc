// Evaluation and prediction on the CPU: rows alone, and no barriers.
#include <atomic>
#include <cstring>

#include "native/cpu/executor.h"
#include "native/cpu/pooling.h"
#include "native/cpu/row_sums.h"
#include "native/engine/flush_subnormals.h"

namespace neurode::cpu {

Sums CpuExecutor::evaluate(const BatchRange& range, const std::atomic<bool>& cancelled) {
  const InputView input = scaled(range.data.input);
  const std::int64_t begin = range.first_batch * range.batch_size;
  const std::int64_t end = std::min(input.rows, begin + range.batches * range.batch_size);
  const bool parallel = team_->size() > 1 && forward_operations(end - begin) > kWorthWaking;
  const int threads = parallel ? team_->size() : 1;
  const int values_per_panel = program_.row_values() * program_.positions * kPanel;
  constexpr int kRows = kTogether * kPanel;
  const std::int64_t groups = (end - begin + kRows - 1) / kRows;
  grow(panels_, evaluate_.size * kTogether * threads);
  grow(row_values_, values_per_panel * kTogether * groups);

  grow_scratch(threads, penalty_scratch());
  std::atomic<std::int64_t> next{0};
  team_->run(threads, [&](int thread) {
    for (const TrainingSegment& segment : segments_) measure_penalties(segment, thread, threads);
    for (std::int64_t group; (group = next.fetch_add(1, std::memory_order_relaxed)) < groups;) {
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
        context.captured = range.captured + (first - begin) * captured_floats();
      for (const Task& task : program_.evaluate.tasks) run_on_panels(task, context);
      if (range.captured != nullptr) capture(context);
    }
  });

  Sums sums;
  sums.metrics.resize(program_.metrics);
  if (cancelled.load(std::memory_order_relaxed)) return sums;
  for (std::int64_t first = begin; first < end; first += range.batch_size) {
    const std::int64_t rows = std::min<std::int64_t>(range.batch_size, end - first);
    add_rows(program_, sums, range, first, rows, [&](std::int64_t row) {
      const std::int64_t i = first - begin + row;
      return row_values_.data() + i / kPanel * values_per_panel + i % kPanel;
    });
  }
  sums.penalty += penalty() * static_cast<double>(end - begin);
  return sums;
}

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
  const InputView input = scaled(view);
  const bool parallel = team_->size() > 1 && forward_operations(input.rows) > kWorthWaking;
  const int threads = parallel ? team_->size() : 1;
  const std::int64_t most = std::int64_t{kTogether} * kPanel * threads;
  grow(panels_, predict_.size * kTogether * threads);
  team_->run(threads, [&](int thread) {
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
  const InputView input = scaled(view);
  grow(here_, predict_.size * (input.rows > kPanel ? kTogether : 1));
  if (input.rows == 1 && !has_positions_ && ++single_rows_ > kWorthPacking)
    return predict_row(input, output);
  constexpr int kRows = kTogether * kPanel;
  for (std::int64_t first = 0; first < input.rows; first += kRows) {
    const Cut cut = cut_whole_panels(std::min<std::int64_t>(kRows, input.rows - first));
    predict_panels(input, first, cut, 0, cut.panels(), here_.data(), output);
  }
}

// Packed for a row at a time, once for as long as the weights stay as they are.
const CpuExecutor::PackedKernel& CpuExecutor::packed(int kernel) {
  PackedKernel& packed = packed_[kernel];
  if (packed.kernel.size() > 0) return packed;
  const Parameter& parameter = program_.parameters[kernel];
  const int units = parameter.columns;
  std::vector<float> values(parameter.size());
  get_parameter(kernel, values.data());
  packed.no_bias = Floats(round_up(units, kAlignment));
  packed.kernel = Floats(std::int64_t{parameter.rows} * round_up(units, kAlignment));
  kernels_.pack_kernel(values.data(), parameter.rows, units, packed.kernel.data());
  return packed;
}

void CpuExecutor::weights_change() {
  packed_.clear();
  single_rows_ = 0;
}

// Tensors are single rows here, and every sum runs as it does on panels.
void CpuExecutor::predict_row(const InputView& input, float* output) {
  const auto at = [&](int tensor) { return here_.data() + predict_.offset[tensor]; };
  const auto width = [&](int tensor) { return program_.predict.features[tensor]; };
  for (const Task& task : program_.predict.tasks) {
    switch (task.kind) {
      case TaskKind::gather_input:
        for (int i = 0; i < input.features; ++i) {
          const float value = input.bytes != nullptr ? input.bytes[i] : input.floats[i];
          at(task.output)[i] = value * input.scale + input.offset;
        }
        break;
      case TaskKind::dense_forward: {
        const PackedKernel& dense = packed(task.kernel);
        const float* const bias = task.bias >= 0 ? values(task.bias) : dense.no_bias.data();
        const int inputs = width(task.input), units = width(task.output);
        kernels_.infer_dense(dense.kernel.data(), bias, inputs, units, at(task.input), inputs, 1,
                             at(task.output), round_up(units, kAlignment));
        break;
      }
      case TaskKind::activation_forward:
        kernels_.activation_row(task.op, task.along, at(task.input), at(task.output),
                                width(task.output));
        break;
      case TaskKind::feature_forward:
        kernels_.feature_row(task.op, task.along, values(task.kernel), values(task.bias),
                             at(task.input), at(task.output), width(task.output));
        break;
      case TaskKind::normalize_forward:
        kernels_.normalize_row(task.op, task.along, normalizer(task), at(task.input),
                               at(task.output), width(task.output));
        break;
      case TaskKind::transpose:
      case TaskKind::repeat:
      case TaskKind::encode:
        rearrange(task, program_.predict, at(task.input), at(task.output), 1, 1);
        break;
      case TaskKind::pool:
        pool(task.op, {task.block.rows, width(task.output), 1, 1}, at(task.input), at(task.output));
        break;
      case TaskKind::embedding_forward:
        kernels_.embed_row(table(task), at(task.input), at(task.output), width(task.input));
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
