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
      segments_(row_segments(pass_.plan())),
      tallies_(program, pass_),
      cost_(cost_of_panels(program, kernels)),
      cost_of_values_(cost_of_values(program)),
      cost_of_penalties_(cost_of_penalties(program)) {}

Sums Evaluation::run(const BatchRange& range, const std::atomic<bool>& cancelled) {
  const InputView input = scaled(program_, range.data.input);
  const std::int64_t begin = range.first_batch * range.batch_size;
  const std::int64_t end = std::min(input.rows, begin + range.batches * range.batch_size);
  const int threads = range.here ? 1 : threads_worth_waking(cost_, end - begin, team_.size());
  const PassPlan& plan = pass_.plan();
  const int rows_of_group = plan.layouts.size() > 1 ? kGroup : kTogether * kPanel;
  const std::int64_t groups = (end - begin + rows_of_group - 1) / rows_of_group;
  const std::int64_t memory_of_thread = BatchCut(plan, rows_of_group, 1).floats;
  RowValues values{nullptr, RowValues::line(end - begin)};
  workspace_.take(memory_of_thread * threads, plan.value_lines * values.rows);
  values.data = workspace_.row_values.data();
  penalties_.reserve(threads);
  // Threads take slices: a group, or as many as the sums of a slice of tallies are of.
  const std::int64_t slices = tallies_.begin_slices(groups);

  std::atomic<std::int64_t> next{0};
  const auto run_group = [&](std::int64_t group, std::int64_t slice, int thread) {
    const std::int64_t row = group * rows_of_group;
    const auto count = static_cast<int>(std::min<std::int64_t>(rows_of_group, end - begin - row));
    const BatchCut cut(plan, count, 1);
    BatchRows rows{.cut = cut,
                   .memory = workspace_.panels.data() + thread * memory_of_thread,
                   .input = input,
                   .targets = range.data.targets,
                   .order = range.order,
                   .start = begin + row,
                   .values = values,
                   .first_value = row};
    if (range.captured != nullptr)
      rows.captured = range.captured + row * program_.captured_floats();
    for (const TrainingSegment& segment : segments_) run(segment, rows);
    tallies_.add_rows(rows, 0, count, slice);
  };
  team_.run(threads, [&](int thread) {
    penalties_.measure(thread, threads);
    for (std::int64_t slice; (slice = next.fetch_add(1, std::memory_order_relaxed)) < slices;) {
      for (std::int64_t group = groups * slice / slices; group < groups * (slice + 1) / slices;
           ++group) {
        if (cancelled.load(std::memory_order_relaxed)) return;
        run_group(group, slice, thread);
      }
    }
  });

  Sums sums(program_);
  if (cancelled.load(std::memory_order_relaxed)) return sums;
  tallies_.add_to(sums);
  for (std::int64_t first = begin; first < end; first += range.batch_size) {
    const std::int64_t rows = std::min<std::int64_t>(range.batch_size, end - first);
    add_rows(program_, plan, sums, range, {first, rows, 0, rows}, values, first - begin);
  }
  sums.penalty += penalties_.sum() * static_cast<double>(end - begin);
  return sums;
}

void Evaluation::run(const TrainingSegment& segment, const BatchRows& rows) const {
  const int panels = rows.cut.cuts[segment.layout].panels();
  for (int p = 0; p < panels; p += kTogether) {
    const PanelGroup group =
        pass_.group_of(rows, segment.layout, p, std::min(kTogether, panels - p));
    pass_.run(segment.tasks, group);
    if (rows.captured != nullptr && segment.ends_rows) pass_.capture(group);
  }
}

}  // namespace neurode::cpu
