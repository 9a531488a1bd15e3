// The plan of a pass on the CPU: where its tensors lie in the memory of a panel, and what a thread
// takes of its segments.
#include "native/cpu/pass_plan.h"

#include <algorithm>
#include <utility>

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

PassPlan::PassPlan(const Pass& pass) : pass(pass) {
  std::vector<int> same_as(pass.features.size(), -1);
  for (const Task& task : pass.tasks)
    if (task.kind == TaskKind::regroup) same_as[task.output] = task.input;
  for (std::size_t t = 0; t < same_as.size(); ++t) {
    offset.push_back(same_as[t] < 0 ? size : offset[same_as[t]]);
    if (same_as[t] < 0) size += std::int64_t{pass.width(static_cast<int>(t))} * kPanel;
  }
}

std::vector<TrainingSegment> training_segments(const Pass& whole, Extent extent,
                                               const Parameters& parameters) {
  Pass pass;
  const std::vector<bool> backward = backward_tasks(whole);
  for (std::size_t i = 0; i < whole.tasks.size(); ++i)
    if (is_within(whole.tasks[i], backward[i], extent)) pass.tasks.push_back(whole.tasks[i]);
  std::vector<TrainingSegment> segments;
  for (const Segment& segment : segments_of(pass)) {
    TrainingSegment added{
        segment.axis, {pass.tasks.begin() + segment.begin, pass.tasks.begin() + segment.end}, {}};
    if (segment.axis == Axis::parameters) cut_into_pieces(added, parameters);
    added.has_loss = std::any_of(added.tasks.begin(), added.tasks.end(),
                                 [](const Task& task) { return task.kind == TaskKind::loss; });
    segments.push_back(std::move(added));
  }
  for (std::size_t i = segments.size(); i-- > 0;) {
    if (segments[i].axis != Axis::rows) continue;
    segments[i].ends_rows = true;
    break;
  }
  if (!segments.empty() && segments.back().axis == Axis::rows)
    segments.push_back({Axis::outputs, {}, {}});
  return segments;
}

}  // namespace neurode::cpu
