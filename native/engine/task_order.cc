// The order of tasks.
#include "native/engine/task_order.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <utility>

namespace neurode {
namespace {

bool is_backward(TaskKind kind) {
  switch (kind) {
    case TaskKind::activity_gradient:
    case TaskKind::pool_backward:
    case TaskKind::merge_backward:
    case TaskKind::activation_backward:
    case TaskKind::noise_backward:
    case TaskKind::rescale_backward:
    case TaskKind::feature_backward:
    case TaskKind::normalize_backward:
    case TaskKind::batch_normalize_backward:
    case TaskKind::dense_backward_input:
    case TaskKind::batch_sums:
      return true;
    default:
      return false;
  }
}

enum class Thing { tensor, statistics, parameter };
using Place = std::pair<Thing, int>;

// Calls visit(place, whether the task writes to it) for everything that the task works on.
template <class Visit>
void each_place(const Task& task, Visit visit) {
  const bool backward = is_backward(task.kind);
  const bool makes_gradient = task.input_gradient >= 0;
  const auto tensor = [&](int index, bool writes) {
    if (index >= 0) visit(Place{Thing::tensor, index}, writes);
  };
  tensor(task.input, false);
  tensor(task.output, !backward);
  tensor(task.auxiliary, task.kind == TaskKind::noise_forward);
  tensor(task.gradient, task.kind == TaskKind::loss ||
                            (backward && !makes_gradient && task.kind != TaskKind::batch_sums));
  tensor(task.input_gradient, true);
  const bool of_batch = task.axis == Axis::outputs;
  if (task.statistics >= 0) visit(Place{Thing::statistics, task.statistics}, of_batch);
  // Moving statistics move in the order of the layer's uses.
  if (task.kind == TaskKind::batch_statistics) visit(Place{Thing::parameter, task.mean}, true);
}

// Even phases hold tasks of rows, odd ones tasks of outputs.
struct Uses {
  int written = -1, read = -1;  // the last phases in which a place was written and read
};

int after(int phase, bool is_of_outputs) {
  if (phase < 0) return is_of_outputs ? 1 : 0;
  return phase % 2 == (is_of_outputs ? 1 : 0) ? phase : phase + 1;
}

}  // namespace

void join_segments(std::vector<Task>& tasks) {
  std::map<Place, Uses> uses;
  std::vector<int> phases;
  for (const Task& task : tasks) {
    const bool is_of_outputs = task.axis == Axis::outputs;
    int phase = after(-1, is_of_outputs);
    each_place(task, [&](const Place& place, bool writes) {
      const Uses& before = uses[place];
      phase = std::max(phase, after(before.written, is_of_outputs));
      if (writes) phase = std::max(phase, after(before.read, is_of_outputs));
    });
    each_place(task, [&](const Place& place, bool writes) {
      int& last = writes ? uses[place].written : uses[place].read;
      last = std::max(last, phase);
    });
    phases.push_back(phase);
  }
  // Targets are gathered for the loss, which follows.
  for (std::size_t i = 0; i + 1 < tasks.size(); ++i)
    if (tasks[i].kind == TaskKind::gather_targets) phases[i] = phases[i + 1];
  std::vector<std::size_t> order(tasks.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return phases[a] < phases[b]; });
  std::vector<Task> sorted;
  for (const std::size_t i : order) sorted.push_back(tasks[i]);
  tasks = std::move(sorted);
}

}  // namespace neurode
