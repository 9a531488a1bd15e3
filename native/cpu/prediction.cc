// Prediction by an executor on the CPU: rows in panels, or one row as it is.
#include "native/cpu/prediction.h"

#include <algorithm>
#include <vector>

#include "native/cpu/forward_cost.h"
#include "native/cpu/pooling.h"
#include "native/cpu/rearrangement.h"
#include "native/engine/flush_subnormals.h"

namespace neurode::cpu {
namespace {

// Single rows that cost through panels what it costs to pack the kernels for them.
constexpr int kWorthPacking = 8;

}  // namespace

Prediction::Prediction(const Program& program, const Parameters& parameters, const Kernels& kernels,
                       ThreadTeam& team, Workspace& workspace)
    : program_(program),
      parameters_(parameters),
      kernels_(kernels),
      team_(team),
      workspace_(workspace),
      pass_(program, program.predict, parameters, kernels),
      cost_(cost_of_panels(program, kernels)),
      has_positions_(
          std::any_of(program.parameters.begin(), program.parameters.end(),
                      [](const Parameter& parameter) { return parameter.positions > 1; })) {}

// What was kept of parameters that have changed holds no more.
void Prediction::forget_old() {
  if (version_ == parameters_.version()) return;
  version_ = parameters_.version();
  packed_.clear();
  single_rows_ = 0;
}

void Prediction::run(const InputView& view, float* output, const std::atomic<bool>& cancelled) {
  const InputView input = scaled(program_, view);
  const int threads = threads_worth_waking(cost_, input.rows, team_.size());
  const std::int64_t most = std::int64_t{kTogether} * kPanel * threads;
  const std::int64_t floats = pass_.plan().size * kTogether;  // of a thread
  workspace_.take(floats * threads);
  team_.run(threads, [&](int thread) {
    for (std::int64_t first = 0; first < input.rows; first += most) {
      if (cancelled.load(std::memory_order_relaxed)) return;
      const Cut cut = cut_rows(std::min(most, input.rows - first), threads);
      const Part mine = part(cut.panels(), thread, threads);
      if (mine.begin == mine.end) continue;
      run_on_panels(input, first, cut, mine, workspace_.panels.data() + thread * floats, output);
    }
  });
}

void Prediction::run_here(const InputView& view, float* output) {
  forget_old();
  const FlushSubnormals flush;
  const InputView input = scaled(program_, view);
  grow(here_, pass_.plan().size * (input.rows > kPanel ? kTogether : 1));
  if (input.rows == 1 && !has_positions_ && ++single_rows_ > kWorthPacking)
    return run_on_row(input, output);
  constexpr int kRows = kTogether * kPanel;
  for (std::int64_t first = 0; first < input.rows; first += kRows) {
    const Cut cut = cut_whole_panels(std::min<std::int64_t>(kRows, input.rows - first));
    run_on_panels(input, first, cut, {0, cut.panels()}, here_.data(), output);
  }
}

// Some panels of a cut of the rows from `first`.
void Prediction::run_on_panels(const InputView& input, std::int64_t first, const Cut& cut,
                               const Part& panels, float* memory, float* output) const {
  const PassPlan& plan = pass_.plan();
  const int count = panels.end - panels.begin;
  const PanelGroup group{.memory = memory,
                         .panels = {count, cut.rows.data() + panels.begin, plan.size},
                         .input = input,
                         .targets = {},
                         .order = nullptr,
                         .batch_start = first,
                         .first_rows = cut.first.data() + panels.begin};
  pass_.run(plan.pass.tasks, group);
  for (int p = 0; p < count; ++p) {
    const float* const lines = memory + p * plan.size + plan.offset[plan.pass.outputs.front()];
    float* row = output + (first + group.first_rows[p]) * program_.output_size;
    for (int i = 0; i < group.panels.rows[p]; ++i, row += program_.output_size) {
      for (int o = 0; o < program_.output_size; ++o) row[o] = lines[o * kPanel + i];
    }
  }
}

// Packed for a row at a time, once for as long as the parameters stay as they are.
const Prediction::PackedKernel& Prediction::packed(int kernel) {
  PackedKernel& packed = packed_[kernel];
  if (packed.kernel.size() > 0) return packed;
  const Parameter& parameter = program_.parameters[kernel];
  const int units = parameter.columns;
  std::vector<float> values(parameter.size());
  parameters_.get(-1, kernel, values.data());
  packed.no_bias = Floats(round_up(units, kAlignment));
  packed.kernel = Floats(std::int64_t{parameter.rows} * round_up(units, kAlignment));
  kernels_.pack_kernel(values.data(), parameter.rows, units, packed.kernel.data());
  return packed;
}

// Tensors are single rows here, and every sum runs as it does on panels.
void Prediction::run_on_row(const InputView& input, float* output) {
  const PassPlan& plan = pass_.plan();
  for (const Task& task : plan.pass.tasks) run_on_row(task, input);
  std::copy_n(here_.data() + plan.offset[plan.pass.outputs.front()], program_.output_size, output);
}

void Prediction::run_on_row(const Task& task, const InputView& input) {
  const PassPlan& plan = pass_.plan();
  const float* const x = task.input < 0 ? nullptr : here_.data() + plan.offset[task.input];
  float* const y = here_.data() + plan.offset[task.output];
  const int inputs = task.input < 0 ? 0 : plan.pass.features[task.input];
  const int outputs = plan.pass.features[task.output];
  switch (task.kind) {
    case TaskKind::gather_input:
      for (int i = 0; i < input.features; ++i) {
        const float value = input.bytes != nullptr ? input.bytes[i] : input.floats[i];
        y[i] = value * input.scale + input.offset;
      }
      return;
    case TaskKind::dense_forward: {
      const PackedKernel& dense = packed(task.kernel);
      const float* const bias =
          task.bias >= 0 ? parameters_.values(task.bias) : dense.no_bias.data();
      return kernels_.infer_dense(dense.kernel.data(), bias, inputs, outputs, x, inputs, 1, y,
                                  round_up(outputs, kAlignment));
    }
    case TaskKind::activation_forward:
      return kernels_.activation_row(task.op, task.along, x, y, outputs);
    case TaskKind::feature_forward:
      return kernels_.feature_row(task.op, task.along, parameters_.values(task.kernel),
                                  parameters_.values(task.bias), x, y, outputs);
    case TaskKind::normalize_forward:
      return kernels_.normalize_row(task.op, task.along, parameters_.normalizer(task), x, y,
                                    outputs);
    case TaskKind::transpose:
    case TaskKind::repeat:
    case TaskKind::encode:
    case TaskKind::place:
    case TaskKind::take:
      return rearrange(task, plan.pass, {1, 1}, x, y);
    case TaskKind::merge:
      return kernels_.merge(task.op, x, here_.data() + plan.offset[task.auxiliary], y, 1, outputs);
    case TaskKind::pool:
      return pool(task.op, {task.block.rows, outputs, 1, 1}, x, y);
    case TaskKind::embedding_forward:
      return kernels_.embed_row(parameters_.table(task), x, y, inputs);
    case TaskKind::rescale_forward:
      for (int i = 0; i < outputs; ++i) y[i] = x[i] * task.scale + task.offset;
      return;
    default:
      return;
  }
}

}  // namespace neurode::cpu
