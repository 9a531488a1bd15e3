// The plan of a pass on the CPU: where its tensors lie in the memory of a batch, and what a thread
// takes of its segments.
#include "native/cpu/pass_plan.h"

#include <algorithm>
#include <utility>

#include "native/cpu/layouts.h"
#include "native/engine/op_table.h"

namespace neurode::cpu {
namespace {

// Tasks come parameter by parameter; all on one parameter run piece by piece.
void cut_into_pieces(TrainingSegment& segment, const Parameters& parameters) {
  std::stable_sort(segment.tasks.begin(), segment.tasks.end(),
                   [](const Task& a, const Task& b) { return a.parameter < b.parameter; });
  const int count = static_cast<int>(segment.tasks.size());
  for (int first = 0, last = 0; first < count; first = last) {
    const int parameter = segment.tasks[first].parameter;
    while (last < count && segment.tasks[last].parameter == parameter) ++last;
    const ParameterMemory& memory = parameters[parameter];
    for (std::int64_t begin = 0; begin < memory.size; begin += kPiece) {
      segment.pieces.push_back(
          {.parameter = parameter,
           .begin = begin,
           .count = static_cast<int>(std::min<std::int64_t>(kPiece, memory.size - begin)),
           .index = memory.first_piece + static_cast<int>(begin / kPiece),
           .first_task = first,
           .tasks = last - first});
    }
  }
}

// Weights of a product from which on it gains more by a cut than threads lose at two barriers.
constexpr std::int64_t kWorthCutting = 1 << 16;

void find_runs(const PassPlan& plan, TrainingSegment& segment) {
  std::vector<TaskRun>& runs = segment.runs;
  int features = 0;  // of the run, where it is cut by them
  for (int i = 0; i < static_cast<int>(segment.tasks.size()); ++i) {
    const Task& task = segment.tasks[i];
    if (const int of_product = plan.features_of_product(task); of_product > 0) {
      const std::int64_t weights =
          std::int64_t{plan.features(task.input)} * plan.features(task.output);
      features = weights >= kWorthCutting ? of_product : 0;
      if (features > 0) {
        runs.push_back({i, 1, true});
        continue;
      }
    }
    const bool is_pointwise =
        (task.kind == TaskKind::activation_forward || task.kind == TaskKind::activation_backward) &&
        activation_row(task.op.row).pointwise;
    if (!is_pointwise || plan.features(task.output) != features) features = 0;
    if (runs.empty() || runs.back().is_by_features != (features > 0)) runs.push_back({i, 0, false});
    ++runs.back().count;
  }
}

// By task: whether it is of the backward pass, or of the updates behind it. Tasks of other kinds
// are where they work on gradients.
std::vector<bool> backward_tasks(const Pass& pass) {
  std::vector<bool> is_gradient(pass.features.size(), false);
  const auto holds_gradient = [&](int tensor) { return tensor >= 0 && is_gradient[tensor]; };
  std::vector<bool> backward;
  for (const Task& task : pass.tasks) {
    const bool is_of_kind =
        task.kind >= TaskKind::activity_gradient && task.kind != TaskKind::batch_statistics;
    backward.push_back(is_of_kind || holds_gradient(task.input) || holds_gradient(task.auxiliary));
    const bool has_gradient = task.gradient >= 0 || task.input_gradient >= 0;
    if (!backward.back() && !has_gradient) continue;
    for (const int written : {task.gradient, task.input_gradient, has_gradient ? -1 : task.output})
      if (written >= 0) is_gradient[written] = true;
  }
  return backward;
}

bool is_within(const Task& task, bool is_backward, Extent extent) {
  const bool is_of_losses = task.kind == TaskKind::gather_targets || task.kind == TaskKind::loss ||
                            task.kind == TaskKind::metric;
  switch (extent) {
    case Extent::whole:
      return true;
    case Extent::to_losses:
      return !is_backward;
    case Extent::from_losses:
      return is_backward || is_of_losses || task.kind == TaskKind::batch_statistics;
  }
  return true;
}

}  // namespace

PassPlan::PassPlan(const Program& program, const Pass& pass)
    : pass(pass), layouts{{1, 0}}, value_lines(program.values) {
  for (const int positions : lanes_of_rows(pass)) {
    const auto found = std::find_if(layouts.begin(), layouts.end(), [&](const PanelLayout& known) {
      return known.positions == positions;
    });
    layout.push_back(static_cast<int>(found - layouts.begin()));
    if (found == layouts.end()) layouts.push_back({positions, 0});
  }
  std::vector<int> same_as(pass.features.size(), -1);
  for (const Task& task : pass.tasks) {
    if (task.kind == TaskKind::regroup && layout[task.input] == layout[task.output])
      same_as[task.output] = task.input;
    if (task.kind != TaskKind::activity_penalty) continue;
    penalties.push_back({value_lines, positions(task.input)});
    value_lines += penalties.back().positions;
  }
  for (std::size_t t = 0; t < same_as.size(); ++t) {
    std::int64_t& size = layouts[layout[t]].size;
    offset.push_back(same_as[t] < 0 ? size : offset[same_as[t]]);
    if (same_as[t] < 0) size += std::int64_t{features(static_cast<int>(t))} * kPanel;
  }
}

int PassPlan::features_of_product(const Task& task) const {
  if (task.kind == TaskKind::dense_forward) return features(task.output);
  return task.kind == TaskKind::dense_backward_input ? features(task.input) : 0;
}

int PassPlan::layout_of(const Task& task) const {
  for (const int tensor : {task.input, task.output, task.gradient})
    if (tensor >= 0 && layout[tensor] == 0) return 0;
  return layout[task.input >= 0 ? task.input : task.output];
}

BatchCut::BatchCut(const PassPlan& plan, std::int64_t rows, int threads, const Parts& parts) {
  for (const PanelLayout& layout : plan.layouts) {
    const Cut& cut = cuts.emplace_back(cut_rows(rows, layout.positions, threads, parts));
    begin.push_back(floats);
    floats += cut.panels() * layout.size;
  }
}

namespace {

// Tasks of rows follow each other in one layout; others have none.
std::vector<TrainingSegment> in_layouts(const PassPlan& plan, const Pass& pass) {
  std::vector<TrainingSegment> segments;
  for (const Segment& segment : segments_of(pass)) {
    for (int i = segment.begin; i < segment.end; ++i) {
      const Task& task = pass.tasks[i];
      const int layout = segment.axis == Axis::rows ? plan.layout_of(task) : 0;
      if (i == segment.begin || segments.back().layout != layout)
        segments.push_back({.axis = segment.axis, .layout = layout});
      segments.back().tasks.push_back(task);
    }
  }
  std::vector<bool> has_ended(plan.layouts.size(), false);
  for (std::size_t i = segments.size(); i-- > 0;) {
    TrainingSegment& segment = segments[i];
    segment.has_loss = std::any_of(segment.tasks.begin(), segment.tasks.end(),
                                   [](const Task& task) { return task.kind == TaskKind::loss; });
    if (segment.axis != Axis::rows) continue;
    find_runs(plan, segment);
    segment.ends_rows = !has_ended[segment.layout];
    has_ended[segment.layout] = true;
  }
  return segments;
}

}  // namespace

std::vector<TrainingSegment> row_segments(const PassPlan& plan) {
  return in_layouts(plan, plan.pass);
}

std::vector<TrainingSegment> training_segments(const PassPlan& plan, Extent extent,
                                               const Parameters& parameters) {
  const Pass& whole = plan.pass;
  Pass pass;
  const std::vector<bool> backward = backward_tasks(whole);
  for (std::size_t i = 0; i < whole.tasks.size(); ++i) {
    const Task& task = whole.tasks[i];
    const bool is_idle =
        task.kind == TaskKind::exchange && !needs_exchange(parameters.gradient_plan());
    if (!is_idle && is_within(task, backward[i], extent)) pass.tasks.push_back(task);
  }
  std::vector<TrainingSegment> segments = in_layouts(plan, pass);
  for (TrainingSegment& segment : segments) {
    if (segment.axis == Axis::parameters) cut_into_pieces(segment, parameters);
    segment.is_exchange = segment.tasks.front().kind == TaskKind::exchange;
  }
  if (!segments.empty() && segments.back().axis == Axis::rows)
    segments.push_back({.axis = Axis::outputs});
  return segments;
}

}  // namespace neurode::cpu
