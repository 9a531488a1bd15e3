// Evaluation on the CPU: rows alone, in panels, and no barriers.
#include "native/cpu/evaluation.h"

#include <algorithm>

#include "native/cpu/forward_cost.h"
#include "native/cpu/row_sums.h"

namespace neurode::cpu {

Evaluation::Evaluation(const Program& program, const Parameters& parameters, Penalties& penalties,
                       const Kernels& kernels, ThreadTeam& team, Workspace& workspace)
    : program_(program),
      penalties_(penalties),
      team_(team),
      workspace_(workspace),
      pass_(program, program.evaluate, parameters, kernels),
      cost_(cost_of_panels(program, kernels)),
      cost_of_values_(cost_of_values(program)),
      cost_of_penalties_(cost_of_penalties(program)) {}

Sums Evaluation::run(const BatchRange& range, const std::atomic<bool>& cancelled) {
  const InputView input = scaled(program_, range.data.input);
  const std::int64_t begin = range.first_batch * range.batch_size;
  const std::int64_t end = std::min(input.rows, begin + range.batches * range.batch_size);
  const int threads = range.here ? 1 : threads_worth_waking(cost_, end - begin, team_.size());
  const std::int64_t panel_floats = pass_.plan().size;
  const int values_per_panel = program_.row_values() * kPanel;
  constexpr int kRows = kTogether * kPanel;
  const std::int64_t groups = (end - begin + kRows - 1) / kRows;
  workspace_.take(panel_floats * kTogether * threads, values_per_panel * kTogether * groups);
  penalties_.reserve(threads);

  std::atomic<std::int64_t> next{0};
  team_.run(threads, [&](int thread) {
    penalties_.measure(thread, threads);
    for (std::int64_t group; (group = next.fetch_add(1, std::memory_order_relaxed)) < groups;) {
      if (cancelled.load(std::memory_order_relaxed)) return;
      const std::int64_t first = begin + group * kRows;
      const Cut cut = cut_whole_panels(std::min<std::int64_t>(kRows, end - first));
      PanelGroup panels{
          .memory = workspace_.panels.data() + thread * kTogether * panel_floats,
          .panels = {cut.panels(), cut.rows.data(), panel_floats},
          .input = input,
          .targets = range.data.targets,
          .order = range.order,
          .batch_start = first,
          .first_rows = cut.first.data(),
          .values = workspace_.row_values.data() + group * kTogether * values_per_panel};
      if (range.captured != nullptr)
        panels.captured = range.captured + (first - begin) * program_.captured_floats();
      pass_.run(program_.evaluate.tasks, panels);
      if (range.captured != nullptr) pass_.capture(panels);
    }
  });

  Sums sums(program_.heads.size(), program_.metrics);
  if (cancelled.load(std::memory_order_relaxed)) return sums;
  for (std::int64_t first = begin; first < end; first += range.batch_size) {
    const std::int64_t rows = std::min<std::int64_t>(range.batch_size, end - first);
    add_rows(program_, sums, range, first, rows, [&](std::int64_t row) {
      const std::int64_t i = first - begin + row;
      return workspace_.row_values.data() + i / kPanel * values_per_panel + i % kPanel;
    });
  }
  sums.penalty += penalties_.sum() * static_cast<double>(end - begin);
  return sums;
}

}  // namespace neurode::cpu
